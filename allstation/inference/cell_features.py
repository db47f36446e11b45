"""Appearance features of the stored cells of one field."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.cells import CellGeometry
from allstation.imaging.cells.crops import SPAN_UM, balanced, cut_cell
from allstation.imaging.cells.numbers import NAMES
from allstation.imaging.cells.shapes import mask_of
from allstation.inference.cell_network import CellNetwork

Rgb = NDArray[np.uint8]

_WIDTH: Final = NAMES.index("width") - len(NAMES)
_FRAME_UM: Final = 100.0
"""Micrometres that the root of a frame's area is taken for where nothing is known, so that the width of cells
has about the range it has at a known scale. It is no measurement: only cells of equal frames are compared."""


def cell_features(rgb: Rgb, cells: Sequence[CellGeometry], network: CellNetwork) -> NDArray[np.float32]:
    """Compute the features of cells of one field.

    Where the pixel size is known, all crops have one scale. Where it is not, each cell is scaled to the crop,
    and its width, which the crop no longer shows, is told as a share of the frame.

    Args:
        rgb: (H, W, 3) uint8, the field at the file's size.
        cells: Cells of it.
        network: The cell network.

    Returns:
        (n, f) float32, NaN for a cell that could not be measured.
    """
    even = balanced(rgb)
    found = np.full((len(cells), network.size), np.nan, np.float32)
    for row, cell in zip(found, cells, strict=True):
        placed = _placed(cell, (rgb.shape[1], rgb.shape[0]))
        if placed is None:
            continue
        left, top, mask = placed
        known = cell.pixel_size is not None and math.isfinite(cell.pixel_size) and cell.pixel_size > 0
        scale = 1 / cell.pixel_size if known and cell.pixel_size else None
        crop = cut_cell(even, left, top, mask, side=network.side, pixels_per_um=scale)
        row[:] = network.features(crop[np.newaxis])[0]
        if scale is None:
            wide = 2 * math.sqrt(np.count_nonzero(mask) / math.pi)
            frame = math.sqrt(rgb.shape[0] * rgb.shape[1])
            row[_WIDTH] = wide / frame * _FRAME_UM / SPAN_UM
    return found


def _placed(cell: CellGeometry, size: tuple[int, int]) -> tuple[int, int, NDArray[np.bool_]] | None:
    """Return column, row and mask of a cell in pixels of the file, or None for one without pixels there."""
    outline = cell.outline
    mask = mask_of(cell)
    if outline.picture == size:
        return outline.left, outline.top, mask
    across, down = size[0] / outline.picture[0], size[1] / outline.picture[1]
    left, top = round(outline.left * across), round(outline.top * down)
    right = min(size[0], round((outline.left + outline.width) * across))
    bottom = min(size[1], round((outline.top + outline.height) * down))
    if right <= left or bottom <= top:
        return None
    grown = cv2.resize(
        mask.view(np.uint8) * 255, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR
    )
    inside = np.asarray(grown) > 127  # noqa: PLR2004 - half of a byte
    return (left, top, inside) if inside.any() else None
