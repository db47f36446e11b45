"""Vector charts. A class is named by its letter and its word wherever its colour stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from allstation.report.content.count_types import Share
from allstation.report.content.wording import interval, number, percent
from allstation.report.drawing import palette
from allstation.report.drawing.blocks import Block, Style
from allstation.report.drawing.canvas import StationCanvas
from allstation.report.drawing.fonts import BOLD, FIGURES, FIGURES_BOLD
from allstation.report.drawing.typeset import Typesetter

_TILE: Final = Style(BOLD, 8.2, 10, kind="TH")
_COUNT: Final = Style(FIGURES, 7.4, 10, palette.MUTED, kind="TD")
_PERCENT: Final = Style(FIGURES_BOLD, 11.5, 13, kind="TD")
_INTERVAL: Final = Style(FIGURES, 7.0, 9, palette.MUTED, kind="TD")


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


class ShareTiles(Block):
    """Classes side by side: name, fraction, count, 95 % interval in figures and on a small bar.

    Args:
        shares: Classes in the model's order; needs review last.
    """

    _ACROSS: Final = 6
    """Most in a line; more classes take more lines."""
    _GUTTER: Final = 7.0
    _TALL: Final = 47.0
    _LINE: Final = 8.5
    """Height of a line of its own for the counts, where they have no room beside the fractions."""

    def __init__(self, setter: Typesetter, shares: Sequence[Share]) -> None:
        super().__init__(setter, before=4, after=5)
        self.shares = shares
        self._across = len(shares)
        self._each = 0.0
        self._extra = 0.0

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size; tiles of several lines are equally wide."""
        lines = max(1, -(-len(self.shares) // self._ACROSS))
        self._across = max(1, -(-len(self.shares) // lines))
        self._each = (width - self._GUTTER * (self._across - 1)) / self._across
        beside = all(self._width(share) <= self._each - 18 for share in self.shares)
        self._extra = 0.0 if beside else self._LINE
        self.width, self.height = width, lines * (self._TALL + self._extra + self._GUTTER) - self._GUTTER
        return width, self.height

    def _width(self, share: Share) -> float:
        """Return the width of fraction and count beside each other."""
        parts = ((_fraction(share), _PERCENT), (_of(share), _COUNT))
        return sum(self.setter.line(text, style.face, size=style.size).width for text, style in parts)

    def draw(self) -> None:
        """Draw the tiles."""
        tall, each = self._TALL + self._extra, self._each
        with self.canv.structure.group("Table"):
            for index, share in enumerate(self.shares):
                line, column = divmod(index, self._across)
                y = self.height - tall - line * (tall + self._GUTTER)
                with self.canv.structure.group("TR"):
                    self._tile(share, (column * (each + self._GUTTER), y, each))

    def _tile(self, share: Share, at: tuple[float, float, float]) -> None:
        x, y, width = at
        self.canv.box((x, y, width, self._TALL + self._extra), fill=palette.WASH, radius=3)
        top = y + self._extra
        badge(self.canv, self.setter, share.letter, colour=share.colour, at=(x + 6, top + 35), side=8.6)
        self.put(share.name, (x + 18, top + 36.6), _TILE, width=width - 23)
        if self._extra:
            self.put(_of(share), (x + 6, y + 20.5), _COUNT)
        else:
            self.put(_of(share), (x + width - 6, y + 22), _COUNT, align="right")
        self.put(_fraction(share), (x + 6, top + 22), _PERCENT)
        spread = interval(share.low, share.high) if share.n else "-"
        self.put(spread, (x + 6, y + 11.5), _INTERVAL, width=width - 12)
        self._bar(share, (x + 6, y + 4, width - 12))

    def _bar(self, share: Share, at: tuple[float, float, float]) -> None:
        """Draw the fraction with its interval as a whisker, on a track of 0 to 100 %."""
        x, y, track = at
        self.canv.box((x, y, track, 3), fill=palette.LINE)
        if not share.n:
            return
        self.canv.box((x, y, max(track * share.share, 0.01), 3), fill=share.colour)
        low, high = x + track * share.low, x + track * share.high
        self.canv.stroke((low, y + 1.5, high, y + 1.5), line=palette.INK, width=0.7)
        for end in (low, high):
            self.canv.stroke((end, y - 0.4, end, y + 3.4), line=palette.INK, width=0.7)


def _of(share: Share) -> str:
    return f"{number(share.count)} of {number(share.n)}"


def _fraction(share: Share) -> str:
    return percent(share.share) if share.n else "-"


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
