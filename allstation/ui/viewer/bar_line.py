"""Line that a person draws along a bar of known length, over a field."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from allstation.ui.common.i18n import tr
from allstation.ui.viewer.canvas import FieldCanvas
from allstation.ui.viewer.scale_bar import paint_line

_SHORTEST: Final = 4.0
"""Field pixels; less is a click."""
_END: Final = 9.0
_HINT_TOP: Final = 48.0
"""Below the badge of the field's class."""
_DARK: Final = QColor(0, 0, 0, 200)
_LIGHT: Final = QColor(255, 214, 10)


class BarLine(QWidget):
    """Covers a canvas while a line is drawn: press at one end, release at the other.

    Signals:
        drawn: Length in pixels of the field.
    """

    drawn = Signal(float)

    def __init__(self, canvas: FieldCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._from: QPointF | None = None
        self._to: QPointF | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName(tr("Line along a bar of known length"))
        self.setObjectName("bar-line")
        canvas.installEventFilter(self)
        self.hide()

    def begin(self) -> None:
        """Wait for a line."""
        self._from = self._to = None
        self.setGeometry(self._canvas.rect())
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def end(self) -> None:
        """Let the canvas have the mouse again."""
        if self.isVisible():
            self.hide()
            self._canvas.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_line(self, start: QPointF, end: QPointF) -> None:
        """Show a line between two points of the canvas."""
        self._from, self._to = start, end
        self.update()

    def length(self) -> float:
        """Return the length of the line in pixels of the field; 0 without one."""
        view = self._canvas.view
        if view is None or self._from is None or self._to is None:
            return 0.0
        along = view.to_image(self._to) - view.to_image(self._from)
        return float((along.x() ** 2 + along.y() ** 2) ** 0.5)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay as large as the canvas; a line over another part of the field is none."""
        if watched is self._canvas and event.type() == QEvent.Type.Resize and self.isVisible():
            self.begin()
        return False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Set one end."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.show_line(event.position(), event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the other end."""
        if self._from is not None:
            self.show_line(self._from, event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Take the line."""
        if self._from is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        self._to = event.position()
        length = self.length()
        if length < _SHORTEST:
            self._from = self._to = None
            self.update()
            return
        self.end()
        self.drawn.emit(length)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape ends it."""
        if event.key() == Qt.Key.Key_Escape:
            self.end()
            return
        super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the line with an upright stroke at each end and its length; before it, what to do."""
        painter = QPainter(self)
        if self._from is None or self._to is None:
            self._paint_hint(painter)
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        up = QPointF(0, _END)
        for colour, width in ((_DARK, 4.0), (_LIGHT, 2.0)):
            painter.setPen(QPen(colour, width))
            painter.drawLine(self._from, self._to)
            for end in (self._from, self._to):
                painter.drawLine(end - up, end + up)
        text = tr("{n} pixels", n=f"{self.length():.0f}")
        paint_line(painter, self._to + QPointF(_END, -_END), text, self.font())
        painter.end()

    def _paint_hint(self, painter: QPainter) -> None:
        # At the top: bars are burnt in at the bottom, where a notification would cover them.
        text = tr("Draw along the bar, from one end to the other. Escape stops.")
        metrics = QFontMetricsF(self.font())
        left = max(0.0, (self.width() - metrics.horizontalAdvance(text)) / 2)
        paint_line(painter, QPointF(left, _HINT_TOP + 2 * metrics.height()), text, self.font())
