"""Pyramid of a synthetic slide: levels of JPEG tiles, drawn and reduced band by band in bounded memory.

Levels wait in temporary files until a writer puts them into its container: drawn once, written in any order.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from allstation.imaging.synthetic.blocks import CellBank, draw_block, draw_glass
from allstation.imaging.synthetic.smear import Layout

Rgb = NDArray[np.uint8]

_BLOCK: Final = 1024
_THREADS: Final = 2
_SMALLEST: Final = 1400
"""No level is made below one whose longer side is at most so many pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileFormat:
    """Format of a pyramid: side of tiles, JPEG quality, steps between levels.

    Attributes:
        tile: Side of a tile, pixels; 1024 is a multiple of it.
        quality: Of JPEG, 1 to 100.
        factor: How much smaller each level is than the one before, 2 or 4.
    """

    tile: int
    quality: int
    factor: int


@dataclass(slots=True)
class TileLevel:
    """Level of a pyramid, encoded.

    Attributes:
        width: Pixels.
        height: Pixels.
        downsample: Pixels of level 0 that one of its pixels is wide.
        columns: Tiles in a row.
        rows: Rows of tiles.
        places: Offset and length of each tile's bytes, row by row.
    """

    width: int
    height: int
    downsample: int
    columns: int
    rows: int
    file: IO[bytes]
    places: list[tuple[int, int]] = field(default_factory=list)

    def add(self, data: bytes) -> tuple[int, int]:
        """Append the next tile; return where it lies."""
        place = (self.file.tell(), len(data))
        self.file.write(data)
        self.places.append(place)
        return place

    def tiles(self) -> Iterator[bytes]:
        """Yield the tiles, row by row."""
        for offset, length in self.places:
            self.file.seek(offset)
            yield self.file.read(length)


Block = tuple[list[list[bytes]], Rgb]
"""Rows of encoded tiles, and the same pixels reduced for the next level."""


class Pyramid:
    """Levels of a drawn slide; a context manager that deletes its temporary files.

    Args:
        layout: Of the slide.
        bank: Its cells.
        form: Of the tiles.
        folder: Where temporary files lie: as large as the slide will be.
    """

    def __init__(self, layout: Layout, bank: CellBank, form: TileFormat, folder: Path) -> None:
        self._layout = layout
        self._bank = bank
        self._form = form
        self.levels = [self._level(one, folder) for one in _downsamples(layout, form.factor)]
        self._waiting: list[list[Rgb]] = [[] for _ in self.levels]
        self._glass = _encoded_block(draw_glass(bank, _BLOCK), form)
        self._smallest: list[Rgb] = []

    def __enter__(self) -> Pyramid:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for level in self.levels:
            level.file.close()

    def _level(self, downsample: int, folder: Path) -> TileLevel:
        width, height = self._layout.width // downsample, self._layout.height // downsample
        columns, rows = -(-width // self._form.tile), -(-height // self._form.tile)
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the pyramid
        return TileLevel(width, height, downsample, columns, rows, file)

    def draw(self) -> Rgb:
        """Draw every level; return the smallest one whole, (h, w, 3) uint8."""
        blocks = -(-self._layout.width // _BLOCK)
        with ThreadPoolExecutor(_THREADS) as pool:
            for top in range(0, self._layout.height, _BLOCK):
                drawn = list(pool.map(lambda left, row=top: self._block(left * _BLOCK, row), range(blocks)))
                self._keep_tiles([tiles for tiles, _ in drawn])
                if len(self.levels) > 1:
                    self._reduce(1, np.hstack([reduced for _, reduced in drawn]))
        if len(self.levels) == 1:
            box = (0, 0, self._layout.width, self._layout.height)
            return draw_block(self._layout, self._bank, box)
        for number in range(1, len(self.levels)):
            self._flush(number)
        last = self.levels[-1]
        return np.vstack(self._smallest)[: last.height, : last.width]

    def _block(self, left: int, top: int) -> Block:
        """Draw 1024 x 1024 pixels."""
        if self._layout.is_empty(left, top, _BLOCK, around=self._bank.reach):
            return self._glass
        box = (left, top, left + _BLOCK, top + _BLOCK)
        return _encoded_block(draw_block(self._layout, self._bank, box), self._form)

    def _keep_tiles(self, blocks: list[list[list[bytes]]]) -> None:
        """Add the tiles of a band of blocks to level 0, row by row; the slide's last ones may be cut."""
        level = self.levels[0]
        for row in range(_BLOCK // self._form.tile):
            if len(level.places) >= level.rows * level.columns:
                return
            tiles = [tile for block in blocks for tile in block[row]]
            for data in tiles[: level.columns]:
                level.add(data)

    def _reduce(self, number: int, rows: Rgb) -> None:
        """Take rows of a level; encode a row of tiles, and go on to the next level, as soon as it is full."""
        waiting = self._waiting[number]
        waiting.append(rows)
        tile = self._form.tile
        if sum(len(one) for one in waiting) < tile:
            return
        whole = np.vstack(waiting)
        done = len(whole) // tile * tile
        self._waiting[number] = [whole[done:]] if done < len(whole) else []
        for top in range(0, done, tile):
            self._encode_row(number, whole[top : top + tile])

    def _encode_row(self, number: int, rows: Rgb) -> None:
        level, tile = self.levels[number], self._form.tile
        if len(level.places) >= level.rows * level.columns:
            return
        missing = level.columns * tile - rows.shape[1]
        if missing > 0:
            rows = np.pad(rows, ((0, 0), (0, missing), (0, 0)), mode="edge")
        for left in range(0, level.columns * tile, tile):
            level.add(_encoded(rows[:, left : left + tile], self._form.quality))
        if number + 1 < len(self.levels):
            self._reduce(number + 1, _reduced(rows, self._form.factor))
        else:
            self._smallest.append(rows)

    def _flush(self, number: int) -> None:
        """Encode what is left of a level, its last row repeated to fill the tiles."""
        waiting = self._waiting[number]
        if waiting:
            rows = np.vstack(waiting)
            rows = np.pad(rows, ((0, self._form.tile - len(rows)), (0, 0), (0, 0)), mode="edge")
            self._waiting[number] = []
            self._encode_row(number, rows)


def _downsamples(layout: Layout, factor: int) -> list[int]:
    found = [1]
    while max(layout.width, layout.height) / found[-1] > _SMALLEST:
        found.append(found[-1] * factor)
    return found


def _encoded_block(rgb: Rgb, form: TileFormat) -> Block:
    sides = range(0, len(rgb), form.tile)
    rows = [[_encoded(rgb[y : y + form.tile, x : x + form.tile], form.quality) for x in sides] for y in sides]
    return rows, _reduced(rgb, form.factor)


def _reduced(rgb: Rgb, factor: int) -> Rgb:
    size = rgb.shape[1] // factor, rgb.shape[0] // factor
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encoded(rgb: Rgb, quality: int) -> bytes:
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), quality=quality, colorsubsampling="420")
    return data
