"""Differential counts of a report as plain data."""

from __future__ import annotations

import math

from allstation.core.cell_types import CellType, type_of
from allstation.core.differential import Differential, ReaderComparison, TypeCount, report_of
from allstation.core.records import CaseSnapshot
from allstation.report.content.cell_types import (
    CellsBlock,
    CellTypeRow,
    DifferentialBlock,
    ExampleCell,
    ReadersBlock,
    ReadersRow,
)

_HUNDRED = 100
_DIGITS = 6


def cells_block(snapshot: CaseSnapshot, *, count_proposals: bool, pictures: bool) -> CellsBlock | None:
    """Return what a report says about the types of cells; None where nobody gave one.

    Args:
        snapshot: The case.
        count_proposals: Whether cells that nobody named count by their proposed type.
        pictures: Whether cells are shown.
    """
    summary = snapshot.cells
    if not summary.by_reader:
        return None
    found = report_of(summary, count_proposals=count_proposals)
    wanted = {one.field_id for one in summary.examples} if pictures else set()
    numbers = {one.id: place for place, one in enumerate(snapshot.fields, start=1) if one.id in wanted}
    order = {one.key: place for place, one in enumerate(summary.types)}
    examples = sorted(
        (one for one in summary.examples if one.field_id in numbers),
        key=lambda one: (order.get(one.type, len(order)), one.type),
    )
    return CellsBlock(
        total=summary.total,
        counts=tuple(_count(one) for one in found.readers),
        comparisons=tuple(_comparison(one) for one in found.comparisons),
        examples=tuple(
            ExampleCell(numbers[one.field_id], one.number, type_of(summary.types, one.type).name, one.box)
            for one in examples
        ),
        proposals_counted=count_proposals,
    )


def _count(found: Differential) -> DifferentialBlock:
    return DifferentialBlock(
        reader=found.reader,
        n=found.n,
        proposed=found.proposed,
        left_out=found.left_out,
        white=tuple(_row(one) for one in found.white if one.count),
        beside=tuple(_row(one) for one in found.beside if one.count),
        note=found.note,
    )


def _row(one: TypeCount) -> CellTypeRow:
    low, high = one.interval.low * _HUNDRED, one.interval.high * _HUNDRED
    return CellTypeRow(
        key=one.type.key,
        name=one.type.name,
        letter=initial_of(one.type),
        colour=one.type.colour,
        count=one.count,
        per_hundred=_finite(one.per_hundred),
        low=round(low, _DIGITS),
        high=_finite(high),
    )


def initial_of(kind: CellType) -> str:
    """Return the letter that stands beside a type's colour."""
    return (kind.shortcut or kind.name)[:1].upper()


def _finite(value: float) -> float | None:
    return round(value, _DIGITS) if math.isfinite(value) else None


def _comparison(found: ReaderComparison) -> ReadersBlock:
    common = found.common
    return ReadersBlock(
        first=found.first.reader,
        second=found.second.reader,
        rows=tuple(
            ReadersRow(
                one.type.name,
                _finite(one.first.per_hundred),
                _finite(one.second.per_hundred),
                *one.limits,
                agrees=one.agrees,
            )
            for one in found.types
        ),
        common=common.n if common else 0,
        agreed=common.agreed if common else 0,
        kappa=None if common is None or common.kappa is None else round(common.kappa, _DIGITS),
    )
