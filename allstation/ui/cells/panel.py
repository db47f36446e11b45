"""Gallery panel: crops of cells with the list of types; asks for lists by signal, shows what it is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, Signal, Slot
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QPushButton, QSplitter, QVBoxLayout, QWidget

from allstation.core.cell_types import CellType, type_of
from allstation.core.cells import CellCounts, CellFilter, CellRecord
from allstation.services.images.field_cache import FieldCache
from allstation.ui.browser.tile import RADIUS
from allstation.ui.cells.bar import GalleryBar
from allstation.ui.cells.crops import CellCrops, CropScale
from allstation.ui.cells.drag import DragLabel
from allstation.ui.cells.model import CellModel
from allstation.ui.cells.type_list import ALL, UNTYPED, TypeList
from allstation.ui.cells.typer_strip import TyperStrip
from allstation.ui.cells.view import CellGallery
from allstation.ui.common.i18n import tr

_LIST_WIDTH: Final = 190
_LOWEST: Final = 50
"""Logical pixels of cells and types one above the other, at least."""


class GalleryPanel(QWidget):
    """Shows the cells of a case and lets a person choose and type them.

    Signals:
        listing_asked: The cells of :meth:`where` are wanted.
        current_changed: The :class:`CellRecord` to look at, or None.
        selection_changed: Other cells are selected.
        dropped: Key of the type that the selected cells were dropped on; empty takes types back.
        edit_asked: The list of types is to be changed.
        menu_asked: The menu of the selected cells is wanted, at a point of the gallery.
        field_shown: The field of the current cell is shown, for the keyboard to go there.
    """

    listing_asked = Signal()
    current_changed = Signal(object)
    selection_changed = Signal()
    dropped = Signal(str)
    edit_asked = Signal()
    field_shown = Signal()
    menu_asked = Signal(QPoint)

    def __init__(self, parent: QWidget | None = None, *, files: FieldCache | None = None) -> None:
        super().__init__(parent)
        self.model = CellModel(self)
        self.crops = CellCrops(self, files=files, radius=RADIUS)
        self._split = QSplitter(Qt.Orientation.Horizontal, self)
        self.gallery = CellGallery(self.crops, self._split)
        self.gallery.setModel(self.model)
        self.gallery.setAccessibleName(tr("Cells"))
        self.types = TypeList(self)
        self.bar = GalleryBar(self)
        self.typer = TyperStrip(self)
        self._drag = DragLabel(self)
        self._edit = QPushButton(tr("Edit types…"), self)
        self._edit.setProperty("role", "link")
        self._type = ALL
        self._current = 0
        self._scaled = False
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        side = QWidget(self._split)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.types, 1)
        column.addWidget(self._edit)
        self._split.addWidget(side)
        self._split.addWidget(self.gallery)
        # Large text must not make the window higher than a screen of 720 rows.
        self._split.setMinimumHeight(_LOWEST)
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([_LIST_WIDTH, 600])
        self._split.setChildrenCollapsible(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.bar)
        layout.addWidget(self._split, 1)
        layout.addWidget(self.typer)
        self.setFocusProxy(self.gallery)

    def _connect(self) -> None:
        gallery = self.gallery
        self.model.sections_changed.connect(gallery.regroup)
        self.model.record_arrived.connect(self._record_arrived)
        self.bar.changed.connect(self.listing_asked)
        self.bar.outlines_toggled.connect(gallery.set_outlined)
        self.types.chosen.connect(self._type_chosen)
        self._edit.clicked.connect(self.edit_asked)
        gallery.selectionModel().currentChanged.connect(self._index_changed)
        gallery.selectionModel().selectionChanged.connect(self.selection_changed)
        gallery.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        gallery.drag_began.connect(self._drag_moved)
        gallery.drag_moved.connect(self._drag_moved)
        gallery.drag_ended.connect(self._drag_ended)

    # What is shown

    def where(self) -> CellFilter:
        """Return the conditions set here, without those of fields."""
        part = self.bar.value()
        if self._type == UNTYPED:
            return replace(part, typed=False, proposed=False)
        return part if self._type == ALL else replace(part, types=(self._type,))

    def set_types(self, kinds: Sequence[CellType]) -> None:
        """Name cells by another list of types."""
        self.model.set_types(kinds)
        self.types.set_types(kinds)

    def set_counts(self, counts: CellCounts) -> None:
        """Show how many cells of each type there are."""
        self.types.set_counts(counts)

    def choose_type(self, key: str) -> None:
        """Show the cells of a type, or all."""
        self.types.choose(key)
        self._type_chosen(key)

    def show_all(self) -> None:
        """Take every condition off."""
        self.bar.clear()
        self.choose_type(ALL)

    def take_page(self, records: Iterable[CellRecord]) -> None:
        """Keep records that were read, and say whether all known ones are drawn to scale."""
        self.model.take_page(records)
        self.bar.set_scale_known(all(one.pixel_size is not None for one in self.model.fresh()))

    def clear(self) -> None:
        """Show nothing: no case."""
        self._current = 0
        self._scaled = False
        self.crops.clear()
        self.gallery.visibility.clear()
        self.model.clear()
        self.types.set_counts(CellCounts())
        self.bar.set_count(0)
        self.bar.set_scale_known(True)
        self.current_changed.emit(None)

    def outdate_files(self) -> None:
        """Read fields again: they may lie elsewhere now."""
        self.crops.clear()
        self.model.outdate_places()

    def selectAll(self) -> None:  # noqa: N802 - as Qt's views call it
        """Select every cell shown."""
        self.gallery.selectAll()

    def tile_width(self) -> int:
        """Return the width of a crop."""
        return self.gallery.tile_width()

    def set_tile_width(self, width: int) -> None:
        """Set the width of a crop."""
        self.gallery.set_tile_width(width)

    # Which cells are meant

    def current_record(self) -> CellRecord | None:
        """Return the record of the current cell, if it is here."""
        return self.model.record(self._current)

    def selected_count(self) -> int:
        """Return how many cells are selected, without naming them."""
        return sum(last - first + 1 for first, last in self.gallery.selected_rows())

    def selected_ids(self) -> NDArray[np.int64]:
        """Return the selected cells, in the order shown: as an array, for there may be a million."""
        ids = self.model.id_array()
        parts = [ids[first : last + 1] for first, last in self.gallery.selected_rows()]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def go_to_cell(self, cell_id: int) -> bool:
        """Make a cell the current one; tell whether it is shown."""
        row = self.model.row_of(cell_id, near=max(self.gallery.currentIndex().row(), 0))
        if row is None:
            return False
        if row != self.gallery.currentIndex().row():
            self._go_to_row(row)
        return True

    def go_on(self) -> None:
        """Go to the cell after the selected ones."""
        spans = self.gallery.selected_rows()
        if spans and spans[-1][1] + 1 < self.model.rowCount():
            self._go_to_row(spans[-1][1] + 1)

    def _go_to_row(self, row: int) -> None:
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.gallery.selectionModel().setCurrentIndex(self.model.index(row), flags)

    def restore_current(self) -> None:
        """Stay on the cell after another listing, or at its place where the filter took it away."""
        before = self._current
        if before and not self.go_to_cell(before):
            self._current = 0
            self.current_changed.emit(None)

    @Slot(QModelIndex, QModelIndex)
    def _index_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid() and self.model.ids()[current.row()] != self._current:
            self._current = self.model.ids()[current.row()]
            record = self.model.record_at(current.row())
            if record is not None:
                self.current_changed.emit(record)

    @Slot(object)
    def _record_arrived(self, record: CellRecord) -> None:
        if not self._scaled:
            # The first page decides, and every later cell is shown at its scale.
            self._scaled = True
            self.gallery.set_scale(CropScale.around(self.model.known()))
        if record.id == self._current:
            self.current_changed.emit(record)

    @Slot(str)
    def _type_chosen(self, key: str) -> None:
        if key != self._type:
            self._type = key
            self.listing_asked.emit()

    # Dragging

    def _target_at(self, at: QPoint) -> str | None:
        """Return the type under a point of the screen: in the list or a group by type; None for none."""
        listed = self.types.type_at(self.types.viewport().mapFromGlobal(at))
        if listed is not None:
            return listed
        view = self.gallery.viewport()
        inside = view.mapFromGlobal(at)
        if not view.rect().contains(inside) or not self.gallery.has_type_headings():
            return None
        section = self.gallery.section_at(inside)
        return None if section is None else str(section.key or UNTYPED)

    @Slot(QPoint)
    def _drag_moved(self, at: QPoint) -> None:
        target = self._target_at(at)
        in_list = self.types.type_at(self.types.viewport().mapFromGlobal(at)) is not None
        self.types.show_drop(target if in_list else None)
        view = self.gallery.viewport()
        section = None if in_list or target is None else self.gallery.section_at(view.mapFromGlobal(at))
        self.gallery.show_drop(section)
        name = "" if target is None else self._name_of(target)
        self._drag.follow(at, cells=self.selected_count(), target=name)
        self.setCursor(QCursor(Qt.CursorShape.ClosedHandCursor))

    @Slot(QPoint, bool)
    def _drag_ended(self, at: QPoint, dropped: bool) -> None:
        target = self._target_at(at) if dropped else None
        self._drag.hide()
        self.types.show_drop(None)
        self.gallery.show_drop(None)
        self.unsetCursor()
        if target is not None:
            self.dropped.emit(target)

    def _name_of(self, key: str) -> str:
        return tr(type_of(self.model.types, key).name) if key else tr("No type")
