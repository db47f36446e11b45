"""The command palette: find any action by typing a few letters of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFrame, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from allstation.ui.common.i18n import tr

_WIDTH: Final = 520
_ROWS: Final = 11
_ACTION: Final = int(Qt.ItemDataRole.UserRole)


def plain(action: QAction) -> str:
    """Return an action's text without access keys and dots."""
    return action.text().replace("&", "").rstrip("…")


def matches(wanted: str, text: str) -> bool:
    """Tell whether every word typed begins a word of a text, or the letters occur in their order."""
    folded = text.casefold()
    words = wanted.casefold().split()
    starts = folded.split()
    if all(any(start.startswith(word) for start in starts) for word in words):
        return True
    letters = iter(folded)
    return all(letter in letters for letter in wanted.casefold().replace(" ", ""))


class CommandPalette(QFrame):
    """A small list over the window. Return runs, Escape closes.

    Args:
        window: The window it covers.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._actions: list[QAction] = []
        self._back: QWidget | None = None
        self.setProperty("role", "card")
        self.setAccessibleName(tr("Command palette"))
        self._text = QLineEdit(self, placeholderText=tr("Type what you want to do"))
        self._text.setAccessibleName(tr("Find an action"))
        self._list = QListWidget(self)
        self._list.setAccessibleName(tr("Actions"))
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setUniformItemSizes(True)
        self._text.textChanged.connect(self._filter)
        self._text.returnPressed.connect(self._run)
        self._text.installEventFilter(self)
        self._list.itemClicked.connect(self._run)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 10)
        layout.addWidget(self._text)
        layout.addWidget(self._list)
        self.hide()

    def open_with(self, actions: Sequence[QAction]) -> None:
        """Show the palette with these actions."""
        window = self.parentWidget()
        if window is None:
            return
        self._back = window.focusWidget()
        self._actions = sorted(actions, key=plain)
        self._text.clear()
        self._filter("")
        width = min(_WIDTH, window.width() - 40)
        height = self._text.sizeHint().height() + 34 + _ROWS * max(self._list.sizeHintForRow(0), 20)
        self.setGeometry((window.width() - width) // 2, 56, width, min(height, window.height() - 80))
        self.show()
        self.raise_()
        self._text.setFocus()

    def shown_texts(self) -> list[str]:
        """Return the actions listed now."""
        items = (self._list.item(row) for row in range(self._list.count()))
        actions = (item.data(_ACTION) for item in items)
        return [action.objectName() for action in actions if action is not None]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Move in the list while typing; close on Escape or when the keyboard goes elsewhere."""
        if event.type() == QEvent.Type.FocusOut:
            self.hide()
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step is not None:
                self._list.setCurrentRow(min(max(self._list.currentRow() + step, 0), self._list.count() - 1))
                return True
            if event.key() == Qt.Key.Key_Escape:
                self._leave()
                return True
        return super().eventFilter(watched, event)

    def _filter(self, wanted: str) -> None:
        self._list.clear()
        for action in sorted(self._actions, key=lambda action: _distance(wanted, plain(action))):
            name = plain(action)
            if not matches(wanted, name):
                continue
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            item = QListWidgetItem(action.icon(), f"{name}    {keys}" if keys else name, self._list)
            item.setData(_ACTION, action)
            item.setToolTip(action.statusTip())
            if not action.isEnabled():
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEnabled)
        if not self._list.count():
            nothing = QListWidgetItem(
                tr("Nothing is called so. Type a part of what you want to do."), self._list
            )
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
        self._list.setCurrentRow(0)

    def _run(self) -> None:
        item = self._list.currentItem()
        action = item.data(_ACTION) if item is not None else None
        if isinstance(action, QAction) and action.isEnabled():
            self._leave()
            action.trigger()

    def _leave(self) -> None:
        self.hide()
        if self._back is not None:
            self._back.setFocus()


def _distance(wanted: str, name: str) -> int:
    """Return 0 where a word begins with what is typed, 1 where it stands in the name, else 2."""
    typed, whole = wanted.casefold().strip(), name.casefold()
    if whole.startswith(typed) or f" {typed}" in whole:
        return 0
    return 1 if typed in whole else 2
