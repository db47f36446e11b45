"""JPEG files: every process and colour, cut at many places, with holes, with a second picture behind."""

from __future__ import annotations

import functools
import io
import itertools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from tests.faults.odd_case import (
    EXACT,
    LOSSY,
    REFUSED,
    ROUNDED,
    Case,
    Pixels,
    holes,
    picture,
    scaled,
    srgb_profile,
    to_cmyk,
    upright,
)
from tests.faults.odd_strict import jpeg_reading

SIZE = (72, 100)
END = b"\xff\xd9"


def saved(pixels: Pixels, mode: str = "RGB", **options: Any) -> bytes:
    """Return a JPEG as Pillow writes it."""
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    image.convert(mode).save(out, "JPEG", **{"quality": 92, **options})
    return out.getvalue()


def read(data: bytes) -> Pixels:
    """Return what Pillow reads."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment up to the first scan's header."""
    at = 2
    while at + 4 <= len(data):
        marker = data[at + 1]
        length = 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
        yield marker, at, at + length
        if marker == 0xDA:
            return
        at += length


def without(data: bytes, marker: int) -> bytes:
    """Return a file without the segments of one marker."""
    for found, start, end in list(segments(data))[::-1]:
        if found == marker:
            data = data[:start] + data[end:]
    return data


def scan_start(data: bytes) -> int:
    """Return where the entropy-coded data of the first scan begins."""
    return next(end for marker, _, end in segments(data) if marker == 0xDA)


def exif(orientation: int) -> Image.Exif:
    """Return Exif data with an orientation."""
    block = Image.Exif()
    block[274] = orientation
    return block


def with_second(first: bytes) -> bytes:
    """Return a picture with an index of two pictures (CIPA DC-007) and a smaller one behind it."""
    second = saved(picture(48, 64, 1))
    place = 2
    tiff = b"II*\0\x08\0\0\0"
    entries = [
        struct.pack("<HHI4s", 0xB000, 7, 4, b"0100"),
        struct.pack("<HHII", 0xB001, 4, 1, 2),
        struct.pack("<HHII", 0xB002, 7, 32, 8 + 2 + 36 + 4),
    ]
    head = tiff + struct.pack("<H", 3) + b"".join(entries) + struct.pack("<I", 0)
    size = len(first) + 4 + 4 + len(head) + 32
    table = struct.pack("<IIIHH", 0x030000, size, 0, 0, 0)
    table += struct.pack("<IIIHH", 0, len(second), size - place - 8, 0, 0)
    body = b"MPF\0" + head + table
    return first[:2] + b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body + first[2:] + second


def case(name: str, data: bytes, truth: Pixels | None = None, **more: Any) -> Case:
    """Return a case whose truth is Pillow's reading unless given."""
    family = more.pop("family", "jpeg")
    return Case(
        **{
            "name": f"{family}/{name}",
            "suffix": ".jpg",
            "data": data,
            "truth": read(data) if truth is None and not more.get("damaged") else truth,
            "tolerance": LOSSY,
            "words": "JPEG",
            **more,
        }
    )


@functools.cache
def plain(name: str) -> bytes:
    """Return a file that the damaged ones are made of."""
    base = picture(*SIZE)
    options: dict[str, dict[str, Any]] = {
        "baseline": {"subsampling": 0},
        "420": {"subsampling": 2},
        "progressive": {"subsampling": 2, "progressive": True},
        "gray": {"mode": "L"},
        "restart": {"subsampling": 2, "restart_marker_rows": 1},
        "restart-often": {"subsampling": 0, "restart_marker_blocks": 5},
        "gray-progressive": {"mode": "L", "progressive": True},
        "cmyk": {"mode": "CMYK", "subsampling": 0},
    }
    return saved(base, **options[name])


def usual(*, few: bool) -> Iterator[Case]:
    """Yield what cameras and image programs write."""
    axes = itertools.product(
        ((48, 64), (50, 67), SIZE),
        (0, 1, 2),
        (False, True),
        ({}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 3}),
        (92, 50),
    )
    for number, (size, subsampling, progressive, restart, quality) in enumerate(axes):
        if few and number % 7:
            continue
        data = saved(
            picture(*size), subsampling=subsampling, progressive=progressive, quality=quality, **restart
        )
        kind = "progressive" if progressive else "baseline"
        name = f"{kind}-{subsampling}-{''.join(restart) or 'plain'}-q{quality}-{size[1]}x{size[0]}"
        yield case(name, data)
    for size, progressive in itertools.product(((48, 64), (50, 67)), (False, True)):
        data = saved(picture(*size), "L", progressive=progressive)
        yield case(f"gray-{'progressive' if progressive else 'baseline'}-{size[1]}", data)
    for turn in range(1, 9):
        data = saved(picture(50, 67), exif=exif(turn))
        yield case(f"exif-{turn}", data, upright(read(data), turn))
    for sampling in ("411", "440", "422", "420", "444"):
        data = imagecodecs.jpeg8_encode(picture(50, 67), 92, subsampling=sampling)
        yield case(f"sampling-{sampling}", data)
    srgb = srgb_profile()
    yield case("icc-srgb", saved(picture(*SIZE), icc_profile=srgb))
    yield case("comment", saved(picture(*SIZE), comment=b"\xff\xd9 a mark inside a comment"))
    base = plain("baseline")
    yield case("bytes-behind", base + bytes(range(256)))
    yield case("zeros-behind", base + bytes(512))
    yield case("fill-bytes", base[:2] + b"\xff\xff" + base[2:], read(base))
    yield case("second-behind", with_second(base), read(base))
    yield case("second-behind-progressive", with_second(plain("progressive")), read(plain("progressive")))
    yield case("thumbnail", _with_thumbnail(base), read(base))
    for kind in ("baseline", "progressive"):
        yield case(f"no-end-{kind}", plain(kind)[:-2], read(plain(kind)), damaged=True, strict=reading)


def _with_thumbnail(data: bytes) -> bytes:
    """Return a file whose Exif block holds a small JPEG, end marker and all."""
    small = saved(picture(16, 20))
    tiff = b"II*\0" + struct.pack("<IHI", 8, 0, 14)
    tiff += struct.pack("<H", 2)
    tiff += struct.pack("<HHIIHHII", 0x201, 4, 1, 44, 0x202, 4, 1, len(small)) + struct.pack("<I", 0)
    body = b"Exif\0\0" + tiff + small
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def rare() -> Iterator[Case]:
    """Yield the colours and processes that few programs write."""
    base = picture(*SIZE)
    ink = to_cmyk(base)
    stored = {
        "rgb-stored": saved(base, keep_rgb=True, subsampling=0),
        "cmyk-adobe": saved(base, "CMYK"),
        "cmyk-k": imagecodecs.jpeg8_encode(255 - ink, 95, colorspace="CMYK", outcolorspace="CMYK"),
        "ycck-adobe": imagecodecs.jpeg8_encode(255 - ink, 95, colorspace="CMYK", outcolorspace="YCCK"),
    }
    for name, data in stored.items():
        words = "CMYK|YCCK|ink|four" if "c" in name.split("-")[0] else "RGB"
        yield case(name, data, words=words)
        bare = without(data, 0xEE)
        yield case(f"{name}-no-adobe", bare, words=words)
    for predictor in range(1, 8):
        data = imagecodecs.jpeg8_encode(base, lossless=True, predictor=predictor)
        yield case(f"lossless-{predictor}", data, base, tolerance=EXACT, words="lossless")
    gray = np.ascontiguousarray(base[..., 1])
    data = imagecodecs.jpeg8_encode(gray, lossless=True)
    yield case("lossless-gray", data, np.repeat(gray[..., None], 3, 2), tolerance=EXACT, words="lossless")
    deep = (base.astype(np.uint16) * 257) >> 4
    data = imagecodecs.jpeg8_encode(deep, 95, bitspersample=12)
    yield case("12-bit", data, scaled(imagecodecs.jpeg8_decode(data), 12), words="12")
    data = imagecodecs.jpeg8_encode(np.ascontiguousarray(deep[..., 1]), 95, bitspersample=12)
    truth = np.repeat(scaled(imagecodecs.jpeg8_decode(data), 12)[..., None], 3, 2)
    yield case("12-bit-gray", data, truth, words="12")
    wide = base.astype(np.uint16) * 257
    data = imagecodecs.jpeg8_encode(wide, lossless=True, bitspersample=16)
    yield case("lossless-16", data, base, tolerance=ROUNDED, words="lossless|16")
    for name, pixels in (("rgb", base), ("gray", gray), ("gray16", wide[..., 1])):
        data = imagecodecs.jpegls_encode(np.ascontiguousarray(pixels))
        truth = base if pixels.ndim == 3 else np.repeat(gray[..., None], 3, 2)
        yield case(f"ls-{name}", data, truth, tolerance=ROUNDED, words="JPEG.?LS|lossless")
    data = imagecodecs.jpegxr_encode(base, 1.0)
    yield case("xr", data, base, suffix=".wdp", tolerance=ROUNDED, words="JPEG.?XR|HD Photo|Windows Media")
    arithmetic = plain("baseline").replace(b"\xff\xc0", b"\xff\xc9", 1)
    yield case(
        "arithmetic-mark",
        arithmetic,
        base,
        verdict=REFUSED,
        damaged=True,
        strict=lambda _: None,
        family="jpeg-damaged",
    )


KEPT = Path(__file__).with_name("odd_jpegs")


def kept() -> Iterator[Case]:
    """Yield what cjpeg wrote."""
    for path in sorted(KEPT.glob("*.jpg")):
        yield case(f"cjpeg-{path.stem}", path.read_bytes(), words="JPEG|arithmetic|sampl")


def _patched(data: bytes, marker: int, offset: int, value: bytes) -> bytes:
    start = next(start for found, start, _ in segments(data) if found == marker)
    return data[: start + offset] + value + data[start + offset + len(value) :]


def _exif_block(*entries: tuple[int, int, int], more: bytes = b"", order: str = "<") -> bytes:
    """Return an APP1 segment with one directory of tags of one value each."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    tiff = mark + struct.pack(f"{order}IH", 8, len(entries))
    for tag, kind, value in entries:
        tiff += struct.pack(f"{order}HHI", tag, kind, 1)
        tiff += struct.pack(f"{order}{'HH' if kind == 3 else 'I'}", *((value, 0) if kind == 3 else (value,)))
    body = b"Exif\0\0" + tiff + (more or bytes(4))
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def cameras() -> Iterator[Case]:
    """Yield what phones and microscope cameras write around a picture."""
    base = saved(picture(50, 67))
    shown = read(base)
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"
    xmp = b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp
    second = struct.pack("<I", 26) + struct.pack("<HHHIHHI", 1, 274, 3, 1, 6, 0, 0)
    made = {
        "xmp-before-exif": (base[:2] + xmp + _exif_block((274, 3, 6)) + base[2:], 6),
        "exif-big-endian": (base[:2] + _exif_block((274, 3, 8), order=">") + base[2:], 8),
        "exif-long": (base[:2] + _exif_block((274, 4, 3)) + base[2:], 3),
        "exif-orientation-of-thumbnail": (base[:2] + _exif_block((271, 3, 1), more=second) + base[2:], 1),
        "exif-0": (base[:2] + _exif_block((274, 3, 0)) + base[2:], 1),
        "exif-broken": (base[:2] + b"\xff\xe1\0\x12Exif\0\0II*\0\xff\xff\xff\x7f" + base[2:], 1),
        "motion-photo": (base + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 4, 1),
        "samsung-behind": (base + b"\0\0\1\x0aSEFHe\0\0\0SEFT", 1),
        "no-huffman-tables": (without(base, 0xC4), 1),
        "no-jfif": (without(base, 0xE0), 1),
        "gray-sampled-twice": (_patched(saved(picture(50, 67), "L"), 0xC0, 11, b"\x22"), 1),
    }
    for name, (data, turn) in made.items():
        truth = shown if not name.startswith("gray") else read(saved(picture(50, 67), "L"))
        damaged = name in {"no-huffman-tables", "exif-broken"}
        yield case(name, data, upright(truth, turn), damaged=damaged)
    adobe = imagecodecs.jpeg8_encode(picture(50, 67), 95, colorspace="RGB", outcolorspace="RGB")
    yield case("rgb-adobe", adobe)
    for name, height in (("taller", 66), ("taller-by-a-row", 51), ("shorter", 34)):
        data = _patched(base, 0xC0, 5, struct.pack(">H", height))
        yield case(
            f"said-{name}", data, None, verdict=REFUSED, damaged=True, strict=reading, family="jpeg-damaged"
        )


def reading(data: bytes) -> Pixels | None:
    """Read a damaged file; a missing end mark alone is no damage, scans that never came are."""
    whole = data if END in data[-2:] else data + END
    return jpeg_reading(whole) if _all_scans(whole) else None


def _all_scans(data: bytes) -> bool:
    """Tell whether a progressive file refines every coefficient of every component down to the last bit."""
    head = next((data[s:e] for m, s, e in segments(data) if m in {0xC2, 0xCA}), None)
    if head is None:
        return True
    left = {(head[10 + 3 * i], k) for i in range(head[9]) for k in range(64)}
    at = 2
    while (at := data.find(b"\xff\xda", at)) >= 0:
        count = data[at + 4]
        first, last, steps = data[at + 5 + 2 * count : at + 8 + 2 * count].ljust(3, b"\0")
        if not steps & 15:
            left -= {(data[at + 5 + 2 * i], k) for i in range(count) for k in range(first, last + 1)}
        at += 2
    return not left


def damaged(*, few: bool) -> Iterator[Case]:
    """Yield cut files with and without an end mark or a second picture, and files with holes."""
    kinds = ("baseline", "420", "progressive", "gray", "restart", "restart-often", "gray-progressive", "cmyk")
    more: dict[str, Any] = {"verdict": REFUSED, "damaged": True, "strict": reading}
    for number, kind in enumerate(kinds):
        data = plain(kind)
        start = scan_start(data)
        places = np.unique(np.linspace(start + 1, len(data) - 3, 6 if few else 200).astype(int))
        for place in places:
            for tail, name in ((b"", "cut"), (END, "cut-end"), (saved(picture(48, 64, 1)), "cut-second")):
                yield case(
                    f"{kind}-{name}-{place}", data[:place] + tail, data_truth(), family="jpeg-damaged", **more
                )
        for what, content in holes(data, start, len(data) - 4, count=4 if few else 60, seed=100 + number):
            yield case(f"{kind}-{what}", content, data_truth(), family="jpeg-damaged", **more)
    yield from filled(few=few)
    data = plain("progressive")
    marks = [
        at for at in range(scan_start(data), len(data) - 1) if data[at : at + 2] in {b"\xff\xc4", b"\xff\xda"}
    ]
    for at in marks:
        content = data[:at] + END
        yield case(f"progressive-scans-{at}", content, data_truth(), family="jpeg-damaged", **more)


def filled(*, few: bool) -> Iterator[Case]:
    """Yield files whose end was never copied: the byte that a medium or program fills up with is there."""
    made = {kind: plain(kind) for kind in ("baseline", "420", "progressive", "gray", "restart", "cmyk")}
    made |= {path.stem: path.read_bytes() for path in sorted(KEPT.glob("sampling-*.jpg"))}
    for (kind, data), fill, end in itertools.product(made.items(), (0x00, 0x55, 0xF6, 0xFE), (b"", END)):
        places = np.linspace(scan_start(data) + 1, len(data) - 64, 4 if few else 40).astype(int)
        for place in places[fill % 4 :: 4] if few else places:
            content = data[:place] + bytes([fill]) * (len(data) - place) + end
            yield case(
                f"{kind}-filled-{fill:02x}-{place}{'-end' if end else ''}",
                content,
                data_truth(),
                family="jpeg-damaged",
                verdict=REFUSED,
                damaged=True,
                strict=reading,
            )


@functools.cache
def data_truth() -> Pixels:
    """Return what stands for the truth of damaged files, which is asked of their strict reading alone."""
    return picture(*SIZE)


def cases(*, few: bool) -> Iterator[Case]:
    """Yield all JPEG cases."""
    yield from usual(few=few)
    yield from rare()
    yield from kept()
    yield from cameras()
    yield from damaged(few=few)
