"""Cross-validation of the cell typer, with slides or patients kept apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.errors import StationError
from allstation.core.metrics import Figure
from allstation.core.patients import patients_text
from allstation.core.resampling import bootstrap, rates
from allstation.core.statistics import Interval
from allstation.core.typer.discriminant import (
    IntArray,
    best_temperature,
    discriminant,
    held_logits,
    log_loss,
    log_losses,
)
from allstation.core.typer.statistics import FloatArray, checked_features, gather_statistics

Names = NDArray[np.str_]

FEWEST_CELLS: Final = 30
"""Typed cells from which on a typer proposes."""
FEWEST_OF_A_TYPE: Final = 3
"""Typed cells that a type needs before it is proposed."""
SHRINKAGES: Final = (0.1, 0.3, 0.6, 0.85)
"""Shares of the diagonal that the cross-validation chooses from."""
FOLDS: Final = 5
FEW_GROUPS: Final = 20
"""Slides or patients below which shrinkage is chosen cautiously."""
APART: Final = "cross-validation with {groups} groups of cells kept apart"
NOT_APART: Final = "cross-validation over cells of one group, which flatters"


def typed_cells(
    features: NDArray[np.floating], types: Sequence[str], groups: Sequence[object]
) -> tuple[FloatArray, Names, tuple[str, ...]]:
    """Return features, types and groups of the cells that a typer can learn from.

    Raises:
        StationError: ``too-few-cells``, or ``bad-features`` if the three do not fit each other.
    """
    values = checked_features(features)
    names = np.asarray(types, np.str_)
    if not len(values) == len(names) == len(groups):
        sentence = (
            f"There are features of {len(values)} cells, types of {len(names)} and groups of {len(groups)}; "
            "expected as many of each. Compute the features of the cells again."
        )
        raise StationError("bad-features", sentence)
    known, codes, counts = np.unique(names, return_inverse=True, return_counts=True)
    enough = (counts >= FEWEST_OF_A_TYPE) & (known != "")
    kept = enough[codes] if len(codes) else np.zeros(0, np.bool_)
    if kept.sum() < FEWEST_CELLS or enough.sum() < 2:  # noqa: PLR2004 - two types
        sentence = (
            f"{int(kept.sum())} typed cells of {int(enough.sum())} types are too few to learn from; expected "
            f"{FEWEST_CELLS} of at least 2 types, {FEWEST_OF_A_TYPE} of each. Type more cells."
        )
        raise StationError("too-few-cells", sentence)
    return values[kept], names[kept], tuple(str(groups[at]) for at in np.flatnonzero(kept).tolist())


class HeldOut:
    """Outputs for every typed cell of discriminants that were fitted without its fold.

    Args:
        values: (n, f) features.
        names: (n,) types.
        groups: Group of each cell; a group is never divided, unless there is only one.
    """

    def __init__(self, values: FloatArray, names: Names, groups: Sequence[str]) -> None:
        self._values = values
        self.types, codes = np.unique(names, return_inverse=True)
        self.codes: IntArray = codes.astype(np.int64)
        self.groups = tuple(groups)
        self.apart = len(set(groups)) > 1
        _, numbers = np.unique(np.asarray(groups, np.str_), return_inverse=True)
        self._groups: IntArray = numbers.astype(np.int64)
        fold = fold_of(groups if self.apart else [str(at) for at in range(len(groups))], self.codes)
        self.folds = [np.flatnonzero(fold == number) for number in np.unique(fold)]
        self._parts = [gather_statistics(values[rows], names[rows].tolist()) for rows in self.folds]
        self.total = self._parts[0]
        for part in self._parts[1:]:
            self.total = self.total + part
        self._rests = [self.total - part for part in self._parts]
        self.logits = {shrinkage: self._logits(shrinkage) for shrinkage in SHRINKAGES}
        self.seen = np.zeros(len(values), np.bool_)
        for rows, rest in zip(self.folds, self._rests, strict=True):
            self.seen[rows] = np.isin(names[rows], rest.types) & (len(rest.types) > 1)

    def _logits(self, shrinkage: float) -> FloatArray:
        """Return logits (n, k), minus infinity for types that the fit did not know."""
        logits = np.full((len(self._values), len(self.types)), -math.inf)
        for rows, rest in zip(self.folds, self._rests, strict=True):
            if len(rest.types) > 1:
                found = logits[rows]
                found[:, np.isin(self.types, rest.types)] = held_logits(rest, self._values[rows], shrinkage)
                logits[rows] = found
        return logits

    def distances(self, shrinkage: float) -> FloatArray:
        """Return the distance (n,) of each cell to the nearest type, NaN where nothing could be fitted."""
        distances = np.full(len(self._values), math.nan)
        for rows, rest in zip(self.folds, self._rests, strict=True):
            if len(rest.types) > 1:
                distances[rows] = discriminant(rest, shrinkage).distances(self._values[rows])
        return distances

    def best(self, folds: Sequence[int]) -> float:
        """Return the shrinkage that suits the cells of some folds: that of the smallest calibrated log loss.

        Of fewer than :data:`FEW_GROUPS` groups, the largest one whose loss is not beyond one standard error
        of the difference from the smallest, groups being what varies (Breiman 1984, Classification and
        Regression Trees, 3.4.3): a few slides cannot tell a small advantage from chance, and less shrinkage
        fits these slides.
        """
        rows = np.concatenate([self.folds[at] for at in folds])
        rows = rows[self.seen[rows]]
        if not len(rows):
            return SHRINKAGES[-1]
        codes = self.codes[rows]
        losses = {share: self._losses(self.logits[share][rows], codes) for share in SHRINKAGES}
        least = min(SHRINKAGES, key=lambda share: losses[share].sum())
        groups = self._groups[rows]
        if len(np.unique(groups)) >= FEW_GROUPS:
            return least
        return max(share for share in SHRINKAGES if _within_error(losses[share] - losses[least], groups))

    def chosen_logits(self) -> FloatArray:
        """Return calibrated logits (n, k): the settings of each fold are chosen on the other folds."""
        logits = np.full((len(self._values), len(self.types)), -math.inf)
        for at, rows in enumerate(self.folds):
            others = [other for other in range(len(self.folds)) if other != at]
            shrinkage = self.best(others)
            raw, learned = self.logits[shrinkage], np.concatenate([self.folds[other] for other in others])
            learned = learned[self.seen[learned]]
            logits[rows] = raw[rows] / best_temperature(raw[learned], self.codes[learned])
        return logits

    @staticmethod
    def _losses(logits: FloatArray, codes: IntArray) -> FloatArray:
        """Return what each cell adds to the calibrated log loss."""
        return log_losses(logits, codes, best_temperature(logits, codes))


def held_out(features: NDArray[np.floating], types: Sequence[str], groups: Sequence[object]) -> HeldOut:
    """Fit the discriminants that a typer, its figures and its probabilities are told from.

    Raises:
        StationError: As ``typed_cells``.
    """
    return HeldOut(*typed_cells(features, types, groups))


def _within_error(differences: FloatArray, groups: IntArray) -> bool:
    """Tell whether a sum over groups is at most its standard error."""
    sums = np.bincount(groups, differences)
    sums = sums[np.bincount(groups) > 0]
    count = len(sums)
    error = math.sqrt(count / max(1, count - 1) * float(((sums - sums.mean()) ** 2).sum()))
    return float(sums.sum()) <= error


def fold_of(groups: Sequence[str], codes: IntArray, *, folds: int = FOLDS) -> IntArray:
    """Divide cells into folds, groups kept whole, so that each fold gets its share of every type.

    Args:
        groups: Group of each cell.
        codes: (n,) number of the type of each cell.
        folds: How many at most; fewer if there are fewer groups.

    Returns:
        Number of the fold of each cell (n,).
    """
    names, number = np.unique(np.asarray(groups, np.str_), return_inverse=True)
    count = min(folds, len(names))
    types = int(codes.max()) + 1 if len(codes) else 1
    table = np.zeros((len(names), types))
    np.add.at(table, (number, codes), 1.0)
    share = table / np.maximum(table.sum(axis=0), 1.0)
    load, place = np.zeros((count, types)), np.zeros(len(names), np.int64)
    # The largest first, each to the fold in which it leaves the types most even.
    for group in np.argsort(-share.sum(axis=1), kind="stable"):
        after = ((load + share[group]) ** 2 - load**2).sum(axis=1)
        place[group] = int(after.argmin())
        load[place[group]] += share[group]
    return place[number]


@dataclass(frozen=True, eq=False, slots=True)
class TypeFigure:
    """Recall of one type, with its interval.

    Attributes:
        type: Key of the type.
        cells: Cells of it, each left out of the fit that named it.
        groups: Groups they come from.
        right: Of them named rightly.
        interval: 95 % interval of the share that is right, groups resampled; None with one group.
    """

    type: str
    cells: int
    groups: int
    right: int
    interval: Interval | None

    @property
    def recall(self) -> float:
        """Share named rightly, 0 to 1."""
        return self.right / self.cells if self.cells else math.nan


@dataclass(frozen=True, eq=False, slots=True)
class TyperFigures:
    """Figures of a typer on cells of groups that it did not learn from.

    Attributes:
        cells: Cells that were named by a fit without them.
        groups: Groups they come from.
        apart: Whether groups were kept apart; with one group cells were, and the figures flatter.
        left_out: Types that could not be measured, as all their cells are in one group or too few.
        accuracy: Share of cells named rightly.
        balanced: Mean over types of that share.
        log_loss: Mean negative log probability of the true type, each type weighing the same.
        types: Figures of each type that was measured.
        names: Keys of all types that a cell could be named.
        confusion: (k, k) cells by true type (rows) and named type, in the order of ``names``.
    """

    cells: int
    groups: int
    apart: bool
    left_out: tuple[str, ...]
    accuracy: Figure
    balanced: Figure
    log_loss: float
    types: tuple[TypeFigure, ...]
    names: tuple[str, ...]
    confusion: IntArray


def cross_validate(
    features: NDArray[np.floating],
    types: Sequence[str],
    groups: Sequence[object],
    *,
    patients: str = PATIENTS_UNKNOWN,
    resamples: int = 1000,
    held: HeldOut | None = None,
) -> TyperFigures:
    """Measure a typer on typed cells by cross-validation, groups kept apart.

    The settings for the cells of a fold are chosen on the other folds. Intervals resample whole groups.

    Args:
        features: (n, f).
        types: Type of each cell, given by a person.
        groups: Patient or slide of each cell.
        patients: How many patients, in words, where the groups are patients; figures count those of the
            cells that they are computed from.
        resamples: Number of resamples of the intervals.
        held: Of these cells, if it is there already.

    Raises:
        StationError: ``too-few-cells`` as for a fit, or if no two types occur in two groups.
    """
    held = held or held_out(features, types, groups)
    logits = held.chosen_logits()
    kept = held.seen
    known = _met_types(held)
    # Types of one group only stay among the names that a cell can wrongly get.
    outcome = _Outcome(
        tuple(str(name) for name in held.types),
        held.codes[kept],
        logits[kept].argmax(axis=1).astype(np.int64),
        tuple(held.groups[at] for at in np.flatnonzero(kept)),
        known,
    )
    split = APART.format(groups=len(set(outcome.groups))) if held.apart else NOT_APART
    named = patients if patients == PATIENTS_UNKNOWN else patients_text(outcome.groups)
    plain, intervals = outcome.figures(resamples)
    accuracy, balanced = (
        Figure(figure, plain[figure], len(outcome.true), intervals.get(figure), split, named)
        for figure in ("accuracy", "balanced accuracy")
    )
    return TyperFigures(
        cells=len(outcome.true),
        groups=len(set(outcome.groups)),
        apart=held.apart,
        left_out=tuple(name for at, name in enumerate(outcome.names) if at not in known),
        accuracy=accuracy,
        balanced=balanced,
        log_loss=log_loss(logits[kept], outcome.true, 1.0),
        types=outcome.by_type(intervals),
        names=outcome.names,
        confusion=outcome.confusion(),
    )


def _met_types(held: HeldOut) -> NDArray[np.intp]:
    """Return the types of the cells that could be measured, at least two."""
    known = np.flatnonzero(np.bincount(held.codes[held.seen], minlength=len(held.types)) > 0)
    if len(known) < 2:  # noqa: PLR2004 - two types
        sentence = (
            "No two types were typed on two slides (two patients, where patients are known), so that nothing "
            "can be measured with them kept apart. Type cells of each type on at least two."
        )
        raise StationError("too-few-cells", sentence)
    return known


@dataclass(frozen=True, eq=False, slots=True)
class _Outcome:
    """True and named types of the cells that were left out of the fit that named them.

    Attributes:
        names: Keys of the types.
        true: (n,) number of the true type.
        named: (n,) number of the named type.
        groups: Group of each cell.
        known: Numbers of the types that have such cells.
    """

    names: tuple[str, ...]
    true: IntArray
    named: IntArray
    groups: tuple[str, ...]
    known: NDArray[np.intp]

    def figures(self, resamples: int) -> tuple[dict[str, float], dict[str, Interval]]:
        """Return figures by name, and their intervals where there are several groups."""
        plain = self._statistics(np.ones((1, len(self.true))))
        several = len(set(self.groups)) > 1
        intervals = bootstrap(self._statistics, self.groups, resamples=resamples) if several else {}
        return {name: float(value[0]) for name, value in plain.items()}, intervals

    def _statistics(self, weights: FloatArray) -> dict[str, FloatArray]:
        found = rates(self.true, self.named, weights, classes=len(self.names))
        shares = {
            self.names[at]: _share(weights, self.true == at, self.named == at) for at in self.known.tolist()
        }
        return {**shares, "accuracy": found["accuracy"], "balanced accuracy": found["balanced accuracy"]}

    def by_type(self, intervals: Mapping[str, Interval]) -> tuple[TypeFigure, ...]:
        """Return the figure of each type."""
        groups = np.array(self.groups)
        return tuple(
            TypeFigure(
                self.names[at],
                int((self.true == at).sum()),
                len(set(groups[self.true == at].tolist())),
                int(((self.true == at) & (self.named == at)).sum()),
                intervals.get(self.names[at]),
            )
            for at in self.known.tolist()
        )

    def confusion(self) -> IntArray:
        """Return cells by true type (rows) and named type."""
        table = np.zeros((len(self.names), len(self.names)), np.int64)
        np.add.at(table, (self.true, self.named), 1)
        return table


def _share(weights: FloatArray, true: NDArray[np.bool_], named: NDArray[np.bool_]) -> FloatArray:
    """Share of the cells of a type that are named rightly, a resample each; NaN without such cells."""
    total = weights @ true
    right = weights @ (true & named)
    share: FloatArray = np.full(len(total), math.nan)
    np.divide(right, total, out=share, where=total > 0)
    return share
