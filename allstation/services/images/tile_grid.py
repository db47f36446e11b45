"""Grid of tiles over a whole slide: each zoom halves the one before, whatever levels the file has.

Scanners store every level, every second or only one. A grid of its own keeps the number of tiles on a
screen bounded and their edges on whole pixels; what a level has too much is averaged when a tile is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from allstation.core.slide_info import SlideInfo
from allstation.core.slide_part import Region

TILE: Final = 512
"""Pixels of a tile's side."""
BASE_SIDE: Final = 1024
"""The whole slide is kept as one picture of at most this side."""
MOST_AVERAGED: Final = 8
"""A tile is not read from a level that is more than this many times finer: it would be too many pixels."""
_ENLARGED: Final = 0.25
"""A tile may be drawn that much larger, as a power of two, before finer ones are read: a sixth."""
_SAME: Final = 1e-6


class TileKey(NamedTuple):
    """Tile of a slide.

    Attributes:
        zoom: Its pixels are ``2 ** zoom`` pixels of level 0 wide.
        column: From the left.
        row: From the top.
    """

    zoom: int
    column: int
    row: int


class Box(NamedTuple):
    """Rectangle in pixels of level 0."""

    x: float
    y: float
    width: float
    height: float


class TileGrid:
    """Tiles of one slide.

    Args:
        info: Facts of the slide.

    Attributes:
        info: The same.
        coarsest: Zoom at which the whole slide is at most :data:`BASE_SIDE` pixels wide and high.
    """

    def __init__(self, info: SlideInfo) -> None:
        self.info = info
        side = max(info.width, info.height, 1)
        self.coarsest = max(0, math.ceil(math.log2(side / BASE_SIDE) - _SAME))

    def zoom_for(self, scale: float) -> int:
        """Return the coarsest zoom with a pixel, or nearly one, for each of the screen.

        Args:
            scale: Pixels of the screen per pixel of level 0.
        """
        if scale <= 0:
            return self.coarsest
        return min(max(math.floor(math.log2(1.0 / scale) + _ENLARGED), 0), self.coarsest)

    def box(self, key: TileKey) -> Box:
        """Return where a tile lies, in pixels of level 0; those at the edges are smaller."""
        side = TILE * 2**key.zoom
        x, y = key.column * side, key.row * side
        return Box(x, y, min(side, self.info.width - x), min(side, self.info.height - y))

    def size(self, key: TileKey) -> tuple[int, int]:
        """Return a tile's width and height in its own pixels."""
        box, factor = self.box(key), 2**key.zoom
        return max(1, math.ceil(box.width / factor)), max(1, math.ceil(box.height / factor))

    def region(self, key: TileKey) -> Region | None:
        """Return what is read for a tile; None where no level of the file is coarse enough."""
        level = self.info.level_for(2.0**key.zoom)
        facts = self.info.levels[level]
        if 2.0**key.zoom / facts.downsample > MOST_AVERAGED + _SAME:
            return None
        box = self.box(key)
        left, top = math.floor(box.x / facts.downsample), math.floor(box.y / facts.downsample)
        width = min(round(box.width / facts.downsample), facts.width - left)
        height = min(round(box.height / facts.downsample), facts.height - top)
        return Region(level=level, x=int(box.x), y=int(box.y), width=max(1, width), height=max(1, height))

    def over(self, area: Box, zoom: int, *, margin: int = 0) -> Iterator[TileKey]:
        """Yield the tiles of a zoom that a part of the slide lies on, those nearest to its middle first.

        Args:
            area: In pixels of level 0.
            zoom: Of the tiles.
            margin: Tiles more on each side.
        """
        side = TILE * 2**zoom
        columns = range(
            max(0, math.floor(area.x / side) - margin),
            min(math.ceil(self.info.width / side), math.ceil((area.x + area.width) / side) + margin),
        )
        rows = range(
            max(0, math.floor(area.y / side) - margin),
            min(math.ceil(self.info.height / side), math.ceil((area.y + area.height) / side) + margin),
        )
        x, y = (area.x + area.width / 2) / side - 0.5, (area.y + area.height / 2) / side - 0.5
        keys = [TileKey(zoom, column, row) for row in rows for column in columns]
        keys.sort(key=lambda key: (key.column - x) ** 2 + (key.row - y) ** 2)
        yield from keys

    def wanted(self, area: Box, scale: float) -> list[TileKey]:
        """Return the tiles that a view needs, the most important first.

        Args:
            area: What is on the screen, in pixels of level 0.
            scale: Pixels of the screen per pixel of level 0.

        Returns:
            A few coarse tiles that fill the view soon, those of the view, and the ring around it. None where
            the picture of the whole slide is fine enough.
        """
        zoom = self.zoom_for(scale)
        if zoom == self.coarsest:
            return []
        keys: dict[TileKey, None] = {}
        if zoom + 2 < self.coarsest:
            keys.update(dict.fromkeys(self.over(area, zoom + 2)))
        keys.update(dict.fromkeys(self.over(area, zoom)))
        keys.update(dict.fromkeys(self.over(area, zoom, margin=1)))
        return [key for key in keys if self.region(key) is not None]
