"""A plain viewer and review panel."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from allstation.core.records import FieldRecord
from allstation.ui.browser import cells


class FieldView(QLabel):
    """Shows a field."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, alignment=Qt.AlignmentFlag.AlignCenter)

    def show_field(self, record: FieldRecord | None) -> None:
        """Show a field."""
        if record is not None:
            self.setPixmap(QPixmap(str(record.path)))

    def set_neighbours(self, records: list[FieldRecord]) -> None:
        """Load ahead."""


class ReviewPanel(QWidget):
    """Shows a review."""

    reviewed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = QLabel(self, wordWrap=True, alignment=Qt.AlignmentFlag.AlignTop)
        QVBoxLayout(self).addWidget(self._text)

    def show_field(self, record: FieldRecord | None) -> None:
        """Show a field."""
        self._text.setText(cells.summary(record) if record is not None else "")

    def focus_comment(self) -> None:
        """Let the person write."""
