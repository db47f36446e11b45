"""Features of cells as a site's model sees them: of pictures of single cells, and of cells of a field."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.central_cell import cut_cell_of_picture, find_central_cell
from allstation.imaging.cells.finder import DetectedCell, find_cells
from allstation.imaging.fields.cell_finding import placed
from allstation.inference.cell_features import cell_features
from allstation.inference.cell_network import CellNetwork

Rgb = NDArray[np.uint8]
Single = NDArray[np.float32]

_NEAR_UM: Final = 4.0
"""Micrometres from its middle within which a cell is meant by a place beside its mask."""


def picture_features(rgb: Rgb, network: CellNetwork, *, pixels_per_um: float | None) -> Single | None:
    """Return the features (f,) of the cell in the middle of a picture, None where there is none.

    Args:
        rgb: (H, W, 3) uint8, a picture of one cell.
        network: The cell network.
        pixels_per_um: Of the picture; None scales the cell to its crop, and its width says nothing.
    """
    cell = find_central_cell(rgb)
    if cell is None:
        return None
    crop = cut_cell_of_picture(rgb, cell, side=network.side, pixels_per_um=pixels_per_um)
    return np.asarray(network.features(crop[np.newaxis])[0])


def features_at(
    rgb: Rgb, places: Sequence[tuple[float, float]], network: CellNetwork, *, pixels_per_um: float | None
) -> list[Single | None]:
    """Return the features (f,) of the cells at places of a field, None where none is found.

    Args:
        rgb: (H, W, 3) uint8, a field at the file's size.
        places: Column and row of each.
        network: The cell network.
        pixels_per_um: Of the field; None where it cannot be told, and then nothing is measured.
    """
    if pixels_per_um is None:
        return [None] * len(places)
    found = find_cells(rgb, cell_scale=pixels_per_um)
    meant = [_meant(found, *place, reach=_NEAR_UM * pixels_per_um) for place in places]
    size = (rgb.shape[1], rgb.shape[0])
    cells = placed(
        [cell for cell in meant if cell is not None], picture=size, size=size, pixel_size=1 / pixels_per_um
    )
    rows = iter(cell_features(rgb, cells, network))
    return [None if cell is None else np.asarray(next(rows)) for cell in meant]


def _meant(found: Sequence[DetectedCell], x: float, y: float, *, reach: float) -> DetectedCell | None:
    """Return the cell whose mask holds a place, else the one whose middle is nearest within reach."""
    for cell in found:
        row, column = int(y) - cell.top, int(x) - cell.left
        if 0 <= row < cell.height and 0 <= column < cell.width and cell.mask[row, column]:
            return cell
    nearest = min(found, key=lambda cell: math.hypot(cell.x - x, cell.y - y), default=None)
    near = nearest is not None and math.hypot(nearest.x - x, nearest.y - y) <= reach
    return nearest if near else None
