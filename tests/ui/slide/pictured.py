"""A slide in memory whose every pixel tells where it lies; the same interface as an open slide's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QImage

from allstation.core.errors import StationError
from allstation.core.slide_info import Level, SlideInfo
from allstation.core.slide_part import Region
from allstation.ui.slide.canvas import SlideCanvas
from allstation.ui.slide.marks import NEEDS_PERSON, SlideMarks, decided
from tests.ui.pixels import pixels_of

FIELD = 1_000.0
"""Side of a field, pixels of level 0."""
SQUARE = 2048
"""Side of the squares of one colour, pixels of level 0."""


class PicturedSlide:
    """Slide of coloured squares: red rises to the right, green downwards, blue is 128."""

    def __init__(self, width: int = 40_960, height: int = 30_720, *, objective: float | None = 40.0) -> None:
        levels = [Level(width, height, 1.0)]
        while max(levels[-1].width, levels[-1].height) > 2000:
            last = levels[-1]
            levels.append(Level(last.width // 4, last.height // 4, last.downsample * 4))
        self.info = SlideInfo(
            format="Pictured",
            vendor="generic",
            width=width,
            height=height,
            levels=tuple(levels),
            pixel_um=0.25 if objective else None,
            objective=objective,
        )
        self.read_parts: list[Region] = []
        self.threads: set[int] = set()
        self.gate: threading.Event | None = None
        self.broken: Callable[[Region], bool] = lambda _part: False
        self.closed = 0
        self.seconds = 0.0

    def read(self, part: Region) -> NDArray[np.uint8]:
        self.read_parts.append(part)
        self.threads.add(threading.get_ident())
        assert not self.closed, "read after closing"
        if self.gate is not None:
            assert self.gate.wait(10)
        time.sleep(self.seconds)
        if self.broken(part):
            raise StationError("unreadable-slide", "This part of the slide is damaged.")
        scale = self.info.levels[part.level].downsample
        x = (part.x + np.arange(part.width) * scale) // SQUARE * 12
        y = (part.y + np.arange(part.height) * scale) // SQUARE * 12
        made = np.empty((part.height, part.width, 3), np.uint8)
        made[..., 0], made[..., 1], made[..., 2] = x[None, :], y[:, None], 128
        return made

    def associated(self, name: str) -> NDArray[np.uint8]:
        raise StationError("no-picture", f"There is no {name} picture.")

    def close(self) -> None:
        self.closed += 1

    def open(self, _path: Path) -> PicturedSlide:
        return self


def three_fields() -> SlideMarks:
    """Return two fields side by side and one far off: Benign, Pro, for a person."""
    boxes = np.array(
        [[10_000, 10_000, FIELD, 750], [12_000, 10_000, FIELD, 750], [30_000, 20_000, FIELD, 750]]
    )
    return SlideMarks([7, 8, 9], boxes, [0, 1, 2], [decided("Benign"), decided("Pro"), NEEDS_PERSON])


def walk(canvas: SlideCanvas) -> Iterator[None]:
    """Zoom in on a slide of 100,000 pixels a side and move over it; each step wants a frame."""
    for step in range(120):
        if step < 40:
            canvas.zoom_by(1.12)
        else:
            canvas.centre_on(QPointF(50_000 + 40 * step, 50_000 + 25 * step))
        yield


def colour_at(x: float, y: float) -> tuple[int, int, int]:
    """Return the colour of a pixel of level 0."""
    return int(x // SQUARE * 12), int(y // SQUARE * 12), 128


def shown_colour(image: QImage, x: float, y: float) -> tuple[int, int, int]:
    """Return a pixel of a grabbed widget, in its own units."""
    ratio = image.devicePixelRatio()
    red, green, blue = pixels_of(image)[round(y * ratio), round(x * ratio)]
    return int(red), int(green), int(blue)


def is_near(one: tuple[int, int, int], other: tuple[int, int, int], within: int = 6) -> bool:
    """Tell whether two colours are the same but for rounding and smoothing."""
    return all(abs(a - b) <= within for a, b in zip(one, other, strict=True))


def has_colour(pixels: NDArray[np.uint8], colour: str) -> bool:
    """Tell whether a colour stands anywhere in a picture, but for smoothing."""
    wanted = QColor(colour).getRgb()[:3]
    return bool((np.abs(pixels.astype(int) - wanted).max(axis=2) <= 12).any())


def means(pixels: NDArray[np.uint8], parts: int = 12) -> NDArray[np.float64]:
    """Return the mean colours of a picture's parts."""
    rows = np.array_split(pixels.astype(float), parts, axis=0)
    return np.array([part.mean(axis=(0, 1)) for row in rows for part in np.array_split(row, parts, axis=1)])
