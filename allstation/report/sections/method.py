"""Model and method pages: model card, test figures, known limits, software."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reportlab.platypus import CondPageBreak, Flowable, KeepTogether

from allstation.report.content.report_types import ModelBlock, ModelFigure
from allstation.report.content.wording import count
from allstation.report.drawing import palette
from allstation.report.drawing.blocks import BODY, HEADING, SMALL, SUBHEADING, Bullet, Text
from allstation.report.drawing.fonts import FIGURES, FIGURES_BOLD, MONO
from allstation.report.drawing.grid import Cell, Column, Grid
from allstation.report.sections.context import ReportContext


def model_card(context: ReportContext, model: ModelBlock) -> Iterator[Flowable]:
    """Excerpt of one model's card."""
    setter = context.setter
    yield CondPageBreak(260)
    yield Text(setter, f"Model {model.name} {model.version}", HEADING, bookmark=0, limit=2)
    yield Text(setter, f"Read {count(model.fields_read, 'field')} of this case.", BODY)
    facts = [(Cell("SHA-256 of the bundle", colour=palette.MUTED), Cell(model.sha256, MONO))]
    facts += [(Cell("Classes", colour=palette.MUTED), Cell(", ".join(model.classes)))]
    facts += [(Cell(one.label, colour=palette.MUTED), _fact(one.value)) for one in model.facts]
    yield Grid(setter, (Column("From its model card", 130), Column("", lines=3)), facts)
    yield from _figures(context, "Its own test figures", model.figures)
    yield from _figures(
        context, "Shortcut probes: what is reached without looking at the cells", model.probes
    )
    if model.limits:
        yield CondPageBreak(60)
        yield Text(setter, "Known limits", SUBHEADING)
        for limit in model.limits:
            yield Bullet(setter, limit)


def _fact(value: str) -> Cell:
    digest = len(value) == 64 and all(char in "0123456789abcdef" for char in value)  # noqa: PLR2004
    return Cell(value, MONO if digest else "")


def _figures(context: ReportContext, title: str, figures: Sequence[ModelFigure]) -> Iterator[Flowable]:
    if not figures:
        return
    columns = (
        Column("Figure", lines=2),
        Column("Value", 50, "right", FIGURES_BOLD),
        Column("95 % interval", 84, "right", FIGURES),
        Column("n", 44, "right", FIGURES),
        Column("Split", 124, lines=2),
        Column("Patients", 84),
    )
    rows = [
        (
            Cell(one.name),
            Cell(one.value),
            Cell(one.interval or "-"),
            Cell(one.n or "-"),
            Cell(one.split or "-"),
            Cell(one.patients),
        )
        for one in figures
    ]
    yield CondPageBreak(80)
    yield Text(context.setter, title, SUBHEADING)
    yield Grid(context.setter, columns, rows)


def in_short(context: ReportContext) -> Iterator[Flowable]:
    """Limits of a report without annex, and where the rest is."""
    content, setter = context.content, context.setter
    text = (
        f"This report has no annex. The figures of every field, the {content.hash_label} of every file, "
        "models and methods are embedded in the file (report.json) and are checked by \u201callstation "
        "verify-report\u201d; a report with its annex prints them."
    )
    limits = " ".join(one if one.endswith(".") else f"{one}." for one in content.limits)
    yield KeepTogether(
        [
            Text(setter, "Limits of this report", SUBHEADING, bookmark=0),
            Text(setter, limits, SMALL),
            Text(setter, text, SMALL),
        ]
    )


def methods(context: ReportContext) -> Iterator[Flowable]:
    """Methods, limits and software."""
    content, setter = context.content, context.setter
    yield CondPageBreak(200)
    yield Text(setter, "Methods", HEADING, bookmark=0)
    for paragraph in content.methods:
        yield Text(setter, paragraph, BODY)
    yield Text(setter, "Limits of this report", SUBHEADING)
    for paragraph in content.limits:
        yield Bullet(setter, paragraph)
    yield Text(setter, "Software", SUBHEADING)
    yield Text(setter, ", ".join(f"{one.label} {one.value}" for one in content.software) + ".", BODY)
