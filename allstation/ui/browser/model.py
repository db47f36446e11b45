"""The fields a view shows: an array of ids, and the records of the pages that were looked at."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import IntEnum
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal

from allstation.core.records import FieldRecord
from allstation.ui.browser import cells
from allstation.ui.browser.sections import Section
from allstation.ui.common.formatting import tip
from allstation.ui.common.i18n import tr
from allstation.ui.common.record_pages import RecordPages

_RECORDS_KEPT: Final = 5_120
"""A record with its evidence map is near 2 kB."""

Index = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    """Columns of the table."""

    NAME = 0
    DECISION = 1
    PROBABILITIES = 2
    MARGIN = 3
    QUALITY = 4
    CELLS = 5
    REVIEW = 6
    STATE = 7
    SIZE = 8
    ADDED = 9


class FieldModel(QAbstractTableModel):
    """Rows are fields in the order of a listing; records arrive a page at a time.

    Signals:
        page_wanted: Ids whose records are needed; the answer comes back through :meth:`take_page`.
        record_arrived: A :class:`FieldRecord` that was not known or has changed.
        sections_changed: Other headings stand over the fields.
    """

    page_wanted = Signal(list)
    record_arrived = Signal(object)
    sections_changed = Signal()

    RecordRole = int(Qt.ItemDataRole.UserRole) + 1
    IdRole = int(Qt.ItemDataRole.UserRole) + 2

    def __init__(self, parent: Any = None) -> None:  # noqa: ANN401 - a QObject
        super().__init__(parent)
        self._ids: array[int] = array("q")
        self._rows: dict[int, int] | None = None
        self._blind_for: str | None = None
        self._sections: tuple[Section, ...] = ()
        self._ask = QTimer(self, singleShot=True, interval=0)
        self._ask.timeout.connect(self._send_wanted)
        self._pages: RecordPages[FieldRecord] = RecordPages(_RECORDS_KEPT, self._ask.start)

    # What Qt asks

    def rowCount(self, parent: Index | None = None) -> int:
        """Return the number of fields."""
        return 0 if parent is not None and parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(Column)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:  # noqa: ANN401
        """Return a cell; asks for the record's page if it is not here yet."""
        if not index.isValid() or index.row() >= len(self._ids):
            return None
        field_id = self._ids[index.row()]
        if role == self.IdRole:
            return field_id
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return cells.alignment(index.column())
        record = self.shown_at(index.row())
        if role == self.RecordRole:
            return record
        return _words(record, index.column(), role)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:  # noqa: ANN401 - as Qt declares it
        """Return a column's title, or a row's number."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Vertical:
            return section + 1
        return tr(cells.TITLES[section])

    # What the window asks

    def ids(self) -> Sequence[int]:
        """Return all ids in order."""
        return self._ids

    def row_of(self, field_id: int, *, near: int = 0) -> int | None:
        """Return where a field is, or None if the filter hides it.

        Args:
            field_id: The field.
            near: Where it was last; looked at first, since an index of all rows takes a moment.
        """
        if near < len(self._ids) and self._ids[near] == field_id:
            return near
        if self._rows is None:
            self._rows = {number: row for row, number in enumerate(self._ids)}
        return self._rows.get(field_id)

    def record(self, field_id: int) -> FieldRecord | None:
        """Return a record that is here; an outdated one is still shown until the new one arrives."""
        return self._pages.get(field_id)

    def record_at(self, row: int) -> FieldRecord | None:
        """Return the record of a row, and ask for its page if it is missing or outdated."""
        return self._pages.at(self._ids, row)

    def shown_at(self, row: int) -> FieldRecord | None:
        """Return the record of a row as a view may show it: in blind review without its prediction."""
        record = self.record_at(row)
        if record is None or not self.is_hidden(record):
            return record
        return replace(record, prediction=None, review=None)

    def is_hidden(self, record: FieldRecord) -> bool:
        """Tell whether blind review hides what the model and others said about a field."""
        if self._blind_for is None:
            return False
        return record.review is None or record.review.reviewer != self._blind_for

    def set_blind(self, reviewer: str | None) -> None:
        """Hide predictions and other people's reviews until this person has decided; None shows all."""
        if reviewer != self._blind_for:
            self._blind_for = reviewer
            self._repaint()

    # What arrives

    def clear(self) -> None:
        """Forget everything: another case."""
        self.beginResetModel()
        self._ids = array("q")
        self._sections = ()
        self._rows = None
        self._pages.clear()
        self.endResetModel()

    def sections(self) -> tuple[Section, ...]:
        """Return the headings over the fields; none while they are not grouped."""
        return self._sections

    def set_sections(self, sections: Sequence[Section]) -> None:
        """Put other headings over the same fields."""
        if tuple(sections) != self._sections:
            self._sections = tuple(sections)
            self.sections_changed.emit()

    def relist(self, ids: array[int], sections: Sequence[Section] = ()) -> None:
        """Show other ids. Fields added at the end do not disturb what is on screen."""
        old = self._ids
        if ids == old:
            self.set_sections(sections)
            return
        self._sections = tuple(sections)
        if len(ids) > len(old) and ids[: len(old)] == old:
            self.beginInsertRows(QModelIndex(), len(old), len(ids) - 1)
            self._ids, self._rows = ids, None
            self.endInsertRows()
        else:
            self.beginResetModel()
            self._ids, self._rows = ids, None
            self.endResetModel()
        self.sections_changed.emit()

    def take_page(self, records: Iterable[FieldRecord]) -> None:
        """Keep records that were read, and repaint their rows."""
        for record in self._pages.add(records):
            self.record_arrived.emit(record)
        self._repaint()

    def outdate(self, ids: Iterable[int] | None = None) -> None:
        """Say that some records, or all, have changed in the case."""
        if self._pages.outdate(ids):
            self._repaint()

    def _repaint(self) -> None:
        """Say that any row may have changed: views draw what is visible, and finding rows costs more."""
        if len(self._ids):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._ids) - 1, len(Column) - 1))

    def _send_wanted(self) -> None:
        for page in self._pages.take_wanted():
            self.page_wanted.emit(page)


def _words(record: FieldRecord | None, column: int, role: int) -> str | None:
    if record is None:
        return "…" if role == Qt.ItemDataRole.DisplayRole and column == Column.NAME else None
    if role == Qt.ItemDataRole.DisplayRole:
        return cells.text(record, column)
    if role == Qt.ItemDataRole.ToolTipRole:
        return tip(cells.summary(record))
    if role == Qt.ItemDataRole.AccessibleTextRole:
        return cells.summary(record)
    return None
