"""Parts of a field that shows more of the smear than a model reads at once: where they lie, how they join."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

_OVERLAP: Final = 0.1
"""Share of a part, at least, that it has in common with the next one: about a white cell."""

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class FieldPart:
    """Part of a field. Lengths are pixels of the field.

    Attributes:
        left: First column.
        top: First row.
        width: Columns.
        height: Rows.
        columns: First and last column that are this part's alone: overlaps are shared out at their middle.
        rows: First and last row.
    """

    left: int
    top: int
    width: int
    height: int
    columns: Span
    rows: Span

    def owns(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which points (n,) of the field belong to this part and no other."""
        across = (x >= self.columns[0]) & (x < self.columns[1])
        return np.asarray(across & (y >= self.rows[0]) & (y < self.rows[1]), np.bool_)


def parts_of(width: int, height: int, part: tuple[float, float]) -> tuple[FieldPart, ...]:
    """Return the parts of a field, row after row, evenly spread.

    Args:
        width: Columns of the field.
        height: Rows.
        part: Columns and rows of a part; a field that is smaller is one part in that direction.
    """
    across, down = _spans(width, part[0]), _spans(height, part[1])
    return tuple(
        FieldPart(left, top, right - left, bottom - top, columns, rows)
        for top, bottom, rows in down
        for left, right, columns in across
    )


def assembled(
    grids: Sequence[tuple[FieldPart, NDArray[np.float32]]], size: tuple[int, int], cells: tuple[int, int]
) -> NDArray[np.float32]:
    """Put the activations of parts together over the field.

    Args:
        grids: Parts, each with its activations (r, c, k); where none belongs there is 0.
        size: Width and height of the field, pixels.
        cells: Rows and columns wanted.

    Returns:
        (rows, columns, k) float32: each place shows the nearest activation of the part that owns it.
    """
    rows, columns = cells
    whole = np.zeros((rows, columns, grids[0][1].shape[2] if grids else 0), np.float32)
    y = (np.arange(rows) + 0.5) * size[1] / rows
    x = (np.arange(columns) + 0.5) * size[0] / columns
    for part, grid in grids:
        own_rows = np.flatnonzero((y >= part.rows[0]) & (y < part.rows[1]))
        own_columns = np.flatnonzero((x >= part.columns[0]) & (x < part.columns[1]))
        down = ((y[own_rows] - part.top) / part.height * grid.shape[0]).astype(int)
        across = ((x[own_columns] - part.left) / part.width * grid.shape[1]).astype(int)
        whole[np.ix_(own_rows, own_columns)] = grid[np.ix_(down, across)]
    return whole


def _spans(length: int, part: float) -> list[tuple[int, int, Span]]:
    """Return first and last pixel of each part in one direction, and what is its own."""
    side = min(length, max(1, round(part)))
    lap = _OVERLAP * side
    count = max(1, math.ceil((length - lap) / (side - lap))) if length > side else 1
    starts = [round(index * (length - side) / max(1, count - 1)) for index in range(count)]
    middles = [(one + side + other) / 2 for one, other in pairwise(starts)]
    edges = [0.0, *middles, float(length)]
    return [(start, start + side, (edges[i], edges[i + 1])) for i, start in enumerate(starts)]
