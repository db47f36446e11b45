"""Canvas of one field: paints a scene and does what wheel, fingers, mouse and keys ask of it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QWidget

from allstation.ui.common.focus_filters import KeyRepeat
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.geometry import RelativeView, View
from allstation.ui.viewer.scene import Scene
from allstation.ui.viewer.visibility import VisibilityTracker, identity, message_key
from allstation.ui.viewer.zoom_canvas import ZoomCanvas

_PATIENCE: Final = 180
"""Milliseconds before *Loading…* is written: most fields come sooner, and a flash is worse than nothing."""


class FieldCanvas(ZoomCanvas):
    """Paints a scene, and is one of two that move together.

    Signals:
        moved_by_hand: A person changed the shown part: for a linked canvas.
        space_tapped: Space was pressed and released without a drag.
        clicked: The field was clicked, and not dragged: x and y as shares of its width and height, and
            whether Ctrl or Shift was held.

    Attributes:
        scene: What is painted.
        visibility: How long the field's pixels, or the sentence in their place, have been on the screen.
    """

    moved_by_hand = Signal()
    space_tapped = Signal()
    clicked = Signal(float, float, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Field"), parent)
        self.scene = Scene()
        self.visibility = VisibilityTracker(self)
        self._waiting = False
        self._tool = False
        self._space = False
        self._repeat = KeyRepeat()
        self._dragged = False
        self._loading = QTimer(self, singleShot=True, interval=_PATIENCE)
        self._loading.timeout.connect(self._patience_ended)
        self._update_cursor()

    # What is shown ---------------------------------------------------------------------------

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

    def actual_size(self, at: QPointF | None = None) -> None:
        """Show one field pixel as one device pixel."""
        if self._view is not None:
            self._move(self._view.scaled_to(1.0 / self.devicePixelRatioF(), at=at))

    def _move(self, view: View) -> None:
        super()._move(view)
        self.moved_by_hand.emit()

    def _after_change(self) -> None:
        self._describe()
        super()._after_change()

    def _describe(self) -> None:
        self.setAccessibleDescription(self._message or self.scene.description())

    def _patience_ended(self) -> None:
        self._waiting = True
        self.update()

    # Painting --------------------------------------------------------------------------------

    def paint_image(self, painter: QPainter, muted: QColor) -> None:
        """Paint field and layers, or the message."""
        painted = False
        if self._message or self.scene.picture is None:
            text = self._message or (tr("Loading…") if self._waiting else "")
            self.paint_text(painter, text, muted)
            self._paint_notes(painter)
        elif self._view is not None:
            painted = self.scene.paint(painter, self._view, self.font(), self.devicePixelRatioF())
        self._note_visibility(pixels=painted)

    def _note_visibility(self, *, pixels: bool) -> None:
        record = self.scene.record
        if record is None or not (pixels or self._message):
            self.visibility.painted(())
        else:
            self.visibility.painted({identity(record) if pixels else message_key(record)})

    def _paint_notes(self, painter: QPainter) -> None:
        record = self.scene.record
        # What the middle says already is not said again in the corner.
        if record is not None and (not self._message or record.prediction is not None or record.review):
            self.scene.paint_notes(painter, QSizeF(self.size()), self.font(), scale=None)

    # Events ----------------------------------------------------------------------------------

    def hideEvent(self, event: QHideEvent) -> None:
        """Note that a hidden field is not looked at."""
        self.visibility.hidden()
        super().hideEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Start a drag: left or middle button."""
        if self._begin_drag(event):
            self._update_cursor()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pan."""
        if self._view is not None and self._is_dragging(event):
            self._dragged = True
            self._pan(event)

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
        """Keep the space key for the hand."""
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and event.key() == Qt.Key.Key_Space
            and not event.modifiers()
        ):
            event.accept()
            return True
        return super().event(event)

    def _update_cursor(self) -> None:
        if self._drag is not None:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self._space:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        elif self._tool:
            self.setCursor(Qt.CursorShape.CrossCursor)
        else:
            self.unsetCursor()
