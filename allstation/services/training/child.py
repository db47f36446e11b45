"""Training child process: its lines become events, its death a sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal, Slot

from allstation.core import events
from allstation.core.events import Failed
from allstation.isolation.process_tree import kill_tree
from allstation.services.training.job_lines import Ending, Job, JobLines

_PATIENCE: Final = 8_000
"""Milliseconds that a child has to end after it was asked to discard its run."""
_AT_EXIT: Final = 3_000
_LONGEST_LINE: Final = 64 * 1024 * 1024
_NO_MEMORY: Final = 137
_KILLED: Final = 9


def child_environment() -> QProcessEnvironment:
    """Return the environment of a child: quiet libraries, UTF-8, and this edition's own packages."""
    environment = QProcessEnvironment.systemEnvironment()
    environment.remove("OPENBLAS_NUM_THREADS")  # set for the small matrices of this process
    environment.insert("PYTHONUTF8", "1")
    environment.insert("PYTHONUNBUFFERED", "1")
    environment.insert("TF_CPP_MIN_LOG_LEVEL", "2")
    if not getattr(sys, "frozen", False):
        here = str(Path(__file__).resolve().parents[3])
        before = environment.value("PYTHONPATH")
        environment.insert("PYTHONPATH", os.pathsep.join(part for part in (here, before) if part))
    return environment


class TrainingChild(QObject):
    """Runs one job in a child process.

    Args:
        job: What to do.
        program: Command line that starts the training program.

    Signals:
        event_received: An event of :mod:`allstation.core.events`.
        printed: A line that a library wrote to the error output.
        ended: :class:`Ending`; exactly once, and last.
    """

    event_received = Signal(object, object)
    printed = Signal(object, str)
    ended = Signal(object)

    def __init__(self, job: Job, program: Sequence[str], *, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.job = job
        self._program = list(program)
        self._buffer = b""
        self._lines = JobLines(job)
        self._discarding = False
        self._over = False
        self._last_line = ""
        self._process = QProcess(self)
        self._process.setProcessEnvironment(child_environment())
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._read_errors)
        self._process.finished.connect(self._process_finished)
        self._process.errorOccurred.connect(self._process_failed)
        self._impatience = QTimer(self, singleShot=True, interval=_PATIENCE)
        self._impatience.timeout.connect(self.kill)

    @property
    def pid(self) -> int:
        """Process id; 0 while it does not run."""
        return int(self._process.processId())

    def start(self) -> None:
        """Start the child."""
        arguments = [*self._program[1:], "--protocol", self.job.command, *self.job.arguments]
        self._process.start(self._program[0], arguments)

    def stop(self) -> None:
        """Ask the child to keep its best weights, evaluate them and end."""
        self._command(events.STOP)

    def discard(self) -> None:
        """Ask the child to end now; after a while it is ended."""
        self._discarding = True
        self._command(events.DISCARD)
        self._impatience.start()

    @Slot()
    def kill(self) -> None:
        """End the child and everything it started."""
        if self.pid:
            kill_tree(self.pid)

    def abandon(self) -> None:
        """End the child and wait until it is gone; nothing more is reported."""
        self._over = True
        self._impatience.stop()
        # Not by closing its input: a child that ends by itself would leave its own children behind.
        self.kill()
        self._process.waitForFinished(_AT_EXIT)

    def _command(self, text: str) -> None:
        self._process.write(f"{text}\n".encode())

    # What the child says ---------------------------------------------------------------------

    @Slot()
    def _read(self) -> None:
        self._buffer += bytes(self._process.readAllStandardOutput().data())
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            if line.strip() and not self._over and not self._lines.refused:
                self._take(line.decode("utf-8", "replace"))
        if len(self._buffer) > _LONGEST_LINE:
            self._lines.refuse("The training program wrote a line without an end. Use the same edition.")
            self.kill()

    def _take(self, line: str) -> None:
        event = self._lines.take(line)
        if event is None:
            self.kill()
        else:
            self.event_received.emit(self.job, event)

    @Slot()
    def _read_errors(self) -> None:
        text = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        for line in text.splitlines():
            if line.strip() and not self._over:
                self._last_line = line.strip()
                self.printed.emit(self.job, line.rstrip())

    # How it ends -----------------------------------------------------------------------------

    @Slot(int, QProcess.ExitStatus)
    def _process_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read_errors()
        self._read()
        died = _how_it_died(code, crashed=status is QProcess.ExitStatus.CrashExit, line=self._last_line)
        self._end(self._lines.ending(died, discarding=self._discarding))

    @Slot(QProcess.ProcessError)
    def _process_failed(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            sentence = (
                f"The training program could not be started ({self._process.errorString()}). "
                "Install the full edition of ALL Station, or install this one again."
            )
            self._end(self._lines.ending(Failed("cannot-start", sentence)))

    def _end(self, ending: Ending) -> None:
        if self._over:
            return
        self._over = True
        self._impatience.stop()
        self.ended.emit(ending)


def _how_it_died(code: int, *, crashed: bool, line: str) -> Failed:
    if (crashed and code == _KILLED) or code == _NO_MEMORY:
        sentence = (
            "The training program was ended from outside, most often because the machine ran out of "
            "memory. Earlier runs and the active model are untouched. Close other programs and resume the "
            "run, or start a new one with a smaller batch or image size."
        )
        return Failed("killed", sentence)
    said = f" Its last line was: {line[:200]}" if line else ""
    sentence = (
        f"The training program ended without a result (status {code}).{said} "
        "Earlier runs and the active model are untouched. Resume the run, or look at its log."
    )
    return Failed("crashed", sentence)
