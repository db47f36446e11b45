"""Button of a class in the labelling window: its key on the class's colour, its name and its count."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from allstation.ui.common import icons
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card import paint_chip
from allstation.ui.viewer.card_content import Mark, mark_for

_CHIP: Final = 24
_ROOM: Final = 64
"""Pixels that are left for the count."""


class ClassButton(QPushButton):
    """Gives the field on the screen its class; marked while that field has it.

    Attributes:
        place: Of the class among the classes.
    """

    def __init__(self, place: int, key: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.place = place
        self._key = key
        self._name = ""
        self._count = QLabel(self)
        self._count.setProperty("role", "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 12, 0)
        row.addStretch(1)
        row.addWidget(self._count)
        self.setCheckable(True)
        self.setProperty("role", "class")
        self.setToolTip(tr("Click or press the key"))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # its key is the window's
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_class(self, name: str, count: int, *, current: bool) -> None:
        """Show a class.

        Args:
            name: Its name.
            count: Fields that have it.
            current: Whether the field on the screen has it.
        """
        self._name = name
        self.setText(name.replace("&", "&&"))
        self._count.setText(number(count))
        self.setChecked(current)
        words = tr("{name}, key {key}, {n} fields", name=name, key=self._key, n=number(count))
        self.setAccessibleName(words)
        self._paint_chip()

    def sizeHint(self) -> QSize:
        """Room for name and count."""
        hint = super().sizeHint()
        return QSize(hint.width() + icons.scaled(_ROOM), max(hint.height(), icons.scaled(_CHIP) + 14))

    def minimumSizeHint(self) -> QSize:
        """As its size: a name that is cut off is another name."""
        return self.sizeHint()

    def changeEvent(self, event: QEvent) -> None:
        """Draw the key again at another size of text."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self._name:
            self._paint_chip()

    def _paint_chip(self) -> None:
        mark = mark_for(self._name, self.place)
        side, ratio = icons.scaled(_CHIP), self.devicePixelRatioF()
        picture = QPixmap(QSize(side, side) * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bold = QFont(self.font())
        bold.setBold(True)
        paint_chip(painter, QRectF(0, 0, side, side), Mark(self._key, mark.colour, mark.name), bold)
        painter.end()
        self.setIcon(QIcon(picture))
        self.setIconSize(QSize(side, side))
