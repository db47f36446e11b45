"""PDF document: paper sizes, frames, header and footer, and composition of blocks into bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Final

from reportlab.lib.pagesizes import A4, LETTER
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate

from allstation import __version__
from allstation.core.classes import RESEARCH_USE
from allstation.report.drawing import palette
from allstation.report.drawing.canvas import PageDecorator, Properties, StationCanvas
from allstation.report.drawing.fonts import FIGURES, MEDIUM, TEXT
from allstation.report.drawing.typeset import Typesetter

_SIDE: Final = 45.0
_TOP: Final = 38.0
_TOP_NEXT: Final = 58.0
_BOTTOM: Final = 58.0
_SMALL: Final = 7.4


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper size, in points.

    Attributes:
        width: Of the sheet.
        height: Of the sheet.
    """

    width: float
    height: float

    @classmethod
    def named(cls, name: str) -> Paper:
        """Return ``A4`` or ``Letter``."""
        return cls(*(A4 if name == "A4" else LETTER))

    @property
    def text_width(self) -> float:
        """Width between the margins."""
        return self.width - 2 * _SIDE

    @property
    def first_height(self) -> float:
        """Height between the margins of the first page, which has no running header."""
        return self.height - _TOP - _BOTTOM


def compose(
    blocks: Sequence[Flowable],
    properties: Properties,
    decorator: PageDecorator,
    *,
    paper: Paper,
    progress: Callable[[int], None] | None = None,
) -> bytes:
    """Lay blocks out on pages.

    Args:
        blocks: In reading order.
        properties: Of the document, its embedded data included.
        decorator: Draws header and footer.
        paper: Size of the sheets.
        progress: Told the number of each finished page.
    """
    target = io.BytesIO()
    document = BaseDocTemplate(
        target,
        pagesize=(paper.width, paper.height),
        invariant=1,
        pageCompression=1,
        initialFontName=TEXT,
        lang="en",
    )
    for name, top in (("first", _TOP), ("next", _TOP_NEXT)):
        height = paper.height - top - _BOTTOM
        frame = Frame(_SIDE, _BOTTOM, paper.text_width, height, 0, 0, 0, 0, id=name)
        document.addPageTemplates(PageTemplate(id=name, frames=[frame], autoNextPageTemplate="next"))

    def canvas(file: IO[bytes], **options: object) -> StationCanvas:
        # Associated files and marked content are of later editions than ReportLab's 1.4.
        options["pdfVersion"] = (1, 7)
        made = StationCanvas(file, properties=properties, decorator=decorator, **options)
        if progress is not None:
            made.setPageCallBack(progress)
        return made

    document.build(list(blocks), canvasmaker=canvas)
    return target.getvalue()


def make_footer(
    setter: Typesetter, *, head: tuple[str, str], what: tuple[str, str], digest: str
) -> PageDecorator:
    """Return what draws header and footer: research-use wording, page x of y, what this is.

    Args:
        setter: The typesetter.
        head: Left and right of the running header, from the second page.
        what: Id of the case or model, and what is said after it.
        digest: SHA-256 of the embedded data; its beginning is printed.
    """
    setter.fonts.face(TEXT)  # The canvas begins with it.

    def draw(canvas: StationCanvas, page: int, pages: int) -> None:
        width, height = canvas._pagesize
        right = width - _SIDE
        write = _Writer(canvas, setter)
        if page > 1:
            write.put(head[0], (_SIDE, height - 36), face=MEDIUM, colour=palette.INK, width=260)
            write.put(head[1], (right, height - 36), face=MEDIUM, colour=palette.INK, width=230, align=1)
            write.rule(right, height - 43)
        write.rule(right, 44)
        write.put(RESEARCH_USE, (_SIDE, 33), face=MEDIUM, colour=palette.INK)
        write.put(f"Page {page} of {pages}", (right, 33), face=FIGURES, colour=palette.INK, align=1)
        used = write.put(what[0], (_SIDE, 22), width=210)
        write.put(f"\u00b7 {what[1]}", (_SIDE + used + 3, 22), width=190)
        write.put(f"ALL Station {__version__} \u00b7 data {digest[:12]}", (right, 22), align=1)

    return draw


@dataclass(frozen=True, slots=True)
class _Writer:
    """Prints small lines of a page's decorator."""

    canvas: StationCanvas
    setter: Typesetter

    def put(
        self,
        text: str,
        at: tuple[float, float],
        *,
        face: str = TEXT,
        colour: str = palette.MUTED,
        width: float = 300,
        align: int = 0,
    ) -> float:
        """Print a line from ``at``, or up to it with ``align=1``; return its width."""
        line = self.setter.fitted(text, face, size=_SMALL, width=width)
        self.canvas.text_line(line, at[0] - align * line.width, at[1], size=_SMALL, colour=colour)
        return line.width

    def rule(self, right: float, y: float) -> None:
        """Draw a hair line between the margins; the whole decorator is marked as decoration."""
        self.canvas.setStrokeColor(self.canvas.colour(palette.LINE))
        self.canvas.setLineWidth(0.6)
        self.canvas.line(_SIDE, y, right, y)
