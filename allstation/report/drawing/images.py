"""Thumbnails of fields for the page: decoded by the station's own decoder, stored as JPEG."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.core.records import EvidenceMap, FieldRecord
from allstation.imaging.cells.shapes import crop_around
from allstation.imaging.fields.file import read_field
from allstation.imaging.formats.decode import decode
from allstation.imaging.overlay import blend, evidence_picture

_QUALITY: Final = 82
_FADED: Final = 0.55
_CELL_SIDE: Final = 160
"""Pixels of a cell's picture, at most."""
_PROBLEMS: Final = {"not-found": "file not found", "changed-field": "file was changed"}
Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture ready to be placed, or the reason why there is none.

    Attributes:
        jpeg: Baseline RGB JPEG; empty without a picture.
        width: Pixels.
        height: Pixels.
        problem: A few words; empty with a picture.
    """

    jpeg: bytes
    width: int
    height: int
    problem: str = ""


def thumbnails(
    field: FieldRecord, *, width: int, evidence_of: str = ""
) -> tuple[Thumbnail, Thumbnail | None]:
    """Return a field as a small picture, and the same with its evidence map over it.

    Args:
        field: The field; a file that is gone, unreadable or changed gives a reason instead of a picture.
        width: Pixels across.
        evidence_of: Class whose evidence is shown; empty for none.
    """
    try:
        rgb = _reduced(field, width)
    except StationError as error:
        return Thumbnail(b"", 0, 0, _PROBLEMS.get(error.code, error.code.replace("-", " "))), None
    made = field.prediction
    plain = _jpeg(rgb)
    if not evidence_of or made is None or made.evidence is None or evidence_of not in made.evidence.classes:
        return plain, None
    return plain, _jpeg(over(rgb, made.evidence, evidence_of))


def clean_picture(field: FieldRecord, *, width: int, tallest: float) -> Thumbnail:
    """Return a field with nothing over it, its middle where it is taller than the room for it.

    Args:
        field: The field; a file that is gone, unreadable or changed gives a reason instead of a picture.
        width: Pixels across.
        tallest: Most height as a part of the width.
    """
    try:
        rgb = _reduced(field, width)
    except StationError as error:
        return Thumbnail(b"", 0, 0, _PROBLEMS.get(error.code, error.code.replace("-", " ")))
    height = max(1, min(rgb.shape[0], round(tallest * rgb.shape[1])))
    top = (rgb.shape[0] - height) // 2
    return _jpeg(np.ascontiguousarray(rgb[top : top + height]))


def _reduced(field: FieldRecord, width: int) -> Rgb:
    """Decode to ``width`` pixels across, shape kept; what is smaller stays as it is.

    Raises:
        StationError: If the file cannot be read, or holds other bytes than were added.
    """
    file = read_field(field.path, sha256=field.sha256)
    if field.width <= width or field.height < 1:
        return file.pixels
    height = max(1, min(4 * width, round(field.height * width / field.width)))
    return file.reduced((height, width))


def cell_picture(field: FieldRecord, box: tuple[int, int, int, int]) -> Thumbnail:
    """Return a square cut out of a field around a cell, at the file's scale.

    Args:
        field: The field; a file that is gone, unreadable or changed gives a reason instead of a picture.
        box: Left, top, width and height of the cell, pixels of the file.
    """
    try:
        rgb = read_field(field.path, sha256=field.sha256).pixels
    except StationError as error:
        return Thumbnail(b"", 0, 0, _PROBLEMS.get(error.code, error.code.replace("-", " ")))
    crop = np.ascontiguousarray(crop_around(rgb, box))
    if max(crop.shape[:2]) > _CELL_SIDE:
        scale = _CELL_SIDE / max(crop.shape[:2])
        size = max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale))
        crop = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
    return _jpeg(crop)


def over(rgb: Rgb, evidence: EvidenceMap, class_name: str) -> Rgb:
    """Lay the evidence of one class over a faded field.

    Args:
        rgb: (h, w, 3) uint8.
        evidence: The field's map.
        class_name: One of its classes.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    faded = cv2.cvtColor(cv2.addWeighted(grey, _FADED, grey, 0, 255 * (1 - _FADED)), cv2.COLOR_GRAY2RGB)
    layer = evidence_picture(evidence, class_name, (rgb.shape[0], rgb.shape[1]))
    return blend(np.asarray(faded, np.uint8), layer)


def _jpeg(rgb: Rgb) -> Thumbnail:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    return Thumbnail(data, rgb.shape[1], rgb.shape[0])


def logo(path: Path | None) -> Thumbnail | None:
    """Return a laboratory's logo, or None if there is none that can be read."""
    if path is None:
        return None
    try:
        rgb = decode(path)
    except StationError:
        return None
    scale = min(1.0, 600 / rgb.shape[1], 300 / rgb.shape[0])
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return _jpeg(np.ascontiguousarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8))
