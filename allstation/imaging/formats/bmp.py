"""BMP: header and pixels of every depth, mask and run-length code.

OpenCV takes 16-bit pixels for 5-5-5 and 32-bit ones for B-G-R whatever masks the file names, and leaves
what a run-length code skips to chance; so the few kinds there are are put together here.

Source: Microsoft, BITMAPINFOHEADER to BITMAPV5HEADER; IBM, OS/2 2.x bitmap format.
"""

# ruff: noqa: PLR2004 - the numbers are the format's own

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.formats.source import FEWEST_BITS, Header, Source, damaged, truncated, unsupported

_RGB, _RLE8, _RLE4, _MASKS, _MASKS_WITH_ALPHA = 0, 1, 2, 3, 6
_OS2_SIZES: Final = frozenset({16, 64})
_DEFAULT_MASKS: Final = {16: (0x7C00, 0x03E0, 0x001F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}


@dataclass(frozen=True, slots=True)
class BmpHeader(Header):
    """Adds what decoding needs to know.

    Attributes:
        bits: Of a pixel: 1, 2, 4, 8, 16, 24 or 32.
        compression: As in BITMAPINFOHEADER.
        top_down: Whether the first row is the upper one.
        palette_at: Where the palette begins.
        palette_step: Bytes of a palette's entry; 0 without one.
        palette_size: Entries.
        masks: Bits of red, green, blue and alpha in a pixel of 16 or 32 bits.
    """

    bits: int = 24
    compression: int = _RGB
    top_down: bool = False
    palette_at: int = 0
    palette_step: int = 0
    palette_size: int = 0
    masks: tuple[int, ...] = ()


def read_bmp(source: Source) -> BmpHeader:
    """Read the file header and whichever of the info headers follows it.

    Raises:
        HeaderError: If the file is damaged, truncated, or of a kind that is not read.
    """
    pixels_at, size = source.unpack("<II", 10)
    compression = used = 0
    if size == 12:  # BITMAPCOREHEADER
        width, height, _, bits = source.unpack("<HHHH", 18)
    elif size == 16:
        width, height, _, bits = source.unpack("<iiHH", 18)
    elif size >= 40:
        width, height, _, bits, compression = source.unpack("<iiHHI", 18)
        (used,) = source.unpack("<I", 46)
    else:
        raise damaged("BMP")
    _check_kind(size, bits, compression)
    masks = _masks(source, size, bits, compression)
    colours = sum(mask.bit_count() for mask in masks[:3])
    if masks and colours < FEWEST_BITS:
        raise unsupported(
            f"a BMP file with {colours} bits for the colour of a pixel (too coarse for a smear)"
        )
    stride = (abs(width) * bits + 31) // 32 * 4
    whole = pixels_at + stride * abs(height) if compression not in {_RLE8, _RLE4} else 0
    beside = {_MASKS: 12, _MASKS_WITH_ALPHA: 16}.get(compression, 0) if size == 40 else 0
    return BmpHeader(
        "BMP",
        abs(width),
        abs(height),
        alpha=bool(masks and masks[3]),
        end=whole,
        data_at=pixels_at,
        bits=bits,
        compression=compression,
        top_down=height < 0,
        palette_at=14 + size + beside,
        palette_step=(3 if size == 12 else 4) if bits <= 8 else 0,
        palette_size=min(used or 1 << bits, 1 << bits) if bits <= 8 else 0,
        masks=masks,
    )


def _check_kind(size: int, bits: int, compression: int) -> None:
    if size in _OS2_SIZES and compression in {3, 4}:
        raise unsupported("an OS/2 bitmap with Huffman or 24-bit run-length codes")
    if compression in {4, 5}:
        raise unsupported("a BMP file with a JPEG or PNG inside")
    if compression not in {_RGB, _RLE8, _RLE4, _MASKS, _MASKS_WITH_ALPHA}:
        raise unsupported(f"a BMP file compressed with method {compression}")
    if bits not in {1, 2, 4, 8, 16, 24, 32}:
        raise unsupported(f"a BMP file with {bits} bits a pixel") if bits == 64 else damaged("BMP")
    if {_RLE8: 8, _RLE4: 4}.get(compression, bits) != bits or (compression >= 3 and bits not in {16, 32}):
        raise damaged("BMP")


def _masks(source: Source, size: int, bits: int, compression: int) -> tuple[int, ...]:
    if compression not in {_MASKS, _MASKS_WITH_ALPHA}:
        return _DEFAULT_MASKS.get(bits, ())
    with_alpha = compression == _MASKS_WITH_ALPHA or size >= 56
    masks = source.unpack("<4I" if with_alpha else "<3I", 54)
    masks = masks if with_alpha else (*masks, 0)
    for mask in masks:
        run = mask // (mask & -mask) if mask else 0
        if mask >> bits or run & (run + 1):
            raise damaged("BMP")
    if not all(masks[:3]):
        raise unsupported("a BMP file in which a colour has no bits")
    return masks


def decode_bmp(content: bytes, header: BmpHeader) -> NDArray[np.uint8]:
    """Decode the pixels.

    Args:
        content: The file.
        header: Its header.

    Returns:
        (H, W, 3) uint8 RGB, or (H, W, 4) with alpha.

    Raises:
        HeaderError: If it is damaged.
    """
    if header.compression in {_RLE8, _RLE4}:
        pixels = _palette(content, header)[_run_lengths(content, header)]
    else:
        stride = (header.width * header.bits + 31) // 32 * 4
        rows = np.frombuffer(content, np.uint8, stride * header.height, header.data_at)
        pixels = _plain(content, header, rows.reshape(header.height, stride))
    return np.ascontiguousarray(pixels if header.top_down else pixels[::-1])


def _plain(content: bytes, header: BmpHeader, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    width, bits = header.width, header.bits
    if bits == 24:
        bgr = np.ascontiguousarray(rows[:, : width * 3]).reshape(-1, width, 3)
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    if header.masks:
        kind = "<u2" if bits == 16 else "<u4"
        return _by_masks(np.ascontiguousarray(rows[:, : width * bits // 8]).view(kind), header)
    single = np.unpackbits(rows, axis=1, count=width * bits).reshape(len(rows), width, bits)
    index = np.packbits(single, axis=2)[..., 0] >> (8 - bits)
    return np.asarray(_palette(content, header)[index], np.uint8)


def _by_masks(values: NDArray[np.unsignedinteger], header: BmpHeader) -> NDArray[np.uint8]:
    masks = header.masks if header.alpha else header.masks[:3]
    out = np.empty((*values.shape, len(masks)), np.uint8)
    for channel, mask in enumerate(masks):
        shift = (mask & -mask).bit_length() - 1
        top = mask >> shift
        value = ((values & mask) >> shift).astype(np.int64)
        scaled = _levels(top)[value] if channel < 3 and top < 255 else (value * 255 + top // 2) // top
        out[..., channel] = scaled
    if header.alpha and not out[..., 3].any():
        return out[..., :3]  # Written by programs that name an alpha channel and leave it empty.
    return out


def _levels(top: int) -> NDArray[np.uint8]:
    """Return the grey levels that values of fewer than 8 bits stand for.

    Programs drop the lower bits, so that a value stands for several levels and is best given back as their
    middle: 5-6-5 is then off by 1.6 levels on average, and by 2.4 where 31 is made 255.
    """
    step = 256 // (top + 1)
    return (np.arange(top + 1) * step + step // 2).astype(np.uint8)


def _palette(content: bytes, header: BmpHeader) -> NDArray[np.uint8]:
    """Return 256 colours; those that the file does not name are black.

    Raises:
        HeaderError: If they lie beyond the end.
    """
    size = header.palette_size * header.palette_step
    entries = content[header.palette_at : header.palette_at + size]
    if len(entries) < size:
        raise truncated(len(content))
    table = np.zeros((256, 3), np.uint8)
    named = np.frombuffer(entries, np.uint8).reshape(-1, header.palette_step)
    table[: len(named)] = named[:, 2::-1]
    return table


def _run_lengths(content: bytes, header: BmpHeader) -> NDArray[np.uint8]:
    """Return the palette indices of a run-length coded picture; what is skipped is 0.

    Raises:
        HeaderError: If a run leaves the picture, or the data end before it does.
    """
    out = np.zeros((header.height, header.width), np.uint8)
    half = header.compression == _RLE4
    at, x, y = header.data_at, 0, 0
    while y < header.height:
        if at + 2 > len(content):
            raise truncated(len(content))
        count, value = content[at], content[at + 1]
        at += 2
        if count:
            run = np.resize(_nibbles(bytes([value])) if half else np.uint8(value), count)
        elif value == 0:
            x, y = 0, y + 1
            continue
        elif value == 1:
            if y < header.height - 1:
                raise truncated(at)
            break
        elif value == 2:
            if at + 2 > len(content):
                raise truncated(len(content))
            x, y, at = x + content[at], y + content[at + 1], at + 2
            continue
        else:
            size = (value + 1) // 2 if half else value
            packed = content[at : at + size]
            at += size + size % 2
            run = (_nibbles(packed) if half else np.frombuffer(packed, np.uint8))[:value]
            count = value
        if len(run) < count or x + count > header.width:
            raise damaged("BMP")
        out[y, x : x + count] = run
        x += count
    return out


def _nibbles(packed: bytes) -> NDArray[np.uint8]:
    values = np.frombuffer(packed, np.uint8)
    return np.stack([values >> 4, values & 15], axis=1).reshape(-1)
