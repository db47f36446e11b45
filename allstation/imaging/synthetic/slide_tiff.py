"""TIFF containers of synthetic slides: a generic tiled pyramid, and one as Aperio's scanners write."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from allstation.imaging.synthetic.pyramid import TileLevel
from allstation.imaging.synthetic.slide_facts import SlideFacts

Rgb = NDArray[np.uint8]

_BIG: Final = 3_000_000_000
"""Bytes from which on offsets of 32 bits may not be enough."""
_REDUCED: Final = 1
_MACRO: Final = 9
"""``NewSubfileType`` of a macro picture in Aperio's files; labels have 1."""
_APERIO: Final = "Aperio Image Library v12.0.0"
_THUMBNAIL: Final = 1024


def write_tiff(path: Path, levels: list[TileLevel], facts: SlideFacts) -> None:
    """Write a generic tiled pyramid with JPEG; the pixel size is its resolution."""
    with tifffile.TiffWriter(path, bigtiff=_is_big(levels)) as writer:
        for number, level in enumerate(levels):
            said: dict[str, Any] = {"subfiletype": _REDUCED if number else 0}
            if facts.pixel_um is not None:
                per_cm = 10_000 / (facts.pixel_um * level.downsample)
                said |= {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
            if not number:
                said["description"] = f"Synthetic smear, seed {facts.seed}"
            _write_level(writer, level, facts, said)


def write_svs(path: Path, levels: list[TileLevel], facts: SlideFacts, *, smallest: Rgb) -> None:
    """Write a pyramid with label and macro pictures as Aperio's scanners do."""
    whole = levels[0]
    size = f"{whole.width}x{whole.height}"
    form = f"({facts.tile}x{facts.tile})"
    with tifffile.TiffWriter(path, bigtiff=_is_big(levels)) as writer:
        first = f"{_APERIO}\r\n{size} [0,0 {size}] {form} JPEG/RGB Q={facts.quality}{_properties(facts)}"
        _write_level(writer, whole, facts, {"description": first, "subfiletype": 0})
        share = min(1.0, _THUMBNAIL / max(smallest.shape[:2]))
        shape = max(1, round(smallest.shape[1] * share)), max(1, round(smallest.shape[0] * share))
        thumbnail = np.asarray(cv2.resize(smallest, shape, interpolation=cv2.INTER_AREA), np.uint8)
        _write_picture(writer, thumbnail, f"{_APERIO}\r\n{size} -> {shape[0]}x{shape[1]} - ", 0)
        for level in levels[1:]:
            smaller = f"{level.width}x{level.height} JPEG/RGB Q={facts.quality}"
            text = f"{_APERIO}\r\n{size} [0,0 {size}] {form} -> {smaller}"
            _write_level(writer, level, facts, {"description": text, "subfiletype": 0})
        label, macro = facts.label(), facts.macro(smallest)
        _write_picture(writer, label, f"{_APERIO}\r\nlabel {label.shape[1]}x{label.shape[0]}", _REDUCED)
        _write_picture(writer, macro, f"{_APERIO}\r\nmacro {macro.shape[1]}x{macro.shape[0]}", _MACRO)


def _properties(facts: SlideFacts) -> str:
    """Return what Aperio's scanners append to the first description."""
    said = {
        "ScanScope ID": "SYNTHETIC",
        "Filename": facts.patient.specimen,
        "Date": "11/30/26",
        "Time": "12:00:00",
    }
    if facts.pixel_um is not None:
        said |= {"AppMag": str(facts.objective), "MPP": f"{facts.pixel_um:.4f}"}
    said |= {"Patient": facts.patient.patient_id, "Barcode": facts.patient.specimen}
    return "".join(f"|{name} = {value}" for name, value in said.items())


def _write_level(
    writer: tifffile.TiffWriter, level: TileLevel, facts: SlideFacts, said: dict[str, Any]
) -> None:
    writer.write(
        level.tiles(),
        shape=(level.height, level.width, 3),
        dtype=np.uint8,
        tile=(facts.tile, facts.tile),
        photometric="ycbcr",
        subsampling=(2, 2),
        compression="jpeg",
        metadata=None,
        software=False,
        **said,
    )


def _write_picture(writer: tifffile.TiffWriter, rgb: Rgb, text: str, kind: int) -> None:
    """Write a picture beside the pyramid in one strip, without compression."""
    writer.write(
        rgb,
        photometric="rgb",
        rowsperstrip=rgb.shape[0],
        description=text,
        subfiletype=kind,
        metadata=None,
        software=False,
    )


def _is_big(levels: list[TileLevel]) -> bool:
    return sum(length for level in levels for _, length in level.places) > _BIG
