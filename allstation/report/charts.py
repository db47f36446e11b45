"""Vector charts. A class is named by its letter and its word wherever its colour stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from allstation.report import palette
from allstation.report.blocks import Block, Style
from allstation.report.canvas import StationCanvas
from allstation.report.content_types import Share
from allstation.report.fonts import BOLD, FIGURES, FIGURES_BOLD, TEXT
from allstation.report.typeset import Typesetter
from allstation.report.wording import interval, number, percent

_COUNT: Final = Style(FIGURES, 8.6, 11, kind="TD")
_PERCENT: Final = Style(FIGURES_BOLD, 9.4, 11, kind="TD")
_INTERVAL: Final = Style(FIGURES, 7.8, 11, palette.MUTED, kind="TD")
_TITLE: Final = Style(TEXT, 6.6, 9, palette.MUTED)


def badge(
    canvas: StationCanvas,
    setter: Typesetter,
    letter: str,
    *,
    colour: str,
    at: tuple[float, float],
    side: float = 11.0,
) -> None:
    """Draw a class letter on a small square of the class's colour; decoration beside its name."""
    x, y = at
    canvas.box((x, y, side, side), fill=colour, radius=side * 0.22)
    size = side * 0.68
    line = setter.line(letter, BOLD, size=size)
    with canvas.artifact():
        canvas.text_line(
            line,
            x + (side - line.width) / 2,
            y + side * 0.26,
            size=size,
            colour=palette.ink_on(colour),
        )


class ClassBars(Block):
    """Bar chart of the classes: count, fraction, and the 95 % interval as a whisker and in figures.

    Args:
        shares: Classes in the model's order; needs review last, set apart by a gap.
        row: Height of a row, points.
    """

    _GAP: Final = 5.0
    _LABEL: Final = 128.0
    _FIGURES: Final = 176.0

    def __init__(self, setter: Typesetter, shares: Sequence[Share], *, row: float = 21.5) -> None:
        super().__init__(setter, before=0, after=5)
        self.shares, self.row = shares, row

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size."""
        self.width = width
        self.height = self.row * len(self.shares) + self._GAP + 14
        return width, self.height

    def draw(self) -> None:
        """Draw the bars and the axis."""
        track = self.width - self._LABEL - self._FIGURES
        y = self.height - self.row
        self._axis(track)
        with self.canv.structure.group("Table"):
            for index, share in enumerate(self.shares):
                if index == len(self.shares) - 1:
                    y -= self._GAP
                with self.canv.structure.group("TR"):
                    self._bar(share, y, track)
                y -= self.row

    def _axis(self, track: float) -> None:
        for per_cent in (0, 25, 50, 75, 100):
            x = self._LABEL + track * per_cent / 100
            self.canv.stroke((x, 11, x, self.height - 2), line=palette.HAIR, width=0.5)
            tick = self.setter.line(f"{per_cent}", FIGURES, size=6.6)
            with self.canv.artifact():
                self.canv.text_line(tick, x - tick.width / 2, 3, size=6.6, colour=palette.MUTED)
        for title, right in zip(("fields", "fraction", "95 % interval"), self._rights(), strict=True):
            self.put(title, (right, 3), _TITLE, align="right")

    def _bar(self, share: Share, y: float, track: float) -> None:
        canvas, x = self.canv, self._LABEL
        badge(canvas, self.setter, share.letter, colour=share.colour, at=(0, y + 4.5), side=13)
        self.put(share.name, (19, y + 11), Style(BOLD, 9, 11, kind="TH"), width=self._LABEL - 26)
        self.put(
            share.meaning if share.meaning != share.name else "a person decides",
            (19, y + 2.8),
            Style(TEXT, 6.8, 9, palette.MUTED, kind="TD"),
            width=self._LABEL - 26,
        )
        canvas.box((x, y + 5, max(track * share.share, 0.01), 11), fill=share.colour)
        if share.n:
            self._whisker(x + track * share.low, x + track * share.high, y + 10.5)
        shown = (
            (f"{number(share.count)} of {number(share.n)}", _COUNT),
            (percent(share.share) if share.n else "-", _PERCENT),
            (interval(share.low, share.high) if share.n else "-", _INTERVAL),
        )
        for (text, style), right in zip(shown, self._rights(), strict=True):
            self.put(text, (right, y + 7), style, align="right")

    def _rights(self) -> tuple[float, float, float]:
        """Right edges of count, fraction and interval."""
        return self.width - 114, self.width - 68, self.width

    def _whisker(self, low: float, high: float, y: float) -> None:
        for width, colour in ((2.6, palette.PAPER), (1.0, palette.INK)):
            self.canv.stroke((low, y, high, y), line=colour, width=width)
        for x in (low, high):
            self.canv.stroke((x, y - 3, x, y + 3), line=palette.INK, width=1.0)


class SharesStrip(Block):
    """Stacked bar over the whole width, each part with its class letter and count."""

    _HEIGHT: Final = 14.0

    def __init__(self, setter: Typesetter, shares: Sequence[Share]) -> None:
        super().__init__(setter, before=1, after=8)
        self.shares = [share for share in shares if share.count]

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size; nothing when nothing was read."""
        self.width, self.height = width, self._HEIGHT if self.shares else 0.0
        return width, self.height

    def draw(self) -> None:
        """Draw the parts, a paper-white line between them."""
        x = 0.0
        for share in self.shares:
            part = self.width * share.share
            self.canv.box((x, 0, max(part - 1.2, 0.6), self.height), fill=share.colour)
            text = f"{share.letter} {number(share.count)}"
            line = self.setter.line(text, BOLD, size=7.4)
            if line.width + 6 < part:
                with self.canv.leaf("P"):
                    self.canv.text_line(line, x + 4, 4.4, size=7.4, colour=palette.ink_on(share.colour))
            x += part
