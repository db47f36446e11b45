"""Use of a commissioned model: report, bundle, comparison, activation and taking it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from allstation import paths
from allstation.core.cell_types import CellType, type_of
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.processing.status_types import Problem
from allstation.services.case.requests import ClassifyAgain
from allstation.services.site.commissioning import CommissioningService, Tested
from allstation.services.tasks import Serial
from allstation.services.training.activation import Activation, Activations
from allstation.ui.commissioning.result_page import tested_groups
from allstation.ui.commissioning.window import CommissioningWindow, Step
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.model_choice import ModelChoiceDialog
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.context import AppContext

if TYPE_CHECKING:
    from allstation.services.site.bundle_choice import SavedSite, SiteComparison

FOLDER: Final = "sites"
"""Of the data folder: bundles as they were accepted; what is in use is a copy among the models."""
_TOPIC: Final = "commissioning"
NOT_WRITTEN: Final = "site-not-written"
"""Code of the problem after which saving can be tried again."""
_KIND, _SITE = "kind", "site"


@dataclass(frozen=True, slots=True)
class _Report:
    """Outcome whose report can be written: of a model, or of a case where it was refused."""

    name: str
    report: Mapping[str, Any]
    sha256: str = ""
    types: Mapping[str, str] = field(default_factory=dict)


class SiteUse(QObject):
    """Saves what was accepted, shows it beside the model in use, and activates it if a person says so.

    Args:
        context: Services and state.
        service: Writes and compares.
        window: Owner of dialogs where the assistant is closed.
    """

    def __init__(self, context: AppContext, service: CommissioningService, *, window: QWidget) -> None:
        super().__init__(window)
        self._context, self._service, self._owner = context, service, window
        self._window: CommissioningWindow | None = None
        self._dialog: ModelChoiceDialog | None = None
        self._tested: Tested | None = None
        self._saved: SavedSite | None = None
        self._shown: _Report | None = None
        self._disk = Serial(self)
        self._activations = Activations(paths.data_folder() / "models", self._who, self)
        self._activations.activated.connect(self._activated)
        self._activations.taken_back.connect(self._taken_back)
        self._activations.failed.connect(self._tell_problem)
        service.saved.connect(self._bundle_saved)
        service.problem.connect(self._refused)
        service.compared.connect(self._show_comparison)
        context.selection.model_changed.connect(self._model_changed)

    def actions(self) -> tuple[Action, ...]:
        """Offer the report of the model in use, and the model before it."""
        # fmt: off
        return (
            Action("commission.report", "&Acceptance Report…", self.report_of_model, "",
                   "Write the acceptance report of this laboratory's model as PDF", "report",
                   menu="&Model", place=140, enabled_when=self.is_site),
            Action("commission.take_back", "Take &Back Activation", self.take_back, "",
                   "Classify with the model before the latest activation again", "undo",
                   menu="&Model", place=150, enabled_when=self._is_chosen),
        )
        # fmt: on

    def attach(self, window: CommissioningWindow) -> None:
        """Take the window in which outcomes are shown."""
        self._window = window
        result = window.result
        result.use_asked.connect(self._ask)
        result.take_back_asked.connect(self.take_back)
        result.report_asked.connect(self._report_shown)

    def close(self) -> None:
        """Wait for what is being written."""
        self._activations.close()
        self._disk.close()

    def is_site(self) -> bool:
        """Tell whether the model in use is that of a site."""
        model = self._context.selection.model
        return model is not None and model.record.info.get(_KIND) == _SITE

    def _is_chosen(self) -> bool:
        return bool(self._context.settings.value.model)

    # The outcome

    def show(self, tested: Tested, types: tuple[CellType, ...]) -> None:
        """Show an outcome that is on the disk; what was accepted is saved at once."""
        window, info = self._window, self._context.info
        if window is None or info is None:
            return
        names = {kind.key: tr(kind.name) for kind in types}
        self._saved = self._tested = None
        self._shown = _Report(info.name, tested.report, types=names)
        window.result.show_report(tested.report, lambda key: tr(type_of(types, key).name))
        if tested.is_accepted:
            self._tested = tested
            self._save()

    def _save(self) -> None:
        """Write the bundle of what was accepted."""
        window, info, model = self._window, self._context.info, self._context.selection.model
        if window is None or info is None or self._tested is None:
            return
        if model is None:
            words = tr("Choose a model first (Ctrl+M): a site's model stands on one.")
            window.result.show_saved(words, can_use=True)
            return
        window.result.show_saved(tr("Saving the model…"))
        folder = paths.data_folder() / FOLDER
        self._service.save(self._tested, base=model.path, folder=folder, name=info.name)

    @Slot(object)
    def _refused(self, problem: Problem) -> None:
        """Offer to save again what could not be written."""
        if problem.code == NOT_WRITTEN and self._window is not None:
            self._window.result.show_saved(problem.sentence, can_use=True)

    @Slot(object)
    def _bundle_saved(self, saved: SavedSite) -> None:
        self._saved = saved
        if self._shown is not None:
            self._shown = _Report(saved.name, saved.report, saved.sha256, self._shown.types)
        if self._window is not None:
            words = tr("Saved as {name}. It is not in use yet.", name=shown_name(saved.path.name))
            self._window.result.show_saved(words, can_use=True)

    # Comparing and activating

    @Slot()
    def _ask(self) -> None:
        """Ask for the name and whether to use it; what could not be saved is saved first."""
        if self._saved is None:
            self._save()
        saved, model = self._saved, self._context.selection.model
        if saved is None or model is None or self._window is None:
            return
        dialog = self._dialog = ModelChoiceDialog(saved.name, self._window)
        dialog.show_progress(tr("Comparing with the model in use on the cells of the test…"))
        dialog.accepted.connect(self._activate)
        dialog.finished.connect(self._dialog_closed)
        dialog.open()
        self._service.compare(saved, model.path)

    @Slot(object)
    def _show_comparison(self, found: SiteComparison) -> None:
        dialog = self._dialog
        if dialog is None:
            return
        report: Mapping[str, Any] = self._saved.report if self._saved is not None else {}
        verdict, about = _verdict(found, tested_groups(report))
        if report:
            about = f"{_rule_words(report)} {about}"
        dialog.show_figures(verdict, about, rows=found.rows, active=found.active, pair=_pair_words(found))
        dialog.finish(better=found.better)

    @Slot()
    def _dialog_closed(self) -> None:
        self._dialog = None
        if self._window is not None and self._window.isVisible():
            self._window.activateWindow()

    @Slot()
    def _activate(self) -> None:
        if self._saved is not None and self._dialog is not None:
            chosen = self._context.settings.value.model
            name = self._dialog.name.text().strip()
            before = Path(chosen) if chosen else None
            self._activations.activate(self._saved.path, name, before=before)

    @Slot(object)
    def _activated(self, made: Activation) -> None:
        self._context.use_model(made.bundle)
        words = tr("{name} is used from now on.", name=made.name)
        self._tell_active(words, on=True)

    @Slot()
    def take_back(self) -> None:
        """Go back to the model before the latest activation."""
        self._activations.take_back()

    @Slot(object)
    def _taken_back(self, held: Activation) -> None:
        self._context.use_model(held.before)
        words = tr("{name} is no longer used; the model before it classifies again.", name=held.name)
        self._tell_active(words, on=False)

    def _tell_active(self, words: str, *, on: bool) -> None:
        if self._is_shown() and self._window is not None:
            self._window.result.show_active(words, on=on)
        again = tr("Classify the open case again")
        do = partial(self._context.session.submit, ClassifyAgain())
        notification = Notification(Level.OK, words, action=again, do=do, topic=_TOPIC)
        if self._window is not None and self._window.isVisible():
            self._window.notifications.show_notification(notification)
        else:
            self._context.notifier.post(notification)

    def _is_shown(self) -> bool:
        window = self._window
        return window is not None and window.isVisible() and window.step is Step.RESULT

    @Slot()
    def _model_changed(self) -> None:
        self._context.changed.emit()

    def _who(self) -> str:
        return self._context.settings.value.reviewer or paths.login_name()

    # Reports

    @Slot()
    def _report_shown(self) -> None:
        if self._shown is not None:
            self._ask_target(self._shown.name, self._write_shown)

    @Slot()
    def report_of_model(self) -> None:
        """Ask where to write the acceptance report of the model in use."""
        model = self._context.selection.model
        if model is not None and self.is_site():
            self._ask_target(model.record.name, self.write_report_of_model)

    def _ask_target(self, name: str, chosen: Any) -> None:  # noqa: ANN401 - a bound slot
        owner = self._window if self._window is not None and self._window.isVisible() else self._owner
        dialog = QFileDialog(owner, tr("Acceptance report"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("pdf")
        dialog.setNameFilter(tr("PDF files (*.pdf)"))
        dialog.selectFile(tr("{name} acceptance.pdf", name=shown_name(name)))
        dialog.fileSelected.connect(chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _write_shown(self, name: str) -> None:
        if self._shown is not None:
            self._write(partial(_write_pdf, self._shown, Path(name)))

    @Slot(str)
    def write_report_of_model(self, name: str) -> None:
        """Write the acceptance report of the model in use to a file."""
        model = self._context.selection.model
        if model is not None:
            types = {kind.key: tr(kind.name) for kind in self._context.settings.value.types}
            self._write(partial(_write_of_bundle, model.path, types, Path(name)))

    def _write(self, work: Any) -> None:  # noqa: ANN401 - a partial of this module's functions
        task = self._disk.run(work)
        task.done.connect(self._written)
        task.failed.connect(self._not_written)

    @Slot(object)
    def _written(self, target: Path) -> None:
        words = tr("{name} is written.", name=shown_name(target.name))
        self._tell(Notification(Level.OK, words, topic=_TOPIC))

    @Slot(object)
    def _not_written(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        self._tell_problem(error.sentence)

    @Slot(str)
    def _tell_problem(self, sentence: str) -> None:
        self._tell(Notification(Level.ERROR, sentence))

    def _tell(self, notification: Notification) -> None:
        if self._window is not None and self._window.isVisible():
            self._window.notifications.show_notification(notification)
        else:
            self._context.notifier.post(notification)


def _verdict(found: SiteComparison, groups: str) -> tuple[str, str]:
    """Return which model is better, and what they were compared on."""
    decided = tr(
        "Of {n} fields of this case the model in use named {named}; the others went to a person.",
        n=number(found.fields),
        named=number(found.named),
    )
    if not found.n:
        if found.better:
            return tr("The model in use names few fields of this laboratory."), decided
        return tr("Not shown to be better: the model in use names other things."), decided
    cells = tr(
        "{n} cells of the test part, {groups} kept apart, typed blind; 95 % intervals over {groups}. Whether "
        "the model in use learned from some of them is not known here.",
        n=number(found.n),
        groups=groups,
    )
    if found.better:
        return tr("Better than the model in use, on the same cells."), cells
    worse = found.interval is not None and found.interval.high < 0
    words = "Worse than the model in use, on the same cells." if worse else None
    return tr(words or "Not shown to be better than the model in use, on the same cells."), cells


def _rule_words(report: Mapping[str, Any]) -> str:
    """Return what the new model does by itself on its test part."""
    rule = report["rule"]
    return tr(
        "The new model named {named} of {n} cells of its test part by itself, {wrong} of them wrongly.",
        named=number(rule["named"]),
        n=number(rule["of"]),
        wrong=number(rule["wrong"]),
    )


def _pair_words(found: SiteComparison) -> str:
    if found.difference is None or found.interval is None:
        return ""
    return tr(
        "Accuracy difference {d} [{low}, {high}]; exact McNemar p = {p}.",
        d=f"{found.difference:+.3f}",
        low=f"{found.interval.low:+.3f}",
        high=f"{found.interval.high:+.3f}",
        p=f"{found.p_mcnemar:.3g}",
    )


def _write_pdf(shown: _Report, target: Path) -> Path:
    """Write the report of an outcome. Runs on another thread."""
    from allstation.report.acceptance import AcceptanceOf, write_acceptance_pdf

    return write_acceptance_pdf(AcceptanceOf(shown.name, shown.sha256, shown.types), shown.report, target)


def _write_of_bundle(bundle: Path, types: Mapping[str, str], target: Path) -> Path:
    """Write the report that is in a bundle. Runs on another thread."""
    from allstation.services.site.bundle_choice import read_acceptance

    name, sha256, report = read_acceptance(bundle)
    return _write_pdf(_Report(name, report, sha256, types), target)
