"""Counts, fractions and intervals of a report, computed here and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from allstation.core.classes import NEEDS_REVIEW, class_style
from allstation.core.decision import Reason
from allstation.core.statistics import clopper_pearson
from allstation.report.content.count_types import Counts, ReasonCount, Share, Spread
from allstation.report.content.field_types import FieldRow
from allstation.report.content.wording import ANOTHER_LOOK, too_few

_WAITING: Final = ("queued", "running")


class FieldTally:
    """Counts fields one by one, so that nobody has to hold them all.

    Attributes:
        decisions: Fields per decision.
        models: Fields per model (hash) that read them.
    """

    def __init__(self) -> None:
        self.decisions: Counter[str] = Counter()
        self.models: Counter[str] = Counter()
        self._finals: Counter[str] = Counter()
        self._states: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()

    def add(self, row: FieldRow) -> None:
        """Count a field."""
        self._sums["fields"] += 1
        if row.decision:
            self._finals[row.final] += 1
            self.decisions[row.decision] += 1
            self.models[row.model] += 1
            self._sums["cells"] += row.cells
            if row.final == NEEDS_REVIEW:
                # A person's class settles the reasons.
                self._reasons.update(row.reasons)
        else:
            self._states[row.state] += 1
        if row.reviewed:
            self._sums["reviewed"] += 1
            self._sums["confirmed"] += row.reviewed == row.decision
            self._sums["changed"] += row.reviewed not in {row.decision, ANOTHER_LOOK}
            self._sums["another_look"] += row.reviewed == ANOTHER_LOOK

    def counts(self, classes: Sequence[str]) -> Counts:
        """Return the figures of what was counted.

        Args:
            classes: Class names in the order they are shown.
        """
        finals, states, sums = self._finals, self._states, self._sums
        read = finals.total()
        waiting = sum(states[state] for state in _WAITING)
        names = [*classes, *sorted(set(finals) - set(classes) - {NEEDS_REVIEW}), NEEDS_REVIEW]
        return Counts(
            fields=sums["fields"],
            read=read,
            waiting=waiting,
            failed=states["failed"],
            left_out=sums["fields"] - read - states["failed"] - waiting,
            needs_review=finals[NEEDS_REVIEW],
            reviewed=sums["reviewed"],
            confirmed=sums["confirmed"],
            changed=sums["changed"],
            another_look=sums["another_look"],
            cells=sums["cells"],
            shares=tuple(_share(name, index, (finals[name], read)) for index, name in enumerate(names)),
            reasons=tuple(
                ReasonCount(reason, self._reasons[reason]) for reason in Reason if self._reasons[reason]
            ),
            statement=too_few(read, sums["cells"]),
        )


def count_fields(rows: Iterable[FieldRow], classes: Sequence[str]) -> Counts:
    """Count the fields of a slide or of the whole case; see :meth:`FieldTally.counts`."""
    tally = FieldTally()
    for row in rows:
        tally.add(row)
    return tally.counts(classes)


def _share(name: str, index: int, found: tuple[int, int]) -> Share:
    count, n = found
    style = class_style(name, index)
    spread = clopper_pearson(count, n)
    share = count / n if n else 0.0
    return Share(name, style.letter, style.colour, style.meaning, count, n, share, spread.low, spread.high)


def quality_spread(rows: Sequence[FieldRow]) -> tuple[Spread, ...]:
    """Return smallest, middle and largest of the quality figures; nothing without a field read."""
    read = [row for row in rows if row.decision]
    if not read:
        return ()
    return (
        *_spread("Sharpness", "variance of the Laplacian", [row.sharpness for row in read], 0),
        *_spread("Brightness", "mean grey level", [row.brightness for row in read], 0),
        *_spread("Clipped pixels", "%", [row.clipped for row in read], 1),
        *_spread("Area of white cells", "%", [row.cell_area for row in read], 1),
        *_spread("White cells per field", "", [float(row.cells) for row in read], 0),
        *_spread("Novelty", "1 is the model's limit", [row.novelty for row in read], 2),
    )


def _spread(label: str, unit: str, found: list[float | None], digits: int) -> tuple[Spread, ...]:
    """Return the spread of what could be measured; nothing if that is nothing."""
    factor = 100 if unit == "%" else 1
    values = [factor * value for value in found if value is not None]
    return (Spread(label, unit, min(values), median(values), max(values), digits),) if values else ()
