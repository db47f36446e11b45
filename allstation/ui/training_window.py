"""Training in a window of its own, made when it is first asked for: most days nobody trains."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from allstation import paths
from allstation.frozen import training_command, training_is_installed
from allstation.ui.panels.notices import Level, Notice, Notices
from allstation.ui.services import Services
from allstation.ui.text import tr

if TYPE_CHECKING:
    from allstation.services.training_runs import TrainingRuns
    from allstation.ui.main_window import MainWindow
    from allstation.ui.training.panel import TrainingPanel

_SIZE: Final = (1120, 780)
_SUFFIX: Final = ".allmodel"


class TrainingWindow(QWidget):
    """Holds the training panel. Closing it hides it; runs go on."""

    def __init__(self, panel: TrainingPanel, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(tr("Training — ALL Station"))
        self.resize(*_SIZE)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(panel)
        self.notices = Notices(self)


class TrainingActions(QObject):
    """Opens the training window, puts finished models to use, and ends the runs with the program."""

    def __init__(self, services: Services, window: MainWindow) -> None:
        super().__init__(window)
        self._services = services
        self._window = window
        self._training: TrainingWindow | None = None
        self._panel: TrainingPanel | None = None
        self._runs: TrainingRuns | None = None

    @Slot()
    def show(self) -> None:
        """Show the training window."""
        if not training_is_installed():
            self._window.say(tr("This installation cannot train. Install the edition with training."))
            return
        if self._training is None:
            self._training = self._make()
        self._training.show()
        self._training.raise_()
        self._training.activateWindow()

    def _make(self) -> TrainingWindow:
        from allstation.services.training_runs import TrainingRuns
        from allstation.ui.training.panel import TrainingPanel

        self._runs = TrainingRuns(training_command(), self)
        self._panel = TrainingPanel(self._runs, paths.data_folder() / "runs")
        self._panel.status_changed.connect(self._window.status.show_training)
        self._panel.told.connect(self._told)
        self._panel.activation_asked.connect(self._activate)
        return TrainingWindow(self._panel, self._window)

    @property
    def is_training(self) -> bool:
        """Whether a run is under way."""
        return self._runs is not None and self._runs.current is not None

    def close(self) -> None:
        """End the children and wait for what is being read."""
        if self._panel is not None and self._runs is not None and self._training is not None:
            self._training.hide()
            self._runs.close()
            self._panel.close_workers()
            self._panel = self._runs = None

    @Slot(str, bool)
    def _told(self, text: str, problem: bool) -> None:
        notice = Notice(Level.ERROR if problem else Level.OK, text)
        training = self._training
        stack = training.notices if training is not None and training.isVisible() else self._window.notices
        stack.show_notice(notice)

    @Slot(object, str)
    def _activate(self, bundle: Path, name: str) -> None:
        """Copy a finished bundle to the user's models and classify with it from now on."""
        plain = "".join(letter if letter.isalnum() or letter in " ._-" else "_" for letter in name).strip(
            " ."
        )
        target = paths.data_folder() / "models" / f"{plain or bundle.stem}{_SUFFIX}"
        part = target.with_suffix(".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle, part)
            os.replace(part, target)  # noqa: PTH105 - one call that is atomic on every system
        except OSError as error:
            sentence = tr("The model could not be copied ({reason}).", reason=error.strerror or "unknown")
            self._told(sentence, problem=True)
            return
        self._services.settings.change(model=str(target))
        self._services.desk.use_model(target)
        again = Notice(
            Level.OK,
            tr("{name} is used from now on.", name=target.stem),
            action=tr("Classify the open case again"),
            do=self._services.desk.classify_again,
        )
        self._window.notices.show_notice(again)
