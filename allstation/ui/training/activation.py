"""Asks before a run's model is put to use, with both models' figures on the same fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from allstation.core.errors import StationError
from allstation.core.events import Event, Progress, Report
from allstation.services.training.comparison import ModelComparison, Outcome, read_comparison
from allstation.services.training.figures import MODEL
from allstation.services.training.history import RunSummary
from allstation.services.training.job_lines import Ending, Job, JobState
from allstation.services.training.runs import TrainingRuns
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.model_choice import ModelChoiceDialog
from allstation.ui.training.compare_page import interval_text, pair_line
from allstation.ui.training.comparison_controller import EVALUATE

_KIND: Final = "activation"
_VERDICTS: Final = {
    Outcome.BETTER: "Better than the model in use, on the same {n} fields.",
    Outcome.WORSE: "Worse than the model in use, on the same {n} fields.",
    Outcome.UNCLEAR: "Not shown to be better than the model in use, on the same {n} fields.",
}


class ActivationDialog(ModelChoiceDialog):
    """Asks whether to use the model of a run.

    Args:
        run: The run.
        parent: Owner.

    Attributes:
        run: The run.
    """

    def __init__(self, run: RunSummary, parent: QWidget | None = None) -> None:
        super().__init__(run.title, parent)
        self.run = run
        self.show_progress(tr("Comparing with the model in use on the run's test fields…"))

    def show_comparison(self, found: ModelComparison) -> None:
        """Show both models' figures; offer the new one by default only if it is better."""
        about = tr(
            "Test set of the run: n = {n} fields, {split}, {patients}; 95 % intervals. Whether the "
            "model in use learned from some of these fields is not known here; if so, its figures are "
            "too high.",
            n=number(found.n),
            split=found.split,
            patients=found.patients,
        )
        titles = {self.run.folder.name: self.run.title, MODEL: found.active}
        self.show_figures(
            tr(_VERDICTS[found.outcome], n=number(found.n)),
            about,
            rows=[(pair.name, interval_text(pair.new), interval_text(pair.active)) for pair in found.figures],
            active=found.active,
            pair=pair_line(found.pair, titles),
        )
        self.finish(better=found.outcome is Outcome.BETTER)


class Activating(QObject):
    """Lets the training program compare a run with the active model, and fills the dialog with it.

    Args:
        runs: Starts the child.
        active_model: Gives the bundle that classifies now, or None.
        parent: Owner.
    """

    def __init__(
        self, runs: TrainingRuns, active_model: Callable[[], Path | None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._runs = runs
        self._active_model = active_model
        self._dialog: ActivationDialog | None = None
        self._job: Job | None = None
        runs.event_received.connect(self._job_event)
        runs.ended.connect(self._ended)

    @Slot(object)
    def compare(self, dialog: ActivationDialog) -> None:
        """Fill a dialog that was just opened."""
        self._dialog = dialog
        dialog.finished.connect(self._closed)
        model = self._active_model()
        if model is None:
            dialog.show_problem(tr("No model is in use. Look at the run's own figures on the Compare page."))
            return
        arguments = [str(dialog.run.folder), "--model", str(model)]
        self._job = self._runs.start_background(EVALUATE, arguments, title=tr("Comparison"), kind=_KIND)

    @Slot()
    def _closed(self) -> None:
        self._dialog = self._job = None
        self._runs.drop(_KIND)

    @Slot(object, object)
    def _job_event(self, job: Job, event: Event) -> None:
        if job is not self._job or self._dialog is None:
            return
        if isinstance(event, Progress):
            self._dialog.show_progress(
                tr(
                    "The model in use classifies the same fields: {done} / {total}",
                    done=number(event.done),
                    total=number(event.total),
                )
            )
        elif isinstance(event, Report):
            self._show(self._dialog, event.data)

    @Slot(object)
    def _ended(self, ending: Ending) -> None:
        if ending.job is not self._job or self._dialog is None:
            return
        if ending.state is JobState.FAILED:
            self._dialog.show_problem(ending.sentence)
        elif not self._dialog.is_compared:
            self._dialog.show_problem(tr("The training program ended without a comparison."))
        self._job = None

    @staticmethod
    def _show(dialog: ActivationDialog, report: Mapping[str, object]) -> None:
        try:
            dialog.show_comparison(read_comparison(report, dialog.run.folder.name))
        except StationError as error:
            dialog.show_problem(error.sentence)
