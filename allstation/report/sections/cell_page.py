"""Differential counts in a full report: each reader's table, two readers compared, cells by type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from reportlab.platypus import CondPageBreak, Flowable, KeepTogether

from allstation.report.content.cell_types import CellTypeRow, DifferentialBlock, ReadersBlock, ReadersRow
from allstation.report.content.wording import count, decimal, number
from allstation.report.drawing import palette
from allstation.report.drawing.blocks import BODY, HEADING, SMALL, SUBHEADING, Block, Style, Text
from allstation.report.drawing.charts import badge
from allstation.report.drawing.fonts import BOLD, FIGURES, FIGURES_BOLD, TEXT
from allstation.report.drawing.grid import Cell, Column, Grid
from allstation.report.drawing.typeset import Typesetter
from allstation.report.sections.cell_montage import CellRow
from allstation.report.sections.context import ReportContext

_ABOUT: Final = (
    "White cells that a person named one by one, with exact 95 % intervals (Clopper and Pearson). Nucleated "
    "red cells and smudge cells are not among them and are given per 100 white cells, unless the list of "
    "types says otherwise. The intervals describe counting only. No share is a diagnosis."
)
_NUMBER: Final = Style(FIGURES, 7.6, 10, palette.MUTED, kind="TD")
_SHARE: Final = Style(FIGURES_BOLD, 7.8, 10, kind="TD")
_LIMIT: Final = Style(FIGURES, 6.4, 10, palette.MUTED, kind="TD")
_LIMITS: Final = (
    "The second reader's percentage against the 95 % limits of the first one's (Ruemke's table, as CLSI H20 "
    "uses it)."
)


def glance(context: ReportContext, *, limit: int) -> Iterator[Flowable]:
    """The differential count of page one: the signer's own, else the largest; at most ``limit`` types."""
    cells, setter = context.content.cells, context.setter
    if cells is None or not cells.counts:
        return
    own = [one for one in cells.counts if one.reader == context.content.reviewer]
    shown = (own or sorted(cells.counts, key=lambda one: -one.n))[0]
    rows = [one for one in (*shown.white, *shown.beside) if one.count]
    title = f"Differential count: {shown.reader}, {count(shown.n, 'white cell')}"
    yield Text(setter, title, replace(HEADING, size=10.4, leading=13, before=4, after=2), bookmark=0)
    yield CountColumns(setter, rows[:limit])
    notes = [_proposed(shown)] if shown.proposed else []
    if len(rows) > limit:
        notes.append(f"{count(len(rows) - limit, 'more type')} in the full count.")
    if len(cells.counts) > 1:
        notes.append(f"{count(len(cells.counts) - 1, 'more reader')} {context.where_more}.")
    if shown.note:
        notes.append(shown.note)
    if notes:
        yield Text(setter, " ".join(notes), replace(SMALL, size=6.8, leading=8.8, after=2))


def _proposed(found: DifferentialBlock) -> str:
    named = count(found.proposed, "white cell")
    return f"{named} of them by the type that was proposed: nobody named them."


_NAME_SIZES: Final = (7.0, 6.6, 6.2, 5.8)
"""Points of a type's name: a long one is set smaller before it is shortened."""


class CountColumns(Block):
    """Cell types in three columns: name, number, and number per 100 white cells with its interval.

    Args:
        rows: Types.
    """

    _ACROSS: Final = 3
    _GUTTER: Final = 16.0
    _LINE: Final = 11.0

    def __init__(self, setter: Typesetter, rows: Sequence[CellTypeRow]) -> None:
        super().__init__(setter, before=0, after=3)
        self.rows = rows
        self._deep = -(-len(rows) // self._ACROSS)

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size."""
        self.width, self.height = width, self._LINE * self._deep
        return width, self.height

    def draw(self) -> None:
        """Print the types, down the columns."""
        each = (self.width - self._GUTTER * (self._ACROSS - 1)) / self._ACROSS
        with self.canv.structure.group("Table"):
            for index, row in enumerate(self.rows):
                column, line = divmod(index, self._deep)
                with self.canv.structure.group("TR"):
                    at = column * (each + self._GUTTER), self.height - self._LINE * (line + 1)
                    self._type(row, at, each)

    def _type(self, row: CellTypeRow, at: tuple[float, float], width: float) -> None:
        x, y = at
        badge(self.canv, self.setter, row.letter, colour=row.colour, at=(x, y + 1), side=8)
        room = width - 92
        fits = (size for size in _NAME_SIZES if self.setter.line(row.name, TEXT, size=size).width <= room)
        name = Style(TEXT, next(fits, _NAME_SIZES[-1]), 10, kind="TH")
        self.put(row.name, (x + 12, y + 2.6), name, width=room)
        self.put(number(row.count), (x + width - 66, y + 2.6), _NUMBER, align="right")
        share = "\u2013" if row.per_hundred is None else decimal(row.per_hundred, digits=1)
        self.put(share, (x + width - 43, y + 2.6), _SHARE, align="right")
        self.put(_limits(row), (x + width, y + 2.6), _LIMIT, align="right")


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


def details(context: ReportContext) -> Iterator[Flowable]:
    """Every two readers compared, and cells by type."""
    cells, setter = context.content.cells, context.setter
    if cells is None:
        return
    if cells.comparisons:
        yield CondPageBreak(160)
        yield Text(setter, "Readers compared", HEADING, bookmark=0)
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
        notes.append(_proposed(found))
    if found.left_out:
        notes.append(f"{count(found.left_out, 'cell')} of types that are not counted.")
    if notes:
        yield Text(setter, " ".join(notes), BODY)


def _row(one: CellTypeRow) -> list[Cell]:
    share = "\u2013" if one.per_hundred is None else decimal(one.per_hundred, digits=1)
    return [
        Cell(one.name, badge=(one.letter, one.colour)),
        Cell(number(one.count)),
        Cell(share),
        Cell(_limits(one), colour=palette.MUTED),
    ]


def _limits(one: CellTypeRow) -> str:
    low = decimal(one.low, digits=1)
    return f"{low} and more" if one.high is None else f"{low} to {decimal(one.high, digits=1)}"


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
