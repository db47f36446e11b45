"""Every count, fraction and interval of a report, computed here and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Final

from allstation.core.classes import NEEDS_REVIEW, class_style
from allstation.core.decision import Reason
from allstation.core.statistics import wilson
from allstation.report.content_types import Counts, FieldRow, ReasonCount, Share, Spread
from allstation.report.wording import ANOTHER_LOOK, too_few

_WAITING: Final = ("queued", "running")


def count_fields(rows: Sequence[FieldRow], classes: Sequence[str]) -> Counts:
    """Count fields.

    Args:
        rows: The fields of a slide or of the whole case.
        classes: Class names in the order they are shown.
    """
    read = [row for row in rows if row.decision]
    finals = Counter(row.final for row in read)
    names = [*classes, *sorted(set(finals) - set(classes) - {NEEDS_REVIEW}), NEEDS_REVIEW]
    states = Counter(row.state for row in rows if not row.decision)
    reviewed = [row for row in rows if row.reviewed]
    cells = sum(row.cells for row in read)
    return Counts(
        fields=len(rows),
        read=len(read),
        waiting=sum(states[state] for state in _WAITING),
        failed=states["failed"],
        left_out=len(rows) - len(read) - states["failed"] - sum(states[state] for state in _WAITING),
        needs_review=finals[NEEDS_REVIEW],
        reviewed=len(reviewed),
        confirmed=sum(row.reviewed == row.decision for row in reviewed),
        changed=sum(row.reviewed not in {row.decision, ANOTHER_LOOK} for row in reviewed),
        another_look=sum(row.reviewed == ANOTHER_LOOK for row in reviewed),
        cells=cells,
        shares=tuple(_share(name, index, (finals[name], len(read))) for index, name in enumerate(names)),
        reasons=_reasons(read),
        statement=too_few(len(read), cells),
    )


def _share(name: str, index: int, found: tuple[int, int]) -> Share:
    count, n = found
    style = class_style(name, index)
    spread = wilson(count, n)
    share = count / n if n else 0.0
    return Share(name, style.letter, style.colour, style.meaning, count, n, share, spread.low, spread.high)


def _reasons(read: Sequence[FieldRow]) -> tuple[ReasonCount, ...]:
    """Reasons of the fields that still need review; a person's class settles them."""
    found = Counter(reason for row in read if row.final == NEEDS_REVIEW for reason in row.reasons)
    return tuple(ReasonCount(reason, found[reason]) for reason in Reason if found[reason])


def quality_spread(rows: Sequence[FieldRow]) -> tuple[Spread, ...]:
    """Return smallest, middle and largest of the quality figures; nothing without a field read."""
    read = [row for row in rows if row.decision]
    if not read:
        return ()
    return (
        _spread("Sharpness", "variance of the Laplacian", [row.sharpness for row in read], 0),
        _spread("Brightness", "mean grey level", [row.brightness for row in read], 0),
        _spread("Clipped pixels", "%", [100 * row.clipped for row in read], 1),
        _spread("Area of white cells", "%", [100 * row.cell_area for row in read], 1),
        _spread("White cells per field", "", [float(row.cells) for row in read], 0),
        _spread("Novelty", "1 is the model's limit", [row.novelty for row in read], 2),
    )


def _spread(label: str, unit: str, values: list[float], digits: int) -> Spread:
    return Spread(label, unit, min(values), median(values), max(values), digits)
