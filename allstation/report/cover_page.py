"""Cover page: patient, request and specimen, and the result in one glance; it can be signed alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reportlab.platypus import CondPageBreak, Flowable

from allstation.core.reports import ReportStatus
from allstation.report import palette
from allstation.report.blocks import BODY, HEADING, LEAD, SMALL, SUBHEADING, Columns, Note, Text, Tiles
from allstation.report.charts import ClassBars
from allstation.report.content_types import Counts, ModelBlock, ReportContent
from allstation.report.context import ReportContext
from allstation.report.fonts import BOLD, FIGURES, FIGURES_BOLD
from allstation.report.free_text import TITLES, FreeText
from allstation.report.grid import Cell, Column, Grid
from allstation.report.letterhead import LetterheadBlock, TitleBlock
from allstation.report.options import Template
from allstation.report.wording import (
    INTERVAL_NOTE,
    MORPHOLOGY_ONLY,
    NOT_A_SCALE,
    REPLACES,
    copies_sentence,
    count,
    number,
    percent,
)


def head(context: ReportContext) -> Iterator[Flowable]:
    """Letterhead, title, and what is known of patient, request and specimen."""
    content, setter = context.content, context.setter
    yield LetterheadBlock(setter, content, context.logo)
    yield TitleBlock(setter, content)
    if content.clock_remark:
        yield Note(setter, content.clock_remark)
    yield Columns(
        setter,
        (
            ("Patient", content.patient),
            ("Request", content.request),
            ("Specimen and microscope", content.specimen),
        ),
        widths=(1.0, 1.0, 1.14),
    )
    if content.anonymised:
        yield Text(setter, _anonymised(content), SMALL)


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


def sentence(context: ReportContext) -> Text:
    """Return one sentence about how much was read."""
    counts = context.content.counts
    slides = context.content.slides
    where = f"slide {slides[0].name[:60]}" if len(slides) == 1 else count(len(slides), "slide")
    text = [f"{number(counts.read)} of {count(counts.fields, 'field')} read on {where}"]
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
    return Text(context.setter, "; ".join(text) + ".", LEAD)


def glance(context: ReportContext, *, tight: bool = False, row: float = 21.5) -> Iterator[Flowable]:
    """Figures, bars of ``row`` points and intervals of the whole case; ``tight`` where a page is short."""
    counts, setter = context.content.counts, context.setter
    yield Text(setter, "Summary", replace(HEADING, before=7) if tight else HEADING, bookmark=0)
    yield sentence(context)
    yield Tiles(setter, _tiles(counts))
    if counts.statement:
        yield Note(setter, counts.statement)
    if context.content.copies:
        yield Note(setter, copies_sentence(context.content.copies))
    yield ClassBars(setter, counts.shares, row=row)
    yield Text(setter, f"{INTERVAL_NOTE} {NOT_A_SCALE}", SMALL)
    if counts.reasons:
        text = ", ".join(f"{one.reason} {number(one.count)}" for one in counts.reasons)
        yield Text(setter, f"Why fields need review (a field can have several reasons): {text}.", BODY)


def _tiles(counts: Counts) -> list[tuple[str, str, str]]:
    share = percent(counts.needs_review / counts.read) if counts.read else ""
    changed = f"{number(counts.changed)} changed" if counts.changed else ""
    return [
        (number(counts.read), "Fields read", f"of {number(counts.fields)}"),
        (number(counts.needs_review), "Need review", share),
        (number(counts.failed), "Could not be read", ""),
        (number(counts.reviewed), "Seen by a person", changed),
        (number(counts.cells), "White cells found", ""),
    ]


def remarks(context: ReportContext, *, tight: bool = False, limit: int = 24) -> Iterator[Flowable]:
    """The person's comment, at most ``limit`` lines of it, and what the classes are."""
    if context.content.comment:
        yield CondPageBreak(70)
        yield Text(context.setter, "Comment", replace(SUBHEADING, kind="H4", before=4 if tight else 10))
        style = replace(BODY, size=8.2, leading=11.4) if tight else BODY
        yield Text(context.setter, context.content.comment, style, limit=limit)
    for one in context.content.control:
        text = f"The control of the site was not in order on {one.day}: released by {one.by}, {one.reason}"
        yield Text(context.setter, text, replace(SMALL, face=BOLD), limit=2)
    yield Text(context.setter, MORPHOLOGY_ONLY, SMALL)


def models_in_a_line(context: ReportContext) -> Iterator[Flowable]:
    """Name each model with its first own figure."""
    for model in context.content.models:
        which = f"{model.name} {model.version}" if model.version else model.name
        if model.maker and not model.is_of_unknown_maker:
            which += f", {model.maker}"
        kind = "SHA-256" if model.version else "code"
        text = f"Model {which}, {kind} {model.sha256}. {_headline(model)}"
        yield Text(context.setter, text, SMALL, limit=4)
        if model.is_of_unknown_maker:
            warning = f"Nobody known to this station vouches for the model {model.name}: {model.maker}."
            yield Text(context.setter, warning, replace(SMALL, face=BOLD, colour=palette.DANGER), limit=3)


def _headline(model: ModelBlock) -> str:
    if not model.figures:
        return ""
    first = model.figures[0]
    spread = f" ({first.interval})" if first.interval else ""
    return (
        f"Its own {first.name}: {first.value}{spread}, n {first.n or '?'}, {first.split}, {first.patients}."
    )


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
        where = "further on" if content.template == "full" else "in the full report"
        yield Text(setter, f"{count(left, 'more slide')} {where}.", SMALL)


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
