"""Metadata of slides: patient, specimen and scan from the properties that scanners write."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from allstation.core.slide_info import SlideMetadata
from allstation.core.text import shown_name

_LONGEST: Final = 200
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "patient_id": ("dicom.PatientID",),
    "patient_name": ("dicom.PatientName",),
    "specimen": (
        "dicom.SpecimenDescriptionSequence[0].SpecimenIdentifier",
        "dicom.ContainerIdentifier",
        "mirax.GENERAL.SLIDE_NAME",
        "zeiss.Information.Document.Name",
    ),
    "accession": ("dicom.AccessionNumber",),
    "stain": (
        "dicom.Stain",
        "aperio.Stain",
        "ventana.Stain",
        "mirax.GENERAL.STAIN",
    ),
    "barcode": (
        "dicom.BarcodeValue",
        "aperio.Barcode",
        "hamamatsu.Barcode",
        "leica.barcode",
        "mirax.NONHIERLAYER_1_SECTION.BARCODE_VALUE",
        "philips.PIM_DP_UFS_BARCODE",
        "ventana.Barcode1D",
        "ventana.Barcode2D",
        "ventana.BarCode1",
        "trestle.Barcode",
    ),
    "scanned_at": (
        "dicom.AcquisitionDateTime",
        "dicom.ContentDate",
        "aperio.DateTime",
        "hamamatsu.Created",
        "leica.creation-date",
        "mirax.GENERAL.SLIDE_CREATIONDATETIME",
        "philips.DICOM_ACQUISITION_DATETIME",
        "ventana.ScanDate",
        "zeiss.Information.Image.AcquisitionDateAndTime",
        "zeiss.Information.Document.CreationDate",
        "tiff.DateTime",
    ),
}
"""Names of properties, as OpenSlide gives them, in the order in which they are asked."""
_SCANNER: Final = (
    ("dicom.Manufacturer", "dicom.ManufacturerModelName", "dicom.DeviceSerialNumber"),
    ("aperio.ScanScope ID",),
    ("hamamatsu.Product", "hamamatsu.NDP.S/N"),
    ("leica.device-model",),
    ("mirax.GENERAL.SCANNER_HARDWARE_ID",),
    ("philips.DICOM_MANUFACTURER", "philips.DICOM_DEVICE_SERIAL_NUMBER"),
    ("ventana.ScannerModel", "ventana.UnitNumber"),
    ("tiff.Make", "tiff.Model"),
)
_ENCODED: Final = frozenset({"leica.barcode", "philips.PIM_DP_UFS_BARCODE"})
"""Barcodes that these makers write in Base64."""
_MOMENTS: Final = (
    "%Y%m%d%H%M%S", "%Y%m%d%H%M%S.%f", "%Y%m%d", "%Y:%m:%d %H:%M:%S", "%Y/%m/%d", "%Y-%m-%dT%H:%M:%S",
)  # fmt: skip
"""Layouts without doubt; where day and month could be either, the text stays as it is."""
_MOMENTS_OF_APERIO: Final = ("%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S")
_ZONE: Final = re.compile(r"[+-]\d{4}$")
_CONCEPT: Final = "SpecimenPreparationStepContentItemSequence"
_USING: Final = ("Using substance", "Staining")


def metadata_of(properties: Mapping[str, str]) -> SlideMetadata:
    """Return what a slide's properties say of patient, specimen and scan.

    Args:
        properties: Of OpenSlide, or of another reader under the same names.
    """
    known = {**properties, "aperio.DateTime": _aperio_moment(properties), "dicom.Stain": _stain(properties)}
    values = {field: _first(known, names) for field, names in _KEYS.items()}
    values["patient_name"] = _written_name(values["patient_name"])
    values["scanned_at"] = _moment(values["scanned_at"])
    values["scanner"] = _scanner(known)
    return SlideMetadata(**{field: shown_name(text.strip()[:_LONGEST]) for field, text in values.items()})


def _first(properties: Mapping[str, str], names: tuple[str, ...]) -> str:
    for name in names:
        text = properties.get(name, "").strip()
        if text:
            return _decoded(text) if name in _ENCODED else text
    return ""


def _decoded(text: str) -> str:
    """Return the text of a Base64 barcode; the text itself where it is none."""
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return text


def _scanner(properties: Mapping[str, str]) -> str:
    for names in _SCANNER:
        parts = [properties[name].strip() for name in names if properties.get(name, "").strip()]
        if parts:
            return " ".join(dict.fromkeys(parts))
    return ""


def _aperio_moment(properties: Mapping[str, str]) -> str:
    date, time = properties.get("aperio.Date", ""), properties.get("aperio.Time", "")
    return _moment(f"{date} {time}".strip(), _MOMENTS_OF_APERIO)


def _moment(text: str, layouts: tuple[str, ...] = _MOMENTS) -> str:
    """Return a date and time as ISO 8601, or as it is written where that is not known."""
    bare = _ZONE.sub("", text.strip())
    for layout in layouts:
        try:
            found = datetime.strptime(bare, layout)  # noqa: DTZ007 - scanners write no time zone
        except ValueError:
            continue
        if layout in {"%Y%m%d", "%Y/%m/%d"}:
            return found.date().isoformat()
        return found.isoformat(timespec="seconds")
    return text


def _written_name(text: str) -> str:
    """Return a DICOM person's name (family^given^middle^prefix^suffix) as people write it."""
    parts = [*(part.strip() for part in text.split("=", maxsplit=1)[0].split("^")), "", "", "", "", ""][:5]
    family, given, middle, prefix, suffix = parts
    return " ".join(part for part in (prefix, given, middle, family, suffix) if part)


def _stain(properties: Mapping[str, str]) -> str:
    """Return the substances of a DICOM specimen's preparation (DICOM PS3.16, TID 8003)."""
    found = []
    for name, text in properties.items():
        if _CONCEPT in name and name.endswith("ConceptNameCodeSequence[0].CodeMeaning") and text in _USING:
            item = name.removesuffix("ConceptNameCodeSequence[0].CodeMeaning")
            value = properties.get(f"{item}ConceptCodeSequence[0].CodeMeaning") or properties.get(
                f"{item}TextValue", ""
            )
            if value:
                found.append(value)
    return ", ".join(dict.fromkeys(found))
