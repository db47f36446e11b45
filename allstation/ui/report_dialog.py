"""The few choices about a report, before the place for it is asked."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from allstation.core.classes import RESEARCH_USE
from allstation.services.export import ExportOptions
from allstation.services.settings import SettingsFile
from allstation.ui.text import tr

_TEMPLATES = (
    ("full", "Full report"),
    ("summary", "Summary, one page"),
    ("contact", "Contact sheet of each slide"),
)
_SIZES = ("A4", "Letter")


class ReportDialog(QDialog):
    """Template, paper, anonymised or not. Opened with ``open()``.

    Signals:
        chosen: :class:`ExportOptions`.
    """

    chosen = Signal(object)

    def __init__(self, settings: SettingsFile, parent: QWidget) -> None:
        super().__init__(parent)
        self._settings = settings
        stored = settings.value
        self.setWindowTitle(tr("Export report"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.template = QComboBox(self)
        for name, title in _TEMPLATES:
            self.template.addItem(tr(title), name)
        self.template.setCurrentIndex(max(0, self.template.findData(stored.report_template)))
        self.paper = QComboBox(self)
        self.paper.addItems(list(_SIZES))
        self.paper.setCurrentText(stored.page_size)
        self.anonymise = QCheckBox(tr("Leave out patient and request data"), self)
        self.anonymise.setChecked(stored.anonymise)
        notice = QLabel(RESEARCH_USE, self, wordWrap=True)
        notice.setProperty("role", "research")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        go = buttons.addButton(tr("Choose a place…"), QDialogButtonBox.ButtonRole.AcceptRole)
        go.setDefault(True)
        buttons.accepted.connect(self._accepted)
        buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.setVerticalSpacing(10)
        form.addRow(tr("&Contents"), self.template)
        form.addRow(tr("&Paper"), self.paper)
        form.addRow("", self.anonymise)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(14)
        layout.addLayout(form)
        layout.addWidget(notice)
        layout.addWidget(buttons)
        self.setMinimumWidth(420)

    def _accepted(self) -> None:
        options = ExportOptions(
            self.template.currentData(), self.paper.currentText(), self.anonymise.isChecked()
        )
        self._settings.change(
            report_template=options.template, page_size=options.page_size, anonymise=options.anonymise
        )
        self.accept()
        self.chosen.emit(options)
