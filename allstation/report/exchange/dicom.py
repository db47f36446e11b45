"""DICOM export: the report as an encapsulated PDF, annotated fields as secondary captures.

Needs pydicom, which only this export uses (the optional part ``allstation[dicom]``). Identifiers
follow from the case, or from its pseudonym, and the content: the same report is the same DICOM object,
and each anonymised export another one. What is withheld there follows the Basic Application Level
Confidentiality Profile (PS3.15, annex E), with its options coded as they were used.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from allstation import __version__
from allstation.core.classes import RESEARCH_USE, class_style
from allstation.core.differential import Differential
from allstation.core.errors import StationError
from allstation.core.pseudonyms import CASE_ID
from allstation.core.records import CaseSnapshot, FieldRecord
from allstation.core.times import moment_of
from allstation.imaging.output_kinds import OutputKind, Owner
from allstation.report.atomic import make_folder, write_whole
from allstation.report.content.anonymise import anonymised_readers
from allstation.report.content.build import build_content
from allstation.report.content.field_types import FieldRow
from allstation.report.content.free_text import FreeText
from allstation.report.content.identity import exported_date, refuse_too_long
from allstation.report.content.options import ReportOptions, travelling
from allstation.report.content.places import require_one_patient
from allstation.report.content.report_types import ReportContent
from allstation.report.content.wording import PROGRAM
from allstation.report.drawing.typeset import clean_line
from allstation.report.exchange.annotate import annotated
from allstation.report.exchange.differential_codes import is_blood
from allstation.report.exchange.structured_report import SOP_CLASS, counted, fill
from allstation.report.export_types import Exported, Progress, no_progress

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

_NAMESPACE: Final = uuid.UUID("c9a6e0a4-3f1e-5b0e-8f7d-2f4f0f6f9a10")
_PDF_CLASS: Final = "1.2.840.10008.5.1.4.1.1.104.1"
_CAPTURE_CLASS: Final = "1.2.840.10008.5.1.4.1.1.7"
_EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
_SEX: Final = {"female": "F", "f": "F", "male": "M", "m": "M", "other": "O"}
_WIDTH: Final = 1024
_METHODS: Final = {
    "113100": "Basic Application Confidentiality Profile",
    "113105": "Clean Descriptors Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113112": "Retain Institution Identity Option",
}
"""Code meanings (PS3.16, CID 7050)."""
_HEAD: Final = 1 << 16
"""Bytes at a file's beginning that hold everything but the pixels."""


def _uid(case_id: str, what: str) -> str:
    return f"2.25.{uuid.uuid5(_NAMESPACE, f'{case_id} {what}').int}"


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return head[128:132] == b"DICM" and b"ALLSTATION " in head


def _is_of_case(path: Path, owner: Owner) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    pseudonym = CASE_ID.search(head)
    if pseudonym:
        return owner.issued(pseudonym[0].decode())
    return _uid(owner.case_id, "study").encode() in head


DICOM: Final = OutputKind("a DICOM object", ".dcm", _is_ours, _is_of_case, picture=True)


@dataclass(frozen=True, slots=True)
class _Study:
    """Attributes shared by all objects of one report."""

    content: ReportContent

    def uid(self, what: str) -> str:
        """Return a unique identifier below 2.25, the root of UUIDs (PS3.5, B.2)."""
        return _uid(self.content.case_id, what)

    def moment(self) -> datetime:
        """Return the time of the report; of an anonymised one the first moment of its year."""
        return moment_of(self.content.created)


def write_dicom(
    snapshot: CaseSnapshot,
    folder: Path,
    options: ReportOptions | None = None,
    *,
    pdf: bytes | None = None,
    progress: Progress = no_progress,
) -> Exported:
    """Write the report as an Encapsulated PDF and every field that was read as a Secondary Capture.

    Differential counts of cells, if people made any, are a structured report (TID 1500) beside them.

    Args:
        snapshot: The case.
        folder: Made if it is not there; gets ``report.dcm``, ``cell-counts.dcm``, ``field-0001.dcm`` ….
        options: The same as the report's; anonymised by default.
        pdf: The report itself; none without it.
        progress: Told of each field.

    Raises:
        StationError: ``bad-case-data`` for an entry that DICOM cannot hold, ``no-dicom`` without pydicom,
            ``not-written`` with the reason.
    """
    chosen = travelling(options)
    study = _Study(build_content(snapshot, chosen))
    check(study.content)
    make_folder(folder)
    written: list[Path] = []
    refused: list[tuple[FieldRecord, StationError]] = []
    if pdf is not None:
        written.append(_write_report(study, pdf, folder / "report.dcm"))
    summary = anonymised_readers(snapshot, chosen.anonymity if chosen.anonymise else None)
    if counts := counted(summary):
        blood = is_blood(snapshot.details)
        written.append(_write_counts(study, counts, folder / "cell-counts.dcm", blood=blood))
    for number, field in enumerate(snapshot.fields, start=1):
        progress(number - 1, len(snapshot.fields))
        if field.prediction is None:
            continue
        row = study.content.fields[number - 1]
        try:
            pixels = annotated(field, row, width=_WIDTH)
        except StationError as error:
            refused.append((field, error))
            continue
        written.append(_write_field(study, row, pixels, folder / f"field-{number:04d}.dcm"))
    return Exported(tuple(written), tuple(refused))


def check(content: ReportContent) -> None:
    """Refuse what DICOM cannot hold whole, before anything is written.

    Raises:
        StationError: ``bad-case-data``, with the entry's name; ``several-patients``.
    """
    require_one_patient(content)
    exported_date(content.patient, "birth_date")
    refuse_too_long((*content.patient, *content.request))


def _write_report(study: _Study, data: bytes, target: Path) -> Path:
    made = _dataset(study, _PDF_CLASS, what="report", series=1)
    made.Modality = "DOC"
    made.ConversionType = "WSD"
    made.SeriesDescription = "Blood smear report"
    made.DocumentTitle = _text(f"Blood smear report, {study.content.status}", 1024)
    made.ConceptNameCodeSequence = []
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.BurnedInAnnotation = "NO" if study.content.anonymised else "YES"
    made.AcquisitionDateTime = made.ContentDate + made.ContentTime
    made.EncapsulatedDocument = data + b"\0" * (len(data) % 2)
    made.EncapsulatedDocumentLength = len(data)
    return write_whole(target, _bytes(made))


def _write_counts(study: _Study, counts: Sequence[Differential], target: Path, *, blood: bool) -> Path:
    made = _dataset(study, SOP_CLASS, what="cell counts", series=3)
    made.Modality = "SR"
    made.SeriesDescription = "Differential counts of cells"
    final = study.content.status in {"final", "amended"}
    made.CompletionFlag, made.VerificationFlag = "COMPLETE" if final else "PARTIAL", "UNVERIFIED"
    made.ReferencedPerformedProcedureStepSequence = []
    made.PerformedProcedureCodeSequence = []
    fill(made, counts, blood=blood, device=f"{PROGRAM} {__version__}", uid=study.uid)
    return write_whole(target, _bytes(made))


def _write_field(study: _Study, row: FieldRow, pixels: NDArray[np.uint8], target: Path) -> Path:
    made = _dataset(study, _CAPTURE_CLASS, what=f"field {row.sha256}", series=2)
    made.Modality = "GM"
    made.ConversionType = "WSD"
    made.SeriesDescription = "Annotated blood smear fields"
    made.InstanceNumber = row.number
    made.ImageComments = _text(f"{row.name}; {study.content.hash_label} {row.sha256}", 10_240)
    # The band holds probabilities: it names nobody, and no day (PS3.3, C.7.6.1.1.12).
    made.BurnedInAnnotation = "NO" if study.content.anonymised else "YES"
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.PatientOrientation, made.Laterality = "", ""
    made.DerivationDescription = _text(_derivation(row.final), 1024)
    _pixels(made, pixels)
    return write_whole(target, _bytes(made))


def _derivation(final: str) -> str:
    style = class_style(final) if final else None
    named = f" {style.letter} stands for {final}." if style else ""
    return f"Class probabilities drawn under the field.{named} {RESEARCH_USE}"


def _dataset(study: _Study, sop_class: str, *, what: str, series: int) -> FileDataset:
    """Return an object with patient, study, series, equipment and SOP common attributes."""
    try:
        from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
        from pydicom.uid import UID
    except ImportError as error:
        sentence = "DICOM export needs the package pydicom. Install it with: pip install 'allstation[dicom]'."
        raise StationError("no-dicom", sentence) from error
    content, moment = study.content, study.moment()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(study.uid(f"{what} {content.created}"))
    meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE)
    meta.ImplementationClassUID = UID("2.25.151923180213087911873562390275062313553")
    meta.ImplementationVersionName = f"ALLSTATION {__version__}"[:16]
    made = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    made.StudyInstanceUID, made.SeriesInstanceUID = (
        UID(study.uid("study")),
        UID(study.uid(f"series {series}")),
    )
    made.StudyDate = made.ContentDate = moment.strftime("%Y%m%d")
    made.StudyTime = made.ContentTime = moment.strftime("%H%M%S")
    made.SeriesNumber, made.InstanceNumber = series, 1
    made.StudyID, made.AccessionNumber, made.ReferringPhysicianName = "", "", ""
    made.Manufacturer = _text(content.laboratory or PROGRAM, 64)
    made.ManufacturerModelName, made.SoftwareVersions = PROGRAM, __version__
    made.DeviceSerialNumber = "none"
    _patient(made, content)
    return made


def _patient(made: FileDataset, content: ReportContent) -> None:
    given = {one.label: one.value for one in (*content.patient, *content.request) if one.value}
    made.PatientName = _name(given.get("Name", ""))
    made.PatientID = _text(given.get("Patient id", content.case_id), 64)
    born = exported_date(content.patient, "birth_date")
    made.PatientBirthDate = born.day.strftime("%Y%m%d") if born is not None else ""
    made.PatientSex = _SEX.get(given.get("Sex", "").casefold(), "")
    made.AccessionNumber = _text(given.get("Request id", ""), 16)
    made.ReferringPhysicianName = _name(given.get("Requested by", ""))
    if content.anonymised:
        _state_method(made, content)


def _state_method(made: FileDataset, content: ReportContent) -> None:
    """Say by which profile and options the object was made anonymous (PS3.15, annex E; codes of CID 7050)."""
    from pydicom.dataset import Dataset

    made.PatientIdentityRemoved = "YES"
    made.LongitudinalTemporalInformationModified = "MODIFIED"
    made.DeidentificationMethod = "Ids replaced, dates cut to the year, free text withheld"
    kept = {FreeText(one) for one in content.kept}
    codes = ["113100", "113107", "113108"]
    codes += ["113105"] if kept - {FreeText.LETTERHEAD, FreeText.REVIEWERS} else []
    codes += ["113112"] if FreeText.LETTERHEAD in kept else []
    sequence = []
    for code in codes:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", _METHODS[code]
        sequence.append(item)
    made.DeidentificationMethodCodeSequence = sequence


def _text(text: str, longest: int) -> str:
    """Return text without the backslash, which separates values, and no longer than allowed."""
    return clean_line(text).replace("\\", "/")[:longest].strip()


def _name(text: str) -> str:
    return _text(text, 64).replace("^", " ").replace("=", " ")


def _pixels(made: FileDataset, rgb: NDArray[np.uint8]) -> None:
    made.Rows, made.Columns = rgb.shape[:2]
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration = 3, "RGB", 0
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    data = np.ascontiguousarray(rgb).tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)


def _bytes(made: FileDataset) -> bytes:
    target = io.BytesIO()
    made.save_as(target, enforce_file_format=True)
    return target.getvalue()
