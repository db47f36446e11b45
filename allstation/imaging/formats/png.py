"""PNG: header, a strict reading of its chunks, and pixels.

libpng writes on the terminal what it thinks of a file, whichever program it works for. So every chunk that
matters is checked here first, and OpenCV gets a file of those alone, about which nothing is left to say.

Source: W3C PNG, 3rd edition.
"""

# ruff: noqa: PLR2004 - the numbers are the format's own

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.formats.source import MAX_STEPS, Header, Source, damaged
from allstation.imaging.formats.tiff import exif_orientation

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7: Final = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Left, top, and distances across and down of the passes of an interlaced picture."""
_SURPLUS: Final = 1 << 16
"""Bytes that may follow the last row; some encoders compress whole blocks."""


@dataclass(frozen=True, slots=True)
class PngHeader(Header):
    """Adds what decoding needs to know.

    Attributes:
        colour: Colour type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.
        interlaced: Whether it comes in seven passes.
    """

    colour: int = 2
    interlaced: bool = False


def read_png(source: Source) -> PngHeader:
    """Walk the chunks to the end, which is the only proof that a PNG is complete.

    Raises:
        HeaderError: If the file is damaged or truncated.
    """
    width, height, depth, colour, method, filters, interlace = source.unpack(">IIBBBBB", 16)
    if depth not in _DEPTHS.get(colour, ()) or method or filters or interlace > 1:
        raise damaged("PNG")
    orientation, alpha, offset = 1, colour in {4, 6}, 8
    for _ in range(MAX_STEPS):
        (length,) = source.unpack(">I", offset)
        kind = source.at(offset + 4, 4)
        if kind == b"IEND":
            return PngHeader(
                "PNG",
                width,
                height,
                depth=depth,
                alpha=alpha,
                orientation=orientation,
                end=offset + 12,
                colour=colour,
                interlaced=bool(interlace),
            )
        if kind == b"tRNS":
            alpha = True
        elif kind == b"eXIf":
            orientation = exif_orientation(source, offset + 8, length)
        offset += 12 + length
    raise damaged("PNG")


def decode_png(content: bytes, header: PngHeader) -> NDArray[Any]:
    """Decode the picture; of an animation the one that programs show that know no animations.

    Args:
        content: The file.
        header: Its header.

    Returns:
        uint8 or uint16 (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGB with alpha.

    Raises:
        HeaderError: If it is damaged.
    """
    chunks: dict[bytes, bytes] = {}
    packed: list[bytes] = []
    for kind, body in _chunks(content):
        if kind == b"IDAT":
            packed.append(body)
        elif not packed:
            chunks.setdefault(kind, body)
    rows = _inflated(b"".join(packed), header)
    clear = chunks.get(b"tRNS", b"")
    if header.colour == 3:
        return _from_palette(_as_grey(header, rows), header, chunks.get(b"PLTE", b""), clear)
    if header.colour == 0 and len(clear) == 2:  # OpenCV loses the transparent shade of grey files.
        return _without_shade(_as_grey(header, rows), int.from_bytes(clear, "big"), header.depth)
    head = chunks.get(b"IHDR", b"")
    key = clear if header.colour == 2 and len(clear) == 6 else b""
    raw = _opened(_plain_file(head, rows, key), header, whole=header.depth > 8 or header.alpha)
    channels = 1 if raw.ndim == 2 else raw.shape[2]
    order = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}.get(channels)
    return np.asarray(raw if order is None else cv2.cvtColor(raw, order))


def _as_grey(header: PngHeader, rows: bytes) -> NDArray[Any]:
    """Return the one channel of a picture; fewer than 8 bits are spread over 8."""
    head = struct.pack(">IIBBBBB", header.width, header.height, header.depth, 0, 0, 0, int(header.interlaced))
    raw = _opened(_plain_file(head, rows, b""), header, whole=True)
    return raw if raw.ndim == 2 else np.ascontiguousarray(raw[..., 0])


def _opened(file: bytes, header: PngHeader, *, whole: bool) -> NDArray[Any]:
    try:
        flags = cv2.IMREAD_UNCHANGED if whole else cv2.IMREAD_COLOR
        raw = cv2.imdecode(np.frombuffer(file, np.uint8), flags)
    except cv2.error:
        raw = None
    if (
        raw is None
        or raw.shape[:2] != (header.height, header.width)
        or raw.dtype not in (np.uint8, np.uint16)
    ):
        raise damaged("PNG")
    return raw


def _from_palette(spread: NDArray[Any], header: PngHeader, named: bytes, clear: bytes) -> NDArray[np.uint8]:
    """Look up the colours of a picture, with alpha if one is transparent.

    Raises:
        HeaderError: If a pixel has a colour that the file does not name.
    """
    index = spread // (255 // ((1 << header.depth) - 1))
    if len(named) % 3 or int(index.max()) >= len(named) // 3:
        raise damaged("PNG")
    table = np.frombuffer(named, np.uint8).reshape(-1, 3)
    if not clear:
        return np.asarray(table[index], np.uint8)
    alpha = np.frombuffer(clear.ljust(len(table), b"\xff"), np.uint8)[: len(table)]
    return np.asarray(np.column_stack([table, alpha])[index], np.uint8)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and body of the chunks that pixels depend on.

    Raises:
        HeaderError: If a checksum is wrong.
    """
    offset = len(_SIGNATURE)
    while offset + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, offset)
        end = offset + 8 + length
        if kind in {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}:
            if content[end : end + 4] != struct.pack(">I", zlib.crc32(content[offset + 4 : end])):
                raise damaged("PNG")
            yield kind, content[offset + 8 : end]
        elif kind == b"IEND":
            return
        offset = end + 4


def _inflated(packed: bytes, header: PngHeader) -> bytes:
    """Return the filtered rows.

    Raises:
        HeaderError: If they are not exactly those of the picture, with filters that exist.
    """
    bits = header.depth * _CHANNELS[header.colour]
    passes = [
        (-(-(header.width - left) // across), -(-(header.height - top) // down))
        for left, top, across, down in (_ADAM7 if header.interlaced else ((0, 0, 1, 1),))
    ]
    sizes = [(1 + (width * bits + 7) // 8, height) for width, height in passes if width > 0 and height > 0]
    wanted = sum(row * height for row, height in sizes)
    stream = zlib.decompressobj()
    try:
        rows = stream.decompress(packed, wanted)
        if not stream.eof:
            stream.decompress(stream.unconsumed_tail, _SURPLUS)
    except zlib.error as error:
        raise damaged("PNG") from error
    if len(rows) < wanted or not stream.eof:
        raise damaged("PNG")
    at = 0
    for row, height in sizes:
        if np.frombuffer(rows, np.uint8, row * height, at)[::row].max() > 4:
            raise damaged("PNG")
        at += row * height
    return rows


def _plain_file(head: bytes, rows: bytes, clear: bytes) -> bytes:
    """Return a PNG of the necessary chunks, its rows not packed: they are unpacked already."""
    parts = [(b"IHDR", head), *([(b"tRNS", clear)] if clear else [])]
    parts += [(b"IDAT", zlib.compress(rows, 0)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
        for kind, body in parts
    )


def _without_shade(raw: NDArray[Any], shade: int, depth: int) -> NDArray[Any]:
    """Make one shade of a grey picture white, as what is transparent is laid over white."""
    value = shade if depth >= 8 else shade * 255 // ((1 << depth) - 1)
    return np.where(raw == value, np.iinfo(raw.dtype).max, raw).astype(raw.dtype)
