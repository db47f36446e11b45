"""Horizontal bars with their numbers written beside them: counts per class, probes against chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from allstation.ui.common import theme
from allstation.ui.viewer.card import paint_chip
from allstation.ui.viewer.card_content import Mark

_PITCH: Final = 1.75
_GAP: Final = 9.0


@dataclass(frozen=True, slots=True)
class Bar:
    """Bar of the chart.

    Attributes:
        name: Text before the bar.
        share: Length, 0 to 1 of the room.
        text: Number after the bar.
        mark: Letter and colour of a class, if it stands for one.
        tick: Share at which a reference line crosses the bar, or None.
        alarming: Drawn in the colour of warnings; the text must say so too.
    """

    name: str
    share: float
    text: str
    mark: Mark | None = None
    tick: float | None = None
    alarming: bool = False


class BarChart(QWidget):
    """Bars, one a line. The same is there as text for screen readers.

    Signals:
        clicked: Name of a bar.
    """

    clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bars: tuple[Bar, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_bars(self, bars: Sequence[Bar]) -> None:
        """Show these bars."""
        self._bars = tuple(bars)
        self.setAccessibleDescription(", ".join(f"{bar.name} {bar.text}" for bar in bars))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """As high as the bars."""
        return QSize(260, round(self._pitch() * len(self._bars)))

    def minimumSizeHint(self) -> QSize:
        """Narrower, but as high."""
        return QSize(180, self.sizeHint().height())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell which bar was clicked."""
        index = int(event.position().y() / self._pitch())
        if 0 <= index < len(self._bars) and self.rect().contains(event.position().toPoint()):
            self.clicked.emit(self._bars[index].name)

    def _pitch(self) -> float:
        return QFontMetricsF(self.font()).height() * _PITCH

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the bars."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # As charts are in every language: figures with brackets would be turned round otherwise.
        painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        metrics = QFontMetricsF(self.font())
        names = max((metrics.horizontalAdvance(bar.name) for bar in self._bars), default=0.0) + 2
        texts = max((metrics.horizontalAdvance(bar.text) for bar in self._bars), default=0.0) + 2
        for index, bar in enumerate(self._bars):
            line = QRectF(0, index * self._pitch(), self.width(), self._pitch() - 6)
            self._paint(painter, line, bar, names=names, texts=texts)
        painter.end()

    def _paint(self, painter: QPainter, line: QRectF, bar: Bar, *, names: float, texts: float) -> None:
        scheme = theme.tokens(self.palette())
        left = line.x()
        if bar.mark is not None:
            font = painter.font()
            font.setBold(True)
            paint_chip(painter, QRectF(left, line.y(), line.height(), line.height()), bar.mark, font)
            left += line.height() + _GAP
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(self.font())
        painter.setPen(QColor(scheme.text))
        painter.drawText(QRectF(left, line.y(), names, line.height()), int(middle), bar.name)
        right = QRectF(line.right() - texts, line.y(), texts, line.height())
        painter.drawText(right, int(middle | Qt.AlignmentFlag.AlignRight), bar.text)
        track = QRectF(left + names + _GAP, line.center().y() - 4, 0, 8)
        track.setRight(right.left() - _GAP)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(scheme.track))
        painter.drawRoundedRect(track, 4, 4)
        colour = bar.mark.colour if bar.mark else scheme.warning if bar.alarming else scheme.accent
        filled = QRectF(track)
        filled.setWidth(max(track.width() * min(bar.share, 1.0), 2.0))
        painter.setBrush(QColor(colour))
        painter.drawRoundedRect(filled, min(4.0, filled.width() / 2), 4)
        if bar.tick is not None:
            x = track.x() + track.width() * bar.tick
            painter.setPen(QPen(QColor(scheme.text), 1.5))
            painter.drawLine(QPointF(x, track.top() - 4), QPointF(x, track.bottom() + 4))
