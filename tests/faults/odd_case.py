"""Cases of the differential test of the decoder: what a file is, and what its pixels are.

The truth follows the program's own documented rules (``allstation.imaging.formats.decode.decode``),
written here a second time: 16-bit samples are scaled by the smallest of 10, 12, 14 and 16 bits that
holds the brightest one, transparency is laid over white, the orientation is applied, ICC profiles and
gamma are left alone.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms

from allstation.imaging import synthetic

Pixels = NDArray[np.uint8]
Samples = NDArray[Any]
Reading = Callable[[bytes], "Pixels | None"]

RIGHT_OR_REFUSED = "right-or-refused"
MUST_BE_RIGHT = "must-be-right"
REFUSED = "refused"

EXACT = 0
"""Largest difference of one sample for lossless 8-bit files."""
ROUNDED = 2
"""The same where colours are scaled, multiplied by an alpha or converted: roundings may differ."""
LOSSY: None = None
"""The mean difference counts, at most ``MEAN_LIMIT``."""
MEAN_LIMIT = 2.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """One file with what must become of it.

    Attributes:
        name: ``family/what/it/is``; the same bytes on every machine and in every run.
        suffix: Suffix of the file.
        data: Its bytes.
        truth: (H, W, 3) uint8 RGB; None if no rule says how it looks: such a file is refused.
        verdict: ``right-or-refused``, ``must-be-right`` or ``refused``.
        damaged: Whether the file is broken, so that a refusal may say so.
        tolerance: Largest difference of one sample, or None for a mean of at most two grey levels.
        words: Regular expression, one match of which a refusal must bear: what the file is.
        strict: Independent reading of a damaged file; None where it raises or warns.
    """

    name: str
    suffix: str
    data: bytes
    truth: Pixels | None
    verdict: str = RIGHT_OR_REFUSED
    damaged: bool = False
    tolerance: int | None = EXACT
    words: str = ""
    strict: Reading | None = None

    @property
    def family(self) -> str:
        """First part of the name."""
        return self.name.partition("/")[0]


@functools.cache
def picture(height: int = 48, width: int = 64, variant: int = 0) -> Pixels:
    """Return a synthetic field under ramps and coloured marks: every row, column and channel differs."""
    drawn = synthetic.draw_field("Pre", 1 + variant, size=(height, width)).astype(np.float64)
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    ramps = np.stack([across, down, 1 - (across + down) / 2], axis=-1) * 255
    mixed = np.round(drawn * 0.55 + ramps * 0.45).astype(np.uint8)
    mixed[3:7, 3:9] = (0, 0, 0)
    mixed[3:7, width - 9 : width - 3] = (255, 255, 255)
    mixed[9:13, 3:7] = (230, 20, 40)
    mixed[9:13, 9:13] = (20, 220, 60)
    mixed[height - 8 : height - 4, 4:10] = (30, 40, 240)
    mixed.flags.writeable = False
    return mixed


def scaled(samples: Samples, bits: int) -> Samples:
    """Return samples of ``bits`` bits as 8-bit ones, by the documented rule."""
    if bits <= 8:
        most = (1 << bits) - 1
        return ((samples.astype(np.uint32) * 255 + most // 2) // most).astype(np.uint8)
    brightest = int(samples.max())
    held = next(wide for wide in (10, 12, 14, 16) if brightest < 1 << wide)
    top = (1 << held) - 1
    return ((samples.astype(np.uint64) * 255 + top // 2) // top).astype(np.uint8)


def over_white(colour: Samples, alpha: Samples, *, multiplied: bool = False) -> Pixels:
    """Lay 8-bit colours (H, W, 3) over white."""
    share = alpha[..., None].astype(np.float64) / 255
    shown = colour.astype(np.float64) * (1 if multiplied else share) + 255 * (1 - share)
    return np.clip(np.round(shown), 0, 255).astype(np.uint8)


def as_rgb(gray: Samples) -> Pixels:
    """Return gray (H, W) as (H, W, 3)."""
    return np.repeat(gray[..., None], 3, axis=2).astype(np.uint8)


def from_cmyk(cmyk: Samples) -> Pixels:
    """Return 8-bit CMYK, 0 for no ink, as RGB: uncalibrated, as libtiff, Pillow and OpenCV do."""
    ink = cmyk.astype(np.float64)
    light = (255 - ink[..., :3]) * (255 - ink[..., 3:4]) / 255
    return np.round(light).astype(np.uint8)


def to_cmyk(rgb: Pixels) -> Pixels:
    """Return CMYK with a black share, which ``from_cmyk`` turns back within a rounding."""
    light = rgb.astype(np.float64)
    white = light.max(axis=2, keepdims=True) / 2 + 127.5
    inks = 255 * (1 - light / np.maximum(white, 1))
    return np.clip(np.round(np.concatenate([inks, 255 - white], axis=2)), 0, 255).astype(np.uint8)


def from_ycbcr(ycc: Samples) -> Pixels:
    """Return full-range BT.601 as RGB (JFIF)."""
    y, cb, cr = np.moveaxis(ycc.astype(np.float64), -1, 0)
    cb, cr = cb - 128, cr - 128
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1)
    return np.clip(np.round(rgb), 0, 255).astype(np.uint8)


def to_ycbcr(rgb: Pixels) -> Pixels:
    """Return RGB as full-range BT.601 (JFIF)."""
    r, g, b = np.moveaxis(rgb.astype(np.float64), -1, 0)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    ycc = np.stack([y, (b - y) / 1.772 + 128, (r - y) / 1.402 + 128], axis=-1)
    return np.clip(np.round(ycc), 0, 255).astype(np.uint8)


def upright(rgb: Pixels, orientation: int) -> Pixels:
    """Apply an Exif orientation: rows and columns as Exif 2.32, table 6, names them."""
    turn: dict[int, Callable[[Pixels], Pixels]] = {
        1: lambda p: p,
        2: np.fliplr,
        3: lambda p: np.rot90(p, 2),
        4: np.flipud,
        5: lambda p: np.swapaxes(p, 0, 1),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: np.rot90(np.swapaxes(p, 0, 1), 2),
        8: lambda p: np.rot90(p, 1),
    }
    return np.ascontiguousarray(turn[orientation](rgb))


def srgb_profile() -> bytes:
    """Return an sRGB profile without its date."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:24] + bytes(12) + made[36:]


def holes(data: bytes, start: int, end: int, *, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield a file with 16 to 80 bytes between two places overwritten by zeros or by random bytes."""
    rng = np.random.default_rng([seed, len(data)])
    for number in range(count):
        size = int(min(rng.integers(16, 80), max((end - start) // 4, 1)))
        at = int(rng.integers(start, max(end - size, start + 1)))
        fill = bytes(size) if number % 2 else rng.bytes(size)
        broken = data[:at] + fill + data[at + size :]
        if broken != data:
            yield f"hole{number}-{'zeros' if number % 2 else 'random'}", broken


@contextlib.contextmanager
def stderr_file() -> Iterator[list[str]]:
    """Collect what is written to file descriptor 2, by any library; the list is filled at the end."""
    said: list[str] = []
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            said.append(file.read(4096).decode("utf-8", "replace"))
