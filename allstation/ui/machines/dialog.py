"""Dialog on the laboratory's machines: address, join file, test, and whether they are used."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import grow_with_text

_WIDTH: Final = 560


class MachinesDialog(QDialog):
    """Shows how the connection stands; what a person wants is told by signals.

    Args:
        parent: The window.

    Signals:
        join_chosen: Path of a join file.
        test_asked: Address to try.
        use_asked: Address, and whether the queue works there.
        runs_chosen: Folder of training runs that all machines see; empty for none.
    """

    join_chosen = Signal(str)
    test_asked = Signal(str)
    use_asked = Signal(str, bool)
    runs_chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Laboratory machines"))
        grow_with_text(self, _WIDTH)
        about = self._label()
        about.setText(
            tr(
                "Several computers can classify and train together. Start them on one (allstation cluster "
                "up), and carry its join file here on a stick."
            )
        )
        self.address = QLineEdit(self)
        self.address.setPlaceholderText("tls://192.168.1.20:8786")
        self.address.setAccessibleName(tr("Address of the machines"))
        self.join = QPushButton(tr("Open &Join File…"), self)
        self.test = QPushButton(tr("&Test"), self)
        self.used = QCheckBox(tr("&Let these machines work on the queue, and train"), self)
        self.runs = QLineEdit(self)
        self.runs.setPlaceholderText(tr("Folder that all machines see under this name, for training runs"))
        self.runs.setAccessibleName(tr("Folder of training runs"))
        self.browse = QPushButton(tr("Training &Runs…"), self)
        self.message = self._label()
        self._lay_out(about)
        self.join.clicked.connect(self._ask_file)
        self.test.clicked.connect(self._test)
        self.address.textChanged.connect(self._show_buttons)
        self.used.clicked.connect(self._use)
        self.browse.clicked.connect(self._ask_folder)
        self.runs.editingFinished.connect(self._runs_edited)
        self._show_buttons()

    def _label(self) -> QLabel:
        label = QLabel(self)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        return label

    def _lay_out(self, about: QLabel) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(10)
        layout.addWidget(about)
        row = QHBoxLayout()
        row.addWidget(self.address, 1)
        for button in (self.join, self.test):
            button.setAutoDefault(False)
            row.addWidget(button)
        layout.addLayout(row)
        layout.addWidget(self.used)
        row = QHBoxLayout()
        row.addWidget(self.runs, 1)
        self.browse.setAutoDefault(False)
        row.addWidget(self.browse)
        layout.addLayout(row)
        layout.addWidget(self.message)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)

    def show_settings(self, address: str, *, used: bool, runs: str) -> None:
        """Show what is stored."""
        self.runs.setText(runs)
        self.address.setText(address)
        self.used.setChecked(used)
        self._show_buttons()

    def show_message(self, sentence: str) -> None:
        """Say how the connection stands, or what does not work."""
        self.message.setText(sentence)
        self.test.setEnabled(bool(self.address.text().strip()))

    @Slot()
    def _show_buttons(self) -> None:
        some = bool(self.address.text().strip())
        self.test.setEnabled(some)
        self.used.setEnabled(some or self.used.isChecked())

    @Slot()
    def _ask_file(self) -> None:
        dialog = QFileDialog(self, tr("Open a join file"))
        dialog.setNameFilter(tr("Join files (*.alljoin)"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.join_chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot()
    def _ask_folder(self) -> None:
        dialog = QFileDialog(self, tr("Folder of training runs"), self.runs.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.runs.setText)
        dialog.fileSelected.connect(self.runs_chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot()
    def _runs_edited(self) -> None:
        self.runs_chosen.emit(self.runs.text().strip())

    @Slot()
    def _test(self) -> None:
        self.message.setText(tr("Trying…"))
        self.test.setEnabled(False)
        self.test_asked.emit(self.address.text().strip())

    @Slot(bool)
    def _use(self, used: bool) -> None:
        self.use_asked.emit(self.address.text().strip(), used)
