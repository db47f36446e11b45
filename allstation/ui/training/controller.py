"""Training controller: a window of its own, made when it is first asked for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QVBoxLayout, QWidget

from allstation import paths
from allstation.frozen import training_command, training_is_installed
from allstation.services.case.requests import ClassifyAgain
from allstation.ui.common import focus_filters
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification, NotificationStack
from allstation.ui.common.window_size import resize_on_screen
from allstation.ui.context import AppContext

if TYPE_CHECKING:
    from allstation.processing.cluster.connection import ClusterConnection
    from allstation.services.training.activation import Activation, Activations
    from allstation.services.training.runs import TrainingRuns
    from allstation.ui.training.panel import TrainingPanel

_SIZE: Final = (1120, 780)


class TrainingWindow(QWidget):
    """Holds the training panel. Closing it hides it; runs go on."""

    def __init__(self, panel: TrainingPanel, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(tr("Training — ALL Station"))
        resize_on_screen(self, *_SIZE)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(panel)
        self.notifications = NotificationStack(self)
        focus_filters.plain_labels(self)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Cancel), self, self.close)


class TrainingController(QObject):
    """Opens the training window, puts finished models to use, and ends the runs with the program.

    Signals:
        status_changed: How a run goes, for the status line.
    """

    status_changed = Signal(str)

    def __init__(self, context: AppContext, *, window: QWidget) -> None:
        super().__init__(window)
        self._context = context
        self._window = window
        self._training: TrainingWindow | None = None
        self._panel: TrainingPanel | None = None
        self._runs: TrainingRuns | None = None
        self._activations: Activations | None = None
        context.selection.training_asked.connect(self.show_folder)

    def actions(self) -> tuple[Action, ...]:
        """Offer training."""
        # fmt: off
        return (
            Action("model.train", "&Train a Model…", self.show, "Ctrl+T", "Learn from a labelled folder",
                   "train", menu="&Model", place=120),
        )
        # fmt: on

    @property
    def window(self) -> TrainingWindow | None:
        """The training window, once it was asked for."""
        return self._training

    @property
    def panel(self) -> TrainingPanel | None:
        """The panel in it, until the program ends."""
        return self._panel

    @Slot()
    def show(self) -> None:
        """Show the training window."""
        if not training_is_installed():
            sentence = "This edition cannot train. Install the full edition over it: cases and settings stay."
            self._context.notifier.info(tr(sentence))
            return
        if self._training is None:
            self._training = self._make()
        self._training.show()
        self._training.raise_()
        self._training.activateWindow()

    @Slot(object)
    def show_folder(self, folder: Path) -> None:
        """Show the training window with a labelled folder chosen."""
        self.show()
        if self._panel is not None:
            self._panel.set_folder(folder)

    def _make(self) -> TrainingWindow:
        from allstation.services.training.activation import Activations
        from allstation.services.training.runs import TrainingRuns
        from allstation.ui.training.panel import TrainingPanel

        self._runs = TrainingRuns(training_command(), self)
        self._panel = TrainingPanel(
            self._runs,
            paths.data_folder() / "runs",
            self._active_model,
            open_case=self._open_case,
            who=self._who,
            shared_runs=self._shared_runs,
        )
        self._runs.noted.connect(self._noted)
        machines = self._context.session.worker.machines
        machines.connection_changed.connect(self._connection_changed)
        self._connection_changed(machines.connection)
        self._panel.status_changed.connect(self.status_changed)
        self._panel.notified.connect(self._notify)
        self._panel.activation_asked.connect(self._activate)
        self._activations = Activations(paths.data_folder() / "models", self._who, self)
        self._activations.activated.connect(self._activated)
        self._activations.taken_back.connect(self._taken_back)
        self._activations.failed.connect(self._activation_failed)
        self._activations.known.connect(self._panel.past.set_activation)
        self._panel.past.take_back_asked.connect(self._activations.take_back)
        self._context.selection.model_changed.connect(self._model_changed)
        self._activations.refresh()
        return TrainingWindow(self._panel, self._window)

    @property
    def is_training(self) -> bool:
        """Whether a run is under way."""
        return self._runs is not None and bool(self._runs.running)

    def close(self) -> None:
        """End the children and wait for what is being read."""
        if self._panel is not None and self._runs is not None and self._training is not None:
            self._training.hide()
            self._runs.close()
            self._panel.close_workers()
            if self._activations is not None:
                self._activations.close()
            self._panel = self._runs = self._activations = None

    @Slot(object)
    def _connection_changed(self, link: ClusterConnection | None) -> None:
        """Train on the laboratory's machines while the queue works there."""
        if self._runs is not None:
            self._runs.use_cluster(link)

    @Slot(str)
    def _noted(self, sentence: str) -> None:
        self._show_notification(Notification(Level.WARNING, sentence))

    @Slot(str, bool)
    def _notify(self, text: str, problem: bool) -> None:
        self._show_notification(Notification(Level.ERROR if problem else Level.OK, text))

    def _show_notification(self, notification: Notification) -> None:
        """Tell it in the window that is looked at."""
        if self._training is not None and self._training.isVisible():
            self._training.notifications.show_notification(notification)
        else:
            self._context.notifier.post(notification)

    @Slot(object, str)
    def _activate(self, bundle: Path, name: str) -> None:
        """Copy a finished bundle to the user's models on another thread, and classify with it from then."""
        if self._activations is not None:
            chosen = self._context.settings.value.model
            self._activations.activate(bundle, name, before=Path(chosen) if chosen else None)

    @Slot(object)
    def _activated(self, made: Activation) -> None:
        self._context.use_model(made.bundle)
        self._offer_again(tr("{name} is used from now on.", name=made.name))

    @Slot()
    def _model_changed(self) -> None:
        """Read again which activation holds: the assistant activates models too."""
        if self._activations is not None:
            self._activations.refresh()

    @Slot(object)
    def _taken_back(self, held: Activation) -> None:
        self._context.use_model(held.before)
        words = tr("{name} is no longer used; the model before it classifies again.", name=held.name)
        self._offer_again(words)

    def _offer_again(self, words: str) -> None:
        again = tr("Classify the open case again")
        do = partial(self._context.session.submit, ClassifyAgain())
        self._show_notification(Notification(Level.OK, words, action=again, do=do))

    @Slot(str)
    def _activation_failed(self, sentence: str) -> None:
        self._notify(sentence, problem=True)

    def _active_model(self) -> Path | None:
        model = self._context.selection.model
        return model.path if model is not None else None

    def _shared_runs(self) -> Path | None:
        folder = self._context.settings.value.cluster_runs
        return Path(folder) if folder else None

    def _open_case(self) -> Path | None:
        info = self._context.info
        return info.folder if info is not None else None

    def _who(self) -> str:
        return self._context.settings.value.reviewer or paths.login_name()
