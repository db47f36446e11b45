"""Writes reports and tables on a thread of its own, from a connection of its own."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot
from allstation.services.messages import Problem
from allstation.store.case import Case

_log = logging.getLogger(__name__)


class ExportKind(StrEnum):
    """What can be written. The value is the file's suffix."""

    PDF = "pdf"
    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What a person may choose for a report.

    Attributes:
        template: ``full``, ``summary`` or ``contact``.
        page_size: ``A4`` or ``Letter``.
        anonymise: Leave out patient and request data and file names.
    """

    template: str = "full"
    page_size: str = "A4"
    anonymise: bool = True


@dataclass(frozen=True, slots=True)
class ExportJob:
    """One file to write.

    Attributes:
        kind: What.
        case_folder: From which case.
        target: Where to.
        options: For a report.
    """

    kind: ExportKind
    case_folder: Path
    target: Path
    options: ExportOptions = field(default_factory=ExportOptions)


class _Exporter(QObject):
    done = Signal(object)
    failed = Signal(object, object)

    @Slot(object)
    def run(self, job: ExportJob) -> None:
        """Take a snapshot and write the file."""
        try:
            with Case.open(job.case_folder, read_only=True) as case:
                snapshot = case.snapshot()
            _write(job, snapshot)
        except StationError as error:
            self.failed.emit(job, Problem.of(error, job.target.name))
        except OSError as error:
            sentence = (
                f"The file {job.target.name!r} could not be written ({error.strerror}). "
                "Choose another place or make space, then try again."
            )
            self.failed.emit(job, Problem("export-failed", sentence, job.target.name))
        except Exception as error:  # noqa: BLE001 - a fault in one export must reach the person, not end the thread
            _log.exception("export failed")
            sentence = f"The export stopped unexpectedly ({type(error).__name__}). The log has the details."
            self.failed.emit(job, Problem("export-failed", sentence, job.target.name))
        else:
            self.done.emit(job)


def _write(job: ExportJob, snapshot: CaseSnapshot) -> None:
    from allstation.report import pdf, tables
    from allstation.report.options import ReportOptions

    chosen = job.options
    if job.kind is ExportKind.PDF:
        options = ReportOptions(
            template=chosen.template, page_size=chosen.page_size, anonymise=chosen.anonymise
        )
        pdf.write_pdf(snapshot, job.target, options)
    elif job.kind is ExportKind.CSV:
        tables.write_csv(snapshot, job.target)
    elif job.kind is ExportKind.XLSX:
        tables.write_xlsx(snapshot, job.target)
    else:
        tables.write_json(snapshot, job.target)


class Exports(QObject):
    """Takes jobs from the window, one after the other.

    Signals:
        started: An :class:`ExportJob`.
        done: The :class:`ExportJob` whose file is written.
        failed: The job and a :class:`Problem`.
        stopped: The thread has ended.
    """

    started = Signal(object)
    done = Signal(object)
    failed = Signal(object, object)
    stopped = Signal()

    _asked = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._exporter = _Exporter()
        self._thread = QThread(self)
        self._thread.setObjectName("Exports")
        self._exporter.moveToThread(self._thread)
        self._asked.connect(self._exporter.run, Qt.ConnectionType.QueuedConnection)
        self._exporter.done.connect(self.done)
        self._exporter.failed.connect(self.failed)
        self._thread.finished.connect(self.stopped)
        self._thread.start()

    def write(self, job: ExportJob) -> None:
        """Write one file."""
        self.started.emit(job)
        self._asked.emit(job)

    def stop(self) -> None:
        """End the thread after the file in hand; ``stopped`` follows."""
        self._thread.quit()

    def wait(self, milliseconds: int = 30_000) -> bool:
        """Block until the thread has ended. For the very end of the program only."""
        self.stop()
        return self._thread.wait(milliseconds)
