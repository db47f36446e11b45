"""Writing a report: built in memory, written beside its target, opened again and checked, renamed."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from allstation import __version__
from allstation.core.classes import RESEARCH_USE
from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot
from allstation.report.atomic import write_whole
from allstation.report.content import (
    PROGRAM,
    ReportContent,
    ReportOptions,
    build_content,
    canonical_json,
    content_json,
)
from allstation.report.fonts import FIGURES, MEDIUM, MONO, TEXT, Fonts
from allstation.report.typeset import Typesetter, clean_line
from allstation.report.wording import moment

if TYPE_CHECKING:
    from allstation.report.canvas import Properties, StationCanvas

_SIDE: Final = 45.0
_TOP: Final = 38.0
_TOP_NEXT: Final = 58.0
_BOTTOM: Final = 58.0

Progress = Callable[[int], None]
"""Called with the number of each finished page; may raise to give up."""


def write_pdf(
    snapshot: CaseSnapshot,
    target: Path,
    options: ReportOptions | None = None,
    *,
    progress: Progress | None = None,
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
    from allstation.report.verify import problems

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
    progress: Progress | None = None,
) -> bytes:
    """Return the bytes of a report; equal for equal content, options and pictures.

    Args:
        snapshot: Where the pictures of the fields are.
        content: What ``build_content`` made of it.
        options: Letterhead and paper.
        progress: Told of each page.
    """
    from reportlab.lib.pagesizes import A4, LETTER
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    from allstation.report.canvas import StationCanvas
    from allstation.report.images import logo, thumbnails
    from allstation.report.parts import Parts
    from allstation.report.story import blocks

    paper = A4 if content.page_size == "A4" else LETTER
    setter = Typesetter(Fonts())
    setter.fonts.face(TEXT)
    parts = Parts(
        content,
        setter,
        lambda number, width, evidence: thumbnails(
            snapshot.fields[number - 1], width=width, evidence_of=evidence
        ),
        logo(options.letterhead.logo),
        paper[0] - 2 * _SIDE,
        paper[1] - _TOP - _BOTTOM,
    )
    target = io.BytesIO()
    document = BaseDocTemplate(
        target,
        pagesize=paper,
        invariant=1,
        pageCompression=1,
        initialFontName=TEXT,
        lang="en",
        showBoundary=0,
    )
    for name, top in (("first", _TOP), ("next", _TOP_NEXT)):
        width, height = paper[0] - 2 * _SIDE, paper[1] - top - _BOTTOM
        frame = Frame(_SIDE, _BOTTOM, width, height, 0, 0, 0, 0, id=name)
        document.addPageTemplates(PageTemplate(id=name, frames=[frame], autoNextPageTemplate="next"))
    furniture = _Furniture(content, setter)

    def canvas(file: IO[bytes], **kwargs: object) -> StationCanvas:
        made = StationCanvas(file, properties=_properties(content), furniture=furniture.draw, **kwargs)
        if progress is not None:
            made.setPageCallBack(progress)
        return made

    document.build(blocks(parts), canvasmaker=canvas)
    return target.getvalue()


def _properties(content: ReportContent) -> Properties:
    from allstation.report.canvas import Properties

    data = content_json(content)
    author = ", ".join(part for part in (content.laboratory, content.reviewer) if part) or PROGRAM
    return Properties(
        title=clean_line(f"Blood smear report, case {content.case_id}, {content.status}"),
        author=clean_line(author),
        subject=RESEARCH_USE,
        keywords=f"case {clean_line(content.case_id)}; status {content.status}; data sha256 {data['sha256']}",
        creator=f"{PROGRAM} {__version__}",
        moment=datetime.fromisoformat(content.created),
        data=canonical_json(data).encode(),
    )


class _Furniture:
    """Header and footer: case id, status, research-use wording, page x of y, on every page."""

    def __init__(self, content: ReportContent, setter: Typesetter) -> None:
        self._content, self._setter = content, setter
        self._digest = content_json(content)["sha256"][:12]

    def draw(self, canvas: StationCanvas, page: int, pages: int) -> None:
        """Draw them on one page."""
        from allstation.report import palette

        width, height = canvas._pagesize
        right = width - _SIDE
        if page > 1:
            self._header(canvas, right, height)
        canvas.setStrokeColor(canvas.colour(palette.LINE))
        canvas.setLineWidth(0.6)
        canvas.line(_SIDE, 44, right, 44)
        self._put(canvas, RESEARCH_USE, (_SIDE, 33), face=MEDIUM, colour=palette.INK)
        self._put(canvas, f"Page {page} of {pages}", (right, 33), face=FIGURES, colour=palette.INK, align=1)
        case = self._put(canvas, f"Case {self._content.case_id}", (_SIDE, 22), width=210)
        said = f"\u00b7 {self._content.status} \u00b7 {moment(self._content.created)}"
        self._put(canvas, said, (_SIDE + case + 3, 22))
        self._put(canvas, f"{PROGRAM} {__version__} \u00b7 data {self._digest}", (right, 22), align=1)

    def _header(self, canvas: StationCanvas, right: float, height: float) -> None:
        from allstation.report import palette

        name = self._content.laboratory or PROGRAM
        self._put(canvas, name, (_SIDE, height - 36), face=MEDIUM, colour=palette.INK, width=260)
        self._put(canvas, self._content.case_id, (right, height - 36), face=MONO, width=200, align=1)
        canvas.setStrokeColor(canvas.colour(palette.LINE))
        canvas.setLineWidth(0.6)
        canvas.line(_SIDE, height - 43, right, height - 43)

    def _put(
        self,
        canvas: StationCanvas,
        text: str,
        at: tuple[float, float],
        *,
        face: str = TEXT,
        colour: str = "",
        width: float = 300,
        align: int = 0,
    ) -> float:
        from allstation.report import palette

        line = self._setter.fitted(text, face, size=7.4, width=width)
        canvas.text_line(line, at[0] - align * line.width, at[1], size=7.4, colour=colour or palette.MUTED)
        return line.width
