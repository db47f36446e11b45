"""Counts as bars that can be clicked or reached by keyboard: each is a button with its figures in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QVBoxLayout, QWidget

from allstation.core.filters import FieldFilter
from allstation.core.statistics import Interval
from allstation.ui.browser.tile import facing, paint_chip
from allstation.ui.common import theme
from allstation.ui.common.formatting import number, percent, tip
from allstation.ui.common.i18n import tr

_GAP: Final = 8.0
_EDGE: Final = 6.0
_SMALL: Final = 0.88
_LINES: Final = 2.7
_BAR: Final = 8.0


@dataclass(frozen=True, slots=True)
class Bar:
    """Bar of a class share.

    Attributes:
        name: What is counted.
        count: How many fields.
        n: Among how many.
        where: Which fields these are.
        style: Class whose letter and colour it carries; empty for none.
        interval: 95 % interval of the fraction, where one is meant.
    """

    name: str
    count: int
    n: int
    where: FieldFilter = field(default_factory=FieldFilter)
    style: str = ""
    interval: Interval | None = None

    @property
    def share(self) -> float:
        """The fraction, 0 to 1."""
        return self.count / self.n if self.n else 0.0

    def spoken(self) -> str:
        """Return the bar in words."""
        words = tr(
            "{name}: {count} of {n} fields, {share}",
            name=self.name,
            count=number(self.count),
            n=number(self.n),
            share=percent(self.share),
        )
        if self.interval is not None:
            words += ", " + tr("95 % interval {interval}", interval=_interval_words(self.interval))
        return words


def _interval_words(interval: Interval) -> str:
    return tr("{low} to {high}", low=percent(interval.low), high=percent(interval.high))


class BarButton(QAbstractButton):
    """Draw a bar: name, count and fraction above, the bar with its interval below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = Bar("", 0, 0)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_bar(self, bar: Bar) -> None:
        """Show other figures."""
        self.bar = bar
        self.setText(bar.name)
        self.setAccessibleName(bar.spoken())
        self.setAccessibleDescription(tr("Shows these fields"))
        self.setToolTip(tip(f"{bar.spoken()}\n{tr('Click to show these fields')}"))
        self.setEnabled(bar.count > 0)
        self.update()

    def sizeHint(self) -> QSize:
        """Two lines and their air."""
        return QSize(240, round(QFontMetricsF(self.font()).height() * _LINES))

    def minimumSizeHint(self) -> QSize:
        """As high, and narrow enough for a slim panel."""
        return QSize(150, self.sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw ground, words and bar."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        scheme = theme.tokens(self.palette())
        self._paint_ground(painter, scheme)
        whole = QRectF(self.rect()).adjusted(_EDGE, 3, -_EDGE, -4)
        metrics = QFontMetricsF(self.font())
        line = QRectF(whole.left(), whole.top(), whole.width(), metrics.height() * 1.25)
        below = QRectF(whole.left(), line.bottom(), whole.width(), whole.bottom() - line.bottom())
        if self.bar.style:
            side = min(metrics.height() + 2, 20.0)
            chip = QRectF(line.left(), line.center().y() - side / 2, side, side)
            paint_chip(painter, facing(painter, line, chip), self.bar.style)
            line.setLeft(chip.right() + _GAP)
            line = facing(painter, whole, line)
        self._paint_words(painter, line, scheme)
        self._paint_bar(painter, below, scheme)
        painter.end()

    def _paint_ground(self, painter: QPainter, scheme: theme.Tokens) -> None:
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.isDown() or (self.underMouse() and self.isEnabled()):
            painter.setBrush(QColor(scheme.selection if self.isDown() else scheme.hover))
            painter.drawRoundedRect(box, 6, 6)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(scheme.accent), 1.6))
            painter.drawRoundedRect(box, 6, 6)

    def _paint_words(self, painter: QPainter, line: QRectF, scheme: theme.Tokens) -> None:
        strong = QFont(self.font())
        strong.setWeight(QFont.Weight.DemiBold)
        count = number(self.bar.count)
        share = f"  {percent(self.bar.share)}" if self.bar.n else ""
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(self.font())
        painter.setPen(QColor(scheme.muted))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | middle, share)
        taken = QFontMetricsF(self.font()).horizontalAdvance(share)
        rest = facing(painter, line, line.adjusted(0, 0, -taken, 0))
        painter.setFont(strong)
        painter.setPen(QColor(scheme.text if self.isEnabled() else scheme.muted))
        painter.drawText(rest, Qt.AlignmentFlag.AlignRight | middle, count)
        room = rest.width() - QFontMetricsF(strong).horizontalAdvance(count) - _GAP
        painter.setFont(self.font())
        name = QFontMetricsF(self.font()).elidedText(self.bar.name, Qt.TextElideMode.ElideRight, room)
        painter.drawText(rest, Qt.AlignmentFlag.AlignLeft | middle, name)

    def _paint_bar(self, painter: QPainter, below: QRectF, scheme: theme.Tokens) -> None:
        words = _interval_words(self.bar.interval) if self.bar.interval is not None and self.bar.n else ""
        small = QFont(self.font())
        small.setPointSizeF(max(small.pointSizeF() * _SMALL, 6.0))
        painter.setFont(small)
        painter.setPen(QColor(scheme.muted))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
        taken = QFontMetricsF(small).horizontalAdvance(words) + _GAP if words else 0.0
        track = QRectF(below.left(), below.center().y() - _BAR / 2, below.width() - taken, _BAR)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(scheme.track))
        painter.drawRoundedRect(facing(painter, below, track), _BAR / 2, _BAR / 2)
        colour = theme.class_colour(self.bar.style) if self.bar.style else QColor(scheme.accent)
        filled = QRectF(track)
        filled.setWidth(track.width() * self.bar.share)
        if filled.width() > 1:
            painter.setBrush(colour)
            painter.drawRoundedRect(facing(painter, below, filled), min(_BAR, filled.width()) / 2, _BAR / 2)
        if self.bar.interval is not None and self.bar.n:
            _paint_interval(painter, below, track, self.bar.interval, colour=QColor(scheme.text))


def _paint_interval(
    painter: QPainter, outer: QRectF, track: QRectF, interval: Interval, *, colour: QColor
) -> None:
    """Draw a whisker from the lower to the upper end of an interval."""
    low = track.left() + track.width() * interval.low
    high = track.left() + track.width() * interval.high
    span = facing(painter, outer, QRectF(low, track.top() - 2, high - low, track.height() + 4))
    middle = track.center().y()
    painter.setPen(QPen(colour, 1.3))
    painter.drawLine(QPointF(span.left(), middle), QPointF(span.right(), middle))
    for x in (span.left(), span.right()):
        painter.drawLine(QPointF(x, span.top() + 1), QPointF(x, span.bottom() - 1))


class ShareBars(QWidget):
    """Bars one below the other.

    Signals:
        chosen: The :class:`FieldFilter` of a bar that was clicked.
    """

    chosen = Signal(object)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._buttons: list[BarButton] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)

    def set_bars(self, bars: Sequence[Bar]) -> None:
        """Show these bars; buttons stay, so that the keyboard stays where it is."""
        while len(self._buttons) < len(bars):
            button = BarButton(self)
            button.clicked.connect(self._clicked)
            self._buttons.append(button)
            self._column.addWidget(button)
        for number_, button in enumerate(self._buttons):
            if number_ < len(bars):
                button.set_bar(bars[number_])
            button.setVisible(number_ < len(bars))
        self.setVisible(bool(bars))

    def bars(self) -> list[Bar]:
        """Return what is shown."""
        return [button.bar for button in self._buttons if not button.isHidden()]

    def _clicked(self) -> None:
        button = self.sender()
        if isinstance(button, BarButton):
            self.chosen.emit(button.bar.where)
