"""Synthetic smear fields: the first run, the README and the tests need no patient's field.

A field is drawn as light passes through it: every cell adds absorbance (Beer and Lambert), the
background's colour is multiplied by what is left, then come the lens (focus, a light fringe at
edges), the camera (noise) and the mark "SYNTHETIC". No pixel of any real field is used; the table
``LOOKS`` holds medians and quantiles that were measured on real ones.

The same seed gives the same pixels on every machine: random numbers are uniform draws of PCG64,
shapes are computed with the four operations and square roots only, and everything after them in
integers, or in products and sums that binary floating point holds without rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import CLASS_NAMES
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.imaging.synthetic.canvas import Canvas
from allstation.imaging.synthetic.looks import FRAME, LOOKS

__all__ = ["LOOKS", "draw_field", "write_demo", "write_field"]

_UNFOCUSED: Final = 12
"""One in this many demo fields is out of focus."""

_JPEG_QUALITY: Final = 92


def draw_field(
    kind: str, seed: int, *, size: tuple[int, int] = FRAME, defocus: float = 0.0
) -> NDArray[np.uint8]:
    """Draw one field.

    Args:
        kind: ``Benign``, ``Early``, ``Pre`` or ``Pro``.
        seed: Not negative; the same seed gives the same field.
        size: Height and width, pixels; cells scale with the square root of the area.
        defocus: Extra blur as of a badly focused field, pixels at 1024x768.

    Returns:
        (h, w, 3) uint8 RGB with a small mark "SYNTHETIC" bottom left.

    Raises:
        KeyError: If the kind is unknown.
    """
    look = LOOKS[kind]
    rng = np.random.default_rng([seed, CLASS_NAMES.index(kind)])
    canvas = Canvas(look, rng, size)
    canvas.add_white_cells()
    canvas.add_red_cells()
    canvas.add_platelets()
    rgb = canvas.develop(defocus)
    _mark(rgb, canvas.scale)
    return rgb


def write_demo(folder: Path, *, fields: int = 24, seed: int = 1, labelled: bool = False) -> list[Path]:
    """Write demo fields as JPEG files.

    Args:
        folder: Made if missing.
        fields: How many.
        seed: Of the first; the others follow from it.
        labelled: Whether to sort them into a folder per class, as a run learns from. Otherwise they
            go into two slides, and one in twelve is out of focus, as happens.

    Returns:
        The files in the order they were written.

    Raises:
        StationError: ``not-written`` if another file bears one of their names: it may be a smear.
    """
    planned = list(_plan(folder, fields, seed, labelled=labelled))
    # Before anything is written. The same call gives the same bytes, so it may be made again.
    for one in planned:
        if one.path.exists() and one.path.read_bytes() != one.drawn():
            name = shown_name(one.path)
            sentence = f"{name} is there already and is another picture, so it is kept. Name a new folder."
            raise StationError("not-written", sentence)
    for one in planned:
        if not one.path.exists():
            _write(one.path, one.drawn())
    return [one.path for one in planned]


@dataclass(frozen=True, slots=True)
class _DemoField:
    """Demo field to be written: its file, and the numbers it is drawn from."""

    path: Path
    kind: str
    seed: int
    defocus: float

    def drawn(self) -> bytes:
        """Return the file's bytes, the same every time."""
        return _jpeg(draw_field(self.kind, self.seed, defocus=self.defocus))


def _plan(folder: Path, fields: int, seed: int, *, labelled: bool) -> Iterator[_DemoField]:
    for index in range(fields):
        kind = CLASS_NAMES[index % len(CLASS_NAMES)]
        if labelled:
            path = folder / kind / f"{kind}-{index // len(CLASS_NAMES) + 1:03d}.jpg"
        else:
            slide = 1 if index < (fields + 1) // 2 else 2
            path = folder / f"Slide {slide}" / f"field-{index + 1:03d}.jpg"
        defocus = 9.0 if index % _UNFOCUSED == _UNFOCUSED - 5 and not labelled else 0.0
        yield _DemoField(path, kind, seed * 10_000 + index, defocus)


def write_field(path: Path, rgb: NDArray[np.uint8]) -> None:
    """Write a field as a JPEG file, making its folder.

    ``cv2.imwrite`` cannot write to every path on Windows, so the bytes are written here.
    """
    _write(path, _jpeg(rgb))


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: half a demo field would pass for another picture the next time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def _jpeg(rgb: NDArray[np.uint8]) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    return data.tobytes()


def _mark(rgb: NDArray[np.uint8], scale: float) -> None:
    """Write the mark bottom left, clear of the corner that preprocessing masks."""
    place = (int(10 * scale), rgb.shape[0] - int(10 * scale))
    thickness = max(round(scale), 1)
    cv2.putText(
        rgb,
        "SYNTHETIC",
        place,
        cv2.FONT_HERSHEY_SIMPLEX,
        0.5 * scale,
        (120, 125, 135),
        thickness,
        cv2.LINE_AA,
    )
