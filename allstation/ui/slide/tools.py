"""Tools of the slide view: what a click or drag does to fields while they are edited."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from PySide6.QtCore import QObject, QPointF, QRectF, QSizeF, Signal

from allstation.ui.slide.scene import SlideScene

_FEWEST: Final = 3
"""Corners of a region."""
_NEAR: Final = 9.0
"""Canvas units from the first corner within which a click closes a region."""


class Tool(StrEnum):
    """Tool in use: only looking, placing single fields, or drawing a region to fill."""

    LOOK = "look"
    FIELDS = "fields"
    REGION = "region"


class EditTools(QObject):
    """Turns clicks and drags into changes that are asked for; changes nothing itself.

    Args:
        scene: Shows what is being done.
        parent: Owner.

    Attributes:
        tool: The one in use.
        field_size: Size of a field, pixels of level 0; none can be added while it is empty.

    Signals:
        add_asked: A field is wanted here: its rectangle, pixels of level 0.
        move_asked: Id of a field, and the rectangle it is wanted at.
        area_drawn: Corners of a region, pixels of level 0.
        changed: Paint again.
    """

    add_asked = Signal(QRectF)
    move_asked = Signal(int, QRectF)
    area_drawn = Signal(list)
    changed = Signal()

    def __init__(self, scene: SlideScene, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._scene = scene
        self.tool = Tool.LOOK
        self.field_size = QSizeF()
        self._grip: QPointF | None = None

    def use(self, tool: Tool) -> None:
        """Take another tool; what was begun with the last one is given up."""
        self.tool = tool
        self.cancel()

    def cancel(self) -> bool:
        """Give up what was begun; tells whether there was anything."""
        scene = self._scene
        had = bool(scene.area or scene.moving)
        scene.ghost, scene.moving, scene.area, self._grip = None, 0, [], None
        self.changed.emit()
        return had

    def press(self, at: QPointF) -> bool:
        """Take hold of the field under the pointer; tells whether there is one to be moved."""
        scene = self._scene
        hit = scene.marks.at(at) if self.tool is Tool.FIELDS else None
        box = scene.marks.box_of(hit) if hit is not None else None
        if hit is None or box is None:
            return False
        scene.moving, scene.ghost, self._grip = hit, box, at - box.topLeft()
        return True

    def move(self, at: QPointF) -> None:
        """Follow the pointer."""
        scene = self._scene
        if scene.moving and scene.ghost is not None and self._grip is not None:
            scene.ghost = self._inside(QRectF(at - self._grip, scene.ghost.size()))
        elif self.tool is Tool.FIELDS:
            taken = self.field_size.isEmpty() or scene.marks.at(at) is not None
            scene.ghost = None if taken else self._around(at)
        self.changed.emit()

    def release(self) -> None:
        """Ask for the field that is held at its new place."""
        scene = self._scene
        number, box = scene.moving, scene.ghost
        before = scene.marks.box_of(number)
        self.cancel()
        if number and box is not None and before is not None and box.topLeft() != before.topLeft():
            self.move_asked.emit(number, box)

    def click(self, at: QPointF, *, scale: float) -> bool:
        """Add a field, or a corner of a region; tells whether the click was taken.

        Args:
            at: Pixels of level 0.
            scale: Canvas units per pixel of level 0.
        """
        scene = self._scene
        if self.tool is Tool.FIELDS:
            if scene.marks.at(at) is not None or self.field_size.isEmpty():
                return False
            self.add_asked.emit(self._around(at))
            return True
        if self.tool is not Tool.REGION:
            return False
        if len(scene.area) >= _FEWEST and (at - scene.area[0]).manhattanLength() * scale <= _NEAR:
            return self.close_area()
        scene.area.append(at)
        self.changed.emit()
        return True

    def close_area(self) -> bool:
        """Ask for the region that was drawn; tells whether it has enough corners."""
        area = list(self._scene.area)
        if len(area) < _FEWEST:
            return False
        self.cancel()
        self.area_drawn.emit(area)
        return True

    def _around(self, at: QPointF) -> QRectF:
        box = QRectF(QPointF(0, 0), self.field_size)
        box.moveCenter(at)
        return self._inside(box)

    def _inside(self, box: QRectF) -> QRectF:
        """Keep a field within the slide, on whole pixels."""
        size = self._scene.size
        x = min(max(box.x(), 0.0), max(size.width() - box.width(), 0.0))
        y = min(max(box.y(), 0.0), max(size.height() - box.height(), 0.0))
        return QRectF(float(int(x)), float(int(y)), box.width(), box.height())
