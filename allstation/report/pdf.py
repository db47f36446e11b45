"""PDF writer of reports: built in memory, written to a temporary file, read back and checked, renamed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allstation import __version__
from allstation.core.classes import RESEARCH_USE
from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot
from allstation.core.times import moment_of
from allstation.report.atomic import write_whole
from allstation.report.content.build import build_content, canonical_json, content_json
from allstation.report.content.options import ReportOptions
from allstation.report.content.report_types import ReportContent
from allstation.report.content.wording import PROGRAM, moment
from allstation.report.drawing.fonts import Fonts
from allstation.report.drawing.typeset import Typesetter, clean_line

if TYPE_CHECKING:
    from allstation.report.drawing.canvas import Properties

PageProgress = Callable[[int], None]
"""Called with the number of each finished page; may raise to give up."""


def write_pdf(
    snapshot: CaseSnapshot,
    target: Path,
    options: ReportOptions | None = None,
    *,
    progress: PageProgress | None = None,
) -> Path:
    """Write a report.

    Args:
        snapshot: The case, read in one transaction.
        target: Where to. What is there stays until the new report has been checked.
        options: What the person chose.
        progress: Told of each page.

    Returns:
        The target.

    Raises:
        StationError: ``not-written`` if the folder cannot be written to, ``report-broken``
            if the written file does not hold what it should.
    """
    from allstation.report.verification.verify import problems

    chosen = options or ReportOptions()
    content = build_content(snapshot, chosen)
    data = render_pdf(snapshot, content, chosen, progress=progress)

    def check(written: Path) -> None:
        found = problems(written, content)
        if found:
            raise StationError("report-broken", f"The report was written but does not hold: {found[0]}")

    return write_whole(target, data, check)


def render_pdf(
    snapshot: CaseSnapshot,
    content: ReportContent,
    options: ReportOptions,
    *,
    progress: PageProgress | None = None,
) -> bytes:
    """Return the bytes of a report; equal for equal content, options and pictures.

    Args:
        snapshot: Where the pictures of the fields are.
        content: What ``build_content`` made of it.
        options: Letterhead and paper.
        progress: Told of each page.
    """
    from allstation.report.drawing.document import Paper, compose, make_footer
    from allstation.report.drawing.images import cell_picture, clean_picture, logo, thumbnails
    from allstation.report.sections.context import ReportContext
    from allstation.report.sections.layout import blocks

    paper = Paper.named(content.page_size)
    setter = Typesetter(Fonts())
    context = ReportContext(
        content,
        setter,
        lambda number, width, evidence: thumbnails(
            snapshot.fields[number - 1], width=width, evidence_of=evidence
        ),
        lambda number, width, tallest: clean_picture(
            snapshot.fields[number - 1], width=width, tallest=tallest
        ),
        logo(options.letterhead.logo if content.shows_letterhead else None),
        paper.text_width,
        paper.first_height,
        lambda example: cell_picture(snapshot.fields[example.field - 1], example.box),
    )
    data = content_json(content)
    footer = make_footer(
        setter,
        head=(content.laboratory or PROGRAM, content.case_name or content.case_id),
        what=(f"Case {content.case_id}", f"{content.status} \u00b7 {moment(content.created)}"),
        digest=data["sha256"],
    )
    return compose(blocks(context), _properties(content, data), footer, paper=paper, progress=progress)


def _properties(content: ReportContent, data: Mapping[str, Any]) -> Properties:
    from allstation.report.drawing.canvas import Properties

    author = ", ".join(part for part in (content.laboratory, content.reviewer) if part) or PROGRAM
    return Properties(
        title=clean_line(f"Blood smear report, case {content.case_id}, {content.status}"),
        author=clean_line(author),
        subject=RESEARCH_USE,
        keywords=f"case {clean_line(content.case_id)}; status {content.status}; data sha256 {data['sha256']}",
        creator=f"{PROGRAM} {__version__}",
        moment=moment_of(content.created),
        data=canonical_json(data).encode(),
    )
