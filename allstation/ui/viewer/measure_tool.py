"""Measuring tool: takes the mouse and a few keys of a canvas while lines, areas and ellipses are drawn."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QToolButton, QVBoxLayout

from allstation.core.measure import Measure, MeasureKind, Point
from allstation.ui.common.button_bar import only_by_tab
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.canvas import FieldCanvas
from allstation.ui.viewer.measures import shape_of

_SHORTEST: Final = 4.0
"""Units of the canvas; less is a click."""
_NEAR: Final = 9.0
"""Units of the canvas from the first corner of an area: a click there closes it."""
_CORNER: Final = 12
_CORNERS: Final = 3
_KEYS: Final = (
    Qt.Key.Key_Escape, Qt.Key.Key_Delete, Qt.Key.Key_Backspace, Qt.Key.Key_Return, Qt.Key.Key_Enter,
)  # fmt: skip


class MeasureBar(QFrame):
    """Buttons of the tool; stands at the right edge of the canvas while something is measured.

    Signals:
        kind_chosen: A :class:`MeasureKind`.
        remove_asked: The last one, or (True) all.
        end_asked: Nothing more is to be measured.
    """

    kind_chosen = Signal(object)
    remove_asked = Signal(bool)
    end_asked = Signal()

    def __init__(self, canvas: FieldCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self.setProperty("role", "card")
        self.setAccessibleName(tr("Measuring"))
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(3)
        self.kinds = {
            MeasureKind.LINE: self._button("measure.line", tr("Line"), tr("Drag from end to end")),
            MeasureKind.AREA: self._button(
                "measure.area", tr("Area"), tr("Click the corners; a double click or Return closes it")
            ),
            MeasureKind.ELLIPSE: self._button("measure.ellipse", tr("Ellipse"), tr("Drag across the cell")),
        }
        for button in self.kinds.values():
            button.setCheckable(True)
            button.setAutoExclusive(True)
            button.clicked.connect(self._kind_clicked)
        self.last = self._button("measure.last", tr("Remove last"), tr("Delete"))
        self.all = self._button("measure.all", tr("Remove all"), tr("Of this field"))
        self.done = self._button("measure.done", tr("Done"), tr("Escape"))
        self.last.clicked.connect(self._last_clicked)
        self.all.clicked.connect(self._all_clicked)
        self.done.clicked.connect(self.end_asked)
        for button in (*self.kinds.values(), self.last, self.all, self.done):
            column.addWidget(button)
        only_by_tab(self)
        canvas.installEventFilter(self)
        self.hide()

    def _button(self, name: str, text: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setText(text)
        button.setToolTip(tip)
        button.setSizePolicy(button.sizePolicy().Policy.Expanding, button.sizePolicy().Policy.Fixed)
        return button

    def place(self) -> None:
        """Go to the middle of the right edge."""
        self.adjustSize()
        down = max((self._canvas.height() - self.height()) // 2, 0)
        self.move(self._canvas.width() - self.width() - _CORNER, down)
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay at the edge when the canvas changes its size."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self.place()
        return super().eventFilter(watched, event)

    @Slot()
    def _kind_clicked(self) -> None:
        self.kind_chosen.emit(next(kind for kind, button in self.kinds.items() if button.isChecked()))

    @Slot()
    def _last_clicked(self) -> None:
        self.remove_asked.emit(False)

    @Slot()
    def _all_clicked(self) -> None:
        self.remove_asked.emit(True)


class MeasureTool(QObject):
    """Draws measures on the field of a canvas; wheel, middle button and the space bar go on moving it.

    Args:
        canvas: Shows the field; its scene holds the measures.

    Signals:
        changed: The measures of the field are others.
        ended: Measuring is over.
    """

    changed = Signal()
    ended = Signal()

    def __init__(self, canvas: FieldCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._points: list[Point] = []
        self._drawing = self._space = self._had_tool = False
        self.kind = MeasureKind.LINE
        self.is_on = False
        self.bar = MeasureBar(canvas)
        self.bar.kind_chosen.connect(self.set_kind)
        self.bar.remove_asked.connect(self.remove)
        self.bar.end_asked.connect(self.end)
        canvas.installEventFilter(self)

    @Slot()
    def begin(self) -> None:
        """Take the mouse of the canvas."""
        if self.is_on:
            return
        self.is_on, self._had_tool = True, self._canvas.has_tool
        self._canvas.set_tool(True)
        self._canvas.setMouseTracking(True)
        self.bar.kinds[self.kind].setChecked(True)
        self.bar.show()
        self.bar.place()
        self._canvas.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def end(self) -> None:
        """Give the mouse back; what was measured stays drawn."""
        if not self.is_on:
            return
        self._give_up()
        self.is_on = self._space = False
        self.bar.hide()
        self._canvas.setMouseTracking(False)
        self._canvas.set_tool(self._had_tool)
        self.ended.emit()

    @Slot(object)
    def set_kind(self, kind: MeasureKind) -> None:
        """Draw another shape from now on."""
        self._give_up()
        self.kind = kind
        self.bar.kinds[kind].setChecked(True)

    @Slot(bool)
    def remove(self, everything: bool) -> None:
        """Remove the last measure of the field, or all."""
        scene = self._canvas.scene
        self._give_up()
        if scene.measures:
            scene.measures = () if everything else tuple(scene.measures[:-1])
            self._canvas.refresh()
            self.changed.emit()

    def field_changed(self) -> None:
        """Drop what is half drawn: another field is shown."""
        self._give_up()

    # Events of the canvas

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take what draws, and leave everything else to the canvas."""
        if not self.is_on or watched is not self._canvas:
            return False
        if isinstance(event, QKeyEvent):
            return self._key(event)
        if isinstance(event, QMouseEvent) and not self._space and self._canvas.view is not None:
            return self._mouse(event)
        return False

    def _key(self, event: QKeyEvent) -> bool:
        if event.key() == Qt.Key.Key_Space:
            self._space = event.type() != QEvent.Type.KeyRelease
            return False
        if event.key() not in _KEYS or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # else Delete would take the field out of the case
        elif event.type() == QEvent.Type.KeyPress and not event.isAutoRepeat():
            self._pressed(Qt.Key(event.key()))
        return True

    def _pressed(self, key: Qt.Key) -> None:
        if key == Qt.Key.Key_Escape and self._points:
            self._give_up()
        elif key == Qt.Key.Key_Escape:
            self.end()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._close_area()
        elif self._points and self.kind is MeasureKind.AREA:
            self._points.pop()
            self._show()
        else:
            self.remove(False)

    def _mouse(self, event: QMouseEvent) -> bool:
        kind, at = event.type(), event.position()
        left = event.button() is Qt.MouseButton.LeftButton
        if kind == QEvent.Type.MouseButtonDblClick and left:
            self._close_area()
            return True
        if kind == QEvent.Type.MouseButtonPress and left:
            self._press(at)
            return True
        if kind == QEvent.Type.MouseMove and not event.buttons() & Qt.MouseButton.MiddleButton:
            self._move(at)
            return True
        if kind == QEvent.Type.MouseButtonRelease and left:
            self._release(at)
            return True
        return False

    def _press(self, at: QPointF) -> None:
        if self.kind is not MeasureKind.AREA:
            self._points = [self._point(at)] * 2
            self._drawing = True
        elif len(self._points) >= _CORNERS and self._is_near_first(at):
            self._close_area()
        else:
            self._points.append(self._point(at))
            self._show()

    def _move(self, at: QPointF) -> None:
        if self._drawing:
            self._points[-1] = self._point(at)
            self._show()
        elif self._points:
            self._show(self._point(at))

    def _release(self, at: QPointF) -> None:
        if not self._drawing:
            return
        self._points[-1] = self._point(at)
        drawn = Measure(self.kind, tuple(self._points))
        box = shape_of(drawn, self._canvas.view).boundingRect() if self._canvas.view is not None else None
        if box is not None and max(box.width(), box.height()) >= _SHORTEST and drawn.is_whole:
            self._keep(drawn)
        else:
            self._give_up()

    def _close_area(self) -> None:
        """Take the area that has been drawn, if it has corners enough."""
        if self.kind is not MeasureKind.AREA:
            return
        corners = tuple(dict.fromkeys(self._points))  # a double click sets its corner twice
        drawn = Measure(self.kind, corners)
        if len(corners) >= _CORNERS and drawn.is_whole:
            self._keep(drawn)

    def _keep(self, measure: Measure) -> None:
        scene = self._canvas.scene
        scene.measures = (*scene.measures, measure)
        self._give_up()
        self.changed.emit()

    def _give_up(self) -> None:
        """Drop what is half drawn."""
        self._points, self._drawing = [], False
        self._show()

    def _show(self, cursor: Point | None = None) -> None:
        points = (*self._points, cursor) if cursor is not None else tuple(self._points)
        self._canvas.scene.growing = Measure(self.kind, points) if len(points) > 1 else None
        self._canvas.refresh()

    def _is_near_first(self, at: QPointF) -> bool:
        view = self._canvas.view
        if view is None:
            return False
        return (view.to_canvas(QPointF(*self._points[0])) - at).manhattanLength() < _NEAR

    def _point(self, at: QPointF) -> Point:
        """Return a point of the field, never beyond its edge."""
        view = self._canvas.view
        if view is None:
            return 0.0, 0.0
        found = view.to_image(at)
        return (
            min(max(found.x(), 0.0), view.image.width()),
            min(max(found.y(), 0.0), view.image.height()),
        )
