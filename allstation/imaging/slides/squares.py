"""Squares of a slide: the grid that it is measured on, its scale, and pixels read for a block of squares."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.slide_info import SlideInfo
from allstation.core.slide_part import Region

Rgb = NDArray[np.uint8]

FIELD_UM: Final = (112.5, 84.4)
"""Width and height of a field, micrometres: the area that the shipped model saw in one, 4:3 as its camera's
frames (224 pixels at 2.30 pixels per micrometre, ``inference.training_optics``)."""
ACROSS, DOWN = 4, 3
"""Squares of a field."""
_BLOCK: Final = 2048
"""Pixels that are read at once along a side, about."""
_COARSE: Final = 1.25
"""Pixels may be so much larger than wanted; a finer level costs four or sixteen times more."""


_MOST: Final = 600_000_000
"""Pixels of a level above which the next one will do, if its pixels are not too large."""
_COARSER: Final = 1.8
_MOST_AVERAGED: Final = 1 << 28
"""Pixels of level 0 that a block of a level that the file lacks is averaged from: seconds, not minutes."""


class ReadsSlide(Protocol):
    """Protocol of an open slide, as ``readers.SlideReader``."""

    @property
    def info(self) -> SlideInfo:
        """Facts of the slide."""
        ...

    def read(self, part: Region, /) -> Rgb:
        """Return the pixels of a region, (h, w, 3) uint8."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSize:
    """Size of the fields of a slide.

    Attributes:
        width_um: Micrometres.
        height_um: Micrometres.
    """

    width_um: float = FIELD_UM[0]
    height_um: float = FIELD_UM[1]

    @classmethod
    def for_model(cls, pixels_per_um: float, *, aspect: float, side: int) -> FieldSize:
        """Return the size that shows a model as much smear as the fields that it learned from.

        Args:
            pixels_per_um: Of its training fields at its input's size, mean of both directions.
            aspect: Width over height of those fields before they were squashed.
            side: Pixels of its input along one side.
        """
        mean = side / pixels_per_um
        return cls(width_um=mean * math.sqrt(aspect), height_um=mean / math.sqrt(aspect))


@dataclass(frozen=True, slots=True)
class Block:
    """Block of squares: first row, first column, and how many."""

    row: int
    column: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Grid of squares on a slide; fields are four squares wide and three high.

    Attributes:
        width: Pixels of level 0 that a square is wide.
        height: Pixels of level 0 that it is high.
        rows: Whole squares from top to bottom.
        columns: Whole squares from left to right.
        pixel_um: Micrometres a pixel of level 0.
    """

    width: int
    height: int
    rows: int
    columns: int
    pixel_um: float

    @property
    def square_um(self) -> float:
        """Width of a square, micrometres."""
        return self.width * self.pixel_um

    @property
    def field(self) -> tuple[int, int]:
        """Width and height of a field, pixels of level 0."""
        return self.width * ACROSS, self.height * DOWN

    def whole(self) -> Block:
        """Return all squares."""
        return Block(0, 0, self.rows, self.columns)


def make_grid(info: SlideInfo, pixel_um: float, size: FieldSize) -> Grid:
    """Lay the grid over a slide."""
    width = max(1, min(round(size.width_um / ACROSS / pixel_um), info.width // ACROSS))
    height = max(1, min(round(size.height_um / DOWN / pixel_um), info.height // DOWN))
    return Grid(
        width=width, height=height, rows=info.height // height, columns=info.width // width, pixel_um=pixel_um
    )


def level_for_side(info: SlideInfo, grid: Grid, side: int) -> int:
    """Return the level that is read for pictures of ``side`` pixels a square."""
    wanted = max(grid.width / side * _COARSE, 1.0)
    level = info.level_for(wanted)
    for coarser in range(level + 1, len(info.levels)):
        now = info.levels[level]
        if now.width * now.height <= _MOST or info.levels[coarser].downsample > wanted * _COARSER:
            break
        level = coarser
    return level


def blocks_of(info: SlideInfo, grid: Grid, side: int) -> Iterator[Block]:
    """Yield blocks of squares, row by row, of about 2048 pixels of the level that is read for them.

    Of a level that the file lacks they are less high, so that reading one stays within a field's time.
    """
    level = level_for_side(info, grid, side)
    downsample = info.levels[level].downsample
    rows = max(1, int(_BLOCK * downsample / grid.height))
    columns = max(1, int(_BLOCK * downsample / grid.width))
    if info.is_averaged(level):
        across = min(columns, grid.columns) * grid.width
        rows = max(1, min(rows, int(_MOST_AVERAGED / (across * grid.height))))
    for row in range(0, grid.rows, rows):
        for column in range(0, grid.columns, columns):
            yield Block(row, column, min(rows, grid.rows - row), min(columns, grid.columns - column))


def read_block(reader: ReadsSlide, grid: Grid, block: Block, side: int) -> Rgb:
    """Read a block of squares.

    Returns:
        (rows * side, columns * side, 3) uint8: each square is ``side`` by ``side`` pixels.
    """
    level = level_for_side(reader.info, grid, side)
    one = reader.info.levels[level]
    region = Region(
        level=level,
        x=block.column * grid.width,
        y=block.row * grid.height,
        width=max(1, round(block.columns * grid.width / one.downsample)),
        height=max(1, round(block.rows * grid.height / one.downsample)),
    )
    rgb = reader.read(region)
    size = block.columns * side, block.rows * side
    if rgb.shape[:2] == size[::-1]:
        return rgb
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
