"""Image pages: montages of a full report, and the contact sheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reportlab.platypus import CondPageBreak, Flowable, KeepTogether

from allstation.report.content.report_types import SlideBlock
from allstation.report.content.wording import count, number
from allstation.report.drawing.blocks import BODY, HEADING, SMALL, SUBHEADING, Text
from allstation.report.drawing.charts import SharesStrip
from allstation.report.drawing.montage import Card, ContactRow, MontageRow
from allstation.report.sections.context import ReportContext


def montages(context: ReportContext) -> Iterator[Flowable]:
    """Montages of each slide: representative fields, and doubtful ones."""
    content, setter = context.content, context.setter
    slides = [one for one in content.slides if one.representative or one.doubtful]
    if not slides or not content.montage:
        return
    yield CondPageBreak(330)
    yield Text(setter, "Fields to look at", HEADING, bookmark=0)
    text = (
        "Of each slide the fields that show most clearly what was found, and the ones to look at first. "
        "Class probabilities in per cent stand under each field; beside it, where the network found "
        "support for the class named. A field whose percentages mean nothing stands alone."
    )
    yield Text(setter, text, BODY)
    for slide in slides:
        yield CondPageBreak(250)
        yield from _slide_head(context, slide, level=1)
        yield from _cards(context, "Representative", slide.representative)
        yield from _cards(context, "To look at first", slide.doubtful)
    left = len(content.slides) - len(slides)
    if left:
        yield Text(setter, f"{count(left, 'more slide')} without pictures, to keep the report small.", SMALL)


def contact_sheet(context: ReportContext) -> Iterator[Flowable]:
    """Contact sheet: every field of every slide as a small picture."""
    text = (
        "Under each field: its number and name, the class that stands, and the highest class probability. "
        "A star marks a field that a person reviewed; before an arrow stands the predicted letter."
    )
    yield Text(context.setter, text, SMALL)
    for slide in context.content.slides:
        yield CondPageBreak(190)
        yield from _slide_head(context, slide, level=0)
        for at in range(0, len(slide.numbers), ContactRow.ACROSS):
            numbers = slide.numbers[at : at + ContactRow.ACROSS]
            yield ContactRow(context.setter, _of(context, numbers), context.pictures)


def _slide_head(context: ReportContext, slide: SlideBlock, *, level: int) -> Iterator[Flowable]:
    counts, style = slide.counts, HEADING if level == 0 else SUBHEADING
    yield Text(context.setter, slide.name or "Slide", style, bookmark=level, limit=2)
    text = f"{number(counts.read)} of {count(counts.fields, 'field')} read, "
    text += f"{count(counts.cells, 'white cell')} found. {counts.statement}"
    yield Text(context.setter, text.strip(), SMALL)
    yield SharesStrip(context.setter, counts.shares)


def _cards(context: ReportContext, title: str, numbers: Sequence[int]) -> Iterator[Flowable]:
    rows = [
        MontageRow(context.setter, _of(context, numbers[at : at + 2]), context.pictures)
        for at in range(0, len(numbers), 2)
    ]
    if rows:
        yield KeepTogether([Text(context.setter, title, SUBHEADING), rows[0]])
        yield from rows[1:]


def _of(context: ReportContext, numbers: Sequence[int]) -> list[Card]:
    return [Card(context.content.fields[one - 1], context.classes) for one in numbers]
