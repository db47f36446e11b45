"""Pixel sizes of single slides: in a line on page one, as a table in the annex of a full report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from reportlab.platypus import CondPageBreak, Flowable

from allstation.core.known_sizes import SizeOrigin
from allstation.report.content.report_types import ReportContent
from allstation.report.content.wording import number
from allstation.report.drawing.blocks import HEADING, SMALL, Text
from allstation.report.drawing.fonts import FIGURES
from allstation.report.drawing.grid import Cell, Column, Grid
from allstation.report.sections.context import ReportContext

_ABOUT: Final = (
    "What a person said of one slide goes before what the case data say of all. Other fields have the size "
    "that their files state, else that of the site, else the one that their red cells show."
)
_NAMED: Final = 4
"""Slides with a size of their own that page one names."""


class SizeLine(NamedTuple):
    """Pixel size of frames of one size on one slide, as a person said, and how many fields have it."""

    slide: str
    width: int
    height: int
    size: float
    origin: str
    fields: int


def size_lines(content: ReportContent) -> list[SizeLine]:
    """Return which pixel size holds where, by slide and frame size."""
    found = Counter(
        (row.slide, row.width, row.height, row.pixel_size, row.pixel_size_of)
        for row in content.fields
        if row.pixel_size is not None
    )
    return [
        SizeLine(content.slides[slide].name, width, height, size, origin, count)
        for (slide, width, height, size, origin), count in sorted(found.items())
        if size is not None
    ]


def _own(content: ReportContent) -> list[SizeLine]:
    return [one for one in size_lines(content) if one.origin == SizeOrigin.SLIDE]


def in_a_line(content: ReportContent) -> list[str]:
    """Return the sizes that hold on single slides, in words; empty where none does."""
    own = _own(content)
    said = [f"on the slide {one.slide} pixel size {one.size:g} µm" for one in own[:_NAMED]]
    left = len(own) - len(said)
    return [*said, f"{number(left)} more such sizes in the data of this report"] if left else said


def sizes(context: ReportContext) -> Iterator[Flowable]:
    """Table of the pixel sizes by slide and frame size; nothing where no slide has its own."""
    content, setter = context.content, context.setter
    if not _own(content):
        return
    yield CondPageBreak(120)
    yield Text(setter, "Pixel sizes", HEADING, bookmark=0)
    yield Text(setter, _ABOUT, SMALL)
    columns = (
        Column("Slide", lines=2),
        Column("Frames", 90, "right", FIGURES),
        Column("Fields", 60, "right", FIGURES),
        Column("µm a pixel", 76, "right", FIGURES),
        Column("Said of", 90),
    )
    rows = [
        (
            Cell(one.slide),
            Cell(f"{one.width} × {one.height}"),
            Cell(number(one.fields)),
            Cell(f"{one.size:g}"),
            Cell("this slide" if one.origin == SizeOrigin.SLIDE else "all slides"),
        )
        for one in size_lines(content)
    ]
    yield Grid(setter, columns, rows)
