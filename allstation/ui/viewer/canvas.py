"""Canvas of one field: paints a scene and does what wheel, fingers, mouse and keys ask of it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QGestureEvent, QPinchGesture, QWidget

from allstation.ui.common import theme
from allstation.ui.common.focus_filters import KeyRepeat
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.geometry import RelativeView, View
from allstation.ui.viewer.scene import Scene
from allstation.ui.viewer.visibility import VisibilityTracker, identity, message_key

_NOTCH: Final = 1.25
_NOTCH_ANGLE: Final = 120.0
_STEP: Final = 1.4
_PATIENCE: Final = 180
"""Milliseconds before *Loading…* is written: most fields come sooner, and a flash is worse than nothing."""


class FieldCanvas(QWidget):
    """Paints a scene; wheel and pinch zoom at the cursor, a drag pans.

    Signals:
        view_changed: The shown part changed; carries the zoom in device pixels per field pixel.
        moved_by_hand: As above, but only when the person did it: for a linked canvas.
        space_tapped: Space was pressed and released without a drag.
        clicked: The field was clicked, and not dragged: x and y as shares of its width and height, and
            whether Ctrl or Shift was held.
        tool_ended: Escape was pressed while a click would have done something.

    Attributes:
        scene: What is painted.
        visibility: How long the field's pixels, or the sentence in their place, have been on the screen.
    """

    view_changed = Signal(float)
    moved_by_hand = Signal()
    space_tapped = Signal()
    clicked = Signal(float, float, bool)
    tool_ended = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scene = Scene()
        self.visibility = VisibilityTracker(self)
        self._view: View | None = None
        self._message = ""
        self._waiting = False
        self._drag: QPointF | None = None
        self._pressed: QPointF | None = None
        self._tool = False
        self._space = False
        self._repeat = KeyRepeat()
        self._dragged = False
        self._loading = QTimer(self, singleShot=True, interval=_PATIENCE)
        self._loading.timeout.connect(self._patience_ended)
        self.setMinimumSize(160, 120)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.grabGesture(Qt.GestureType.PinchGesture)
        self.setAccessibleName(tr("Field"))
        self._update_cursor()

    # What is shown ---------------------------------------------------------------------------

    @property
    def view(self) -> View | None:
        """Rectangle of the field; None while there is none."""
        return self._view

    @property
    def zoom(self) -> float:
        """Device pixels per field pixel; 0 without a field."""
        return self._view.scale * self.devicePixelRatioF() if self._view else 0.0

    @property
    def message(self) -> str:
        """The sentence shown instead of a field, if any."""
        return self._message

    def show_message(self, text: str) -> None:
        """Say something in the middle, in place of a field."""
        self._loading.stop()
        self._waiting = False
        self._message = text
        self._describe()
        self.update()

    def wait(self) -> None:
        """The picture is being read; say so only if it takes noticeably long."""
        self._message = ""
        self._waiting = False
        self._loading.start()
        self._describe()
        self.update()

    def picture_changed(self, keep: RelativeView | None) -> None:
        """Show the scene's new picture.

        Args:
            keep: View to carry over; None shows the whole field.
        """
        self._loading.stop()
        self._waiting = False
        self._message = ""
        picture = self.scene.picture
        if picture is None:
            self._view = None
        else:
            size = QSizeF(picture.size)
            room = QSizeF(self.size())
            self._view = View.from_relative(keep, size, room) if keep else View.fitted(size, room)
        self._after_change()

    def relative_view(self) -> RelativeView | None:
        """Return what another canvas needs to show the same part."""
        return self._view.relative() if self._view else None

    def set_relative_view(self, relative: RelativeView) -> None:
        """Show the same part as another canvas."""
        if self._view is not None:
            self._view = View.from_relative(relative, self._view.image, self._view.canvas)
            self._after_change()

    def refresh(self) -> None:
        """Paint again after a change of the layers."""
        self._describe()
        self.update()

    # Zoom ------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Show the whole field."""
        if self._view is not None:
            self._move(View.fitted(self._view.image, self._view.canvas))

    def actual_size(self, at: QPointF | None = None) -> None:
        """Show one field pixel as one device pixel."""
        if self._view is not None:
            self._move(self._view.scaled_to(1.0 / self.devicePixelRatioF(), at=at))

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom and keep what lies under ``at``, or the middle, in place."""
        if self._view is not None:
            self._move(self._view.scaled_to(self._view.scale * factor, at=at))

    def zoom_in(self) -> None:
        """Zoom in by one step."""
        self.zoom_by(_STEP)

    def zoom_out(self) -> None:
        """Zoom out by one step."""
        self.zoom_by(1 / _STEP)

    def _move(self, view: View) -> None:
        self._view = view
        self._after_change()
        self.moved_by_hand.emit()

    def _after_change(self) -> None:
        self._describe()
        self.update()
        self.view_changed.emit(self.zoom)

    def _describe(self) -> None:
        self.setAccessibleDescription(self._message or self.scene.description())

    def _patience_ended(self) -> None:
        self._waiting = True
        self.update()

    # Painting --------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint ground, field and layers, or the message."""
        scheme = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(scheme.canvas))
        painted = False
        if self._message or self.scene.picture is None:
            text = self._message or (tr("Loading…") if self._waiting else "")
            self._paint_message(painter, text, QColor(scheme.muted))
        elif self._view is not None:
            painted = self.scene.paint(painter, self._view, self.font(), self.devicePixelRatioF())
        self._note_visibility(pixels=painted)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(QColor(scheme.accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _note_visibility(self, *, pixels: bool) -> None:
        record = self.scene.record
        if record is None or not (pixels or self._message):
            self.visibility.painted(())
        else:
            self.visibility.painted({identity(record) if pixels else message_key(record)})

    def _paint_message(self, painter: QPainter, text: str, colour: QColor) -> None:
        font = QFont(self.font())
        font.setPointSizeF(max(font.pointSizeF(), 8.0) * 1.1)
        painter.setFont(font)
        painter.setPen(colour)
        room = self.rect().adjusted(30, 60, -30, -60)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), text)
        record = self.scene.record
        # What the middle says already is not said again in the corner.
        if record is not None and (not self._message or record.prediction is not None or record.review):
            self.scene.paint_notes(painter, QSizeF(self.size()), self.font(), scale=None)

    # Events ----------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep a fitted field fitted."""
        super().resizeEvent(event)
        if self._view is not None:
            self._view = self._view.resized(QSizeF(self.size()))
            self._after_change()

    def hideEvent(self, event: QHideEvent) -> None:
        """What is hidden is not looked at."""
        self.visibility.hidden()
        super().hideEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the cursor."""
        turn = event.angleDelta().y() or event.angleDelta().x()
        if turn and self._view is not None:
            self.zoom_by(_NOTCH ** (turn / _NOTCH_ANGLE), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Start a drag: left or middle button."""
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._drag = event.position()
            self._pressed = self._drag if event.button() is Qt.MouseButton.LeftButton else None
            self._update_cursor()
            event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pan."""
        if self._drag is None or self._view is None:
            return
        if self._pressed is not None:
            if (event.position() - self._pressed).manhattanLength() < QApplication.startDragDistance():
                return
            self._pressed = None
        delta = event.position() - self._drag
        self._drag = event.position()
        self._dragged = True
        self._move(self._view.panned(delta))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag, or take a click."""
        pressed, self._drag, self._pressed = self._pressed, None, None
        self._update_cursor()
        if pressed is not None and self._view is not None and self.scene.picture is not None:
            at, size = self._view.to_image(event.position()), self._view.image
            held = event.modifiers() & (
                Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
            )
            self.clicked.emit(at.x() / size.width(), at.y() / size.height(), bool(held))

    @property
    def has_tool(self) -> bool:
        """Whether the next click does something to the field."""
        return self._tool

    def set_tool(self, on: bool) -> None:
        """Show that the next click does something to the field."""
        self._tool = on
        self._update_cursor()

    def look_at(self, area: QRectF) -> None:
        """Bring a part of the field, in shares of width and height, to the middle, at a fair size."""
        if self._view is not None:
            self._move(self._view.looking_at(area))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Switch between the whole field and its pixels."""
        if self._view is not None and event.button() is Qt.MouseButton.LeftButton:
            if self._view.is_fitted:
                self.actual_size(event.position())
            else:
                self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space held turns the pointer into a hand."""
        if event.key() == Qt.Key.Key_Space:
            if not self._repeat.is_repeat(event):
                self._space, self._dragged = True, False
                self._update_cursor()
            return
        if event.key() == Qt.Key.Key_Escape and self._tool:
            self.tool_ended.emit()
            return
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """A space that dragged nothing is passed on as the key it is elsewhere in the window."""
        if event.key() == Qt.Key.Key_Space:
            self._repeat.released(event)
            if not event.isAutoRepeat() and self._space:
                self._space = False
                self._update_cursor()
                if not self._dragged:
                    self.space_tapped.emit()
            return
        super().keyReleaseEvent(event)

    def event(self, event: QEvent) -> bool:
        """Keep the space key for the hand; take pinches from touch pads and screens."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            if event.key() == Qt.Key.Key_Space and not event.modifiers():
                event.accept()
                return True
        elif isinstance(event, QNativeGestureEvent):
            if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
                self.zoom_by(1.0 + event.value(), event.position())
                return True
        elif isinstance(event, QGestureEvent):
            return self._pinch(event)
        return super().event(event)

    def _pinch(self, event: QGestureEvent) -> bool:
        gesture = event.gesture(Qt.GestureType.PinchGesture)
        if not isinstance(gesture, QPinchGesture):
            return False
        at = self.mapFromGlobal(gesture.centerPoint().toPoint())
        self.zoom_by(gesture.scaleFactor(), QPointF(QPoint(at)))
        return True

    def _update_cursor(self) -> None:
        if self._drag is not None:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self._space:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        elif self._tool:
            self.setCursor(Qt.CursorShape.CrossCursor)
        else:
            self.unsetCursor()
