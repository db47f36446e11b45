"""Summary statistics of a slide or case: fractions with intervals, agreement of people and model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from allstation.core.classes import NEEDS_REVIEW
from allstation.core.statistics import Interval, clopper_pearson, wilson

Pairs = Mapping[tuple[str, str], int]
"""How many fields were named so by the first and so by the second judge."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of a slide or a case, as the store reads them in one transaction.

    Attributes:
        fields: All of them.
        finals: Classified or reviewed fields per final name (reviewed class, else the decision).
        states: Fields per place in the queue (``FieldState`` values).
        cells: White cells found.
        reviewed: Fields with a review that counts.
        open: Fields a person should look at.
        open_reasons: The decision's reasons among them.
        another_look: Fields a person marked for another look.
        poor: Quality problems of all fields: ``blurred``, ``no white cells``, ``failed``.
        with_model: By reviewer: fields per decision of the model and class of the person.
        unnamed: By reviewer: fields for which the model named no class.
        between: By two reviewers: fields per class of the one and class of the other.
    """

    fields: int = 0
    finals: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, int] = field(default_factory=dict)
    cells: int = 0
    reviewed: int = 0
    open: int = 0
    open_reasons: Mapping[str, int] = field(default_factory=dict)
    another_look: int = 0
    poor: Mapping[str, int] = field(default_factory=dict)
    with_model: Mapping[str, Pairs] = field(default_factory=dict)
    unnamed: Mapping[str, int] = field(default_factory=dict)
    between: Mapping[tuple[str, str], Pairs] = field(default_factory=dict)

    @property
    def read(self) -> int:
        """Fields that have a final name."""
        return sum(self.finals.values())


@dataclass(frozen=True, slots=True)
class Share:
    """A count among ``n`` fields.

    Attributes:
        name: Class, or *needs review*.
        count: Fields of it.
        n: Fields looked at.
        interval: Exact 95 % interval of the fraction (Clopper and Pearson).
    """

    name: str
    count: int
    n: int
    interval: Interval

    @property
    def fraction(self) -> float:
        """The fraction, 0 to 1."""
        return self.count / self.n if self.n else 0.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of two judges.

    Attributes:
        agreed: Fields on which they did.
        n: Fields both gave a class.
        interval: 95 % Wilson interval of the share.
        kappa: Cohen's kappa, or None where it means nothing: it is 0 whatever the agreement if one of the
            two used one class only.
    """

    agreed: int
    n: int
    interval: Interval
    kappa: float | None

    @property
    def fraction(self) -> float:
        """The share agreed on, 0 to 1."""
        return self.agreed / self.n if self.n else 0.0


def shares(tally: Tally, classes: Sequence[str]) -> tuple[Share, ...]:
    """Return the share of every class and of *needs review* among the fields read.

    Args:
        tally: The counts.
        classes: Classes in the order they are shown; others that occur follow.
    """
    others = sorted(tally.finals.keys() - set(classes) - {NEEDS_REVIEW})
    names = (*classes, *others, NEEDS_REVIEW)
    n = tally.read
    counts = ((name, tally.finals.get(name, 0)) for name in names)
    return tuple(Share(name, count, n, clopper_pearson(count, n)) for name, count in counts)


def agreement(pairs: Pairs) -> Agreement:
    """Return how far two judges agree (Cohen 1960, Educ Psychol Meas 20:37)."""
    n = sum(pairs.values())
    agreed = sum(count for (one, other), count in pairs.items() if one == other)
    by_first: dict[str, int] = {}
    by_second: dict[str, int] = {}
    for (one, other), count in pairs.items():
        by_first[one] = by_first.get(one, 0) + count
        by_second[other] = by_second.get(other, 0) + count
    expected = sum(count * by_second.get(name, 0) for name, count in by_first.items())
    one_class = min(len(by_first), len(by_second)) <= 1
    kappa = None if one_class else (agreed * n - expected) / (n * n - expected)
    return Agreement(agreed, n, wilson(agreed, n), kappa)
