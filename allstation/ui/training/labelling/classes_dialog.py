"""Names of the classes that fields are sorted into: one line a class, beside the key it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from allstation.core.errors import StationError
from allstation.services.training.labelling import KEYS, check_classes
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import scroll_area

_LEAST: Final = 2


class ClassesDialog(QDialog):
    """Asks for the names of the classes; an emptied line takes its class away.

    Args:
        names: The classes there are.
        parent: Owner.

    Signals:
        chosen: Names in order, and the new name of each class that was renamed.
    """

    chosen = Signal(list, dict)

    def __init__(self, names: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Classes"))
        self._before = list(names)
        self._lines: list[QLineEdit] = []
        self._grid = QGridLayout()
        words = QLabel(
            tr("One name a line. The key beside it sorts a field into that class."), self, wordWrap=True
        )
        words.setProperty("role", "muted")
        self._problem = QLabel(self, wordWrap=True)
        self._problem.setProperty("role", "danger")
        self._problem.hide()
        self._add = QPushButton(tr("Add a Class"), self)
        self._add.clicked.connect(self.add_line)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self
        )
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        body = QWidget(self)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 8, 0)
        column.addLayout(self._grid)
        column.addStretch(1)
        area = scroll_area(body, self, sideways=True)
        layout = QVBoxLayout(self)
        layout.addWidget(words)
        layout.addWidget(area, 1)
        for widget in (self._add, self._problem, buttons):
            layout.addWidget(widget)
        for name in [*names, *[""] * max(0, _LEAST - len(names))]:
            self.add_line(name)
        self.resize(420, 400)

    @Slot()
    def add_line(self, name: str | bool = "") -> None:
        """Add a line for a class, up to the number of keys."""
        row = len(self._lines)
        line = QLineEdit(name if isinstance(name, str) else "", self)
        line.setAccessibleName(tr("Class with the key {key}", key=KEYS[row]))
        key = QLabel(KEYS[row], self)
        key.setProperty("role", "key")
        self._grid.addWidget(key, row, 0)
        self._grid.addWidget(line, row, 1)
        self._lines.append(line)
        self._add.setEnabled(len(self._lines) < len(KEYS))
        line.setFocus()

    def show_problem(self, sentence: str) -> None:
        """Say why these names cannot be taken."""
        self._problem.setText(sentence)
        self._problem.setVisible(bool(sentence))

    @Slot()
    def _accept(self) -> None:
        texts = [line.text().strip() for line in self._lines]
        pairs = zip(self._before, texts, strict=False)
        names = [text for text in texts if text]
        try:
            check_classes(names)
        except StationError as error:
            self.show_problem(error.sentence)
            return
        self.chosen.emit(names, {old: new for old, new in pairs if new and new != old})
