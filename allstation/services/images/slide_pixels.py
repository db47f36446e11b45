"""Pixels of an open whole slide as the window paints them: one tile, or the whole slide as one picture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from allstation.core.errors import StationError
from allstation.core.slide_info import SlideInfo
from allstation.core.slide_part import Region
from allstation.services.images.tile_grid import BASE_SIDE, TileGrid, TileKey

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK: Final = 4096
"""Side of what is read at a time for the picture of the whole slide, in pixels of its coarsest level."""
_PROBE: Final = 128
_LONG: Final = 0.25
"""Seconds that a piece of that side takes of a level that has to be made."""
_MOST_FOR_BASE: Final = 32_768
"""Longest side of a coarsest level that is read as a whole; beyond it the scanner's own picture serves."""


class SlideSource(Protocol):
    """Protocol of an open slide, as :func:`allstation.imaging.readers.open_slide` gives it. Thread-safe."""

    @property
    def info(self) -> SlideInfo:
        """Facts of the slide."""

    def read(self, part: Region, /) -> NDArray[np.uint8]:
        """Return the pixels of a rectangle: uint8 RGB (height, width, 3)."""

    def associated(self, name: str, /) -> NDArray[np.uint8]:
        """Return the label, macro or thumbnail picture: uint8 RGB (height, width, 3)."""

    def close(self) -> None:
        """Let go of the file."""


class SharedSlide:
    """Open slide that is closed once nobody reads it any more. Thread-safe."""

    def __init__(self, source: SlideSource) -> None:
        self.source = source
        self._grid = TileGrid(source.info)
        self._lock = threading.Lock()
        self._users = 0
        self._closing = self._closed = False

    def tile(self, key: TileKey) -> tuple[NDArray[np.uint8] | None, str]:
        """Return a tile's pixels, or None and why there are none."""
        region = self._grid.region(key)
        if region is None or not self.enter():
            return None, ""
        try:
            return _shrunk(self.source.read(region), self._grid.size(key)), ""
        except StationError as error:
            return None, error.sentence
        except (OSError, ValueError, MemoryError) as error:
            return None, str(error)
        finally:
            self.leave()

    def enter(self) -> bool:
        """Begin to use the slide; False when it is being closed."""
        with self._lock:
            if self._closing:
                return False
            self._users += 1
            return True

    def leave(self) -> None:
        """End a use."""
        with self._lock:
            self._users -= 1
        self._close_if_unused()

    def close(self) -> None:
        """Close the slide, now or when the last reading ends."""
        with self._lock:
            self._closing = True
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        with self._lock:
            close = self._closing and not self._users and not self._closed
            self._closed = self._closed or close
        if close:
            self.source.close()


def read_base(source: SlideSource, is_wanted: Callable[[], bool] = lambda: True) -> NDArray[np.uint8] | None:
    """Return the whole slide as one picture.

    A level that the file lacks is averaged while it is read, which may take minutes: where a first piece
    takes long, the rest is read in small ones.

    Args:
        source: The slide.
        is_wanted: Asked between two pieces; what is no longer wanted is given up.

    Returns:
        uint8 (height, width, 4), blue, green, red, 255, at most :data:`BASE_SIDE` wide and high; None where
        the coarsest level is too large for that and the scanner kept no small picture, or it is given up.

    Raises:
        StationError: If the slide cannot be read.
    """
    import numpy as np

    info = source.info
    number, level = len(info.levels) - 1, info.levels[-1]
    side = max(level.width, level.height)
    scale = min(1.0, BASE_SIDE / max(info.width, info.height))
    width, height = max(1, round(info.width * scale)), max(1, round(info.height * scale))
    if side > _MOST_FOR_BASE:
        kept = "thumbnail" in info.associated
        return _shrunk(source.associated("thumbnail"), (width, height)) if kept else None
    made = np.zeros((height, width, 4), np.uint8)
    block = _block_of(source, number)
    for top in range(0, level.height, block):
        for left in range(0, level.width, block):
            if not is_wanted():
                return None
            part = Region(
                level=number,
                x=round(left * level.downsample),
                y=round(top * level.downsample),
                width=min(block, level.width - left),
                height=min(block, level.height - top),
            )
            across, down = width / level.width, height / level.height
            x0, x1 = round(left * across), max(round((left + part.width) * across), round(left * across) + 1)
            y0, y1 = round(top * down), max(round((top + part.height) * down), round(top * down) + 1)
            x1, y1 = min(x1, width), min(y1, height)
            if x1 > x0 and y1 > y0:
                made[y0:y1, x0:x1] = _shrunk(source.read(part), (x1 - x0, y1 - y0))
    return made


def _block_of(source: SlideSource, number: int) -> int:
    """Return the side of pieces in which a level is read: small ones where reading takes long."""
    level = source.info.levels[number]
    probe = Region(level=number, x=0, y=0, width=min(_PROBE, level.width), height=min(_PROBE, level.height))
    began = time.monotonic()
    source.read(probe)
    return _PROBE if time.monotonic() - began > _LONG else _BLOCK


def _shrunk(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return pixels averaged to a width and height, as Qt paints them fastest: blue, green, red, 255."""
    # Here, on a worker's thread: OpenCV takes longer to load than the whole window.
    import cv2
    import numpy as np

    if (rgb.shape[1], rgb.shape[0]) != size:
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA), np.uint8)
