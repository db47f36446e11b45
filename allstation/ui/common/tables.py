"""Tables that are only read."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from allstation.ui.common.i18n import tr


def table_of(columns: Sequence[str], name: str) -> QTableWidget:
    """Return a table that is only read."""
    table = QTableWidget(0, len(columns))
    table.setTabKeyNavigation(False)
    table.setHorizontalHeaderLabels([tr(text) for text in columns])
    table.setAccessibleName(name)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setShowGrid(False)
    table.verticalHeader().hide()
    table.horizontalHeader().setHighlightSections(False)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    return table


def fill_row(table: QTableWidget, row: int, texts: Sequence[str]) -> None:
    """Write a row of a table."""
    for column, text in enumerate(texts):
        table.setItem(row, column, QTableWidgetItem(text))
