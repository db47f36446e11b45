"""WebP, JPEG 2000, and what the program may refuse by name: GIF, AVIF, HEIC, JPEG XL, PNM, Photoshop."""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterator
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
    Samples,
    as_rgb,
    holes,
    over_white,
    picture,
    scaled,
    to_cmyk,
    to_ycbcr,
    upright,
)
from tests.faults.odd_jpeg import exif


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return a file as Pillow writes it."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def read(data: bytes) -> Pixels:
    """Return what Pillow reads, transparency over white."""
    with Image.open(io.BytesIO(data)) as image:
        clear = image.has_transparency_data
        pixels = np.asarray(image.convert("RGBA" if clear else "RGB"))
    return over_white(pixels[..., :3], pixels[..., 3]) if clear else pixels


def clear(size: tuple[int, int] = (48, 64)) -> Image.Image:
    """Return a picture with an alpha channel."""
    alpha = np.clip(np.mgrid[0 : size[0], 0 : size[1]][1] * 5 - 20, 0, 255).astype(np.uint8)
    return Image.fromarray(np.dstack([picture(*size), alpha]))


def case(name: str, suffix: str, data: bytes, truth: Pixels | None, **more: Any) -> Case:
    """Return a case."""
    return Case(**{"name": name, "suffix": suffix, "data": data, "truth": truth, "tolerance": LOSSY, **more})


def webp(*, few: bool) -> Iterator[Case]:
    """Yield WebP of every kind."""
    image = Image.fromarray(picture(50, 67))
    pages = [image, Image.fromarray(picture(50, 67, 1))]
    made: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "lossy": (image, {"quality": 90}),
        "lossy-method6": (image, {"quality": 50, "method": 6}),
        "lossless": (image, {"lossless": True}),
        "lossy-alpha": (clear(), {"quality": 90}),
        "lossless-alpha": (clear(), {"lossless": True, "exact": True}),
        "animated": (pages[0], {"save_all": True, "append_images": pages[1:], "lossless": True}),
        "animated-alpha": (clear(), {"save_all": True, "append_images": [clear()], "lossless": True}),
    }
    for name, (what, options) in made.items():
        data = saved(what, "WEBP", **options)
        tolerance = ROUNDED if "lossless" in name else LOSSY
        yield case(f"webp/{name}", ".webp", data, read(data), tolerance=tolerance, words="WebP|animat")
    for turn in range(1, 9):
        data = saved(image, "WEBP", lossless=True, exif=exif(turn))
        yield case(f"webp/exif-{turn}", ".webp", data, upright(picture(50, 67), turn), words="WebP")
    for name in ("lossy", "lossless", "lossy-alpha"):
        data = saved(*(made[name][0], "WEBP"), **made[name][1])
        more: dict[str, Any] = {"verdict": REFUSED, "damaged": True, "strict": _webp_reading}
        for what, content in holes(data, 60, len(data) - 8, count=4 if few else 40, seed=len(name)):
            yield case(f"webp-damaged/{name}-{what}", ".webp", content, None, **more)
        for place in np.linspace(40, len(data) - 6, 3 if few else 30).astype(int):
            yield case(f"webp-damaged/{name}-cut-{place}", ".webp", data[:place], None, **more)
            sized = data[:4] + struct.pack("<I", int(place) - 8) + data[8:place]
            yield case(f"webp-damaged/{name}-cut-size-{place}", ".webp", sized, None, **more)


def _webp_reading(data: bytes) -> Pixels | None:
    try:
        pixels = np.asarray(imagecodecs.webp_decode(data))
        return over_white(pixels[..., :3], pixels[..., 3]) if pixels.shape[2] == 4 else pixels
    except Exception:
        return None


def _siz(data: bytes) -> int:
    return data.index(b"\xff\x51") + 4


def _subsampled(stream: bytes) -> bytes:
    """Return a codestream that says that each of its samples stands for two by two pixels."""
    at, changed = _siz(stream), bytearray(stream)
    for offset in (2, 6, 18, 22):
        place = slice(at + offset, at + offset + 4)
        changed[place] = struct.pack(">I", struct.unpack(">I", changed[place])[0] * 2)
    count = struct.unpack(">H", changed[at + 34 : at + 36])[0]
    for index in range(count):
        changed[at + 37 + 3 * index : at + 39 + 3 * index] = b"\2\2"
    return bytes(changed)


def jpeg2000(*, few: bool) -> Iterator[Case]:
    """Yield JPEG 2000 of every kind."""
    base = picture(50, 67)
    deep = base.astype(np.uint16) * 257
    gray = np.ascontiguousarray(base[..., 1])
    words = "JPEG.?2000"
    for form, suffix in (("j2k", ".j2k"), ("jp2", ".jp2")):
        for name, pixels, truth, options in (
            ("rgb", base, base, {}),
            ("gray", gray, as_rgb(gray), {}),
            ("rgb16", deep, base, {}),
            ("gray16", np.ascontiguousarray(deep[..., 1]), as_rgb(gray), {}),
            ("held12", deep >> 4, scaled(deep >> 4, 12), {"bitspersample": 12}),
            ("no-mct", base, base, {"mct": False}),
            ("resolutions1", base, base, {"resolutions": 1}),
        ):
            data = imagecodecs.jpeg2k_encode(pixels, codecformat=form, reversible=True, **options)
            tolerance = ROUNDED if pixels.dtype == np.uint16 else EXACT
            yield case(f"jpeg2000/{form}-{name}", suffix, data, truth, tolerance=tolerance, words=words)
        lossy = imagecodecs.jpeg2k_encode(base, 40, codecformat=form, reversible=False)
        yield case(f"jpeg2000/{form}-lossy", suffix, lossy, imagecodecs.jpeg2k_decode(lossy), words=words)
    rgba = np.asarray(clear())
    data = imagecodecs.jpeg2k_encode(rgba, codecformat="jp2", reversible=True)
    truth = over_white(rgba[..., :3], rgba[..., 3])
    yield case("jpeg2000/jp2-alpha", ".jp2", data, truth, tolerance=ROUNDED, words=words)
    two = np.ascontiguousarray(rgba[..., [1, 3]])
    data = imagecodecs.jpeg2k_encode(two, codecformat="jp2", reversible=True)
    truth = over_white(as_rgb(two[..., 0]), two[..., 1])
    yield case("jpeg2000/jp2-gray-alpha", ".jp2", data, truth, tolerance=ROUNDED, words=f"{words}|channel")
    stream = imagecodecs.jpeg2k_encode(gray, codecformat="j2k", reversible=True)
    wide = as_rgb(np.kron(gray, np.ones((2, 2), np.uint8)))
    yield case("jpeg2000/subsampled-gray", ".j2k", _subsampled(stream), wide, words="sub-?sampl|JPEG.?2000")
    pillow = saved(Image.fromarray(base), "JPEG2000", tile_size=(32, 32), num_resolutions=2)
    yield case("jpeg2000/pillow-tiles", ".jp2", pillow, base, tolerance=EXACT, words=words)
    yield from jp2_colours()
    yield from _damaged_jpeg2000(few=few)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def _jp2(stream: bytes, channels: int, colours: int, *, more: bytes = b"") -> bytes:
    """Return a codestream in a JP2 file of one of the enumerated colour spaces (T.800, annex I)."""
    head = _box(b"ihdr", struct.pack(">IIHBBBB", 48, 64, channels, 7, 7, 0, 0))
    head += _box(b"colr", struct.pack(">BBBI", 1, 0, 0, colours)) + more
    start = _box(b"jP  ", b"\r\n\x87\n") + _box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return start + _box(b"jp2h", head) + _box(b"jp2c", stream)


def jp2_colours() -> Iterator[Case]:
    """Yield JP2 files whose channels are no plain RGB: palette, sYCC, CMYK, other orders."""
    base = picture(48, 64)
    options: dict[str, Any] = {"codecformat": "j2k", "reversible": True, "mct": False}

    def stream(pixels: Samples) -> bytes:
        return imagecodecs.jpeg2k_encode(np.ascontiguousarray(pixels), **options)

    words = "JPEG.?2000"
    table = np.random.default_rng(5).integers(0, 256, (256, 3), dtype=np.uint8)
    pclr = _box(b"pclr", struct.pack(">HB3B", 256, 3, 7, 7, 7) + table.tobytes())
    cmap = _box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, index) for index in range(3)))
    order = _box(b"cdef", struct.pack(">H9H", 3, 0, 0, 3, 1, 0, 2, 2, 0, 1))
    made = {
        "srgb": (_jp2(stream(base), 3, 16), base, EXACT),
        "gray": (_jp2(stream(base[..., 1]), 1, 17), as_rgb(base[..., 1]), EXACT),
        "palette": (_jp2(stream(base[..., 1]), 1, 16, more=pclr + cmap), table[base[..., 1]], EXACT),
        "sycc": (_jp2(stream(to_ycbcr(base)), 3, 18), base, LOSSY),
        "cmyk": (_jp2(stream(to_cmyk(base)), 4, 12), base, LOSSY),
        "bgr-order": (_jp2(stream(base[..., ::-1]), 3, 16, more=order), base, EXACT),
    }
    for name, (data, truth, tolerance) in made.items():
        yield case(f"jpeg2000/colours-{name}", ".jp2", data, truth, tolerance=tolerance, words=words)


def _damaged_jpeg2000(*, few: bool) -> Iterator[Case]:
    base = picture(50, 67)
    for form, suffix in (("j2k", ".j2k"), ("jp2", ".jp2")):
        data = imagecodecs.jpeg2k_encode(base, codecformat=form, reversible=True)
        start = data.index(b"\xff\x93") + 2
        more: dict[str, Any] = {"verdict": REFUSED, "damaged": True, "tolerance": EXACT}
        for place in np.linspace(start + 1, len(data) - 3, 5 if few else 60).astype(int):
            for tail, name in ((b"", "cut"), (b"\xff\xd9", "cut-end")):
                content = data[:place] + tail
                yield case(
                    f"jpeg2000-damaged/{form}-{name}-{place}",
                    suffix,
                    content,
                    None,
                    strict=lambda _: base,
                    **more,
                )
        for what, content in holes(data, start, len(data) - 3, count=4 if few else 40, seed=3):
            name = f"jpeg2000-damaged/{form}-{what}"
            yield case(name, suffix, content, None, strict=_jpeg2000_reading, **more)


def _jpeg2000_reading(data: bytes) -> Pixels | None:
    try:
        return np.asarray(imagecodecs.jpeg2k_decode(data))
    except Exception:
        return None


def foreign() -> Iterator[Case]:
    """Yield files of formats that the program does not promise to read: right or refused by name."""
    base = picture(48, 64)
    image = Image.fromarray(base)
    indexed = image.quantize(64)
    gray = np.ascontiguousarray(base[..., 1])
    gif = saved(indexed, "GIF")
    avif = saved(image, "AVIF", quality=100, subsampling="4:4:4")
    yield case("foreign/gif", ".gif", gif, read(gif), tolerance=EXACT, words="GIF")
    moving = saved(indexed, "GIF", save_all=True, append_images=[indexed.rotate(180)])
    yield case("foreign/gif-animated", ".gif", moving, read(gif), tolerance=EXACT, words="GIF")
    yield case("foreign/avif", ".avif", avif, read(avif), words="AVIF")
    yield case("foreign/avif-named-jpg", ".jpg", avif, read(avif), words="AVIF")
    for container in (False, True):
        data = imagecodecs.jpegxl_encode(base, lossless=True, usecontainer=container)
        yield case(f"foreign/jpegxl-{container}", ".jxl", data, base, tolerance=EXACT, words="JPEG.?XL")
    for brand in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"):
        data = struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + b"mif1" + brand + bytes(400)
        yield case(f"foreign/heif-{brand.decode()}", ".heic", data, None, verdict=REFUSED, words="HEI[CF]")
    yield from _anymaps(base, gray)
    for name, suffix, data, words in (
        ("qoi", ".qoi", imagecodecs.qoi_encode(base), "QOI"),
        ("ico", ".ico", saved(image, "ICO", sizes=[(64, 48)]), "icon"),
        ("tga", ".tga", saved(image, "TGA"), "Targa|TGA|not an image"),
        ("pcx", ".pcx", saved(image, "PCX"), "PCX"),
        ("dds", ".dds", saved(image, "DDS"), "DDS|DirectDraw"),
        ("photoshop", ".psd", photoshop(base), "Photoshop"),
        ("photoshop-named-tif", ".tif", photoshop(base), "Photoshop"),
    ):
        yield case(f"foreign/{name}", suffix, data, base, tolerance=EXACT, words=words)
    for name, suffix, start, words in MICROSCOPES:
        data = start.ljust(4096, b"\0")
        yield case(f"foreign/{name}", suffix, data, None, verdict=REFUSED, words=words)


MICROSCOPES = (
    ("zeiss-czi", ".czi", b"ZISRAWFILE", "Zeiss|CZI|not an image"),
    ("leica-lif", ".lif", b"\x70\0\0\0\x18\x03\0\0\x2a\x89\x01\0\0", "Leica|LIF|not an image"),
    ("nikon-nd2", ".nd2", b"\xda\xce\xbe\x0a\0\0\0\0", "Nikon|ND2|not an image"),
    ("olympus-oib", ".oib", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Olympus|OLE|office|Zeiss|not an image"),
    ("openexr", ".exr", b"\x76\x2f\x31\x01\x02\0\0\0", "OpenEXR"),
    ("radiance", ".hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 48 +X 64\n", "Radiance|HDR|not an image"),
    ("fits", ".fits", b"SIMPLE  =                    T", "FITS|not an image"),
    (
        "svg",
        ".svg",
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
        "SVG|text|not an image",
    ),
    ("olympus-orf", ".orf", b"IIRO\x08\0\0\0", "raw|Olympus|not an image"),
    ("panasonic-rw2", ".rw2", b"IIU\0\x18\0\0\0", "raw|Panasonic|not an image"),
    ("fuji-raf", ".raf", b"FUJIFILMCCD-RAW 0201", "raw|Fuji|not an image"),
    ("movie-mp4", ".mp4", b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "film|movie|video|MP4|not an image"),
)
"""Name, suffix, first bytes, words; a sentence that it is no image that the station knows names it enough."""


def _anymaps(base: Pixels, gray: Samples) -> Iterator[Case]:
    one = np.packbits(gray < 128, axis=1)
    black = np.where(gray < 128, 0, 255).astype(np.uint8)
    deep = (base.astype(">u2") * 257).astype(">u2").tobytes()
    made = {
        "P1": (b"P1\n64 48\n" + _text((gray < 128).astype(int)), as_rgb(black)),
        "P2": (b"P2\n64 48\n255\n" + _text(gray), as_rgb(gray)),
        "P3": (b"P3\n64 48\n255\n" + _text(base.reshape(48, -1)), base),
        "P4": (b"P4\n64 48\n" + one.tobytes(), as_rgb(black)),
        "P5": (b"P5\n# a comment\n64 48\n255\n" + gray.tobytes(), as_rgb(gray)),
        "P6": (b"P6\n64 48\n255\n" + base.tobytes(), base),
        "P6-16": (b"P6\n64 48\n65535\n" + deep, base),
        "P7": (
            b"P7\nWIDTH 64\nHEIGHT 48\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + base.tobytes(),
            base,
        ),
    }
    for name, (data, truth) in made.items():
        words = "PNM|PPM|PGM|PBM|PAM|portable|Netpbm"
        yield case(f"foreign/anymap-{name}", ".ppm", data, truth, tolerance=ROUNDED, words=words)


def _text(values: Samples) -> bytes:
    return b"\n".join(b" ".join(str(int(value)).encode() for value in row) for row in values) + b"\n"


def photoshop(rgb: Pixels) -> bytes:
    """Return a Photoshop file: header, three empty sections, uncompressed planes."""
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, *rgb.shape[:2], 8, 3)
    return head + bytes(12) + b"\0\0" + np.moveaxis(rgb, -1, 0).tobytes()


def cases(*, few: bool) -> Iterator[Case]:
    """Yield all of them."""
    yield from itertools.chain(webp(few=few), jpeg2000(few=few), foreign())
