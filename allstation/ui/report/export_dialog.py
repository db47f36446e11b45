"""Dialog of an export's options, and the strip that shows how far an export is."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from allstation.report.free_text import FreeText, Texts
from allstation.report.options import ReportOptions
from allstation.services.export_job import ExportKind, ExportOptions
from allstation.services.reporting import letterhead
from allstation.services.settings import SettingsFile
from allstation.ui.common import focus_filters, icons
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import grow_with_text
from allstation.ui.report.free_text import FreeTextBox

TITLES: Final = {
    ExportKind.CSV: "CSV table",
    ExportKind.XLSX: "Excel workbook",
    ExportKind.JSON: "JSON table",
    ExportKind.FHIR: "FHIR bundle",
    ExportKind.DICOM: "DICOM files",
    ExportKind.GEOJSON: "Cell outlines",
    ExportKind.LABELLED: "Labelled folder",
    ExportKind.CELLS: "Table of cells",
    ExportKind.COCO: "Cells for detectors",
}
_ABOUT: Final = {
    ExportKind.CSV: "One line a field with probabilities, decision, review and quality.",
    ExportKind.XLSX: "Fields, summary and models on a sheet each, with the same figures as the report.",
    ExportKind.JSON: "One object a field, as the published schema describes.",
    ExportKind.FHIR: "One R4 DiagnosticReport bundle with observations, media and the model as a device.",
    ExportKind.DICOM: "A folder with every field and its probabilities as a secondary capture.",
    ExportKind.GEOJSON: (
        "A folder with one file a field that QuPath reads: the outlines of its cells with their types."
    ),
    ExportKind.CELLS: "One line a cell: place, size, type, proposed type, and who gave the type.",
    ExportKind.COCO: "Every cell with its type, box and mask in COCO's format, to train detectors.",
    ExportKind.LABELLED: (
        "A folder to train from: a copy of every field to which a person gave a class, in one sub-folder a "
        "class, with tables of labels, parts and same-field groups."
    ),
}
_FREE_TEXT: Final = {
    ExportKind.CSV: (FreeText.NAMES, FreeText.COMMENTS, FreeText.REVIEWERS),
    ExportKind.JSON: (FreeText.NAMES, FreeText.COMMENTS, FreeText.REVIEWERS, FreeText.MODELS),
    ExportKind.XLSX: (FreeText.NAMES, FreeText.COMMENTS, FreeText.REVIEWERS, FreeText.MODELS),
    ExportKind.GEOJSON: (FreeText.NAMES, FreeText.REVIEWERS),
    ExportKind.LABELLED: (FreeText.NAMES, FreeText.REVIEWERS),
    ExportKind.CELLS: (FreeText.NAMES, FreeText.REVIEWERS),
    ExportKind.COCO: (FreeText.NAMES,),
}
"""Free text that a kind has room for; all of it where nothing is said."""
_STEPS: Final = 1000


class ExportDialog(QDialog):
    """Dialog of an export's options, before the place for it is asked. Opened with ``open()``.

    Signals:
        chosen: :class:`ExportOptions`.
    """

    chosen = Signal(object)

    def __init__(self, kind: ExportKind, settings: SettingsFile, parent: QWidget) -> None:
        super().__init__(parent)
        self._settings = settings
        self.setWindowTitle(tr("Export: {what}", what=tr(TITLES[kind])))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        about = QLabel(tr(_ABOUT[kind]), self, wordWrap=True)
        self.anonymise = QCheckBox(tr("Leave out patient, request and folders"), self)
        self.anonymise.setToolTip(
            tr(
                "Codes stand for ids and hashes, numbers for reviewers and slides, years for dates. Pictures "
                "are written without metadata; they are not searched for writing"
            )
        )
        self.anonymise.setChecked(settings.value.anonymise)
        self.mark = QCheckBox(tr("Begin with a byte order mark, for Excel"), self)
        self.mark.setChecked(settings.value.csv_mark)
        self.mark.setVisible(kind is ExportKind.CSV)
        self.decimal_comma = QCheckBox(tr("Decimal comma: 0,83 instead of 0.83"), self)
        self.decimal_comma.setChecked(settings.value.csv_decimal_comma)
        self.decimal_comma.setVisible(kind is ExportKind.CSV)
        delimiters = self._delimiters()
        delimiters.setVisible(kind is ExportKind.CSV)
        self.thumbnails = QCheckBox(tr("Put a small picture of each field into the first column"), self)
        self.thumbnails.setVisible(kind is ExportKind.XLSX)
        self.report = QCheckBox(tr("Include the report: signed if that still holds, else a draft"), self)
        self.report.setChecked(True)
        self.report.setVisible(kind in (ExportKind.FHIR, ExportKind.DICOM))
        self.free_text = FreeTextBox(_FREE_TEXT.get(kind, tuple(FreeText)), self)
        self.free_text.setVisible(self.anonymise.isChecked())
        self.anonymise.toggled.connect(self.free_text.setVisible)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        go = buttons.addButton(tr("Choose a place…"), QDialogButtonBox.ButtonRole.AcceptRole)
        go.setDefault(True)
        buttons.accepted.connect(self._accepted)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(12)
        table = (delimiters, self.decimal_comma, self.mark)
        for part in (about, self.anonymise, self.free_text, *table, self.thumbnails, self.report, buttons):
            layout.addWidget(part)
        grow_with_text(self, 440)
        focus_filters.plain_labels(self)

    @Slot(int, object)
    def show_free_text(self, _generation: int, texts: Texts) -> None:
        """List the free text of the case."""
        self.free_text.show_texts(texts, self.free_text.keep())

    def _delimiters(self) -> QWidget:
        row = QWidget(self)
        self.delimiter = QComboBox(row)
        self.delimiter.addItem(tr("Comma"), ",")
        self.delimiter.addItem(tr("Semicolon, where the comma is the decimal sign"), ";")
        self.delimiter.addItem(tr("Tab"), "\t")
        self.delimiter.setCurrentIndex(max(self.delimiter.findData(self._settings.value.csv_delimiter), 0))
        self.delimiter.activated.connect(self._delimiter_chosen)
        name = QLabel(tr("Between &values:"), row)
        name.setBuddy(self.delimiter)
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(name)
        line.addWidget(self.delimiter, 1)
        return row

    @Slot()
    def _delimiter_chosen(self) -> None:
        """Follow the usual pair of separator and decimal sign; the box can still be changed."""
        self.decimal_comma.setChecked(self.delimiter.currentData() == ";")

    @Slot()
    def _accepted(self) -> None:
        stored = self._settings.value
        options = ExportOptions(
            anonymise=self.anonymise.isChecked(),
            keep=self.free_text.keep(),
            byte_order_mark=self.mark.isChecked(),
            delimiter=str(self.delimiter.currentData()),
            decimal="," if self.decimal_comma.isChecked() else ".",
            thumbnails=self.thumbnails.isChecked(),
            with_report=self.report.isChecked(),
            report=ReportOptions(
                page_size=stored.page_size,
                letterhead=letterhead(stored),
                count_proposals=stored.count_proposals,
            ),
        )
        self._settings.change(
            anonymise=options.anonymise,
            csv_delimiter=options.delimiter,
            csv_mark=options.byte_order_mark,
            csv_decimal_comma=options.decimal == ",",
        )
        self.accept()
        self.chosen.emit(options)


class ExportStrip(QWidget):
    """Export strip of the status line: name, progress and a button that stops it."""

    stop_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = QLabel(self, textFormat=Qt.TextFormat.PlainText)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(90)
        self._bar.setAccessibleName(tr("Progress of the export"))
        self.stop = QToolButton(self)
        self.stop.setToolTip(tr("Stop this export; nothing of it is left"))
        self.stop.setAccessibleName(tr("Stop this export"))
        self.stop.clicked.connect(self.stop_asked)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 6, 0)
        for part in (self._text, self._bar, self.stop):
            row.addWidget(part)
        self.hide()

    def begin(self, name: str) -> None:
        """Show what is being written."""
        self._text.setText(tr("Writing {name}", name=name))
        self._bar.setRange(0, 0)
        self.stop.setIcon(icons.icon("cancel", self.palette()))
        self.stop.setEnabled(True)
        self.show()

    def step(self, done: int, of: int) -> None:
        """Show how far it is, where that can be said."""
        self._bar.setRange(0, _STEPS if of else 0)
        self._bar.setValue(_STEPS * done // of if of else 0)
        self._bar.setToolTip(tr("{done} of {of}", done=number(done), of=number(of)) if of else "")
