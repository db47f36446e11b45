"""Layout of a report: the order of its sections in each template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reportlab.platypus import CondPageBreak, Flowable, PageBreak

from allstation.report.drawing.grid import Grid
from allstation.report.drawing.montage import CleanRow
from allstation.report.sections import (
    cell_page,
    control_page,
    cover_page,
    field_table,
    image_pages,
    method,
    place_page,
    size_page,
)
from allstation.report.sections.context import ReportContext
from allstation.report.sections.letterhead import SignOff, UnseenSignature

_SQUARE: Final = 1.0
"""Height of the tallest picture of page one as a part of its width."""


@dataclass(frozen=True, slots=True)
class _Fill:
    """Density of the first page.

    Attributes:
        slides: Most slides in its table; 0 for no table.
        tight: Less space between things.
        text: Most lines of the comment; the conclusion has twice as many.
        rows: Most rows of three pictures.
        tallest: Height of a picture as a part of its width that it has at least, if the field is that tall.
        types: Most cell types of the differential.
    """

    slides: int = 0
    tight: bool = True
    text: int = 12
    rows: int = 2
    tallest: float = 0.75
    types: int = 24


_FILLS: Final = (
    _Fill(6, tight=False, tallest=0.75),
    _Fill(6, tallest=0.75),
    _Fill(3, tallest=0.66),
    _Fill(tallest=0.6),
    _Fill(tallest=0.5, text=5, types=12),
    _Fill(tallest=0.5, text=3, types=9),
    _Fill(tallest=0.45, text=2, types=6),
    _Fill(tallest=0.5, text=4, rows=1, types=6),
    _Fill(tallest=0.45, text=2, rows=1, types=6),
    _Fill(text=2, rows=0, types=6),
)
"""From generous to short; what a full report leaves out here stands on its next pages."""


def blocks(context: ReportContext) -> list[Flowable]:
    """Return a whole report in reading order."""
    made = {"summary": _cover_page, "full": _full, "contact": _contact}
    return list(made[context.content.template](context))


def _cover_page(context: ReportContext) -> list[Flowable]:
    """Return the first page, as generous as fits on one, its pictures as tall as there is room."""
    for fill in _FILLS:
        page = list(_filled(context, fill))
        left = context.room - _height(page, context.width)
        if left >= 0:
            break
    if left > 0 and fill.rows:
        taller = min(fill.tallest + left / (fill.rows * CleanRow.WIDTH), _SQUARE)
        page = list(_filled(context, replace(fill, tallest=taller)))
    return page


def _filled(context: ReportContext, fill: _Fill) -> Iterator[Flowable]:
    yield from cover_page.head(context, tight=fill.tight)
    yield from cover_page.changed(context, tight=fill.tight)
    yield from cover_page.conclusion(context, tight=fill.tight, limit=2 * fill.text)
    yield from cover_page.glance(context, tight=fill.tight)
    if fill.slides:
        yield from cover_page.slides(context, limit=fill.slides)
    yield from cover_page.pictures(context, rows=fill.rows, tallest=fill.tallest)
    yield from cell_page.glance(context, limit=fill.types)
    yield from cover_page.comments(context, tight=fill.tight, limit=fill.text)
    yield from cover_page.fine_print(context, tight=fill.tight)
    yield SignOff(context.setter, context.content, tight=fill.tight)


def _height(page: Sequence[Flowable], width: float) -> float:
    """Measure blocks that stand under each other: of two spaces that meet the larger one counts.

    A possible page break between two blocks takes no room itself, but both spaces count then.
    """
    total, after = 0.0, 0.0
    for index, block in enumerate(page):
        if isinstance(block, CondPageBreak):
            total, after = total + after, 0.0
            continue
        total += block.wrap(width, 1e6)[1] + (max(after, block.getSpaceBefore()) if index else 0.0)
        after = block.getSpaceAfter()
    return total


def _full(context: ReportContext) -> Iterator[Flowable]:
    """Page one, what it has no room for, and on request the annex."""
    page = _cover_page(context)
    yield from page
    yield PageBreak()
    yield from cover_page.amendments(context)
    if len(context.content.slides) > 1 and not _shows_all_slides(context, page):
        yield from cover_page.slides(context)
    yield from field_table.reviews(context)
    yield from field_table.comments(context)
    yield from cell_page.differential(context)
    yield from field_table.failures(context)
    yield from control_page.releases(context)
    if context.content.annex:
        yield from _annex(context)
    else:
        yield from method.in_short(context)


def _annex(context: ReportContext) -> Iterator[Flowable]:
    """Pictures with evidence, every field, models, methods and hashes."""
    yield from field_table.quality(context)
    yield from size_page.sizes(context)
    yield from cell_page.details(context)
    yield from place_page.places(context)
    yield from image_pages.montages(context)
    yield from field_table.field_table(context)
    for model in context.content.models:
        yield from method.model_card(context, model)
    yield from method.methods(context)
    yield from field_table.files(context)


def _shows_all_slides(context: ReportContext, page: Sequence[Flowable]) -> bool:
    return any(isinstance(block, Grid) and len(block.rows) > len(context.content.slides) for block in page)


def _contact(context: ReportContext) -> Iterator[Flowable]:
    yield from cover_page.head(context)
    if context.content.digital_signature.signed:
        yield UnseenSignature(context.setter)
    yield from cover_page.changed(context)
    yield cover_page.sentence(context)
    yield from image_pages.contact_sheet(context)
    yield from cover_page.models_in_a_line(context)
