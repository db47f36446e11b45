"""Flowables of a page: text, headings, key-value columns, tiles, notes.

Each is a flowable that prints plain text only; nothing a person typed is read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reportlab.platypus import Flowable

from allstation.report.content.report_types import Entry
from allstation.report.content.wording import NOT_GIVEN, WITHHELD
from allstation.report.drawing import palette
from allstation.report.drawing.canvas import StationCanvas
from allstation.report.drawing.fonts import BOLD, TEXT
from allstation.report.drawing.typeset import Line, Typesetter, clean_line


@dataclass(frozen=True, slots=True)
class Style:
    """Text style: face, size, leading, colour, spacing, structure element.

    Attributes:
        face: Font.
        size: Points.
        leading: Points from baseline to baseline.
        colour: Of the letters.
        before: Space above, dropped at the top of a page.
        after: Space below.
        kind: Structure type.
    """

    face: str = TEXT
    size: float = 9.0
    leading: float = 13.0
    colour: str = palette.INK
    before: float = 0.0
    after: float = 4.0
    kind: str = "P"


TITLE: Final = Style(BOLD, 21, 25, after=2, kind="H1")
HEADING: Final = Style(BOLD, 13, 17, before=15, after=5, kind="H2")
SUBHEADING: Final = Style(BOLD, 9.5, 13, before=10, after=4, kind="H3")
BODY: Final = Style()
LEAD: Final = Style(TEXT, 10.2, 14, after=6)
SMALL: Final = Style(TEXT, 7.8, 11, palette.MUTED, after=4)
_ROOM_FOR_A_SENTENCE: Final = 260.0


class Block(Flowable):  # type: ignore[misc]
    """Base of the blocks: typesetter, space around it, a canvas with structure.

    Args:
        setter: The report's typesetter.
        before: Space above.
        after: Space below.
    """

    canv: StationCanvas

    def __init__(self, setter: Typesetter, *, before: float = 0.0, after: float = 0.0) -> None:
        super().__init__()
        self.setter = setter
        self.spaceBefore, self.spaceAfter = before, after
        self.width = self.height = 0.0

    def put(
        self, text: str, at: tuple[float, float], style: Style, *, width: float = 0.0, align: str = "left"
    ) -> Line:
        """Print one line as a structure element of the style's kind; shorten it to ``width``."""
        line = (
            self.setter.fitted(text, style.face, size=style.size, width=width)
            if width
            else self.setter.line(text, style.face, size=style.size)
        )
        x, y = at
        if align == "right":
            x -= line.width
        elif align == "centre":
            x -= line.width / 2
        with self.canv.leaf(style.kind):
            self.canv.text_line(line, x, y, size=style.size, colour=style.colour)
        return line


class Text(Block):
    """Wrapped text that can go on on the next page.

    Args:
        text: As typed; line breaks are kept.
        style: How it is set.
        limit: Most lines; the rest is named, not printed.
        bookmark: Level in the outline from 0, or -1 for none.
    """

    def __init__(
        self, setter: Typesetter, text: str, style: Style = BODY, *, limit: int = 60, bookmark: int = -1
    ) -> None:
        super().__init__(setter, before=style.before, after=style.after)
        self.text, self.style, self.limit, self.bookmark = text, style, limit, bookmark
        self._lines: list[Line] = []
        self.keepWithNext = style.kind in {"H1", "H2", "H3"}

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Break the text to the width; return the size."""
        if not self._lines or width != self.width:
            self.width = width
            self._lines = limited(self.setter, self.text, self.style, width=width, limit=self.limit)
        self.height = self.style.leading * len(self._lines)
        return width, self.height

    def split(self, width: float, height: float) -> list[Flowable]:
        """Split between lines, never leaving one line alone."""
        self.wrap(width, height)
        fits = int(height / self.style.leading)
        fits = min(fits, len(self._lines) - 2)
        if fits < 2:  # noqa: PLR2004
            return []
        return [self._part(self._lines[:fits]), self._part(self._lines[fits:])]

    def _part(self, lines: list[Line]) -> Text:
        part = Text(self.setter, self.text, self.style, limit=self.limit)
        part._lines, part.width = lines, self.width
        return part

    def draw(self) -> None:
        """Print the lines; right-to-left ones end at the right edge."""
        style = self.style
        if self.bookmark >= 0:
            top = self.canv.absolutePosition(0, self.height + style.before)[1]
            self.canv.outline(clean_line(self.text), self.bookmark, top=top)
        y = self.height - style.leading + (style.leading - style.size) * 0.72
        with self.canv.leaf(style.kind):
            for line in self._lines:
                x = self.width - line.width if line.rtl else 0.0
                self.canv.text_line(line, x, y, size=style.size, colour=style.colour)
                y -= style.leading


def limited(setter: Typesetter, text: str, style: Style, *, width: float, limit: int) -> list[Line]:
    """Wrap text; when it is longer than ``limit`` lines, end with its end or with what is left out.

    Names differ at their ends, so a narrow cell shows the end after an ellipsis. Where there is
    room, a sentence says how long the text is and where all of it stands.
    """
    cut = text[: int(limit * width / style.size * 5)]
    lines = setter.wrap(cut, style.face, size=style.size, width=width)
    if len(lines) <= limit and len(cut) == len(text):
        return lines
    if width < _ROOM_FOR_A_SENTENCE or limit < 2:  # noqa: PLR2004
        last = _end(setter, text, style, width)
    else:
        note = f"\u2026 shortened: {len(text)} characters; all of them are in the embedded data"
        last = setter.fitted(note, style.face, size=style.size, width=width)
    return [*lines[: limit - 1], last]


def _end(setter: Typesetter, text: str, style: Style, width: float) -> Line:
    """Return an ellipsis and as much of the end of a text as fits."""
    keep = int(width / style.size * 4)
    while keep > 1:
        line = setter.line(f"\u2026{text[-keep:].lstrip()}", style.face, size=style.size)
        if line.width <= width:
            return line
        keep -= max(1, keep // 8)
    return setter.line("\u2026", style.face, size=style.size)


class Bullet(Text):
    """List item, its text hanging beside the bullet."""

    _INDENT: Final = 10.0

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        """Break the text to what is left of the width; return the size."""
        super().wrap(width - self._INDENT, height)
        return width, self.height

    def split(self, _width: float, _height: float) -> list[Flowable]:
        """Stay in one piece: an item is a few lines."""
        return []

    def draw(self) -> None:
        """Print the bullet, then the text."""
        with self.canv.artifact():
            self.canv.setFillColor(self.canv.colour(palette.MUTED))
            self.canv.circle(3, self.height - self.style.leading * 0.52, 1.3, stroke=0, fill=1)
        self.canv.translate(self._INDENT, 0)
        super().draw()


class Note(Block):
    """A boxed warning with a mark on its left; colour and sign say the same.

    Args:
        text: What is to be known.
    """

    _STYLE: Final = Style(TEXT, 8.4, 11.8, after=0)
    _PAD: Final = 8.0
    _INDENT: Final = 24.0

    def __init__(self, setter: Typesetter, text: str) -> None:
        super().__init__(setter, before=6, after=6)
        self.text = text
        self._lines: list[Line] = []

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Break the text to the width; return the size."""
        room = width - self._INDENT - self._PAD
        self.width = width
        self._lines = limited(self.setter, self.text, self._STYLE, width=room, limit=12)
        self.height = self._STYLE.leading * len(self._lines) + 2 * self._PAD - 2
        return width, self.height

    def draw(self) -> None:
        """Draw box, sign and text."""
        self.canv.box((0, 0, self.width, self.height), fill=palette.WARNING_WASH, radius=3)
        self.canv.box((0, 0, 2.4, self.height), fill=palette.WARNING)
        y = self.height - self._PAD - self._STYLE.size * 0.82
        sign = self.setter.line("!", BOLD, size=11)
        with self.canv.artifact():
            self.canv.text_line(sign, 13 - sign.width / 2, y - 0.6, size=11, colour=palette.WARNING)
        with self.canv.leaf("P"):
            for line in self._lines:
                self.canv.text_line(line, self._INDENT, y, size=self._STYLE.size, colour=palette.INK)
                y -= self._STYLE.leading


class Columns(Block):
    """Labelled lines in columns under small headings: who, what, which slide, which microscope.

    Args:
        columns: Heading and lines of each column.
        widths: Share of the width of each column.
    """

    _VALUE: Final = Style(TEXT, 8.2, 10.6, after=0)
    _HEAD: Final = Style(BOLD, 8.2, 14, after=0, kind="H3")
    _GUTTER: Final = 18.0
    _LABEL: Final = 57.0
    _LINES: Final = 2
    """Most lines of one value."""
    _WHO: Final = frozenset({"Name", "Patient id", "Request id"})
    _LINES_OF_WHO: Final = 6
    """Most lines of what tells people and orders apart: a part of an accession number is another one."""

    def __init__(
        self,
        setter: Typesetter,
        columns: Sequence[tuple[str, Sequence[Entry]]],
        *,
        widths: Sequence[float],
    ) -> None:
        super().__init__(setter, before=2, after=3)
        self.columns, self.widths = columns, widths
        self._set: list[list[tuple[Entry, list[Line]]]] = []
        self._each: list[float] = []

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Break every value; return the size."""
        self.width = width
        room = width - self._GUTTER * (len(self.columns) - 1)
        self._each = [room * share / sum(self.widths) for share in self.widths]
        self._set = [
            [(entry, self._value(entry, each - self._LABEL)) for entry in entries]
            for each, (_, entries) in zip(self._each, self.columns, strict=True)
        ]
        tallest = max(sum(self._row(lines) for _, lines in column) for column in self._set)
        self.height = self._HEAD.leading + max(tallest, self._VALUE.leading)
        return width, self.height

    def _value(self, entry: Entry, room: float) -> list[Line]:
        text = WITHHELD if entry.withheld else entry.value
        limit = self._LINES_OF_WHO if entry.label in self._WHO else self._LINES
        return limited(self.setter, text, self._VALUE, width=room, limit=limit)

    def _row(self, lines: Sequence[Line]) -> float:
        return self._VALUE.leading * len(lines) + 2.2

    def draw(self) -> None:
        """Print the columns."""
        x = 0.0
        for (heading, entries), each, values in zip(self.columns, self._each, self._set, strict=True):
            self.canv.stroke((x, self.height - 12, x + each, self.height - 12), line=palette.LINE)
            self.put(heading, (x, self.height - 7), self._HEAD, width=each)
            y = self.height - self._HEAD.leading - 8
            if not entries:
                self.put(NOT_GIVEN, (x, y), Style(TEXT, 7.8, 10, palette.MUTED))
            for entry, lines in values:
                self._entry(entry, lines, (x, y))
                y -= self._row(lines)
            x += each + self._GUTTER

    def _entry(self, entry: Entry, lines: Sequence[Line], at: tuple[float, float]) -> None:
        x, y = at
        self.put(entry.label, at, Style(TEXT, 7.4, 10, palette.MUTED), width=self._LABEL - 5)
        colour = palette.MUTED if entry.withheld else palette.INK
        with self.canv.leaf("P"):
            for line in lines:
                self.canv.text_line(line, x + self._LABEL, y, size=self._VALUE.size, colour=colour)
                y -= self._VALUE.leading
