"""Preview of augmented fields and estimate of time for a recipe before it is started."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.core.events import Event, Report
from allstation.recipe_files import write_recipe
from allstation.services.training.history import RunSummary
from allstation.services.training.job_lines import Ending, Job, JobState
from allstation.services.training.runs import TrainingRuns
from allstation.ui.common.i18n import tr
from allstation.ui.training.recipe.estimate import estimate_text, seconds_for
from allstation.ui.training.recipe.page import RecipePage

PREVIEW: Final = "augment-preview"
ESTIMATE: Final = "estimate"
_FIELDS: Final = "4"


class RecipeAids(QObject):
    """Asks the training program for a preview and an estimate whenever a recipe has settled.

    Args:
        page: Where both are shown.
        runs: Starts the children.
        scratch: Folder for recipes and pictures.
        parent: Owner.

    Signals:
        problem: A sentence.
    """

    problem = Signal(str)

    def __init__(
        self, page: RecipePage, runs: TrainingRuns, scratch: Path, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._page = page
        self._runs = runs
        self._scratch = scratch
        self._known: dict[str, str] = {}
        self._asked = ""
        self._fields = 0
        self._past: tuple[RunSummary, ...] = ()
        page.settled.connect(self._settled)
        page.changed.connect(self.show_estimate)
        runs.event_received.connect(self._job_event)
        runs.ended.connect(self._ended)

    def set_known(self, *, fields: int | None = None, runs: Iterable[RunSummary] | None = None) -> None:
        """Take what is known of the folder and of earlier runs."""
        self._fields = self._fields if fields is None else fields
        self._past = self._past if runs is None else tuple(runs)
        self.show_estimate()

    def drop(self) -> None:
        """Nobody looks any more."""
        self._runs.drop(PREVIEW)
        self._runs.drop(ESTIMATE)

    @Slot()
    def show_estimate(self) -> None:
        """Say what is known about time and memory of the recipe on the page."""
        if not self._fields or not self._page.method:
            self._page.set_estimate("")
            return
        recipe = self._page.data()
        measured = self._known.get(_key(recipe))
        self._page.set_estimate(measured or estimate_text(recipe, self._fields, self._past))

    @Slot(dict)
    def _settled(self, recipe: Mapping[str, Any]) -> None:
        path = self._scratch / "preview.toml"
        try:
            write_recipe(path, recipe)
        except StationError as error:
            self.problem.emit(error.sentence)
            return
        if self._page.kind == "classical":
            self._page.show_preview_text(tr("Classical methods see every field as it is."))
            self._estimate()
            return
        if not self._page.has_preview:
            self._page.show_preview_text(tr("Drawing augmented fields…"))
        arguments = [str(path), str(path.with_suffix(".png")), "--fields", _FIELDS, "--force"]
        self._runs.start_background(PREVIEW, arguments, title=tr("Augmented fields"))

    def _estimate(self) -> None:
        """Have the recipe measured, unless that is known or a run would falsify it."""
        recipe = self._page.data()
        known = _key(recipe) in self._known or seconds_for(recipe, self._fields, self._past) is not None
        if known or not self._fields or self._runs.current is not None:
            return
        path = self._scratch / "estimate.toml"
        try:
            write_recipe(path, recipe)
        except StationError as error:
            self.problem.emit(error.sentence)
            return
        self._asked = _key(recipe)
        self._runs.start_background(ESTIMATE, [str(path)], title=tr("Estimate"))

    @Slot(object, object)
    def _job_event(self, job: Job, event: Event) -> None:
        if job.command == ESTIMATE and isinstance(event, Report):
            self._known[self._asked] = str(event.data["sentence"])
            self.show_estimate()

    @Slot(object)
    def _ended(self, ending: Ending) -> None:
        failed = ending.state is JobState.FAILED
        if ending.job.command == PREVIEW:
            if failed:
                self._page.show_preview_text(ending.sentence)
            else:
                self._page.show_preview(Path(ending.job.arguments[1]))
            self._estimate()
        elif ending.job.command == ESTIMATE and failed:
            self._known[self._asked] = tr("Its time could not be measured: {why}", why=ending.sentence)
            self.show_estimate()


def _key(recipe: Mapping[str, Any]) -> str:
    """Return the parts of a recipe that an estimate depends on; its name is not among them."""
    return json.dumps({key: value for key, value in recipe.items() if key != "name"}, sort_keys=True)
