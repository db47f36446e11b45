"""Labelling: a folder or the open case is sorted in a window of its own, saved, and trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from allstation import paths
from allstation.core.errors import StationError
from allstation.core.text import plain_name
from allstation.files import free_path
from allstation.report.exchange.labelled import LabelledExport
from allstation.services.training.labelled_writer import LabellingStore
from allstation.services.training.labelling import Labelling, Unfinished
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.training.data_page import DataPage
from allstation.ui.training.labelling.classes_dialog import ClassesDialog
from allstation.ui.training.labelling.window import LabelWindow

_JOURNALS: Final = "labelling"
_SAVED: Final = "Labelled folders"


class LabellingController(QObject):
    """Opens the labelling window, keeps what is done in it, and makes the labelled folder.

    Args:
        page: Offers to sort a folder, the open case, or what is unfinished.
        open_case: Gives the folder of the open case, or None.
        who: Gives the name of the person who sorts.
        parent: Owner of the window.

    Signals:
        train_asked: A labelled folder that was just made.
        problem: A sentence.
    """

    train_asked = Signal(object)
    problem = Signal(str)

    def __init__(
        self,
        page: DataPage,
        *,
        open_case: Callable[[], Path | None],
        who: Callable[[], str],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._page = page
        self._open_case = open_case
        self._who = who
        self._parent = parent
        self.window: LabelWindow | None = None
        self._is_training = False
        self._store = LabellingStore(paths.data_folder() / _JOURNALS, self)
        self._store.opened.connect(self._opened)
        self._store.listed.connect(self._listed)
        self._store.progressed.connect(self._progressed)
        self._store.written.connect(self._written)
        self._store.cancelled.connect(self._cancelled)
        self._store.problem.connect(self._say)
        page.sorting.folder_asked.connect(self._ask_folder)
        page.sorting.case_asked.connect(self._open_the_case)
        page.sorting.resumed.connect(self._resume)

    @Slot()
    def refresh(self) -> None:
        """Offer what there is to sort."""
        self._page.sorting.set_case(self._open_case())
        self._store.refresh()

    def open_folder(self, folder: Path) -> None:
        """Sort the fields of a folder."""
        self._store.open(folder, is_case=False)

    def close(self) -> None:
        """Wait for what is being kept; a folder that is being written is given up."""
        if self.window is not None:
            self.window.hide()
            self.window.close_workers()
        self._store.close()

    # What is sorted

    @Slot()
    def _ask_folder(self) -> None:
        dialog = QFileDialog(self._parent, tr("Folder of fields to sort"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self._folder_chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _folder_chosen(self, name: str) -> None:
        self.open_folder(Path(name))

    @Slot()
    def _open_the_case(self) -> None:
        folder = self._open_case()
        if folder is not None:
            self._store.open(folder, is_case=True)

    @Slot(object)
    def _resume(self, one: Unfinished) -> None:
        self._store.open(one.place, is_case=one.is_case)

    @Slot(object)
    def _opened(self, labelling: Labelling) -> None:
        if self.window is None:
            self.window = self._make()
        self.window.set_labelling(labelling)
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()

    def _make(self) -> LabelWindow:
        made = LabelWindow(self._parent)
        made.kept.connect(self._keep)
        made.save_asked.connect(self._ask_target)
        made.train_asked.connect(self._save_and_train)
        made.classes_asked.connect(self._ask_classes)
        made.panel.cancel_asked.connect(self._store.cancel)
        made.closed.connect(self.refresh)
        return made

    @property
    def _labelling(self) -> Labelling | None:
        return self.window.labelling if self.window is not None else None

    @Slot(list)
    def _keep(self, lines: list[str]) -> None:
        if self._labelling is not None:
            self._store.keep(self._labelling, lines)

    @Slot(object)
    def _listed(self, found: list[Unfinished]) -> None:
        self._page.sorting.set_unfinished(found)

    # Classes

    @Slot()
    def _ask_classes(self) -> None:
        if self._labelling is not None:
            dialog = ClassesDialog(self._labelling.classes, self.window)
            dialog.chosen.connect(self._classes_chosen)
            dialog.finished.connect(dialog.deleteLater)
            dialog.open()

    @Slot(list, dict)
    def _classes_chosen(self, names: list[str], renamed: dict[str, str]) -> None:
        dialog, found = self.sender(), self._labelling
        if found is None or self.window is None or not isinstance(dialog, ClassesDialog):
            return
        try:
            lines = found.set_classes(names, renamed)
        except StationError as error:
            dialog.show_problem(error.sentence)
            return
        self.window.set_classes(lines)
        dialog.accept()

    # Saving

    @Slot()
    def _ask_target(self) -> None:
        dialog = QFileDialog(self.window, tr("Save as labelled folder"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setFileMode(QFileDialog.FileMode.AnyFile)
        folder = paths.cases_folder()
        dialog.setDirectory(str(folder if folder.is_dir() else Path.home()))
        dialog.selectFile(self._name())
        dialog.fileSelected.connect(self._target_chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _target_chosen(self, name: str) -> None:
        self.save(Path(name))

    @Slot()
    def _save_and_train(self) -> None:
        found = self._labelling
        if found is not None and found.saved_to is not None and found.saved_to.is_dir():
            self.train_asked.emit(found.saved_to)  # nothing was changed since it was saved
        elif found is not None:
            self.save(free_path(paths.cases_folder() / _SAVED, self._name()), train=True)

    def save(self, folder: Path, *, train: bool = False) -> None:
        """Write the labelled folder, and train on it when it is there."""
        found = self._labelling
        if found is not None and self.window is not None:
            self._is_training = train
            self.window.panel.show_problem("")
            self.window.panel.show_progress(0, 0, None)
            self._store.write(found, folder, reviewer=self._who())

    def _name(self) -> str:
        found = self._labelling
        name = found.place.name.removesuffix(".allcase") if found is not None else ""
        return tr("{name} sorted", name=plain_name(name) or tr("fields"))

    @Slot(int, int, object)
    def _progressed(self, done: int, total: int, seconds_left: float | None) -> None:
        if self.window is not None:
            self.window.panel.show_progress(done, total, seconds_left)

    @Slot(object, object)
    def _written(self, folder: Path, made: LabelledExport) -> None:
        found = self._labelling
        if found is None or self.window is None:
            return
        self._store.keep(found, found.saved(folder))
        words = tr("Saved as {name}. Fields: {n}.", name=folder.name, n=number(sum(made.counts.values())))
        if made.missing:
            words += " " + tr(
                "Left out: {n}, gone or changed since they were sorted.", n=number(len(made.missing))
            )
        self.window.panel.show_saving(words)
        if self._is_training:
            self.window.close()
            self.train_asked.emit(folder)

    @Slot()
    def _cancelled(self) -> None:
        if self.window is not None:
            self.window.panel.show_saving(tr("Nothing was saved. What you sorted is kept."))

    @Slot(str)
    def _say(self, sentence: str) -> None:
        if self.window is not None and self.window.isVisible():
            self.window.panel.show_saving(None)
            self.window.panel.show_problem(sentence)
        else:
            self.problem.emit(sentence)
