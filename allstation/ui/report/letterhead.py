"""Letterhead dialog: laboratory, address and logo, kept in the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from allstation.services.settings import SettingsFile
from allstation.ui.common import focus_filters
from allstation.ui.common.formatting import short_name, tip
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import grow_with_text

_LINES: Final = 4
_LONGEST: Final = 200


class LetterheadDialog(QDialog):
    """Shown beside the report; nothing waits for it.

    Signals:
        saved: The settings have another letterhead.
    """

    saved = Signal()

    def __init__(self, settings: SettingsFile, parent: QWidget) -> None:
        super().__init__(parent)
        self._settings = settings
        stored = settings.value
        self._logo = stored.logo
        self.setWindowTitle(tr("Letterhead"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.name = QLineEdit(stored.laboratory, self)
        self.name.setMaxLength(_LONGEST)
        self.name.setPlaceholderText(tr("ALL Station stands there if no laboratory is named"))
        self.lines = QPlainTextEdit("\n".join(stored.laboratory_lines), self)
        self.lines.setTabChangesFocus(True)
        self.lines.setFixedHeight(92)
        self.lines.setPlaceholderText(tr("Address, telephone, accreditation: up to four lines"))
        self._file = QLabel(self)
        self._remove = QPushButton(tr("Remove"), self)
        self._remove.clicked.connect(self._take_away)
        choose = QPushButton(tr("Choose…"), self)
        choose.clicked.connect(self._ask)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._file, 1)
        row.addWidget(choose)
        row.addWidget(self._remove)
        form = QFormLayout()
        form.setVerticalSpacing(10)
        form.addRow(tr("&Laboratory"), self.name)
        form.addRow(tr("&Address"), self.lines)
        form.addRow(tr("Logo"), row)
        standard = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(standard.Save | standard.Cancel, self)
        buttons.accepted.connect(self._save)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(14)
        layout.addLayout(form)
        layout.addWidget(buttons)
        grow_with_text(self, 520)
        focus_filters.no_drops_into_text(self)
        focus_filters.plain_labels(self)
        self._show_logo()

    def _show_logo(self) -> None:
        self._file.setText(short_name(Path(self._logo).name, 40) if self._logo else tr("None"))
        self._file.setToolTip(tip(self._logo))
        self._remove.setEnabled(bool(self._logo))

    @Slot()
    def _take_away(self) -> None:
        self._logo = ""
        self._show_logo()

    @Slot()
    def _ask(self) -> None:
        dialog = QFileDialog(self, tr("Choose a logo"))
        dialog.setNameFilter(tr("Pictures (*.png *.jpg *.jpeg *.tif *.tiff *.bmp *.webp)"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.set_logo)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def set_logo(self, name: str) -> None:
        """Take a picture file as the logo."""
        self._logo = name
        self._show_logo()

    @Slot()
    def _save(self) -> None:
        lines = [line.strip()[:_LONGEST] for line in self.lines.toPlainText().splitlines() if line.strip()]
        self._settings.change(
            laboratory=self.name.text().strip(), laboratory_lines=tuple(lines[:_LINES]), logo=self._logo
        )
        self.accept()
        self.saved.emit()
