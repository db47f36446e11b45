"""Pixels of a TIFF page: every strip and tile is unpacked strictly, then put in its place.

libtiff leaves memory as it was, or black, where a strip is damaged or its layout is not one that it
knows. Here each strip has exactly the bytes that its rows need, or the file is refused; a pixel that
no strip holds cannot come out.

Sources: TIFF 6.0, sections 8, 14 (predictor), 15 (tiles), 16 (CMYK), 18 (alpha).
"""

# ruff: noqa: PLR2004 - the numbers are the format's own

from __future__ import annotations

import io
import struct
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.formats.jpeg import decode_segment
from allstation.imaging.formats.source import Source, damaged, unsupported
from allstation.imaging.formats.tiff import TiffHeader, read_tiff
from allstation.imaging.formats.tiff_page import FAX, TiffPage
from allstation.imaging.formats.tiff_strips import (
    UnpackError,
    measure_lzw,
    unpack_deflate,
    unpack_lzma,
    unpack_lzw,
    unpack_packbits,
)

Samples = NDArray[Any]
"""(H, W, C) uint8 or uint16, or (H, W) where there is one channel."""

_UNPACK: Final = {
    5: unpack_lzw,
    8: unpack_deflate,
    32773: unpack_packbits,
    32946: unpack_deflate,
    34925: unpack_lzma,
}
UNPACKED_HERE: Final = frozenset({1, 5, 8, 32773, 32946})
"""Compressions whose strips are put together by NumPy and zlib alone."""
_REVERSED: Final = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def decode_tiff(content: bytes, header: TiffHeader) -> Samples:
    """Decode the page that is shown, without orientation.

    Args:
        content: The file.
        header: Its header.

    Returns:
        (H, W, C) uint8, or uint16 if it has more than 8 bits: grey, RGB, or either with alpha.

    Raises:
        HeaderError: If a strip or tile is damaged.
    """
    try:
        if len(header.pages) == 1 and header.pages[0].by_library:
            return _by_library(content, header)
        if len(header.pages) == 3:
            return np.concatenate([in_colours(_stored(content, page), page) for page in header.pages], axis=2)
        return in_colours(_stored(content, header.pages[0]), header.pages[0])
    except (UnpackError, ValueError) as error:
        raise damaged("TIFF") from error


def _stored(content: bytes, page: TiffPage) -> Samples:
    """Return the samples of a page as stored: (H, W, C), C those that are shown."""
    shown = page.colours + bool(page.alpha)
    kind = np.uint16 if page.bits > 8 else np.uint8
    out = np.empty((page.height, page.width, shown), kind)
    grid = page.down * page.across
    for index, (offset, size) in enumerate(page.segments):
        channel, number = divmod(index, grid)
        if channel >= shown:
            break
        row, column = divmod(number, page.across)
        top, left = row * page.block[0], column * page.block[1]
        rows = page.block[0] if page.tiled else min(page.block[0], page.height - top)
        block = unpack_block(content[offset : offset + size], page, rows)
        part = out[top : top + page.block[0], left : left + page.block[1]]
        block = block[: part.shape[0], : part.shape[1]]
        if page.planar:
            part[..., channel] = block[..., 0]
        else:
            part[...] = block[..., :shown]
    return out


def unpack_block(data: bytes, page: TiffPage, rows: int) -> Samples:
    """Return the samples of a strip or tile: (rows, columns, channels).

    Raises:
        UnpackError: If it is damaged.
    """
    channels = 1 if page.planar else page.samples
    columns = page.block[1]
    if page.compression == 7:
        block = decode_segment(data, page.tables, channels=channels, transform=page.photometric == 6)
        if block.shape[0] < rows or block.shape[1] != columns:
            raise UnpackError
        return block[:rows]
    if page.compression in FAX:
        return _from_fax(data, page, rows)
    flat = np.frombuffer(_unpacked(data, page, rows), np.uint8).reshape(rows, page.row_bytes)
    if page.bits == 8:
        samples: Samples = flat.reshape(rows, columns, channels)
    elif page.bits == 16:
        samples = flat.view(f"{page.byte_order}u2").reshape(rows, columns, channels).astype(np.uint16)
    else:
        samples = _from_bits(flat, page.bits, columns * channels).reshape(rows, columns, channels)
    if page.predicted:
        samples = np.cumsum(samples, axis=1, dtype=samples.dtype)
    return samples


def _unpacked(data: bytes, page: TiffPage, rows: int) -> bytes:
    """Return exactly the bytes of the rows of a strip or tile; one of no bytes was never written.

    Raises:
        UnpackError: If it holds fewer, or more than a full strip has.
    """
    if page.reversed_bits:
        data = data.translate(_REVERSED)
    wanted = rows * page.row_bytes
    if page.compression == 1:
        unpacked = data[:wanted]
    else:
        unpacked = _UNPACK[page.compression](data, page.block[0] * page.row_bytes)
    # Some writers fill up the last strip.
    if len(unpacked) not in {wanted, page.block[0] * page.row_bytes}:
        raise UnpackError
    return unpacked[:wanted]


def _from_bits(flat: NDArray[np.uint8], bits: int, count: int) -> Samples:
    """Return samples of any depth, most significant bit first, each row beginning at a byte."""
    single = np.unpackbits(flat, axis=1, count=count * bits).reshape(flat.shape[0], count, bits)
    kind = np.uint16 if bits > 8 else np.uint8
    samples = np.zeros(single.shape[:2], kind)
    for bit in range(bits):
        samples = (samples << 1) | single[..., bit]
    # Depths beyond 8 are told apart in steps of two.
    return samples << 1 if bits > 8 and bits % 2 else samples


def in_colours(stored: Samples, page: TiffPage) -> Samples:
    """Turn stored samples into grey or RGB, with the alpha channel if there is one."""
    if page.signed and stored.max() > 127:
        raise unsupported("a TIFF file with negative samples")
    colour, alpha = stored[..., : page.colours], stored[..., page.colours :]
    top = (1 << page.bits + (page.bits > 8 and page.bits % 2)) - 1
    if page.photometric == 3:
        return _from_palette(colour[..., 0], page)
    if page.photometric == 0:
        colour = top - colour
    if page.photometric == 5:
        colour = _from_inks(colour)
    if page.photometric == 8:
        colour, alpha = _from_lab(colour, page.white_point), _upper_byte(alpha)
    if page.photometric == 6 and (page.planar or page.compression != 7):
        colour = rgb_of_luma(colour)
    whole = np.concatenate([colour, alpha], axis=2) if alpha.size else colour
    if page.bits < 8:
        table = (np.arange(top + 1) * 255 + top // 2) // top
        whole = table.astype(np.uint8)[whole]
    return np.ascontiguousarray(whole)


def _from_palette(index: Samples, page: TiffPage) -> Samples:
    """Look the colours up; some writers store 8 bits where the format wants 16 (libtiff, checkcmap)."""
    table = np.array(page.palette[: 3 << page.bits], np.uint16).reshape(3, -1).T
    return np.asarray((table >> 8 if table.max() > 255 else table).astype(np.uint8)[index], np.uint8)


def _from_lab(stored: Samples, white_point: tuple[float, float]) -> NDArray[np.uint8]:
    """Return sRGB of CIELab (TIFF 6.0, section 23), adapted from its white to D65 by Bradford's matrix."""
    top, step = (255, 1) if stored.dtype == np.uint8 else (65535, 256)
    signed = stored[..., 1:].view(np.int8 if step == 1 else np.int16).astype(np.float32) / step
    middle = (stored[..., 0].astype(np.float32) * (100 / top) + 16) / 116
    nonlinear = np.stack([middle + signed[..., 0] / 500, middle, middle - signed[..., 1] / 200], axis=-1)
    relative = np.where(
        nonlinear > 6 / 29, nonlinear * nonlinear * nonlinear, (nonlinear - 4 / 29) * (108 / 841)
    )
    x, y = white_point
    white = np.array([x / y, 1, (1 - x - y) / y])
    cones = np.diag(_BRADFORD @ _D65 / (_BRADFORD @ white))
    change = _SRGB_OF_XYZ @ np.linalg.inv(_BRADFORD) @ cones @ _BRADFORD @ np.diag(white)
    linear = np.clip(relative @ change.T.astype(np.float32), 0, 1)
    light = np.linspace(0, 1, 1 << 16)
    shown = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
    levels = (shown * 255 + 0.5).astype(np.uint8)
    return np.asarray(levels[(linear * 65535 + 0.5).astype(np.uint16)], np.uint8)


_D65: Final = np.array([0.95047, 1, 1.08883])
_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_SRGB_OF_XYZ: Final = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.969266, 1.8760108, 0.041556],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)


def _upper_byte(samples: Samples) -> Samples:
    return samples if samples.dtype == np.uint8 else (samples >> 8).astype(np.uint8)


def _from_inks(inks: Samples) -> Samples:
    """Return RGB of 8-bit or 16-bit CMYK without a profile, as libtiff does."""
    top = np.iinfo(inks.dtype).max
    light = top - inks.astype(np.uint64)
    return (light[..., :3] * light[..., 3:] // top).astype(inks.dtype)


def rgb_of_luma(stored: Samples) -> Samples:
    """Return RGB of 8-bit YCbCr in the full range (ITU-R BT.601, as JFIF has it)."""
    luma, blue, red = np.moveaxis(stored.astype(np.float32), -1, 0)
    blue, red = blue - 128, red - 128
    mixed = [luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue]
    return np.clip(np.stack(mixed, axis=-1) + 0.5, 0, 255).astype(np.uint8)


def _by_library(content: bytes, header: TiffHeader) -> Samples:
    """Let OpenCV decode a file whose strips are sound, or do it here where a tag is too odd for it.

    Raises:
        HeaderError: If it cannot be told whether they are.
        UnpackError: If they are not.
    """
    page = header.pages[0]
    if page.compression in _UNPACK:
        _check_strips(content, page)
    copy = bytearray(content)
    for offset, value in header.patches:
        copy[offset : offset + len(value)] = value
    bgr = cv2.imdecode(np.frombuffer(copy, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None and page.compression == 5 and page.photometric != 6:
        return in_colours(_stored(content, page), page)
    if bgr is None or bgr.shape[:2] != (page.height, page.width):
        raise UnpackError
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _check_strips(content: bytes, page: TiffPage) -> None:
    """Raise ``UnpackError`` if a strip has not the bytes that it should."""
    across, down = page.subsampling
    chroma = page.photometric == 6
    for index, (offset, size) in enumerate(page.segments):
        rows = min(page.block[0], page.height - index * page.block[0])
        full, wanted = (
            -(-page.width // across) * -(-count // down) * (across * down + 2)
            if chroma
            else count * page.row_bytes
            for count in (page.block[0], rows)
        )
        data = content[offset : offset + size]
        data = data.translate(_REVERSED) if page.reversed_bits else data
        lzw = page.compression == 5
        found = measure_lzw(data, full) if lzw else len(_UNPACK[page.compression](data, full))
        if found not in {wanted, full}:
            raise UnpackError


def _from_fax(data: bytes, page: TiffPage, rows: int) -> Samples:
    """Return the samples of a strip or tile of fax codes, decoded as a file of its own.

    Fax codes carry no checksum, and have one spelling: they are sound if the samples give them again.

    Raises:
        HeaderError: If the codes are others.
    """
    plain = data.translate(_REVERSED) if page.reversed_bits else data
    for options in _FAX_OPTIONS[page.compression]:
        tags = {256: page.block[1], 257: rows, 258: 1, 259: page.compression, 262: 1, 277: 1, 278: rows}
        tags |= {273: _FAX_AT, 279: len(plain)} | ({292: options} if options else {})
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
        head = struct.pack("<4sIH", b"II*\0", 8, len(tags)) + entries + bytes(4)
        file = np.frombuffer(head.ljust(_FAX_AT, b"\0") + plain, np.uint8)
        samples = cv2.imdecode(file, cv2.IMREAD_GRAYSCALE)
        if samples is not None and _fax(samples > 0, page.compression, options) == plain:
            return np.asarray(samples > 0, np.uint8)[..., np.newaxis]
    raise unsupported("a TIFF file with fax codes that are damaged or of an unusual program")


def _fax(set_bits: NDArray[np.bool_], compression: int, options: int) -> bytes:
    """Return the codes that libtiff writes for some rows, with the options of tag 292."""
    from PIL import Image

    buffer = io.BytesIO()
    info = {262: 1, 278: len(set_bits)}
    if options:
        info[292] = options
    Image.fromarray(set_bits).save(buffer, "TIFF", compression=_FAX_NAMES[compression], tiffinfo=info)
    written = read_tiff(Source(buffer, buffer.tell()), "<", max_frames=1).pages[0]
    return b"".join(buffer.getvalue()[at : at + size] for at, size in written.segments)


_FAX_AT: Final = 256
"""Offset of the codes in a file made for them, behind its directory."""
_FAX_OPTIONS: Final = {2: (0,), 3: (0, 4, 1, 5), 4: (0,)}
"""Of group 3: rows may be coded by the one above (1), and may end at whole bytes (4)."""
_FAX_NAMES: Final = {2: "tiff_ccitt", 3: "group3", 4: "group4"}
