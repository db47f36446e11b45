"""Turns what the services say into notices, the queue panel and the status line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices

from allstation.core.reports import ReportStatus
from allstation.core.text import shown_name
from allstation.frozen import training_is_installed
from allstation.processing.status_types import ImportStatus, Problem, QueuePhase, QueueStatus
from allstation.services.export import ExportJob, ExportKind
from allstation.services.questions import ReadFailures
from allstation.store.field_files import LocateReport
from allstation.store.queue import RecoveryReport
from allstation.ui.panels.notices import Level, Notice, Notices
from allstation.ui.panels.queue import intake_sentence, sentence
from allstation.ui.services import Services
from allstation.ui.text import number, tr

if TYPE_CHECKING:
    from allstation.ui.main_window import MainWindow


class Reporter(QObject):
    """Listens to the services of a window."""

    def __init__(self, services: Services, window: MainWindow) -> None:
        super().__init__(window)
        self._services = services
        self._window = window
        self._status = QueueStatus()
        session, exports = services.session, services.exports
        session.worker.problem.connect(self.show_problem)
        session.reader.problem.connect(self.show_problem)
        session.worker.queue_changed.connect(self._queue_changed)
        session.worker.import_changed.connect(self._intake_changed)
        session.worker.located.connect(self._located)
        session.worker.recovered.connect(self._recovered)
        session.reader.failures_read.connect(window.queue.show_failures)
        window.viewer.loader.missing.connect(self._missing)
        exports.done.connect(self._export_done)
        exports.cancelled.connect(self._export_cancelled)
        exports.failed.connect(self._export_failed)

    @Slot(object)
    def show_problem(self, problem: Problem) -> None:
        """Tell what did not work."""
        details = f"{problem.code}: {problem.sentence}"
        if problem.code == "no-case":
            locate = self._window.cases.locate_case
            notice = Notice(Level.ERROR, problem.sentence, tr("Locate…"), locate, details)
        else:
            notice = Notice(Level.ERROR, problem.sentence, details=details)
        self._tell(notice)
        self._window.show_middle()

    @Slot(object)
    def _missing(self, _path: Path) -> None:
        """Offer to look for moved fields; said once, however many are gone."""
        if not self._window.actions_table["case.locate"].isEnabled():
            return
        text = tr("Fields of this case are not where they were. If their folder was moved, show it where to.")
        self._tell(Notice(Level.WARNING, text, tr("Locate…"), self._window.cases.locate))

    @Slot(str)
    def show_crash(self, report: str) -> None:
        """Tell that the program itself failed somewhere."""
        text = tr(
            "Something in the program failed. Your work is saved. A report without names, paths or pictures "
            "was kept on this computer; nothing was sent."
        )
        self._tell(Notice(Level.ERROR, text, details=report))

    @Slot(object)
    def _queue_changed(self, status: QueueStatus) -> None:
        before, self._status = self._status, status
        self._window.queue.show_status(status)
        self._window.status.show_queue(status)
        if status.failed != before.failed:
            self._services.session.ask(ReadFailures())
        if before.phase is QueuePhase.RUNNING and status.phase is QueuePhase.IDLE and status.total:
            level = Level.WARNING if status.failed else Level.OK
            self._tell(Notice(level, tr("Queue finished: {line}", line=sentence(status))))

    @Slot(object)
    def _intake_changed(self, status: ImportStatus) -> None:
        self._window.queue.show_intake(status)
        if status.running:
            return
        mixed = [problem for problem in status.same if problem.code == "same-picture"]
        told = (*mixed, *status.refused, *status.passed)
        if not told and not status.added and not status.duplicates:
            text = tr("No field images were found. Fields are JPEG, PNG, TIFF, BMP, WebP or JPEG 2000 files.")
            self._tell(Notice(Level.WARNING, text))
        elif told:
            details = "\n".join(f"{p.name}\t{p.code}\t{p.sentence}" for p in told)
            self._tell(Notice(Level.WARNING, intake_sentence(status), details=details))
        elif status.duplicates or status.paged:
            self._tell(Notice(Level.INFO, intake_sentence(status)))

    @Slot(object)
    def _located(self, report: LocateReport) -> None:
        found, missing = number(len(report.found)), number(len(report.missing))
        if not report.found and not report.missing:
            self._tell(Notice(Level.OK, tr("Every field of this case is where it should be.")))
        elif report.missing:
            text = tr("{found} fields were found, {missing} are still missing.", found=found, missing=missing)
            self._tell(Notice(Level.WARNING, text))
        else:
            self._tell(Notice(Level.OK, tr("All {found} moved fields were found.", found=found)))

    @Slot(object)
    def _recovered(self, report: RecoveryReport) -> None:
        parts = [tr("The program did not end properly last time. Everything finished is here.")]
        if report.queued_again:
            parts.append(tr("{n} fields are tried once more.", n=number(len(report.queued_again))))
        if report.failed:
            parts.append(tr("{n} fields stopped it twice and are left out.", n=number(len(report.failed))))
        self._tell(Notice(Level.WARNING, " ".join(parts)))

    @Slot(object, str)
    def _export_done(self, job: ExportJob, remark: str) -> None:
        text = tr("{name} is written.", name=shown_name(job.target.name))
        action = tr("Open")
        do: Callable[[], object] = _Opener(job).open
        if job.kind is ExportKind.LABELLED and training_is_installed():
            action, do = tr("Train on it"), partial(self._window.training.show_folder, job.target)
        level = Level.WARNING if remark else Level.OK
        self._where(job).show_notice(Notice(level, f"{text} {remark}".strip(), action=action, do=do))

    @Slot(object)
    def _export_cancelled(self, job: ExportJob) -> None:
        text = tr("{name} was not written: the export was stopped.", name=shown_name(job.target.name))
        self._where(job).show_notice(Notice(Level.INFO, text))

    @Slot(object, object)
    def _export_failed(self, job: ExportJob, problem: Problem) -> None:
        sentence = problem.sentence
        if job.made is not None and job.made.status is not ReportStatus.DRAFT:
            sentence += " " + tr("The report itself is kept in the case, in its folder of reports.")
        details = f"{problem.code}: {sentence}"
        self._where(job).show_notice(Notice(Level.ERROR, sentence, details=details))

    def _where(self, job: ExportJob) -> Notices:
        """Tell of a report in its window, of everything else in the main one."""
        return self._window.reports.notices if job.made is not None else self._window.notices

    def _tell(self, notice: Notice) -> None:
        self._window.notices.show_notice(notice)


class _Opener:
    def __init__(self, job: ExportJob) -> None:
        self._url = QUrl.fromLocalFile(str(job.target))

    def open(self) -> None:
        """Show the file in the system's own program."""
        QDesktopServices.openUrl(self._url)
