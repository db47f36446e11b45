"""Canvas of a whole slide: paints its scene; a click chooses a field, or edits the fields."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QWidget

from allstation.ui.common.i18n import tr
from allstation.ui.slide.scene import SlideScene
from allstation.ui.slide.tools import EditTools, Tool
from allstation.ui.viewer.geometry import View
from allstation.ui.viewer.zoom_canvas import STEP, ZoomCanvas

_FINEST: Final = 8.0
"""Canvas units per pixel of level 0; beyond it nothing more is to be seen."""
_SETTLE: Final = 120
"""Milliseconds after the last change of the view until what is in view is asked for."""
_SLACK: Final = 4.0


class SlideCanvas(ZoomCanvas):
    """Paints a slide scene and moves over it.

    Signals:
        settled: The view has stayed for a moment.
        field_chosen: Id of a field that was clicked.
        field_opened: Id of a field that was double-clicked, or the current one by Enter.

    Attributes:
        scene: What is painted.
        tools: What clicks do while fields are edited.
    """

    settled = Signal()
    field_chosen = Signal(int)
    field_opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Whole slide"), parent)
        self.scene = SlideScene()
        self.tools = EditTools(self.scene, self)
        self.tools.changed.connect(self.update)
        self._holding = False
        self._settling = QTimer(self, singleShot=True, interval=_SETTLE)
        self._settling.timeout.connect(self.settled)
        self.setMouseTracking(True)

    # What is shown ---------------------------------------------------------------------------

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
            super().zoom_by(scale / self._view.scale, at)

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

    def _after_change(self) -> None:
        self._settling.start()
        super()._after_change()

    # Painting --------------------------------------------------------------------------------

    def paint_image(self, painter: QPainter, muted: QColor) -> None:
        """Paint the slide and what lies over it, or the message."""
        if self._message or self._view is None:
            self.paint_text(painter, self._message, muted)
        else:
            self.scene.paint(painter, self._view, self.font(), self.devicePixelRatioF())

    # Events ----------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Start a drag, of the slide or of a field."""
        if self._view is not None and self._begin_drag(event):
            left = event.button() is Qt.MouseButton.LeftButton
            self._holding = left and self.tools.press(self._view.to_image(event.position()))
            self._update_cursor()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pan, or move the field that is held."""
        if self._view is None:
            return
        if self._drag is None:
            if self.tools.tool is not Tool.LOOK:
                self.tools.move(self._view.to_image(event.position()))
            return
        if self._is_dragging(event):
            if self._holding:
                self.tools.move(self._view.to_image(event.position()))
            else:
                self._pan(event)

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
            self.zoom_by(4 * STEP, event.position())

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
