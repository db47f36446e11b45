"""Base class of the canvases of a field and of a slide: zoom, wheel, pinch, panning, a message instead."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QPointF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QImage,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QGestureEvent, QPinchGesture, QWidget

from allstation.ui.common import theme
from allstation.ui.viewer.geometry import View

STEP: Final = 1.4
"""Factor of one step of zoom."""
_NOTCH: Final = 1.25
_NOTCH_ANGLE: Final = 120.0


class ZoomCanvas(QWidget):
    """Shows a part of something large; wheel and pinch zoom at the cursor, a drag pans.

    Signals:
        view_changed: The shown part changed; carries the zoom in device pixels per pixel of the image.
        tool_ended: Escape was pressed while a click would have done something.
    """

    view_changed = Signal(float)
    tool_ended = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view: View | None = None
        self._message = ""
        self._drag: QPointF | None = None
        self._pressed: QPointF | None = None
        self.setMinimumSize(160, 120)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.grabGesture(Qt.GestureType.PinchGesture)
        self.setAccessibleName(name)

    @property
    def view(self) -> View | None:
        """Rectangle of the image on the canvas; None without an image."""
        return self._view

    @property
    def zoom(self) -> float:
        """Device pixels per pixel of the image; 0 without one."""
        return self._view.scale * self.devicePixelRatioF() if self._view else 0.0

    @property
    def message(self) -> str:
        """The sentence shown instead of the image, if any."""
        return self._message

    # Zoom ------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Show the whole image."""
        if self._view is not None:
            self._move(View.fitted(self._view.image, self._view.canvas))

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom and keep what lies under ``at``, or the middle, in place."""
        if self._view is not None:
            self._move(self._view.scaled_to(self._view.scale * factor, at=at))

    def zoom_in(self) -> None:
        """Zoom in by one step."""
        self.zoom_by(STEP)

    def zoom_out(self) -> None:
        """Zoom out by one step."""
        self.zoom_by(1 / STEP)

    def _move(self, view: View) -> None:
        self._view = view
        self._after_change()

    def _after_change(self) -> None:
        self.update()
        self.view_changed.emit(self.zoom)

    # Painting --------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the ground, what :meth:`paint_image` paints, and the frame of the focus."""
        scheme = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(scheme.canvas))
        self.paint_image(painter, QColor(scheme.muted))
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(QColor(scheme.accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def paint_image(self, painter: QPainter, muted: QColor) -> None:
        """Paint the image and what lies over it, or the message in a muted colour."""
        raise NotImplementedError

    def paint_text(self, painter: QPainter, text: str, colour: QColor) -> None:
        """Paint a sentence in the middle."""
        font = QFont(self.font())
        font.setPointSizeF(max(font.pointSizeF(), 8.0) * 1.1)
        painter.setFont(font)
        painter.setPen(colour)
        room = self.rect().adjusted(30, 60, -30, -60)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), text)

    def blank_copy(self, *, foot: int) -> QImage:
        """Return an empty image of the canvas at the screen's resolution, for a copy of what is shown.

        Args:
            foot: Logical pixels more below.
        """
        ratio = self.devicePixelRatioF()
        image = QImage((self.size() + QSize(0, foot)) * ratio, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(ratio)
        return image

    # Events ----------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep a fitted image fitted."""
        super().resizeEvent(event)
        if self._view is not None:
            self._view = self._view.resized(QSizeF(self.size()))
            self._after_change()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the cursor."""
        turn = event.angleDelta().y() or event.angleDelta().x()
        if turn and self._view is not None:
            self.zoom_by(_NOTCH ** (turn / _NOTCH_ANGLE), event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Take pinches from touch pads and screens."""
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
                self.zoom_by(1.0 + event.value(), event.position())
                return True
        elif isinstance(event, QGestureEvent):
            gesture = event.gesture(Qt.GestureType.PinchGesture)
            if isinstance(gesture, QPinchGesture):
                at = self.mapFromGlobal(gesture.centerPoint().toPoint())
                self.zoom_by(gesture.scaleFactor(), QPointF(at))
                return True
        return super().event(event)

    def _begin_drag(self, event: QMouseEvent) -> bool:
        """Begin a drag with the left or middle button, and tell whether it was one of them."""
        if event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            return False
        self._drag = event.position()
        self._pressed = self._drag if event.button() is Qt.MouseButton.LeftButton else None
        event.accept()
        return True

    def _is_dragging(self, event: QMouseEvent) -> bool:
        """Tell whether the pointer went so far that a press is no click any more."""
        if self._drag is None:
            return False
        if self._pressed is not None:
            if (event.position() - self._pressed).manhattanLength() < QApplication.startDragDistance():
                return False
            self._pressed = None
        return True

    def _pan(self, event: QMouseEvent) -> None:
        """Move the image along with the pointer."""
        if self._view is not None and self._drag is not None:
            delta = event.position() - self._drag
            self._drag = event.position()
            self._move(self._view.panned(delta))
