"""Cells that a person points at: the outline that the finder sees there, else what looks alike around it."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.cells import CellGeometry
from allstation.imaging.cells.finder import find_cells
from allstation.imaging.cells.shapes import geometry

_ALIKE: Final = 26.0
"""CIELAB distance, 8-bit steps, within which a pixel belongs to what was pointed at."""
_SMALLEST, _LARGEST = 0.3, 2.5
"""Areas that are taken, in areas of the usual cell."""
_USUAL: Final = 0.07
"""Diameter of a cell in widths of the field, where it has no other cells to go by."""


def cell_at(
    rgb: NDArray[np.uint8],
    x: float,
    y: float,
    *,
    size: tuple[int, int],
    usual: float | None = None,
    pixel_size: float | None = None,
) -> CellGeometry:
    """Return the cell at a point of a field.

    Args:
        rgb: (H, W, 3) uint8, the field as the finder sees it.
        x: Place of the point as a share of the width, 0 to 1.
        y: As a share of the height.
        size: Width and height of the file.
        usual: Diameter of the usual cell as a share of the width; None where it is not known.
        pixel_size: Micrometres a pixel of the file.

    Returns:
        The cell that the finder sees there; else the pixels around the point that look alike, if they have
        about the size of a cell; else a disc of the usual size.
    """
    height, width = rgb.shape[:2]
    column, row = min(int(x * width), width - 1), min(int(y * height), height - 1)
    diameter = max(4.0, (usual or _USUAL) * width)
    scale = None if pixel_size is None else width / size[0] / pixel_size
    for found in find_cells(rgb, cell_scale=scale):
        inside = 0 <= row - found.top < found.height and 0 <= column - found.left < found.width
        if inside and found.mask[row - found.top, column - found.left]:
            return geometry(
                found.mask, found.left, found.top, picture=(width, height), size=size,
                nucleus_share=found.nucleus_share, at_edge=found.at_edge, pixel_size=pixel_size,
            )  # fmt: skip
    area = math.pi * diameter**2 / 4
    mask = _alike(rgb, column, row, reach=diameter)
    if not _SMALLEST * area <= np.count_nonzero(mask) <= _LARGEST * area:
        down, across = np.mgrid[:height, :width]
        mask = (down - row) ** 2 + (across - column) ** 2 <= (diameter / 2) ** 2
    return geometry(mask, 0, 0, picture=(width, height), size=size, pixel_size=pixel_size)


def _alike(rgb: NDArray[np.uint8], column: int, row: int, *, reach: float) -> NDArray[np.bool_]:
    """Return the connected pixels around a point that have its colour, within a circle."""
    lab = cv2.cvtColor(cv2.medianBlur(rgb, 5), cv2.COLOR_RGB2LAB).astype(np.float32)
    around = lab[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3].reshape(-1, 3)
    near = np.linalg.norm(lab - np.median(around, axis=0), axis=2) <= _ALIKE
    down, across = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    near &= (down - row) ** 2 + (across - column) ** 2 <= reach**2
    _, labels = cv2.connectedComponents(near.astype(np.uint8), connectivity=4)
    mine = labels == labels[row, column]
    filled = mine.astype(np.uint8)
    contours, _ = cv2.findContours(filled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    return np.asarray(filled.astype(bool) if near[row, column] else np.zeros_like(near))
