"""Dialog for the list of cell types: names, keys, colours, what they count as, codes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from allstation.core.cell_types import (
    LONGEST_NAME,
    MOST_TYPES,
    SHIPPED_TYPES,
    CellType,
    Counts,
    checked_types,
)
from allstation.core.errors import StationError
from allstation.ui.common import icons
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import scroll_area
from allstation.ui.common.window_size import resize_on_screen

_COUNTS: Final = {
    Counts.WHITE: "a white cell",
    Counts.BESIDE: "beside, per 100",
    Counts.NO: "not at all",
}
_TITLES: Final = ("Key", "Name", "Colour", "Counts as", "LOINC", "SNOMED CT")
_SWATCH: Final = 14
_AROUND: Final = 24
"""Logical pixels around a line of text: margins and border."""
_SIZE: Final = (860, 620)


class _Row:
    """Widgets of one type."""

    def __init__(self, kind: CellType, parent: QWidget) -> None:
        self.key = kind.key
        self.shortcut = QLineEdit(kind.shortcut, parent, maxLength=1)
        self.shortcut.setFixedWidth(self.shortcut.fontMetrics().averageCharWidth() * 5)
        self.shortcut.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.name = QLineEdit(kind.name, parent, maxLength=LONGEST_NAME)
        self.colour = QComboBox(parent)
        for colour in dict.fromkeys([kind.colour, *(one.colour for one in SHIPPED_TYPES)]):
            self.colour.addItem(_swatch(colour, parent), colour, colour)
        self.counts = QComboBox(parent)
        for counts, words in _COUNTS.items():
            self.counts.addItem(tr(words), counts)
        self.counts.setCurrentIndex(self.counts.findData(kind.counts))
        self.loinc = QLineEdit(kind.loinc, parent, maxLength=10, placeholderText="26478-8")
        self.snomed = QLineEdit(kind.snomed, parent, maxLength=18)
        # Ten digits fit; a longer name or code shows its beginning.
        self.snomed.setMinimumWidth(self.snomed.fontMetrics().horizontalAdvance("0" * 10) + _AROUND)
        for edit in (self.name, self.loinc, self.snomed):
            edit.setCursorPosition(0)
        self.up = _button("Move up", "▲", parent)
        self.remove = _button("Remove from the list", "✕", parent)
        for widget, name in zip(self.widgets(), _TITLES, strict=False):
            widget.setAccessibleName(
                tr("{what} of {name}", what=tr(name), name=kind.name or tr("a new type"))
            )

    def widgets(self) -> tuple[QWidget, ...]:
        """Return the widgets in the order of the columns."""
        edits = (self.shortcut, self.name, self.colour, self.counts, self.loinc, self.snomed)
        return (*edits, self.up, self.remove)

    def value(self, taken: Sequence[str]) -> CellType:
        """Return the type as it is written here; a new one gets a key that is not taken."""
        return CellType(
            key=self.key or _free_key(self.name.text(), taken),
            name=self.name.text().strip(),
            colour=str(self.colour.currentData()),
            shortcut=self.shortcut.text().strip().lower(),
            counts=Counts(self.counts.currentData()),
            loinc=self.loinc.text().strip(),
            snomed=self.snomed.text().strip(),
        )


class TypesDialog(QDialog):
    """Edits a copy of the list; nothing changes before it is accepted.

    Signals:
        chosen: The list, checked.
    """

    chosen = Signal(object)

    def __init__(self, types: Sequence[CellType], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Types of cells"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._rows: list[_Row] = []
        self._body = QWidget(self)
        self._grid = QGridLayout(self._body)
        self._problem = QLabel(self, wordWrap=True)
        self._problem.setProperty("role", "warning")
        self._problem.setTextFormat(Qt.TextFormat.PlainText)
        self._problem.hide()
        self._lay_out()
        self.set_types(types)
        resize_on_screen(self, *_SIZE)

    def _lay_out(self) -> None:
        about = QLabel(
            tr(
                "One key in the gallery or while counting gives a cell its type. Cells keep the types they "
                "have: one that is removed here is still shown and counted where it was given. No type is a "
                "diagnosis."
            ),
            self,
            wordWrap=True,
        )
        about.setProperty("role", "muted")
        area = scroll_area(self._body, self, sideways=True)
        add = QPushButton(tr("Add a type"), self)
        add.clicked.connect(self.add_type)
        shipped = QPushButton(tr("Shipped list"), self)
        shipped.setToolTip(tr("Put the list back that came with the program"))
        shipped.clicked.connect(self._put_back)
        role = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(role.Ok | role.Cancel, self)
        buttons.button(role.Ok).setText(tr("Use this list"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        foot = QHBoxLayout()
        foot.addWidget(add)
        foot.addWidget(shipped)
        foot.addStretch(1)
        foot.addWidget(buttons)
        layout = QVBoxLayout(self)
        layout.addWidget(about)
        layout.addWidget(area, 1)
        layout.addWidget(self._problem)
        layout.addLayout(foot)

    def set_types(self, types: Sequence[CellType]) -> None:
        """Show another list."""
        for row in self._rows:
            _discard(row)
        self._rows = [self._new_row(kind) for kind in types]
        self._place()

    def types(self) -> tuple[CellType, ...]:
        """Return the list as it is written.

        Raises:
            StationError: ``bad-cell-types`` if it cannot be used.
        """
        made: list[CellType] = []
        for row in self._rows:
            made.append(row.value([*(one.key for one in made), *(r.key for r in self._rows if r.key)]))
        return checked_types(made)

    @Slot()
    def add_type(self) -> None:
        """Add an empty line."""
        if len(self._rows) < MOST_TYPES:
            used = {row.colour.currentData() for row in self._rows}
            free = (one.colour for one in SHIPPED_TYPES if one.colour not in used)
            self._rows.append(self._new_row(CellType(key="", name="", colour=next(free, "#6e6e6e"))))
            self._place()
            self._rows[-1].name.setFocus()

    def accept(self) -> None:
        """Hand the list out, or say what is wrong with it."""
        try:
            types = self.types()
        except StationError as error:
            self._problem.setText(error.sentence)
            self._problem.show()
            return
        self.chosen.emit(types)
        super().accept()

    def problem(self) -> str:
        """Return what is wrong with the list."""
        return self._problem.text()

    def _new_row(self, kind: CellType) -> _Row:
        row = _Row(kind, self._body)
        row.up.clicked.connect(self._moved_up)
        row.remove.clicked.connect(self._removed)
        return row

    def _place(self) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if isinstance(widget, QLabel):
                widget.deleteLater()
        for column, title in enumerate(_TITLES):
            label = QLabel(tr(title), self._body)
            label.setProperty("role", "muted")
            self._grid.addWidget(label, 0, column)
        for number, row in enumerate(self._rows, start=1):
            for column, widget in enumerate(row.widgets()):
                self._grid.addWidget(widget, number, column)
                widget.show()
            row.up.setEnabled(number > 1)
        self._grid.setColumnStretch(1, 3)
        self._grid.setColumnStretch(5, 1)
        self._grid.setRowStretch(len(self._rows) + 1, 1)
        order = [widget for row in self._rows for widget in row.widgets()]
        for one, following in pairwise(order):
            self.setTabOrder(one, following)

    def _row_of(self, button: object) -> int:
        return next(n for n, row in enumerate(self._rows) if button in (row.up, row.remove))

    @Slot()
    def _moved_up(self) -> None:
        number = self._row_of(self.sender())
        self._rows[number - 1 : number + 1] = reversed(self._rows[number - 1 : number + 1])
        self._place()

    @Slot()
    def _removed(self) -> None:
        _discard(self._rows.pop(self._row_of(self.sender())))
        self._place()

    @Slot()
    def _put_back(self) -> None:
        self.set_types(SHIPPED_TYPES)


def _discard(row: _Row) -> None:
    for widget in row.widgets():
        widget.hide()
        widget.deleteLater()


def _button(name: str, text: str, parent: QWidget) -> QToolButton:
    button = QToolButton(parent)
    button.setText(text)
    button.setAccessibleName(tr(name))
    button.setToolTip(tr(name))
    return button


def _swatch(colour: str, widget: QWidget) -> QIcon:
    side, ratio = icons.scaled(_SWATCH), widget.devicePixelRatioF()
    picture = QPixmap(QSize(side, side) * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(QColor(0, 0, 0, 0))
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawRoundedRect(0, 0, side, side, 3, 3)
    painter.end()
    return QIcon(picture)


def _free_key(name: str, taken: Sequence[str]) -> str:
    base = "-".join(re.findall(r"[a-z0-9]+", name.lower())) or "type"
    number = 1
    while (key := base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    return key
