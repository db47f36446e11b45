"""Dialog of a self-made certificate: who will sign, for which laboratory, and a password for the key."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from allstation.ui.common import focus_filters
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import grow_with_text

_LONGEST: Final = 64
_SHORTEST: Final = 8


class MakeCertificateDialog(QDialog):
    """Asks for what a certificate says.

    Signals:
        wanted: Name, laboratory and password.
    """

    wanted = Signal(str, str, str)

    def __init__(self, name: str, laboratory: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Make a certificate"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        about = QLabel(
            tr(
                "A self-made certificate proves that a report was not changed since it was signed with this "
                "key. That the key is yours nobody but you says: whoever verifies your reports must trust it "
                "once. The private key is encrypted with the password, which is kept nowhere: without it the "
                "key is lost."
            ),
            self,
            wordWrap=True,
        )
        about.setProperty("role", "small")
        self.name, self.laboratory = QLineEdit(name, self), QLineEdit(laboratory, self)
        self.password, self.again = QLineEdit(self), QLineEdit(self)
        for box in (self.name, self.laboratory):
            box.setMaxLength(_LONGEST)
        for box in (self.password, self.again):
            box.setEchoMode(QLineEdit.EchoMode.Password)
        form = QFormLayout()
        form.setVerticalSpacing(10)
        for label, box in (
            (tr("&Name"), self.name),
            (tr("&Laboratory"), self.laboratory),
            (tr("&Password"), self.password),
            (tr("Password &again"), self.again),
        ):
            form.addRow(label, box)
            box.textChanged.connect(self._typed)
        self._hint = QLabel(self, wordWrap=True)
        self._hint.setProperty("role", "small")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.go = buttons.addButton(tr("Choose a place…"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.go.setDefault(True)
        buttons.accepted.connect(self._enter)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(12)
        layout.addWidget(about)
        layout.addLayout(form)
        layout.addWidget(self._hint)
        layout.addWidget(buttons)
        grow_with_text(self, 500)
        focus_filters.no_drops_into_text(self)
        focus_filters.plain_labels(self)
        self._typed()

    def _problem(self) -> str:
        password = self.password.text()
        if not self.name.text().strip():
            return tr("Whose certificate is it?")
        if len(password) < _SHORTEST:
            return tr("The password needs at least {n} characters.", n=_SHORTEST)
        return "" if password == self.again.text() else tr("The two passwords differ.")

    @Slot()
    def _typed(self) -> None:
        problem = self._problem()
        self._hint.setText(problem or " ")
        self.go.setEnabled(not problem)

    @Slot()
    def _enter(self) -> None:
        name, laboratory = self.name.text().strip(), self.laboratory.text().strip()
        self.wanted.emit(name, laboratory, self.password.text())
        self.accept()
