"""Predictions of single test fields: wrong ones first, the most confident of them on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from allstation.core.text import shown_name
from allstation.services.training.figures import RunFigures, TestField
from allstation.ui.common.i18n import tr
from allstation.ui.training.field_preview import FieldPeek

_MOST: Final = 400


def worst_first(fields: Sequence[TestField]) -> list[TestField]:
    """Order fields: wrong ones by falling certainty, then right ones by rising certainty."""
    return sorted(fields, key=_place)


def _place(field: TestField) -> tuple[bool, float]:
    right = field.true == field.predicted
    certainty = max(field.probabilities, default=0.0)
    return right, certainty if right else -certainty


class PredictionsPage(QWidget):
    """A table of fields and the chosen one beside it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fields: list[TestField] = []
        self.table = QTableWidget(self)
        self.table.setTabKeyNavigation(False)
        self.table.setAccessibleName(tr("Predictions of single fields"))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setHighlightSections(False)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.table.currentCellChanged.connect(self._chosen)
        self.peek = FieldPeek(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 10, 0, 0)
        row.addWidget(self.table, 3)
        row.addWidget(self.peek, 2)

    def show_run(self, run: RunFigures) -> None:
        """List a run's test fields."""
        self._fields = worst_first(run.fields)[:_MOST]
        self.table.setRowCount(len(self._fields))
        self.table.setColumnCount(3 + len(run.classes))
        self.table.setHorizontalHeaderLabels([tr("Field"), tr("True"), tr("Predicted"), *run.classes])
        for row, field in enumerate(self._fields):
            wrong = field.true != field.predicted
            guess = f"✗ {field.predicted}" if wrong else field.predicted
            texts = [shown_name(field.path), field.true, guess, *(f"{p:.3f}" for p in field.probabilities)]
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column > 2:  # noqa: PLR2004 - numbers
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, column, item)
        self.table.resizeColumnsToContents()
        self.peek.clear(tr("Choose a line to see its field."))

    @Slot(int, int, int, int)
    def _chosen(self, row: int, _column: int, _row_before: int, _column_before: int) -> None:
        if 0 <= row < len(self._fields):
            field = self._fields[row]
            words = tr("{true}, predicted as {predicted}", true=field.true, predicted=field.predicted)
            self.peek.show_single(words, field.path)
