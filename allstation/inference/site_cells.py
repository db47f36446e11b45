"""Features of cells as a site's model sees them: of pictures of single cells, and of a field's cells."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cell_finder import DetectedCell, find_cells
from allstation.imaging.central_cell import cut_cell_of_picture, find_central_cell
from allstation.imaging.field_cells import placed
from allstation.inference.cell_features import cell_features
from allstation.inference.cell_network import CellNetwork

Rgb = NDArray[np.uint8]
Single = NDArray[np.float32]

_AROUND_UM: Final = 40.0
"""Micrometres on each side of a point in which its cell is looked for: two large blasts."""


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


def cell_at_features(
    rgb: Rgb, place: tuple[float, float], network: CellNetwork, *, pixels_per_um: float | None
) -> Single | None:
    """Return the features (f,) of the cell at a place of a field, None where there is none.

    Args:
        rgb: (H, W, 3) uint8, a field at the file's size.
        place: Column and row.
        network: The cell network.
        pixels_per_um: Of the field; None where it cannot be told, and then nothing is measured.
    """
    if pixels_per_um is None or not (place[0] < rgb.shape[1] and place[1] < rgb.shape[0]):
        return None
    reach = round(_AROUND_UM * pixels_per_um)
    left, top = max(0, round(place[0]) - reach), max(0, round(place[1]) - reach)
    rgb = np.ascontiguousarray(rgb[top : top + 2 * reach, left : left + 2 * reach])
    found = _cell_under(rgb, (place[0] - left, place[1] - top), pixels_per_um)
    if found is None:
        return None
    size = (rgb.shape[1], rgb.shape[0])
    cells = placed([found], picture=size, size=size, pixel_size=1 / pixels_per_um)
    return np.asarray(cell_features(rgb, cells, network)[0])


def _cell_under(rgb: Rgb, place: tuple[float, float], pixels_per_um: float) -> DetectedCell | None:
    """Return the cell whose mask holds a point of a picture."""
    for cell in find_cells(rgb, cell_scale=pixels_per_um):
        column, row = int(place[0]) - cell.left, int(place[1]) - cell.top
        if 0 <= column < cell.width and 0 <= row < cell.height and cell.mask[row, column]:
            return cell
    return None
