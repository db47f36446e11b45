"""TIFF files by how their strips are coded: LZW, fill order, YCbCr without JPEG, JPEG and its tables."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator
from typing import Any

import imagecodecs
import numpy as np

from tests.faults.odd_case import (
    LOSSY,
    MUST_BE_RIGHT,
    REFUSED,
    ROUNDED,
    Case,
    Pixels,
    Samples,
    as_rgb,
    from_ycbcr,
    picture,
    to_ycbcr,
)
from tests.faults.odd_hand import bare, case, page, recoded
from tests.faults.odd_jpeg import plain as jpeg_file
from tests.faults.odd_jpeg import read as jpeg_read
from tests.faults.odd_jpeg import saved as jpeg_saved
from tests.faults.odd_jpeg import segments as jpeg_segments
from tests.faults.tiff_writer import LONG, RATIONAL, SHORT, UNDEFINED, Value, tiff

REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
"""Each byte with its bits in the other order."""


def old_lzw(data: bytes) -> bytes:
    """Encode as TIFF before 5.0: codes begin at a byte's lowest bit, and grow one code later."""
    table, free, width, before = {bytes([value]): value for value in range(256)}, 258, 9, b""
    coded, size = 256, 9
    for value in data:
        longer = before + bytes([value])
        if longer in table:
            before = longer
            continue
        coded, size = coded | table[before] << size, size + width
        table[longer], free, before = free, free + 1, longer[-1:]
        width += free == (1 << width) + 1
    for code in (table[before], 257):
        coded, size = coded | code << size, size + width
    return coded.to_bytes(-(-size // 8), "little")


def lzw() -> Iterator[Case]:
    """Yield LZW of the oldest programs, and beside tags that stop libtiff."""
    base = picture(48, 64)
    gray = base[..., 1]
    strips = page(base, rows=7)
    yield case("lzw-old", tiff([recoded(strips, 5, old_lzw)]), base, verdict=MUST_BE_RIGHT)
    yield case("lzw-old-gray", tiff([recoded(page(gray), 5, old_lzw)]), as_rgb(gray), verdict=MUST_BE_RIGHT)
    deep = base.astype(np.uint16) * 257
    yield case("lzw-old-16", tiff([recoded(page(deep, rows=3), 5, old_lzw)]), base, tolerance=ROUNDED)
    odd: dict[str, dict[int, Value]] = {
        "format-undefined": {339: (SHORT, [4] * 3)},
        "extra-too-many": {338: (SHORT, [2])},
        "rows-per-strip-large": {278: (LONG, [1 << 31])},
        "types-byte": {262: (1, [2]), 277: (1, [3])},
        "subfile-type-8": {254: (LONG, [8])},
    }
    for name, tags in odd.items():
        made = page(base, rows=48, tags=tags)
        yield case(f"lzw-{name}", tiff([recoded(made, 5, imagecodecs.lzw_encode)]), base)


def reversed_bits() -> Iterator[Case]:
    """Yield files of fill order 2, whose coded bytes are read from their lowest bit on."""
    base = picture(48, 64)
    gray = base[..., 1]
    bilevel = np.packbits(gray >> 7, axis=1)
    one = {256: (LONG, [64]), 258: (SHORT, [1]), 266: (SHORT, [2])}
    shown = as_rgb((gray >> 7) * 255)
    turned: dict[int, Value] = {266: (SHORT, [2])}
    words = "fill|bit order|reversed|TIFF"
    flat = page(bilevel, rows=48, tags=dict(one))
    made = {
        "bilevel": (recoded(flat, 1, lambda data: data.translate(REVERSED)), shown),
        "bilevel-packbits": (
            recoded(flat, 32773, lambda data: bytes(imagecodecs.packbits_encode(data)).translate(REVERSED)),
            shown,
        ),
        "rgb": (recoded(page(base, tags=turned), 1, lambda data: data.translate(REVERSED)), base),
        "rgb-lzw": (
            recoded(
                page(base, tags=turned), 5, lambda d: bytes(imagecodecs.lzw_encode(d)).translate(REVERSED)
            ),
            base,
        ),
        "rgb-deflate": (
            recoded(page(base, tags=turned), 8, lambda data: zlib.compress(data).translate(REVERSED)),
            base,
        ),
    }
    for name, (what, truth) in made.items():
        yield case(f"fill-order-2-{name}", tiff([what]), truth, words=words)


def subsampled(ycc: Samples, across: int, down: int) -> tuple[bytes, Samples]:
    """Return YCbCr packed in units of a luma block with one pair of chroma, and what is left of it."""
    height, width = ycc.shape[:2]
    rows = -(-height // down) * down
    columns = -(-width // across) * across
    wide = np.pad(ycc, ((0, rows - height), (0, columns - width), (0, 0)), mode="edge")
    blocks = wide.reshape(rows // down, down, columns // across, across, 3)
    chroma = np.round(blocks[..., 1:].mean(axis=(1, 3))).astype(np.uint8)
    luma = blocks[..., 0].transpose(0, 2, 1, 3).reshape(rows // down, columns // across, -1)
    left = np.empty_like(wide)
    left[..., 0] = wide[..., 0]
    left[..., 1:] = np.repeat(np.repeat(chroma, down, 0), across, 1)
    return np.concatenate([luma, chroma], axis=2).tobytes(), left[:height, :width]


def luma_chroma() -> Iterator[Case]:
    """Yield YCbCr without JPEG, its chroma at every ratio, and with odd reference levels."""
    for size in ((48, 64), (50, 67)):
        ycc = to_ycbcr(picture(*size))
        for across, down in ((1, 1), (2, 1), (2, 2), (1, 2), (4, 1), (4, 2), (4, 4)):
            data, left = subsampled(ycc, across, down)
            own: dict[int, Value] = {262: (SHORT, [6]), 530: (SHORT, [across, down]), 531: (SHORT, [2])}
            made = dataclasses.replace(page(ycc, rows=size[0], tags=own), segments=[data])
            for name, what in (("none", made), ("lzw", recoded(made, 5, imagecodecs.lzw_encode))):
                yield case(
                    f"ycbcr-{across}{down}-{name}-{size[1]}",
                    tiff([what]),
                    from_ycbcr(left),
                    tolerance=LOSSY,
                    words="YCbCr|luma|chroma",
                )
    ycc = to_ycbcr(picture(48, 64))
    video = np.round(ycc * ([219 / 255, 224 / 255, 224 / 255]) + [16, 16 - 0.05, 16 - 0.05]).astype(np.uint8)
    levels = [16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1]
    own = {262: (SHORT, [6]), 530: (SHORT, [1, 1]), 532: (RATIONAL, levels)}
    yield case(
        "ycbcr-video-levels",
        tiff([page(video, tags=own)]),
        picture(48, 64),
        tolerance=LOSSY,
        words="YCbCr|luma",
    )
    bt709 = {262: (SHORT, [6]), 530: (SHORT, [1, 1]), 529: (RATIONAL, [2126, 10000, 7152, 10000, 722, 10000])}
    rgb = picture(48, 64).astype(float)
    y = rgb @ [0.2126, 0.7152, 0.0722]
    other = np.stack([y, (rgb[..., 2] - y) / 1.8556 + 128, (rgb[..., 0] - y) / 1.5748 + 128], axis=-1)
    stored = np.clip(np.round(other), 0, 255).astype(np.uint8)
    made = page(stored, tags=bt709 | {532: (RATIONAL, [0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1])})
    yield case("ycbcr-bt709", tiff([made]), picture(48, 64), tolerance=LOSSY, words="YCbCr|luma")


def jpegs() -> Iterator[Case]:
    """Yield JPEG inside TIFF: shared tables, YCbCr under an RGB mark, the old compression 6."""
    base = picture(48, 64)
    stream = jpeg_saved(base, subsampling=0)
    truth = jpeg_read(stream)
    ycc: dict[int, Value] = {259: (SHORT, [7]), 262: (SHORT, [6]), 530: (SHORT, [1, 1])}
    whole = dataclasses.replace(page(base, rows=48, tags=ycc), segments=[stream])
    more: dict[str, Any] = {"tolerance": LOSSY, "words": "JPEG"}
    yield case("jpeg-ycbcr-444", tiff([whole]), truth, **more)
    tables, rest = split_tables(stream)
    shared = dataclasses.replace(page(base, rows=48, tags=ycc | {347: (UNDEFINED, tables)}), segments=[rest])
    yield case("jpeg-shared-tables", tiff([shared]), truth, **more)
    strips = [jpeg_saved(np.ascontiguousarray(base[at : at + 16]), subsampling=0) for at in (0, 16, 32)]
    parts = [split_tables(strip) for strip in strips]
    many = dataclasses.replace(
        page(base, tags=ycc | {347: (UNDEFINED, parts[0][0])}), segments=[rest for _, rest in parts]
    )
    shown = np.concatenate([jpeg_read(strip) for strip in strips])
    yield case("jpeg-shared-tables-strips", tiff([many]), shown, **more)
    no_mark = dataclasses.replace(whole, tags=whole.tags | {530: (SHORT, [2, 2])})
    yield case("jpeg-wrong-subsampling-tag", tiff([no_mark]), truth, damaged=True, **more)
    four = jpeg_saved(base, subsampling=2)
    untold = dataclasses.replace(bare(whole, 530), segments=[four])
    yield case("jpeg-no-subsampling-tag", tiff([untold]), jpeg_read(four), **more)
    progressive = dataclasses.replace(whole, segments=[jpeg_saved(base, subsampling=0, progressive=True)])
    yield case("jpeg-progressive", tiff([progressive]), truth, **more)
    old = old_jpeg(base, stream)
    yield case("old-jpeg", old, truth, **more)
    other = dataclasses.replace(whole, tags=whole.tags | {256: (LONG, [80])})
    yield case("jpeg-size-differs", tiff([other]), None, damaged=True, verdict=REFUSED, **more)
    half = jpeg_file("baseline")
    half = half[: len(half) * 2 // 3] + b"\xff\xd9"
    cut = dataclasses.replace(page(picture(72, 100), rows=72, tags=ycc), segments=[half])
    yield case(
        "jpeg-half", tiff([cut]), None, damaged=True, verdict=REFUSED, family="tiff-hand-damaged", **more
    )


def split_tables(stream: bytes) -> tuple[bytes, bytes]:
    """Return a JPEG's tables as a stream of their own, and the picture without them (TechNote 2)."""
    kept, tables, at = b"\xff\xd8", b"\xff\xd8", 2
    for marker, start, end in jpeg_segments(stream):
        if marker in {0xDB, 0xC4}:
            tables += stream[start:end]
        else:
            kept += stream[start:end]
        at = end
    return tables + b"\xff\xd9", kept + stream[at:]


def old_jpeg(base: Pixels, stream: bytes) -> bytes:
    """Return a file of compression 6, whose whole JPEG stream is named by tag 513."""
    tags: dict[int, Value] = {
        259: (SHORT, [6]),
        262: (SHORT, [6]),
        512: (SHORT, [1]),
        513: (LONG, [8]),
        514: (LONG, [len(stream)]),
        530: (SHORT, [1, 1]),
    }
    made = dataclasses.replace(page(base, rows=48, tags=tags), segments=[stream])
    return tiff([made])


def cases(*, few: bool) -> Iterator[Case]:
    """Yield all of them."""
    yield from lzw()
    yield from reversed_bits()
    made = list(luma_chroma())
    yield from made[::3] if few else made
    yield from jpegs()
