"""List of types beside the gallery: how many cells each has; shows those of one, takes dropped cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from allstation.core.cell_types import CellType, type_of
from allstation.core.cells import CellCounts
from allstation.ui.browser.tile import facing
from allstation.ui.cells.tile import key_label, paint_type_chip
from allstation.ui.common import theme
from allstation.ui.common.formatting import number, tip
from allstation.ui.common.i18n import tr

Index = QModelIndex | QPersistentModelIndex

ALL: Final = "\0all"
"""Entry that shows every cell; no type has such a key."""
UNTYPED: Final = ""
"""Entry of cells without a type."""
_ENTRY: Final = int(Qt.ItemDataRole.UserRole)


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    title: str
    typed: int
    proposed: int = 0
    kind: CellType | None = None


class TypeList(QListWidget):
    """Lists all cells, those of each type, and those without.

    Signals:
        chosen: Key of a type, :data:`UNTYPED` or :data:`ALL`.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._types: tuple[CellType, ...] = ()
        self._counts = CellCounts()
        self._drop: str | None = None
        self.setAccessibleName(tr("Types of cells"))
        self.setItemDelegate(_EntryDelegate(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.currentItemChanged.connect(self._current_changed)
        self._fill()

    def set_types(self, types: Sequence[CellType]) -> None:
        """List other types."""
        self._types = tuple(types)
        self._fill()

    def set_counts(self, counts: CellCounts) -> None:
        """Show how many cells there are of each type."""
        self._counts = counts
        self._fill()

    def choose(self, key: str) -> None:
        """Show an entry as chosen without telling anyone."""
        row = self._row_of(key)
        if row is not None and row != self.currentRow():
            self.blockSignals(True)
            self.setCurrentRow(row)
            self.blockSignals(False)

    def chosen_key(self) -> str:
        """Return the key of the chosen entry."""
        item = self.currentItem()
        return str(item.data(_ENTRY).key) if item is not None else ALL

    def type_at(self, point: QPoint) -> str | None:
        """Return the type at a point of the viewport; empty for no type, None elsewhere."""
        item = self.itemAt(point) if self.viewport().rect().contains(point) else None
        key = item.data(_ENTRY).key if item is not None else ALL
        return None if key == ALL else key

    def show_drop(self, key: str | None) -> None:
        """Mark the type that a drop would give."""
        if key != self._drop:
            self._drop = key
            self.viewport().update()

    def drop_key(self) -> str | None:
        """Return the marked type."""
        return self._drop

    def _entries(self) -> list[_Entry]:
        counts = self._counts
        known = [kind.key for kind in self._types]
        others = sorted((counts.typed.keys() | counts.proposed.keys()) - set(known))
        kinds = [*self._types, *(type_of(self._types, key) for key in others)]
        return [
            _Entry(ALL, tr("All cells"), counts.total),
            *(
                _Entry(k.key, tr(k.name), counts.typed.get(k.key, 0), counts.proposed.get(k.key, 0), k)
                for k in kinds
            ),
            _Entry(UNTYPED, tr("No type"), counts.untyped),
        ]

    def _fill(self) -> None:
        entries, before = self._entries(), self.chosen_key()
        self.blockSignals(True)
        while self.count() > len(entries):
            self.takeItem(self.count() - 1)
        while self.count() < len(entries):
            self.addItem(QListWidgetItem())
        for row, entry in enumerate(entries):
            item = self.item(row)
            item.setData(_ENTRY, entry)
            words = _words(entry)
            item.setData(int(Qt.ItemDataRole.AccessibleTextRole), words)
            item.setToolTip(tip(words))
        self.setCurrentRow(self._row_of(before) or 0)
        self.blockSignals(False)
        self.viewport().update()

    def _row_of(self, key: str) -> int | None:
        rows = (row for row in range(self.count()) if self.item(row).data(_ENTRY).key == key)
        return next(rows, None)

    def sizeHint(self) -> QSize:
        """Return a width that holds most names."""
        return QSize(round(QFontMetricsF(self.font()).averageCharWidth() * 30), super().sizeHint().height())

    @Slot()
    def _current_changed(self) -> None:
        self.chosen.emit(self.chosen_key())


def _words(entry: _Entry) -> str:
    text = tr("{name}: {n}", name=entry.title, n=number(entry.typed))
    if entry.proposed:
        text += " " + tr("and {n} proposed, which are not counted", n=number(entry.proposed))
    if entry.kind is not None and entry.kind.shortcut:
        text += "\n" + tr("Key {key}; or drop cells here", key=key_label(entry.kind))
    return text


class _EntryDelegate(QStyledItemDelegate):
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw key, name, count, and in a frame the number of proposals."""
        super().paint(painter, option, index)
        entry, view = index.data(_ENTRY), option.widget
        if not isinstance(entry, _Entry) or not isinstance(view, TypeList):
            return
        scheme, metrics = theme.tokens(option.palette), QFontMetricsF(option.font)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(option.font)
        rect = QRectF(option.rect).adjusted(6, 0, -8, 0)
        if view.drop_key() is not None and view.drop_key() == entry.key:
            painter.setPen(QPen(QColor(scheme.accent), 2))
            painter.drawRoundedRect(QRectF(option.rect).adjusted(1, 1, -1, -1), 4, 4)
        side = round(metrics.height() * 0.95)
        if entry.kind is not None:
            chip = QRectF(rect.left(), rect.center().y() - side / 2, side, side)
            paint_type_chip(painter, facing(painter, rect, chip), entry.kind, text=QColor(scheme.text))
        room = _paint_counts(painter, rect, entry, scheme)
        words = rect.adjusted(side + 7, 0, -room, 0)
        if entry.kind is None:
            font = QFont(option.font)
            font.setWeight(QFont.Weight.DemiBold if entry.key == ALL else QFont.Weight.Normal)
            painter.setFont(font)
        painter.setPen(QColor(scheme.text if entry.typed or entry.proposed else scheme.muted))
        elided = metrics.elidedText(entry.title, Qt.TextElideMode.ElideRight, words.width())
        painter.drawText(
            facing(painter, rect, words), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, elided
        )
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002 - Qt's signature
        """Return a line with some air."""
        return QSize(60, round(QFontMetricsF(option.font).height() + 8))


def _paint_counts(painter: QPainter, rect: QRectF, entry: _Entry, scheme: theme.Tokens) -> float:
    """Draw the counts at the end of a line; return the room they take."""
    metrics = QFontMetricsF(painter.font())
    end = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
    shown = number(entry.typed) if entry.typed or not entry.proposed else ""
    painter.setPen(QColor(scheme.text if entry.typed else scheme.muted))
    painter.drawText(rect, end, shown)
    room = metrics.horizontalAdvance(shown) + 6
    if entry.proposed:
        words = f"{number(entry.proposed)}?"
        wide = metrics.horizontalAdvance(words) + 8
        box = QRectF(rect.right() - room - wide + (6 if not shown else 0), rect.center().y(), wide, 0)
        box = facing(painter, rect, box.adjusted(0, -metrics.height() / 2, 0, metrics.height() / 2))
        pen = QPen(QColor(scheme.muted), 1)
        pen.setDashPattern([2.5, 2.0])
        painter.setPen(pen)
        painter.drawRoundedRect(box, 4, 4)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
        room += wide + 4
    return room
