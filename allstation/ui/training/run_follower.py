"""Follows the runs that train: the watched one on its page, what the others say until they are watched."""

from __future__ import annotations

from collections import deque
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.events import Batch, Event, Phase, Progress
from allstation.services.training.history import read_history
from allstation.services.training.job_lines import Ending, Job, JobState
from allstation.services.training.runs import FIT, TrainingRuns
from allstation.ui.common.i18n import tr
from allstation.ui.training.run_page import RunPage, batch_line, progress_line

_KEPT: Final = 5000
"""Events and lines that are kept of a run."""


class RunFollower(QObject):
    """Shows the watched run of the queue on the run page.

    Args:
        page: Shows one run, and lists all.
        runs: The queue.
        parent: Owner.

    Signals:
        status_changed: One line for the status bar; empty when nothing trains.
        phase_changed: A run began, or reached another phase: its folder says more than before.
    """

    status_changed = Signal(str)
    phase_changed = Signal()

    def __init__(self, page: RunPage, runs: TrainingRuns, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._page = page
        self._runs = runs
        self._shown: Job | None = None
        self._said: dict[int, deque[Event | str]] = {}
        page.stop_asked.connect(runs.stop_current)
        page.discard_asked.connect(runs.discard_current)
        page.pause_asked.connect(self._pause)
        page.cancel_asked.connect(runs.cancel)
        page.watch_asked.connect(runs.watch)
        runs.started.connect(self._started)
        runs.event_received.connect(self._event)
        runs.printed.connect(self._printed)
        runs.ended.connect(self._ended)
        runs.queue_changed.connect(self._queue_changed)

    @Slot(bool)
    def _pause(self, paused: bool) -> None:
        if paused:
            self._runs.pause_current()
        else:
            self._runs.resume_paused()

    @Slot(object)
    def _started(self, job: Job) -> None:
        self._said[job.number] = deque(maxlen=_KEPT)
        if self._runs.current is job:
            self._show(job)
            self.status_changed.emit(tr("Training {title}: starting", title=job.title))
        self.phase_changed.emit()

    def _show(self, job: Job) -> None:
        self._shown = job
        self._page.show_job(job)
        if job.folder is not None:
            self._page.curves.set_rows(read_history(job.folder))
        for said in self._said.get(job.number, ()):
            if isinstance(said, str):
                self._page.say(said)
            else:
                self._page.show_event(said)

    @Slot(object, object)
    def _event(self, job: Job, event: Event) -> None:
        if job.command != FIT:
            return
        said = self._said.get(job.number)
        if said is not None:
            if said and isinstance(event, (Batch, Progress)) and type(said[-1]) is type(event):
                said.pop()
            said.append(event)
        if self._shown is job:
            self._page.show_event(event)
            self._show_status(job, event)
        if isinstance(event, Phase):
            self.phase_changed.emit()  # its folder was not written yet when it started

    def _show_status(self, job: Job, event: Event) -> None:
        line = ""
        if isinstance(event, Batch):
            line = batch_line(event)
        elif isinstance(event, Progress):
            line = progress_line(event)
        elif isinstance(event, Phase):
            line = event.text
        others = len(self._runs.running) - 1
        if line and others > 0:
            line = tr("{line} (and {n} other runs)", line=line, n=others)
        if line:
            self.status_changed.emit(tr("Training {title}: {line}", title=job.title, line=line))

    @Slot(object, str)
    def _printed(self, job: Job, line: str) -> None:
        if job.number in self._said:
            self._said[job.number].append(line)
        if self._shown is job:
            self._page.say(line)

    @Slot(object)
    def _ended(self, ending: Ending) -> None:
        self._said.pop(ending.job.number, None)
        if self._shown is ending.job:
            self._page.show_ending(ending)
            if ending.job.folder is not None:
                self._page.curves.set_rows(read_history(ending.job.folder))
        if not self._runs.running:
            self.status_changed.emit("")

    @Slot()
    def _queue_changed(self) -> None:
        running, current = self._runs.running, self._runs.current
        self._page.set_jobs(running, self._runs.waiting)
        if current is not None and current is not self._shown:
            self._show(current)
        for one in running:
            if one.job is self._shown:
                self._page.show_machine(one.machine)
        if self._runs.state is JobState.STOPPING:
            self._page.show_stopping()
        self._page.show_paused(paused=self._runs.state is JobState.PAUSED)
