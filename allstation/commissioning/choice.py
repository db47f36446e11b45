"""Choice of the slides and cells that stand for a person's clicks where typed cells lie on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

_LOOKED_AT: Final = 10
"""Slides drawn at random, of which the one that shows most of what is missing is taken."""


def chosen_groups(
    types: Sequence[str], groups: Sequence[str], *, count: int, budget: int, seed: int
) -> list[str]:
    """Draw slides or patients to learn from, as a person who knows the diagnoses does: so that types meet.

    One after the other, of ten drawn at random the one whose cells show most types that few of the chosen
    ones show.

    Args:
        types: Type of each cell.
        groups: Slide or patient of each cell.
        count: How many to draw.
        budget: Cells of a type that are wanted.
        seed: Of the draw.
    """
    table: dict[str, Counter[str]] = {}
    for name, group in zip(types, groups, strict=True):
        table.setdefault(group, Counter())[name] += 1
    random = np.random.default_rng(seed)
    share = max(1, -(-budget // max(1, count)))
    chosen: list[str] = []
    seen: Counter[str] = Counter()
    while len(chosen) < min(count, len(table)):
        left = [group for group in sorted(table) if group not in chosen]
        drawn = random.permutation(len(left))[:_LOOKED_AT].tolist()
        worth = [
            sum(min(n, share) / share / 2 ** seen[name] for name, n in table[left[at]].items())
            for at in drawn
        ]
        best = left[drawn[int(np.argmax(worth))]]
        chosen.append(best)
        seen.update(table[best].keys())
    return chosen


def within_budget(
    types: Sequence[str], groups: Sequence[str], rows: Sequence[int], *, budget: int, seed: int
) -> list[int]:
    """Draw at most so many cells of each type among some rows, slides taking turns.

    Args:
        types: Type of each cell.
        groups: Slide or patient of each cell.
        rows: To choose from.
        budget: Most cells of a type.
        seed: Of the draw.
    """
    random = np.random.default_rng(seed)
    turns: Counter[tuple[str, str]] = Counter()
    order: dict[str, list[tuple[int, int]]] = {}
    for at in random.permutation(len(rows)).tolist():
        row = rows[at]
        key = types[row], groups[row]
        order.setdefault(types[row], []).append((turns[key], row))
        turns[key] += 1
    return sorted(row for name in order for _, row in sorted(order[name], key=lambda each: each[0])[:budget])
