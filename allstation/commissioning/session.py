"""Session of commissioning: cells are typed, a model is fitted, a test part that nobody used is opened once.

Plain Python for one thread at a time; whoever uses it from a window calls it on a worker.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.commissioning.acceptance import Accepted, Refused, Wanted, judged
from allstation.commissioning.split import frozen_fifth
from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.errors import StationError
from allstation.core.metrics import Figure
from allstation.core.typer.held_out import held_out_area, held_out_cells
from allstation.core.typer.model import (
    FEWEST_CELLS,
    FEWEST_OF_A_TYPE,
    Typer,
    TyperFigures,
    cross_validate,
    fit_typer,
    next_cells,
)
from allstation.core.typer.order import A_SLIDE
from allstation.core.typer.statistics import FloatArray
from allstation.core.typer.validation import held_out, typed_cells

_RESAMPLES: Final = 200
"""Of the intervals that are shown while cells are typed: seen for a moment, and anew after ten more."""
_STEP: Final = 10


@dataclass(frozen=True, eq=False, slots=True)
class Standing:
    """Progress of a session: typed cells, figures so far, advice.

    Attributes:
        types: Cells typed of the learning part, by type.
        groups: Groups (slides or patients) that they come from.
        figures: By cross-validation with groups kept apart; None where nothing can be measured yet.
        balanced: Balanced accuracy with n, interval and split; None as above.
        auroc: AUROC of two types, the mean of one against the rest of more; None as above.
        enough: Whether the test part can be opened with good hope.
        advice: What to do next, in a sentence.
    """

    types: Mapping[str, int]
    groups: int
    figures: TyperFigures | None
    balanced: Figure | None
    auroc: Figure | None
    enough: bool
    advice: str

    @property
    def typed(self) -> int:
        """Cells typed of the learning part."""
        return sum(self.types.values())


@dataclass(slots=True)
class CommissioningSession:
    """Typed cells on their way to a site's model.

    A fifth of the groups, drawn by the seed before anything is typed, is kept for the test: none of its cells
    is proposed or learned from.

    Args:
        features: (n, f) of the cell network; a cell with a number that is not finite takes no part.
        groups: Slide or patient of each cell.
        network_sha256: Of the cell network.
        seed: Of what is drawn.
        learning: Groups to learn from, if they are chosen elsewhere; all others are the test part.
        patients: How many patients the groups are, in words; without it patients are not known.

    Raises:
        StationError: ``too-few-groups`` if nothing is left for the test.
    """

    features: NDArray[np.floating]
    groups: Sequence[str]
    network_sha256: str = field(kw_only=True)
    seed: int = field(default=0, kw_only=True)
    learning: Collection[str] | None = field(default=None, kw_only=True)
    patients: str = field(default=PATIENTS_UNKNOWN, kw_only=True)
    _values: FloatArray = field(init=False)
    _usable: NDArray[np.bool_] = field(init=False)
    _learns: NDArray[np.bool_] = field(init=False)
    _types: list[str] = field(init=False)
    _test: list[int] | None = field(default=None, init=False)
    _typer: Typer | None = field(default=None, init=False)
    _outcome: Accepted | Refused | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Keep the test part apart."""
        values = np.asarray(self.features, np.float64)
        if values.ndim != 2 or len(values) != len(self.groups):  # noqa: PLR2004 - cells by features
            sentence = (
                f"Features came in the shape {values.shape} for {len(self.groups)} cells; expected one row a "
                "cell. Compute them again."
            )
            raise StationError("bad-features", sentence)
        self._usable = np.asarray(np.isfinite(values).all(axis=1))
        self._values = np.where(self._usable[:, None], values, 0.0)
        names = np.array([str(group) for group in self.groups], np.str_)
        measured = sorted(set(names[self._usable].tolist()))
        learning = (
            set(measured) - frozen_fifth(measured, seed=self.seed)
            if self.learning is None
            else {str(group) for group in self.learning}
        )
        if not learning or not set(measured) - learning:
            sentence = (
                f"Cells of {len(measured)} slide or patient came; expected at least 2, as those of the test "
                "must never have been learned from. Add fields or cells of other slides."
            )
            raise StationError("too-few-groups", sentence)
        self._learns = np.isin(names, sorted(learning)) & self._usable
        self._types = [""] * len(names)

    @property
    def is_testing(self) -> bool:
        """Whether learning is closed."""
        return self._test is not None

    @property
    def learning_rows(self) -> list[int]:
        """Rows of the learning part, typed or not."""
        return [int(row) for row in np.flatnonzero(self._learns)]

    def set_type(self, row: int, type_name: str) -> None:
        """Give a cell a type. A type in the test part is kept until its test, and never learned from.

        Raises:
            StationError: ``learning-closed`` for a cell of the learning part after the test has begun, or any
                after it was opened.
        """
        self._check_open(row)
        self._types[row] = type_name
        if self._learns[row]:
            self._typer = None

    def withdraw(self, row: int) -> None:
        """Take a cell's type back.

        Raises:
            StationError: As ``set_type``.
        """
        self.set_type(row, "")

    def next_cells(self, count: int = _STEP) -> list[int]:
        """Return the rows of the learning part that are best typed next: diverse, then uncertain ones."""
        if self.is_testing:
            return []
        rows = np.flatnonzero(self._learns).tolist()
        typer = self._fitted()
        found = next_cells(
            self._values[rows],
            [self._types[row] for row in rows],
            [self.groups[row] for row in rows],
            probabilities=None if typer is None else typer.probabilities,
            count=count,
            a_group=A_SLIDE,
        )
        return [rows[at] for at in found.tolist()]

    def standing(self) -> Standing:
        """Measure by cross-validation with groups kept apart; under 2 s with 5,000 typed cells."""
        rows = self._typed_rows()
        names = [self._types[row] for row in rows]
        counts, groups = Counter(names), [str(self.groups[row]) for row in rows]
        try:
            held = held_out(self._values[rows], names, groups)
            self._typer = fit_typer(self._values[rows], names, groups=groups, held=held)
            figures = cross_validate(
                self._values[rows], names, groups, patients=self.patients, resamples=_RESAMPLES, held=held
            )
            area = held_out_area(held_out_cells(held), patients=self.patients, resamples=_RESAMPLES)
        except StationError:
            advice = _too_few(counts, len(set(groups)))
            return Standing(dict(counts), len(set(groups)), None, None, None, enough=False, advice=advice)
        enough, advice = _advice(counts, figures)
        return Standing(
            dict(counts), len(set(groups)), figures, figures.balanced, area, enough=enough, advice=advice
        )

    def begin_test(self, count: int) -> list[int]:
        """Close learning and draw the cells of the test, at random from groups that were never learned from.

        Args:
            count: How many cells; all of the part if there are fewer.

        Returns:
            Their rows, in the order in which they are best typed. Asked again, the same rows.

        Raises:
            StationError: ``too-few-cells`` if nothing can be fitted yet.
        """
        if self._test is None:
            rows = self._typed_rows()
            if self._typer is None:
                typed_cells(self._values[rows], [self._types[row] for row in rows], self._of(rows))
            apart = np.flatnonzero(self._usable & ~self._learns)
            drawn = np.random.default_rng(self.seed).permutation(apart)[:count]
            self._test = [int(row) for row in drawn]
        return list(self._test)

    def finish(self, wanted: Wanted | None = None) -> Accepted | Refused:
        """Open the test part once and judge; asked again, the same answer.

        Raises:
            StationError: ``test-not-begun``.
        """
        if self._test is None:
            sentence = "The test has not begun. Begin it and type its cells first."
            raise StationError("test-not-begun", sentence)
        if self._outcome is None:
            learned, tested = self._typed_rows(), [row for row in self._test if self._types[row]]
            self._outcome = judged(
                (self._values[learned], [self._types[row] for row in learned], self._of(learned)),
                (self._values[tested], [self._types[row] for row in tested], self._of(tested)),
                wanted=wanted or Wanted(),
                network_sha256=self.network_sha256,
                patients_known=self.patients != PATIENTS_UNKNOWN,
            )
        return self._outcome

    def _check_open(self, row: int) -> None:
        if self._outcome is not None or (self._test is not None and self._learns[row]):
            sentence = (
                "Learning is closed, as the test has begun: what is typed now would be learned from what is "
                "tested. Start a new session to type more cells."
            )
            raise StationError("learning-closed", sentence)

    def _typed_rows(self) -> list[int]:
        return [int(row) for row in np.flatnonzero(self._learns) if self._types[row]]

    def _of(self, rows: Sequence[int]) -> list[str]:
        return [str(self.groups[row]) for row in rows]

    def _fitted(self) -> Typer | None:
        """Return the typer of what is typed now; None where that is too little."""
        if self._typer is None:
            rows = self._typed_rows()
            try:
                self._typer = fit_typer(
                    self._values[rows], [self._types[row] for row in rows], groups=self._of(rows)
                )
            except StationError:
                return None
        return self._typer


def _too_few(counts: Mapping[str, int], groups: int) -> str:
    """Say what is missing before anything can be measured."""
    typed = sum(counts.values())
    if typed < FEWEST_CELLS:
        return (
            f"Type {FEWEST_CELLS - typed} more cells: {FEWEST_CELLS} are needed before anything is measured."
        )
    if sum(count >= FEWEST_OF_A_TYPE for count in counts.values()) < 2:  # noqa: PLR2004 - two types
        return f"Type at least {FEWEST_OF_A_TYPE} cells of a second type."
    return f"Type cells of each type on a second slide: the typed ones come from {groups}."


def _advice(counts: Mapping[str, int], figures: TyperFigures) -> tuple[bool, str]:
    """Return whether the test can be opened with good hope, and what to do next."""
    rarest = min(counts, key=lambda name: counts[name])
    if figures.left_out:
        names = ", ".join(figures.left_out)
        return (
            False,
            f"Type cells of {names} on a second slide, or none of them: now they cannot be measured.",
        )
    low = figures.balanced.interval.low if figures.balanced.interval else math.nan
    if counts[rarest] < _A_TYPE:
        more = _A_TYPE - counts[rarest]
        return False, f"Type {more} more cells of {rarest}: it has {counts[rarest]} of {_A_TYPE}."
    if not low >= _HOPEFUL:
        worst = min(figures.types, key=lambda each: each.recall)
        return False, (
            f"The lower limit of balanced accuracy is {low:.2f}. Type {_STEP} more cells, most of all of "
            f"{worst.type}, of which {worst.right} of {worst.cells} were named rightly, from further slides."
        )
    return True, f"The lower limit of balanced accuracy is {low:.2f}. The test can be opened."


_A_TYPE: Final = 20
_HOPEFUL: Final = 0.90
