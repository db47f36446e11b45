"""Burnt-in mark of a field: the scale bar that microscopes' programs write into the bottom right corner."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.segmentation import corner_of

Box = tuple[int, int, int, int]

_BLACK: Final = 80
_RED: Final = 80
"""Grey levels by which the red of a mark exceeds green and blue; cells and stains stay below."""
_FEWEST: Final = 6
_MARGIN: Final = 0.04
"""Share of the frame that a mark's white box reaches beyond its writing."""


def mark_box(rgb: NDArray[np.uint8]) -> Box | None:
    """Find the writing of a scale bar in the corner of a field.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        Left, top, right and bottom of the mark and its box, within the corner; None where there is none.
    """
    height, width = rgb.shape[:2]
    rows, columns = corner_of(height, width)
    corner = rgb[rows, columns]
    if not corner.size:
        return None
    red, green, blue = cv2.split(corner)
    others = cv2.max(green, blue)
    written = (cv2.max(red, others) < _BLACK) | (cv2.subtract(red, others) > _RED)
    down, across = np.nonzero(written)
    if len(down) < _FEWEST:
        return None
    left, top = columns.start + int(across.min()), rows.start + int(down.min())
    right, bottom = columns.start + int(across.max()) + 1, rows.start + int(down.max()) + 1
    if right - left < bottom - top:  # writing is wider than high: dirt and dark nuclei are not
        return None
    wide, high = round(_MARGIN * width), round(_MARGIN * height)
    return max(left - wide, columns.start), max(top - high, rows.start), right + wide, bottom + high
