"""Event filters of focused controls: keys they keep, held keys; drops and markup that text widgets refuse."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QTextEdit,
    QTreeView,
    QWidget,
)

ARROWS: Final = frozenset(
    {
        Qt.Key.Key_Left,
        Qt.Key.Key_Right,
        Qt.Key.Key_Home,
        Qt.Key.Key_End,
        Qt.Key.Key_PageUp,
        Qt.Key.Key_PageDown,
    }
)
"""Left, right and the ends; up and down are not among them."""
_PRESS: Final = frozenset({Qt.Key.Key_Space})
_APART: Final = 20
"""Milliseconds between releasing a key and pressing it again; nobody is faster."""
_KEPT: Final[tuple[tuple[type[QWidget], frozenset[Qt.Key]], ...]] = (
    (QAbstractSlider, ARROWS),
    (QAbstractButton, _PRESS),
    (QAbstractSpinBox, ARROWS),
    (QComboBox, ARROWS | _PRESS),
    (QTabBar, ARROWS),
    (QTreeView, frozenset({Qt.Key.Key_Left, Qt.Key.Key_Right})),
)


def belongs_to_control(event: QKeyEvent, focused: QWidget | None) -> bool:
    """Tell whether a key works the focused control, so that no single-key action may take it."""
    if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
        return False
    key = Qt.Key(event.key())
    return any(isinstance(focused, kind) and key in kept for kind, kept in _KEPT)


class KeyRepeat:
    """Recognises the repeats of a held key, also those that are not marked as repeats.

    An X server sends a held key as a release and a press of the same moment. Qt marks the press as a
    repeat only if it has read both when it handles the release; held for 2.5 s, a key had one to three
    repeats that were not marked.
    """

    def __init__(self) -> None:
        self._key = 0
        self._released_at = 0

    def released(self, event: QKeyEvent) -> None:
        """Take a release."""
        self._key, self._released_at = event.key(), event.timestamp()

    def is_repeat(self, event: QKeyEvent) -> bool:
        """Tell whether a press is the repeat of a held key."""
        if event.isAutoRepeat():
            return True
        known = bool(self._released_at) and self._key == event.key()
        return known and 0 <= event.timestamp() - self._released_at < _APART


class KeyGuard(QObject):
    """Keeps single-key actions away from controls that need the key, and knows a held key."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._keys = KeyRepeat()
        self._repeating = False
        window.installEventFilter(self)

    def is_repeating(self) -> bool:
        """Tell whether the key that is being handled is a repeat."""
        return self._repeating

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let a focused control keep the keys it needs, before single-key actions take them."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            self._repeating = self._keys.is_repeat(event)
            if self._repeating:
                # The action is called before this; what is clicked afterwards is no repeat.
                QTimer.singleShot(0, self, self._end)
            if belongs_to_control(event, QApplication.focusWidget()):
                event.accept()
                return True
        elif event.type() == QEvent.Type.KeyRelease and isinstance(event, QKeyEvent):
            self._keys.released(event)
        return super().eventFilter(watched, event)

    @Slot()
    def _end(self) -> None:
        self._repeating = False


def plain_labels(window: QWidget) -> None:
    """Show every label's text as it is: a file, model or class with tags in its name is no markup."""
    for label in window.findChildren(QLabel):
        label.setTextFormat(Qt.TextFormat.PlainText)


def no_drops_into_text(window: QWidget) -> None:
    """Let files dropped on a text box reach the window: a path typed into a filter helps nobody."""
    for line in window.findChildren(QLineEdit):
        line.setAcceptDrops(False)
    for kind in (QPlainTextEdit, QTextEdit):
        for box in window.findChildren(kind):
            box.setAcceptDrops(False)
            box.viewport().setAcceptDrops(False)
