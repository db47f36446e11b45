"""The queue of training runs, and the small jobs in the background: checks, previews, comparisons."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.events import Event, Phase
from allstation.services.training.child import TrainingChild
from allstation.services.training.cluster_runs import ClusterRuns
from allstation.services.training.history import delete_discarded
from allstation.services.training.job_lines import Ending, Job, JobState

if TYPE_CHECKING:
    from allstation.processing.cluster.connection import ClusterConnection

_log = logging.getLogger(__name__)
FIT: Final = "fit"


@dataclass(slots=True)
class RunningJob:
    """A run that trains now.

    Attributes:
        job: The job.
        machine: Name of the laboratory machine that has it; empty for this one.
        state: RUNNING or STOPPING.
        phase: Phase that it is in, or an empty string.
        far: Has it, if it was handed to the laboratory's machines.
    """

    job: Job
    machine: str = ""
    state: JobState = JobState.RUNNING
    phase: str = ""
    far: ClusterRuns | None = None


class TrainingRuns(QObject):
    """Runs one ``fit`` after another here, or as many at a time as the laboratory has machines.

    Other commands run in the background, the newest of each kind wins.

    Args:
        program: Command line that starts the training program, as ``allstation.frozen`` gives it.
        parent: Owner.

    Signals:
        queue_changed: Jobs were added, started, moved to another machine, or ended.
        started: A job's child was started (:class:`Job`).
        event_received: An event of a job (job, event).
        printed: A line of the child's error output (job, text).
        ended: :class:`Ending`.
        noted: A sentence about the laboratory's machines.
    """

    queue_changed = Signal()
    started = Signal(object)
    event_received = Signal(object, object)
    printed = Signal(object, str)
    ended = Signal(object)
    noted = Signal(str)

    def __init__(self, program: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._program = tuple(program)
        self._numbers = count(1)
        self._waiting: list[Job] = []
        self._running: dict[int, RunningJob] = {}
        self._watched = 0
        self._paused: set[int] = set()
        self._child_here: TrainingChild | None = None
        self._cluster: ClusterRuns | None = None
        self._left: list[ClusterRuns] = []
        self._only_here: set[int] = set()
        self._background: dict[str, TrainingChild] = {}
        self._closed = False

    # What is going on ------------------------------------------------------------------------

    @property
    def running(self) -> tuple[RunningJob, ...]:
        """The runs that train now, in the order in which they began."""
        return tuple(self._running.values())

    @property
    def current(self) -> Job | None:
        """The run that is watched: what stop and discard are meant for."""
        found = self._current
        return found.job if found is not None else None

    @property
    def _current(self) -> RunningJob | None:
        return self._running.get(self._watched) or next(iter(self._running.values()), None)

    @property
    def current_pid(self) -> int:
        """Process id of the run that trains on this machine, or 0."""
        return self._child_here.pid if self._child_here is not None else 0

    @property
    def state(self) -> JobState:
        """PAUSED, WAITING without a run, else RUNNING or STOPPING: of the run that is watched."""
        if self._paused:
            return JobState.PAUSED
        found = self._current
        return found.state if found is not None else JobState.WAITING

    @property
    def waiting(self) -> tuple[Job, ...]:
        """Runs that come next, in their order."""
        return tuple(self._waiting)

    @property
    def phase(self) -> str:
        """Phase of the watched run, or an empty string."""
        found = self._current
        return found.phase if found is not None else ""

    @property
    def is_busy(self) -> bool:
        """Whether any child runs."""
        return bool(self._running) or bool(self._background)

    @property
    def uses_machines(self) -> bool:
        """Whether runs go to the laboratory's machines."""
        return self._cluster is not None and self._cluster.is_there

    def watch(self, number: int) -> None:
        """Watch one of the runs that train now."""
        if number in self._running and self._watched != number:
            self._watched = number
            self.queue_changed.emit()

    # The laboratory's machines ---------------------------------------------------------------

    def use_cluster(self, link: ClusterConnection | None) -> None:
        """Train on the machines of a connection from now on, or on this one; runs under way are taken along.

        A run that trains here goes on here. One that is taken back from a machine goes on from its last whole
        epoch, as soon as its program there has ended.
        """
        if self._cluster is not None and self._cluster.link is link:
            return
        if self._cluster is not None:
            self._left = [one for one in self._left if one.is_busy]
            self._left.append(self._cluster)
            self._cluster.leave()
            self._cluster = None
        if link is not None and not self._closed:
            self._only_here.clear()
            self._cluster = ClusterRuns(link, self)
            self._cluster.begun.connect(self._begun_there)
            self._cluster.event_received.connect(self._forward)
            self._cluster.ended.connect(self._run_ended)
            self._cluster.returned.connect(self._came_back)
            self._cluster.capacity_changed.connect(self._capacity_changed)
            self._cluster.noted.connect(self.noted)
        self.queue_changed.emit()
        self._next()

    @Slot(object, str)
    def _begun_there(self, job: Job, machine: str) -> None:
        if job.number in self._running:
            self._running[job.number].machine = machine
            self.queue_changed.emit()

    @Slot()
    def _capacity_changed(self) -> None:
        self._next()

    @Slot(object, str)
    def _came_back(self, job: Job, why: str) -> None:
        """Let a run that did not end on a machine go on elsewhere: first of all that wait."""
        found = self._running.pop(job.number, None)
        if found is None or self._closed:
            return
        self._waiting.insert(0, job)
        if why and found.far is self._cluster:
            self._only_here.add(job.number)
        self.queue_changed.emit()
        self._next()

    # The queue -------------------------------------------------------------------------------

    def fit(self, recipe: Path, folder: Path, *, title: str, checked: Path | None = None) -> Job:
        """Queue a run of a recipe in a run folder; an unfinished run there is continued.

        Args:
            recipe: Its file.
            folder: Its run folder.
            title: For people.
            checked: What the check of the labelled folder kept, so that nothing is compared twice.
        """
        arguments: tuple[str, ...] = (str(recipe), "--out", str(folder))
        if checked is not None:
            arguments += ("--checked", str(checked))
        job = Job(number=next(self._numbers), command=FIT, arguments=arguments, title=title, folder=folder)
        self._waiting.append(job)
        self.queue_changed.emit()
        self._next()
        return job

    def resume(self, folder: Path, *, title: str) -> Job:
        """Continue an interrupted run with its own recipe."""
        return self.fit(folder / "recipe.toml", folder, title=title)

    def cancel(self, number: int) -> None:
        """Take a run that still waits out of the queue."""
        self._paused.discard(number)
        self._waiting = [job for job in self._waiting if job.number != number]
        self.queue_changed.emit()
        self._next()

    def cancel_waiting(self) -> None:
        """Empty the queue; runs under way go on, paused ones stay."""
        self._waiting = [job for job in self._waiting if job.number in self._paused]
        self.queue_changed.emit()

    def stop_current(self) -> None:
        """Keep the best weights of the watched run, evaluate them and end it."""
        found = self._current
        if found is None or self.state is not JobState.RUNNING:
            return
        found.state = JobState.STOPPING
        if found.far is not None:
            found.far.stop(found.job.number)
        elif self._child_here is not None:
            self._child_here.stop()
        self.queue_changed.emit()

    def discard_current(self) -> None:
        """End the watched run and delete its folder."""
        found = self._current
        if found is None:
            return
        found.state = JobState.STOPPING
        if found.far is not None:
            found.far.discard(found.job.number)
        elif self._child_here is not None:
            self._child_here.discard()
        self.queue_changed.emit()

    def pause_current(self) -> None:
        """End the children of all runs now; they go on from their last whole epochs when resumed."""
        if self._current is None or self.state is not JobState.RUNNING:
            return
        self._paused = {number for number, one in self._running.items() if one.state is JobState.RUNNING}
        for found in self.running:
            if found.far is not None and found.job.number in self._paused:
                found.far.take_back(found.job.number)
        if self._child_here is not None and self._child_here.job.number in self._paused:
            child, self._child_here = self._child_here, None
            child.abandon()
            child.deleteLater()
            del self._running[child.job.number]
            self._waiting.insert(0, child.job)
        self.queue_changed.emit()

    def resume_paused(self) -> None:
        """Go on with the runs that were paused."""
        self._paused.clear()
        self.queue_changed.emit()
        self._next()

    def start_background(self, command: str, arguments: Sequence[str], *, title: str, kind: str = "") -> Job:
        """Run a short command at once; an earlier one of the same kind is dropped, silently.

        Args:
            command: Of the training program.
            arguments: Of the command.
            title: For people.
            kind: What it is for, where a command serves several purposes; the command if empty.
        """
        kind = kind or command
        self.drop(kind)
        job = Job(number=next(self._numbers), command=command, arguments=tuple(arguments), title=title)
        child = self._child(job)
        child.ended.connect(self._background_ended)
        self._background[kind] = child
        child.start()
        self.queue_changed.emit()
        return job

    def drop(self, kind: str) -> None:
        """End a short command; nothing of it is reported any more."""
        child = self._background.pop(kind, None)
        if child is not None:
            child.abandon()
            child.deleteLater()
            self.queue_changed.emit()

    def close(self) -> None:
        """End every child and wait until it is gone. An unfinished run can be resumed later."""
        self._closed = True
        self._waiting.clear()
        for kind in tuple(self._background):
            self.drop(kind)
        for far in (*self._left, *([self._cluster] if self._cluster is not None else [])):
            far.close()
        self._cluster, self._left = None, []
        if self._child_here is not None:
            self._child_here.abandon()
            self._child_here.deleteLater()
            self._child_here = None
        self._running.clear()
        self._paused.clear()

    # Plumbing --------------------------------------------------------------------------------

    def _child(self, job: Job) -> TrainingChild:
        child = TrainingChild(job, self._program, parent=self)
        child.event_received.connect(self._forward)
        child.printed.connect(self.printed)
        return child

    def _next(self) -> None:
        """Start what can start: where there are machines as many as are free, else one here."""
        if self._paused or self._closed:
            return
        for job in list(self._waiting):
            cluster = self._cluster if job.number not in self._only_here else None
            if cluster is not None and cluster.is_there:
                if cluster.free:
                    self._start_there(job, cluster)
            elif self._child_here is None:
                self._start_here(job)

    def _start_here(self, job: Job) -> None:
        self._child_here = child = self._child(job)
        child.ended.connect(self._run_ended)
        self._take(RunningJob(job))
        child.start()

    def _start_there(self, job: Job, cluster: ClusterRuns) -> None:
        assert job.folder is not None  # noqa: S101 - for the type checker
        try:
            cluster.start(job, job.folder)
        except OSError as error:
            self._only_here.add(job.number)
            self.noted.emit(
                f"{job.title} trains on this machine: its recipe cannot be put beside its folder."
            )
            _log.info("recipe of %s: %s", job.title, error)
            return
        self._take(RunningJob(job, far=cluster))

    def _take(self, one: RunningJob) -> None:
        self._waiting.remove(one.job)
        self._running[one.job.number] = one
        if self._watched not in self._running:
            self._watched = one.job.number
        self.started.emit(one.job)
        self.queue_changed.emit()

    @Slot(object, object)
    def _forward(self, job: Job, event: Event) -> None:
        if isinstance(event, Phase) and job.number in self._running:
            self._running[job.number].phase = event.name
        self.event_received.emit(job, event)

    @Slot(object)
    def _run_ended(self, ending: Ending) -> None:
        number = ending.job.number
        self._running.pop(number, None)
        self._paused.discard(number)
        child = self._child_here
        if child is not None and child.job.number == number:
            self._child_here = None
            child.deleteLater()
        if ending.state is JobState.DISCARDED and ending.job.folder is not None:
            sentence = delete_discarded(ending.job.folder)
            ending = replace(ending, code="cannot-delete" if sentence else "", sentence=sentence)
        self.ended.emit(ending)
        self.queue_changed.emit()
        self._next()

    @Slot(object)
    def _background_ended(self, ending: Ending) -> None:
        kind = next((kind for kind, child in self._background.items() if child.job is ending.job), None)
        if kind is not None:
            self._background.pop(kind).deleteLater()
            self.ended.emit(ending)
            self.queue_changed.emit()
