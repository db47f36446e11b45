"""Making of maps: the training program measures, the page shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Slot

from allstation.core.errors import StationError
from allstation.core.events import Event, Phase, Progress, Report
from allstation.services.training.history import RunSummary
from allstation.services.training.job_lines import Ending, Job, JobState
from allstation.services.training.map import read_map
from allstation.services.training.runs import TrainingRuns
from allstation.ui.common.i18n import tr
from allstation.ui.training.map.page import MapPage

MAP: Final = "map"


class MapMaking(QObject):
    """Lets the training program look at every field of the labelled folder, and shows where they lie.

    Args:
        page: Shows the map.
        runs: Starts the child.
        active_model: Gives the bundle that classifies now, or None.
        parent: Owner.
    """

    def __init__(
        self,
        page: MapPage,
        runs: TrainingRuns,
        active_model: Callable[[], Path | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._page = page
        self._runs = runs
        self._active_model = active_model
        self._folder: Path | None = None
        self._job: Job | None = None
        page.map_asked.connect(self._make)
        page.cancel_asked.connect(self._cancel)
        runs.event_received.connect(self._job_event)
        runs.ended.connect(self._ended)

    def set_folder(self, folder: Path | None) -> None:
        """Take the labelled folder that maps are made of."""
        if folder != self._folder:
            self._drop()
            self._folder = folder
            self._page.set_folder(folder)

    def set_runs(self, runs: Sequence[RunSummary]) -> None:
        """Offer the models of these runs."""
        self._page.set_runs(runs)

    def close(self) -> None:
        """Wait for what is being read and drawn."""
        self._page.view.close_workers()
        self._page.tiles.close_workers()
        self._page.peek.close_workers()

    def _drop(self) -> None:
        if self._job is not None:
            self._job = None
            self._runs.drop(MAP)
            self._page.end()

    @Slot(object)
    def _make(self, run: RunSummary | None) -> None:
        if self._folder is None:
            return
        arguments = [str(self._folder)]
        bundle = run.bundle if run is not None else self._active_model()
        if bundle is not None:
            arguments += ["--model", str(bundle)]
        if run is not None and Path(str(run.info.get("recipe", {}).get("data", ""))) == self._folder:
            arguments += ["--run", str(run.folder)]
        self._job = self._runs.start_background(MAP, arguments, title=tr("Map"))

    @Slot()
    def _cancel(self) -> None:
        self._drop()
        self._page.end(tr("Cancelled. What was looked at is kept: the next time goes on from there."))

    @Slot(object, object)
    def _job_event(self, job: Job, event: Event) -> None:
        if job is not self._job:
            return
        if isinstance(event, (Phase, Progress)):
            self._page.show_event(event)
        elif isinstance(event, Report):
            try:
                self._page.show_map(read_map(event.data))
            except StationError as error:
                self._page.end(error.sentence)

    @Slot(object)
    def _ended(self, ending: Ending) -> None:
        if ending.job is self._job:
            self._job = None
            self._page.end(ending.sentence if ending.state is JobState.FAILED else "")
