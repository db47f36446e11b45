"""Division of a case's slides over several rounds: refused, typed on, tested again on slides of their own."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from allstation.core.statistics import mean_of_shares

_SHARE: Final = 0.2
_FEWEST: Final = 2
"""Slides or patients of a test part: with fewer nothing is accepted."""
_SIZES: Final = (60, 80, 100, 120, 160, 200, 300)
"""Cells of a test part."""
_MANY: Final = 5
"""Further slides from which on some of them join a test part that was not opened."""


@dataclass(frozen=True, slots=True)
class Division:
    """Slides or patients on both sides.

    Attributes:
        learning: They are learned from.
        apart: They are kept for the test.
    """

    learning: tuple[str, ...]
    apart: tuple[str, ...]


def divided(
    groups: Iterable[str],
    *,
    learning: Collection[str] = (),
    apart: Collection[str] = (),
    tested: Collection[str] = (),
    typed: Collection[str] = (),
    seed: int = 0,
) -> Division:
    """Put every group on one side, and leave it there.

    At first a fifth is kept apart, at least two. Groups that come later are learned from, but for a fifth of
    five or more. Once all that were kept apart were tested, at least two of those that came later take their
    place, and only then the tested ones are learned from.

    Args:
        groups: All slides or patients, in any order and number.
        learning: Those that were learned from before.
        apart: Those that were kept apart before.
        tested: Those of test parts that were opened.
        typed: Those with typed cells: they are kept apart only where there are too few others.
        seed: Of the draw.
    """
    names = sorted(set(groups))
    before, kept = set(learning) & set(names), set(apart) & set(names)
    new = [name for name in names if name not in before | kept]
    if not before | kept:
        count = min(max(_FEWEST, round(_SHARE * len(new))), len(new) // 2)
        kept = _drawn(new, count, typed, seed)
    elif kept - set(tested):
        kept |= _drawn(new, round(_SHARE * len(new)) if len(new) >= _MANY else 0, typed, seed)
    elif len(new) >= _FEWEST:
        kept = _drawn(new, max(_FEWEST, round(_SHARE * len(new))), typed, seed)
    return Division(tuple(name for name in names if name not in kept), tuple(sorted(kept)))


def cells_to_test(balanced: float, *, lowest: float, types: int) -> int:
    """Return how many cells a test part needs, so that a model as good as measured is accepted.

    The lower limit is that of cells counted, of types that are as frequent; where no number helps, the least
    tells it soonest.

    Args:
        balanced: Balanced accuracy by cross-validation, 0 to 1.
        lowest: Wanted lower limit, 0 to 1.
        types: Number of types.
    """
    for count in _SIZES:
        cells = max(1, count // max(types, 1))
        right = math.floor(cells * balanced)
        if mean_of_shares([(right, cells)] * types).low >= lowest:
            return count
    return _SIZES[0]


def _drawn(names: Collection[str], count: int, typed: Collection[str], seed: int) -> set[str]:
    """Draw groups, those without typed cells first."""
    mixed = np.random.default_rng(seed).permutation(np.array(sorted(names), np.str_)).tolist()
    return {str(name) for name in sorted(mixed, key=lambda name: name in typed)[:count]}
