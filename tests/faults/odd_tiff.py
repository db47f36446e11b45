"""TIFF files: the product of bits, planes, layouts, codecs and colours; pairwise for the short run."""

from __future__ import annotations

import dataclasses
import io
import itertools
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms

from tests.faults.odd_case import (
    EXACT,
    LOSSY,
    MUST_BE_RIGHT,
    REFUSED,
    RIGHT_OR_REFUSED,
    ROUNDED,
    Case,
    Pixels,
    Samples,
    as_rgb,
    from_cmyk,
    from_ycbcr,
    holes,
    over_white,
    picture,
    scaled,
    to_cmyk,
    to_ycbcr,
    upright,
)
from tests.faults.tiff_writer import LONG, SHORT, Page, Value, Writer

Codec = tuple[int, Callable[[Samples, "Kind"], bytes]]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One point of the product."""

    colour: str = "rgb"
    bits: int = 8
    sample: str = "uint"
    extra: tuple[int, ...] = ()
    planar: bool = False
    layout: str = "strips"
    codec: str = "none"
    predictor: int = 1
    order: str = "<"
    big: bool = False
    orientation: int = 1
    held: int = 0
    size: tuple[int, int] = (48, 64)

    @property
    def name(self) -> str:
        """The kind in a few words, as a part of a case's name."""
        parts = [
            f"{self.colour}{self.bits}" + ("" if self.sample == "uint" else f"-{self.sample}"),
            *([f"held{self.held}"] if self.held else []),
            *([f"extra{''.join(map(str, self.extra))}"] if self.extra else []),
            "planar" if self.planar else "chunky",
            self.layout,
            *([f"predictor{self.predictor}"] if self.predictor > 1 else []),
            "le" if self.order == "<" else "be",
            *(["big"] if self.big else []),
            *([f"turned{self.orientation}"] if self.orientation > 1 else []),
            f"{self.size[1]}x{self.size[0]}",
        ]
        return f"tiff-{self.codec}/{'-'.join(parts)}"


LAYOUTS: Mapping[str, tuple[int, int] | int] = {
    "strip": 0,
    "strips": 16,
    "strips7": 7,
    "tile16": (16, 16),
    "tile16x32": (16, 32),
    "tile48": (48, 48),
    "tile80": (80, 80),
    "tile20": (20, 20),
    "tile1000": (1000, 1000),
}
COLOURS = {"gray": 1, "white": 1, "rgb": 3, "palette": 1, "cmyk": 4, "ycbcr": 3, "lab": 3, "lab-d65-": 3}
PHOTOMETRIC = {"white": 0, "gray": 1, "rgb": 2, "palette": 3, "cmyk": 5, "ycbcr": 6, "lab": 8, "lab-d65-": 8}
LAB = frozenset({"lab", "lab-d65-"})
WORDS = {
    "jpeg2000": "JPEG.?2000",
    "jpegxl": "JPEG.?XL",
    "png": "PNG",
    "webp": "WebP",
    "zstd": "Zstandard|ZSTD",
    "lzma": "LZMA",
    "lerc": "LERC",
    "jpegxr": "JPEG.?XR|HD Photo|Windows Media",
    "jpeg": "JPEG",
    "t4": "CCITT|fax|T\\.4|Group 3",
    "t6": "CCITT|fax|T\\.6|Group 4",
    "ccittrle": "CCITT|fax|Huffman",
    "packbits": "PackBits",
    "old-deflate": "deflate",
    "deflate": "deflate",
    "lzw": "LZW",
    "pixarlog": "Pixar",
    "cmyk": "CMYK|ink|separated",
    "ycbcr": "YCbCr|luma",
    "lab": "Lab",
    "lab-d65-": "Lab",
    "palette": "palette|colou?r (map|table)",
    "white": "white|inverted",
}


def _plain(raw: Samples, kind: Kind) -> bytes:
    return packed(raw, kind)


def _rows(raw: Samples, kind: Kind) -> bytes:
    return b"".join(imagecodecs.packbits_encode(packed(row[None], kind)) for row in raw)


def _jpeg(raw: Samples, kind: Kind) -> bytes:
    """Return a JPEG stream whose colours are stored as the directory says."""
    stored = {1: "GRAY", 3: "RGB", 4: "CMYK"}[raw.shape[2]]
    options: dict[str, Any] = {"bitspersample": 12} if kind.bits == 12 else {}
    if kind.colour == "ycbcr" and not kind.planar:
        rgb = from_ycbcr(raw)
        return imagecodecs.jpeg8_encode(rgb, 95, colorspace="RGB", outcolorspace="YCBCR", subsampling="420")
    return imagecodecs.jpeg8_encode(squeezed(raw), 95, colorspace=stored, outcolorspace=stored, **options)


def _jpeg_back(coded: bytes, kind: Kind) -> Samples:
    if kind.colour == "ycbcr" and not kind.planar:
        return to_ycbcr(imagecodecs.jpeg8_decode(coded, outcolorspace="RGB"))
    return imagecodecs.jpeg8_decode(coded)


def _fax(raw: Samples, compression: str) -> bytes:
    """Return one strip as libtiff codes it, taken out of the file that Pillow writes with it."""
    out = io.BytesIO()
    tags = {278: raw.shape[0]}
    Image.fromarray(raw[..., 0].astype(bool)).save(out, "TIFF", compression=compression, tiffinfo=tags)
    with tifffile.TiffFile(io.BytesIO(out.getvalue())) as file:
        place, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    return out.getvalue()[place : place + count]


CODECS: Mapping[str, Codec] = {
    "none": (1, _plain),
    "lzw": (5, lambda raw, kind: imagecodecs.lzw_encode(packed(raw, kind))),
    "deflate": (8, lambda raw, kind: zlib.compress(packed(raw, kind))),
    "old-deflate": (32946, lambda raw, kind: zlib.compress(packed(raw, kind))),
    "packbits": (32773, _rows),
    "zstd": (50000, lambda raw, kind: imagecodecs.zstd_encode(packed(raw, kind))),
    "lzma": (34925, lambda raw, kind: lzma.compress(packed(raw, kind))),
    "jpeg": (7, _jpeg),
    "jpeg2000": (34712, lambda raw, _: imagecodecs.jpeg2k_encode(squeezed(raw), codecformat="j2k")),
    "jpegxl": (50002, lambda raw, _: imagecodecs.jpegxl_encode(squeezed(raw), lossless=True)),
    "png": (34933, lambda raw, _: imagecodecs.png_encode(squeezed(raw))),
    "webp": (50001, lambda raw, _: imagecodecs.webp_encode(raw, lossless=True)),
    "lerc": (34887, lambda raw, _: imagecodecs.lerc_encode(squeezed(raw), 0)),
    "jpegxr": (22610, lambda raw, _: imagecodecs.jpegxr_encode(squeezed(raw), 1.0)),
    "t4": (3, lambda raw, _: _fax(raw, "group3")),
    "t6": (4, lambda raw, _: _fax(raw, "group4")),
    "ccittrle": (2, lambda raw, _: _fax(raw, "tiff_ccitt")),
}
BYTE_CODECS = frozenset({"none", "lzw", "deflate", "old-deflate", "packbits", "zstd", "lzma"})
BACK: Mapping[str, Callable[[bytes, Kind], Samples]] = {"jpeg": _jpeg_back}
"""Independent decoders of what is not kept exactly: the truth is what they read."""


def squeezed(raw: Samples) -> Samples:
    """Return one plane without its channel axis."""
    return np.ascontiguousarray(raw[..., 0] if raw.shape[2] == 1 else raw)


def packed(raw: Samples, kind: Kind) -> bytes:
    """Return samples (rows, columns, channels) as the bytes that a codec gets, predictor applied."""
    if kind.predictor == 3:
        return imagecodecs.floatpred_encode(
            np.ascontiguousarray(raw.astype(raw.dtype.newbyteorder(">"))), axis=-2
        ).tobytes()
    if kind.predictor == 2:
        delta = raw.copy()
        delta[:, 1:] -= raw[:, :-1]
        raw = delta
    if kind.bits in {8, 16, 32, 64}:
        return raw.astype(raw.dtype.newbyteorder(kind.order)).tobytes()
    rows = raw.reshape(raw.shape[0], -1).astype(np.uint16)
    shifts = np.arange(kind.bits - 1, -1, -1, dtype=np.uint16)
    return np.packbits(
        (rows[..., None] >> shifts & 1).astype(np.uint8).reshape(len(rows), -1), axis=1
    ).tobytes()


def pieces(plane: Samples, layout: str) -> Iterator[tuple[slice, slice, Samples]]:
    """Cut samples (H, W, C) into strips or padded tiles."""
    step = LAYOUTS[layout]
    height, width = plane.shape[:2]
    if isinstance(step, int):
        rows = step or height
        for y in range(0, height, rows):
            yield slice(y, min(y + rows, height)), slice(0, width), plane[y : y + rows]
        return
    for y, x in itertools.product(range(0, height, step[0]), range(0, width, step[1])):
        part = plane[y : y + step[0], x : x + step[1]]
        missing = ((0, step[0] - part.shape[0]), (0, step[1] - part.shape[1]), (0, 0))
        place = slice(y, y + part.shape[0]), slice(x, x + part.shape[1])
        yield *place, np.pad(part, missing, mode="edge")


def valid(kind: Kind) -> bool:
    """Tell whether the combination makes sense as a file."""
    channels = COLOURS[kind.colour] + len(kind.extra)
    each = 1 if kind.planar else channels
    plain = kind.sample == "uint"
    rules = (
        kind.sample != "float" or kind.bits in {16, 32, 64},
        kind.sample in {"uint", "float"} or kind.bits in {8, 16, 32},
        plain or kind.colour in {"gray", "rgb"},
        plain or not kind.extra,
        not kind.planar or channels > 1,
        kind.codec in BYTE_CODECS or kind.sample in {"uint"} or kind.codec == "lerc",
        kind.predictor == 1
        or (kind.codec in BYTE_CODECS - {"none", "packbits"} and kind.bits in {8, 16, 32, 64}),
        (kind.predictor == 3) <= (kind.sample == "float"),
        (kind.predictor == 2) <= (kind.sample != "float"),
        kind.colour != "palette" or (kind.bits <= 8 and not kind.extra),
        kind.colour not in LAB or kind.bits in {8, 16},
        kind.colour != "ycbcr" or (kind.bits == 8 and not kind.extra and kind.codec not in {"lerc", "png"}),
        kind.colour not in LAB or not kind.extra,
        not kind.held or (kind.bits == 16 and plain and kind.colour in {"gray", "rgb"} and not kind.extra),
        kind.bits > 1 or not kind.extra,
        # Nobody says what colours multiplied by an alpha mean where 0 is white.
        kind.colour not in {"white", "cmyk"} or kind.extra[:1] != (1,),
        kind.colour != "white" or kind.extra != (0, 0),
        _codec_takes(kind, each),
        kind.layout != "tile1000" or (kind.codec not in {"none", "packbits"} and kind.size[0] == 48),
    )
    return all(rules)


def _codec_takes(kind: Kind, each: int) -> bool:
    deep = kind.bits in {8, 16}
    takes = {
        "jpeg": kind.bits == 8
        and not kind.extra
        and each in {1, 3, 4}
        and kind.layout not in {"strips7", "tile20"}
        and kind.colour not in {"palette", "lab", "lab-d65-"},
        "jpeg2000": deep and each in {1, 3, 4},
        "jpegxl": deep and each in {1, 3},
        "png": deep and each in {1, 2, 3, 4},
        "webp": kind.bits == 8 and each in {3, 4},
        "lerc": kind.bits in {8, 16, 32} and kind.layout != "strips7",
        "jpegxr": deep and each in {1, 3},
        "t4": kind.bits == 1 and each == 1,
        "t6": kind.bits == 1 and each == 1,
        "ccittrle": kind.bits == 1 and each == 1,
    }
    return takes.get(kind.codec, True)


def samples_of(kind: Kind) -> Samples:
    """Return what is to be stored: (H, W, C) of the kind's own type."""
    base = picture(*kind.size)
    colour = {
        "gray": lambda: base[..., 1:2],
        "white": lambda: base[..., 1:2],
        "palette": lambda: base[..., 1:2],
        "rgb": lambda: base,
        "cmyk": lambda: to_cmyk(base),
        "ycbcr": lambda: to_ycbcr(base),
        "lab": lambda: np.array(_lab(base)),
        "lab-d65-": lambda: _lab_of_daylight(base),
    }[kind.colour]()
    alpha = np.clip(np.mgrid[0 : kind.size[0], 0 : kind.size[1]][1] * 6, 40, 255).astype(np.uint8)
    if kind.extra[:1] == (1,):
        colour = np.round(colour * (alpha[..., None] / 255.0)).astype(np.uint8)
    more = [alpha if extra else base[::-1, :, 2] for extra in kind.extra]
    stored = np.dstack([colour, *more]) if more else colour
    return _widened(stored, kind)


def _lab(rgb: Pixels) -> Pixels:
    """Return ICC Lab (D50), shifted as TIFF's CIELab stores it: a and b signed."""
    change = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    return np.array(ImageCms.applyTransform(Image.fromarray(rgb), change))


def _lab_of_daylight(rgb: Pixels) -> Pixels:
    """Return CIELab of the white D65, which ImageMagick writes, as OpenCV computes it; a and b signed."""
    lab = cv2.cvtColor((rgb / 255).astype(np.float32), cv2.COLOR_RGB2LAB) * np.float32([2.55, 1, 1])
    return np.round(lab).astype(np.int16).astype(np.uint8)


def _widened(stored: Samples, kind: Kind) -> Samples:
    """Return 8-bit samples as those of a kind; signed ones begin at the lowest value, with a plus at 0."""
    bits = kind.bits
    if kind.colour == "lab-d65-" and bits == 16:
        return stored.astype(np.uint16) * np.uint16([257, 256, 256])
    if kind.sample == "float":
        return (stored / 255.0).astype({16: np.float16, 32: np.float32, 64: np.float64}[bits])
    if bits < 8:
        return stored >> (8 - bits)
    unsigned = stored
    if bits > 8:
        unsigned = stored.astype(np.uint16) * 257
        unsigned = unsigned >> (16 - (kind.held or min(bits, 16)))
    if bits > 16:
        unsigned = unsigned.astype(np.uint64) << np.uint64(bits - 16)
    unsigned = unsigned.astype({8: np.uint8, 32: np.uint32, 64: np.uint64}.get(bits, np.uint16))
    if kind.sample == "int+":
        return (unsigned >> 1).astype(f"i{bits // 8}")
    return (unsigned ^ (1 << (bits - 1))).view(f"i{bits // 8}") if kind.sample == "int" else unsigned


def truth_of(kind: Kind, raw: Samples) -> Pixels | None:
    """Return the pixels that the documented rules give; None where there is no rule for such samples."""
    if kind.sample == "float" or kind.bits > 16 or kind.sample == "int":
        return None
    # Three grey channels without a word on the other two are the colours of a composite.
    count = 3 if (kind.colour, kind.extra) == ("gray", (0, 0)) else COLOURS[kind.colour]
    unsigned = raw.astype(np.uint16)
    if kind.colour == "white":
        unsigned = np.concatenate([(1 << kind.bits) - 1 - unsigned[..., :1], unsigned[..., 1:]], axis=2)
    if kind.colour == "palette":
        return upright(palette(kind.bits)[unsigned[..., 0]].astype(np.uint8), kind.orientation)
    flat = unsigned if kind.bits <= 8 else scaled(unsigned, kind.bits)
    flat = scaled(flat, kind.bits) if kind.bits < 8 else flat
    colour, more = flat[..., :count], flat[..., count:]
    rgb = {
        1: lambda: as_rgb(colour[..., 0]),
        3: lambda: from_ycbcr(colour) if kind.colour == "ycbcr" else colour.astype(np.uint8),
        4: lambda: from_cmyk(colour),
    }[count]()
    if kind.colour in LAB:
        rgb = picture(*kind.size)
    if kind.extra and kind.extra[0]:
        rgb = over_white(rgb, more[..., 0], multiplied=kind.extra[0] == 1)
    return upright(np.asarray(rgb, np.uint8), kind.orientation)


def palette(bits: int) -> Samples:
    """Return a colour table (2**bits, 3) of 8-bit values without order."""
    return np.random.default_rng(bits).integers(0, 256, (1 << bits, 3))


def directory(kind: Kind, channels: int) -> dict[int, Value]:
    """Return the tags that describe a kind."""
    height, width = kind.size
    step = LAYOUTS[kind.layout]
    tags: dict[int, Value] = {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [kind.bits] * channels),
        259: (SHORT, [CODECS[kind.codec][0]]),
        262: (SHORT, [PHOTOMETRIC[kind.colour]]),
        277: (SHORT, [channels]),
        284: (SHORT, [2 if kind.planar else 1]),
    }
    if kind.orientation > 1:
        tags[274] = (SHORT, [kind.orientation])
    if isinstance(step, int):
        tags[278] = (LONG, [step or height])
    else:
        tags |= {322: (SHORT, [step[1]]), 323: (SHORT, [step[0]])}
    if kind.predictor > 1:
        tags[317] = (SHORT, [kind.predictor])
    if kind.extra:
        tags[338] = (SHORT, list(kind.extra))
    if kind.sample != "uint":
        tags[339] = (SHORT, [{"int": 2, "int+": 2, "float": 3}[kind.sample]] * channels)
    return tags | _colour_tags(kind)


def _colour_tags(kind: Kind) -> dict[int, Value]:
    tags: dict[int, Value] = {}
    if kind.colour == "palette":
        tags[320] = (SHORT, [int(value) * 257 for value in palette(kind.bits).T.ravel()])
    if kind.colour == "ycbcr":
        tags[530] = (SHORT, [2, 2] if kind.codec == "jpeg" and not kind.planar else [1, 1])
        tags[532] = (5, [0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1])
    if kind.colour == "cmyk":
        tags[332] = (SHORT, [1])
    if kind.colour == "lab-d65-":
        tags[318] = (5, [3127, 10000, 3290, 10000])
    if kind.codec == "lerc":
        tags[50674] = (LONG, [4, 0])
    if kind.codec in {"t4"}:
        tags[292] = (LONG, [0])
    return tags


def coded(kind: Kind, raw: Samples) -> tuple[list[bytes], Samples]:
    """Return the segments of a picture, and the samples that an independent decoder finds in them."""
    encode = CODECS[kind.codec][1]
    back = BACK.get(kind.codec)
    found = raw.copy()
    segments = []
    channels = [[index] for index in range(raw.shape[2])] if kind.planar else [list(range(raw.shape[2]))]
    for chosen in channels:
        for down, across, part in pieces(raw[..., chosen], kind.layout):
            data = encode(np.ascontiguousarray(part), kind)
            segments.append(bytes(data))
            if back is not None:
                read = back(segments[-1], kind).reshape(part.shape)
                found[down, across, chosen[0] : chosen[-1] + 1] = read[
                    : down.stop - down.start, : across.stop - across.start
                ]
    return segments, found


def built(kind: Kind) -> tuple[bytes, Samples, list[tuple[int, int]]]:
    """Return the file, its samples as an independent decoder reads them, and where its segments lie."""
    raw = samples_of(kind)
    segments, found = coded(kind, raw)
    page = Page(
        tags=directory(kind, raw.shape[2]), segments=segments, tiled=isinstance(LAYOUTS[kind.layout], tuple)
    )
    writer = Writer(kind.order, big=kind.big)
    data = writer.write([page])
    return data, found, writer.data_starts


def words_of(kind: Kind) -> str:
    """Return what a refusal of such a file may name."""
    words = [WORDS[key] for key in (kind.codec, kind.colour) if key in WORDS]
    if kind.sample != "uint":
        words.append("float" if kind.sample == "float" else "signed|negative")
    if kind.bits not in {8, 16}:
        words.append(f"\\b{kind.bits}[- ]bit|bits")
    if kind.planar:
        words.append("plane|planar|channel by channel")
    if kind.layout.startswith("tile"):
        words.append("tile")
    if kind.extra:
        words.append("channel|alpha|transparen|extra")
    if kind.predictor > 1:
        words.append("predictor|differen")
    if kind.big:
        words.append("BigTIFF")
    if kind.bits == 16:
        words.append("16-bit")
    return "|".join(words)


def case_of(kind: Kind) -> Case:
    """Return the undamaged file of a kind."""
    data, found, _ = built(kind)
    truth = truth_of(kind, found)
    return Case(
        name=kind.name,
        suffix=".tif",
        data=data,
        truth=truth,
        verdict=_verdict(kind, truth),
        tolerance=_tolerance(kind),
        words=words_of(kind),
    )


def _verdict(kind: Kind, truth: Pixels | None) -> str:
    """Return what must become of a file; CIELab with its white was right at d5dbeb9 but for its rounding."""
    if truth is None:
        return REFUSED
    return MUST_BE_RIGHT if kind.colour == "lab-d65-" else RIGHT_OR_REFUSED


def _tolerance(kind: Kind) -> int | None:
    if kind.colour in LAB or kind.codec == "jpeg":
        return LOSSY
    converted = kind.extra or kind.colour in {"cmyk", "ycbcr"} or kind.bits not in {1, 2, 4, 8}
    return ROUNDED if converted else EXACT


AXES: Mapping[str, tuple[Any, ...]] = {
    "codec": tuple(CODECS),
    "colour": tuple(colour for colour in COLOURS if colour != "lab-d65-"),
    "bits": (1, 2, 4, 8, 10, 12, 14, 16, 32, 64),
    "sample": ("uint", "int", "int+", "float"),
    "extra": ((), (1,), (2,), (0,), (2, 0), (0, 0)),
    "planar": (False, True),
    "layout": tuple(LAYOUTS),
    "predictor": (1, 2, 3),
    "order": ("<", ">"),
    "big": (False, True),
    "orientation": tuple(range(1, 9)),
    "held": (0, 12, 10),
    "size": ((48, 64), (50, 67)),
}


def _draws(seed: int) -> Iterator[Kind]:
    """Yield valid kinds at random, common values of an axis more often than rare ones."""
    rng = np.random.default_rng(seed)
    while True:
        chosen = {}
        for axis, values in AXES.items():
            usual = rng.random() < (0.35 if axis in {"codec", "layout", "order", "size"} else 0.6)
            index = int(rng.integers(len(values)))
            chosen[axis] = Kind.__dataclass_fields__[axis].default if usual else values[index]
        kind = Kind(**chosen)
        if valid(kind):
            yield kind


def pairwise(seed: int, *, draws: int) -> list[Kind]:
    """Return kinds that hold every pair of axis values which that many draws hold, each new to some pair."""
    seen: set[tuple[Any, ...]] = set()
    kept = []
    for kind in itertools.islice(_draws(seed), draws):
        values = [(axis, getattr(kind, axis)) for axis in AXES]
        pairs = set(itertools.combinations(values, 2))
        if len(pairs - seen) >= 2:
            kept.append(kind)
        seen |= pairs
    return kept


def product() -> Iterator[Kind]:
    """Yield the full product of what files in use differ in, and of the small axes."""
    colours = [
        *itertools.product(("gray", "rgb"), (8, 16)),
        ("white", 8),
        ("palette", 8),
        ("cmyk", 8),
        ("ycbcr", 8),
    ]
    for codec, (colour, bits), planar, layout, predictor in itertools.product(
        CODECS, colours, (False, True), ("strips", "tile16", "tile48", "tile20"), (1, 2)
    ):
        yield Kind(codec=codec, colour=colour, bits=bits, planar=planar, layout=layout, predictor=predictor)
    for colour, bits, sample, codec, order in itertools.product(
        ("gray", "rgb"), AXES["bits"], AXES["sample"], ("none", "deflate", "lzw"), ("<", ">")
    ):
        yield Kind(colour=colour, bits=bits, sample=sample, codec=codec, order=order)
    for orientation, planar, layout, bits in itertools.product(
        range(1, 9), (False, True), ("strips", "tile16"), (8, 16)
    ):
        yield Kind(orientation=orientation, planar=planar, layout=layout, bits=bits, size=(50, 67))
    for extra, colour, bits, planar, codec in itertools.product(
        AXES["extra"], ("gray", "rgb", "cmyk"), (8, 16), (False, True), ("none", "lzw", "png")
    ):
        yield Kind(extra=extra, colour=colour, bits=bits, planar=planar, codec=codec)


FEW = (
    Kind(bits=16, planar=True, layout="strip"),
    Kind(bits=16, planar=True, codec="lzw", layout="tile16"),
    Kind(bits=16, planar=True, codec="deflate"),
    *(
        Kind(codec=codec)
        for codec in ("jpeg2000", "jpegxl", "png", "webp", "zstd", "lzma", "jpegxr", "lerc", "jpeg")
    ),
    *(Kind(colour="gray", codec=codec) for codec in ("jpeg2000", "jpegxl", "png", "jpeg")),
    *(Kind(orientation=turn, size=(50, 67)) for turn in range(1, 9)),
    *(Kind(layout=layout, codec="lzw") for layout in LAYOUTS),
    *(Kind(layout=layout) for layout in LAYOUTS),
    *(Kind(colour="gray", bits=bits) for bits in AXES["bits"]),
    *(Kind(extra=extra) for extra in AXES["extra"]),
    *(Kind(colour="gray", bits=1, codec=codec) for codec in ("ccittrle", "t4", "t6")),
    *(Kind(colour="white", bits=1, codec=codec) for codec in ("ccittrle", "t4", "t6")),
    Kind(colour="cmyk"),
    Kind(colour="cmyk", bits=16, codec="lzw"),
    Kind(colour="ycbcr"),
    Kind(colour="ycbcr", codec="jpeg"),
    Kind(colour="lab"),
    *(
        Kind(colour="lab-d65-", bits=bits, codec=codec, layout=layout)
        for bits in (8, 16)
        for codec in ("none", "lzw", "deflate", "old-deflate", "packbits")
        for layout in ("strips", "tile48")
    ),
    *(
        Kind(colour=colour, bits=1, codec=codec, layout=layout, size=size)
        for colour in ("gray", "white")
        for codec in ("t6", "t4", "ccittrle")
        for layout in ("tile16", "tile48", "tile80")
        for size in ((48, 64), (50, 67))
    ),
    Kind(bits=16, held=12),
    Kind(bits=16, held=10),
    Kind(bits=16, codec="lzw", predictor=2, order=">"),
    *(Kind(bits=bits, sample="float") for bits in (16, 32, 64)),
    *(
        Kind(colour=colour, bits=bits)
        for colour in ("gray", "white", "rgb", "palette", "cmyk", "ycbcr", "lab")
        for bits in (1, 2, 3, 4, 5, 6, 7, 10, 12, 14, 16)
    ),
    *(Kind(bits=bits, extra=(2,), planar=planar) for bits in (2, 4, 5, 12, 16) for planar in (False, True)),
)


def damaged_kinds() -> Iterator[Kind]:
    """Yield kinds whose coded bytes get holes."""
    for codec, (colour, bits), layout in itertools.product(
        CODECS,
        (("rgb", 8), ("rgb", 16), ("gray", 8), ("gray", 1)),
        ("strip", "strips", "tile16", "tile48"),
    ):
        if codec != "none":
            yield Kind(codec=codec, colour=colour, bits=bits, layout=layout)
    yield from (Kind(codec="lzw", predictor=2, layout=layout) for layout in ("strips", "tile48"))
    yield from (Kind(codec="deflate", planar=True, layout=layout) for layout in ("strips", "tile48"))


def damaged(*, few: bool) -> Iterator[Case]:
    """Yield files with a hole in the coded bytes of a segment, and cut ones."""
    from tests.faults.odd_strict import tiff_reading

    for number, kind in enumerate(kind for kind in damaged_kinds() if valid(kind)):
        if few and number % 4 and kind.codec not in {"lzw", "deflate", "packbits", "jpeg"}:
            continue
        data, _, places = built(kind)
        longest = max(places, key=lambda place: place[1] - place[0])
        broken = list(holes(data, *longest, count=2 if few else 8, seed=number))
        for what, content in broken:
            yield Case(
                name=f"{kind.name.replace('tiff-', 'tiff-damaged-', 1)}-{what}",
                suffix=".tif",
                data=content,
                truth=None,
                verdict=REFUSED,
                damaged=True,
                tolerance=_tolerance(kind),
                strict=lambda content, kind=kind: tiff_reading(content, kind),
            )


def cases(*, few: bool) -> Iterator[Case]:
    """Yield all TIFF cases, each name once."""
    kinds: Iterator[Kind] = itertools.chain(FEW, pairwise(17, draws=1500))
    if not few:
        kinds = itertools.chain(kinds, product(), itertools.islice(_draws(18), 2500))
    names: set[str] = set()
    for kind in kinds:
        if kind.name not in names and valid(kind):
            names.add(kind.name)
            yield case_of(kind)
    yield from damaged(few=few)


def replaced(kind: Kind, **changes: Any) -> Kind:
    """Return a kind with some axes changed."""
    return dataclasses.replace(kind, **changes)
