"""Tally of a count: how many cells of each type, their shares with intervals, what stands beside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from allstation.core.cell_types import CellType, Counts, type_of
from allstation.core.differential import Differential, TypeCount
from allstation.ui.browser.tile import facing
from allstation.ui.cells.tile import paint_type_chip
from allstation.ui.common import theme
from allstation.ui.common.formatting import number, percent, together
from allstation.ui.common.i18n import tr

_GAP: Final = 8.0
_AIR: Final = 8


@dataclass(frozen=True, slots=True)
class TallyRow:
    """Cells of one type.

    Attributes:
        kind: The type.
        count: Cells.
        share: With its exact interval; None until it is worked out, and for what is not counted.
    """

    kind: CellType
    count: int
    share: TypeCount | None = None


def rows_of(
    counts: Mapping[str, int], types: Sequence[CellType], found: Differential | None = None
) -> list[TallyRow]:
    """Return the lines of a count: white cells, what stands beside, what does not count.

    Args:
        counts: Cells by the key of the type.
        types: The laboratory's list; types that it lacks follow, as far as there are cells of them.
        found: Shares, where they were worked out for these counts.
    """
    known = {kind.key for kind in types}
    others = [type_of(types, key) for key in sorted(counts.keys() - known) if counts[key]]
    shares = {} if found is None else {one.type.key: one for one in (*found.white, *found.beside)}
    kinds = [kind for group in Counts for kind in (*types, *others) if kind.counts is group]
    return [TallyRow(kind, counts.get(kind.key, 0), shares.get(kind.key)) for kind in kinds]


class TallyView(QWidget):
    """Shows a line for each type: key, name, count, share with its interval."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[TallyRow, ...] = ()
        self._latest = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setAccessibleName(tr("Tally"))

    def show_rows(self, rows: Sequence[TallyRow], *, latest: str) -> None:
        """Show other counts.

        Args:
            rows: White cells first, then what stands beside, then what does not count.
            latest: Key of the type that was given last, which is marked.
        """
        self._rows, self._latest = tuple(rows), latest
        said = [f"{tr(row.kind.name)} {row.count}" for row in rows if row.count]
        self.setAccessibleDescription(", ".join(said))
        self.updateGeometry()
        self.update()

    def rows(self) -> tuple[TallyRow, ...]:
        """Return what is shown."""
        return self._rows

    def _line(self) -> int:
        return round(QFontMetricsF(self.font()).height()) + _AIR

    def sizeHint(self) -> QSize:
        """Return the height of all lines."""
        letter = QFontMetricsF(self.font()).averageCharWidth()
        return QSize(round(letter * 58), self._line() * len(self._rows) + 2 * _AIR)

    def minimumSizeHint(self) -> QSize:
        """Return the least: every line is to be seen."""
        letter = QFontMetricsF(self.font()).averageCharWidth()
        return QSize(round(letter * 48), self.sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the lines, with a rule before what is not one of the white cells."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        scheme, top = theme.tokens(self.palette()), 0.0
        painter.fillRect(self.rect(), QColor(scheme.panel))
        before = Counts.WHITE
        for row in self._rows:
            if row.kind.counts is not before:
                before = row.kind.counts
                painter.setPen(QColor(scheme.border))
                painter.drawLine(0, round(top + _AIR / 2), self.width(), round(top + _AIR / 2))
                top += _AIR
            self._paint_row(painter, QRectF(0, top, self.width(), self._line()), row, scheme)
            top += self._line()
        painter.end()

    def _paint_row(self, painter: QPainter, rect: QRectF, row: TallyRow, scheme: theme.Tokens) -> None:
        if row.kind.key == self._latest:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(scheme.selection))
            painter.drawRoundedRect(rect.adjusted(0, 1, 0, -1), 4, 4)
        metrics = QFontMetricsF(self.font())
        side = round(metrics.height())
        inner = rect.adjusted(6, 0, -6, 0)
        painter.setFont(self.font())
        chip = QRectF(inner.left(), inner.center().y() - side / 2, side, side)
        paint_type_chip(painter, facing(painter, rect, chip), row.kind, text=QColor(scheme.text))
        counts = metrics.horizontalAdvance("0000") + _GAP
        words = metrics.horizontalAdvance("100.0 % (88.8 to 100.0 %)") + _GAP
        name = inner.adjusted(side + _GAP, 0, -counts - words, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(scheme.text if row.count else scheme.muted))
        elided = metrics.elidedText(tr(row.kind.name), Qt.TextElideMode.ElideRight, name.width())
        painter.drawText(facing(painter, rect, name), middle | Qt.AlignmentFlag.AlignLeft, elided)
        strong = QFont(self.font())
        strong.setBold(bool(row.count))
        painter.setFont(strong)
        box = QRectF(inner.right() - counts - words, inner.top(), counts - _GAP, inner.height())
        painter.drawText(facing(painter, rect, box), middle | Qt.AlignmentFlag.AlignRight, number(row.count))
        painter.setFont(self.font())
        end = QRectF(inner.right() - words + _GAP, inner.top(), words - _GAP, inner.height())
        painter.setPen(QColor(scheme.muted))
        painter.drawText(facing(painter, rect, end), middle | Qt.AlignmentFlag.AlignRight, share_words(row))


def share_words(row: TallyRow) -> str:
    """Return the share with its interval, or what stands in its place; empty without cells."""
    if not row.count:
        return ""
    if row.kind.counts is Counts.NO:
        return tr("not counted")
    if row.share is None or not math.isfinite(row.share.share):
        return "…"
    if row.kind.counts is Counts.BESIDE:
        return tr("{n} per 100", n=together(f"{row.share.per_hundred:.1f}"))
    low, high = (f"{100 * end:.1f}" for end in (row.share.interval.low, row.share.interval.high))
    return tr("{share} ({low} to {high} %)", share=percent(row.share.share), low=low, high=high)
