"""Layout of a report: the order of its sections in each template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from reportlab.platypus import CondPageBreak, Flowable, PageBreak

from allstation.report import (
    cell_page,
    control_page,
    cover_page,
    field_table,
    image_pages,
    method,
    place_page,
)
from allstation.report.context import ReportContext
from allstation.report.grid import Grid
from allstation.report.letterhead import SignOff, UnseenSignature


@dataclass(frozen=True, slots=True)
class _Fill:
    """Density of the first page.

    Attributes:
        slides: Most slides in its table.
        tight: Less space between things.
        comment: Most lines of the comment.
        row: Height of a bar, points.
    """

    slides: int
    tight: bool
    comment: int = 24
    row: float = 21.5


_FILLS: Final = (
    _Fill(6, False),
    _Fill(6, True, row=19.5),
    _Fill(3, True, row=19.5),
    _Fill(0, False),
    _Fill(0, True, row=19.5),
)
_SHORT: Final = (_Fill(0, True, 4, 19.5), _Fill(0, True, 2, 19.5), _Fill(0, True, 2, 17.0))
"""For the one-page summary alone: a full report rather goes on on its second page."""


def blocks(context: ReportContext) -> list[Flowable]:
    """Return a whole report in reading order."""
    made = {"summary": _cover_page, "full": _full, "contact": _contact}
    return list(made[context.content.template](context))


def _cover_page(context: ReportContext) -> list[Flowable]:
    """Return the first page, as generous as fits on one."""
    fills = (*_FILLS, *_SHORT) if context.content.template == "summary" else _FILLS
    for fill in fills:
        page = list(_filled(context, fill))
        if _height(page, context.width) <= context.room:
            break
    return page


def _filled(context: ReportContext, fill: _Fill) -> Iterator[Flowable]:
    yield from cover_page.head(context)
    yield from cover_page.changed(context, tight=fill.tight)
    yield from cover_page.glance(context, tight=fill.tight, row=fill.row)
    if fill.slides:
        yield from cover_page.slides(context, limit=fill.slides)
    yield from cover_page.remarks(context, tight=fill.tight, limit=fill.comment)
    yield from cover_page.models_in_a_line(context)
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
    page = _cover_page(context)
    yield from page
    yield PageBreak()
    yield from cover_page.amendments(context)
    if len(context.content.slides) > 1 and not _shows_all_slides(context, page):
        yield from cover_page.slides(context)
    yield from field_table.quality(context)
    yield from field_table.reviews(context)
    yield from place_page.places(context)
    yield from field_table.comments(context)
    yield from cell_page.differential(context)
    yield from image_pages.montages(context)
    yield from field_table.field_table(context)
    yield from field_table.failures(context)
    for model in context.content.models:
        yield from method.model_card(context, model)
    yield from method.methods(context)
    yield from control_page.releases(context)
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
