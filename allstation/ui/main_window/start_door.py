"""Door of the start page: a large button with an icon, a title, a line of text and its key."""

from __future__ import annotations

from typing import Final, NamedTuple

from PySide6.QtCore import QSize
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from allstation.ui.common import icons, theme

_ICON: Final = 36


class DoorText(NamedTuple):
    """Content of a door.

    Attributes:
        key: The key that opens it.
        icon: Name of its icon.
        title: What it leads to.
        text: What happens then.
    """

    key: str
    icon: str
    title: str
    text: str


class StartDoor(QPushButton):
    """Opens one way into the program by a click, Enter or its key."""

    def __init__(self, content: DoorText, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key = content.key
        self._content = content
        self.setProperty("role", "door")
        self.setAccessibleName(content.title)
        self.setAccessibleDescription(content.text)
        self._icon = QLabel(self)
        key = QLabel(content.key, self)
        key.setProperty("role", "key")
        title = QLabel(content.title, self, wordWrap=True)
        title.setProperty("role", "heading")
        text = QLabel(content.text, self, wordWrap=True)
        text.setProperty("role", "muted")
        top = QHBoxLayout()
        top.addWidget(self._icon)
        top.addStretch(1)
        corner = QVBoxLayout()  # keeps the key as small as its letter
        corner.addWidget(key)
        corner.addStretch(1)
        top.addLayout(corner)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(title)
        column.addWidget(text)
        column.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        self.refresh_icon()

    def sizeHint(self) -> QSize:
        """As large as its words, which are not those of a plain button."""
        layout = self.layout()
        return layout.sizeHint() if layout is not None else super().sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Its longest word and all its lines."""
        layout = self.layout()
        return layout.minimumSize() if layout is not None else super().minimumSizeHint()

    def refresh_icon(self) -> None:
        """Draw the icon in the colours and at the size of now."""
        colour = QColor(theme.tokens(self.palette()).accent)
        size, ratio = icons.scaled(_ICON), self.devicePixelRatioF()
        self._icon.setPixmap(icons.pixmap(self._content.icon, colour, size=size, ratio=ratio))
