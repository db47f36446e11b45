"""Gallery view: crops of cells under headings, which are selected, typed by key and dragged onto groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QApplication, QWidget

from allstation.core.cell_types import CellType, type_of
from allstation.core.cells import CellRecord
from allstation.ui.browser.sections import Section
from allstation.ui.browser.tile import PADDING, facing, paint_heading
from allstation.ui.browser.tile_view import TileView
from allstation.ui.cells.crops import CellCrops, CropScale
from allstation.ui.cells.model import CellModel, CellSection
from allstation.ui.cells.tile import CellLook, paint_cell, paint_type_chip, picture_box
from allstation.ui.common import theme
from allstation.ui.common.focus_filters import ARROWS
from allstation.ui.common.formatting import field_name

_FRAME: Final = 4
_OWN_KEYS: Final = frozenset(
    {Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Delete, Qt.Key.Key_Backspace}
)
_KEPT_KEYS: Final = frozenset({Qt.Key.Key_Plus, Qt.Key.Key_Minus, Qt.Key.Key_Equal})
"""Sizes of the viewer: they stay what they are."""


class CellGallery(TileView):
    """Shows a :class:`CellModel` as crops in reading order.

    A letter or digit is the key of a type here, whatever it does elsewhere in the window.

    Signals:
        key_typed: A letter or digit.
        field_asked: The field of the current cell is wanted.
        accept_asked: The proposals of the selected cells are right.
        remove_asked: The selected cells are none.
        untype_asked: The types of the selected cells are to be taken back.
        drag_began: The selected cells are dragged; carries the place of the pointer on the screen.
        drag_moved: The same.
        drag_ended: The same, and whether they are dropped there.
    """

    key_typed = Signal(str)
    field_asked = Signal()
    accept_asked = Signal()
    remove_asked = Signal()
    untype_asked = Signal()
    drag_began = Signal(QPoint)
    drag_moved = Signal(QPoint)
    drag_ended = Signal(QPoint, bool)

    def __init__(self, crops: CellCrops, parent: QWidget | None = None) -> None:
        super().__init__(parent, aspect=1.0, lines=1)
        self._crops = crops
        self._outlined = False
        self._scale = CropScale()
        self._pressed: QPoint | None = None
        self._dragging = False
        self._keeps_selection = False
        self._drop_key: int | str | None = None
        self._drop_shown = False
        self._kinds: dict[str, CellType] = {}
        self.setDragEnabled(False)
        crops.arrived.connect(self._crops_arrived)

    # What is shown

    def set_outlined(self, on: bool) -> None:
        """Draw the outlines of the cells, or not."""
        self._outlined = on
        self.viewport().update()

    def is_outlined(self) -> bool:
        """Tell whether outlines are drawn."""
        return self._outlined

    def set_scale(self, scale: CropScale) -> None:
        """Show another part around each cell."""
        if scale != self._scale:
            self._scale = scale
            self.viewport().update()

    def side(self) -> int:
        """Return the side of a crop in logical pixels: the same in every column."""
        return max(8, int(self.viewport().width() / self.columns()) - 2 * PADDING - _FRAME)

    def selected_rows(self) -> list[tuple[int, int]]:
        """Return the selected rows as spans of first and last, in order."""
        spans = self.selectionModel().selection()
        parts = sorted((spans.at(n).top(), spans.at(n).bottom()) for n in range(spans.size()))
        joined: list[tuple[int, int]] = []
        for first, last in parts:
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], max(joined[-1][1], last))
            else:
                joined.append((first, last))
        return joined

    def section_at(self, point: QPoint) -> CellSection | None:
        """Return the group at a point of the viewport: of its heading or of a cell in it."""
        model = self.model()
        if not isinstance(model, CellModel) or not model.sections():
            return None
        number = self._placed().section_at(point.y() + self.verticalOffset())
        return model.sections()[number] if number < len(model.sections()) else None

    def show_drop(self, section: CellSection | None) -> None:
        """Mark the group that a drop would go to."""
        shown, key = section is not None, None if section is None else section.key
        if (shown, key) != (self._drop_shown, self._drop_key):
            self._drop_shown, self._drop_key = shown, key
            self.viewport().update()

    # Painting

    @Slot(set)
    def _crops_arrived(self, ids: set[int]) -> None:
        self.repaint_ids(ids)

    def _paint_row(self, painter: QPainter, row: int, rect: QRect) -> bool:
        """Draw a cell; tell whether its crop was there."""
        model = self.model()
        if not isinstance(model, CellModel):
            return False
        record, side = model.record_at(row), self.side()
        place = model.place(record.field_id) if record is not None else None
        crop = None
        if record is not None and place is not None:
            ratio = self.devicePixelRatioF()
            self._crops.set_ratio(ratio)
            crop = self._crops.crop(record, place, side=self._scale.side(record), pixels=round(side * ratio))
        paint_cell(painter, QRectF(rect), crop=crop, look=self._look(row, record, side))
        return crop is not None and crop.picture is not None

    def _look(self, row: int, record: CellRecord | None, side: int) -> CellLook:
        model = self.model()
        types = model.types if isinstance(model, CellModel) else ()
        shown = record.shown_type if record is not None else ""
        return CellLook(
            palette=self.palette(),
            font=self.font(),
            side=side,
            selected=self.selectionModel().isSelected(model.index(row, 0)),
            current=row == self.currentIndex().row(),
            hovered=row == self._hovered,
            outlined=self._outlined,
            type=type_of(types, shown) if shown else None,
            proposed=record is not None and not record.type and bool(record.proposed),
            probability=record.probability if record is not None else None,
            unit=self._scale.unit(record, side) if record is not None else None,
        )

    def _paint_heading(self, painter: QPainter, line: QRectF, section: Section) -> None:
        """Draw a heading; before a type its key, and the whole marked where cells would be dropped."""
        key = section.key if isinstance(section, CellSection) else None
        model = self.model()
        if not section.title and isinstance(key, int) and isinstance(model, CellModel):
            place = model.place(key)
            section = replace(section, title=field_name(place.path) if place is not None else "…")
        scheme = theme.tokens(self.palette())
        target = self._drop_shown and key == self._drop_key
        ground = QColor(scheme.selection if target else scheme.base)
        kind = self._kinds.get(str(key)) if key is not None else None
        side = round(QFontMetricsF(self.font()).height())
        room = side + 6 if kind is not None else 0
        words = line.adjusted(0, 0, -room, 0) if self.isRightToLeft() else line.adjusted(room, 0, 0, 0)
        painter.fillRect(line, ground)
        paint_heading(painter, words, section, self.palette(), self.font(), ground=ground)
        if kind is not None:
            chip = QRectF(line.left() + PADDING + 4, line.center().y() - side / 2, side, side)
            painter.setFont(self.font())
            paint_type_chip(painter, facing(painter, line, chip), kind, text=QColor(scheme.text))

    def set_heading_types(self, kinds: Sequence[CellType]) -> None:
        """Draw the keys of types before the headings that stand for them; none for other groups."""
        self._kinds = {kind.key: kind for kind in kinds}
        self.viewport().update()

    def has_type_headings(self) -> bool:
        """Tell whether the groups are types."""
        return bool(self._kinds)

    # Keys: letters and digits are types

    def event(self, event: QEvent) -> bool:
        """Keep letters, digits and a few keys from the window's actions while the gallery has the focus."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            moves = event.key() in ARROWS and not event.modifiers() & Qt.KeyboardModifier.ControlModifier
            if moves or self._takes(event):
                event.accept()
                return True
        return super().event(event)

    def _takes(self, event: QKeyEvent) -> bool:
        if self._dragging and event.key() == Qt.Key.Key_Escape:
            return True
        if event.modifiers() & ~(Qt.KeyboardModifier.KeypadModifier | Qt.KeyboardModifier.ShiftModifier):
            return False
        if event.key() in _OWN_KEYS:
            return not event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        return event.key() not in _KEPT_KEYS and event.text().strip().isalnum()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Type cells, accept, remove, go to the field; arrows as everywhere."""
        if self._dragging and event.key() == Qt.Key.Key_Escape:
            self.cancel_drag()
            return
        if not self._takes(event):
            super().keyPressEvent(event)
            return
        event.accept()
        if event.isAutoRepeat():
            return
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.field_asked.emit()
        elif key == Qt.Key.Key_Space:
            self.accept_asked.emit()
        elif key == Qt.Key.Key_Delete:
            self.remove_asked.emit()
        elif key == Qt.Key.Key_Backspace:
            self.untype_asked.emit()
        else:
            self.key_typed.emit(event.text())

    # Dragging cells onto a type. A press beside the crops begins a rubber band instead.

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a drag on a crop, a rubber band beside it."""
        at = event.position().toPoint()
        index = self.indexAt(at)
        self._pressed = None
        if event.button() is Qt.MouseButton.LeftButton and index.isValid() and self._on_crop(at, index.row()):
            plain = not event.modifiers() & (
                Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier
            )
            self._pressed = at
            if plain and self.selectionModel().isSelected(index):
                # A click on one of many selects it alone, but only when it turns out to be no drag.
                self._keeps_selection = True
                return
        self._keeps_selection = False
        super().mousePressEvent(event)

    def _on_crop(self, at: QPoint, row: int) -> bool:
        rect = QRectF(self.visualRect(self.model().index(row, 0)))
        return picture_box(rect, self.side()).contains(QRectF(at.x(), at.y(), 0.01, 0.01))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the selected cells, else as every view."""
        at = event.position().toPoint()
        if self._pressed is not None and event.buttons() & Qt.MouseButton.LeftButton:
            if (
                not self._dragging
                and (at - self._pressed).manhattanLength() >= QApplication.startDragDistance()
            ):
                self._begin_drag(event.globalPosition().toPoint())
            if self._dragging:
                self.drag_moved.emit(event.globalPosition().toPoint())
            return
        super().mouseMoveEvent(event)

    def _begin_drag(self, at: QPoint) -> None:
        if self.selectionModel().hasSelection():
            self._dragging = True
            self.drag_began.emit(at)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Drop the cells, or take a click for what it was."""
        pressed, self._pressed = self._pressed, None
        if self._dragging:
            self._end_drag(event.globalPosition().toPoint(), dropped=True)
        elif pressed is not None and self._keeps_selection:
            index = self.indexAt(event.position().toPoint())
            flags = self.selectionModel().SelectionFlag
            self._anchor = self._target = index.row()
            self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        else:
            super().mouseReleaseEvent(event)
        self._keeps_selection = False

    def _end_drag(self, at: QPoint, *, dropped: bool) -> None:
        self._dragging, self._pressed = False, None
        self.show_drop(None)
        self.drag_ended.emit(at, dropped)

    def cancel_drag(self) -> None:
        """End a drag without a drop."""
        if self._dragging:
            self._end_drag(QPoint(), dropped=False)
