"""Composite fields: cells of one on the background of another, or no cells at all.

Used to train (the background must not matter) and, with masks that serving never sees, to test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.segmentation import Thresholds, cell_mask

Rgb = NDArray[np.uint8]
Mask = NDArray[np.uint8]

INDEPENDENT: Final = Thresholds(floor=17, shift=-4)
"""A more generous mask than serving's, for checks: it takes cytoplasm and halo that serving leaves."""
CHECK_GROWTH: Final = 2
_PALE_SHARE: Final = 60
_SMOOTH: Final = 1.2
_BACKGROUNDS: Final = 240


def generous_mask(rgb: Rgb, growth: int = CHECK_GROWTH) -> Mask:
    """Return the cells of a field by the independent thresholds, grown by some pixels: 0 and 1."""
    return grown(cell_mask(rgb, INDEPENDENT), growth)


def grown(mask: Mask, pixels: int) -> Mask:
    """Grow (or, negative, shrink) a mask by a disk of that radius."""
    if pixels == 0:
        return mask
    side = 2 * abs(pixels) + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray((cv2.dilate if pixels > 0 else cv2.erode)(mask, disk), np.uint8)


def background_colour(rgb: Rgb, mask: Mask) -> NDArray[np.float64]:
    """Return the median colour (3,) of the pale pixels outside the mask."""
    free = rgb[mask == 0]
    if not len(free):
        return np.full(3, 235.0)
    light = free[:, 1]
    return np.asarray(np.median(free[light >= np.percentile(light, _PALE_SHARE)], axis=0))


def without_cells(rgb: Rgb) -> Rgb:
    """Return the field with its cells painted over by its own background colour."""
    mask = generous_mask(rgb)
    return blended(np.full_like(rgb, background_colour(rgb, mask).astype(np.uint8)), rgb, mask)


def blended(inside: Rgb, outside: Rgb, mask: Mask) -> Rgb:
    """Mix two fields along a mask whose border is softened by about a pixel."""
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _SMOOTH)
    alpha = np.where(mask > 0, np.maximum(alpha, 0.5), np.minimum(alpha, 0.5)).astype(np.float32)
    return np.asarray(cv2.blendLinear(inside, outside, alpha, 1 - alpha), np.uint8)


def swapped(cells_of: Rgb, background_of: Rgb) -> Rgb:
    """Return the cells of the first field on the emptied background of the second."""
    return blended(cells_of, without_cells(background_of), generous_mask(cells_of))


@dataclass(frozen=True)
class Backgrounds:
    """Emptied backgrounds of some of many fields.

    Attributes:
        rows: (n,) rows of the fields they come from: only who learns from a field may wear its background.
        rgb: (n, h, w, 3).
    """

    rows: NDArray[np.int64]
    rgb: Rgb


def backgrounds_of(rgb: Rgb, seed: int) -> Backgrounds:
    """Return emptied backgrounds of a seeded choice of fields."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(rgb))[:_BACKGROUNDS])
    return Backgrounds(rows, np.stack([without_cells(rgb[row]) for row in rows]))
