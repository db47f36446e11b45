"""A comment that is kept when its writer leaves it: Ctrl+Return ends it, Escape drops it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from allstation.ui.common.i18n import tr

_LINES = 3.6


class CommentEdit(QPlainTextEdit):
    """The comment of one field.

    Signals:
        finished: The writer ended a comment that differs from what was there.
    """

    finished = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._before = ""
        self._return_to: QWidget | None = None
        self.setPlaceholderText(tr("Comment  (C), kept with Ctrl+Return"))
        self.setAccessibleName(tr("Comment"))
        self.setToolTip(tr("Kept when you leave it or press Ctrl+Return; Escape drops what you typed"))
        self.setTabChangesFocus(True)
        self.setFixedHeight(round(self.fontMetrics().height() * _LINES))

    def set_text(self, text: str) -> None:
        """Show a stored comment; text being typed is left alone when it is the same field's."""
        if text == self._before and self.hasFocus():
            return
        self._before = text
        with QSignalBlocker(self):
            self.setPlainText(text)

    def take_text(self) -> str:
        """Return what is written; it goes with the review that is made now."""
        self._before = self.toPlainText().strip()
        return self._before

    def begin(self) -> None:
        """Start writing; the keyboard goes back to where it was afterwards."""
        self._return_to = self.window().focusWidget()
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.selectAll()

    def finish(self) -> None:
        """Keep what was typed."""
        text = self.toPlainText().strip()
        if text != self._before:
            self._before = text
            self.finished.emit(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """End with Ctrl+Return, drop with Escape."""
        if event.key() == Qt.Key.Key_Escape:
            self.setPlainText(self._before)
            self._leave()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and event.modifiers() & (
            Qt.KeyboardModifier.ControlModifier
        ):
            self._leave()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Leaving keeps."""
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.finish()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the size of the text."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.setFixedHeight(round(self.fontMetrics().height() * _LINES))

    def _leave(self) -> None:
        target: QObject | None = self._return_to
        # What lies behind another panel by now would not take the keyboard, and keys would go on as words.
        if isinstance(target, QWidget) and target is not self and target.isVisible():
            target.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.clearFocus()
