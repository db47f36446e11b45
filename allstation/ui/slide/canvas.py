"""Surface that a whole slide is painted on: wheel and pinch zoom, a drag pans, a click chooses a field."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
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
from allstation.ui.common.i18n import tr
from allstation.ui.slide.scene import SlideScene
from allstation.ui.slide.tools import EditTools, Tool
from allstation.ui.viewer.geometry import View

_NOTCH: Final = 1.25
_NOTCH_ANGLE: Final = 120.0
_STEP: Final = 1.4
_FINEST: Final = 8.0
"""Canvas units per pixel of level 0; beyond it nothing more is to be seen."""
_SETTLE: Final = 120
"""Milliseconds after the last change of the view until what is in view is asked for."""
_SLACK: Final = 4.0


class SlideCanvas(QWidget):
    """Paints a slide scene and moves over it.

    Signals:
        view_changed: Another part is shown.
        settled: The view has stayed for a moment.
        field_chosen: Id of a field that was clicked.
        field_opened: Id of a field that was double-clicked, or the current one by Enter.
        space_tapped: Space was pressed and released.
        tool_ended: Escape was pressed while a click would have done something.

    Attributes:
        scene: What is painted.
        tools: What clicks do while fields are edited.
    """

    view_changed = Signal()
    settled = Signal()
    field_chosen = Signal(int)
    field_opened = Signal(int)
    tool_ended = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scene = SlideScene()
        self.tools = EditTools(self.scene, self)
        self.tools.changed.connect(self.update)
        self._view: View | None = None
        self._message = ""
        self._drag: QPointF | None = None
        self._pressed: QPointF | None = None
        self._holding = False
        self._settling = QTimer(self, singleShot=True, interval=_SETTLE)
        self._settling.timeout.connect(self.settled)
        self.setMinimumSize(160, 120)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.grabGesture(Qt.GestureType.PinchGesture)
        self.setAccessibleName(tr("Whole slide"))

    # What is shown ---------------------------------------------------------------------------

    @property
    def view(self) -> View | None:
        """Rectangle of the slide; None while there is none."""
        return self._view

    @property
    def zoom(self) -> float:
        """Device pixels per pixel of level 0; 0 without a slide."""
        return self._view.scale * self.devicePixelRatioF() if self._view else 0.0

    @property
    def message(self) -> str:
        """The sentence shown instead of a slide, if any."""
        return self._message

    def show_slide(self) -> None:
        """Show the scene's slide as a whole."""
        self._message = ""
        size = self.scene.size
        self._view = None if size.isEmpty() else View.fitted(size, QSizeF(self.size()))
        self._after_change()

    def show_message(self, text: str) -> None:
        """Say something in the middle, in place of a slide."""
        self._message = text
        self._view = None
        self.setAccessibleDescription(text)
        self.update()

    # Zoom ------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Show the whole slide."""
        if self._view is not None:
            self._move(View.fitted(self._view.image, self._view.canvas))

    def actual_size(self) -> None:
        """Show one pixel of level 0 as one device pixel."""
        self.zoom_to(1.0)

    def zoom_to(self, zoom: float) -> None:
        """Show so many device pixels per pixel of level 0."""
        if self._view is not None:
            self.zoom_by(zoom / self.zoom)

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom and keep what lies under ``at``, or the middle, in place."""
        if self._view is not None:
            least = min(self._view.fit_scale, _FINEST)
            scale = min(max(self._view.scale * factor, least), _FINEST)
            self._move(self._view.scaled_to(scale, at=at))

    def zoom_in(self) -> None:
        """Zoom in by one step."""
        self.zoom_by(_STEP)

    def zoom_out(self) -> None:
        """Zoom out by one step."""
        self.zoom_by(1 / _STEP)

    def centre_on(self, point: QPointF) -> None:
        """Bring a place, in pixels of level 0, to the middle."""
        if self._view is not None:
            here = self._view.to_canvas(point)
            middle = QPointF(self._view.canvas.width() / 2, self._view.canvas.height() / 2)
            self._move(self._view.panned(middle - here))

    def look_at(self, box: QRectF) -> None:
        """Bring a rectangle, in pixels of level 0, to the middle, at a fair size."""
        if self._view is not None:
            size = self._view.image
            shares = QRectF(
                box.x() / size.width(), box.y() / size.height(),
                box.width() / size.width(), box.height() / size.height(),
            )  # fmt: skip
            self._move(self._view.looking_at(shares))

    def _move(self, view: View) -> None:
        self._view = view
        self._after_change()

    def _after_change(self) -> None:
        self.update()
        self._settling.start()
        self.view_changed.emit()

    # Painting --------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint ground, slide and what lies over it, or the message."""
        scheme = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(scheme.canvas))
        if self._message or self._view is None:
            self._paint_message(painter, QColor(scheme.muted))
        else:
            self.scene.paint(painter, self._view, self.font(), self.devicePixelRatioF())
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(QColor(scheme.accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_message(self, painter: QPainter, colour: QColor) -> None:
        font = QFont(self.font())
        font.setPointSizeF(max(font.pointSizeF(), 8.0) * 1.1)
        painter.setFont(font)
        painter.setPen(colour)
        room = self.rect().adjusted(30, 60, -30, -60)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self._message)

    # Events ----------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep a fitted slide fitted."""
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

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Start a drag, of the slide or of a field."""
        if self._view is None or event.button() not in (
            Qt.MouseButton.LeftButton,
            Qt.MouseButton.MiddleButton,
        ):
            return
        left = event.button() is Qt.MouseButton.LeftButton
        self._drag = event.position()
        self._pressed = self._drag if left else None
        self._holding = left and self.tools.press(self._view.to_image(event.position()))
        self._update_cursor()
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pan, or move the field that is held."""
        if self._view is None:
            return
        if self._drag is None:
            if self.tools.tool is not Tool.LOOK:
                self.tools.move(self._view.to_image(event.position()))
            return
        if self._pressed is not None:
            if (event.position() - self._pressed).manhattanLength() < QApplication.startDragDistance():
                return
            self._pressed = None
        if self._holding:
            self.tools.move(self._view.to_image(event.position()))
            return
        delta = event.position() - self._drag
        self._drag = event.position()
        self._move(self._view.panned(delta))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag, or take a click."""
        pressed, held = self._pressed, self._holding
        self._drag, self._pressed, self._holding = None, None, False
        self._update_cursor()
        if self._view is None:
            return
        if held and pressed is None:
            self.tools.release()
            return
        if held:
            self.tools.cancel()
        if pressed is None:
            return
        at = self._view.to_image(event.position())
        if not self.tools.click(at, scale=self._view.scale):
            hit = self.field_at(event.position())
            if hit is not None:
                self.field_chosen.emit(hit)

    def field_at(self, position: QPointF) -> int | None:
        """Return the field under a place of the canvas; small ones are hit from a little beside, too."""
        if self._view is None or not self.scene.fields:
            return None
        return self.scene.marks.at(self._view.to_image(position), slack=_SLACK / self._view.scale)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open the field under the pointer; close the region that is being drawn; else zoom there."""
        if self._view is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        if self.tools.tool is Tool.REGION:
            self.tools.close_area()
            return
        hit = self.field_at(event.position())
        if hit is not None:
            self.field_opened.emit(hit)
        elif self.tools.tool is Tool.LOOK:
            self.zoom_by(4 * _STEP, event.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape ends a tool, Enter closes a region or opens the current field."""
        key = event.key()
        if key == Qt.Key.Key_Escape and self.tools.tool is not Tool.LOOK:
            if not self.tools.cancel():
                self.tool_ended.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not self.tools.close_area() and self.scene.current:
                self.field_opened.emit(self.scene.current)
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Draw no field that would be added where the pointer is not."""
        super().leaveEvent(event)
        if self.scene.ghost is not None and not self.scene.moving:
            self.scene.ghost = None
            self.update()

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

    def use_tool(self, tool: Tool) -> None:
        """Let clicks look, place fields or draw a region."""
        self.tools.use(tool)
        self._update_cursor()

    def _update_cursor(self) -> None:
        if self._drag is not None and not self._holding and self._pressed is None:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self.tools.tool is not Tool.LOOK:
            self.setCursor(Qt.CursorShape.CrossCursor)
        else:
            self.unsetCursor()
