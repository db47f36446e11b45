"""The training panel: data, recipe, run, history, comparison and sweep on one page each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from allstation.core.errors import StationError
from allstation.core.events import Event, Phase, Progress, Report
from allstation.files import free_path
from allstation.paths import login_name
from allstation.recipe_files import write_recipe
from allstation.services.training.history import RunHistory, RunPlaces, RunSummary
from allstation.services.training.job_lines import Ending, Job, JobState
from allstation.services.training.runs import FIT, TrainingRuns
from allstation.ui.common.i18n import tr
from allstation.ui.training.activation import Activating
from allstation.ui.training.compare_page import ComparePage
from allstation.ui.training.comparison_controller import EVALUATE, Comparing
from allstation.ui.training.data_page import DataPage
from allstation.ui.training.history_controller import HistoryController
from allstation.ui.training.history_page import HistoryPage
from allstation.ui.training.labelling.controller import LabellingController
from allstation.ui.training.map.controller import MAP, MapMaking
from allstation.ui.training.map.page import MapPage
from allstation.ui.training.page_tabs import PageTabs
from allstation.ui.training.plots.plotting import PlotLoader
from allstation.ui.training.recipe.assistant import ESTIMATE, PREVIEW, RecipeAids
from allstation.ui.training.recipe.page import RecipePage
from allstation.ui.training.run_follower import RunFollower
from allstation.ui.training.run_page import RunPage
from allstation.ui.training.sweep_controller import SweepController, new_run_folder
from allstation.ui.training.sweep_page import SweepPage
from allstation.ui.training.try_controller import Trying
from allstation.ui.training.try_page import TryPage

_CHECK: Final = "check"
_LIST: Final = "list"
_ELSEWHERE: Final = frozenset({PREVIEW, ESTIMATE, EVALUATE, MAP})
"""Commands that others of this panel follow."""


class TrainingPanel(QWidget):
    """Puts the pages together and speaks with the queue of runs.

    Args:
        runs: The queue; the window owns it and closes it.
        base: Folder of the run folders.
        active_model: Gives the bundle that classifies now, or None.
        open_case: Gives the folder of the open case, or None.
        who: Gives the name of the person at the window.
        shared_runs: Gives the folder of run folders that the laboratory's machines see, or None.
        parent: Owner.

    Attributes:
        folder: The labelled folder.
        report: What the check says of it; None until it is checked.
        summaries: Runs by their folders.

    Signals:
        activation_asked: Bundle of a finished run, and the name the person gave it.
        field_opened: A field of the labelled folder was double-clicked.
        status_changed: One line for the status bar; empty when nothing trains.
        notified: A sentence worth a notice (text, whether it is a problem).
    """

    activation_asked = Signal(object, str)
    field_opened = Signal(object)
    status_changed = Signal(str)
    notified = Signal(str, bool)

    def __init__(
        self,
        runs: TrainingRuns,
        base: Path,
        active_model: Callable[[], Path | None] = lambda: None,
        *,
        open_case: Callable[[], Path | None] = lambda: None,
        who: Callable[[], str] = login_name,
        shared_runs: Callable[[], Path | None] = lambda: None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.runs = runs
        self._places = RunPlaces(base, shared_runs)
        self.history = RunHistory(self._places, self)
        self.folder: Path | None = None
        self.report: Mapping[str, Any] | None = None
        self._checked: Path | None = None
        self.summaries: dict[Path, RunSummary] = {}
        self._scratch = tempfile.TemporaryDirectory(prefix="allstation-training-")
        self._plots = PlotLoader(self)
        self._build()
        self.follower = RunFollower(self.run, runs, self)
        self.aids = RecipeAids(self.recipe, runs, Path(self._scratch.name), self)
        self.comparing = Comparing(self.compare, runs, active_model, self)
        self.activating = Activating(runs, active_model, self)
        self.sweeps = SweepController(self.sweep, self.recipe, runs, places=self._places, parent=self)
        self.earlier = HistoryController(self.past, self.history, self)
        self.trying = Trying(self.trial, self)
        self.mapping = MapMaking(self.map, runs, active_model, self)
        self.labelling = LabellingController(self.data, open_case=open_case, who=who, parent=self)
        self._connect()

    def _build(self) -> None:
        self.data = DataPage(self)
        self.recipe = RecipePage(self)
        self.run = RunPage(self._plots, self)
        self.past = HistoryPage(self._plots, self)
        self.compare = ComparePage(self._plots, self)
        self.trial = TryPage(self)
        self.map = MapPage(self)
        self.sweep = SweepPage(self)
        self.pages = PageTabs(self)
        self.pages.setDocumentMode(True)
        for page, title in (
            (self.data, tr("1  Data")),
            (self.recipe, tr("2  Recipe")),
            (self.run, tr("3  Run")),
            (self.past, tr("Runs")),
            (self.compare, tr("Compare")),
            (self.trial, tr("Try")),
            (self.map, tr("Map")),
            (self.sweep, tr("Sweep")),
        ):
            self.pages.add_page(page, title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pages)
        self._show_refusal()

    def _connect(self) -> None:
        for signal, slot in (
            (self.runs.event_received, self._job_event),
            (self.runs.ended, self._ended),
            (self.history.listed, self._listed),
            (self.data.folder_chosen, self.set_folder),
            (self.data.stop_asked, self._stop_check),
            (self.data.go_on_asked, self._go_to_recipe),
            (self.data.field_opened, self.field_opened),
            (self.recipe.start_asked, self.start),
            (self.aids.problem, self._problem),
            (self.recipe.problem, self._problem),
            (self.follower.status_changed, self.status_changed),
            (self.follower.phase_changed, self.refresh),
            (self.run.compare_asked, self._compare_ended),
            (self.run.activate_asked, self._activate_ended),
            (self.run.go_on_asked, self._go_on),
            (self.run.curves.problem, self._problem),
            (self.past.resume_asked, self._resume),
            (self.past.compare_asked, self.compare_runs),
            (self.past.activation_opened, self.activating.compare),
            (self.past.activate_asked, self._activate),
            (self.compare.problem, self._problem),
            (self.run.try_asked, self.try_run),
            (self.past.try_asked, self.try_run),
            (self.earlier.changed, self.refresh),
            (self.earlier.problem, self._problem),
            (self.sweeps.problem, self._problem),
            (self.labelling.problem, self._problem),
            (self.labelling.train_asked, self._train_on),
        ):
            signal.connect(slot)

    # Life ------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """Read methods and runs when the panel is first looked at."""
        super().showEvent(event)
        if not self.recipe.method:
            self.runs.start_background(_LIST, [], title=tr("Methods"))
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        """A preview nobody sees is not drawn."""
        super().hideEvent(event)
        self.aids.drop()

    def close_workers(self) -> None:
        """Wait for what is being read; the queue is closed by its owner."""
        self.history.close()
        self.comparing.reader.close()
        self.trying.close()
        self.mapping.close()
        self.labelling.close()
        self._plots.close()
        self.data.peek.close_workers()
        self.compare.close_workers()
        self._scratch.cleanup()

    @Slot()
    def refresh(self) -> None:
        """Read all runs again."""
        folders = (one.job.folder for one in self.runs.running)
        self.history.refresh(running=frozenset(folder for folder in folders if folder is not None))
        self.labelling.refresh()

    # Data ------------------------------------------------------------------------------------

    @Slot(object)
    def set_folder(self, folder: Path) -> None:
        """Check a labelled folder."""
        self.folder, self.report = folder, None
        self._checked = free_path(Path(self._scratch.name), "checked", ".json")
        self.sweeps.checked = self._checked
        self.pages.setCurrentWidget(self.data)
        self.data.show_checking(folder)
        self.mapping.set_folder(folder)
        self.aids.set_known(fields=0)
        self._show_refusal()
        self.runs.start_background(
            _CHECK, [str(folder), "--keep", str(self._checked)], title=tr("Check of {name}", name=folder.name)
        )

    @Slot(object)
    def _train_on(self, folder: Path) -> None:
        """Check a folder that was sorted here; the way to the recipe is one button from there."""
        self.set_folder(folder)
        self.window().raise_()
        self.window().activateWindow()

    @Slot()
    def _stop_check(self) -> None:
        self.runs.drop(_CHECK)
        self.data.show_problem(tr("The check was stopped. Training needs a finished check."))

    @Slot()
    def _go_to_recipe(self) -> None:
        self.pages.setCurrentWidget(self.recipe)

    def _refusal(self) -> str:
        """Say why nothing can be trained now; empty if it can."""
        if self.folder is None:
            return tr("Choose a labelled folder on the Data page first.")
        if self.report is None:
            return tr("Wait for the check of {name}, or start it again.", name=self.folder.name)
        errors = [entry["sentence"] for entry in self.report["findings"] if entry["level"] == "error"]
        if errors:
            more = tr(" ({n} more on the Data page)", n=len(errors) - 1) if len(errors) > 1 else ""
            return tr("The folder has errors: {first}{more}", first=errors[0], more=more)
        return ""

    def _show_refusal(self) -> None:
        refusal = self._refusal()
        self.recipe.set_folder(self.folder, refusal)
        self.sweep.set_refusal(refusal)

    # Runs ------------------------------------------------------------------------------------

    @Slot(dict)
    def start(self, recipe: Mapping[str, Any]) -> None:
        """Queue a run of a recipe."""
        folder = new_run_folder(self._places, str(recipe["name"]), self.runs)
        path = Path(self._scratch.name) / f"{folder.name}.toml"
        try:
            write_recipe(path, recipe)
        except StationError as error:
            self._problem(error.sentence)
            return
        self.pages.setCurrentWidget(self.run)
        self.runs.fit(path, folder, title=str(recipe["name"]), checked=self._checked)

    @Slot(object)
    def _resume(self, run: RunSummary) -> None:
        self.pages.setCurrentWidget(self.run)
        self.runs.resume(run.folder, title=run.title)

    @Slot(object)
    def _compare_ended(self, folder: Path) -> None:
        self.compare_runs([folder])

    @Slot(object)
    def _activate_ended(self, folder: Path) -> None:
        self.pages.setCurrentWidget(self.past)
        self.past.select(folder)
        self.past.ask_activation()

    @Slot(object)
    def _go_on(self, folder: Path) -> None:
        if folder in self.summaries:
            self._resume(self.summaries[folder])

    @Slot(object, object)
    def _job_event(self, job: Job, event: Event) -> None:
        if job.command != FIT and isinstance(event, Report):
            self._take_report(event)
        elif job.command == _CHECK and isinstance(event, (Phase, Progress)):
            self.data.show_event(event)

    def _take_report(self, event: Report) -> None:
        if event.kind == "check":
            self.report = event.data
            self.data.show_report(event.data)
            classes = len(event.data.get("classes", ()))
            self.run.curves.set_chance(1 / classes if classes else None)
            self.aids.set_known(fields=int(event.data["fields"]))
            self._show_refusal()
        elif event.kind == "methods":
            self.recipe.set_methods(event.data["methods"])

    @Slot(object)
    def _ended(self, ending: Ending) -> None:
        command, failed = ending.job.command, ending.state is JobState.FAILED
        if command == FIT:
            words = ending.sentence if failed else tr("Training finished: {title}", title=ending.job.title)
            if failed or not self.sweeps.goes_on_after(ending.job.folder):
                self.notified.emit(words, failed)
            self.refresh()
        elif command == _CHECK and failed:
            self.data.show_problem(ending.sentence)
        elif failed and command not in _ELSEWHERE:
            self._problem(ending.sentence)

    # History, comparison, activation ---------------------------------------------------------

    @Slot(object)
    def _listed(self, runs: list[RunSummary]) -> None:
        self.summaries = {run.folder: run for run in runs}
        self.past.set_runs(runs)
        for run in runs:
            self.run.show_next(run)
        self.aids.set_known(runs=runs)
        self.sweeps.set_summaries(self.summaries)
        self.trying.set_runs(runs)
        self.mapping.set_runs(runs)

    @Slot(object)
    def compare_runs(self, folders: list[Path]) -> None:
        """Show figures of runs, and test every pair on the same fields."""
        self.pages.setCurrentWidget(self.compare)
        self.comparing.compare(folders)

    @Slot(object, str)
    def _activate(self, run: RunSummary, name: str) -> None:
        if run.bundle is not None:
            self.activation_asked.emit(run.bundle, name)

    @Slot(object)
    def try_run(self, folder: Path) -> None:
        """Show the page on which pictures are tried on a run's model."""
        if self.trial.choose(folder):
            self.pages.setCurrentWidget(self.trial)

    @Slot(str)
    def _problem(self, sentence: str) -> None:
        self.notified.emit(sentence, True)
