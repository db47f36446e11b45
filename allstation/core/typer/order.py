"""Order in which cells are best typed: different ones first, then those the typer is least sure of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.typer.statistics import FloatArray, checked_features

IntArray = NDArray[np.int64]
Probabilities = Callable[[NDArray[np.floating]], FloatArray]

A_SLIDE: Final = 3
"""Cells of one slide among those asked for at once."""
_CANDIDATES: Final = 4000
_AXES: Final = 16


def next_cells(
    features: NDArray[np.floating],
    typed: Sequence[str],
    groups: Sequence[object],
    *,
    probabilities: Probabilities | None = None,
    count: int = 10,
    a_group: int = A_SLIDE,
) -> IntArray:
    """Choose the cells that a person should type next, the most useful first.

    Without a typer, those least like any typed or chosen cell (farthest first, Gonzalez 1985, Theor Comput
    Sci 38:293); with one, every third so and the others by the smallest lead of the most probable type over
    the second (margin sampling, Scheffer 2001). No more than ``a_group`` come from one group, unless
    others have run out.

    Args:
        features: (n, f), finite.
        typed: Type of each cell, empty where nobody typed it.
        groups: Slide or patient of each cell.
        probabilities: Of a typer.
        count: How many to choose.
        a_group: Most cells of one group.

    Returns:
        Row numbers of untyped cells, at most ``count``. Equal input gives equal order.

    Raises:
        StationError: ``bad-features`` as ``checked_features``.
    """
    values = checked_features(features)
    untyped = np.array([not name for name in typed], np.bool_)
    rows = _candidates(np.flatnonzero(untyped), groups)
    if not len(rows) or count <= 0:
        return np.zeros(0, np.int64)
    known = np.flatnonzero(~untyped)[-_CANDIDATES:]
    near = _axes(values, rows, known)
    lead = _lead(probabilities(values[rows])) if probabilities is not None else None
    chooser = _Chooser(near[: len(rows)], [str(groups[at]) for at in rows], a_group)
    chooser.near_to(near[len(rows) :])
    chosen: list[int] = []
    while len(chosen) < min(count, len(rows)):
        diverse = lead is None or len(chosen) % 3 == 2  # noqa: PLR2004 - every third
        chosen.append(chooser.next(None if diverse else lead))
    return rows[chosen]


def _candidates(rows: NDArray[np.intp], groups: Sequence[object]) -> IntArray:
    """Return at most some thousand rows, the first of each group before the second of any."""
    if len(rows) <= _CANDIDATES:
        return rows.astype(np.int64)
    seen: dict[str, int] = {}
    turn = np.empty(len(rows), np.int64)
    for at, row in enumerate(rows):
        group = str(groups[row])
        turn[at] = seen[group] = seen.get(group, -1) + 1
    return np.sort(rows[np.argsort(turn, kind="stable")[:_CANDIDATES]]).astype(np.int64)


def _axes(values: FloatArray, rows: IntArray, known: NDArray[np.intp]) -> FloatArray:
    """Return candidates and typed cells on the main axes of the candidates, features scaled alike."""
    both = values[np.concatenate([rows, known])]
    own = values[rows]
    scaled = (both - own.mean(axis=0)) / np.maximum(own.std(axis=0), 1e-9)
    base = scaled[: len(rows)]
    _, vectors = np.linalg.eigh(base.T @ base)
    return np.asarray(scaled @ vectors[:, -_AXES:])


def _lead(shares: FloatArray) -> FloatArray:
    """Return the lead of the most probable type over the second, 0 to 1."""
    if shares.shape[1] == 1:
        return np.ones(len(shares))
    two = np.partition(shares, -2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


class _Chooser:
    """Chooses one candidate after the other.

    Args:
        places: (n, axes) of the candidates.
        groups: Group of each.
        a_group: Most cells of one group.
    """

    def __init__(self, places: FloatArray, groups: list[str], a_group: int) -> None:
        self._places = places
        self._distance = np.full(len(places), np.inf)
        self._free = np.ones(len(places), np.bool_)
        _, self._group = np.unique(np.array(groups, np.str_), return_inverse=True)
        self._left = np.full(int(self._group.max()) + 1, max(1, a_group))

    def near_to(self, others: FloatArray) -> None:
        """Measure the distance of every candidate to cells that are typed or chosen."""
        for place in others:
            away = ((self._places - place) ** 2).sum(axis=1)
            np.minimum(self._distance, away, out=self._distance)

    def next(self, lead: FloatArray | None) -> int:
        """Choose the candidate with the smallest lead, or the farthest one."""
        open_ = self._free & (self._left[self._group] > 0)
        if not open_.any():
            open_ = self._free
        if lead is None:
            # Nothing typed or chosen yet: begin in the middle, not with the oddest speck.
            worth = -(self._places**2).sum(axis=1) if np.isinf(self._distance).all() else self._distance
        else:
            worth = -lead
        at = int(np.where(open_, worth, -np.inf).argmax())
        self._free[at] = False
        self._left[self._group[at]] -= 1
        self.near_to(self._places[at : at + 1])
        return at
