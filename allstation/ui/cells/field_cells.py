"""Cells of the current field in the viewer: drawn with their types, chosen by a click."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QRectF, Signal, Slot

from allstation.core.cell_types import CellType, type_of
from allstation.core.cells import CellRecord
from allstation.core.records import FieldRecord
from allstation.services.case.cell_questions import CellsOfField
from allstation.ui.cells.listing import blind_record
from allstation.ui.cells.panel import GalleryPanel
from allstation.ui.cells.tile import key_label
from allstation.ui.context import AppContext
from allstation.ui.viewer.cell_marks import CellMark
from allstation.ui.viewer.pane import ViewerPane


class FieldCells(QObject):
    """Shows the cells of the current field and knows which are chosen there.

    Args:
        context: Services and state.
        panel: The gallery, which follows a cell that is chosen in the viewer.
        viewer: Shows the field.

    Signals:
        changed: Other cells are chosen in the field.
        pointed: The field was clicked while a click adds a cell: x and y as shares.
    """

    changed = Signal()
    pointed = Signal(float, float)

    def __init__(self, context: AppContext, panel: GalleryPanel, viewer: ViewerPane) -> None:
        super().__init__(panel)
        self._context = context
        self._session = context.session
        self._panel = panel
        self._viewer = viewer
        self._field_id = 0
        self._records: tuple[CellRecord, ...] = ()
        self._outlines: dict[int, NDArray[np.float64]] = {}
        self._chosen: list[int] = []
        self._adds = False
        self._look_at = 0
        selection, worker = context.selection, context.session.worker
        selection.field_changed.connect(self._field_changed)
        selection.cell_changed.connect(self._cell_changed)
        selection.blind_changed.connect(self._hide)
        selection.reviewer_changed.connect(self._read)
        for signal in (
            worker.fields_changed,
            worker.cells_changed,
            worker.cells_edited,
            worker.proposals_changed,
            worker.cell_types_changed,
        ):
            signal.connect(self._read)
        context.session.reader.field_cells_read.connect(self._take)
        viewer.main.canvas.clicked.connect(self._clicked)
        viewer.main.canvas.view_changed.connect(self._view_changed)
        panel.field_shown.connect(self._look)

    # What is chosen

    def chosen(self) -> tuple[CellRecord, ...]:
        """Return the cells that are chosen in the field, in the order of choosing."""
        by_id = {record.id: record for record in self._records}
        return tuple(by_id[number] for number in self._chosen if number in by_id)

    def has_focus(self) -> bool:
        """Tell whether the keyboard is at the field."""
        return self._viewer.main.canvas.hasFocus()

    def usual_share(self) -> float | None:
        """Return the usual diameter of the field's cells as a share of its width."""
        spans = [float(np.ptp(line[:, 0])) for line in self._outlines.values() if len(line)]
        return median(spans) if spans else None

    def set_adding(self, on: bool) -> None:
        """Let the next click add a cell, or choose one."""
        self._adds = on
        self._viewer.main.canvas.set_tool(on)

    def is_adding(self) -> bool:
        """Tell whether a click adds a cell."""
        return self._adds

    def choose(self, ids: Sequence[int]) -> None:
        """Choose other cells of the field."""
        self._chosen = list(ids)
        self._show()
        self.changed.emit()

    # The cells

    @Slot(object)
    def _field_changed(self, field: FieldRecord | None) -> None:
        number = field.id if field is not None else 0
        if number != self._field_id:
            self._field_id = number
            self._records, self._outlines = (), {}
            cell = self._context.selection.cell
            self._chosen = [cell.id] if cell is not None and cell.field_id == number else []
            self.set_adding(False)
            self._viewer.set_cells(None)
            self._read()

    @Slot()
    def _hide(self) -> None:
        """Show nothing until the cells are read again as this person may see them."""
        self._records, self._outlines = (), {}
        self._viewer.set_cells(None)
        self._read()

    @Slot()
    def _read(self) -> None:
        if self._field_id and self._context.has_case():
            self._session.ask(CellsOfField(self._field_id, self._session.reviewer))

    @Slot(int, int, list)
    def _take(self, generation: int, field_id: int, records: list[CellRecord]) -> None:
        if generation != self._session.generation or field_id != self._field_id:
            return
        blind = self._session.reviewer is not None
        self._records = tuple(map(blind_record, records) if blind else records)
        known = {record.id for record in self._records}
        self._outlines = {record.id: self._outline(record) for record in self._records}
        self._chosen = [number for number in self._chosen if number in known]
        self._show()
        self.changed.emit()

    def _outline(self, record: CellRecord) -> NDArray[np.float64]:
        # Here: the decoder's library takes longer to load than the whole window.
        from allstation.core.errors import StationError
        from allstation.imaging.cells.views import outline_shares

        try:
            return outline_shares(record.outline)
        except StationError:
            return np.zeros((0, 2))

    def _show(self) -> None:
        types = self._panel.model.types
        marks = [self._mark(record, types) for record in self._records]
        self._viewer.set_cells(marks or None)

    def _mark(self, record: CellRecord, types: Sequence[CellType]) -> CellMark:
        shown = record.shown_type
        kind = type_of(types, shown) if shown else None
        return CellMark(
            record.id,
            self._outlines[record.id],
            letter=key_label(kind) if kind is not None else "",
            colour=kind.colour if kind is not None else "",
            proposed=not record.type and bool(record.proposed),
            removed=record.removed,
            chosen=record.id in self._chosen,
        )

    # Choosing by a click, and from the gallery

    @Slot(float, float, bool)
    def _clicked(self, x: float, y: float, held: bool) -> None:
        if self._adds:
            self.pointed.emit(x, y)
            return
        marks = self._viewer.main.canvas.scene.cells or ()
        hit = next((mark.cell_id for mark in marks if mark.holds(x, y)), None)
        if hit is None:
            if not held:
                self.choose(())
            return
        if held:
            others = [number for number in self._chosen if number != hit]
            self.choose(others if hit in self._chosen else [*self._chosen, hit])
        else:
            self.choose([hit])
        record = next(one for one in self._records if one.id == hit)
        self._context.selection.set_cell(record)
        self._panel.go_to_cell(hit)

    @Slot(object)
    def _cell_changed(self, cell: CellRecord | None) -> None:
        if cell is not None and cell.field_id == self._field_id and cell.id not in self._chosen:
            self.choose([cell.id])

    @Slot()
    def _look(self) -> None:
        """Go to the current cell: at once if its field is shown, else when its pixels have come."""
        cell = self._context.selection.cell
        self._look_at = cell.id if cell is not None else 0
        self._viewer.main.canvas.setFocus()
        self._view_changed()

    @Slot()
    def _view_changed(self) -> None:
        canvas, cell = self._viewer.main.canvas, self._context.selection.cell
        if not self._look_at or cell is None or cell.id != self._look_at or canvas.view is None:
            return
        record = canvas.scene.record
        if record is not None and record.id == cell.field_id and canvas.scene.picture is not None:
            self._look_at = 0
            canvas.look_at(_area(cell, canvas.scene.picture.size.width(), canvas.scene.picture.size.height()))


def _area(cell: CellRecord, width: int, height: int) -> QRectF:
    return QRectF(cell.left / width, cell.top / height, cell.width / width, cell.height / height)
