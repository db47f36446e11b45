"""Runs and the active model on the same fields: read here, tested by the training program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Slot

from allstation.core.events import Event, Progress, Report
from allstation.services.training.figures import FigureReader
from allstation.services.training.job_lines import Ending, Job, JobState
from allstation.services.training.runs import TrainingRuns
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.training.compare_page import ComparePage

EVALUATE: Final = "evaluate"


class Comparing(QObject):
    """Fills the compare page.

    Args:
        page: Where figures are shown.
        runs: Starts the child.
        active_model: Gives the bundle that classifies now, or None.
        parent: Owner.
    """

    def __init__(
        self,
        page: ComparePage,
        runs: TrainingRuns,
        active_model: Callable[[], Path | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._page = page
        self._runs = runs
        self._active_model = active_model
        self._folders: list[Path] = []
        self._job: Job | None = None
        self.reader = FigureReader(self)
        self.reader.runs_read.connect(page.show_figures)
        self.reader.model_read.connect(page.add_model)
        self.reader.problem.connect(page.show_unreadable)
        runs.event_received.connect(self._job_event)
        runs.ended.connect(self._ended)

    def compare(self, folders: Sequence[Path]) -> None:
        """Show figures of runs; compare every pair and the active model on the same fields."""
        self._folders = list(folders)
        self.reader.read(folders)
        model = self._active_model()
        arguments = [str(folder) for folder in folders]
        if model is not None:
            arguments += ["--model", str(model)]
        if model is not None or len(folders) > 1:
            self._job = self._runs.start_background(EVALUATE, arguments, title=tr("Comparison"))

    @Slot(object, object)
    def _job_event(self, job: Job, event: Event) -> None:
        if job is not self._job:
            return
        if isinstance(event, Progress):
            words = tr("The active model classifies the same fields: {done} / {total}",
                       done=number(event.done), total=number(event.total))  # fmt: skip
            self._page.show_comparison_problem(words)
        elif isinstance(event, Report):
            self._page.show_comparison(event.data)
            if event.data.get("model") and self._folders:
                self.reader.read_model(self._folders[0], event.data)

    @Slot(object)
    def _ended(self, ending: Ending) -> None:
        if ending.job is self._job and ending.state is JobState.FAILED:
            self._page.show_comparison_problem(ending.sentence)
