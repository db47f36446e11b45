"""TIFF slides that OpenSlide does not read: OME-TIFF, large plain and tiled TIFF.

tifffile tells pages, series and levels; strips and tiles are unpacked as those of fields are, strictly, and
JPEG 2000 by Pillow.

Sources: TIFF 6.0, the OME-TIFF specification, Aperio's numbers of JPEG 2000.
"""

# ruff: noqa: PLR2004 - the numbers are the format's own

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.limits import DecodeLimits
from allstation.core.slide_info import Level, SlideInfo
from allstation.core.slide_part import Region
from allstation.imaging.formats import pixel_conversions
from allstation.imaging.formats.source import END_OF_IMAGE, HeaderError, Source, unsupported
from allstation.imaging.formats.stated_size import stated_size_of
from allstation.imaging.formats.tiff_page import TiffPage, check_kind
from allstation.imaging.formats.tiff_pixels import in_colours, rgb_of_luma, unpack_block
from allstation.imaging.formats.tiff_strips import UnpackError
from allstation.imaging.readers.backend import (
    NotThisLibraryError,
    Rgb,
    TileCache,
    from_tiles,
    no_pages,
    no_picture,
    over_white,
)
from allstation.imaging.readers.metadata import metadata_of
from allstation.imaging.readers.tiff_outline import outline

if TYPE_CHECKING:
    import tifffile

_JPEG_2000: Final = frozenset({33003, 33005, 34712})
_LUMA_JPEG_2000: Final = 33003
_SAMPLED: Final = 16
"""Tiles of the smallest level that are looked at to tell how many bits of 16 are in use."""
_LARGEST_BLOCK: Final = 1 << 28
"""Bytes of a strip or tile, unpacked."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """One picture: a page, or three grey pages that are its colours.

    Attributes:
        pages: 1 or 3.
    """

    pages: tuple[TiffPage, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pages[0].width, self.pages[0].height


class TiffBackend:
    """One TIFF slide.

    Args:
        path: The file.
        limits: Of pages.

    Raises:
        NotThisLibraryError: If tifffile is not installed.
        HeaderError: If it is damaged or of a kind that is not read.
    """

    def __init__(self, path: Path, limits: DecodeLimits) -> None:
        try:
            import tifffile
        except ImportError as error:
            raise NotThisLibraryError from error
        self._file = path.open("rb")
        self._source = Source(self._file, os.fstat(self._file.fileno()).st_size)
        self._cache = TileCache()
        found = outline(self._source)
        if found is None or not found.sound:
            # tifffile would follow a chain of pages into whatever bytes there are.
            self.close()
            raise _damaged()
        try:
            with tifffile.TiffFile(path) as opened:
                series = opened.series[0]
                self._levels = _levels_of(series)
                self._frames = _frames_of(series, limits)
                description = opened.pages.first.description
            self._bits = self._bits_in_use()
            self._info = self._facts(description)
        except HeaderError:
            self.close()
            raise
        except Exception as error:  # whatever hostile bytes bring about is damage
            self.close()
            raise _damaged() from error

    def _facts(self, description: str) -> SlideInfo:
        width, height = self._levels[0].size
        return SlideInfo(
            format="OME-TIFF" if "<OME" in description else "TIFF",
            vendor="generic",
            width=width,
            height=height,
            levels=tuple(Level(*layer.size, max(width / layer.size[0], 1.0)) for layer in self._levels),
            pixel_um=stated_size_of(self._source),
            frames=len(self._frames),
            metadata=metadata_of({}),
        )

    @property
    def info(self) -> SlideInfo:
        """Facts of the slide."""
        return self._info

    @property
    def tile(self) -> tuple[int, int]:
        """Width and height of a tile or strip of the smallest level."""
        height, width = self._levels[-1].pages[0].block
        return width, height

    def region(self, region: Region) -> Rgb:
        """Return a rectangle of a level."""
        scale = self._info.levels[region.level].downsample
        box = (int(region.x / scale), int(region.y / scale), region.width, region.height)
        return self._box(self._levels[region.level], box)

    def page(self, number: int) -> Rgb:
        """Return a page that is a picture of its own."""
        if not 1 <= number <= len(self._frames):
            raise no_pages(number)
        layer = self._frames[number - 1]
        return self._box(layer, (0, 0, *layer.size))

    def associated(self, name: str) -> Rgb:
        """Refuse: there are none."""
        raise no_picture(name)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _box(self, layer: _Layer, box: tuple[int, int, int, int]) -> Rgb:
        grid = layer.pages[0].block[::-1]
        return from_tiles(box, layer.size, grid, lambda column, row: self._tile(layer, column, row))

    def _tile(self, layer: _Layer, column: int, row: int) -> Rgb | None:
        key = (layer.pages[0].segments[:1], layer.size, column, row)
        return self._cache.get(key, lambda: self._shown(layer, column, row))

    def _shown(self, layer: _Layer, column: int, row: int) -> Rgb | None:
        samples = self._samples(layer, column, row)
        if samples is None:
            return None
        eight = pixel_conversions.to_8_bit(samples, bits=self._bits)
        if eight.ndim == 3 and eight.shape[2] == 4:
            return over_white(np.ascontiguousarray(eight))
        return pixel_conversions.as_rgb(
            eight if eight.ndim == 2 or eight.shape[2] in {1, 3} else eight[..., :1]
        )

    def _samples(self, layer: _Layer, column: int, row: int) -> NDArray[Any] | None:
        """Return a tile in its colours, None if it was never written."""
        try:
            planes = [self._plane(page, column, row) for page in layer.pages]
        except (UnpackError, ValueError, OSError) as error:
            raise _damaged(column, row) from error
        if any(plane is None for plane in planes):
            return None
        found = [plane for plane in planes if plane is not None]
        return (
            np.concatenate([np.atleast_3d(plane)[..., :1] for plane in found], axis=2)
            if found[1:]
            else found[0]
        )

    def _plane(self, page: TiffPage, column: int, row: int) -> NDArray[Any] | None:
        index = row * page.across + column
        rows = page.block[0] if page.tiled else min(page.block[0], page.height - row * page.block[0])
        if not page.planar:
            block = self._block(page, index, rows)
            if block is None or page.compression in _JPEG_2000:
                return block
            return in_colours(block[..., : page.colours + bool(page.alpha)], page)
        grid = page.across * page.down
        channels = [
            self._block(page, index + grid * channel, rows)
            for channel in range(page.colours + bool(page.alpha))
        ]
        found = [channel for channel in channels if channel is not None]
        return in_colours(np.concatenate(found, axis=2), page) if len(found) == len(channels) else None

    def _block(self, page: TiffPage, index: int, rows: int) -> NDArray[Any] | None:
        at, size = page.segments[index]
        if not size:
            return None
        data = self._source.at(at, size)
        if page.compression in _JPEG_2000:
            return _from_jpeg_2000(data, page)
        return unpack_block(data, page, rows)

    def _bits_in_use(self) -> int:
        """Return how many bits of 16-bit samples are in use, by some tiles of the smallest level."""
        layer = self._levels[-1]
        page = layer.pages[0]
        if page.bits <= 8 or page.compression in _JPEG_2000:
            return 0
        count = page.across * page.down
        bits = 10
        for index in sorted({count * number // _SAMPLED for number in range(_SAMPLED)}):
            row, column = divmod(index, page.across)
            samples = self._samples(layer, column, row)
            bits = bits if samples is None else max(bits, pixel_conversions.depth_of(samples))
        return bits


def _levels_of(series: tifffile.TiffPageSeries) -> tuple[_Layer, ...]:
    """Return the largest picture and its smaller copies."""
    colours = _are_colours(series)
    layers = []
    for level in series.levels:
        pages = [page for page in level.pages[: 3 if colours else 1] if page is not None]
        layers.append(_Layer(tuple(_page_of(page.aspage()) for page in pages)))
    widths = [layer.size[0] for layer in layers]
    if not layers or widths != sorted(widths, reverse=True):
        raise _damaged()
    return tuple(layers)


def _frames_of(series: tifffile.TiffPageSeries, limits: DecodeLimits) -> tuple[_Layer, ...]:
    step = 3 if _are_colours(series) else 1
    pages = [page for page in series.pages[: limits.max_frames * step] if page is not None]
    if len(series.levels) > 1 or len(pages) % step:
        return _levels_of(series)[:1]
    whole = [_page_of(page.aspage()) for page in pages]
    return tuple(_Layer(tuple(whole[at : at + step])) for at in range(0, len(whole), step))


def _are_colours(series: tifffile.TiffPageSeries) -> bool:
    """Tell whether three grey pages are the colours of one picture."""
    axes = dict(zip(series.axes, series.shape, strict=False))
    return axes.get("C") == 3 and "S" not in axes and len(series.pages) % 3 == 0


def _page_of(found: tifffile.TiffPage) -> TiffPage:
    """Return a page as this program's own decoder takes it.

    Raises:
        HeaderError: If it is of a kind that is not read.
    """
    samples = int(found.samplesperpixel)
    tiled = bool(found.is_tiled)
    rows = int(found.rowsperstrip or found.imagelength)
    block = (int(found.tilelength), int(found.tilewidth)) if tiled else (rows, int(found.imagewidth))
    bits = found.bitspersample if isinstance(found.bitspersample, int) else 0
    subsampling = found.tags.get(530)
    page = TiffPage(
        width=int(found.imagewidth),
        height=int(found.imagelength),
        bits=bits,
        samples=samples,
        signed=int(found.sampleformat or 1) == 2,
        planar=int(found.planarconfig or 1) == 2 and samples > 1,
        photometric=int(found.photometric or 0),
        compression=int(found.compression),
        predictor=int(found.predictor or 1),
        byte_order=found.parent.byteorder,
        reversed_bits=int(found.fillorder or 1) == 2,
        tiled=tiled,
        block=(min(block[0], int(found.imagelength)), block[1]) if not tiled else block,
        extra=tuple(int(one) for one in found.extrasamples or ()),
        subsampling=tuple(subsampling.value) if subsampling is not None else (2, 2),
        usual_luma=True,
        white_point=_D50,
        palette=tuple(int(one) for one in np.ravel(found.colormap)) if found.colormap is not None else (),
        tables=bytes(found.jpegtables or b""),
        segments=tuple(zip(found.dataoffsets, found.databytecounts, strict=True)),
    )
    _check(page, int(found.sampleformat or 1))
    return page


_D50: Final = (0.3457, 0.3585)


def _check(page: TiffPage, sample_format: int) -> None:
    if sample_format not in {1, 2, 4}:
        raise unsupported("a TIFF file with fractions instead of whole numbers")
    if min(page.width, page.height, *page.block) < 1:
        raise _damaged()
    if page.block[0] * page.row_bytes > _LARGEST_BLOCK:
        raise unsupported("a TIFF file with tiles of unusual size")
    channels = page.samples if page.planar else 1
    if len(page.segments) < page.across * page.down * channels:
        raise _damaged()
    if page.compression in _JPEG_2000:
        if page.bits != 8 or page.samples not in {1, 3} or page.planar:
            raise unsupported("a TIFF file compressed with JPEG 2000 of an unusual layout")
        check_kind(replace(page, compression=1, photometric=2 if page.samples == 3 else 1))
        return
    check_kind(page)
    if page.unusual_luma_chroma and page.compression != 7:
        raise unsupported("a TIFF file with fewer samples of colour than of light")


def _from_jpeg_2000(data: bytes, page: TiffPage) -> NDArray[np.uint8]:
    from PIL import Image

    if data.rstrip(b"\0")[-2:] != END_OF_IMAGE:
        raise UnpackError
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG2000"]) as image:
            if image.size != page.block[::-1]:
                raise UnpackError
            rgb = np.asarray(image.convert("RGB" if page.samples == 3 else "L"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnpackError from error
    if page.compression == _LUMA_JPEG_2000 and page.samples == 3:
        return np.asarray(rgb_of_luma(rgb), np.uint8)
    return rgb if rgb.ndim == 3 else rgb[..., np.newaxis]


def _damaged(column: int = -1, row: int = -1) -> HeaderError:
    where = f" (tile {column + 1:,} of row {row + 1:,})" if row >= 0 else ""
    problem = f"is a damaged TIFF file{where}. Copy it again from the scanner."
    return HeaderError("unreadable-slide", problem)
