"""WebP: header, and whether the coded data are exactly used up.

The arithmetic codes of WebP carry no checksum: behind a hole a decoder goes on with nonsense. What gives
it away is the end. A sound stream is read to its last bytes, so without them it must fail; one that was
read wrongly ends elsewhere, and does not miss them.

Sources: RFC 9649 (container, lossless), RFC 6386, section 9 (lossy frame header).
"""

# ruff: noqa: PLR2004 - the numbers are the format's own

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from allstation.imaging.formats.source import MAX_STEPS, Header, Source, damaged
from allstation.imaging.formats.tiff import exif_orientation

_LAST: Final = 3
"""Bytes without which a lossy partition fails: of 504 sound files all needed their last 3."""
_LAST_LOSSLESS: Final = 2
"""The same of lossless streams, which end in the byte of their last bit."""


@dataclass(frozen=True, slots=True)
class WebpHeader(Header):
    """Adds where the first frame's chunks are.

    Attributes:
        animated: Whether it is one of several frames.
    """

    animated: bool = False


def read_webp(source: Source) -> WebpHeader:
    """Read the first chunk, and of an extended file the flags and the orientation.

    Raises:
        HeaderError: If the file is damaged or truncated.
    """
    (length,) = source.unpack("<I", 4)
    kind = source.at(12, 4)
    end = length + 8
    if kind == b"VP8 ":
        width, height = source.unpack("<HH", 26)
        return WebpHeader("WebP", width & 0x3FFF, height & 0x3FFF, end=end)
    if kind == b"VP8L":
        (bits,) = source.unpack("<I", 21)
        return WebpHeader("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, alpha=True, end=end)
    if kind != b"VP8X":
        raise damaged("WebP")
    flags = source.at(20, 1)[0]
    width, height = (int.from_bytes(source.at(at, 3), "little") + 1 for at in (24, 27))
    orientation = _orientation(source, min(end, source.size)) if flags & 0x08 else 1
    return WebpHeader(
        "WebP",
        width,
        height,
        alpha=bool(flags & 0x10),
        orientation=orientation,
        end=end,
        animated=bool(flags & 0x02),
    )


def _orientation(source: Source, end: int) -> int:
    offset = 12
    for _ in range(MAX_STEPS):
        if offset + 8 > end:
            break
        (length,) = source.unpack("<I", offset + 4)
        if source.at(offset, 4) == b"EXIF":
            skip = 6 if source.at(offset + 8, min(6, length)) == b"Exif\0\0" else 0
            return exif_orientation(source, offset + 8 + skip, length - skip)
        offset += 8 + length + length % 2
    return 1


def check_webp(content: bytes, header: WebpHeader) -> None:
    """Check that the coded data of the first frame are used up to their end, and not before.

    Args:
        content: A file that can be decoded.
        header: Its header.

    Raises:
        HeaderError: If they are not.
    """
    chunks = dict(_chunks(content, 12))
    if header.animated and b"ANMF" in chunks:
        chunks = dict(_chunks(chunks[b"ANMF"], 16))
    if b"VP8 " in chunks:
        shortened = [_container(b"VP8 ", data) for data in _shortened_frames(chunks[b"VP8 "])]
    elif b"VP8L" in chunks:
        shortened = [_container(b"VP8L", _without_end(chunks[b"VP8L"], _LAST_LOSSLESS))]
    else:
        raise damaged("WebP")
    if any(_decodes(file) for file in shortened):
        raise damaged("WebP")


def _chunks(data: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and body of the chunks, the last of a kind first, so that a dict keeps the first."""
    found: list[tuple[bytes, bytes]] = []
    while at + 8 <= len(data) and len(found) < MAX_STEPS:
        (length,) = struct.unpack_from("<I", data, at + 4)
        found.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return reversed(found)


def _without_end(data: bytes, count: int) -> bytes:
    """Return a stream without its last bytes, of even length: a decoder would go on into the padding."""
    size = max(len(data) - count, 0)
    return data[: size - size % 2]


def _container(kind: bytes, body: bytes) -> bytes:
    padded = body + bytes(len(body) % 2)
    return struct.pack("<4sI4s4sI", b"RIFF", 12 + len(padded), b"WEBP", kind, len(body)) + padded


def _decodes(file: bytes) -> bool:
    try:
        return cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR) is not None
    except cv2.error:
        return False


def _shortened_frames(frame: bytes) -> Iterator[bytes]:
    """Yield a lossy frame once for each of its partitions, which lacks its last bytes.

    Raises:
        HeaderError: If the frame header makes no sense.
    """
    tag = int.from_bytes(frame[:3], "little")
    first = tag >> 5
    count = 1 << _Booleans(frame[10 : 10 + first]).partitions()
    sizes_at = 10 + first
    at = sizes_at + 3 * (count - 1)
    if len(frame) < at:
        raise damaged("WebP")
    if first > _LAST:
        cut = (tag & 31) | (first - _LAST) << 5
        yield cut.to_bytes(3, "little") + frame[3 : sizes_at - _LAST] + frame[sizes_at:]
    for index in range(count - 1):
        place = sizes_at + 3 * index
        size = int.from_bytes(frame[place : place + 3], "little")
        if size > _LAST:
            less = (size - _LAST).to_bytes(3, "little")
            yield frame[:place] + less + frame[place + 3 : at + size - _LAST] + frame[at + size :]
        at += size
    if len(frame) - at > _LAST:
        yield _without_end(frame.rstrip(b"\0"), _LAST)  # Zeros may be padding.


class _Booleans:
    """The arithmetic decoder of a lossy frame's header (RFC 6386, section 7.3)."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[:256].ljust(256, b"\0"), "big")
        self._left = 8 * 256
        self._range = 255

    def _bit(self) -> int:
        """Return a bit that is as likely 0 as 1."""
        split = 1 + ((self._range - 1) * 128 >> 8)
        big = split << (self._left - 8)
        bit = int(self._value >= big)
        if bit:
            self._value -= big
            self._range -= split
        else:
            self._range = split
        while self._range < 128:
            self._range <<= 1
            self._left -= 1
        return bit

    def _number(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            value = value << 1 | self._bit()
        return value

    def _optional(self, bits: int) -> None:
        if self._bit():
            self._number(bits)

    def partitions(self) -> int:
        """Return the logarithm of the count of token partitions (section 9.2 to 9.5)."""
        self._number(2)
        if self._bit():  # segments
            by_map, data = self._bit(), self._bit()
            if data:
                self._bit()
                for bits in (8, 8, 8, 8, 7, 7, 7, 7):
                    self._optional(bits)
            if by_map:
                for _ in range(3):
                    self._optional(8)
        self._number(10)  # filter
        if self._bit() and self._bit():
            for _ in range(8):
                self._optional(7)
        return self._number(2)
