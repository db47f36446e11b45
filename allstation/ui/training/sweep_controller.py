"""Sweeps: many runs of one recipe with other values, queued, resumed and followed on their page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.files import free_path
from allstation.services.training.history import RunPlaces, RunSummary
from allstation.services.training.job_lines import Ending, JobState
from allstation.services.training.runs import TrainingRuns
from allstation.sweep import latest_sweep, make_sweep
from allstation.ui.training.recipe.page import RecipePage
from allstation.ui.training.sweep_page import SweepPage


def new_run_folder(places: RunPlaces, name: str, runs: TrainingRuns) -> Path:
    """Return a run folder that is neither there nor waited for, named by a recipe and the time."""
    base = places.for_new(on_machines=runs.uses_machines)
    plain = re.sub(r"[^\w .-]+", "_", name).strip(" .")[:60] or "run"
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    jobs = [*runs.waiting, *(one.job for one in runs.running)]
    taken = {job.folder for job in jobs if job.folder}
    return free_path(base, f"{plain}-{stamp}", separator="-", taken=taken)


class SweepController(QObject):
    """Queues the runs of a sweep and shows how far they are.

    Args:
        page: Asks for values, lists the runs.
        recipe: The recipe that is varied.
        runs: The queue.
        places: Folders of the run folders.
        parent: Owner.

    Attributes:
        checked: What the check of the labelled folder kept.

    Signals:
        problem: A sentence.
    """

    problem = Signal(str)

    def __init__(
        self,
        page: SweepPage,
        recipe: RecipePage,
        runs: TrainingRuns,
        *,
        places: RunPlaces,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._page = page
        self._recipe = recipe
        self._runs = runs
        self._places = places
        self._summaries: Mapping[Path, RunSummary] = {}
        self._failed: dict[Path, str] = {}
        self.checked: Path | None = None
        page.start_asked.connect(self._start)
        page.cancel_asked.connect(runs.cancel_waiting)
        page.resume_asked.connect(self._resume)
        runs.queue_changed.connect(self._show)
        runs.ended.connect(self._ended)

    def set_summaries(self, summaries: Mapping[Path, RunSummary]) -> None:
        """Take the runs that are known; the latest sweep is shown if none is yet."""
        self._summaries = summaries
        if not self._page.runs:
            self._page.show_runs(latest_sweep(self._places.everywhere()))
        self._show()

    def goes_on_after(self, folder: Path | None) -> bool:
        """Tell whether a run that has ended is one of a sweep whose other runs go on."""
        others = bool(self._runs.waiting or self._runs.running)
        return others and any(run.folder == folder for run in self._page.runs)

    @Slot(object)
    def _start(self, rows: list[dict[str, Any]]) -> None:
        recipe = self._recipe.data()
        folder = new_run_folder(self._places, f"sweep {recipe['name']}", self._runs)
        try:
            made = make_sweep(folder, recipe, rows, self._recipe.preset_data)
        except StationError as error:
            self.problem.emit(error.sentence)
            return
        self._page.show_runs(made)
        self._resume()

    @Slot()
    def _resume(self) -> None:
        for run in self._page.runs:
            known = self._summaries.get(run.folder)
            if known is None or not known.is_evaluated:
                self._failed.pop(run.folder, None)
                self._runs.fit(run.recipe, run.folder, title=run.title, checked=self.checked)

    @Slot(object)
    def _ended(self, ending: Ending) -> None:
        if ending.job.folder is not None and ending.state is JobState.FAILED:
            self._failed[ending.job.folder] = ending.sentence
            self._show()

    @Slot()
    def _show(self) -> None:
        self._page.set_on_machines(self._runs.uses_machines)
        running = {one.job.folder: one.machine for one in self._runs.running if one.job.folder is not None}
        waiting = frozenset(job.folder for job in self._runs.waiting if job.folder is not None)
        self._page.show_states(self._summaries, running=running, waiting=waiting, failed=self._failed)
