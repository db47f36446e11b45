"""Reading of a field's file, once: hash, header, pixel size and pixels come from the same bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from allstation.core.limits import DecodeLimits
from allstation.imaging import decode
from allstation.imaging.decode import DEFAULT_LIMITS, FieldInfo, RgbArray
from allstation.imaging.stated_size import stated_pixel_size


class FieldFile:
    """Content of one field's file; whatever is asked of it is computed from these bytes when it is asked.

    Every property raises :class:`StationError` as :mod:`allstation.imaging.decode` does.

    Args:
        path: The file, named in errors; not opened again.
        content: Its bytes.
        limits: Limits of header and pixels.
    """

    # Not cached_property: before Python 3.12 its lock lets one thread decode at a time, of all files.

    def __init__(self, path: Path, content: bytes, limits: DecodeLimits = DEFAULT_LIMITS) -> None:
        self.path = path
        self.content = content
        self._limits = limits
        self._sha256 = ""
        self._header: FieldInfo | None = None
        self._pixels: RgbArray | None = None

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
            return decode.squash(self._pixels, size)
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
        return decode.squash(decode.halved(self._pixels, _shrink(self._pixels, size)), size)


def _shrink(rgb: RgbArray, size: tuple[int, int]) -> int:
    return decode.reduction((rgb.shape[0], rgb.shape[1]), size)


def read_field(path: Path, limits: DecodeLimits = DEFAULT_LIMITS, *, sha256: str = "") -> FieldFile:
    """Read a field's file whole, opening it once.

    Args:
        path: The file.
        limits: Limits of file size, header and pixels.
        sha256: Hash of the bytes that were added to a case; empty to accept any.

    Raises:
        StationError: As :func:`decode.read_bytes`, and ``changed-field`` if the bytes are others.
    """
    file = FieldFile(path, decode.read_bytes(path, limits), limits)
    check_same(file, sha256)
    return file


def check_same(file: FieldFile, sha256: str) -> None:
    """Refuse a file whose bytes are not those that were added; an empty hash accepts any.

    Raises:
        StationError: ``changed-field``.
    """
    if sha256 and file.sha256 != sha256:
        raise decode.changed(file.path)
