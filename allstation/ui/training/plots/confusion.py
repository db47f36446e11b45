"""A confusion matrix whose cells can be chosen: counts and row percent, shaded, readable without colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QBrush, QColor, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from allstation.ui.common import theme
from allstation.ui.common.formatting import number, percent, tip
from allstation.ui.common.i18n import tr

_STRONGEST: Final = 0.85
_FRAME: Final = 2
_MARKED: Final = (
    QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_HasFocus | QStyle.StateFlag.State_MouseOver
)


class _ShadedCell(QStyledItemDelegate):
    """Paints the chosen cell in its own colour, with a frame: its colour says whether it is right."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        plain = QStyleOptionViewItem(option)
        plain.state &= ~_MARKED
        super().paint(painter, plain, index)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(QColor(theme.tokens(option.palette).text), _FRAME))
            painter.drawRect(option.rect.adjusted(1, 1, -2, -2))


class ConfusionTable(QTableWidget):
    """Rows are the true classes, columns the predicted ones.

    Signals:
        cell_chosen: True class, predicted class.
    """

    cell_chosen = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: tuple[str, ...] = ()
        self._counts: list[list[int]] = []
        self.setAccessibleName(tr("Confusion matrix: rows are true classes, columns predicted ones"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setItemDelegate(_ShadedCell(self))
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setMinimumSize(320, 220)
        self.cellActivated.connect(self._chosen)
        self.cellClicked.connect(self._chosen)

    def set_counts(self, classes: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        """Show a matrix."""
        self._classes, self._counts = tuple(classes), [list(row) for row in counts]
        self.setRowCount(len(classes))
        self.setColumnCount(len(classes))
        self.setHorizontalHeaderLabels(list(classes))
        self.setVerticalHeaderLabels(list(classes))
        for row, cells in enumerate(counts):
            for column, count in enumerate(cells):
                self.setItem(row, column, self._item(row, column, count, total=sum(cells)))

    def _item(self, row: int, column: int, count: int, *, total: int) -> QTableWidgetItem:
        share = count / total if total else 0.0
        item = QTableWidgetItem(f"{number(count)}\n{percent(share)}")
        item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
        name = tr("{n} fields of {true} predicted as {predicted}", n=number(count), true=self._classes[row],
                  predicted=self._classes[column])  # fmt: skip
        item.setToolTip(tip(name))
        item.setData(Qt.ItemDataRole.AccessibleTextRole, name)
        scheme = theme.tokens(self.palette())
        colour = QColor(scheme.accent if row == column else scheme.danger)
        colour.setAlphaF(_STRONGEST * share)
        # Opaque, so that nothing of a row under the pointer shines through.
        ground = theme.blended(colour, QColor(scheme.base))
        item.setBackground(QBrush(ground))
        item.setForeground(QBrush(theme.readable_on(ground)))
        font = item.font()
        font.setBold(row == column)
        item.setFont(font)
        return item

    @Slot(int, int)
    def _chosen(self, row: int, column: int) -> None:
        self.cell_chosen.emit(self._classes[row], self._classes[column])

    def changeEvent(self, event: QEvent) -> None:
        """Shade again when light and dark change."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_classes"):
            self.set_counts(self._classes, self._counts)
