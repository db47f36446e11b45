"""Slides and patients in a full report: shares of fields and of typed cells with exact intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reportlab.platypus import CondPageBreak, Flowable

from allstation.core.classes import NEEDS_REVIEW
from allstation.core.place_shares import Level
from allstation.report.content.place_types import PlaceRow, PlaceShare
from allstation.report.content.wording import MOST_PLACES, count, interval, number, percent
from allstation.report.drawing import palette
from allstation.report.drawing.blocks import BODY, HEADING, SMALL, Text
from allstation.report.drawing.fonts import BOLD, FIGURES
from allstation.report.drawing.grid import Cell, Column, Grid
from allstation.report.sections.context import ReportContext

_ABOUT: Final = (
    "Shares of the fields read, by class, and of the white cells that a person typed, by type, pooled over "
    "the slides of a patient and for each slide, with exact 95 % intervals (Clopper and Pearson). The "
    "intervals describe counting only. No share is a diagnosis."
)
_TITLES: Final = {str(Level.PATIENT): "Patient", str(Level.SLIDE): "Slide"}


def places(context: ReportContext) -> Iterator[Flowable]:
    """Tables of shares; nothing where no patient is known and no cell was typed."""
    block, setter = context.content.places, context.setter
    if block is None:
        return
    yield CondPageBreak(180)
    yield Text(setter, "Slides and patients", HEADING, bookmark=0)
    slides = sum(row.level == Level.SLIDE for row in block.rows)
    yield Text(setter, f"{count(slides, 'slide')}; {block.patients}.", BODY)
    yield Text(setter, _ABOUT, SMALL)
    columns = (
        Column("", lines=2),
        Column("Counted", 96, lines=2),
        Column("Class or type", 120),
        Column("Number", 50, "right", FIGURES),
        Column("Share", 52, "right", FIGURES),
        Column("95 % interval", 88, "right", FIGURES),
    )
    shown = block.rows[:MOST_PLACES]
    rows = [line for row in shown for line in _lines(context, row)]
    yield Grid(setter, columns, rows)
    if len(block.rows) > len(shown):
        left = number(len(block.rows) - len(shown))
        yield Text(setter, f"{left} more in the tables of the case (“allstation export --shares”).", SMALL)
    for row in shown:
        if row.statements:
            yield Text(setter, f"{_title(row)}: {' '.join(row.statements)}", SMALL, limit=3)


def _title(row: PlaceRow) -> str:
    return f"{_TITLES[row.level]} {row.name}"


def _lines(context: ReportContext, row: PlaceRow) -> Iterator[list[Cell]]:
    named = Cell(_title(row) if row.level == Level.PATIENT else row.name or "Slide", BOLD)
    found = [
        *(
            (f"{number(row.read)} fields read", one, context.class_cell(one.name))
            for one in row.fields
            if one.count
        ),
        *((f"{number(row.typed)} cells typed", one, Cell(one.name)) for one in row.cells),
    ]
    before = ""
    for place, (counted, one, cell) in enumerate(found):
        yield [
            named if not place else Cell(""),
            Cell("" if counted == before else counted, colour=palette.MUTED),
            cell if one.name != NEEDS_REVIEW else Cell(one.name),
            *_figures(one),
        ]
        before = counted
    if not found:
        yield [named, Cell("nothing read", colour=palette.MUTED), Cell(""), Cell(""), Cell(""), Cell("")]


def _figures(one: PlaceShare) -> list[Cell]:
    return [
        Cell(number(one.count)),
        Cell(percent(one.share)),
        Cell(interval(one.low, one.high), colour=palette.MUTED),
    ]
