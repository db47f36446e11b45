"""Tables of a full report: quality, reviews, every field, failures, files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reportlab.platypus import CondPageBreak, Flowable, KeepTogether

from allstation.core.classes import class_style
from allstation.report.content.count_types import Spread
from allstation.report.content.field_types import FieldRow
from allstation.report.content.wording import HASH_PREFIX, count, decimal, moment, number, probability
from allstation.report.drawing import palette
from allstation.report.drawing.blocks import BODY, HEADING, SMALL, Text
from allstation.report.drawing.fonts import BOLD, FIGURES, FIGURES_BOLD, MONO
from allstation.report.drawing.grid import Cell, Column, Grid, Row
from allstation.report.sections.context import ReportContext

_MANY_CLASSES: Final = 7


def quality(context: ReportContext) -> Iterator[Flowable]:
    """Spread of the quality figures."""
    if not context.content.quality:
        return
    columns = (
        Column("Figure"),
        Column("Unit", 140),
        Column("Lowest", 62, "right", FIGURES),
        Column("Median", 62, "right", FIGURES),
        Column("Highest", 62, "right", FIGURES),
    )
    rows = [_spread(one) for one in context.content.quality]
    title = Text(context.setter, "Quality of the fields read", HEADING, bookmark=0)
    yield KeepTogether([title, Grid(context.setter, columns, rows)])


def _spread(one: Spread) -> list[Cell]:
    figures = [decimal(value, digits=one.digits) for value in (one.low, one.median, one.high)]
    return [Cell(one.label), Cell(one.unit, colour=palette.MUTED), *map(Cell, figures)]


def _title(context: ReportContext, text: str) -> Text:
    """Return the heading of a table that may begin low on a page: a possible break has made room for both."""
    heading = Text(context.setter, text, HEADING, bookmark=0)
    heading.keepWithNext = False
    return heading


def reviews(context: ReportContext) -> Iterator[Flowable]:
    """Number of reviewed fields, and a table of the changed decisions."""
    counts, setter = context.content.counts, context.setter
    yield CondPageBreak(110)
    yield _title(context, "What the reviewer changed")
    if not counts.reviewed:
        yield Text(setter, "No field has been reviewed by a person.", BODY)
        return
    text = f"{count(counts.reviewed, 'field')} reviewed: {number(counts.confirmed)} confirmed, "
    text += f"{number(counts.changed)} changed, {number(counts.another_look)} sent for another look."
    yield Text(setter, text, BODY)
    changes = context.content.changes
    if not changes:
        return
    columns = (
        Column("No.", 27, "right", FIGURES),
        Column("Field", 90, lines=2),
        Column("Predicted", 72),
        Column("", 17),
        Column("Reviewed", 82, face=BOLD),
        Column("By", 100, lines=3),
        Column("Comment", lines=4),
    )
    yield Grid(setter, columns, [_change(context, row) for row in changes], pad=2.0)


def comments(context: ReportContext) -> Iterator[Flowable]:
    """Table of the comments about fields whose decision stands."""
    rows = context.content.comments
    if not rows:
        return
    columns = (
        Column("No.", 27, "right", FIGURES),
        Column("Field", 104, lines=2),
        Column("Final", 76),
        Column("By", 106, lines=3),
        Column("Comment", lines=12),
    )
    yield CondPageBreak(110)
    yield _title(context, "Comments on other fields")
    yield Grid(context.setter, columns, [_comment(context, row) for row in rows], pad=2.0)


def _comment(context: ReportContext, row: FieldRow) -> list[Cell]:
    by = "\n".join(part for part in (row.reviewer, moment(row.reviewed_at)) if part)
    return [
        Cell(str(row.number), colour=palette.MUTED),
        Cell(row.label),
        context.class_cell(row.reviewed or row.decision) if row.reviewed or row.decision else Cell(""),
        Cell(by, colour=palette.MUTED),
        Cell(row.comment),
    ]


def _change(context: ReportContext, row: FieldRow) -> list[Cell]:
    by = "\n".join(part for part in (row.reviewer, moment(row.reviewed_at)) if part)
    return [
        Cell(str(row.number), colour=palette.MUTED),
        Cell(row.label),
        context.class_cell(row.decision),
        Cell("\u2192"),
        context.class_cell(row.reviewed),
        Cell(by, colour=palette.MUTED),
        Cell(row.comment),
    ]


def field_table(context: ReportContext) -> Iterator[Flowable]:
    """Table of every field that was read, by slide."""
    read = [row for row in context.content.fields if row.decision]
    if not read:
        return
    yield CondPageBreak(160)
    yield _title(context, "Every field")
    text = (
        "Class probabilities in per cent, the highest in bold, a dash where they mean nothing for the reason "
        "beside the decision; the decision of the model's rule; the class a person set; white cells found; "
        f"the beginning of the file's {context.content.hash_label}."
    )
    yield Text(context.setter, text, SMALL)
    wide = 31 if len(context.classes) < _MANY_CLASSES else 26
    columns = [Column("No.", 25, "right", FIGURES), Column("Field", lines=2, size=7.4)]
    columns += [
        Column(class_style(name, index).letter, wide, "right", FIGURES)
        for index, name in enumerate(context.classes)
    ]
    columns += [
        Column("Decision", 120, lines=8, size=7.1),
        *([Column("Reviewed", 56, lines=2)] if context.content.counts.reviewed else []),
        Column("Cells", 27, "right", FIGURES),
        Column("Code" if context.content.anonymised else "SHA-256", 49, face=MONO, size=6.8),
    ]
    yield Grid(context.setter, columns, list(_grouped(context, read)))


def _grouped(context: ReportContext, read: Sequence[FieldRow]) -> Iterator[Row]:
    slide = -1
    for row in read:
        if row.slide != slide:
            slide = row.slide
            yield context.content.slides[slide].name or "Slide"
        yield _field(context, row)


def _field(context: ReportContext, row: FieldRow) -> list[Cell]:
    values = dict(row.shown_probabilities)
    cells = [Cell(str(row.number), colour=palette.MUTED), Cell(row.label)]
    for name in context.classes:
        top = name == row.top
        text = probability(values[name]) if name in values else "-"
        cells.append(
            Cell(text, FIGURES_BOLD if top else "", palette.INK if top else palette.MUTED),
        )
    text = f"{row.decision}: {', '.join(row.reasons)}" if row.reasons else row.decision
    return [
        *cells,
        context.class_cell(row.decision, text=text),
        *([context.class_cell(row.reviewed, face=BOLD)] if context.content.counts.reviewed else []),
        Cell(str(row.cells)),
        Cell(row.sha256[:HASH_PREFIX]),
    ]


def failures(context: ReportContext) -> Iterator[Flowable]:
    """Table of fields without a prediction, each with its reason."""
    failed = context.content.failures
    if not failed:
        return
    columns = (
        Column("No.", 27, "right", FIGURES),
        Column("Field", 150, lines=2),
        Column("State", 54),
        Column("Why", lines=3),
    )
    rows = [
        (
            Cell(str(row.number), colour=palette.MUTED),
            Cell(row.label),
            Cell(row.state),
            Cell(row.error or "Not read yet."),
        )
        for row in failed
    ]
    yield CondPageBreak(110)
    yield _title(context, "Fields without a result")
    yield Grid(context.setter, columns, rows)


def files(context: ReportContext) -> Iterator[Flowable]:
    """Table of every file with its whole hash, so that each figure can be traced to its pixels."""
    content, setter = context.content, context.setter
    columns = (
        Column("No.", 27, "right", FIGURES),
        Column("Field"),
        Column("Pixels", 62, "right", FIGURES),
        Column("Code of the file" if content.anonymised else "SHA-256 of the file", 254, face=MONO, size=6.3),
    )
    rows = [
        (
            Cell(str(row.number), colour=palette.MUTED),
            Cell(row.label),
            Cell(f"{row.width} \u00d7 {row.height}"),
            Cell(row.sha256),
        )
        for row in content.fields
    ]
    yield CondPageBreak(200)
    yield Text(setter, "Appendix: files", HEADING, bookmark=0)
    text = f"Case {content.case_id}, read {moment(content.taken_at)}; "
    yield Text(setter, f"{text}head of its audit trail {content.audit_head}.", SMALL, limit=3)
    yield Grid(setter, columns, rows, size=6.9, pad=1.6)
