"""Differential counts in a full report: each reader's table, two readers compared, cells by type."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from reportlab.platypus import CondPageBreak, Flowable, KeepTogether

from allstation.report import palette
from allstation.report.blocks import BODY, HEADING, SMALL, SUBHEADING, Text
from allstation.report.cell_montage import CellRow
from allstation.report.content_types import CellTypeRow, DifferentialBlock, ReadersBlock, ReadersRow
from allstation.report.context import ReportContext
from allstation.report.fonts import BOLD, FIGURES
from allstation.report.grid import Cell, Column, Grid
from allstation.report.wording import count, decimal, number

_ABOUT: Final = (
    "White cells that a person named one by one, with exact 95 % intervals (Clopper and Pearson). Nucleated "
    "red cells and smudge cells are not among them and are given per 100 white cells, unless the list of "
    "types says otherwise. The intervals describe counting only. No share is a diagnosis."
)
_LIMITS: Final = (
    "The second reader's percentage against the 95 % limits of the first one's (Ruemke's table, as CLSI H20 "
    "uses it)."
)


def differential(context: ReportContext) -> Iterator[Flowable]:
    """Differential counts; nothing where nobody gave a cell a type."""
    cells, setter = context.content.cells, context.setter
    if cells is None:
        return
    yield CondPageBreak(220)
    yield Text(setter, "Differential count", HEADING, bookmark=0)
    yield Text(setter, _ABOUT, SMALL)
    for one in cells.counts:
        yield from _count(context, one)
    for two in cells.comparisons:
        yield from _comparison(context, two)
    if cells.examples:
        yield CondPageBreak(160)
        yield Text(setter, "Cells by type", HEADING, bookmark=0)
        yield Text(setter, "Under each cell: number of its field, number within it.", SMALL)
        for name, found in groupby(cells.examples, key=lambda one: one.type):
            row = CellRow(setter, list(found)[: CellRow.ACROSS], context.cells)
            yield KeepTogether([Text(setter, name, SUBHEADING), row])


def _count(context: ReportContext, found: DifferentialBlock) -> Iterator[Flowable]:
    setter = context.setter
    columns = (
        Column("Type"),
        Column("Cells", 62, "right", FIGURES),
        Column("Per 100 white cells", 110, "right", FIGURES),
        Column("95 % interval", 110, "right", FIGURES),
    )
    rows: list[list[Cell] | str] = [_row(one) for one in found.white]
    if found.beside:
        rows += ["Counted beside them", *(_row(one) for one in found.beside)]
    title = Text(setter, f"{found.reader}: {count(found.n, 'white cell')}", SUBHEADING, limit=2)
    yield KeepTogether([title, Grid(setter, columns, rows)])
    notes = [found.note] if found.note else []
    if found.proposed:
        named = count(found.proposed, "white cell")
        notes.append(f"{named} of them by the type that was proposed: nobody named them.")
    if found.left_out:
        notes.append(f"{count(found.left_out, 'cell')} of types that are not counted.")
    if notes:
        yield Text(setter, " ".join(notes), BODY)


def _row(one: CellTypeRow) -> list[Cell]:
    share = "\u2013" if one.per_hundred is None else decimal(one.per_hundred, digits=1)
    high = "" if one.high is None else decimal(one.high, digits=1)
    limits = f"{decimal(one.low, digits=1)} to {high}" if high else f"{decimal(one.low, digits=1)} and more"
    return [
        Cell(one.name, badge=(one.letter, one.colour)),
        Cell(number(one.count)),
        Cell(share),
        Cell(limits, colour=palette.MUTED),
    ]


def _comparison(context: ReportContext, found: ReadersBlock) -> Iterator[Flowable]:
    setter = context.setter
    columns = (
        Column("Type"),
        Column(found.first, 100, "right", FIGURES),
        Column("Limits", 84, "right", FIGURES),
        Column(found.second, 100, "right", FIGURES),
        Column("", 74),
    )
    rows = [_readers_row(one) for one in found.rows]
    title = Text(setter, f"{found.second} compared with {found.first}", SUBHEADING, limit=2)
    yield KeepTogether([title, Text(setter, _LIMITS, SMALL), Grid(setter, columns, rows)])
    if not found.common:
        yield Text(setter, "No cell was named by both.", BODY)
        return
    kappa = "kappa means nothing here" if found.kappa is None else f"kappa {decimal(found.kappa, digits=2)}"
    text = f"{count(found.common, 'cell')} named by both, {number(found.agreed)} alike; {kappa}."
    yield Text(setter, text, BODY)


def _readers_row(one: ReadersRow) -> list[Cell]:
    said = {True: "within", False: "outside", None: "not compared"}[one.agrees]
    return [
        Cell(one.name),
        Cell(_percent(one.first)),
        Cell(f"{one.low} to {one.high}", colour=palette.MUTED),
        Cell(_percent(one.second)),
        Cell(said, BOLD if one.agrees is False else ""),
    ]


def _percent(value: float | None) -> str:
    return "\u2013" if value is None else decimal(value, digits=1)
