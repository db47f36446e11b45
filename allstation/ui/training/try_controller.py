"""Trying finished runs: the page's pictures go to the trial, its answers come back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Slot

from allstation.core.records import Prediction
from allstation.services.training.history import RunSummary
from allstation.services.training.trial import Trial, TrialFields
from allstation.ui.training.try_page import TryPage


class Trying(QObject):
    """Fills the page of trials.

    Args:
        page: Where pictures are dropped and answers shown.
        parent: Owner.
    """

    def __init__(self, page: TryPage, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._page = page
        self._trial = Trial(parent=self)
        page.run_chosen.connect(self._use)
        page.pictures_given.connect(self._trial.try_paths)
        self._trial.opened.connect(page.show_model)
        self._trial.unusable.connect(page.show_problem)
        self._trial.listed.connect(self._fields_listed)
        self._trial.tried.connect(self._answered)
        self._trial.failed.connect(self._answered)

    def set_runs(self, runs: Sequence[RunSummary]) -> None:
        """Offer these runs."""
        self._page.set_runs(runs)

    def close(self) -> None:
        """Wait for the picture under way and end what the bundle runs in."""
        self._trial.close()
        self._page.close_workers()

    @Slot(object)
    def _use(self, run: RunSummary) -> None:
        if run.bundle is not None:
            self._trial.use(run.bundle)

    @Slot(object)
    def _fields_listed(self, fields: TrialFields) -> None:
        self._page.add_pictures(fields.paths)
        self._page.show_problem(" ".join(fields.problems))

    @Slot(object, object)
    @Slot(object, str)
    def _answered(self, path: Path, answer: Prediction | str) -> None:
        self._page.set_answer(path, answer)
