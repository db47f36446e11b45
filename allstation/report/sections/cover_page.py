"""Cover page: what a doctor reads, from who it is about to the signature; it can be signed alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from reportlab.platypus import Flowable

from allstation.core.reports import ReportStatus
from allstation.report.content.confirmations import sentences
from allstation.report.content.free_text import TITLES, FreeText
from allstation.report.content.options import Template
from allstation.report.content.report_types import ModelBlock, ReportContent
from allstation.report.content.selection import page_one_fields
from allstation.report.content.wording import (
    INTERVAL_NOTE,
    MORPHOLOGY_ONLY,
    NOT_A_SCALE,
    REPLACES,
    WITHHELD,
    copies_sentence,
    count,
    number,
)
from allstation.report.drawing import palette
from allstation.report.drawing.blocks import BODY, HEADING, LEAD, SMALL, Columns, Note, Style, Text
from allstation.report.drawing.charts import ShareTiles
from allstation.report.drawing.fonts import BOLD, FIGURES, FIGURES_BOLD
from allstation.report.drawing.grid import Cell, Column, Grid
from allstation.report.drawing.montage import Card, CleanRow
from allstation.report.sections import size_page
from allstation.report.sections.context import ReportContext
from allstation.report.sections.letterhead import LetterheadBlock, TitleBlock

_FINE: Final = replace(SMALL, size=6.8, leading=8.8, after=2)
_MICROSCOPE: Final = frozenset({"Objective", "Camera", "Pixel size"})
_COMMENTS: Final = 3
"""Comments on fields that are on page one."""


def head(context: ReportContext, *, tight: bool = False) -> Iterator[Flowable]:
    """Letterhead, title, and what is known of patient, request and specimen."""
    content, setter = context.content, context.setter
    yield LetterheadBlock(setter, content, context.logo, tight=tight)
    yield TitleBlock(setter, content)
    if content.clock_remark:
        yield Note(setter, content.clock_remark)
    yield Columns(
        setter,
        (
            ("Patient", content.patient),
            ("Request", content.request),
            ("Specimen", [one for one in content.specimen if one.label not in _MICROSCOPE]),
        ),
        widths=(1.0, 1.0, 1.14),
    )
    if content.anonymised:
        yield Text(setter, _anonymised(content), SMALL)


def conclusion(context: ReportContext, *, tight: bool, limit: int) -> Iterator[Flowable]:
    """Conclusion of the person who signs; a report that is more than a draft says if there is none."""
    content, setter = context.content, context.setter
    if not content.conclusion and content.status == ReportStatus.DRAFT:
        return
    yield Text(setter, "Conclusion", _heading(tight=tight), bookmark=0)
    style = replace(BODY, size=9.4, leading=12.4 if tight else 13.4, after=3)
    if content.conclusion:
        yield Text(setter, content.conclusion, style, limit=limit)
    else:
        yield Text(setter, "No conclusion was written.", replace(style, colour=palette.MUTED))


def _heading(*, tight: bool) -> Style:
    return replace(HEADING, size=10.4, leading=13, before=4 if tight else 8, after=2)


def _anonymised(content: ReportContent) -> str:
    """Return what an anonymised report withholds, and what a person let go."""
    text = "Anonymised: patient, request, folders and free text are withheld, ids and hashes are codes."
    kept = [TITLES[kind].lower() for kind in FreeText if kind in content.kept]
    return f"{text} A person let go: {', '.join(kept)}." if kept else text


def changed(context: ReportContext, *, tight: bool = False) -> Iterator[Flowable]:
    """Reason of the report's status and, in an amended one, the differences.

    A full report lists the differences on its second page.
    """
    content, setter = context.content, context.setter
    style, limit = (replace(SMALL, colour=BODY.colour), 2) if tight else (BODY, 5)
    if content.reason:
        yield Text(setter, f"{content.status.capitalize()}: {content.reason}", style, limit=limit)
    if content.status != ReportStatus.AMENDED:
        return
    found = content.amendments
    if not found:
        text = "No decision and no case data differ from the earlier report."
    elif content.template == Template.FULL:
        text = f"{count(len(found), 'change')} since the earlier report: listed on the next page."
    else:
        named = "; ".join(f"{one.what}: {one.before} \u2192 {one.now}" for one in found)
        text = f"{count(len(found), 'change')} since the earlier report. {named}."
    yield Text(setter, text, style, limit=limit)
    if content.replaces:
        yield Text(setter, f"{REPLACES} {content.replaces}.", SMALL)


def sentence(context: ReportContext, *, style: Style = LEAD) -> Text:
    """Return one sentence about how much was read."""
    counts = context.content.counts
    slides = context.content.slides
    where = "" if len(slides) == 1 else f" on {count(len(slides), 'slide')}"
    text = [f"{number(counts.read)} of {count(counts.fields, 'field')} read{where}"]
    if counts.needs_review:
        text.append(f"{number(counts.needs_review)} {'needs' if counts.needs_review == 1 else 'need'} review")
    if counts.another_look:
        text.append(f"{number(counts.another_look)} marked for another look")
    if counts.failed:
        text.append(f"{number(counts.failed)} could not be read")
    if counts.waiting or counts.left_out:
        text.append(f"{number(counts.waiting + counts.left_out)} not read yet or left out")
    if removed := context.content.removed:
        were = "was" if removed == 1 else "were"
        text.append(f"{count(removed, 'field')} {were} removed from the case by hand and not counted")
    if moved := context.content.moved:
        text.append(f"{count(moved, 'field')} {'was' if moved == 1 else 'were'} moved on the slide")
    if taken_back := context.content.taken_back:
        were = "was" if taken_back == 1 else "were"
        text.append(f"{count(taken_back, 'proposed field')} {were} taken back unread")
    # A name that is read from right to left would turn the figures after it.
    of = f" on slide {slides[0].name[:60]}" if len(slides) == 1 else ""
    text.append(f"{count(counts.cells, 'white cell')} found{of}")
    return Text(context.setter, "; ".join(text) + ".", style)


def glance(context: ReportContext, *, tight: bool = False) -> Iterator[Flowable]:
    """Key figures of the whole case, and who confirmed which share; ``tight`` where a page is short."""
    content, setter = context.content, context.setter
    counts, style = (
        content.counts,
        replace(BODY, size=8.3 if tight else 8.8, leading=11, after=2 if tight else 4),
    )
    yield Text(setter, "Key figures", _heading(tight=tight), bookmark=0)
    yield sentence(context, style=replace(LEAD, size=8.8, leading=11.4, after=1) if tight else LEAD)
    if counts.statement:
        yield Note(setter, counts.statement)
    if content.copies:
        yield Note(setter, copies_sentence(content.copies))
    yield ShareTiles(setter, counts.shares)
    said = list(sentences(content.confirmations, counts.read))
    if counts.reasons:
        text = ", ".join(f"{one.reason} {number(one.count)}" for one in counts.reasons)
        said.append(f"Reasons for review (a field can have several): {text}.")
    for text in [" ".join(said)] if tight and said else said:
        yield Text(setter, text, style, limit=5)


def pictures(context: ReportContext, *, rows: int, tallest: float) -> Iterator[Flowable]:
    """Six fields, nothing over them: of each class the clearest, and those to look at first.

    Args:
        context: The material.
        rows: Most rows of three.
        tallest: Most height of a picture as a part of its width.
    """
    content, setter = context.content, context.setter
    shown = page_one_fields(content.fields)[: rows * CleanRow.ACROSS] if content.montage else ()
    if not shown:
        return
    cards = [Card(content.fields[one - 1], context.classes) for one in shown]
    lines = [
        CleanRow(setter, cards[at : at + CleanRow.ACROSS], context.clean, tallest=tallest)
        for at in range(0, len(cards), CleanRow.ACROSS)
    ]
    about = "Fields: of each class the clearest, and those to look at first; a star marks a reviewed one."
    if any(line.cuts for line in lines):
        about += " Of taller fields the middle is shown."
    yield Text(setter, about, _FINE)
    yield from lines


def comments(context: ReportContext, *, tight: bool, limit: int) -> Iterator[Flowable]:
    """The comment on the case and the first ones on fields; ``tight`` in one paragraph of ``limit`` lines."""
    content, setter = context.content, context.setter
    said = [row for row in content.fields if row.comment and row.comment != WITHHELD]
    shown = said[:_COMMENTS]
    lines = [f"Field {row.number}: {row.comment}" for row in shown]
    if len(said) > len(shown):
        lines.append(f"{count(len(said) - len(shown), 'more comment')} on fields {context.where_more}.")
    if not (content.comment or lines):
        return
    style = replace(BODY, size=8.4, leading=11.2, after=2)
    if tight:
        text = " \u00b7 ".join([*([content.comment] if content.comment else []), *lines])
        yield Text(setter, f"Comments: {text}", replace(style, before=2), limit=max(limit, 2))
        return
    yield Text(setter, "Comments", _heading(tight=tight))
    if content.comment:
        yield Text(setter, content.comment, style, limit=limit)
    for line in lines:
        yield Text(setter, line, style, limit=2)


def fine_print(context: ReportContext, *, tight: bool = False) -> Iterator[Flowable]:
    """Releases of the site's control, what classes and intervals are, the microscope and the models."""
    content, setter = context.content, context.setter
    for one in content.control:
        text = f"The control of the site was not in order on {one.day}: released by {one.by}, {one.reason}"
        yield Text(setter, text, replace(SMALL, face=BOLD), limit=2)
    parts = [
        f"{one.label.lower()} {WITHHELD if one.withheld else one.value}"
        for one in content.specimen
        if one.label in _MICROSCOPE
    ]
    parts += size_page.in_a_line(content)
    said = [f"{MORPHOLOGY_ONLY} {NOT_A_SCALE} {INTERVAL_NOTE}"]
    said += [f"Microscope: {', '.join(parts)}."] if parts else []
    said += [_model(model) for model in content.models]
    for text in [" ".join(said)] if tight else said:
        yield Text(setter, text, _FINE, limit=8)
    yield from _unknown_makers(context)


def models_in_a_line(context: ReportContext) -> Iterator[Flowable]:
    """Name each model with its first own figure."""
    for model in context.content.models:
        yield Text(context.setter, _model(model), _FINE, limit=4)
    yield from _unknown_makers(context)


def _unknown_makers(context: ReportContext) -> Iterator[Flowable]:
    for model in context.content.models:
        if model.is_of_unknown_maker:
            warning = f"Nobody known to this station vouches for the model {model.name}: {model.maker}."
            yield Text(context.setter, warning, replace(SMALL, face=BOLD, colour=palette.DANGER), limit=3)


def _model(model: ModelBlock) -> str:
    """Return name, version, maker and hash of a model, and its first own figure."""
    which = f"{model.name} {model.version}" if model.version else model.name
    which = which if which.startswith("Model ") else f"Model {which}"
    if model.maker and not model.is_of_unknown_maker:
        which += f", {model.maker}"
    kind = "SHA-256" if model.version else "code"
    return f"{which}, {kind} {model.sha256}. {_headline(model)}".strip()


def _headline(model: ModelBlock) -> str:
    if not model.figures:
        return ""
    first = model.figures[0]
    spread = f" ({first.interval})" if first.interval else ""
    how = ", ".join(filter(None, (first.split, first.patients)))
    return f"Its own {first.name}: {first.value}{spread}, n {first.n or '?'}, {how}."


def slides(context: ReportContext, *, limit: int = 0) -> Iterator[Flowable]:
    """The figures of each slide; at most ``limit`` of them, all with 0. One slide is the whole case."""
    content, setter = context.content, context.setter
    if len(content.slides) < 2:  # noqa: PLR2004
        return
    shown = content.slides[:limit] if limit else content.slides
    columns = [Column("Slide", lines=2)]
    columns += [Column("Fields", 34, "right", FIGURES), Column("Read", 32, "right", FIGURES)]
    columns += [
        Column(f"{one.letter}  {one.name}", 45, "right", FIGURES)
        for one in content.counts.shares
        if one.name in context.classes
    ]
    columns += [
        Column("Needs review", 54, "right", FIGURES),
        Column("Failed", 34, "right", FIGURES),
        Column("White cells", 50, "right", FIGURES),
    ]
    rows = [context.count_cells(slide.name, slide.counts) for slide in shown]
    rows.append(context.count_cells("All slides", content.counts, face=FIGURES_BOLD))
    yield Text(setter, "Slides", replace(HEADING, before=7) if limit else HEADING, bookmark=0)
    yield Grid(setter, columns, rows)
    left = len(content.slides) - len(shown)
    if left:
        yield Text(setter, f"{count(left, 'more slide')} {context.where_more}.", SMALL)


def amendments(context: ReportContext) -> Iterator[Flowable]:
    """Table of the differences from the report that this one amends."""
    content, setter = context.content, context.setter
    if not content.amendments:
        return
    yield Text(setter, "What changed since the earlier report", HEADING, bookmark=0)
    if content.reason:
        yield Text(setter, f"Reason: {content.reason}", BODY)
    columns = (Column("What"), Column("Before", 130), Column("Now", 130, face=BOLD))
    rows = [(Cell(one.what), Cell(one.before), Cell(one.now)) for one in content.amendments]
    yield Grid(setter, columns, rows)
