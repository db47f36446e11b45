"""Learning curve: balanced accuracy by cross-validation over the number of typed cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from allstation.store.site.commissioning_record import CurvePoint
from allstation.ui.common import theme
from allstation.ui.common.formatting import number, percent
from allstation.ui.common.i18n import tr

_HEIGHT: Final = 132
_LOWEST: Final = 0.4
"""Bottom of the axis: chance of two types lies at 0.5; it goes down to 0 where a value is lower."""
_MARK: Final = 3.5
_WHISKER: Final = 3.0
_GAP: Final = 8.0


class LearningCurve(QWidget):
    """Draws the points with their 95 % intervals, and the wanted limit as a dashed line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: tuple[CurvePoint, ...] = ()
        self._wanted = 0.9
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Learning curve"))

    def show_points(self, points: Sequence[CurvePoint], *, wanted: float) -> None:
        """Show other points, in the order of cells.

        Args:
            points: The points.
            wanted: Limit that is to be reached, 0 to 1.
        """
        self._points, self._wanted = tuple(points), wanted
        steps = [
            tr("{n} cells {share}", n=number(one.cells), share=percent(one.value, digits=0)) for one in points
        ]
        self.setAccessibleDescription(", ".join(steps))
        self.update()

    def points(self) -> tuple[CurvePoint, ...]:
        """Return what is shown."""
        return self._points

    def sizeHint(self) -> QSize:
        """Return a small picture's size."""
        unit = QFontMetricsF(self.font()).height()
        return QSize(round(unit * 14), max(_HEIGHT, round(unit * 7)))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw axes, limit, intervals, line and points."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        scheme = theme.tokens(self.palette())
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 0.88)
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        left = metrics.horizontalAdvance(percent(1.0, digits=0)) + 8
        box = QRectF(self.rect()).adjusted(left, metrics.height() * 0.6, -10, -metrics.height() - 6)
        ends = [end for one in self._points for end in (one.value, one.low) if end is not None]
        bottom = 0.0 if min(ends, default=1.0) < _LOWEST else _LOWEST
        most = max((one.cells for one in self._points), default=1)
        first = min((one.cells for one in self._points), default=0)
        span = max(most - first, 1)

        def place(cells: float, value: float) -> QPointF:
            share = (cells - first) / span if len(self._points) > 1 else 0.5
            return QPointF(box.left() + share * box.width(), _height(box, value, bottom))

        self._paint_axes(painter, box, bottom, scheme)
        if self._points:
            marks = [(one.cells, place(one.cells, bottom).x()) for one in self._points]
            self._paint_cells(painter, box, marks)
        for one in self._points:
            if one.low is not None and one.high is not None:
                _paint_whisker(painter, place(one.cells, one.low), place(one.cells, one.high), scheme)
        line = [place(one.cells, one.value) for one in self._points]
        painter.setPen(QPen(QColor(scheme.accent), 2))
        painter.drawPolyline(QPolygonF(line))
        painter.setBrush(QColor(scheme.accent))
        painter.setPen(Qt.PenStyle.NoPen)
        for point in line:
            painter.drawEllipse(point, _MARK, _MARK)
        painter.end()

    def _paint_axes(self, painter: QPainter, box: QRectF, bottom: float, scheme: theme.Tokens) -> None:
        metrics = QFontMetricsF(painter.font())
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for value in (bottom, (1 + bottom) / 2, 1.0):
            y = _height(box, value, bottom)
            painter.setPen(QColor(scheme.border))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(QColor(scheme.muted))
            label = QRectF(0, y - metrics.height() / 2, box.left() - 6, metrics.height())
            painter.drawText(label, right, percent(value, digits=0))
        pen = QPen(QColor(scheme.warning), 1.4)
        pen.setDashPattern([4.0, 3.0])
        painter.setPen(pen)
        y = _height(box, self._wanted, bottom)
        painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
        painter.setPen(QColor(scheme.muted))
        words = QRectF(box.left(), y + 1, box.width(), metrics.height())
        painter.drawText(words, right, tr("wanted as lower limit"))

    @staticmethod
    def _paint_cells(painter: QPainter, box: QRectF, marks: Sequence[tuple[int, float]]) -> None:
        """Write the numbers of cells below the points, as many as have room."""
        metrics = QFontMetricsF(painter.font())
        baseline, taken = box.bottom() + metrics.height(), box.left()
        last = tr("{n} cells", n=number(marks[-1][0]))
        width = metrics.horizontalAdvance(last)
        end = min(marks[-1][1] - width / 2, box.right() - width)
        painter.drawText(QPointF(end, baseline), last)
        for cells, x in marks[:-1]:
            text = number(cells)
            width = metrics.horizontalAdvance(text)
            start = max(x - width / 2, box.left())
            if start >= taken and start + width + _GAP <= end:
                painter.drawText(QPointF(start, baseline), text)
                taken = start + width + _GAP


def _height(box: QRectF, value: float, bottom: float) -> float:
    return box.bottom() - (value - bottom) / (1 - bottom) * box.height()


def _paint_whisker(painter: QPainter, low: QPointF, high: QPointF, scheme: theme.Tokens) -> None:
    painter.setPen(QPen(QColor(scheme.muted), 1.2))
    painter.drawLine(low, high)
    for end in (low, high):
        painter.drawLine(end - QPointF(_WHISKER, 0), end + QPointF(_WHISKER, 0))
