"""Choosing the model: asked for in a dialog, or offered when a bundle is dropped or opened."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from allstation.core.text import shown_name
from allstation.services.desk import CaseDesk
from allstation.services.settings import SettingsFile
from allstation.ui.common.i18n import tr

MODEL_SUFFIX: Final = ".allmodel"


class ModelActions(QObject):
    """Asks which bundle to classify with. What was classified keeps its predictions.

    Signals:
        offered: The question about a bundle that was dropped or opened (a ``QMessageBox``).
    """

    offered = Signal(object)

    def __init__(self, desk: CaseDesk, settings: SettingsFile, window: QWidget) -> None:
        super().__init__(window)
        self._desk = desk
        self._settings = settings
        self._window = window

    @Slot()
    def change(self) -> None:
        """Ask for a bundle and use it."""
        dialog = QFileDialog(self._window, tr("Choose a model bundle"))
        dialog.setNameFilter(tr("Model bundles (*.allmodel)"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _chosen(self, name: str) -> None:
        self.use(Path(name))

    def use(self, bundle: Path) -> None:
        """Classify with a bundle from now on, and at the next start."""
        self._settings.change(model=str(bundle))
        self._desk.use_model(bundle)

    @Slot(object)
    def offer(self, bundle: Path) -> None:
        """Ask whether to use a bundle that was dropped or opened."""
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setWindowTitle(tr("Use this model?"))
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(tr("Classify with the model in {name} from now on?", name=shown_name(bundle.name)))
        box.setInformativeText(
            tr("It is checked first. Fields that are classified keep their predictions until you ask again.")
        )
        use = box.addButton(tr("Use this model"), QMessageBox.ButtonRole.AcceptRole)
        keep = box.addButton(tr("Keep the one in use"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        use.clicked.connect(partial(self._accepted, bundle))
        box.finished.connect(box.deleteLater)
        box.open()
        self.offered.emit(box)

    def _accepted(self, bundle: Path, _checked: bool = False) -> None:
        self.use(bundle)
