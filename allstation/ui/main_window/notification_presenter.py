"""Turns what the services say into notifications, the queue panel and the status line."""

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
from allstation.services.export import ExportJob, ExportKind
from allstation.services.messages import IntakeStatus, Problem, QueuePhase, QueueStatus
from allstation.store.field_files import LocateReport
from allstation.store.queue import RecoveryReport
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification, NotificationStack
from allstation.ui.context import Services
from allstation.ui.queue.panel import intake_sentence, sentence

if TYPE_CHECKING:
    from allstation.ui.main_window.window import MainWindow


class Reporter(QObject):
    """Listens to the services of a window."""

    def __init__(self, services: Services, window: MainWindow) -> None:
        super().__init__(window)
        self._services = services
        self._window = window
        self._status = QueueStatus()
        desk, exports = services.desk, services.exports
        desk.worker.problem.connect(self.show_problem)
        desk.reader.problem.connect(self.show_problem)
        desk.worker.queue_changed.connect(self._queue_changed)
        desk.worker.intake_changed.connect(self._intake_changed)
        desk.worker.located.connect(self._located)
        desk.worker.recovered.connect(self._recovered)
        desk.reader.failures_read.connect(window.queue.show_failures)
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
            notification = Notification(Level.ERROR, problem.sentence, tr("Locate…"), locate, details)
        else:
            notification = Notification(Level.ERROR, problem.sentence, details=details)
        self._tell(notification)
        self._window.show_middle()

    @Slot(object)
    def _missing(self, _path: Path) -> None:
        """Offer to look for moved fields; said once, however many are gone."""
        if not self._window.actions_table["case.locate"].isEnabled():
            return
        text = tr("Fields of this case are not where they were. If their folder was moved, show it where to.")
        self._tell(Notification(Level.WARNING, text, tr("Locate…"), self._window.cases.locate))

    @Slot(str)
    def show_crash(self, report: str) -> None:
        """Tell that the program itself failed somewhere."""
        text = tr(
            "Something in the program failed. Your work is saved. A report without names, paths or pictures "
            "was kept on this computer; nothing was sent."
        )
        self._tell(Notification(Level.ERROR, text, details=report))

    @Slot(object)
    def _queue_changed(self, status: QueueStatus) -> None:
        before, self._status = self._status, status
        self._window.queue.show_status(status)
        self._window.status.show_queue(status)
        if status.failed != before.failed:
            self._services.desk.read_failures()
        if before.phase is QueuePhase.RUNNING and status.phase is QueuePhase.IDLE and status.total:
            level = Level.WARNING if status.failed else Level.OK
            self._tell(Notification(level, tr("Queue finished: {line}", line=sentence(status))))

    @Slot(object)
    def _intake_changed(self, status: IntakeStatus) -> None:
        self._window.queue.show_intake(status)
        if status.running:
            return
        mixed = [problem for problem in status.same if problem.code == "same-picture"]
        told = (*mixed, *status.refused, *status.passed)
        if not told and not status.added and not status.duplicates:
            text = tr("No field images were found. Fields are JPEG, PNG, TIFF, BMP, WebP or JPEG 2000 files.")
            self._tell(Notification(Level.WARNING, text))
        elif told:
            details = "\n".join(f"{p.name}\t{p.code}\t{p.sentence}" for p in told)
            self._tell(Notification(Level.WARNING, intake_sentence(status), details=details))
        elif status.duplicates or status.paged:
            self._tell(Notification(Level.INFO, intake_sentence(status)))

    @Slot(object)
    def _located(self, report: LocateReport) -> None:
        found, missing = number(len(report.found)), number(len(report.missing))
        if not report.found and not report.missing:
            self._tell(Notification(Level.OK, tr("Every field of this case is where it should be.")))
        elif report.missing:
            text = tr("{found} fields were found, {missing} are still missing.", found=found, missing=missing)
            self._tell(Notification(Level.WARNING, text))
        else:
            self._tell(Notification(Level.OK, tr("All {found} moved fields were found.", found=found)))

    @Slot(object)
    def _recovered(self, report: RecoveryReport) -> None:
        parts = [tr("The program did not end properly last time. Everything finished is here.")]
        if report.queued_again:
            parts.append(tr("{n} fields are tried once more.", n=number(len(report.queued_again))))
        if report.failed:
            parts.append(tr("{n} fields stopped it twice and are left out.", n=number(len(report.failed))))
        self._tell(Notification(Level.WARNING, " ".join(parts)))

    @Slot(object, str)
    def _export_done(self, job: ExportJob, remark: str) -> None:
        text = tr("{name} is written.", name=shown_name(job.target.name))
        action = tr("Open")
        do: Callable[[], object] = _Opener(job).open
        if job.kind is ExportKind.LABELLED and training_is_installed():
            action, do = tr("Train on it"), partial(self._window.training.show_folder, job.target)
        level = Level.WARNING if remark else Level.OK
        self._where(job).show_notification(
            Notification(level, f"{text} {remark}".strip(), action=action, do=do)
        )

    @Slot(object)
    def _export_cancelled(self, job: ExportJob) -> None:
        text = tr("{name} was not written: the export was stopped.", name=shown_name(job.target.name))
        self._where(job).show_notification(Notification(Level.INFO, text))

    @Slot(object, object)
    def _export_failed(self, job: ExportJob, problem: Problem) -> None:
        sentence = problem.sentence
        if job.made is not None and job.made.status is not ReportStatus.DRAFT:
            sentence += " " + tr("The report itself is kept in the case, in its folder of reports.")
        details = f"{problem.code}: {sentence}"
        self._where(job).show_notification(Notification(Level.ERROR, sentence, details=details))

    def _where(self, job: ExportJob) -> NotificationStack:
        """Tell of a report in its window, of everything else in the main one."""
        return self._window.reports.notifications if job.made is not None else self._window.notifications

    def _tell(self, notification: Notification) -> None:
        self._window.notifications.show_notification(notification)


class _Opener:
    def __init__(self, job: ExportJob) -> None:
        self._url = QUrl.fromLocalFile(str(job.target))

    def open(self) -> None:
        """Show the file in the system's own program."""
        QDesktopServices.openUrl(self._url)
