"""Writes reports, tables and exchange files on a thread of its own, from a connection of its own."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.processing.status_types import Problem
from allstation.report.export_types import Progress
from allstation.services import reporting
from allstation.services.export_job import ExportJob, check_target
from allstation.services.export_writer import ExportStoppedError, ExportWriter, whole_folder
from allstation.services.tasks import Serial
from allstation.store.case import Case

if TYPE_CHECKING:
    pass

_log = logging.getLogger(__name__)
_TELL_EVERY: Final = 0.1
"""Seconds between two signals about progress."""


class Exports(QObject):
    """Takes jobs from the window, one after the other.

    Signals:
        started: An :class:`ExportJob`.
        progressed: The job, how many things are done, and how many there are; 0 while unknown.
        done: The :class:`ExportJob` whose file is written, and a remark or nothing.
        cancelled: The job that was given up; nothing of it is left.
        failed: The job and a :class:`Problem`.
        stopped: The thread has ended.
    """

    started = Signal(object)
    progressed = Signal(object, int, int)
    done = Signal(object, str)
    cancelled = Signal(object)
    failed = Signal(object, object)
    stopped = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._serial = Serial(self)
        self._jobs: list[ExportJob] = []
        self._stopping = False

    def write(self, job: ExportJob) -> None:
        """Write one file or folder."""
        self._jobs = [*self._jobs[-100:], job]
        self._serial.run(partial(self._run, job))

    def stop(self) -> None:
        """Give up what is being written; ``stopped`` follows."""
        for job in self._jobs:
            job.stop.set()
        if not self._stopping:
            self._stopping = True
            self._serial.run(_nothing).done.connect(self._ended)

    def wait(self, milliseconds: int = 30_000) -> bool:
        """Block until the thread has ended. For the very end of the program only."""
        self.stop()
        return self._serial.finish(milliseconds)

    @Slot(object)
    def _ended(self, _nothing: None) -> None:
        self.stopped.emit()

    def _run(self, job: ExportJob) -> None:
        """Take a snapshot and write the file. Runs on the other thread."""
        self.started.emit(job)
        try:
            remark = self._write(job)
        except ExportStoppedError:
            self.cancelled.emit(job)
        except StationError as error:
            self.failed.emit(job, Problem.of(error, job.target.name))
        except OSError as error:
            sentence = (
                f"{job.target.name!r} could not be written ({error.strerror}). "
                "Choose another place or make space, then try again."
            )
            self.failed.emit(job, Problem("export-failed", sentence, job.target.name))
        except Exception as error:  # noqa: BLE001 - a fault in one export must reach the person, not end the thread
            _log.exception("export failed")
            sentence = f"The export stopped unexpectedly ({type(error).__name__}). The log has the details."
            self.failed.emit(job, Problem("export-failed", sentence, job.target.name))
        else:
            self.done.emit(job, remark)

    def _write(self, job: ExportJob) -> str:
        progress = self._progress(job)
        check_target(job)
        if job.made is not None:
            if not job.made.status.locks:
                reporting.check(job.made)
            reporting.write(job.made, job.target)
            return ""
        progress(0, 0)
        with Case.open(job.case_folder, read_only=True) as case, case.connection.consistent_read():
            write = ExportWriter(case, case.snapshot(), job.options, progress)
            if not job.kind.is_folder:
                return write.to(job.kind, job.target)
            return whole_folder(job.target, lambda folder: write.to(job.kind, folder))

    def _progress(self, job: ExportJob) -> Progress:
        """Return a progress callback: emits a few times a second and raises when the person cancelled."""
        told = 0.0

        def progress(done: int, of: int) -> None:
            nonlocal told
            if job.stop.is_set():
                raise ExportStoppedError
            now = time.monotonic()
            if now - told >= _TELL_EVERY:
                told = now
                self.progressed.emit(job, done, of)

        return progress


def _nothing() -> None:
    """End a row of jobs."""
