"""JPEG tiles of slides that OpenSlide opens, put together without it.

OpenSlide's own putting together takes most of a rectangle's time; where tiles are ordinary JPEG, side by side
and all there, unpacking them here gives the same pixels in 0.4 of the processor time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from allstation.core.limits import DecodeLimits
from allstation.core.slide_info import SlideInfo
from allstation.core.slide_part import Region
from allstation.imaging.formats.source import HeaderError
from allstation.imaging.readers.backend import Backend, Rgb
from allstation.imaging.readers.by_tifffile import TiffBackend

_FORMATS: Final = frozenset({"Aperio SVS", "TIFF"})
"""Formats whose levels are one grid of tiles each."""
_JPEG: Final = 7
_COLOURS: Final = 3


class JpegTiles:
    """Backend whose rectangles come from JPEG tiles where they can.

    Args:
        backend: OpenSlide's.
        path: The slide's file.
        limits: Of pages.
    """

    def __init__(self, backend: Backend, path: Path, limits: DecodeLimits) -> None:
        self._backend = backend
        self._path = path
        self._limits = limits
        self._tiles: TiffBackend | None = None
        self._plain: frozenset[int] | None = None if backend.info.format in _FORMATS else frozenset()

    @property
    def info(self) -> SlideInfo:
        """Facts of the slide."""
        return self._backend.info

    @property
    def tile(self) -> tuple[int, int]:
        """Width and height of a tile."""
        return self._backend.tile

    def region(self, region: Region) -> Rgb:
        """Return a rectangle; from tiles if it lies inside a level of JPEG tiles, at a whole pixel of it."""
        if self._plain is None:
            # Not before it is asked for: a slide shows its first picture sooner.
            self._plain = self._plain_levels()
        if self._tiles is not None and region.level in self._plain and self._is_inside(region):
            try:
                return self._tiles.region(region)
            except HeaderError:
                pass  # OpenSlide says what is wrong with it, or reads it.
        return self._backend.region(region)

    def page(self, number: int) -> Rgb:
        """Return a page, as OpenSlide's backend does."""
        return self._backend.page(number)

    def associated(self, name: str) -> Rgb:
        """Return a picture beside the pyramid."""
        return self._backend.associated(name)

    def close(self) -> None:
        """Close both."""
        self._backend.close()
        if self._tiles is not None:
            self._tiles.close()

    def _is_inside(self, region: Region) -> bool:
        level = self.info.levels[region.level]
        left, top = region.x / level.downsample, region.y / level.downsample
        return (
            left.is_integer()
            and top.is_integer()
            and 0 <= left <= level.width - region.width
            and 0 <= top <= level.height - region.height
        )

    def _plain_levels(self) -> frozenset[int]:
        """Return the levels whose tiles are ordinary JPEG, all there, and as large as OpenSlide says."""
        try:
            import tifffile

            with tifffile.TiffFile(self._path) as opened:
                first = [level.pages[0] for level in opened.series[0].levels]
                if None in first:
                    return frozenset()
                pages = [page.aspage() for page in first if page is not None]
                plain = [
                    page.is_tiled
                    and int(page.compression) == _JPEG
                    and page.samplesperpixel == _COLOURS
                    and min(page.databytecounts) > 0
                    for page in pages
                ]
            tiles = TiffBackend(self._path, self._limits)
        except Exception:  # noqa: BLE001 - whatever a hostile file brings about: OpenSlide reads it alone
            return frozenset()
        if tiles.info.levels != self.info.levels:
            tiles.close()
            return frozenset()
        self._tiles = tiles
        return frozenset(number for number, one in enumerate(plain) if one)
