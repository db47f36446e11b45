"""Types of the counts of a report, frozen plain data: shared by its pages and the tables of fields."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """A count among the fields read, with its exact interval.

    Attributes:
        name: Class, or *needs review*.
        letter: Stands for the class wherever its colour does.
        colour: ``#rrggbb``.
        meaning: The immunophenotype in words.
        count: Fields.
        n: Fields read.
        share: ``count / n``, 0 when nothing was read.
        low: Lower end of the 95 % interval, 0 to 1.
        high: Upper end.
    """

    name: str
    letter: str
    colour: str
    meaning: str
    count: int
    n: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Number of fields that need review for one reason; a field may have several."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The figures of a slide or of the whole case.

    Attributes:
        fields: All fields.
        read: Fields with a prediction.
        waiting: Queued or running.
        failed: Could not be read.
        left_out: Cancelled.
        needs_review: Fields read that no class was named for, by rule or person.
        reviewed: Fields a person looked at.
        confirmed: Reviewed, and the person set what the program had decided.
        changed: Reviewed, and the person set another class.
        another_look: Reviewed, and the person asked for another look.
        cells: White cells found in the fields read.
        shares: One a class in the model's order, then *needs review*.
        reasons: Why fields need review.
        statement: In words that there is too little to count, or empty.
    """

    fields: int
    read: int
    waiting: int
    failed: int
    left_out: int
    needs_review: int
    reviewed: int
    confirmed: int
    changed: int
    another_look: int
    cells: int
    shares: tuple[Share, ...]
    reasons: tuple[ReasonCount, ...]
    statement: str


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, middle and largest of one quality figure over the fields read."""

    label: str
    unit: str
    low: float
    median: float
    high: float
    digits: int
