"""Pixel size in micrometres from the metadata that a microscope's program wrote into TIFF or DICOM."""

from __future__ import annotations

import io
import re
import struct
from typing import Final

from allstation.core.pixel_size import sensible_size
from allstation.imaging.formats.source import HeaderError, Source
from allstation.imaging.formats.tiff import Resolution, read_resolution
from allstation.imaging.readers.dicom_header import is_dicom, read_dicom

_PER_UNIT: Final = {2: 25_400.0, 3: 10_000.0}
_UNITS: Final = {
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "nm": 1e-3,
    "mm": 1e3,
    "cm": 1e4,
}
_OME: Final = re.compile(r"<Pixels\b[^>]*>")
_ATTRIBUTE: Final = re.compile(r"\bPhysicalSize([XY])(Unit)?\s*=\s*[\"']([^\"']*)[\"']")
_IMAGEJ: Final = re.compile(r"^unit=(\S+)\s*$", re.MULTILINE)


def stated_pixel_size(content: bytes) -> float | None:
    """Return the micrometres that a pixel of a file is wide, if the file says so.

    TIFF is asked: its resolution tags, the OME-XML of its first page (PhysicalSizeX), or ImageJ's unit; and
    DICOM: its spacing of pixels. JPEG and PNG name the resolution of a print at best.

    Args:
        content: The bytes of a file that can be decoded.

    Returns:
        None where it says nothing, nothing sensible, or nothing that could be read.
    """
    return stated_size_of(Source(io.BytesIO(content), len(content)))


def stated_size_of(source: Source) -> float | None:
    """Return what :func:`stated_pixel_size` does, of an open file."""
    try:
        if is_dicom(source.at(0, min(source.size, 132))):
            return read_dicom(source).pixel_um
        found = read_resolution(source)
    except (HeaderError, struct.error):
        return None
    sizes = _from_ome(found.description) or _from_tags(found)
    return None if sizes is None else sensible_size(*sizes)


def _from_ome(description: str) -> tuple[float, float] | None:
    """Return width and height of a pixel by its OME-XML; micrometres unless another unit is named."""
    pixels = _OME.search(description)
    if pixels is None:
        return None
    said = {(axis, bool(unit)): text for axis, unit, text in _ATTRIBUTE.findall(pixels[0])}
    sizes = []
    for axis in ("X", "Y"):
        factor = _UNITS.get(said.get((axis, True), "µm"))
        try:
            sizes.append(float(said[axis, False]) * (factor or 0.0))
        except (KeyError, ValueError):
            return None
    return sizes[0], sizes[1]


def _from_tags(found: Resolution) -> tuple[float, float] | None:
    if found.across <= 0 or found.down <= 0:
        return None
    unit = _PER_UNIT.get(found.unit)
    if found.description.startswith("ImageJ="):
        # ImageJ writes pixels a unit of its own, and leaves the tag's unit at none.
        named = _IMAGEJ.search(found.description)
        unit = _UNITS.get(named[1].replace("\\u00B5", "µ")) if named is not None else unit
    return (unit / found.across, unit / found.down) if unit else None
