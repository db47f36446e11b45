"""Export controller: choices, place, progress and stopping of tables and exchange files."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from allstation.core.reports import ReportStatus
from allstation.core.text import shown_name
from allstation.frozen import training_is_installed
from allstation.processing.status_types import Problem
from allstation.report.content.free_text import FreeText, Texts
from allstation.report.content.options import ReportOptions
from allstation.services.case.questions import ReadFreeText
from allstation.services.reports.export import ExportJob
from allstation.services.reports.export_kinds import ExportKind, ExportOptions
from allstation.services.reports.reporting import letterhead
from allstation.services.settings import SettingsFile
from allstation.ui.common import focus_filters, icons
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number, short_name
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.common.window_size import grow_with_text
from allstation.ui.context import AppContext
from allstation.ui.report import export_words as words
from allstation.ui.report.free_text import FreeTextBox

_STEPS: Final = 1000


class ExportDialog(QDialog):
    """The few choices about an export, before the place for it is asked. Opened with ``open()``.

    Signals:
        chosen: :class:`ExportOptions`.
    """

    chosen = Signal(object)

    def __init__(self, kind: ExportKind, settings: SettingsFile, parent: QWidget) -> None:
        super().__init__(parent)
        self._settings = settings
        self.setWindowTitle(tr("Export: {what}", what=tr(words.TITLES[kind])))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        about = QLabel(tr(words.ABOUT[kind]), self, wordWrap=True)
        self.anonymise = QCheckBox(tr("Leave out patient, request and folders"), self)
        self.anonymise.setToolTip(
            tr(
                "Codes stand for ids and hashes, numbers for reviewers and slides, years for dates. Pictures "
                "are written without metadata; they are not searched for writing"
            )
        )
        self._may_anonymise = kind is not ExportKind.SLIDE_PICTURES
        self.anonymise.setChecked(settings.value.anonymise and self._may_anonymise)
        self.anonymise.setEnabled(self._may_anonymise)
        self.mark = QCheckBox(tr("For Excel: mark the file as UTF-8 (byte order mark)"), self)
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
        self.free_text = FreeTextBox(words.FREE_TEXT.get(kind, tuple(FreeText)), self)
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
            anonymise=options.anonymise if self._may_anonymise else stored.anonymise,
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


class ExportController(QObject):
    """Asks what and where, then sends the request; nothing here waits.

    Attributes:
        strip: Progress of an export, for the status line.
    """

    def __init__(self, context: AppContext, *, window: QWidget) -> None:
        super().__init__(window)
        self._context = context
        self._window = window
        self.strip = ExportStrip(window)
        self._job: ExportJob | None = None
        self._waiting: list[ExportJob] = []
        exports = context.exports
        exports.started.connect(self._started)
        exports.progressed.connect(self._progressed)
        exports.done.connect(self._done)
        exports.cancelled.connect(self._cancelled)
        exports.failed.connect(self._failed)
        self.strip.stop_asked.connect(self.stop)

    def actions(self) -> tuple[Action, ...]:
        """Offer the tables and exchange files."""
        rows = (
            (ExportKind.CSV, "&CSV Table…", "Write a table of all fields as CSV", "table"),
            (ExportKind.XLSX, "&Excel Workbook…", "Write a table as an XLSX workbook", "table"),
            (ExportKind.JSON, "&JSON Table…", "Write all fields as JSON", "table"),
            (ExportKind.FHIR, "&FHIR Bundle…",
             "Write an R4 DiagnosticReport bundle for a hospital's system", "export"),
            (ExportKind.DICOM, "&DICOM Files…",
             "Write annotated fields and the report as DICOM", "export"),
            (ExportKind.GEOJSON, "Cell &Outlines for QuPath…",
             "Write the outlines of cells with their types as GeoJSON", "export"),
            (ExportKind.LABELLED, "&Labelled Folder for Training…",
             "Copy reviewed fields into one folder a class", "export"),
            (ExportKind.CELLS, "&Table of Cells…",
             "Write one line a cell as CSV", "table"),
            (ExportKind.COCO, "Cells for &Detectors…",
             "Write boxes and masks of cells in COCO's format", "export"),
            (ExportKind.SLIDE_PICTURES, "Label and &Macro Pictures…",
             "Write what the scanner photographed of labels and glass; never anonymised", "export"),
        )  # fmt: skip
        return tuple(
            Action(f"case.{kind}", text, partial(self.ask, kind), "", tip, icon,
                   menu="&Case/E&xport", place=110 + number, enabled_when=self._context.has_fields)
            for number, (kind, text, tip, icon) in enumerate(rows)
        )  # fmt: skip

    def ask(self, kind: ExportKind) -> None:
        """Ask for the choices about an export of the open case."""
        if self._context.session.info is None:
            return
        dialog = ExportDialog(kind, self._context.settings, self._window)
        _Place(dialog, kind, self)
        self._context.session.reader.free_text_read.connect(dialog.show_free_text)
        dialog.open()
        report = ReportOptions(letterhead=letterhead(self._context.settings.value))
        self._context.session.ask(ReadFreeText(report))

    def ask_where(self, kind: ExportKind, options: ExportOptions) -> None:
        """Ask for a place, then write."""
        info = self._context.session.info
        if info is None:
            return
        dialog = QFileDialog(self._window, tr("Export: {what}", what=tr(words.TITLES[kind])))
        dialog.setFileMode(QFileDialog.FileMode.AnyFile)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        if kind.is_folder:
            dialog.setLabelText(QFileDialog.DialogLabel.FileName, tr("New folder:"))
        else:
            dialog.setNameFilter(tr(words.FILTERS[kind]))
            dialog.setDefaultSuffix(kind.suffix)
        dialog.setDirectory(str(info.folder.parent))
        # The case's folder may bear the patient's name.
        stem = tr("anonymised") if options.anonymise else info.folder.stem
        dialog.selectFile(f"{stem}{words.ENDINGS.get(kind, '')}{kind.suffix}")
        _Target(dialog, ExportJob(kind, info.folder, Path(), options), self)
        dialog.open()

    def write(self, job: ExportJob) -> None:
        """Write to the place the person chose."""
        target = with_suffix(job.target, job.kind)
        # The dialog asked about the name that was typed, not about the longer one.
        self._context.exports.write(replace(job, target=target, asked=target == job.target))

    @Slot()
    def stop(self) -> None:
        """Give up what is being written."""
        if self._job is not None:
            self._job.stop.set()
            self.strip.stop.setEnabled(False)

    @Slot(object)
    def _started(self, job: ExportJob) -> None:
        self._job = job
        self.strip.begin(short_name(shown_name(job.target.name), 40))

    @Slot(object, int, int)
    def _progressed(self, job: ExportJob, done: int, of: int) -> None:
        if job is self._job:
            self.strip.step(done, of)

    @Slot(object, str)
    def _done(self, job: ExportJob, remark: str) -> None:
        self._end(job)
        if job.kind is ExportKind.LABELLED and training_is_installed():
            do = partial(self._context.selection.training_asked.emit, job.target)
            self._context.notifier.post(
                replace(done_notification(job, remark), action=tr("Train on it"), do=do)
            )
        elif job.made is None:
            self._context.notifier.post(done_notification(job, remark))

    @Slot(object)
    def _cancelled(self, job: ExportJob) -> None:
        self._end(job)
        if job.made is None:
            self._context.notifier.post(cancelled_notification(job))

    @Slot(object, object)
    def _failed(self, job: ExportJob, problem: Problem) -> None:
        self._end(job)
        if job.made is None:
            self._context.notifier.post(failed_notification(job, problem))

    def _end(self, job: ExportJob) -> None:
        if job is self._job:
            self._job = None
            self.strip.hide()


def done_notification(job: ExportJob, remark: str) -> Notification:
    """Return the notification of a file that was written."""
    text = tr("{name} is written.", name=shown_name(job.target.name))
    level = Level.WARNING if remark else Level.OK
    url = QUrl.fromLocalFile(str(job.target))
    return Notification(level, f"{text} {remark}".strip(), tr("Open"), partial(QDesktopServices.openUrl, url))


def cancelled_notification(job: ExportJob) -> Notification:
    """Return the notification of an export that was stopped."""
    text = tr("{name} was not written: the export was stopped.", name=shown_name(job.target.name))
    return Notification(Level.INFO, text)


def failed_notification(job: ExportJob, problem: Problem) -> Notification:
    """Return the notification of an export that failed."""
    sentence = problem.sentence
    if job.made is not None and job.made.status is not ReportStatus.DRAFT:
        sentence += " " + tr("The report itself is kept in the case, in its folder of reports.")
    return Notification(Level.ERROR, sentence, details=f"{problem.code}: {sentence}")


def with_suffix(target: Path, kind: ExportKind) -> Path:
    """Return a file's name with the suffix of what is written."""
    right = not kind.suffix or target.suffix.lower() == kind.suffix
    return target if right else target.with_name(f"{target.name}{kind.suffix}")


class _Place(QObject):
    """Asks for the place once the choices are made. Lives as long as its dialog."""

    def __init__(self, dialog: ExportDialog, kind: ExportKind, actions: ExportController) -> None:
        super().__init__(dialog)
        self._kind, self._actions = kind, actions
        dialog.chosen.connect(self._chosen)

    @Slot(object)
    def _chosen(self, options: ExportOptions) -> None:
        self._actions.ask_where(self._kind, options)


class _Target(QObject):
    """Passes on the chosen place. Lives as long as its dialog."""

    def __init__(self, dialog: QFileDialog, job: ExportJob, actions: ExportController) -> None:
        super().__init__(dialog)
        self._job, self._actions = job, actions
        dialog.fileSelected.connect(self._chosen)
        dialog.finished.connect(dialog.deleteLater)

    @Slot(str)
    def _chosen(self, name: str) -> None:
        self._actions.write(replace(self._job, target=Path(name)))
