"""Releases of control days in the annex of a full report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reportlab.platypus import CondPageBreak, Flowable

from allstation.report.content.wording import moment
from allstation.report.drawing import palette
from allstation.report.drawing.blocks import HEADING, SMALL, Text
from allstation.report.drawing.grid import Cell, Column, Grid
from allstation.report.sections.context import ReportContext

_ABOUT: Final = (
    "On these days the control of the site broke a rule (Westgard), and a named person released the fields "
    "all the same."
)


def releases(context: ReportContext) -> Iterator[Flowable]:
    """Table of the releases; nothing without any."""
    found, setter = context.content.control, context.setter
    if not found:
        return
    yield CondPageBreak(120)
    yield Text(setter, "Control of the site", HEADING, bookmark=0)
    yield Text(setter, _ABOUT, SMALL)
    columns = (
        Column("Day", 64),
        Column("Broken", lines=6),
        Column("Released by", 110, lines=3),
        Column("Reason", 150, lines=8),
    )
    rows = [
        (
            Cell(one.day),
            Cell(one.broken),
            Cell("\n".join(filter(None, (one.by, moment(one.at)))), colour=palette.MUTED),
            Cell(one.reason),
        )
        for one in found
    ]
    yield Grid(setter, columns, rows)
