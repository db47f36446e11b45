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
_BAND: Final = 8_000_000
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
        self._info = replace(own, levels=tuple(levels))

    @property
    def info(self) -> SlideInfo:
        """Facts of the slide."""
        return self._info

    def region(self, region: Region) -> Rgb:
        """Return a rectangle of a level; of an added one each pixel is the mean of those below it."""
        if region.level < self._own:
            return self._backend.region(region)
        factor = self._factors[region.level - self._own]
        width = region.width * factor
        rows = max(_BAND // (width * factor), 1)
        whole = np.empty((region.height, region.width, 3), np.uint8)
        scale = self._info.levels[self._own - 1].downsample
        for top in range(0, region.height, rows):
            count = min(rows, region.height - top)
            band = Region(
                level=self._own - 1,
                x=region.x,
                y=region.y + round(top * factor * scale),
                width=width,
                height=count * factor,
            )
            size = (region.width, count)
            whole[top : top + count] = cv2.resize(
                self._backend.region(band), size, interpolation=cv2.INTER_AREA
            )
        return whole

    def page(self, number: int) -> Rgb:
        """Return a page."""
        return self._backend.page(number)

    def associated(self, name: str) -> Rgb:
        """Return a picture beside the pyramid."""
        return self._backend.associated(name)

    def close(self) -> None:
        """Close the slide's files."""
        self._backend.close()
