"""Password dialog of a signer's private key; what is typed is handed on and kept nowhere."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from allstation.ui.common import focus_filters
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import grow_with_text

_LINES: Final = 3


class PasswordDialog(QDialog):
    """Asks for one password and stays open until it was the right one.

    Args:
        title: Of the dialog.
        question: What the password opens.
        go: Text of the button.
        parent: Window in front of which it stands.

    Signals:
        entered: The password.
    """

    entered = Signal(str)

    def __init__(self, title: str, question: str, go: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        text = QLabel(question, self, wordWrap=True)
        self.password = QLineEdit(self)
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setAccessibleName(tr("Password"))
        self.password.textChanged.connect(self._typed)
        self._message = QLabel(self, wordWrap=True)
        self._message.setProperty("role", "danger")
        # Room for a sentence from the beginning: the dialog does not jump when there is one.
        self._message.setMinimumHeight(_LINES * self.fontMetrics().lineSpacing())
        self._message.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.go = self._buttons.addButton(go, QDialogButtonBox.ButtonRole.AcceptRole)
        self.go.setDefault(True)
        self._buttons.accepted.connect(self._enter)
        self._buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(12)
        for part in (text, self.password, self._message, self._buttons):
            layout.addWidget(part)
        grow_with_text(self, 440)
        focus_filters.no_drops_into_text(self)
        focus_filters.plain_labels(self)
        self.show_problem("")
        self._typed()

    @property
    def message(self) -> str:
        """Problem with the last password, or empty."""
        return self._message.text()

    def show_problem(self, sentence: str) -> None:
        """Say why it did not work, and let another password be typed."""
        self._message.setText(sentence)
        self.password.setEnabled(True)
        self.password.clear()
        self.password.setFocus()

    @Slot()
    def _typed(self) -> None:
        self.go.setEnabled(bool(self.password.text()))

    @Slot()
    def _enter(self) -> None:
        password = self.password.text()
        self.password.setEnabled(False)
        self.go.setEnabled(False)
        self._message.clear()
        self.entered.emit(password)
