"""Independent readings that take no excuse: None as soon as a coded byte makes no sense.

LZW and PackBits bear no checksum, so a hole may leave a stream that is as valid as the true one; what such
a stream says is then the only truth. Everything else is read by a library that raises or warns.
"""

from __future__ import annotations

import io
import lzma
import zlib
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import simplejpeg
import tifffile
from PIL import Image

from tests.faults.odd_case import Pixels, Samples, stderr_file

if TYPE_CHECKING:
    from tests.faults.odd_tiff import Kind


class NotReadableError(Exception):
    """The bytes are not a valid stream of the expected length."""


def inflated(data: bytes) -> bytes:
    """Decode zlib; checksum, end and length must be right."""
    stream = zlib.decompressobj()
    plain = stream.decompress(data)
    if not stream.eof:
        raise NotReadableError
    return plain


def unpacked(data: bytes) -> bytes:
    """Decode PackBits (TIFF 6.0, section 9)."""
    out, at = bytearray(), 0
    while at < len(data):
        head = data[at]
        if head < 128:
            piece = data[at + 1 : at + 2 + head]
            if len(piece) != head + 1:
                raise NotReadableError
            at += 2 + head
        elif head == 128:
            piece, at = b"", at + 1
        else:
            if at + 1 >= len(data):
                raise NotReadableError
            piece, at = data[at + 1 : at + 2] * (257 - head), at + 2
        out += piece
    return bytes(out)


def unlzw(data: bytes) -> bytes:
    """Decode LZW (TIFF 6.0, section 13), which ends with its own mark."""
    out, table, previous = bytearray(), [], b""
    bits, width, held = 0, 9, 0
    for byte in data:
        held, bits = held << 8 | byte, bits + 8
        if bits < width:
            continue
        bits -= width
        code, held = held >> bits, held & ((1 << bits) - 1)
        if code == 257:
            return bytes(out)
        if code == 256:
            table, width, previous = [bytes([value]) for value in range(256)] + [b"", b""], 9, b""
            continue
        if code > len(table) or (code == len(table) and not previous) or not table:
            raise NotReadableError
        entry = table[code] if code < len(table) else previous + previous[:1]
        if previous:
            table.append(previous + entry[:1])
        out += entry
        previous = entry
        if len(table) > 4095 + 1:
            raise NotReadableError
        width = min(max((len(table) + 1).bit_length(), 9), 12)
    raise NotReadableError


def check_jpeg(data: bytes) -> None:
    """Raise at the first warning of libjpeg."""
    inks = simplejpeg.decode_jpeg_header(data, strict=True)[2] in {"CMYK", "YCCK"}
    simplejpeg.decode_jpeg(data, colorspace="CMYK" if inks else "RGB", strict=True)


def jpeg_reading(data: bytes) -> Pixels | None:
    """Read a baseline or progressive JPEG; None at the first warning of libjpeg."""
    try:
        check_jpeg(data)
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))
    except (ValueError, OSError, SyntaxError):
        return None


def _segment(coded: bytes, kind: Kind) -> bytes | Samples:
    byte_codecs = {
        "deflate": inflated,
        "old-deflate": inflated,
        "packbits": unpacked,
        "lzw": unlzw,
        "lzma": lzma.decompress,
        "zstd": imagecodecs.zstd_decode,
    }
    if kind.codec in byte_codecs:
        return byte_codecs[kind.codec](coded)
    if kind.codec == "jpeg":
        check_jpeg(coded)
        return imagecodecs.jpeg8_decode(coded)
    whole = {
        "jpeg2000": imagecodecs.jpeg2k_decode,
        "jpegxl": imagecodecs.jpegxl_decode,
        "png": imagecodecs.png_decode,
        "webp": imagecodecs.webp_decode,
        "lerc": imagecodecs.lerc_decode,
        "jpegxr": imagecodecs.jpegxr_decode,
    }
    if kind.codec not in whole:
        raise NotReadableError
    with stderr_file() as said:
        plain = whole[kind.codec](coded)
    if said[0].strip():
        raise NotReadableError
    return plain


def tiff_reading(content: bytes, kind: Kind) -> Pixels | None:
    """Read a TIFF of a known kind; None if one of its segments is not valid."""
    from tests.faults import odd_tiff

    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            places = zip(file.pages[0].dataoffsets, file.pages[0].databytecounts, strict=True)
            for index, (at, count) in enumerate(places):
                plain = _segment(content[at : at + count], kind)
                wanted = _wanted(kind, index)
                if (len(plain) if isinstance(plain, bytes) else plain.nbytes) != wanted:
                    return None
            raw = file.pages[0].asarray()
    except Exception:
        return None
    raw = np.moveaxis(raw, 0, -1) if kind.planar else raw
    return odd_tiff.truth_of(kind, raw.reshape(*kind.size, -1))


def _wanted(kind: Kind, index: int) -> int:
    """Return the bytes that a segment must decode to."""
    from tests.faults import odd_tiff

    raw = odd_tiff.samples_of(kind)
    parts = [part for _, _, part in odd_tiff.pieces(raw[..., :1] if kind.planar else raw, kind.layout)]
    part = parts[index % len(parts)]
    if kind.bits in {8, 16, 32, 64}:
        return part.nbytes
    return part.shape[0] * -(-part.shape[1] * part.shape[2] * kind.bits // 8)
