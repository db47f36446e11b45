"""Differential count: counts and shares of cell types with exact intervals, two readers, when to stop.

How cells are counted follows the reference method of CLSI H20 (Reference Leukocyte (WBC) Differential Count
(Proportional) and Evaluation of Instrumental Methods; H20-A2, 2007, and its later edition) in what a
laboratory does at the bench: 100, 200 or 400 white cells are named one by one by each of two readers, shares
are of those cells, nucleated red cells are not among them and are given per 100 of them. Disrupted (smudge)
cells that nobody can name are not among them either and are given in the same way; a laboratory that counts
them, as lymphocytes for example, says so in its list of types (:class:`~allstation.core.cell_types.Counts`).

No share, and no limit it is compared with, is a diagnosis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from allstation.core.cell_types import CellSummary, CellType, Counts, type_of
from allstation.core.statistics import Interval, clopper_pearson, within_exact
from allstation.core.summary import Agreement, agreement

PROPOSED: Final = "proposed"
"""Reader of a count of proposed types."""
TARGETS: Final = (100, 200, 400)
"""White cells of a count, as at a bench counter."""
FEWEST: Final = 100
"""White cells below which a count is said to be small."""
_HUNDRED: Final = 100
_MOST_CELLS: Final = 1_000_000
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class TypeCount:
    """Cells of one type in a differential count.

    Attributes:
        type: The type.
        count: Cells.
        share: Share of the white cells, 0 to 1; for a type that is counted beside them, cells per white cell,
            which may exceed 1. NaN without white cells.
        interval: Exact 95 % interval of the share.
    """

    type: CellType
    count: int
    share: float
    interval: Interval

    @property
    def per_hundred(self) -> float:
        """Cells per 100 white cells."""
        return _HUNDRED * self.share


@dataclass(frozen=True, slots=True)
class Differential:
    """Differential count of one reader.

    Attributes:
        reader: Who counted; the name of the typer where proposals were counted.
        n: White cells counted.
        white: Types among the white cells, in the order of the list; those of the list that nobody found too.
        beside: Types counted beside them, per 100 white cells.
        left_out: Cells of types that count as nothing, such as artefacts.
        proposed: How many of the white cells were not named by a person but proposed.
    """

    reader: str
    n: int
    white: tuple[TypeCount, ...]
    beside: tuple[TypeCount, ...]
    left_out: int = 0
    proposed: int = 0

    @property
    def note(self) -> str:
        """A sentence where the count is small; empty otherwise."""
        if self.n == 0:
            return "No white cells were counted."
        if self.n < FEWEST:
            return f"Fewer than {FEWEST} cells: {self.n} counted. The shares are uncertain."
        return ""

    def share_of(self, key: str) -> TypeCount | None:
        """Return the count of a type; None if the list does not count it."""
        return next((one for one in (*self.white, *self.beside) if one.type.key == key), None)

    def missing(self, target: int) -> int:
        """Return how many white cells are missing to a target."""
        return max(0, target - self.n)


def differential(
    counts: Mapping[str, int],
    types: Sequence[CellType],
    *,
    reader: str,
    proposed: Mapping[str, int] | None = None,
) -> Differential:
    """Return the differential of counted cells.

    Args:
        counts: Cells that the reader named, by key of the type.
        types: The laboratory's list. A counted type that it lacks is shown under its key, as a white cell.
        reader: Who counted.
        proposed: Cells that nobody named, by key of the proposed type; only where the laboratory counts them.
    """
    both = {key: counts.get(key, 0) + (proposed or {}).get(key, 0) for key in {*counts, *(proposed or ())}}
    known = {one.key for one in types}
    every = [*types, *(type_of((), key) for key in sorted(both.keys() - known) if both[key])]
    groups = {counts: [one for one in every if one.counts is counts] for counts in Counts}
    n = sum(both.get(one.key, 0) for one in groups[Counts.WHITE])
    return Differential(
        reader=reader,
        n=n,
        white=tuple(_white(one, both.get(one.key, 0), n) for one in groups[Counts.WHITE]),
        beside=tuple(_ratio_to_white(one, both.get(one.key, 0), n) for one in groups[Counts.BESIDE]),
        left_out=sum(both.get(one.key, 0) for one in groups[Counts.NO]),
        proposed=sum((proposed or {}).get(one.key, 0) for one in groups[Counts.WHITE]),
    )


def _white(kind: CellType, count: int, n: int) -> TypeCount:
    return TypeCount(kind, count, count / n if n else math.nan, clopper_pearson(count, n))


def _ratio_to_white(kind: CellType, count: int, n: int) -> TypeCount:
    """Return cells per white cell; of two counts, given their sum, one is binomial.

    The interval is the exact one of that share, turned into a ratio (Przyborowski and Wilenski 1940,
    Biometrika 31:313).
    """
    share = clopper_pearson(count, count + n)
    limits = (end / (1 - end) if end < 1 else math.inf for end in (share.low, share.high))
    return TypeCount(kind, count, count / n if n else math.nan, Interval(*limits))


def ruemke_limits(count: int, n: int) -> tuple[int, int]:
    """Return the 95 % limits of a percentage as Ruemke's table gives them, in whole per cent.

    The table (Ruemke 1979, in Koepke: Differential Leukocyte Counting, College of American Pathologists,
    39-45; the yardstick of CLSI H20 for two counts of one film) holds the exact binomial limits, the lower
    one rounded down and the upper one up.

    Args:
        count: Cells of the type.
        n: White cells counted.
    """
    exact = clopper_pearson(count, n)
    return math.floor(_HUNDRED * exact.low + _ROUNDING), math.ceil(_HUNDRED * exact.high - _ROUNDING)


@dataclass(frozen=True, slots=True)
class TypeComparison:
    """Comparison of two readers' shares of one type.

    Attributes:
        type: The type.
        first: The first reader's count.
        second: The second reader's count.
        limits: Ruemke's limits of the first reader's percentage, whole per cent.
        agrees: Whether the second reader's percentage lies within them; None where a reader counted nothing.
    """

    type: CellType
    first: TypeCount
    second: TypeCount
    limits: tuple[int, int]
    agrees: bool | None


@dataclass(frozen=True, slots=True)
class ReaderComparison:
    """Comparison of two readers' differential counts.

    Attributes:
        first: The count that the limits belong to.
        second: The other count.
        types: By type, those that at least one of them found.
        common: Agreement on the cells that both named, with Cohen's kappa; None where they named none in
            common. Its kappa is None where it means nothing: whoever names one type only
            agrees by chance alone.
    """

    first: Differential
    second: Differential
    types: tuple[TypeComparison, ...]
    common: Agreement | None

    @property
    def apart(self) -> tuple[TypeComparison, ...]:
        """Types in which the second reader lies outside the first one's limits."""
        return tuple(one for one in self.types if one.agrees is False)


def compare_readers(
    first: Differential, second: Differential, pairs: Mapping[tuple[str, str], int]
) -> ReaderComparison:
    """Compare two readers' counts by Ruemke's limits and, on cells that both named, by kappa.

    The second reader's percentage is held against the limits of the first one's, as the table is used at the
    bench. Limits answer for one count's chance only: where both counted 100 cells, two counts of one film lie
    apart a little more often than one time in twenty a type.

    Args:
        first: The count whose limits are used.
        second: The other one.
        pairs: Cells that both named: first reader's key, second reader's key, to their number.
    """
    compared = []
    for one in first.white:
        other = second.share_of(one.type.key) or TypeCount(one.type, 0, 0.0, clopper_pearson(0, second.n))
        compared.append(_compared(one, other, first, second))
    there = {one.type.key for one in first.white}
    for other in second.white:
        if other.type.key not in there:
            one = TypeCount(other.type, 0, 0.0, clopper_pearson(0, first.n))
            compared.append(_compared(one, other, first, second))
    found = tuple(one for one in compared if one.first.count or one.second.count)
    return ReaderComparison(first, second, found, _common(pairs))


@dataclass(frozen=True, slots=True)
class DifferentialReport:
    """Every reader's differential of a case, and every two readers compared.

    Attributes:
        readers: In alphabetical order.
        comparisons: Of each reader with each that follows.
        proposals: The proposed types of cells that nobody named, as a count of their own; None without any.
    """

    readers: tuple[Differential, ...]
    comparisons: tuple[ReaderComparison, ...]
    proposals: Differential | None = None


def report_of(summary: CellSummary, *, count_proposals: bool = False) -> DifferentialReport:
    """Return the differentials of a case.

    Args:
        summary: Its cells.
        count_proposals: Whether cells that nobody named count for each reader by their proposed type.
    """
    proposed = dict(summary.proposed) if count_proposals else None
    readers = {
        name: differential(counts, summary.types, reader=name, proposed=proposed)
        for name, counts in summary.by_reader.items()
    }
    names = list(readers)
    comparisons = [
        compare_readers(readers[one], readers[other], summary.pairs.get((one, other), {}))
        for place, one in enumerate(names)
        for other in names[place + 1 :]
    ]
    alone = None
    if summary.proposed:
        alone = differential({}, summary.types, reader=PROPOSED, proposed=summary.proposed)
    return DifferentialReport(tuple(readers.values()), tuple(comparisons), alone)


def _common(pairs: Mapping[tuple[str, str], int]) -> Agreement | None:
    named = {names: number for names, number in pairs.items() if number}
    if not named:
        return None
    found = agreement(named)
    kinds = ({one for one, _ in named}, {other for _, other in named})
    return replace(found, kappa=None) if min(map(len, kinds)) == 1 else found


def _compared(one: TypeCount, other: TypeCount, first: Differential, second: Differential) -> TypeComparison:
    limits = ruemke_limits(one.count, first.n)
    agrees = None
    if first.n and second.n:
        agrees = limits[0] <= _HUNDRED * other.count / second.n <= limits[1]
    return TypeComparison(one.type, one, other, limits, agrees)


def cells_to_count(count: int, n: int, other: float) -> int | None:
    """Return how many more white cells tell a share from another one, if it stays as it is.

    Told apart are they when the exact 95 % interval of the counted share leaves the other one out.

    Args:
        count: Cells of the type counted so far.
        n: White cells counted so far, at least 1.
        other: The share to be told from it, 0 to 1.

    Returns:
        0 if they are told apart already; None if they are the same, or would take over a million cells.
    """
    share = count / n
    if within_exact(other, count, n):
        low, high = n, _MOST_CELLS
        if _holds(share, high, other):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _holds(share, middle, other) else (low, middle)
        return high - n
    return 0


def _holds(share: float, n: int, other: float) -> bool:
    return within_exact(other, min(share * n, n), n)


def stop_sentence(count: int, n: int, other: float, *, unit: str = "cells") -> str:
    """Return what is missing to tell a share from another one, in words; empty without any cells.

    Args:
        count: Cells of the type counted so far.
        n: White cells counted so far.
        other: The share to be told from it, 0 to 1.
        unit: What was counted, in the plural.
    """
    if n == 0:
        return ""
    named = f"{_percent(count / n)} from {_percent(other)}"
    more = cells_to_count(count, n, other)
    if more is None:
        return f"No count of a size that can be made tells {named}."
    if more == 0:
        return f"{n} {unit} tell {named}."
    return f"Count {more} more {unit if more > 1 else unit.removesuffix('s')} to tell {named}."


def _percent(share: float) -> str:
    return f"{_HUNDRED * share:.3g} %"
