"""Which keys a focused control keeps for itself, what text boxes do not take and labels do not read."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt
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

_ARROWS: Final = frozenset(
    {
        Qt.Key.Key_Left,
        Qt.Key.Key_Right,
        Qt.Key.Key_Home,
        Qt.Key.Key_End,
        Qt.Key.Key_PageUp,
        Qt.Key.Key_PageDown,
    }
)
_PRESS: Final = frozenset({Qt.Key.Key_Space})
_KEPT: Final[tuple[tuple[type[QWidget], frozenset[Qt.Key]], ...]] = (
    (QAbstractSlider, _ARROWS),
    (QAbstractButton, _PRESS),
    (QAbstractSpinBox, _ARROWS),
    (QComboBox, _ARROWS | _PRESS),
    (QTabBar, _ARROWS),
    (QTreeView, frozenset({Qt.Key.Key_Left, Qt.Key.Key_Right})),
)


def belongs_to_control(event: QKeyEvent, focused: QWidget | None) -> bool:
    """Tell whether a key works the focused control, so that no single-key action may take it."""
    if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
        return False
    key = Qt.Key(event.key())
    return any(isinstance(focused, kind) and key in kept for kind, kept in _KEPT)


class _Guard(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Let a focused control keep the keys it needs, before single-key actions take them."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and belongs_to_control(event, QApplication.focusWidget())
        ):
            event.accept()
            return True
        return super().eventFilter(watched, event)


def guard(window: QWidget) -> None:
    """Keep a window's single-key actions away from focused controls that need the key."""
    window.installEventFilter(_Guard(window))


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
