"""Reading of a field, once: hash, header, pixel size and pixels come from the same bytes.

A field is a file of its own, or a part of a slide (:mod:`allstation.core.slide_part`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import cv2

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.slide_info import SlideInfo
from allstation.core.slide_part import Region, SlidePart, slide_field_sha256, split_part
from allstation.imaging.formats import decode, pixel_conversions
from allstation.imaging.formats.decode import DEFAULT_LIMITS, FieldInfo
from allstation.imaging.formats.pixel_conversions import RgbArray
from allstation.imaging.formats.stated_size import stated_pixel_size
from allstation.imaging.slides.pool import slide_pool

_TRIES: Final = 3
"""Readings of a part of a slide whose file changes meanwhile."""


class FieldFile:
    """Content of one field's file; whatever is asked of it is computed from these bytes when it is asked.

    Every property raises :class:`StationError` as :mod:`allstation.imaging.formats.decode` does.

    Args:
        path: The file, named in errors; not opened again.
        content: Its bytes.
        limits: Limits of header and pixels.
    """

    # Not cached_property: before Python 3.12 its lock lets one thread decode at a time, of all files.

    def __init__(self, path: Path, content: bytes, limits: DecodeLimits = DEFAULT_LIMITS) -> None:
        self.path = path
        self._content = content
        self._limits = limits
        self._sha256 = ""
        self._header: FieldInfo | None = None
        self._pixels: RgbArray | None = None

    @property
    def content(self) -> bytes:
        """Bytes of the file; of a part of a slide those of a PNG with its pixels."""
        return self._content

    @property
    def held_bytes(self) -> int:
        """Memory that it takes once its pixels are decoded."""
        return len(self._content) + 3 * self.header.width * self.header.height

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, hexadecimal."""
        self._sha256 = self._sha256 or hashlib.sha256(self.content).hexdigest()
        return self._sha256

    @property
    def header(self) -> FieldInfo:
        """Format, size and pages."""
        if self._header is None:
            self._header = decode.probe(self.path, self._limits, data=self.content)
        return self._header

    @property
    def pixel_size(self) -> float | None:
        """Width of a pixel in micrometres, None if the file states none."""
        return stated_pixel_size(self.content)

    @property
    def pixels(self) -> RgbArray:
        """(H, W, 3) uint8 RGB at full size, decoded once and kept."""
        if self._pixels is None:
            self._pixels = decode.decode(self.path, self._limits, data=self.content)
        return self._pixels

    def reduced(self, size: tuple[int, int]) -> RgbArray:
        """Return the pixels squashed to ``size`` (h, w), the bytes that ``decode_reduced`` gives.

        Pixels that are decoded already are used where that makes no difference.
        """
        if self._pixels is not None and _shrink(self._pixels, size) == 1:
            return pixel_conversions.squash(self._pixels, size)
        return decode.decode_reduced(self.path, size, self._limits, data=self.content)

    def shrunk(self, size: tuple[int, int], *, most: int = 8) -> RgbArray:
        """Return the picture that :meth:`reduced` samples, by one decoding: squashed, it gives those bytes.

        Args:
            size: Height and width that are sampled.
            most: How far to shrink at most; less than usual costs a decoding of its own.
        """
        if self._pixels is not None and min(_shrink(self._pixels, size), most) == 1:
            return self._pixels
        return decode.decode_shrunk(self.path, size, self._limits, data=self.content, most=most)

    def thumbnail(self, size: tuple[int, int]) -> RgbArray:
        """Return a small picture (h, w), from pixels that are decoded already if there are any.

        Of a JPEG it may then differ from :meth:`reduced` by how the decoder shrinks.
        """
        if self._pixels is None:
            return self.reduced(size)
        return pixel_conversions.squash(
            pixel_conversions.halved(self._pixels, _shrink(self._pixels, size)), size
        )


class PartFile(FieldFile):
    """Field that is a part of a slide: its pixels are there from the start, and nothing is asked of a file.

    Args:
        path: Path of the part.
        pixels: (h, w, 3) uint8 RGB.
        sha256: What stands for its hash (:func:`allstation.core.slide_part.slide_field_sha256`).
        info: Facts of the slide.
        part: The part.
    """

    def __init__(
        self, path: Path, pixels: RgbArray, *, sha256: str, info: SlideInfo, part: SlidePart
    ) -> None:
        super().__init__(path, b"")
        self._pixels = pixels
        self._sha256 = sha256
        self._pixel_um = info.pixel_um_at(part.level) if isinstance(part, Region) else info.pixel_um
        height, width = pixels.shape[:2]
        self._header = FieldInfo(info.format, width, height, 1, pixels.nbytes)

    @property
    def content(self) -> bytes:
        """Bytes of a PNG with its pixels, made when they are asked for."""
        if not self._content:
            done, png = cv2.imencode(".png", cv2.cvtColor(self.pixels, cv2.COLOR_RGB2BGR))
            self._content = png.tobytes() if done else b""
        return self._content

    @property
    def pixel_size(self) -> float | None:
        """Width of a pixel in micrometres at the level of the part, None if the slide states none."""
        return self._pixel_um

    def reduced(self, size: tuple[int, int]) -> RgbArray:
        """Return the pixels squashed to ``size`` (h, w), as those of a file without JPEG compression are."""
        return pixel_conversions.squash(self.shrunk(size), size)

    def shrunk(self, size: tuple[int, int], *, most: int = 8) -> RgbArray:
        """Return the picture that :meth:`reduced` samples; arguments as those of a file's."""
        return pixel_conversions.halved(self.pixels, min(_shrink(self.pixels, size), most))


def _shrink(rgb: RgbArray, size: tuple[int, int]) -> int:
    return pixel_conversions.reduction((rgb.shape[0], rgb.shape[1]), size)


def read_field(path: Path, limits: DecodeLimits = DEFAULT_LIMITS, *, sha256: str = "") -> FieldFile:
    """Read a field whole: its file, opened once, or a part of a slide that is kept open for the next one.

    Args:
        path: The file, or the path of a part of a slide.
        limits: Limits of file size, header and pixels.
        sha256: Hash of the bytes that were added to a case; empty to accept any. A part of a slide is held
            against the fingerprint of the slide's file as it is now.

    Raises:
        StationError: As :func:`~allstation.imaging.formats.decode.read_bytes`, and ``changed-field`` if the
            bytes are others; of a part as :func:`allstation.imaging.readers.open_slide` and its ``read`` do.
    """
    found = split_part(path)
    if found is not None:
        return _read_part(path, *found, limits=limits, sha256=sha256)
    file = FieldFile(path, decode.read_bytes(path, limits), limits)
    check_same(file, sha256)
    return file


def _read_part(path: Path, slide: Path, part: SlidePart, *, limits: DecodeLimits, sha256: str) -> PartFile:
    for _ in range(_TRIES):
        with slide_pool().opened(slide, limits) as opened:
            said = slide_field_sha256(opened.fingerprint, part)
            if sha256 and said != sha256:
                raise decode.changed(slide)
            pixels = opened.reader.read(part)
            # A file that was changed since its fingerprint was taken may have given other pixels.
            if opened.is_unchanged():
                _require_size(path, pixels, limits)
                return PartFile(path, pixels, sha256=said, info=opened.reader.info, part=part)
    raise decode.changed(slide)


def _require_size(path: Path, pixels: RgbArray, limits: DecodeLimits) -> None:
    height, width = pixels.shape[:2]
    if min(height, width) < limits.min_side:
        sentence = (
            f"The part {path.name} of a slide has {width} x {height} pixels; at least "
            f"{limits.min_side} a side are needed. Choose a larger one."
        )
        raise StationError("too-small", sentence)


def check_same(file: FieldFile, sha256: str) -> None:
    """Refuse a file whose bytes are not those that were added; an empty hash accepts any.

    Raises:
        StationError: ``changed-field``.
    """
    if sha256 and file.sha256 != sha256:
        raise decode.changed(file.path)
