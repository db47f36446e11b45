"""A confusion matrix whose cells can be chosen: counts and row percent, shaded, readable without colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from allstation.ui.common import theme
from allstation.ui.common.formatting import number, tip
from allstation.ui.common.i18n import tr

_STRONGEST: Final = 0.85


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
        item = QTableWidgetItem(f"{number(count)}\n{share:.1%}")
        item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
        name = tr("{n} fields of {true} predicted as {predicted}", n=number(count), true=self._classes[row],
                  predicted=self._classes[column])  # fmt: skip
        item.setToolTip(tip(name))
        item.setData(Qt.ItemDataRole.AccessibleTextRole, name)
        scheme = theme.tokens(self.palette())
        colour = QColor(scheme.accent if row == column else scheme.danger)
        colour.setAlphaF(_STRONGEST * share)
        item.setBackground(QBrush(colour))
        item.setForeground(QBrush(theme.readable_on(theme.blended(colour, QColor(scheme.base)))))
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
