"""Choice of fields on a slide: the best places, spread over the monolayer, none over another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.imaging.slides.map import Plane, SlideMap
from allstation.imaging.slides.squares import ACROSS, DOWN, Grid

_CLOSER: Final = 0.82
"""Share of the distance between fields that is tried next where too few found room."""
_SHIFTS: Final = (0, -1, 1, -2, 2)
"""Quarters of a square that a field is moved by where that cuts fewer white cells."""
_QUARTER: Final = 4
_LEAST: Final = 0.02
"""Score below which a place is none."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Chosen field: its corner in pixels of level 0, and its score, 0 to 1."""

    x: int
    y: int
    score: float


def choose_fields(found: SlideMap, scores: Plane, count: int) -> list[Choice]:
    """Choose fields, best first.

    Args:
        found: Map of the slide.
        scores: (rows, columns), score of the field whose upper left square each is.
        count: How many at most.
    """
    candidates = _in_order(scores)
    if not len(candidates):
        return []
    area = float(np.count_nonzero(scores >= _LEAST))
    apart = max(1.0, math.sqrt(area / (ACROSS * DOWN) / count))
    while True:
        places = _apart(candidates, scores.shape, count, apart)
        if len(places) >= count or apart <= 1:
            break
        apart = max(1.0, apart * _CLOSER)
    return _moved(found, scores, places)


def _in_order(scores: Plane) -> NDArray[np.int64]:
    """Return row and column of each place, the best first; equal ones from the top left."""
    flat = scores.ravel()
    order = np.argsort(-flat, kind="stable")
    order = order[: int(np.count_nonzero(flat >= _LEAST))]
    return np.column_stack(np.unravel_index(order, scores.shape)).astype(np.int64)


def _apart(
    candidates: NDArray[np.int64], shape: tuple[int, ...], count: int, apart: float
) -> list[tuple[int, int]]:
    """Take the best places that keep a distance, in fields, from those taken before."""
    down, across = math.ceil(DOWN * apart), math.ceil(ACROSS * apart)
    free = np.ones(shape, bool)
    taken: list[tuple[int, int]] = []
    start = 0
    while start < len(candidates) and len(taken) < count:
        # Looks at many at once: most are blocked after the first few were taken.
        ahead = candidates[start : start + 4096]
        open_ones = np.flatnonzero(free[ahead[:, 0], ahead[:, 1]])
        if not len(open_ones):
            start += len(ahead)
            continue
        row, column = (int(one) for one in ahead[open_ones[0]])
        taken.append((row, column))
        free[max(row - down + 1, 0) : row + down, max(column - across + 1, 0) : column + across] = False
        start += int(open_ones[0]) + 1
    return taken


def _moved(found: SlideMap, scores: Plane, places: list[tuple[int, int]]) -> list[Choice]:
    """Move fields a little where that cuts fewer white cells and no other field is touched."""
    grid = found.grid
    corners = np.array([(column * grid.width, row * grid.height) for row, column in places], np.int64)
    chosen = []
    for index, (row, column) in enumerate(places):
        others = np.delete(corners, index, axis=0)
        corner = _best_shift(found, grid, corners[index], others)
        corners[index] = corner
        chosen.append(Choice(int(corner[0]), int(corner[1]), float(scores[row, column])))
    return chosen


def _best_shift(
    found: SlideMap, grid: Grid, corner: NDArray[np.int64], others: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the corner, moved at most half a square, that cuts the fewest white cells."""
    size = np.array(grid.field)
    most = np.array([grid.columns * grid.width, grid.rows * grid.height]) - size
    cells = found.white_cells
    reach = size.max()
    near = cells[(np.abs(cells[:, :2] - corner - size / 2) < reach).all(axis=1)]
    best, fewest = corner, math.inf
    for down in _SHIFTS:
        for across in _SHIFTS:
            step = np.array([across * grid.width, down * grid.height]) // _QUARTER
            moved = corner + step
            if (moved < 0).any() or (moved > most).any():
                continue
            if (np.abs(others - moved) < size).all(axis=1).any():
                continue
            cut = _cut_cells(near, moved, size) + 0.01 * (abs(down) + abs(across))
            if cut < fewest:
                best, fewest = moved, cut
    return best


def _cut_cells(cells: Plane, corner: NDArray[np.int64], size: NDArray[np.int64]) -> float:
    """Count the nuclei that a field's border cuts."""
    if not len(cells):
        return 0.0
    middle, radius = cells[:, :2] - corner, cells[:, 2:3]
    touches = ((middle > -radius) & (middle < size + radius)).all(axis=1)
    whole = ((middle > radius) & (middle < size - radius)).all(axis=1)
    return float(np.count_nonzero(touches & ~whole))
