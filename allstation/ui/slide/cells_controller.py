"""Cells of a slide: outlined in the fields that are large enough on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Slot

from allstation.core.cell_types import SHIPPED_TYPES, CellType, type_of
from allstation.core.cells import CellRecord
from allstation.core.errors import StationError
from allstation.services.case.cell_questions import CellListing, CellsOfField
from allstation.ui.cells.listing import blind_record
from allstation.ui.cells.tile import key_label
from allstation.ui.context import AppContext
from allstation.ui.slide.panel import SlidePanel
from allstation.ui.viewer.cell_marks import CellMark


class SlideCellsController(QObject):
    """Reads the cells of the fields in view from the case."""

    def __init__(self, context: AppContext, panel: SlidePanel) -> None:
        super().__init__(panel)
        self._session = context.session
        self._panel = panel
        self._types: Sequence[CellType] = SHIPPED_TYPES
        self._asked: set[int] = set()
        selection, worker, reader = context.selection, context.session.worker, context.session.reader
        panel.cells_wanted.connect(self._read)
        reader.field_cells_read.connect(self._take)
        reader.cells_listed.connect(self._take_types)
        for signal in (
            worker.cells_changed,
            worker.cells_edited,
            worker.proposals_changed,
            worker.cell_types_changed,
            selection.blind_changed,
            selection.reviewer_changed,
            context.session.opened,
        ):
            signal.connect(self._outdated)

    @Slot(list)
    def _read(self, ids: list[int]) -> None:
        for number in ids:
            if number not in self._asked:
                self._asked.add(number)
                self._session.ask(CellsOfField(number, self._session.reviewer))

    @Slot()
    def _outdated(self) -> None:
        self._asked.clear()
        self._panel.forget_cells()

    @Slot(int, object)
    def _take_types(self, generation: int, listing: CellListing) -> None:
        if generation == self._session.generation:
            self._types = listing.types

    @Slot(int, int, list)
    def _take(self, generation: int, field_id: int, records: list[CellRecord]) -> None:
        if generation != self._session.generation or field_id not in self._asked:
            return
        blind = self._session.reviewer is not None
        shown = map(blind_record, records) if blind else records
        marks = (_mark(record, self._types) for record in shown)
        self._panel.set_cells(field_id, [mark for mark in marks if mark is not None])


def _mark(record: CellRecord, types: Sequence[CellType]) -> CellMark | None:
    # Here: the decoder's library takes longer to load than the whole window.
    from allstation.imaging.cells.views import outline_shares

    shown = record.shown_type
    kind = type_of(types, shown) if shown else None
    try:
        outline = outline_shares(record.outline)
    except StationError:
        return None
    return CellMark(
        record.id,
        outline,
        letter=key_label(kind) if kind is not None else "",
        colour=kind.colour if kind is not None else "",
        proposed=not record.type and bool(record.proposed),
        removed=record.removed,
    )
