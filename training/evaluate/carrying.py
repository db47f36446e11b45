"""Figures of a typer in a laboratory: carried there, commissioned there, or measured on all of its cells.

Beside every figure stand what the same way reaches with a shortcut alone (size, mean colour, background,
number of cells), and its value on cells matched in size or in number, so that neither tells the types apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.core.resampling import bootstrap, rates, weighted_auc
from allstation.core.typer.discriminant import discriminant, softmax
from allstation.core.typer.model import fit_typer
from allstation.core.typer.statistics import FloatArray, TyperStatistics, gather_statistics
from allstation.core.typer.validation import SHRINKAGES, HeldOut
from allstation.imaging.cells.numbers import NAMES
from training.evaluate.cell_sets import drawn
from training.evaluate.laboratories import Laboratory

Rows = NDArray[np.intp]
View = Callable[[Laboratory], FloatArray]

AUROC, BALANCED = "AUROC", "balanced accuracy"
MEASURES: Final = (AUROC, BALANCED)
DRAWS: Final = 20
PATIENTS: Final = 5
A_TYPE: Final = 40
MOST: Final = 300
"""Cells a type that one laboratory lends to others: the largest would otherwise speak for all."""
_BINS: Final = 12
_FEWEST_MATCHED: Final = 10
"""Cells a type below which a matched control is not told."""
_RESAMPLES: Final = 1000
_FROM_END: Final = len(NAMES)

MODEL: Final = "network and numbers"
VIEWS: Final[Mapping[str, View]] = {
    MODEL: lambda cells: cells.features,
    "size": lambda cells: cells.features[:, [-_FROM_END]],
    "mean colour": lambda cells: cells.features[:, [at - _FROM_END for at in range(6, 9)]],
    "background": lambda cells: cells.background,
    "count": lambda cells: cells.counts[:, np.newaxis],
}
"""What a typer may look at; all but the first are shortcuts."""
CONTROLS: Final[Mapping[str, View]] = {"size-matched": VIEWS["size"], "count-matched": VIEWS["count"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class PassportRow:
    """Row of the passport.

    Attributes:
        laboratory: Whose cells were tested.
        question: Which types were told apart.
        way: How the typer was made.
        measure: ``AUROC`` or ``balanced accuracy``.
        value: None where nothing could be fitted.
        low: Lower end of the 95 % interval over patients or groups; None for draws.
        high: Upper end.
        spread: Standard deviation over draws, or None.
        draws: Draws that gave a typer; 0 where nothing was drawn.
        cells: Cells tested; the mean over draws.
        clicks: Typed cells of this laboratory that the typer learned from; the mean over draws.
        patients: How many patients the cells come from, in words.
        split: What was kept apart.
        shortcuts: The same figure by each shortcut; None where it cannot be had.
        controls: The same figure on matched cells, and their number; None where they are too few.
    """

    laboratory: str
    question: str
    way: str
    measure: str
    value: float | None
    low: float | None = None
    high: float | None = None
    spread: float | None = None
    draws: int = 0
    cells: int
    clicks: int = 0
    patients: str
    split: str
    shortcuts: Mapping[str, float | None] = field(default_factory=dict)
    controls: Mapping[str, tuple[float, int] | None] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Predictions:
    """Predictions of a typer for tested cells.

    Attributes:
        cells: The cells.
        types: Names that they could get, sorted.
        logits: (n, k), minus infinity for a type that the typer does not know.
    """

    cells: Laboratory
    types: tuple[str, ...]
    logits: FloatArray

    def values(self, measure: str, weights: FloatArray, rows: Rows | None = None) -> FloatArray:
        """Return a measure for every row of weights (resamples, n) over some of the cells."""
        rows = np.arange(len(self.logits)) if rows is None else rows
        place = {name: at for at, name in enumerate(self.types)}
        true = np.array([place[name] for name in self.cells.types[rows].tolist()], np.int64)
        logits = self.logits[rows]
        if measure == BALANCED:
            return np.asarray(rates(true, logits.argmax(axis=1), weights, classes=len(place))[BALANCED])
        shares = softmax(logits)
        if len(place) == 2:  # noqa: PLR2004 - ranking by the difference keeps what rounding to 1 would lose
            finite = np.where(np.isfinite(logits), logits, -1e9)
            return weighted_auc(finite[:, 1] - finite[:, 0], (true == 1).astype(np.float64), weights)
        areas = [
            weighted_auc(shares[:, at], (true == at).astype(np.float64), weights)
            for at in np.unique(true).tolist()
        ]
        return np.asarray(np.mean(areas, axis=0))

    def value(self, measure: str, rows: Rows | None = None) -> float:
        """Return a measure over some of the cells."""
        return float(
            self.values(measure, np.ones((1, len(self.logits) if rows is None else len(rows))), rows)[0]
        )

    def interval(self, measure: str) -> tuple[float, float]:
        """Return the 95 % interval of a measure, groups resampled as a whole."""
        found = bootstrap(
            lambda weights: {measure: self.values(measure, weights)},
            self.cells.groups.tolist(),
            resamples=_RESAMPLES,
        )[measure]
        return found.low, found.high

    def controls(self, measure: str) -> dict[str, tuple[float, int] | None]:
        """Return a measure on cells matched in size, and in the number of cells of their fields."""
        found: dict[str, tuple[float, int] | None] = {}
        for name, view in CONTROLS.items():
            rows = matched(view(self.cells)[:, 0], self.cells.types)
            found[name] = None if rows is None else (self.value(measure, rows), len(rows))
        return found


def matched(values: FloatArray, types: NDArray[np.str_], *, seed: int = 0) -> Rows | None:
    """Draw cells so that every type has as many in each range of a value, or None where they are too few.

    Args:
        values: (n,) by which types are not to differ.
        types: (n,).
        seed: Of the draw.
    """
    if not np.isfinite(values).all() or len(np.unique(values)) < 2:  # noqa: PLR2004
        return None
    bins = np.searchsorted(
        np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1])), values, side="right"
    )
    random, names, parts = np.random.default_rng(seed), np.unique(types), []
    for number in np.unique(bins).tolist():
        inside = [random.permutation(np.flatnonzero((bins == number) & (types == name))) for name in names]
        most = min(len(rows) for rows in inside)
        parts += [rows[:most] for rows in inside]
    rows = np.concatenate(parts)
    return np.sort(rows) if len(rows) >= _FEWEST_MATCHED * len(names) else None


def _spread_logits(logits: FloatArray, known: Sequence[str], types: Sequence[str]) -> FloatArray:
    """Return logits for a longer list of types, of which the typer does not know some."""
    found = np.full((len(logits), len(types)), -math.inf)
    found[:, [list(types).index(name) for name in known]] = logits
    return found


def own_cells(cells: Laboratory, view: View) -> Predictions | None:
    """Tell every cell by a typer of all other patients of its laboratory; None where a value is missing."""
    values = view(cells)
    if not np.isfinite(values).all():
        return None
    held = HeldOut(values, cells.types, cells.groups.tolist())
    rows = np.flatnonzero(held.seen)
    return Predictions(
        cells=cells.of(rows), types=tuple(held.types.tolist()), logits=held.chosen_logits()[rows]
    )


def lent(cells: Laboratory, *, seed: int = 0) -> Laboratory:
    """Return at most ``MOST`` cells a type of a laboratory, drawn by chance."""
    return cells.of(drawn(cells.types, np.arange(len(cells.types)), MOST, np.random.default_rng(seed)))


def carried(
    cells: Laboratory, others: Sequence[Laboratory], view: View, *, standardised: bool
) -> Predictions | None:
    """Tell the cells of a laboratory by a typer of all others, without a type from here.

    Args:
        cells: Of the laboratory that is left out.
        others: The other laboratories.
        view: What the typer may look at.
        standardised: Whether each laboratory's values are brought to the same mean and spread first.
    """
    lenders = [lent(each) for each in others]
    values = [view(each) for each in (cells, *lenders)]
    if not all(np.isfinite(each).all() for each in values):
        return None
    if standardised:
        values = [(each - each.mean(axis=0)) / np.maximum(each.std(axis=0), 1e-9) for each in values]
    types = np.concatenate([each.types for each in lenders]).tolist()
    groups = [f"{each.name} {group}" for each in lenders for group in each.groups.tolist()]
    typer = fit_typer(np.concatenate(values[1:]), types, groups=groups)
    names = tuple(sorted({*typer.types, *cells.types.tolist()}))
    logits = _spread_logits(typer.solved.logits(values[0]) / typer.temperature, typer.types, names)
    return Predictions(cells=cells, types=names, logits=logits)


def chosen_groups(cells: Laboratory, count: int, random: np.random.Generator) -> NDArray[np.str_]:
    """Choose patients to learn from: such that have several types, else some of each type."""
    kinds: dict[str, set[str]] = {}
    for group, name in zip(cells.groups.tolist(), cells.types.tolist(), strict=True):
        kinds.setdefault(group, set()).add(name)
    several = sorted(group for group, names in kinds.items() if len(names) > 1)
    if len(several) >= 2 * count:
        return np.asarray(random.choice(several, count, replace=False))
    chosen: set[str] = set()
    for name in sorted(set(cells.types.tolist())):
        having = sorted(group for group, names in kinds.items() if name in names)
        # Half of them at most, as somebody has to be left to test on.
        chosen |= set(random.permutation(having)[: min(count, len(having) // 2)].tolist())
    return np.array(sorted(chosen), np.str_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Plan by which a laboratory is commissioned.

    Attributes:
        patients: Whose cells are typed.
        a_type: Cells of each type, at most.
        draws: How often patients and cells are drawn.
    """

    patients: int = PATIENTS
    a_type: int = A_TYPE
    draws: int = DRAWS


def clicked(cells: Laboratory, plan: Plan, *, seed: int, first: str = "") -> tuple[Rows, Rows]:
    """Draw the cells that are typed, and return them and the cells of all other patients.

    Args:
        cells: Of the laboratory.
        plan: How many of what.
        seed: Of the draw.
        first: A patient who must be among those typed; empty for anybody.
    """
    random = np.random.default_rng(seed)
    if cells.own_groups:
        smallest = int(np.unique(cells.types, return_counts=True)[1].min())
        rows = drawn(cells.types, np.arange(len(cells.types)), min(plan.a_type, smallest // 2), random)
        return rows, np.setdiff1d(np.arange(len(cells.types)), rows)
    groups = chosen_groups(cells, plan.patients, random)
    if first and first not in groups:
        groups = np.array([first, *groups[1:].tolist()], np.str_)
    inside = np.isin(cells.groups, groups)
    return drawn(cells.types, np.flatnonzero(inside), plan.a_type, random), np.flatnonzero(~inside)


def commissioned(
    cells: Laboratory,
    view: View,
    typed: Iterable[tuple[Rows, Rows]],
    *,
    beside: TyperStatistics | None = None,
    any_number: bool = False,
) -> Iterator[tuple[Predictions, int]]:
    """Yield what typers of some typed cells say of all other patients' cells, and how many were typed.

    Args:
        cells: Of the laboratory.
        view: What the typer may look at.
        typed: Rows typed and rows tested, a draw each.
        beside: Statistics of other laboratories' cells, added to those of the typed ones.
        any_number: Whether to go below the number of cells from which on the station proposes types; then
            with its strongest shrinkage and uncalibrated.
    """
    values = view(cells)
    for rows, rest in typed:
        types, tested = cells.types[rows].tolist(), cells.of(rest)
        try:
            typer = fit_typer(values[rows], types, groups=cells.groups[rows].tolist())
            statistics, shrinkage, temperature = typer.statistics, typer.shrinkage, typer.temperature
        except StationError:
            if not any_number or len(set(types)) < 2:  # noqa: PLR2004
                continue
            statistics, shrinkage, temperature = gather_statistics(values[rows], types), SHRINKAGES[-1], 1.0
        total = statistics if beside is None else statistics + beside
        logits = discriminant(total, shrinkage).logits(values[rest]) / temperature
        names = tuple(sorted({*total.types, *tested.types.tolist()}))
        yield (
            Predictions(cells=tested, types=names, logits=_spread_logits(logits, total.types, names)),
            len(rows),
        )
