"""TIFF files as cameras, scanners and image programs write them: pages, thumbnails, missing and odd tags."""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import imagecodecs
import numpy as np
import tifffile

from tests.faults.odd_case import (
    EXACT,
    REFUSED,
    ROUNDED,
    Case,
    Pixels,
    Samples,
    as_rgb,
    picture,
    scaled,
    srgb_profile,
)
from tests.faults.tiff_writer import ASCII, LONG, RATIONAL, SHORT, UNDEFINED, Page, Value, tiff


def page(pixels: Samples, *, rows: int = 16, tags: dict[int, Value] | None = None, **more: Any) -> Page:
    """Return an uncompressed page of 8 or 16 bits in strips; ``tags`` are added or take others' places."""
    samples = pixels if pixels.ndim == 3 else pixels[..., None]
    height, width, channels = samples.shape
    bits = samples.dtype.itemsize * 8
    own: dict[int, Value] = {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [bits] * channels),
        259: (SHORT, [1]),
        262: (SHORT, [2 if channels >= 3 else 1]),
        277: (SHORT, [channels]),
        278: (LONG, [rows]),
        282: (RATIONAL, [72, 1]),
        283: (RATIONAL, [72, 1]),
        296: (SHORT, [2]),
    }
    strips = [
        np.ascontiguousarray(samples[at : at + rows]).astype(samples.dtype.newbyteorder("<")).tobytes()
        for at in range(0, height, rows)
    ]
    return Page(tags=own | (tags or {}), segments=strips, **more)


def recoded(made: Page, code: int, encode: Any, **changes: Any) -> Page:
    """Return a page whose segments are coded."""
    tags = made.tags | {259: (SHORT, [code])}
    segments = [bytes(encode(segment)) for segment in made.segments]
    return dataclasses.replace(made, tags=tags, segments=segments, **changes)


def bare(made: Page, *tags: int) -> Page:
    """Return a page without some of its tags."""
    return dataclasses.replace(made, tags={tag: value for tag, value in made.tags.items() if tag not in tags})


def case(name: str, data: bytes, truth: Pixels | None, **more: Any) -> Case:
    """Return a case."""
    family = more.pop("family", "tiff-hand")
    return Case(
        **{
            "name": f"{family}/{name}",
            "suffix": ".tif",
            "data": data,
            "truth": truth,
            "tolerance": EXACT,
            "words": "TIFF",
            **more,
        }
    )


def tags() -> Iterator[Case]:
    """Yield files whose tags are missing, unusual or more than needed."""
    base = picture(48, 64)
    gray = base[..., 1]
    one = page(base, rows=48)
    few = page(base)
    lzw = recoded(one, 5, imagecodecs.lzw_encode)
    made = {
        "no-rows-per-strip": bare(one, 278),
        "rows-per-strip-most": page(base, rows=48, tags={278: (LONG, [0xFFFFFFFF])}),
        "no-counts": dataclasses.replace(one, counts=[]),
        "zero-counts": dataclasses.replace(one, counts=[0]),
        "no-counts-lzw": dataclasses.replace(lzw, counts=[]),
        "zero-counts-lzw": dataclasses.replace(lzw, counts=[0]),
        "no-counts-strips": dataclasses.replace(few, counts=[]),
        "large-counts": dataclasses.replace(one, counts=[len(one.segments[0]) + 12], after=bytes(64)),
        "gaps": dataclasses.replace(few, gap=b"\xaa" * 37),
        "last-first": dataclasses.replace(few, reverse=True),
        "last-first-lzw": recoded(few, 5, imagecodecs.lzw_encode, reverse=True),
        "no-resolution": bare(few, 282, 283, 296),
        "no-samples-per-pixel": bare(page(gray), 277),
        "no-compression-tag": bare(few, 259),
        "min-max": page(base, tags={280: (SHORT, [40] * 3), 281: (SHORT, [200] * 3)}),
        "smin-smax": page(base, tags={340: (SHORT, [40] * 3), 341: (SHORT, [200] * 3)}),
        "one-bits-value": page(base, tags={258: (SHORT, [8])}),
        "one-format-value": page(base, tags={339: (SHORT, [1])}),
        "format-undefined": page(base, tags={339: (SHORT, [4] * 3)}),
        "signed-types": page(base, tags={256: (9, [64]), 258: (8, [8] * 3), 277: (8, [3]), 262: (6, [2])}),
        "long-types": page(base, tags={258: (LONG, [8] * 3), 259: (LONG, [1]), 262: (LONG, [2])}),
        "orientation-0": page(base, tags={274: (SHORT, [0])}),
        "orientation-9": page(base, tags={274: (SHORT, [9])}),
        "planar-0": page(base, tags={284: (SHORT, [0])}),
        "predictor-unused": page(base, tags={317: (SHORT, [2])}),
        "fill-order-1": page(base, tags={266: (SHORT, [1])}),
        **_programs_tags(base),
    }
    for name, what in made.items():
        damaged = name in {"no-counts-strips", "planar-0"}
        yield case(
            name, tiff([what]), base if name != "no-samples-per-pixel" else as_rgb(gray), damaged=damaged
        )
    deep = (base.astype(np.uint16) * 257) >> 4
    truth = scaled(deep, 16)
    for name, more in (("smax-4095", {341: (SHORT, [4095] * 3)}), ("max-4095", {281: (SHORT, [4095] * 3)})):
        yield case(f"deep-{name}", tiff([page(deep, tags=dict(more))]), truth, tolerance=ROUNDED)
    yield case("twelve-in-bits", tiff([page(deep, tags={258: (SHORT, [16] * 3)})]), truth, tolerance=ROUNDED)


def _programs_tags(base: Pixels) -> dict[str, Page]:
    """Make pages with the tags that programs and cameras add."""
    return {
        "private-tags": page(base, tags={65000: (UNDEFINED, bytes(500)), 50838: (LONG, [12, 30])}),
        "halftone": page(base, tags={321: (SHORT, [255, 0])}),
        "transfer-function": page(base, tags={301: (SHORT, [v * 257 for v in range(256)] * 3)}),
        "icc": page(base, tags={34675: (UNDEFINED, srgb_profile())}),
        "icc-broken": page(base, tags={34675: (UNDEFINED, b"no profile at all")}),
        "xmp": page(base, tags={700: (1, b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")}),
        "iptc": page(base, tags={33723: (LONG, [0x1C02, 5])}),
        "layers": page(
            base, tags={34377: (1, b"8BIM\x04\x04" + bytes(40)), 37724: (UNDEFINED, _layers(base))}
        ),
        "olympus": page(base, tags={270: (ASCII, b"SIS\0"), 33560: (LONG, [8]), 271: (ASCII, b"OLYMPUS\0")}),
        "leica": page(
            base, tags={270: (ASCII, b"<?xml version='1.0'?><Leica/>\0"), 305: (ASCII, b"LAS X\0")}
        ),
        "zeiss": page(base, tags={34118: (ASCII, b"AP_WIDTH = 1\r\n\0"), 34119: (UNDEFINED, bytes(90))}),
        "metamorph": page(base, tags={33628: (RATIONAL, [1, 1, 2, 1]), 33629: (RATIONAL, [0, 1] * 6)}),
        "toupview": page(base, tags={270: (ASCII, b"ToupView\0"), 306: (ASCII, b"2026:11:30 08:00:00\0")}),
        "descriptions-latin1": page(base, tags={270: (ASCII, b"K\xf6rper 1 \xb5m\0")}),
    }


def _layers(base: Pixels) -> bytes:
    """Return what Photoshop keeps of its layers: another picture, which is not the one to show."""
    other = np.ascontiguousarray(base[::-1]).tobytes()
    return b"Adobe Photoshop Document Data Block\0MIB8ryaL" + struct.pack("<I", len(other)) + other


def unread() -> Iterator[Case]:
    """Yield files of methods and colours that hardly anything reads, with bytes that are not looked at."""
    base = picture(48, 64)
    gray = base[..., 1]
    few = page(base)
    for code, words in (
        (9, "JBIG"),
        (32766, "NeXT"),
        (32809, "ThunderScan"),
        (32908, "Pixar"),
        (34661, "JBIG"),
        (34676, "LogLuv|SGI"),
        (34713, "Nikon|raw"),
        (33003, "JPEG.?2000"),
        (12345, "compress|method"),
        (65535, "compress|method"),
    ):
        more: dict[str, Any] = {"verdict": REFUSED, "words": words}
        yield case(f"compression-{code}", tiff([recoded(few, code, lambda data: data)]), None, **more)
    for code, words in (
        (4, "mask"),
        (32803, "raw|sensor|filter|mosaic"),
        (32844, "LogL"),
        (32845, "LogLuv"),
        (34892, "raw"),
        (51177, "depth"),
        (77, "colour|photometric"),
    ):
        made = page(base if code in {32845, 34892} else gray, tags={262: (SHORT, [code])})
        yield case(f"photometric-{code}", tiff([made]), None, verdict=REFUSED, words=words)
    inks = np.concatenate([255 - base, np.zeros_like(base[..., :1])], axis=2)
    for name, pixels in (("grey-or-not", gray), ("rgb-or-not", base), ("inks-or-not", inks)):
        words = "does not name its colours"
        yield case(name, tiff([bare(page(pixels), 262)]), None, verdict=REFUSED, words=words)
    mixed = {258: (SHORT, [8, 8, 4])}
    yield case("bits-8-8-4", tiff([page(base, tags=mixed)]), None, verdict=REFUSED, words="depth|bits")
    for code in (5, 6):
        own: dict[int, Value] = {339: (SHORT, [code]), 258: (SHORT, [32])}
        made = page(np.zeros((48, 64, 4), np.uint8), tags=own | {277: (SHORT, [1]), 262: (SHORT, [1])})
        yield case(f"complex-{code}", tiff([made]), None, verdict=REFUSED, words="complex|32-bit|float")
    for bits in (3, 5, 6, 7, 9, 11, 13, 15, 24):
        wide = gray.astype(np.uint32) * 65793 >> (24 - bits)
        shifts = np.arange(bits - 1, -1, -1)
        packed = np.packbits((wide[..., None] >> shifts & 1).astype(np.uint8).reshape(48, -1), axis=1)
        own = {256: (LONG, [64]), 258: (SHORT, [bits])}
        truth = as_rgb(np.round(wide * 255 / ((1 << bits) - 1)))
        more = {"tolerance": ROUNDED, "words": f"{bits}[- ]bit"}
        yield case(f"bits-{bits}", tiff([page(packed, tags=own)]), truth, **more)


def tables() -> Iterator[Case]:
    """Yield places and types that writers choose differently."""
    base = picture(48, 64)
    index = base[..., 1]
    colours = np.random.default_rng(9).integers(0, 256, (256, 3))
    narrow: dict[int, Value] = {262: (SHORT, [3]), 320: (SHORT, [int(v) for v in colours.T.ravel()])}
    yield case("palette-of-8-bits", tiff([page(index, tags=narrow)]), colours[index].astype(np.uint8))
    for kind in (1, LONG):
        made = page(base, tags={274: (kind, [3])})
        yield case(f"orientation-type-{kind}", tiff([made]), np.ascontiguousarray(base[::-1, ::-1]))
    tile = {322: (SHORT, [16]), 323: (SHORT, [16])}
    blocks = [
        np.ascontiguousarray(base[y : y + 16, x : x + 16]).tobytes()
        for y in range(0, 48, 16)
        for x in range(0, 64, 16)
    ]
    made = dataclasses.replace(bare(page(base, tags=tile), 278), segments=blocks)
    yield case("tiles-named-strips", tiff([made]), base, damaged=True)
    yield case(
        "tiles-and-rows",
        tiff([dataclasses.replace(page(base, tags=tile), segments=blocks, tiled=True)]),
        base,
    )
    sparse = dataclasses.replace(made, tiled=True, counts=[0, *[len(block) for block in blocks[1:]]])
    yield case("sparse-tile", tiff([sparse]), None, damaged=True, verdict=REFUSED, family="tiff-hand-damaged")
    for order in "<>":
        deep = base.astype(np.uint16) * 257
        swapped = deep if order == "<" else deep.byteswap()
        yield case(
            f"deep-{'le' if order == '<' else 'be'}", tiff([page(swapped)], order), base, tolerance=ROUNDED
        )


def pages() -> Iterator[Case]:
    """Yield files of several pages: which one is shown, and which are colours of one picture."""
    base, other = picture(48, 64), picture(48, 64, 1)
    small = np.ascontiguousarray(base[::3, ::3])
    plain, second = page(base), page(other)
    reduced: dict[int, Value] = {254: (LONG, [1])}
    thumb = page(small, tags=reduced)
    whole = page(base, tags={254: (LONG, [0])})
    mask = page(base[..., 1], tags={254: (LONG, [4]), 262: (SHORT, [4])})
    made = {
        "two": ([plain, second], base),
        "many": ([plain, *[second] * 30], base),
        "thumbnail-behind": ([plain, thumb], base),
        "thumbnail-before": ([thumb, whole], base),
        "thumbnail-before-untagged-whole": ([thumb, plain], base),
        "old-thumbnail-tag": (
            [page(small, tags={255: (SHORT, [2])}), page(base, tags={255: (SHORT, [1])})],
            base,
        ),
        "mask-behind": ([plain, mask], base),
        "sub-ifd": ([page(base, below=[thumb])], base),
        "pyramid": ([page(base, below=[thumb, page(small[::2, ::2], tags=reduced)]), second], base),
        "scanner": ([page(base, tags={254: (LONG, [2]), 297: (SHORT, [0, 2])}), second], base),
    }
    for name, (what, truth) in made.items():
        yield case(f"pages-{name}", tiff(what), truth)
    planes = [np.ascontiguousarray(plane) for plane in np.moveaxis(base, -1, 0)]
    stack = np.stack(planes)
    text = b"ImageJ=1.54f\nimages=3\nchannels=3\nmode=composite\n\0"
    grays = [
        page(plane, tags={270: (ASCII, text)} if not number else {}) for number, plane in enumerate(planes)
    ]
    yield case("imagej-composite-pages", tiff(grays), base)
    yield case(
        "imagej-composite", _written(stack, imagej=True, metadata={"axes": "CYX", "mode": "composite"}), base
    )
    deep = stack.astype(np.uint16) * 257
    yield case(
        "imagej-composite-16", _written(deep, imagej=True, metadata={"axes": "CYX"}), base, tolerance=ROUNDED
    )
    yield case("imagej-z-stack", _written(stack, imagej=True, metadata={"axes": "ZYX"}), as_rgb(planes[0]))
    yield case("imagej-rgb", _written(base, imagej=True), base)
    yield case("ome-rgb", _written(base, ome=True, photometric="rgb"), base)
    ome = _written(stack, ome=True, photometric="minisblack", metadata={"axes": "CYX"})
    yield case("ome-three-channels", ome, base)
    yield case(
        "ome-z-stack",
        _written(stack, ome=True, photometric="minisblack", metadata={"axes": "ZYX"}),
        as_rgb(planes[0]),
    )
    yield case("ome-pyramid", _pyramid(base, small), base)
    planar = _written(stack, photometric="minisblack", planarconfig="separate")
    yield case("gray-three-planes", planar, base, words="TIFF|plane|channel")
    yield case("rgb-planes", _written(stack, photometric="rgb", planarconfig="separate"), base)
    yield case("many-pages-loop", _loop(tiff([plain, second])), base, words="page|loop|TIFF")


def _written(pixels: Samples, **options: Any) -> bytes:
    out = io.BytesIO()
    if options.get("ome"):
        options["metadata"] = {"UUID": "urn:uuid:0", **options.get("metadata", {})}
    tifffile.imwrite(out, pixels, datetime=None, software="odd", **options)
    return out.getvalue()


def _pyramid(base: Pixels, small: Pixels) -> bytes:
    out = io.BytesIO()
    with tifffile.TiffWriter(out, ome=True) as file:
        file.write(
            base, subifds=1, photometric="rgb", tile=(16, 16), metadata={"axes": "YXS", "UUID": "urn:uuid:0"}
        )
        file.write(small, subfiletype=1, photometric="rgb", tile=(16, 16))
    return out.getvalue()


def _loop(data: bytes) -> bytes:
    """Return a file whose last directory points back at the first."""
    first = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[first : first + 2])[0]
    link = struct.unpack("<I", data[first + 2 + 12 * count :][:4])[0]
    count = struct.unpack("<H", data[link : link + 2])[0]
    at = link + 2 + 12 * count
    return data[:at] + struct.pack("<I", first) + data[at + 4 :]


def broken() -> Iterator[Case]:
    """Yield files whose directory and bytes do not fit."""
    base = picture(48, 64)
    one, few = page(base, rows=48), page(base)
    good = tiff([few])
    deflate = recoded(few, 8, zlib.compress)
    short = list(few.segments)
    short[1] = short[1][:1000]
    made: dict[str, Sequence[Page]] = {
        "short-strip": [dataclasses.replace(few, segments=short)],
        "small-counts": [dataclasses.replace(few, counts=[100, 100, 100])],
        "strip-missing": [dataclasses.replace(few, segments=few.segments[:2])],
        "strip-missing-deflate": [dataclasses.replace(deflate, segments=deflate.segments[:2])],
        "empty-strip-lzw": [dataclasses.replace(recoded(few, 5, imagecodecs.lzw_encode), counts=[0, 0, 0])],
        "rows-missing-deflate": [recoded(few, 8, lambda data: zlib.compress(data[:-500]))],
        "rows-missing-lzw": [recoded(few, 5, lambda data: imagecodecs.lzw_encode(data[:-500]))],
        "rows-missing-packbits": [recoded(few, 32773, lambda data: imagecodecs.packbits_encode(data[:-500]))],
        "predictor-as-text": [dataclasses.replace(deflate, tags=deflate.tags | {317: (ASCII, b"\2\0")})],
        "fill-order-without-value": [dataclasses.replace(deflate, tags=deflate.tags | {266: (SHORT, [])})],
        "offset-beyond": [
            dataclasses.replace(bare(one), tags=one.tags | {273: (LONG, [10**6])}, segments=[])
        ],
    }
    for name, what in made.items():
        yield case(name, tiff(what), None, damaged=True, verdict=REFUSED, family="tiff-hand-damaged")
    for place in np.linspace(200, len(good) - 20, 8).astype(int):
        yield case(
            f"cut-{place}", good[:place], None, damaged=True, verdict=REFUSED, family="tiff-hand-damaged"
        )


def cases(*, few: bool) -> Iterator[Case]:
    """Yield all of them."""
    yield from tags()
    yield from unread()
    yield from tables()
    yield from pages()
    yield from broken()
