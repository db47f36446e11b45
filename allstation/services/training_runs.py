"""The queue of training runs, and the small jobs in the background: checks, previews, comparisons."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.events import Event, Failed, Phase
from allstation.services.training_child import Ending, Job, JobState, TrainingChild

FIT: Final = "fit"


class TrainingRuns(QObject):
    """Runs one ``fit`` after another; other commands run in the background, the newest of each kind wins.

    Args:
        program: Command line that starts the training program, as ``allstation.frozen`` gives it.
        parent: Owner.

    Signals:
        queue_changed: Jobs were added, started, or ended.
        started: A job's child was started (:class:`Job`).
        event_received: An event of a job (job, event).
        printed: A line of the child's error output (job, text).
        ended: :class:`Ending`.
    """

    queue_changed = Signal()
    started = Signal(object)
    event_received = Signal(object, object)
    printed = Signal(object, str)
    ended = Signal(object)

    def __init__(self, program: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._program = tuple(program)
        self._numbers = count(1)
        self._waiting: list[Job] = []
        self._current: TrainingChild | None = None
        self._state = JobState.WAITING
        self._background: dict[str, TrainingChild] = {}
        self._phase = ""
        self._closed = False

    # What is going on ------------------------------------------------------------------------

    @property
    def current(self) -> Job | None:
        """The run that trains now."""
        return self._current.job if self._current is not None else None

    @property
    def current_pid(self) -> int:
        """Process id of the run that trains now, or 0."""
        return self._current.pid if self._current is not None else 0

    @property
    def state(self) -> JobState:
        """WAITING without a run, else RUNNING, STOPPING or PAUSED."""
        return self._state

    @property
    def waiting(self) -> tuple[Job, ...]:
        """Runs that come next, in their order."""
        return tuple(self._waiting)

    @property
    def phase(self) -> str:
        """Phase of the current run, or an empty string."""
        return self._phase

    @property
    def is_busy(self) -> bool:
        """Whether any child runs."""
        return self._current is not None or bool(self._background)

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
        if self._state is JobState.PAUSED and self._waiting[0].number == number:
            self._state = JobState.WAITING
        self._waiting = [job for job in self._waiting if job.number != number]
        self.queue_changed.emit()
        self._next()

    def cancel_waiting(self) -> None:
        """Empty the queue; the current run goes on, a paused one stays."""
        self._waiting = self._waiting[:1] if self._state is JobState.PAUSED else []
        self.queue_changed.emit()

    def stop_current(self) -> None:
        """Keep the best weights of the current run, evaluate them and end it."""
        if self._current is not None and self._state is JobState.RUNNING:
            self._state = JobState.STOPPING
            self._current.stop()
            self.queue_changed.emit()

    def pause_current(self) -> None:
        """End the child of the current run now; the run goes on from its last whole epoch when resumed."""
        if self._current is None or self._state is not JobState.RUNNING:
            return
        child, self._current = self._current, None
        child.abandon()
        child.deleteLater()
        self._waiting.insert(0, child.job)
        self._state = JobState.PAUSED
        self.queue_changed.emit()

    def resume_paused(self) -> None:
        """Go on with the run that was paused."""
        if self._state is JobState.PAUSED:
            self._state = JobState.WAITING
            self._next()

    def discard_current(self) -> None:
        """End the current run and delete its folder."""
        if self._current is not None:
            self._state = JobState.STOPPING
            self._current.discard()
            self.queue_changed.emit()

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
        if self._current is not None:
            self._current.abandon()
            self._current.deleteLater()
            self._current = None
            self._state = JobState.WAITING

    # Plumbing --------------------------------------------------------------------------------

    def _child(self, job: Job) -> TrainingChild:
        child = TrainingChild(job, self._program, parent=self)
        child.event_received.connect(self._forward)
        child.printed.connect(self.printed)
        return child

    def _next(self) -> None:
        held = self._current is not None or self._state is JobState.PAUSED
        if held or not self._waiting or self._closed:
            return
        job = self._waiting.pop(0)
        self._current = self._child(job)
        self._current.ended.connect(self._run_ended)
        self._state, self._phase = JobState.RUNNING, ""
        self.started.emit(job)
        self.queue_changed.emit()
        self._current.start()

    @Slot(object, object)
    def _forward(self, job: Job, event: Event) -> None:
        if self.current is job and isinstance(event, Phase):
            self._phase = event.name
        self.event_received.emit(job, event)

    @Slot(object)
    def _run_ended(self, ending: Ending) -> None:
        child, self._current = self._current, None
        self._state, self._phase = JobState.WAITING, ""
        if child is not None:
            child.deleteLater()
        if ending.state is JobState.DISCARDED and ending.job.folder is not None:
            ending = _without_folder(ending, ending.job.folder)
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


def _without_folder(ending: Ending, folder: Path) -> Ending:
    """Delete what a discarded run left; a folder without ``run.json`` is not a run's and stays."""
    if not (folder / "run.json").is_file():
        return ending
    try:
        shutil.rmtree(folder)
    except OSError as error:
        sentence = f"The discarded run's folder {folder.name} could not be deleted ({error.strerror})."
        failed = Failed("cannot-delete", sentence)
        return Ending(job=ending.job, state=ending.state, code=failed.code, sentence=failed.sentence)
    return ending
