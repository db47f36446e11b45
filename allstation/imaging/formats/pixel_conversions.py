"""Conversions of decoded pixels: size, depth, alpha, grey, orientation."""

# ruff: noqa: PLR2004 - channels, bits and Exif's numbers

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.formats.source import Header

RgbArray = NDArray[np.uint8]

_KEEP: Final = 3
"""A larger frame is first halved while it stays at least this many times the wanted size.

1024x768 to 224x224 samples every 4.6 by 3.4 pixels; without the halving a frame of twice that size
would show twice the sampling noise of the fields that a model learned from.
"""


def squash(rgb: RgbArray, size: tuple[int, int]) -> RgbArray:
    """Resample a picture (H, W, 3) to exactly ``size`` (h, w), whatever its aspect ratio.

    ``INTER_LINEAR_EXACT`` is OpenCV's bit-exact variant: the same on every processor.
    """
    if rgb.shape[:2] == size:
        return rgb
    return np.asarray(cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_LINEAR_EXACT), np.uint8)


def reduction(size: tuple[int, int], wanted: tuple[int, int]) -> int:
    """Return 1, 2, 4 or 8: how far to shrink a frame of ``size`` (h, w) before it is sampled."""
    ratio = min(size[0] / wanted[0], size[1] / wanted[1]) / _KEEP
    return max(step for step in (1, 2, 4, 8) if step == 1 or step <= ratio)


def halved(rgb: RgbArray, shrink: int) -> RgbArray:
    """Average a picture down by 1, 2, 4 or 8."""
    if shrink == 1:
        return rgb
    height, width = rgb.shape[:2]
    target = (-(-width // shrink), -(-height // shrink))
    return np.asarray(cv2.resize(rgb, target, interpolation=cv2.INTER_AREA), np.uint8)


def depth_of(raw: NDArray[Any]) -> int:
    """Return the bits that 16-bit samples use: the smallest of 10, 12, 14 and 16 that holds the brightest."""
    brightest = int(raw.max())
    return next(bits for bits in (10, 12, 14, 16) if brightest < 1 << bits)


def to_8_bit(raw: NDArray[Any], *, bits: int = 0) -> NDArray[np.uint8]:
    """Scale samples to 8 bits.

    Args:
        raw: uint8 or uint16.
        bits: That the samples use, of uint16; 0 to look at them. What is brighter becomes white.
    """
    if raw.dtype == np.uint8:
        return np.asarray(raw, np.uint8)
    bits = bits or depth_of(raw)
    top = (1 << bits) - 1
    table = ((np.arange(top + 1, dtype=np.uint32) * 255 + top // 2) // top).astype(np.uint8)
    return np.asarray(table[np.minimum(raw, top)], np.uint8)


def over_white(raw: NDArray[np.uint8], header: Header) -> NDArray[np.uint8]:
    """Lay the colours over white and drop the alpha channel; without one, return them as they are."""
    if raw.ndim == 2 or raw.shape[2] in {1, 3}:
        return raw
    colour, alpha = raw[..., :-1], raw[..., -1:].astype(np.uint16)
    if not header.alpha:
        return np.ascontiguousarray(colour)
    shine = (255 - alpha) * 255
    over = colour.astype(np.uint32) * (255 if header.premultiplied else alpha) + shine
    return np.asarray(np.minimum((over + 127) // 255, 255), np.uint8)


def as_rgb(raw: NDArray[np.uint8]) -> RgbArray:
    """Turn gray into RGB; RGB stays."""
    gray = raw.ndim == 2 or raw.shape[2] == 1
    return np.asarray(cv2.cvtColor(raw, cv2.COLOR_GRAY2RGB), np.uint8) if gray else np.ascontiguousarray(raw)


def upright(rgb: RgbArray, orientation: int) -> RgbArray:
    """Apply an Exif orientation (Exif 2.32, table 6)."""
    if orientation == 1:
        return rgb
    if orientation >= 5:
        rgb = np.transpose(rgb, (1, 0, 2))
    if orientation in {2, 3, 6, 7}:
        rgb = rgb[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)
