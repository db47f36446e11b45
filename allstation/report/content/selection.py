"""Selection of the fields of a slide that get a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from allstation.core.classes import NEEDS_REVIEW
from allstation.report.content.field_types import FieldRow

MONTAGE_TOTAL: Final = 160
"""Most fields shown as pictures in one report, so that a case of many slides stays printable."""


def chosen(rows: Sequence[FieldRow], limit: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return representative and doubtful fields: half of each where there are enough of both.

    Args:
        rows: Fields of one slide.
        limit: Most fields together.
    """
    asking = doubtful(rows, limit)
    showing = tuple(number for number in representative(rows, limit) if number not in asking)
    half = limit // 2
    asking = asking[: max(half, limit - len(showing))]
    return showing[: limit - len(asking)], asking


PAGE_ONE: Final = 6
"""Fields shown on page one."""


def page_one_fields(rows: Sequence[FieldRow]) -> tuple[int, ...]:
    """Return the fields of page one: the clearest ones by class, then those to look at first."""
    showing, asking = chosen(rows, PAGE_ONE)
    return (*showing, *asking)


def representative(rows: Sequence[FieldRow], limit: int) -> tuple[int, ...]:
    """Return the fields that show what was found: of each class in turn the most certain one.

    Args:
        rows: Fields of one slide.
        limit: Most fields.
    """
    named = [row for row in rows if row.decision and row.final != NEEDS_REVIEW]
    by_class: dict[str, list[FieldRow]] = {}
    for row in sorted(named, key=lambda row: (-certainty(row), row.number)):
        by_class.setdefault(row.final, []).append(row)
    groups = sorted(by_class.values(), key=lambda group: (-len(group), group[0].final))
    chosen: list[int] = []
    for rank in range(max(map(len, groups), default=0)):
        chosen.extend(group[rank].number for group in groups if rank < len(group))
    return tuple(chosen[:limit])


def doubtful(rows: Sequence[FieldRow], limit: int) -> tuple[int, ...]:
    """Return the fields to look at first: those that need review, then those a person changed.

    Args:
        rows: Fields of one slide.
        limit: Most fields.
    """
    read = [row for row in rows if row.decision]
    asked = [row for row in read if NEEDS_REVIEW in {row.final, row.decision}]
    changed = [row for row in read if row.reviewed and row.reviewed != row.decision and row not in asked]
    asked.sort(key=lambda row: (row.final != NEEDS_REVIEW, certainty(row), row.number))
    return tuple(row.number for row in (*asked, *changed))[:limit]


def certainty(row: FieldRow) -> float:
    """Return the probability of the class a field ended up with, or its highest one; 0 if it has none."""
    values = dict(row.shown_probabilities)
    return values.get(row.final, max(values.values(), default=0.0))
