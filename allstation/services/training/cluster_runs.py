"""Training runs of the window on the laboratory's machines: each in a process of a worker, watched here."""

from __future__ import annotations

import threading
import time
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal, SignalInstance

from allstation.core import events
from allstation.core.events import Failed
from allstation.files import write_atomically
from allstation.services.training.job_lines import Job, JobLines

if TYPE_CHECKING:
    from allstation.processing.cluster.connection import ClusterConnection
    from allstation.processing.cluster.programs import ProgramRun

_LOOK: Final = 0.2
_PATIENCE: Final = 3.0
"""Seconds that a run waits where no machine can train it, before this one does."""
_IMPATIENCE: Final = 8.0
"""Seconds that a program has to end after it was asked to discard its run."""
_AFTER_LOSS: Final = 30.0
"""Seconds until a run goes on elsewhere whose cluster went away: its program notices within them and ends."""
_AT_EXIT: Final = 5.0


@dataclass(slots=True)
class _FarRun:
    """A run on the machines.

    Attributes:
        job: The job.
        program: As the cluster knows it.
        lines: What it says.
        taken_back: It was asked to end for now.
        discard_until: When a program that was asked to discard its run is ended; 0 if it was not asked.
        back_at: When a run that did not end may go on elsewhere; 0 while it is there.
    """

    job: Job
    program: ProgramRun
    lines: JobLines
    taken_back: bool = False
    discard_until: float = 0.0
    back_at: float = 0.0


class ClusterRuns(QObject):
    """Runs ``fit`` jobs on the workers of a connection, one a worker at a time.

    Lives on the window's thread; a plain thread waits for the cluster, and nothing here does.

    Args:
        link: The connection; stays its owner's to close.
        parent: Owner.

    Signals:
        begun: A job's program was started (job, name of the machine); again when another machine goes on.
        event_received: An event of a job (job, event).
        ended: How a job ended (:class:`~allstation.services.training.job_lines.Ending`).
        returned: A job did not end there (job, why; empty if it was taken back): it goes on elsewhere from
            its last whole epoch.
        capacity_changed: Other machines are free, or the cluster is gone.
        noted: A sentence for a person.
    """

    begun = Signal(object, str)
    event_received = Signal(object, object)
    ended = Signal(object)
    returned = Signal(object, str)
    capacity_changed = Signal()
    noted = Signal(str)

    def __init__(self, link: ClusterConnection, parent: QObject | None = None) -> None:
        super().__init__(parent)
        from allstation.processing.cluster.programs import ClusterPrograms

        self.link = link
        self._programs = ClusterPrograms(link, self._note, patience=_PATIENCE)
        self._runs: dict[int, _FarRun] = {}
        self._reported: set[str] = set()
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="cluster-training", daemon=True)
        self._thread.start()

    @property
    def free(self) -> int:
        """Machines that have nothing to train; 0 once the cluster is gone or left."""
        return 0 if self._leaving.is_set() or self.link.gone else self._programs.free

    @property
    def is_busy(self) -> bool:
        """Whether runs are there, or on their way back."""
        return bool(self._runs)

    @property
    def is_there(self) -> bool:
        """Whether jobs may wait for a machine."""
        return not self._leaving.is_set() and not self.link.gone

    # What is wanted

    def start(self, job: Job, folder: Path) -> None:
        """Run a job on a machine that is free.

        Args:
            job: A ``fit``; its first argument is the recipe.
            folder: Its run folder.

        Raises:
            OSError: If its recipe cannot be read, or put beside its folder, where the machines see it.
        """
        from allstation.processing.cluster.programs import ProgramRun

        source, *rest = job.arguments
        recipe = _recipe_file(folder)
        content = Path(source).read_bytes()
        recipe.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(recipe, content, sync=False)  # the window's thread writes
        lines = JobLines(job)
        program = ProgramRun(
            job.title,
            (job.command, str(recipe), *rest),
            folder,
            lambda line: self._line(run, line),
            needs=(recipe, *_labelled_folder(content)),
            begun=lambda: self.begun.emit(job, program.machine),
        )
        run = self._runs[job.number] = _FarRun(job, program, lines)
        self._programs.add(program)

    def stop(self, number: int) -> None:
        """Ask a run to keep its best weights, evaluate them and end."""
        self._send(number, events.STOP)

    def discard(self, number: int) -> None:
        """Ask a run to end now; after a while it is ended."""
        if number in self._runs:
            self._runs[number].discard_until = time.monotonic() + _IMPATIENCE
        self._send(number, events.DISCARD)

    def take_back(self, number: int) -> None:
        """End the program of a run for now; ``returned`` follows."""
        if number in self._runs:
            self._runs[number].taken_back = True
            self._programs.take_back(self._runs[number].program)

    def _send(self, number: int, command: str) -> None:
        if number in self._runs:
            self._programs.send(self._runs[number].program, command)

    def leave(self) -> None:
        """Take every run back and end; ``returned`` follows for each."""
        self._leaving.set()
        if not self.link.gone:
            for number in list(self._runs):
                self.take_back(number)

    def close(self) -> None:
        """Leave, and wait until every program is ended, or the time for it is over; nothing more is told."""
        self.blockSignals(True)
        self.leave()
        self._thread.join(_AT_EXIT)

    # On the plain thread

    def _loop(self) -> None:
        known = (0, False)
        while self._runs or not self._leaving.is_set():
            for program in self._programs.step():
                self._landed(program)
            now = time.monotonic()
            for run in list(self._runs.values()):
                self._look_after(run, now)
            if known != (known := (self.free, self.is_there)):
                self._tell(self.capacity_changed)
            time.sleep(_LOOK)

    def _look_after(self, run: _FarRun, now: float) -> None:
        if run.back_at and now >= run.back_at:
            del self._runs[run.job.number]
            self._tell(self.returned, run.job, "" if run.taken_back else run.program.problem)
        elif run.discard_until and now >= run.discard_until:
            run.discard_until = float("inf")
            self._programs.take_back(run.program)

    def _landed(self, program: ProgramRun) -> None:
        run = next(one for one in list(self._runs.values()) if one.program is program)
        if program.status is None and not run.discard_until and not run.lines.refused:
            run.back_at = time.monotonic() + (_AFTER_LOSS if self.link.gone and program.machine else 0.0)
            self._report(run)
            return
        with suppress(OSError):
            _recipe_file(program.folder).unlink(missing_ok=True)
        sentence = (
            f"The training program on {program.machine} ended without a result (status {program.status}). "
            "Earlier runs and the active model are untouched. Resume the run, or look at its log."
        )
        del self._runs[run.job.number]
        died = Failed("crashed", sentence)
        self._tell(self.ended, run.lines.ending(died, discarding=bool(run.discard_until)))

    def _report(self, run: _FarRun) -> None:
        """Say why a run goes on elsewhere; of a cluster that is gone once for all its runs."""
        why = self.link.gone
        if why and why not in self._reported:
            self._reported.add(why)
            self._note(f"{why} Training goes on on this machine, each run from its last whole epoch.")
        elif not why and not run.taken_back:
            self._note(f"{run.job.title} trains on this machine: {run.program.problem}.")

    def _line(self, run: _FarRun, line: str) -> None:
        event = run.lines.take(line) if line.strip() else None
        if event is not None:
            self._tell(self.event_received, run.job, event)
        elif run.lines.refused:
            self._programs.take_back(run.program)

    def _note(self, sentence: str) -> None:
        self._tell(self.noted, sentence)

    def _tell(self, signal: SignalInstance, *values: object) -> None:
        with suppress(RuntimeError):  # this object was destroyed meanwhile
            signal.emit(*values)


def _recipe_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.recipe.toml")


def _labelled_folder(recipe: bytes) -> tuple[Path, ...]:
    """Return the labelled folder that a recipe names; nothing where it cannot be read."""
    try:
        data = tomllib.loads(recipe.decode()).get("data")
    except ValueError:
        return ()
    return (Path(data),) if isinstance(data, str) and data else ()
