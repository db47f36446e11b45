"""The cells that the gallery shows: an array of ids, and the records of the pages that were looked at."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal

from allstation.core.cell_types import SHIPPED_TYPES, CellType
from allstation.core.cells import CellRecord
from allstation.services.images.crop_loader import FieldPlace
from allstation.ui.browser.sections import Section
from allstation.ui.cells import words
from allstation.ui.common.formatting import tip
from allstation.ui.common.record_pages import RecordPages

_RECORDS_KEPT: Final = 6_000
"""A record with its outline is near 1 kB."""

Index = QModelIndex | QPersistentModelIndex


def _none(_cell_id: int) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class CellSection(Section):
    """Cells under one heading.

    Attributes:
        key: Type, class, slide or field that stands over them; None for cells without.
    """

    key: int | str | None = None


class CellModel(QAbstractListModel):
    """Rows are cells in the order of a listing; records arrive a page at a time.

    Signals:
        page_wanted: Ids of cells whose records are needed; they come back through :meth:`take_page`.
        places_wanted: Ids of fields whose files are needed; they come back through :meth:`take_places`.
        record_arrived: A :class:`CellRecord` that was not known or has changed.
        sections_changed: Other headings stand over the cells.
    """

    page_wanted = Signal(list)
    places_wanted = Signal(list)
    record_arrived = Signal(object)
    sections_changed = Signal()

    def __init__(self, parent: Any = None) -> None:  # noqa: ANN401 - a QObject
        super().__init__(parent)
        self.types: tuple[CellType, ...] = SHIPPED_TYPES
        self._ids: array[int] = array("q")
        self._places: dict[int, FieldPlace] = {}
        self._refused: Callable[[int], int] = _none
        self._asked_places: set[int] = set()
        self._wanted_places: list[int] = []
        self._sections: tuple[CellSection, ...] = ()
        self._ask = QTimer(self, singleShot=True, interval=0)
        self._ask.timeout.connect(self._send_wanted)
        self._pages: RecordPages[CellRecord] = RecordPages(_RECORDS_KEPT, self._ask.start)

    # What Qt asks

    def rowCount(self, parent: Index | None = None) -> int:
        """Return the number of cells."""
        return 0 if parent is not None and parent.isValid() else len(self._ids)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:  # noqa: ANN401
        """Return what a tool tip or a screen reader says of a cell."""
        wanted = (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
            Qt.ItemDataRole.AccessibleTextRole,
        )
        if not index.isValid() or index.row() >= len(self._ids) or role not in wanted:
            return None
        record = self.record_at(index.row())
        if record is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return words.type_words(record, self.types)
        place = self._places.get(record.field_id)
        name = place.path.name if place is not None else ""
        text = words.summary(record, self.types, name, self._refused(record.id))
        return tip(text) if role == Qt.ItemDataRole.ToolTipRole else text

    def set_refused(self, reason: Callable[[int], int] | None) -> None:
        """Set what tells why a cell has no proposal, a value of :class:`NoProposal`; None if nothing does."""
        self._refused = reason or _none

    # What the window asks

    def ids(self) -> Sequence[int]:
        """Return all ids in order."""
        return self._ids

    def id_array(self) -> NDArray[np.int64]:
        """Return all ids in order, without a copy."""
        return np.frombuffer(self._ids, np.int64) if self._ids else np.zeros(0, np.int64)

    def sections(self) -> tuple[CellSection, ...]:
        """Return the headings over the cells; none while they are not grouped."""
        return self._sections

    def row_of(self, cell_id: int, *, near: int = 0) -> int | None:
        """Return where a cell is, or None if the filter hides it.

        Args:
            cell_id: The cell.
            near: Where it was last; looked at first.
        """
        if near < len(self._ids) and self._ids[near] == cell_id:
            return near
        found = np.flatnonzero(self.id_array() == cell_id).tolist()
        return found[0] if found else None

    def record(self, cell_id: int) -> CellRecord | None:
        """Return a record that is here; an outdated one is still shown until the new one arrives."""
        return self._pages.get(cell_id)

    def known(self) -> Sequence[CellRecord]:
        """Return the records that are here."""
        return self._pages.all()

    def fresh(self) -> Sequence[CellRecord]:
        """Return the records that are here and not outdated."""
        return self._pages.fresh()

    def record_at(self, row: int) -> CellRecord | None:
        """Return the record of a row, and ask for its page if it is missing or outdated."""
        return self._pages.at(self._ids, row)

    def place(self, field_id: int) -> FieldPlace | None:
        """Return the file of a field; asks for it if it is not known yet."""
        found = self._places.get(field_id)
        if found is None and field_id not in self._asked_places:
            self._asked_places.add(field_id)
            self._wanted_places.append(field_id)
            self._ask.start()
        return found

    # What arrives

    def clear(self) -> None:
        """Forget everything: another case."""
        self.beginResetModel()
        self._ids = array("q")
        self._sections = ()
        self._pages.clear()
        self._places.clear()
        self._asked_places.clear()
        self._wanted_places.clear()
        self.endResetModel()

    def relist(self, ids: array[int], sections: Sequence[CellSection] = ()) -> None:
        """Show other ids; the same ones under the same headings disturb nothing."""
        if _equal(ids, self._ids):
            if tuple(sections) != self._sections:
                self._sections = tuple(sections)
                self.sections_changed.emit()
            return
        self.beginResetModel()
        self._ids, self._sections = ids, tuple(sections)
        self.endResetModel()
        self.sections_changed.emit()

    def take_page(self, records: Iterable[CellRecord]) -> None:
        """Keep records that were read, and repaint their rows."""
        for record in self._pages.add(records):
            self.record_arrived.emit(record)
        self._repaint()

    def take_places(self, places: Mapping[int, FieldPlace]) -> None:
        """Keep where fields lie."""
        self._places.update(places)
        self._repaint()

    def outdate(self, ids: Iterable[int] | None = None) -> None:
        """Say that some records, or all, have changed in the case."""
        if self._pages.outdate(ids):
            self._repaint()

    def forget(self) -> None:
        """Drop every record: not even an outdated one may be shown, as in blind review."""
        self._pages.clear()
        self._repaint()

    def outdate_places(self) -> None:
        """Say that fields may lie elsewhere now."""
        self._places.clear()
        self._asked_places.clear()
        self._repaint()

    def set_types(self, types: Sequence[CellType]) -> None:
        """Name cells by another list of types."""
        self.types = tuple(types)
        self._repaint()

    def _repaint(self) -> None:
        """Say that any row may have changed: views draw what is visible, and finding rows costs more."""
        if len(self._ids):
            self.dataChanged.emit(self.index(0), self.index(len(self._ids) - 1))

    def _send_wanted(self) -> None:
        for page in self._pages.take_wanted():
            self.page_wanted.emit(page)
        fields, self._wanted_places = self._wanted_places, []
        if fields:
            self.places_wanted.emit(fields)


def _equal(one: array[int], other: array[int]) -> bool:
    """Compare a million ids in a millisecond; arrays compare one by one."""
    if len(one) != len(other):
        return False
    return not one or np.array_equal(np.frombuffer(one, np.int64), np.frombuffer(other, np.int64))
