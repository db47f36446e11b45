"""Training child process: its lines become events, its death a sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal, Slot

from allstation.core import events
from allstation.core.errors import StationError
from allstation.core.events import Event, Failed, Finished

_PATIENCE: Final = 8_000
"""Milliseconds that a child has to end after it was asked to discard its run."""
_AT_EXIT: Final = 3_000
_LONGEST_LINE: Final = 64 * 1024 * 1024
_NO_MEMORY: Final = 137
_KILLED: Final = 9


class JobState(StrEnum):
    """State of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    DISCARDED = "discarded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Command for the training program.

    Attributes:
        number: Unique in this window.
        command: Subcommand, such as ``fit`` or ``check``.
        arguments: What follows it.
        title: For people.
        folder: Run folder of a ``fit``.
    """

    number: int
    command: str
    arguments: tuple[str, ...]
    title: str
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Outcome of a job.

    Attributes:
        job: The job.
        state: FINISHED, STOPPED, DISCARDED or FAILED.
        code: Short identifier of what went wrong, else empty.
        sentence: What went wrong, for the person at the window, else empty.
        summary: What the child said at its end.
    """

    job: Job
    state: JobState
    code: str = ""
    sentence: str = ""
    summary: dict[str, Any] = field(default_factory=dict)


def child_environment() -> QProcessEnvironment:
    """Return the environment of a child: quiet libraries, UTF-8, and this edition's own packages."""
    environment = QProcessEnvironment.systemEnvironment()
    environment.remove("OPENBLAS_NUM_THREADS")  # set for the small matrices of this process
    environment.insert("PYTHONUTF8", "1")
    environment.insert("PYTHONUNBUFFERED", "1")
    environment.insert("TF_CPP_MIN_LOG_LEVEL", "2")
    if not getattr(sys, "frozen", False):
        here = str(Path(__file__).resolve().parents[2])
        before = environment.value("PYTHONPATH")
        environment.insert("PYTHONPATH", os.pathsep.join(part for part in (here, before) if part))
    return environment


def kill_tree(pid: int) -> None:
    """End a process and all its descendants at once."""
    import psutil

    try:
        parent = psutil.Process(pid)
        family = [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family[:-1], timeout=1)


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
        self._failed: Failed | None = None
        self._finished: Finished | None = None
        self._discarding = False
        self._over = False
        self._refused = False
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
            if line.strip() and not self._over and not self._refused:
                self._take(line.decode("utf-8", "replace"))
        if len(self._buffer) > _LONGEST_LINE:
            self._refuse("The training program wrote a line without an end. Use the same edition.")

    def _take(self, line: str) -> None:
        try:
            event: Event = events.decode(line)
        except StationError as error:
            self._refuse(error.sentence)
            return
        if isinstance(event, Failed):
            self._failed = event
        elif isinstance(event, Finished):
            self._finished = event
        self.event_received.emit(self.job, event)

    def _refuse(self, sentence: str) -> None:
        """Two editions that do not understand each other must not train in silence."""
        self._failed, self._finished, self._refused = Failed("protocol", sentence), None, True
        self.kill()

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
        if self._discarding:
            self._end(JobState.DISCARDED, None)
        elif self._finished is not None and self._finished.state != JobState.FAILED:
            self._end(JobState(self._finished.state), None)
        else:
            died = _how_it_died(code, crashed=status is QProcess.ExitStatus.CrashExit, line=self._last_line)
            self._end(JobState.FAILED, self._failed or died)

    @Slot(QProcess.ProcessError)
    def _process_failed(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            sentence = (
                f"The training program could not be started ({self._process.errorString()}). "
                "Install the full edition of ALL Station, or install this one again."
            )
            self._end(JobState.FAILED, Failed("cannot-start", sentence))

    def _end(self, state: JobState, failed: Failed | None) -> None:
        if self._over:
            return
        self._over = True
        self._impatience.stop()
        summary = dict(self._finished.summary) if self._finished is not None else {}
        code, sentence = (failed.code, failed.sentence) if failed is not None else ("", "")
        self.ended.emit(Ending(job=self.job, state=state, code=code, sentence=sentence, summary=summary))


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
