"""Buttons of the classes that a field may be reviewed as, each with its chip and its key."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from PySide6.QtCore import QEvent, QRectF, QSize, Signal, Slot
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QGridLayout, QPushButton, QWidget

from allstation.ui.common import icons
from allstation.ui.common.formatting import tip
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card import paint_chip
from allstation.ui.viewer.card_content import Mark, mark_for

_CHIP: Final = 20
_KEYS: Final = 9
_WIDEST: Final = 380
"""Logical pixels of two class buttons side by side, at most."""


_RESIZING: Final = (
    QEvent.Type.FontChange,
    QEvent.Type.StyleChange,
    QEvent.Type.LayoutRequest,
    QEvent.Type.Show,
)


class ClassButtons(QWidget):
    """One button a class, two in a row where there is room.

    Signals:
        clicked: Name of a class.
    """

    clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: tuple[str, ...] = ()
        self._buttons: list[QPushButton] = []
        self._placed = (0, 0)
        """Columns and buttons of the grid as it is."""
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(6)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that are offered."""
        return self._classes

    def set_classes(self, names: Sequence[str], *, after: QWidget) -> None:
        """Offer the classes of a model, with the keys 1 to 9.

        Args:
            names: Names of the classes.
            after: The widget that comes before the buttons in the order of Tab.
        """
        for button in self._buttons:
            button.deleteLater()
        self._classes = tuple(names)
        self._buttons = [self._button(index, name) for index, name in enumerate(names)]
        for first, second in pairwise((after, *self._buttons)):
            QWidget.setTabOrder(first, second)
        self._placed = (0, 0)
        self._place()

    def show_review(self, chosen: str | None, *, able: bool) -> None:
        """Show which class the field was reviewed as.

        Args:
            chosen: Its name; None for none.
            able: The field may be reviewed.
        """
        for index, (button, name) in enumerate(zip(self._buttons, self._classes, strict=True)):
            button.setEnabled(able)
            button.setChecked(name == chosen)
            button.setText(_button_text(index, name, chosen=name == chosen))

    def changeEvent(self, event: QEvent) -> None:
        """Draw the chips again when light and dark or the size of text change."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            for index, (button, name) in enumerate(zip(self._buttons, self._classes, strict=True)):
                _put_chip(button, mark_for(name, index))

    def event(self, event: QEvent) -> bool:
        """Place the buttons again when they have become wider or narrower; hidden ones do not say so."""
        if event.type() in _RESIZING:
            self._place()
        return super().event(event)

    def _place(self) -> None:
        """Two in a row, or one where large text would make the panel take the field's room."""
        for button in self._buttons:
            button.ensurePolished()  # before, it is as wide as its text in the system's font
        widest = max((button.sizeHint().width() for button in self._buttons), default=0)
        columns = 2 if 2 * widest <= _WIDEST else 1
        if (columns, len(self._buttons)) == self._placed:
            return
        self._placed = columns, len(self._buttons)
        for index, button in enumerate(self._buttons):
            self._grid.addWidget(button, index // columns, index % columns)

    def _button(self, index: int, name: str) -> QPushButton:
        button = QPushButton(_button_text(index, name, chosen=False), self)
        button.setCheckable(True)
        button.setAccessibleName(tr("Set {name}", name=name))
        button.setToolTip(tip(tr("Review the field as {name}; the prediction stays beside it", name=name)))
        _put_chip(button, mark_for(name, index))
        button.setProperty("class_name", name)
        button.clicked.connect(self._clicked)
        return button

    @Slot()
    def _clicked(self) -> None:
        button = self.sender()
        if isinstance(button, QPushButton):
            self.clicked.emit(str(button.property("class_name")))


def _button_text(index: int, name: str, *, chosen: bool) -> str:
    key = f"  ({index + 1})" if index < _KEYS else ""
    return f" {name}{key}{'  ✓' if chosen else ''}"


def _put_chip(button: QPushButton, mark: Mark) -> None:
    side, ratio = icons.scaled(_CHIP), button.devicePixelRatioF()
    picture = QPixmap(QSize(side, side) * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(QColor(0, 0, 0, 0))
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    font = button.font()
    font.setBold(True)
    paint_chip(painter, QRectF(0, 0, side, side), mark, font)
    painter.end()
    button.setIcon(QIcon(picture))
    button.setIconSize(QSize(side, side))
