"""The tables of a full report: quality, reviews, every field, failures, files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reportlab.platypus import CondPageBreak, Flowable, KeepTogether

from allstation.core.classes import class_style
from allstation.report import palette
from allstation.report.blocks import BODY, HEADING, SMALL, Text
from allstation.report.content_types import FieldRow, Spread
from allstation.report.context import Parts
from allstation.report.fonts import BOLD, FIGURES, FIGURES_BOLD, MONO
from allstation.report.grid import Cell, Column, Grid, Row
from allstation.report.wording import HASH_PREFIX, count, decimal, moment, number, probability

_MANY_CLASSES: Final = 7


def quality(parts: Parts) -> Iterator[Flowable]:
    """Spread of the quality figures."""
    if not parts.content.quality:
        return
    columns = (
        Column("Figure"),
        Column("Unit", 140),
        Column("Lowest", 62, "right", FIGURES),
        Column("Median", 62, "right", FIGURES),
        Column("Highest", 62, "right", FIGURES),
    )
    rows = [_spread(one) for one in parts.content.quality]
    title = Text(parts.setter, "Quality of the fields read", HEADING, bookmark=0)
    yield KeepTogether([title, Grid(parts.setter, columns, rows)])


def _spread(one: Spread) -> list[Cell]:
    figures = [decimal(value, digits=one.digits) for value in (one.low, one.median, one.high)]
    return [Cell(one.label), Cell(one.unit, colour=palette.MUTED), *map(Cell, figures)]


def reviews(parts: Parts) -> Iterator[Flowable]:
    """How many fields a person looked at, and each decision they changed."""
    counts, setter = parts.content.counts, parts.setter
    yield CondPageBreak(110)
    yield Text(setter, "What the reviewer changed", HEADING, bookmark=0)
    if not counts.reviewed:
        yield Text(setter, "No field has been reviewed by a person.", BODY)
        return
    said = f"{count(counts.reviewed, 'field')} reviewed: {number(counts.confirmed)} confirmed, "
    said += f"{number(counts.changed)} changed, {number(counts.another_look)} sent for another look."
    yield Text(setter, said, BODY)
    changes = parts.content.changes
    if not changes:
        return
    columns = (
        Column("No.", 27, "right", FIGURES),
        Column("Field", 104, lines=2),
        Column("Predicted", 76),
        Column("", 19),
        Column("Reviewed", 98, face=BOLD),
        Column("By", 106, lines=3),
        Column("Comment", lines=4),
    )
    yield Grid(setter, columns, [_change(parts, row) for row in changes])


def _change(parts: Parts, row: FieldRow) -> list[Cell]:
    by = "\n".join(part for part in (row.reviewer, moment(row.reviewed_at)) if part)
    return [
        Cell(str(row.number), colour=palette.MUTED),
        Cell(row.name),
        parts.class_cell(row.decision),
        Cell("\u2192"),
        parts.class_cell(row.reviewed),
        Cell(by, colour=palette.MUTED),
        Cell(row.comment),
    ]


def field_table(parts: Parts) -> Iterator[Flowable]:
    """Every field that was read, by slide."""
    read = [row for row in parts.content.fields if row.decision]
    if not read:
        return
    yield CondPageBreak(160)
    yield Text(parts.setter, "Every field", HEADING, bookmark=0)
    said = (
        "Class probabilities in per cent, the highest in bold, a dash where they mean nothing for the reason "
        "beside the decision; the decision of the model's rule; the class a person set; white cells found; "
        "the beginning of the file's SHA-256."
    )
    yield Text(parts.setter, said, SMALL)
    wide = 31 if len(parts.classes) < _MANY_CLASSES else 26
    columns = [Column("No.", 25, "right", FIGURES), Column("Field", lines=2, size=7.4)]
    columns += [
        Column(class_style(name, index).letter, wide, "right", FIGURES)
        for index, name in enumerate(parts.classes)
    ]
    columns += [
        Column("Decision", 120, lines=8, size=7.1),
        *([Column("Reviewed", 56, lines=2)] if parts.content.counts.reviewed else []),
        Column("Cells", 27, "right", FIGURES),
        Column("SHA-256", 49, face=MONO, size=6.8),
    ]
    yield Grid(parts.setter, columns, list(_grouped(parts, read)))


def _grouped(parts: Parts, read: Sequence[FieldRow]) -> Iterator[Row]:
    slide = -1
    for row in read:
        if row.slide != slide:
            slide = row.slide
            yield parts.content.slides[slide].name or "Slide"
        yield _field(parts, row)


def _field(parts: Parts, row: FieldRow) -> list[Cell]:
    values = dict(row.shown_probabilities)
    cells = [Cell(str(row.number), colour=palette.MUTED), Cell(row.name)]
    for name in parts.classes:
        top = name == row.top
        text = probability(values[name]) if name in values else "-"
        cells.append(
            Cell(text, FIGURES_BOLD if top else "", palette.INK if top else palette.MUTED),
        )
    said = f"{row.decision}: {', '.join(row.reasons)}" if row.reasons else row.decision
    return [
        *cells,
        parts.class_cell(row.decision, text=said),
        *([parts.class_cell(row.reviewed, face=BOLD)] if parts.content.counts.reviewed else []),
        Cell(str(row.cells)),
        Cell(row.sha256[:HASH_PREFIX]),
    ]


def failures(parts: Parts) -> Iterator[Flowable]:
    """Fields without a prediction, each with its reason."""
    failed = parts.content.failures
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
            Cell(row.name),
            Cell(row.state),
            Cell(row.error or "Not read yet."),
        )
        for row in failed
    ]
    yield CondPageBreak(110)
    yield Text(parts.setter, "Fields without a result", HEADING, bookmark=0)
    yield Grid(parts.setter, columns, rows)


def files(parts: Parts) -> Iterator[Flowable]:
    """Every file with its whole hash, so that each figure can be traced to its pixels."""
    content, setter = parts.content, parts.setter
    columns = (
        Column("No.", 27, "right", FIGURES),
        Column("Field"),
        Column("Pixels", 62, "right", FIGURES),
        Column("SHA-256 of the file", 254, face=MONO, size=6.3),
    )
    rows = [
        (
            Cell(str(row.number), colour=palette.MUTED),
            Cell(row.name),
            Cell(f"{row.width} \u00d7 {row.height}"),
            Cell(row.sha256),
        )
        for row in content.fields
    ]
    yield CondPageBreak(200)
    yield Text(setter, "Appendix: files", HEADING, bookmark=0)
    said = f"Case {content.case_id}, read {moment(content.taken_at)}; "
    yield Text(setter, f"{said}head of its audit trail {content.audit_head}.", SMALL, limit=3)
    yield Grid(setter, columns, rows, size=6.9, pad=1.6)
