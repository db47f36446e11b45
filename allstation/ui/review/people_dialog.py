"""Dialog on people and stations: how people are named, who has a PIN, and the folder that stations share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from allstation.keys.people import SHORTEST_PIN, Naming, People
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import grow_with_text

_WIDTH: Final = 560
_LIST: Final = 130


class PeopleDialog(QDialog):
    """Shows the list as it is stored; every change is asked for by a signal and shown when it was written.

    Args:
        parent: The window.

    Signals:
        naming_chosen: How people are to be named (:class:`Naming`).
        person_added: Name and PIN.
        person_removed: Name.
        folder_chosen: Folder that stations share; empty for none.
    """

    naming_chosen = Signal(object)
    person_added = Signal(str, str)
    person_removed = Signal(str)
    folder_chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("People and stations"))
        grow_with_text(self, _WIDTH)
        texts = {
            Naming.TYPED: tr("Reviewers and signers &type their names"),
            Naming.LOGIN: tr("They are named by their &login at this computer"),
            Naming.PIN: tr("They are named by a &PIN; signing asks for it again"),
        }
        self.choices = {naming: QRadioButton(text, self) for naming, text in texts.items()}
        self.people = QListWidget(self)
        self.people.setAccessibleName(tr("People with a PIN"))
        self.people.setMaximumHeight(_LIST)
        self.name, self.pin, self.again = (QLineEdit(self) for _ in range(3))
        for line, text in (
            (self.name, tr("Name")),
            (self.pin, tr("PIN ({n} or more)", n=SHORTEST_PIN)),
            (self.again, tr("PIN again")),
        ):
            line.setPlaceholderText(text)
            line.setAccessibleName(text)
        self.pin.setEchoMode(QLineEdit.EchoMode.Password)
        self.again.setEchoMode(QLineEdit.EchoMode.Password)
        self.folder = self._label()
        self.message = self._label()
        self.message.setProperty("role", "warning")
        self._lay_out()
        for naming, choice in self.choices.items():
            choice.setProperty("naming", str(naming))
            choice.clicked.connect(self._choose)

    def _label(self) -> QLabel:
        label = QLabel(self)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        return label

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(10)
        for choice in self.choices.values():
            layout.addWidget(choice)
        layout.addWidget(self.people)
        layout.addLayout(self._row(self.name, self.pin, self.again, self._button(tr("Give PIN"), self._add)))
        layout.addLayout(self._row(self._button(tr("Remove Person"), self._remove)))
        layout.addLayout(
            self._row(
                self.folder,
                self._button(tr("Choose Folder…"), self._ask_folder),
                self._button(tr("No Folder"), self._no_folder),
            )
        )
        layout.addWidget(self.message)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)

    @staticmethod
    def _row(*widgets: QWidget) -> QHBoxLayout:
        row = QHBoxLayout()
        for number, widget in enumerate(widgets):
            row.addWidget(widget, 0 if isinstance(widget, QPushButton) or number else 1)
        return row

    def _button(self, text: str, do: Callable[[], None]) -> QPushButton:
        button = QPushButton(text, self)
        button.setAutoDefault(False)
        button.clicked.connect(do)
        return button

    def show_people(self, people: People, folder: str) -> None:
        """Show what is stored.

        Args:
            people: The list.
            folder: That stations share; empty for none.
        """
        self.choices[people.naming].setChecked(True)
        self.people.clear()
        self.people.addItems(list(people.names))
        shared = tr("Heads of audit logs and this list are shared in {folder}.", folder=folder)
        self.folder.setText(shared if folder else tr("Nothing is shared with other stations."))
        for line in (self.name, self.pin, self.again):
            line.clear()
        self.message.clear()

    def show_problem(self, people: People, sentence: str) -> None:
        """Say why a change was not made; the choice shown is the one that holds."""
        self.choices[people.naming].setChecked(True)
        self.message.setText(sentence)

    @Slot()
    def _choose(self) -> None:
        naming = next(naming for naming, choice in self.choices.items() if choice.isChecked())
        self.naming_chosen.emit(naming)

    @Slot()
    def _add(self) -> None:
        if self.pin.text() != self.again.text():
            self.message.setText(tr("The two PINs differ."))
        else:
            self.person_added.emit(self.name.text(), self.pin.text())

    @Slot()
    def _remove(self) -> None:
        item = self.people.currentItem()
        if item is not None:
            self.person_removed.emit(item.text())

    @Slot()
    def _ask_folder(self) -> None:
        dialog = QFileDialog(self, tr("Choose a folder that all stations reach"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.folder_chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot()
    def _no_folder(self) -> None:
        self.folder_chosen.emit("")
