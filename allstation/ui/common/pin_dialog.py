"""Dialog that asks a person for a name and a PIN."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QWidget

from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import grow_with_text

_WIDTH = 380


class PinDialog(QDialog):
    """Stays open until it is cancelled or closed by whoever checks what was given.

    Args:
        names: Among which the person chooses; a single one stands.
        title: Of the window.
        parent: The window below.

    Signals:
        given: Name and PIN.
    """

    given = Signal(str, str)

    def __init__(self, names: Sequence[str], title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        grow_with_text(self, _WIDTH)
        self.name = QComboBox(self)
        self.name.addItems(list(names))
        self.name.setEnabled(len(names) > 1)
        self.name.setAccessibleName(tr("Name"))
        self.pin = QLineEdit(self)
        self.pin.setEchoMode(QLineEdit.EchoMode.Password)
        self.pin.setAccessibleName(tr("PIN"))
        self.message = QLabel(self)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setWordWrap(True)
        self.message.setProperty("role", "warning")
        self.message.hide()
        standard = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(standard.Ok | standard.Cancel, self)
        self.buttons.accepted.connect(self._give)
        self.buttons.rejected.connect(self.reject)
        form = QFormLayout(self)
        form.addRow(tr("&Name"), self.name)
        form.addRow(tr("&PIN"), self.pin)
        form.addRow(self.message)
        form.addRow(self.buttons)
        self.pin.setFocus()

    @Slot()
    def _give(self) -> None:
        if self.pin.text():
            self.buttons.setEnabled(False)
            self.given.emit(self.name.currentText(), self.pin.text())

    def refuse(self, sentence: str) -> None:
        """Say why what was given does not do, and ask again."""
        self.message.setText(sentence)
        self.message.show()
        self.pin.clear()
        self.pin.setFocus()
        self.buttons.setEnabled(True)
