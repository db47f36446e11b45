"""Pages of a plain TIFF that are fields of their own, decoded as a field's first page is."""

from __future__ import annotations

import io
from pathlib import Path

from allstation.core.limits import DecodeLimits
from allstation.core.slide_info import Level, SlideInfo
from allstation.core.slide_part import Region
from allstation.imaging.formats import decode, pixel_conversions
from allstation.imaging.formats.headers import read_header
from allstation.imaging.formats.source import Header, Source
from allstation.imaging.formats.stated_size import stated_pixel_size
from allstation.imaging.formats.tiff import TiffHeader
from allstation.imaging.readers.backend import NotThisLibraryError, Rgb, no_pages, no_picture, part_of


class PagesBackend:
    """One TIFF within a field's limits.

    Args:
        path: The file.
        limits: Of bytes, pages and their pixels.

    Raises:
        NotThisLibraryError: If it is larger than a field's file.
        HeaderError: If it is damaged or of a kind that is not read.
    """

    def __init__(self, path: Path, limits: DecodeLimits) -> None:
        if path.stat().st_size > limits.max_bytes:
            raise NotThisLibraryError
        self._content = path.read_bytes()
        self._limits = limits
        first = self._header(1)
        if not isinstance(first, TiffHeader):
            raise NotThisLibraryError
        width, height = (first.height, first.width) if first.turned else (first.width, first.height)
        self._info = SlideInfo(
            format="TIFF",
            vendor="generic",
            width=width,
            height=height,
            levels=(Level(width, height, 1.0),),
            pixel_um=stated_pixel_size(self._content),
            frames=first.frames,
        )
        self._kept: tuple[int, Rgb] | None = None

    @property
    def info(self) -> SlideInfo:
        """Facts of the first page, and how many there are."""
        return self._info

    @property
    def tile(self) -> tuple[int, int]:
        """Width and height of a page."""
        return self._info.width, self._info.height

    def region(self, region: Region) -> Rgb:
        """Return a rectangle of the first page."""
        return part_of(self.page(1), region)

    def page(self, number: int) -> Rgb:
        """Return a page, upright."""
        if not 1 <= number <= self._info.frames:
            raise no_pages(number)
        if self._kept is None or self._kept[0] != number:
            header = self._header(number)
            decode.check_size(header, self._limits)
            pixels = decode.pixels_here(self._content, header, 1)
            self._kept = number, pixel_conversions.upright(pixels, header.orientation)
        return self._kept[1]

    def associated(self, name: str) -> Rgb:
        """Refuse: there are none."""
        raise no_picture(name)

    def close(self) -> None:
        """Let go of the file's bytes."""
        self._content = b""

    def _header(self, number: int) -> Header:
        source = Source(io.BytesIO(self._content), len(self._content))
        return read_header(source, max_frames=self._limits.max_frames, frame=number)
