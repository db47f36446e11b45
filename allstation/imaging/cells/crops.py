"""Cell crops: one white cell cut out by its own mask, at one scale, on a constant background.

The background of a field tells laboratories, slides and sittings apart, so that nothing of it may reach a
network that looks at cells. It is set to the grey that the network sees as zero; colours are balanced
against the field's own pale background, as for finding cells.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.imaging.cells.segmentation import background_colour

Rgb = NDArray[np.uint8]
Mask = NDArray[np.bool_]

BACKGROUND: Final = 127
"""Level of all three channels outside the cell."""
SPAN_UM: Final = 24.0
"""Micrometres that a crop is wide; the largest blasts and monocytes measure about 20."""
_OWN_SHARE: Final = 0.94
"""Share of the crop that the longer side of a cell takes where its scale is not known."""
_PAPER: Final = 235.0
_DARKEST: Final = 60.0


def balanced(rgb: Rgb, *, white: NDArray[np.float64] | None = None) -> Rgb:
    """Balance the colours of a field against its pale background, once for all of its cells.

    Args:
        rgb: (H, W, 3) uint8.
        white: Colour (3,) of the background; measured in ``rgb`` if it is not given.
    """
    colour = background_colour(rgb) if white is None else white
    gains = _PAPER / np.maximum(colour, _DARKEST)
    table = np.clip(np.rint(np.arange(256)[:, None] * gains), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(rgb, table[None]), np.uint8)


def cut_cell(
    rgb: Rgb, left: int, top: int, mask: Mask, *, side: int, pixels_per_um: float | None = None
) -> Rgb:
    """Cut a cell out by its mask and remove everything else.

    Args:
        rgb: (H, W, 3) uint8, a field as ``balanced`` gives it.
        left: Column of the mask's first pixel in the field.
        top: Row of it.
        mask: (h, w) bool, true inside the cell.
        side: Rows and columns of the crop.
        pixels_per_um: Pixels of the field per micrometre; then all crops have one scale, but for cells
            that would not fit. None scales the cell to the crop.

    Returns:
        (side, side, 3) uint8, ``BACKGROUND`` outside the cell, which is in the middle. Equal input gives
        equal bytes.

    Raises:
        StationError: ``bad-cell`` if the mask is empty or reaches beyond the field.
    """
    box = _box(rgb, left, top, mask)
    rows, columns = box
    own = mask[rows, columns]
    pixels = rgb[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop].copy()
    pixels[~own] = BACKGROUND
    scale = _scale(own.shape, side, pixels_per_um)
    height, width = (min(side, max(1, round(length * scale))) for length in own.shape)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)
    crop = np.full((side, side, 3), BACKGROUND, np.uint8)
    y, x = (side - height) // 2, (side - width) // 2
    crop[y : y + height, x : x + width] = small
    return crop


def _box(rgb: Rgb, left: int, top: int, mask: Mask) -> tuple[slice, slice]:
    """Return the rows and columns of the mask that hold the cell."""
    height, width = mask.shape
    inside = left >= 0 and top >= 0 and top + height <= rgb.shape[0] and left + width <= rgb.shape[1]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not inside or not len(rows):
        sentence = (
            f"A cell of {width}x{height} pixels at {left}, {top} of a field of {rgb.shape[1]}x{rgb.shape[0]} "
            "has no pixels or reaches beyond the field. Find the cells of this field again."
        )
        raise StationError("bad-cell", sentence)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _scale(shape: tuple[int, ...], side: int, pixels_per_um: float | None) -> float:
    """Return what a cell is enlarged by."""
    longest = max(shape)
    if pixels_per_um is None or not math.isfinite(pixels_per_um) or pixels_per_um <= 0:
        return side * _OWN_SHARE / longest
    return min(side / (SPAN_UM * pixels_per_um), side / longest)


def crop_mask(crops: Rgb) -> Mask:
    """Return where cells are in crops: (..., side, side) bool.

    Args:
        crops: (..., side, side, 3) as ``cut_cell`` gives them.
    """
    other = crops != BACKGROUND
    return np.asarray(other[..., 0] | other[..., 1] | other[..., 2])
