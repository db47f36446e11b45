"""Interface of the libraries that read slides; they run in a confined child only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.slide_info import SlideInfo
from allstation.core.slide_part import Region
from allstation.imaging.formats.source import HeaderError

Rgb = NDArray[np.uint8]
CACHE_BYTES: Final = 64 << 20
"""Decoded tiles that a child keeps."""
_OPAQUE: Final = 255


class Backend(Protocol):
    """Open slide. Every method raises :class:`HeaderError` for what is damaged or not read."""

    @property
    def info(self) -> SlideInfo:
        """Facts of the slide."""

    @property
    def tile(self) -> tuple[int, int]:
        """Width and height of what is unpacked at once: a tile, a strip, a page."""

    def region(self, region: Region) -> Rgb:
        """Return the (h, w, 3) pixels of a rectangle; white where it reaches beyond the slide."""

    def page(self, number: int) -> Rgb:
        """Return the (h, w, 3) pixels of a page, from 1."""

    def associated(self, name: str) -> Rgb:
        """Return the (h, w, 3) pixels of a picture beside the pyramid."""

    def close(self) -> None:
        """Close its files."""


class NotThisLibraryError(Exception):
    """A library does not know a file; another one may."""


def no_pages(number: int) -> HeaderError:
    """Return the refusal of a page that is not there."""
    return HeaderError("no-such-part", f"has no page {number:,}. Choose another part.")


def no_picture(name: str) -> HeaderError:
    """Return the refusal of a picture beside the pyramid that is not there."""
    return HeaderError("no-such-part", f"has no {name} picture.")


def over_white(rgba: NDArray[np.uint8]) -> Rgb:
    """Lay (h, w, 4) colours that are not multiplied by their alpha over white."""
    alpha = rgba[..., 3]
    rgb = np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), np.uint8)
    if int(alpha.min()) == _OPAQUE:
        return rgb
    share = alpha[..., np.newaxis].astype(np.uint16)
    return np.asarray((rgb * share + (255 - share) * 255 + 127) // 255, np.uint8)


def part_of(rgb: Rgb, region: Region) -> Rgb:
    """Return a rectangle of a picture, white beyond its edges."""
    part = rgb[region.y : region.y + region.height, region.x : region.x + region.width]
    if part.shape[:2] == (region.height, region.width):
        return part
    whole = np.full((region.height, region.width, 3), _OPAQUE, np.uint8)
    whole[: part.shape[0], : part.shape[1]] = part
    return whole


Load = Callable[[], Rgb | None]


class TileCache:
    """Decoded tiles, the last ones used; None stands for a tile that was never scanned.

    Args:
        most: Bytes that it keeps.
    """

    def __init__(self, most: int = CACHE_BYTES) -> None:
        self._most = most
        self._size = 0
        self._tiles: OrderedDict[Hashable, Rgb | None] = OrderedDict()

    def get(self, key: Hashable, load: Load) -> Rgb | None:
        """Return a tile, loaded if it is not here."""
        if key in self._tiles:
            self._tiles.move_to_end(key)
            return self._tiles[key]
        tile = load()
        self._tiles[key] = tile
        self._size += 0 if tile is None else tile.nbytes
        while self._size > self._most and len(self._tiles) > 1:
            _, old = self._tiles.popitem(last=False)
            self._size -= 0 if old is None else old.nbytes
        return tile


def from_tiles(
    box: tuple[int, int, int, int],
    size: tuple[int, int],
    grid: tuple[int, int],
    tile: Callable[[int, int], Rgb | None],
) -> Rgb:
    """Put a rectangle of a level together from its tiles; white where there are none.

    Args:
        box: Left, upper edge, width and height, pixels of the level.
        size: Width and height of the level.
        grid: Width and height of a tile.
        tile: Gives the pixels of a tile by column and row, None where it was never scanned.
    """
    left, top, width, height = box
    whole = np.full((height, width, 3), _OPAQUE, np.uint8)
    right, lower = min(left + width, size[0]), min(top + height, size[1])
    for row in range(max(top, 0) // grid[1], -(-max(lower, 0) // grid[1])):
        for column in range(max(left, 0) // grid[0], -(-max(right, 0) // grid[0])):
            pixels = tile(column, row)
            if pixels is None:
                continue
            x0, y0 = column * grid[0], row * grid[1]
            x1, y1 = min(x0 + pixels.shape[1], right), min(y0 + pixels.shape[0], lower)
            x, y = max(x0, left), max(y0, top)
            if x1 > x and y1 > y:
                whole[y - top : y1 - top, x - left : x1 - left] = pixels[y - y0 : y1 - y0, x - x0 : x1 - x0]
    return whole
