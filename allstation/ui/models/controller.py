"""Model controller: a bundle is chosen in a dialog, or offered when it is dropped or opened."""

from __future__ import annotations

from functools import partial
from html import escape
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from allstation.core.text import shown_name
from allstation.processing.status_types import UnknownModel
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.common.theme import tokens
from allstation.ui.context import AppContext


class ModelController(QObject):
    """Asks which bundle to classify with. What was classified keeps its predictions.

    Signals:
        offered: The question about a bundle that was dropped or opened, or whose maker nobody knows (a
            ``QMessageBox``).
    """

    offered = Signal(object)

    def __init__(self, context: AppContext, *, window: QWidget) -> None:
        super().__init__(window)
        self._context = context
        self._window = window
        context.selection.bundle_given.connect(self.offer)
        context.session.worker.model_questioned.connect(self.question)

    def actions(self) -> tuple[Action, ...]:
        """Offer another model."""
        # fmt: off
        return (
            Action("model.change", "&Change Model…", self.change, "Ctrl+M",
                   "Choose another model bundle for this case", "model",
                   menu="&Model", place=110, enabled_when=self._context.can_write),
        )
        # fmt: on

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
        self._context.use_model(Path(name))

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
        self._context.use_model(bundle)

    @Slot(object)
    def question(self, asked: UnknownModel) -> None:
        """Ask whether to use a model whose maker nobody here knows; until then the one in use works."""
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setWindowTitle(tr("Unknown maker"))
        box.setTextFormat(Qt.TextFormat.RichText)
        colour = tokens(self._window.palette()).warning
        box.setText(f'<b style="color:{colour}">{escape(_heading(asked))}</b>')
        question = tr(
            "{name} ({sha}…): {maker}.\n\nIts results could be wrong on purpose. Ask who made it and how it "
            "was tested. If it is used, every report says that its maker is unknown.",
            name=shown_name(asked.title),
            sha=asked.sha256[:12],
            maker=asked.maker,
        )
        box.setInformativeText(escape(question).replace("\n", "<br>"))
        use = box.addButton(tr("Use it all the same"), QMessageBox.ButtonRole.DestructiveRole)
        keep = box.addButton(tr("Keep the one in use"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        use.clicked.connect(partial(self._used_all_the_same, asked))
        keep.clicked.connect(self._context.keep_model)
        box.finished.connect(box.deleteLater)
        box.open()
        self.offered.emit(box)

    def _used_all_the_same(self, asked: UnknownModel, _checked: bool = False) -> None:
        self._context.accept_model(asked)


def _heading(asked: UnknownModel) -> str:
    if asked.impostor:
        return tr("This is not the model that its name says.")
    return tr("Nobody known here vouches for this model.")
