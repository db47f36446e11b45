"""Levey-Jennings chart: days of one metric between the limits of Westgard's rules."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from allstation.core.control_chart import Chart, ChartPoint
from allstation.core.westgard import Rule, limit_of
from allstation.ui.common import theme
from allstation.ui.common.formatting import number, tip
from allstation.ui.common.i18n import tr

SHOWN: Final = 40
"""Last days that are drawn."""
_HEIGHT: Final = 168
_MINUS: Final = "\N{MINUS SIGN}"
_DOT: Final = 3.6
_SMALL: Final = 0.86
_LINE: Final = 14.0
"""Height of a line of small text."""
_BEYOND: Final = 1.25
"""Share of the way to the outer limit that is drawn beyond it."""


class ChartView(QWidget):
    """Draws one chart; what a point is stands in its tip, and all of it in the accessible description."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chart: Chart | None = None
        self._charts = 1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def show_chart(self, chart: Chart, *, charts: int) -> None:
        """Show a chart.

        Args:
            chart: The chart.
            charts: Charts of the site, which the limits depend on.
        """
        self._chart, self._charts = chart, charts
        self.setAccessibleName(tr(chart.metric.name))
        self.setAccessibleDescription("; ".join(point_words(point) for point in self._points()[-5:]))
        self.update()

    def sizeHint(self) -> QSize:
        """High enough for a title and the limits."""
        return QSize(560, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        """As high, and narrow enough for a small window."""
        return QSize(320, _HEIGHT)

    def _points(self) -> tuple[ChartPoint, ...]:
        return self._chart.points[-SHOWN:] if self._chart is not None else ()

    def event(self, event: QEvent) -> bool:
        """Say what the point under the pointer is."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            for at, point in zip(self._places(), self._points(), strict=True):
                if abs(event.pos().x() - at.x()) < 2 * _DOT + 2:
                    QToolTip.showText(event.globalPos(), tip(point_words(point)), self)
                    return True
            QToolTip.hideText()
            return True
        return super().event(event)

    # Drawing

    def _area(self) -> QRectF:
        line = QFontMetricsF(self.font()).height()
        return QRectF(self.rect()).adjusted(58, line + 14, -46, -line - 10)

    def _range(self) -> tuple[float, float]:
        """Return the lowest and highest value drawn."""
        points = self._points()
        values = [point.value for point in points]
        if self._chart is not None and self._chart.reference is not None and points:
            found, n = self._chart.reference, points[-1].n
            outer = limit_of(Rule.ONE_3S, charts=self._charts)
            ends = [found.value_at(side * outer, n) for side in (-1, 1)]
            values += [found.centre + _BEYOND * (end - found.centre) for end in ends]
        low, high = min(values, default=0.0), max(values, default=1.0)
        room = (high - low) * 0.04 or 1.0
        return low - room, high + room

    def _places(self) -> list[QPointF]:
        area, points = self._area(), self._points()
        low, high = self._range()
        step = area.width() / max(len(points), 1)
        return [
            QPointF(
                area.left() + (place + 0.5) * step,
                area.bottom() - (point.value - low) / (high - low) * area.height(),
            )
            for place, point in enumerate(points)
        ]

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw title, limits, line and points."""
        chart = self._chart
        if chart is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        scheme = theme.tokens(self.palette())
        area = self._area()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(scheme.base))
        painter.drawRect(area)
        self._paint_title(painter, chart, scheme)
        if chart.reference is not None:
            self._paint_limits(painter, chart, area, scheme=scheme)
        self._paint_points(painter, area, scheme)
        painter.end()

    def _paint_title(self, painter: QPainter, chart: Chart, scheme: theme.Tokens) -> None:
        strong = QFont(self.font())
        strong.setWeight(QFont.Weight.DemiBold)
        painter.setFont(strong)
        painter.setPen(QColor(scheme.text))
        metrics = QFontMetricsF(strong)
        title = tr(chart.metric.name) + (f" ({tr(chart.metric.unit)})" if chart.metric.unit else "")
        top = QRectF(8, 4, self.width() - 16, metrics.height())
        painter.drawText(top, Qt.AlignmentFlag.AlignLeft, title)
        said = reference_words(chart)
        painter.setFont(self._small())
        painter.setPen(QColor(scheme.muted))
        room = top.adjusted(metrics.horizontalAdvance(title) + 16, 0, 0, 0)
        shown = QFontMetricsF(self._small()).elidedText(said, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, shown)

    def _small(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(max(font.pointSizeF() * _SMALL, 6.0))
        return font

    def _paint_limits(self, painter: QPainter, chart: Chart, area: QRectF, *, scheme: theme.Tokens) -> None:
        """Draw mean, warning limits (1-2s) and rejection limits (1-3s) for days like the last one."""
        found, points = chart.reference, self._points()
        if found is None or not points:
            return
        low, high = self._range()
        painter.setFont(self._small())
        lines = [(0.0, tr("mean"), scheme.muted, Qt.PenStyle.SolidLine)]
        for rule, colour, style in (
            (Rule.ONE_3S, scheme.danger, Qt.PenStyle.SolidLine),
            (Rule.WARNING, scheme.warning, Qt.PenStyle.DashLine),
        ):
            limit = limit_of(rule, charts=self._charts)
            lines += [(limit, str(rule), colour, style), (-limit, str(rule), colour, style)]
        taken: list[float] = []
        for score, name, colour, style in lines:
            value = found.value_at(score, points[-1].n) if score else found.centre
            y = area.bottom() - (value - low) / (high - low) * area.height()
            painter.setPen(QPen(QColor(colour), 1.0, style))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            if any(abs(y - other) < _LINE for other in taken):
                continue  # its text would cover another's
            taken.append(y)
            middle = Qt.AlignmentFlag.AlignVCenter
            right = QRectF(area.right() + 4, y - _LINE / 2, 42, _LINE)
            painter.drawText(right, Qt.AlignmentFlag.AlignLeft | middle, name)
            painter.setPen(QColor(scheme.muted))
            left = QRectF(0, y - _LINE / 2, area.left() - 6, _LINE)
            painter.drawText(left, Qt.AlignmentFlag.AlignRight | middle, _figure(value))

    def _paint_points(self, painter: QPainter, area: QRectF, scheme: theme.Tokens) -> None:
        points, places = self._points(), self._places()
        painter.setPen(QPen(QColor(scheme.muted), 1.1))
        for one, other in pairwise(places):
            painter.drawLine(one, other)
        for point, at in zip(points, places, strict=True):
            painter.setPen(QPen(QColor(scheme.base), 1.0))
            painter.setBrush(QColor(scheme.danger if point.rejected else scheme.accent))
            if point.in_reference:
                painter.setPen(QPen(QColor(scheme.accent), 1.4))
                painter.setBrush(QColor(scheme.base))
            if point.rejected:  # a square: told apart without its colour
                painter.drawRect(QRectF(at.x() - _DOT, at.y() - _DOT, 2 * _DOT, 2 * _DOT))
            else:
                painter.drawEllipse(at, _DOT, _DOT)
        painter.setFont(self._small())
        painter.setPen(QColor(scheme.muted))
        if points:
            below = QRectF(area.left(), area.bottom() + 3, area.width(), 18)
            painter.drawText(below, Qt.AlignmentFlag.AlignLeft, points[0].day)
            if len(points) > 1:
                painter.drawText(below, Qt.AlignmentFlag.AlignRight, points[-1].day)


def point_words(point: ChartPoint) -> str:
    """Return what a point is, in words."""
    words = tr("{day}: {value}, n = {n}", day=point.day, value=_figure(point.value), n=number(point.n))
    if point.in_reference:
        words += ", " + tr("of the reference")
    if math.isfinite(point.score):
        words += ", " + tr("score {score}", score=f"{point.score:+.2f}".replace("-", _MINUS))
    return f"{words}, {', '.join(point.rules)}" if point.rules else words


def _figure(value: float) -> str:
    return f"{value:.4g}".replace("-", _MINUS)


def reference_words(chart: Chart) -> str:
    """Return what the limits stand on, in words."""
    found = chart.reference
    if found is None:
        return tr("no limits yet: they take 20 fields of two days")
    if found.provisional:
        return tr("provisional limits: {n} of 20 days", n=number(found.days))
    return tr("reference: {days} days, {n} fields", days=number(found.days), n=number(found.fields))
