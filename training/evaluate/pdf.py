"""Small PDF reports: headings, sentences, tables and figures, one after another."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from allstation.core.classes import RESEARCH_USE
from training.fit.runs import write_bytes


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first row is its header.

    Attributes:
        rows: Texts; long ones wrap.
        widths: Share of the page's width of each column, or empty for equal widths.
    """

    rows: Sequence[Sequence[str]]
    widths: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG.

    Attributes:
        png: Its bytes.
        width: Share of the page's width.
    """

    png: bytes
    width: float = 0.8


@dataclass(frozen=True, slots=True)
class PictureRow:
    """PNGs side by side, each as wide as the others.

    Attributes:
        pngs: Their bytes.
    """

    pngs: Sequence[bytes]


Block = Heading | Paragraph | Table | Picture | PictureRow

_MARGIN: Final = 48.0
_FONT: Final = "Helvetica"


def _fit(text: str) -> str:
    """Escape; what the built-in fonts cannot show is set in the report's own, or spelt."""
    return "<br/>".join(map(_marked_up, text.split("\n")))


def _marked_up(line: str) -> str:
    try:
        line.encode("cp1252")
    except UnicodeEncodeError:
        from allstation.report.drawing.fonts import TEXT, Fonts
        from allstation.report.drawing.typeset import Typesetter

        runs = Typesetter(Fonts()).line(line, TEXT, size=9).runs
        return "".join(f'<font name="{run.face}">{escape(run.text)}</font>' for run in runs)
    return escape(line)


def write_pdf(target: Path, title: str, blocks: Sequence[Block]) -> None:
    """Write a PDF whole or not at all; every page bears its number and the research-use sentence.

    Raises:
        StationError: ``disk-full`` or ``cannot-write``.
    """
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import SimpleDocTemplate

    memory = io.BytesIO()
    document = SimpleDocTemplate(
        memory,
        pagesize=A4,
        title=title,
        author="ALL Station",
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        invariant=1,
    )
    story = [part for block in (Heading(title), *blocks) for part in _flow(block, document.width)]
    document.build(story, onFirstPage=_footer, onLaterPages=_footer)
    write_bytes(target, memory.getvalue())


def _footer(page: Any, document: Any) -> None:  # noqa: ANN401 - reportlab has no types
    page.setFont(_FONT, 7)
    page.drawString(_MARGIN, _MARGIN / 2, f"{RESEARCH_USE}   Page {document.page}")


def _flow(block: Block, width: float) -> list[Any]:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph as Text
    from reportlab.platypus import Spacer

    heading = ParagraphStyle(
        "heading",
        fontName=f"{_FONT}-Bold",
        fontSize=13,
        leading=17,
        spaceBefore=8,
        spaceAfter=4,
        keepWithNext=1,
    )
    body = ParagraphStyle("body", fontName=_FONT, fontSize=9, leading=12)
    match block:
        case Heading(text):
            return [Text(_fit(text), heading)]
        case Paragraph(text):
            return [Text(_fit(text), body), Spacer(1, 6)]
        case Table():
            return [_table(block, width), Spacer(1, 8)]
        case Picture(png, share):
            return [_image(png, width * share), Spacer(1, 8)]
        case PictureRow(pngs):
            return [_side_by_side(pngs, width), Spacer(1, 8)]


def _image(png: bytes, width: float) -> Any:  # noqa: ANN401 - reportlab has no types
    from reportlab.platypus import Image

    image = Image(io.BytesIO(png))
    image.drawWidth, image.drawHeight = width, width * image.imageHeight / image.imageWidth
    return image


def _side_by_side(pngs: Sequence[bytes], width: float) -> Any:  # noqa: ANN401 - reportlab has no types
    from reportlab.platypus import Table as Grid

    share = width / len(pngs)
    return Grid([[_image(png, 0.96 * share) for png in pngs]], colWidths=[share] * len(pngs))


def _table(block: Table, width: float) -> Any:  # noqa: ANN401 - reportlab has no types
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import LongTable
    from reportlab.platypus import Paragraph as Text

    cell = ParagraphStyle("cell", fontName=_FONT, fontSize=7.5, leading=9.5)
    head = ParagraphStyle("head", parent=cell, fontName=f"{_FONT}-Bold")
    rows = [
        [Text(_fit(text), cell if number else head) for text in row] for number, row in enumerate(block.rows)
    ]
    columns = len(block.rows[0])
    shares = block.widths or [1 / columns] * columns
    table = LongTable(rows, colWidths=[width * share for share in shares], repeatRows=1)
    lines = HexColor("#b0b0b0")
    table.setStyle([("GRID", (0, 0), (-1, -1), 0.4, lines), ("VALIGN", (0, 0), (-1, -1), "TOP")])
    return table
