"""Vector plots of an evaluation: confusion matrix and reliability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import class_style
from allstation.core.metrics import ReliabilityBin
from allstation.report.content.wording import number, percent
from allstation.report.drawing import palette
from allstation.report.drawing.blocks import Block, Style
from allstation.report.drawing.charts import badge
from allstation.report.drawing.fonts import BOLD, FIGURES, FIGURES_BOLD, TEXT
from allstation.report.drawing.typeset import Typesetter

_SHADE: Final = ((245, 246, 249), (70, 86, 201))
"""From no field of a row to all of them; the count and the share stand in every cell."""


class ConfusionMatrix(Block):
    """Counts by true class (rows) and predicted class (columns), shaded by share of the row."""

    _LABEL: Final = 96.0
    _CELL: Final = 30.0
    _HEAD: Final = 30.0

    def __init__(self, setter: Typesetter, classes: Sequence[str], matrix: NDArray[np.int64]) -> None:
        super().__init__(setter, before=2, after=10)
        self.classes, self.matrix = classes, matrix

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size."""
        self.width, self.height = width, self._HEAD + self._CELL * len(self.classes)
        return width, self.height

    def draw(self) -> None:
        """Draw head and rows."""
        each = min(92.0, (self.width - self._LABEL) / len(self.classes))
        with self.canv.structure.group("Table"):
            with self.canv.structure.group("TR"):
                self._head(each)
            for row in range(len(self.classes)):
                with self.canv.structure.group("TR"):
                    self._row(row, each)

    def _head(self, each: float) -> None:
        quiet = Style(TEXT, 7, 9, palette.MUTED, kind="TH")
        self.put("true \\ predicted", (0, self.height - 22), quiet, width=self._LABEL - 6)
        for index, name in enumerate(self.classes):
            x, style = self._LABEL + index * each, class_style(name, index)
            badge(self.canv, self.setter, style.letter, colour=style.colour, at=(x + 4, self.height - 25))
            self.put(name, (x + 19, self.height - 22.5), Style(BOLD, 8, 10, kind="TH"), width=each - 22)

    def _row(self, row: int, each: float) -> None:
        y = self.height - self._HEAD - (row + 1) * self._CELL
        style, total = class_style(self.classes[row], row), int(self.matrix[row].sum())
        badge(self.canv, self.setter, style.letter, colour=style.colour, at=(0, y + 10))
        self.put(self.classes[row], (15, y + 12.5), Style(BOLD, 8, 10, kind="TH"), width=self._LABEL - 20)
        for column in range(len(self.classes)):
            found = int(self.matrix[row, column])
            share = found / total if total else 0.0
            x, shade = self._LABEL + column * each, _mixed(share)
            self.canv.box((x, y + 1, each - 2, self._CELL - 2), fill=shade, radius=2)
            ink = palette.ink_on(shade)
            self.put(number(found), (x + 8, y + 15), Style(FIGURES_BOLD, 9.4, 11, ink, kind="TD"))
            self.put(percent(share) if total else "-", (x + 8, y + 6), Style(FIGURES, 6.8, 9, ink, kind="P"))


def _mixed(share: float) -> str:
    low, high = _SHADE
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(low, high, strict=True))


class Reliability(Block):
    """Mean top probability against accuracy, a dot a bin, with the line of perfect calibration."""

    _SIDE: Final = 180.0
    _LEFT: Final = 30.0
    _BOTTOM: Final = 24.0

    def __init__(self, setter: Typesetter, bins: Sequence[ReliabilityBin]) -> None:
        super().__init__(setter, before=4, after=10)
        self.bins = bins

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size."""
        self.width, self.height = width, self._SIDE + self._BOTTOM + 6
        return width, self.height

    def draw(self) -> None:
        """Draw axes, line, dots and the table of bins beside them."""
        self._axes()
        most = max(one.count for one in self.bins)
        with self.canv.leaf("Figure", alt=self._description()):
            for one in self.bins:
                x, y = self._at(one.confidence, one.accuracy)
                self.canv.setFillColor(self.canv.colour(palette.ACCENT))
                self.canv.setStrokeColor(self.canv.colour(palette.PAPER))
                self.canv.setLineWidth(0.7)
                self.canv.circle(x, y, 2 + 6 * math.sqrt(one.count / most), stroke=1, fill=1)
        self._table()

    def _description(self) -> str:
        return "; ".join(f"{one.confidence:.2f}: {one.accuracy:.2f} of {one.count}" for one in self.bins)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return self._LEFT + x * self._SIDE, self._BOTTOM + y * self._SIDE

    def _axes(self) -> None:
        for per_cent in (0, 25, 50, 75, 100):
            x, y = self._at(per_cent / 100, per_cent / 100)
            self.canv.stroke((x, self._BOTTOM, x, self._BOTTOM + self._SIDE), line=palette.HAIR, width=0.5)
            self.canv.stroke((self._LEFT, y, self._LEFT + self._SIDE, y), line=palette.HAIR, width=0.5)
            quiet = Style(FIGURES, 6.6, 8, palette.MUTED)
            self.put(str(per_cent), (x, self._BOTTOM - 9), quiet, align="centre")
            self.put(str(per_cent), (self._LEFT - 5, y - 2.3), quiet, align="right")
        self.canv.stroke((*self._at(0, 0), *self._at(1, 1)), line=palette.MUTED, width=0.8)
        self.put(
            "top probability, %",
            (self._LEFT + self._SIDE, 3),
            Style(TEXT, 6.8, 8, palette.MUTED),
            align="right",
        )
        self.put(
            "right, %", (self._LEFT + 5, self._BOTTOM + self._SIDE - 8), Style(TEXT, 6.8, 8, palette.MUTED)
        )

    def _table(self) -> None:
        x, y = self._LEFT + self._SIDE + 40, self._BOTTOM + self._SIDE - 8
        heads = ("bin, %", "fields", "mean, %", "right, %")
        with self.canv.structure.group("Table"):
            self._line(heads, (x, y), Style(TEXT, 7, 9, palette.MUTED, kind="TH"))
            for index, one in enumerate(self.bins, start=1):
                cells = (
                    f"{100 * one.low:.0f} to {100 * one.high:.0f}",
                    number(one.count),
                    f"{100 * one.confidence:.1f}",
                    f"{100 * one.accuracy:.1f}",
                )
                self._line(cells, (x, y - index * 11), Style(FIGURES, 7.4, 9, kind="TD"))

    def _line(self, cells: Sequence[str], at: tuple[float, float], style: Style) -> None:
        with self.canv.structure.group("TR"):
            for index, text in enumerate(cells):
                self.put(text, (at[0] + 44 + index * 54, at[1]), style, align="right")
