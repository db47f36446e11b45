"""Unpacks the strips and tiles of a TIFF, strictly: too few or too many bytes are damage.

libtiff fills what is missing with black and says nothing, so it is not asked. Deflate and LZMA carry
checksums, which are compared. LZW and PackBits carry none: a hole is told by the count of bytes that
come out of the rest.

Sources: TIFF 6.0, sections 9 (PackBits) and 13 (LZW); RFC 1950 (zlib); the xz file format 1.1.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

_CLEAR: Final = 256
_END: Final = 257
_FIRST: Final = 258
"""First code of LZW that stands for a string."""
_TABLE: Final = 4096
"""Codes that LZW can tell apart, 12 bits."""
_NO_OPERATION: Final = 128


class UnpackError(Exception):
    """A strip or tile does not hold what it should."""


def unpack_deflate(data: bytes, limit: int) -> bytes:
    """Return what a zlib stream holds, its checksum compared.

    Args:
        data: The stream.
        limit: Bytes beyond which it is not read on.

    Raises:
        UnpackError: If it is damaged, ends early or holds more than ``limit``.
    """
    stream = zlib.decompressobj()
    try:
        out = stream.decompress(data, limit)
        more = b"" if stream.eof else stream.decompress(stream.unconsumed_tail, 1)
    except zlib.error as error:
        raise UnpackError from error
    if more or not stream.eof:
        raise UnpackError
    return out


def unpack_lzma(data: bytes, limit: int) -> bytes:
    """Return what an xz stream holds, its checksum compared; arguments and errors as ``unpack_deflate``."""
    import lzma

    stream = lzma.LZMADecompressor(memlimit=1 << 28)
    try:
        out = stream.decompress(data, limit)
        more = b"" if stream.eof else stream.decompress(b"", 1)
    except (lzma.LZMAError, EOFError) as error:
        raise UnpackError from error
    if more or not stream.eof:
        raise UnpackError
    return out


def unpack_packbits(data: bytes, limit: int) -> bytes:
    """Return what runs and copies hold; arguments and errors as ``unpack_deflate``."""
    parts: list[bytes] = []
    at, size, end = 0, 0, len(data)
    while at < end and size < limit:
        control = data[at]
        if control < _NO_OPERATION:
            part = data[at + 1 : at + 2 + control]
            at += 2 + control
        elif control > _NO_OPERATION:
            part = data[at + 1 : at + 2] * (257 - control)
            at += 2
        else:
            at += 1
            continue
        parts.append(part)
        size += len(part)
    # Some writers fill up to an even length.
    if at > end or size > limit or end - at > 1:
        raise UnpackError
    return b"".join(parts)


def _code_places(early: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the width of each code after a clear code, and where it begins, in bits.

    Args:
        early: Codes by which the width grows too early: 1, as every writer of TIFF 6.0 does.
    """
    number = np.arange(_TABLE - _FIRST + 2)
    entries = _FIRST + np.maximum(number - 1, 0) + early
    widths = 9 + (entries >= 512).astype(np.int64) + (entries >= 1024) + (entries >= 2048)  # noqa: PLR2004
    return widths, np.concatenate(([0], np.cumsum(widths)))


_PLACES: Final = _code_places(1)
_OLD_PLACES: Final = _code_places(0)
"""Of TIFF before 5.0, whose codes begin at the lowest bit of a byte (libtiff, ``LZWDecodeCompat``)."""


def unpack_lzw(data: bytes, limit: int) -> bytes:
    """Return what the codes hold; arguments and errors as ``unpack_deflate``.

    The codes between two clear codes have known places, so they are read and turned into strings as
    arrays: about 60 ns a byte, where a loop takes ten times as long.
    """
    parts: list[NDArray[np.uint8]] = []
    size = 0
    for codes in _code_runs(data):
        parts.append(_strings(codes))
        size += parts[-1].size
        if size > limit:
            raise UnpackError
    return np.concatenate(parts).tobytes() if parts else b""


def measure_lzw(data: bytes, limit: int) -> int:
    """Return the count of bytes that ``unpack_lzw`` would, in half its time."""
    size = 0
    for codes in _code_runs(data):
        lengths, _, _ = _resolved(codes)
        size += int(lengths.sum())
        if size > limit:
            raise UnpackError
    return size


def _code_runs(data: bytes) -> Iterator[NDArray[np.int32]]:
    """Yield the codes between two clear codes, up to the end code or the end of the data."""
    padded = np.frombuffer(data + bytes(4), np.uint8).astype(np.uint32)
    # Each begins with a clear code, which tells the old codes by their first nine bits.
    old = len(data) > 1 and data[0] == 0 and bool(data[1] & 1)
    first, last = (padded[2:], padded[:-2]) if old else (padded[:-2], padded[2:])
    words = (first << 16) | (padded[1:-1] << 8) | last
    all_widths, all_places = _OLD_PLACES if old else _PLACES
    at, bits = 0, 8 * len(data)
    while True:
        count = min(int(np.searchsorted(all_places, bits - at, "right")) - 1, len(all_widths))
        if count <= 0:
            return
        places = at + all_places[:count]
        widths = all_widths[:count]
        shifts = places & 7 if old else 24 - (places & 7) - widths
        codes = (words[places >> 3] >> shifts) & ((1 << widths) - 1)
        stops = np.flatnonzero((codes == _CLEAR) | (codes == _END))
        stop = int(stops[0]) if stops.size else count
        if stop:
            yield codes[:stop].astype(np.int32)
        if not stops.size or codes[stop] == _END:
            return
        at += int(all_places[stop + 1])


def _resolved(codes: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return for each code the length of its string, the code that it leads to, and the literal at its root.

    Code ``258 + i`` is the string of code i and the first byte of the string of code i + 1. So each code
    is its last byte, preceded by the string of the code it leads to; a literal leads to itself.
    """
    numbers = np.arange(codes.size, dtype=np.int32)
    literal = codes < _CLEAR
    before = np.where(literal, numbers, codes - _FIRST)
    if (before >= numbers)[~literal].any():
        raise UnpackError
    lengths, roots = (~literal).astype(np.int32), before
    while not np.array_equal(further := roots[roots], roots):
        lengths, roots = lengths + lengths[roots], further
    return lengths + 1, before, roots


def _strings(codes: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Return the bytes of the codes after one clear code."""
    lengths, before, roots = _resolved(codes)
    literal = codes < _CLEAR
    ends = np.cumsum(lengths)
    firsts = codes[roots]
    lasts = np.where(literal, codes, firsts[np.minimum(before + 1, codes.size - 1)]).astype(np.uint8)
    out = np.empty(int(ends[-1]), np.uint8)
    places = ends - 1
    out[places] = lasts
    current = np.arange(codes.size, dtype=np.int32)
    while (left := ~literal[current]).any():
        current, places = before[current[left]], places[left] - 1
        out[places] = lasts[current]
    return out
