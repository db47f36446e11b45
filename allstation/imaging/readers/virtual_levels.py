"""Smaller levels of a slide that has none: averaged from its smallest level when they are asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from allstation.core.slide_info import Level, SlideInfo
from allstation.core.slide_part import Region
from allstation.imaging.readers.backend import Backend, Rgb

_STEP: Final = 4
_SMALL: Final = 2048
"""Pixels of the longest side of a level that needs no smaller one."""
_BLOCK: Final = 8_000_000
"""Pixels that are averaged at once."""


class VirtualLevels:
    """Backend with levels added, each a quarter of the one before.

    Args:
        backend: The slide.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        own = backend.info
        self._own = len(own.levels)
        levels = list(own.levels)
        self._factors: list[int] = []
        base = levels[-1]
        factor = _STEP
        while max(levels[-1].width, levels[-1].height) > _SMALL:
            levels.append(
                Level(-(-base.width // factor), -(-base.height // factor), base.downsample * factor)
            )
            self._factors.append(factor)
            factor *= _STEP
        self._info = replace(own, levels=tuple(levels), averaged=len(self._factors))

    @property
    def info(self) -> SlideInfo:
        """Facts of the slide."""
        return self._info

    @property
    def tile(self) -> tuple[int, int]:
        """Width and height of what is unpacked at once."""
        return self._backend.tile

    def region(self, region: Region) -> Rgb:
        """Return a rectangle of a level; of an added one each pixel is the mean of those below it."""
        if region.level < self._own:
            return self._backend.region(region)
        factor = self._factors[region.level - self._own]
        columns, rows = self._block(region, factor)
        whole = np.empty((region.height, region.width, 3), np.uint8)
        for top in range(0, region.height, rows):
            for left in range(0, region.width, columns):
                part = whole[top : top + rows, left : left + columns]
                part[...] = self._averaged(region, left, top, (part.shape[1], part.shape[0]), factor)
        return whole

    def _block(self, region: Region, factor: int) -> tuple[int, int]:
        """Return columns and rows that are averaged at once, so that little is unpacked twice.

        A row of a large slide's tiles does not fit the cache; a block as high as a tile needs each once.
        """
        width, height = self.tile
        if width >= self._info.levels[self._own - 1].width:
            columns = min(region.width, max(_BLOCK // factor**2, 1))
            return columns, max(_BLOCK // (columns * factor**2), 1)
        rows = max(height // factor, 1)
        columns = min(region.width, max(_BLOCK // (rows * factor**2), 1))
        return columns, max(_BLOCK // (columns * factor**2), 1)

    def _averaged(self, region: Region, left: int, top: int, size: tuple[int, int], factor: int) -> Rgb:
        """Return a block of a rectangle; left and top count from the rectangle's corner."""
        scale = self._info.levels[self._own - 1].downsample * factor
        below = Region(
            level=self._own - 1,
            x=region.x + round(left * scale),
            y=region.y + round(top * scale),
            width=size[0] * factor,
            height=size[1] * factor,
        )
        pixels = cv2.resize(self._backend.region(below), size, interpolation=cv2.INTER_AREA)
        return np.asarray(pixels, np.uint8)

    def page(self, number: int) -> Rgb:
        """Return a page."""
        return self._backend.page(number)

    def associated(self, name: str) -> Rgb:
        """Return a picture beside the pyramid."""
        return self._backend.associated(name)

    def close(self) -> None:
        """Close the slide's files."""
        self._backend.close()
