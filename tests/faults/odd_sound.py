"""Sound files of many sizes, contents and settings, by several encoders: none may be called damaged."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cv2
import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from tests.faults.odd_case import EXACT, LOSSY, ROUNDED, Case, Pixels, picture
from tests.faults.odd_other import read

Made = tuple[bytes, int | None]


def content(rng: np.random.Generator) -> Pixels:
    """Return a picture of any size: a drawn field, flat, a ramp, noise, or blocks."""
    height, width = (int(side) for side in rng.integers(16, 90, 2))
    kind = int(rng.integers(6))
    if kind == 0:
        return np.full((height, width, 3), rng.integers(0, 256, 3), np.uint8)
    if kind == 1:
        ramp = np.linspace(0, 255, width).astype(np.uint8)
        return np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (height, width, 3)))
    if kind == 2:
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == 3:
        blocks = rng.integers(0, 256, (-(-height // 8), -(-width // 8), 3), dtype=np.uint8)
        return np.ascontiguousarray(np.kron(blocks, np.ones((8, 8, 1), np.uint8))[:height, :width])
    whole = picture(120, 160, int(rng.integers(3)))
    y, x = int(rng.integers(120 - height)), int(rng.integers(160 - width))
    return np.ascontiguousarray(whole[y : y + height, x : x + width])


def _saved(pixels: Pixels, kind: str, mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, kind, **options)
    return out.getvalue()


def webp(rng: np.random.Generator, pixels: Pixels) -> Made:
    """Return a WebP file by one of three ways to libwebp."""
    quality = int(rng.integers(0, 101))
    way = int(rng.integers(5))
    if way == 0:
        return _saved(pixels, "WEBP", quality=quality, method=int(rng.integers(0, 7))), LOSSY
    if way == 1:
        return _saved(pixels, "WEBP", lossless=True, quality=quality, method=int(rng.integers(0, 7))), EXACT
    if way == 2:
        alpha = rng.integers(0, 256, pixels.shape[:2], dtype=np.uint8)
        out = io.BytesIO()
        options = {"quality": quality, "lossless": bool(rng.integers(2)), "alpha_quality": quality}
        Image.fromarray(np.dstack([pixels, alpha])).save(out, "WEBP", **options)
        return out.getvalue(), LOSSY
    if way == 3:
        return cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, max(quality, 1)])[1].tobytes(), LOSSY
    return bytes(imagecodecs.webp_encode(pixels, level=quality)), LOSSY


def jpeg(rng: np.random.Generator, pixels: Pixels) -> Made:
    """Return a JPEG file by Pillow, OpenCV or imagecodecs."""
    quality = int(rng.integers(1, 101))
    way = int(rng.integers(4))
    if way <= 1:
        options: dict[str, Any] = {
            "quality": quality,
            "subsampling": int(rng.integers(3)),
            "optimize": bool(rng.integers(2)),
            "progressive": bool(rng.integers(2)),
            "restart_marker_blocks": int(rng.integers(0, 9)),
            "mode": ("RGB", "L", "CMYK")[int(rng.integers(3)) if rng.random() < 0.4 else 0],
        }
        return _saved(pixels, "JPEG", **options), LOSSY
    if way == 2:
        flags = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, int(rng.integers(2))]
        flags += [cv2.IMWRITE_JPEG_RST_INTERVAL, int(rng.integers(0, 20))]
        return cv2.imencode(".jpg", pixels, flags)[1].tobytes(), LOSSY
    sampling = ("444", "422", "420", "411", "440")[int(rng.integers(5))]
    return bytes(imagecodecs.jpeg8_encode(pixels, max(quality, 1), subsampling=sampling)), LOSSY


def tiff(rng: np.random.Generator, pixels: Pixels) -> Made:
    """Return a TIFF file by libtiff (Pillow, OpenCV) or tifffile."""
    way = int(rng.integers(3))
    if way == 0:
        codecs = ("raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "jpeg")
        codec = codecs[int(rng.integers(len(codecs)))]
        tags = {278: int(rng.integers(1, 40)) * 8}
        if codec in {"tiff_lzw", "tiff_adobe_deflate"} and rng.random() < 0.5:
            tags[317] = 2
        mode = ("RGB", "L")[int(rng.integers(2))]
        tolerance = LOSSY if codec == "jpeg" else EXACT
        return _saved(pixels, "TIFF", mode, compression=codec, tiffinfo=tags), tolerance
    if way == 1:
        deep = pixels.astype(np.uint16) * 257 if rng.random() < 0.5 else pixels
        codec = (1, 5, 8, 32773, 32946)[int(rng.integers(5))]
        flags = [cv2.IMWRITE_TIFF_COMPRESSION, codec, cv2.IMWRITE_TIFF_PREDICTOR, 1 + int(rng.integers(2))]
        flags += [cv2.IMWRITE_TIFF_ROWSPERSTRIP, int(rng.integers(1, 60))]
        return cv2.imencode(".tiff", deep, flags)[1].tobytes(), ROUNDED
    out = io.BytesIO()
    codec = (None, "lzw", "zlib", "packbits")[int(rng.integers(4))]
    tile = (16 * int(rng.integers(1, 6)), 16 * int(rng.integers(1, 6)))
    options: dict[str, Any] = (
        {"tile": tile} if rng.random() < 0.5 else {"rowsperstrip": int(rng.integers(1, 60))}
    )
    if codec in {"lzw", "zlib"} and rng.random() < 0.5:
        options["predictor"] = 2
    tifffile.imwrite(
        out, pixels, photometric="rgb", compression=codec, software="odd", datetime=None, **options
    )
    return out.getvalue(), EXACT


def png(rng: np.random.Generator, pixels: Pixels) -> Made:
    """Return a PNG file by Pillow, OpenCV or imagecodecs."""
    way = int(rng.integers(3))
    if way == 0:
        mode = ("RGB", "L", "P", "1")[int(rng.integers(4))]
        return _saved(pixels, "PNG", mode, optimize=bool(rng.integers(2))), EXACT
    if way == 1:
        deep = pixels.astype(np.uint16) * 257 if rng.random() < 0.5 else pixels
        flags = [cv2.IMWRITE_PNG_COMPRESSION, int(rng.integers(10))]
        return cv2.imencode(".png", deep, flags)[1].tobytes(), ROUNDED
    return bytes(imagecodecs.png_encode(pixels, int(rng.integers(10)))), EXACT


def jpeg2000(rng: np.random.Generator, pixels: Pixels) -> Made:
    """Return a JPEG 2000 file by Pillow, OpenCV or imagecodecs."""
    # OpenCV writes six resolutions, for which a small picture has too few pixels.
    way = int(rng.integers(3)) if min(pixels.shape[:2]) >= 32 else 2
    if way == 0:
        options = {"irreversible": bool(rng.integers(2)), "num_resolutions": int(rng.integers(1, 5))}
        return _saved(pixels, "JPEG2000", **options), LOSSY
    if way == 1:
        return cv2.imencode(".jp2", pixels)[1].tobytes(), LOSSY
    return bytes(imagecodecs.jpeg2k_encode(pixels, int(rng.integers(20, 90)), reversible=False)), LOSSY


ENCODERS: Mapping[str, tuple[str, int, Callable[[np.random.Generator, Pixels], Made]]] = {
    "webp": (".webp", 500, webp),
    "jpeg": (".jpg", 800, jpeg),
    "tiff": (".tif", 500, tiff),
    "png": (".png", 200, png),
    "jpeg2000": (".jp2", 150, jpeg2000),
}


def _truth(data: bytes) -> Pixels:
    """Return what Pillow reads, or of 16 bits tifffile or imagecodecs."""
    with Image.open(io.BytesIO(data)) as image:
        plain = image.mode in {"RGB", "L", "P", "1", "RGBA", "CMYK", "PA", "LA"}
    if plain:
        return read(data)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        return (file.pages[0].asarray() >> 8).astype(np.uint8)


def cases(*, few: bool) -> Iterator[Case]:
    """Yield sound files of each format."""
    for seed, (name, (suffix, count, encoder)) in enumerate(ENCODERS.items()):
        for number in range(count // 12 if few else count):
            rng = np.random.default_rng([seed, number])
            pixels = content(rng)
            data, tolerance = encoder(rng, pixels)
            try:
                truth = _truth(data)
            except (OSError, tifffile.TiffFileError):
                truth = pixels if tolerance is not LOSSY else None
            if truth is not None:
                yield Case(
                    name=f"sound-{name}/{number}",
                    suffix=suffix,
                    data=data,
                    truth=truth,
                    tolerance=tolerance,
                    words="nothing is wrong with it",
                )
