"""Cases and files: new, open, recent, demo, add, locate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from allstation import paths
from allstation.core.text import shown_name
from allstation.files import free_path
from allstation.services.desk import CaseDesk
from allstation.services.settings import SettingsFile
from allstation.store.database import DATABASE
from allstation.ui.common.i18n import tr
from allstation.ui.models.controller import MODEL_SUFFIX

CASE_SUFFIX: Final = ".allcase"


class CaseActions(QObject):
    """Asks where, then sends the request; nothing here waits.

    Signals:
        preparing: What is under way while there is nothing to show yet.
        refused: A sentence that says why nothing was done.
        model_given: A model bundle was among what should be added.
        moved: The old folder of a case and where it was found now.
    """

    preparing = Signal(str)
    refused = Signal(str)
    model_given = Signal(object)
    moved = Signal(object, object)

    def __init__(self, desk: CaseDesk, settings: SettingsFile, window: QWidget) -> None:
        super().__init__(window)
        self._desk = desk
        self._settings = settings
        self._window = window
        self._asked = Path()

    # Cases

    @Slot()
    def new(self) -> None:
        """Ask for a name and place, then make a case."""
        suggested = paths.cases_folder() / free_name(paths.cases_folder())
        self._ask_save(tr("New case"), suggested, tr("Case (*.allcase)"), self.create)

    def create(self, folder: Path) -> None:
        """Make and open a case."""
        folder = folder if folder.suffix == CASE_SUFFIX else folder.with_name(folder.name + CASE_SUFFIX)
        self._desk.open(folder, create=True)

    def create_for(self, dropped: list[Path]) -> None:
        """Make a case in the usual place for what was dropped without one."""
        name = dropped[0].name if len(dropped) == 1 and not dropped[0].suffix else ""
        self.create(paths.cases_folder() / free_name(paths.cases_folder(), name))

    @Slot()
    def open(self) -> None:
        """Ask for a case folder and open it."""
        dialog = self._dialog(tr("Open case"), QFileDialog.FileMode.Directory)
        dialog.setDirectory(str(paths.cases_folder()))
        dialog.fileSelected.connect(self._open_chosen)
        dialog.open()

    @Slot(str)
    def _open_chosen(self, name: str) -> None:
        self.open_folder(Path(name))

    @Slot(object)
    def open_folder(self, folder: Path) -> None:
        """Open a case folder, or the case that a database file belongs to."""
        self._asked = folder if folder.name != DATABASE else folder.parent
        self._desk.open(self._asked)

    @Slot()
    def locate_case(self) -> None:
        """Ask where the case is that could not be found."""
        name = shown_name(self._asked.name)
        dialog = self._dialog(tr("Where is {name} now?", name=name), QFileDialog.FileMode.Directory)
        dialog.setDirectory(str(nearest_folder(self._asked)))
        dialog.fileSelected.connect(self._case_located)
        dialog.open()

    @Slot(str)
    def _case_located(self, name: str) -> None:
        chosen, before = Path(name), self._asked
        within = chosen / before.name
        found = within if (within / DATABASE).is_file() else chosen
        if (found / DATABASE).is_file():
            self.moved.emit(before, found)
        self.open_folder(found)

    @Slot()
    def open_demo(self) -> None:
        """Make a fresh demo case and put synthetic fields into its queue."""
        self.preparing.emit(tr("Synthetic fields are being drawn for the demo case."))
        self._desk.open_demo(paths.cases_folder())

    # Fields

    @Slot()
    def add_files(self) -> None:
        """Ask for image files."""
        from allstation.imaging.decode import SUFFIXES

        dialog = self._dialog(tr("Add fields"), QFileDialog.FileMode.ExistingFiles)
        known = " ".join(f"*{suffix}" for suffix in sorted(SUFFIXES))
        dialog.setNameFilters([tr("Fields ({known})", known=known), tr("All files (*)")])
        dialog.filesSelected.connect(self._add_chosen)
        dialog.open()

    @Slot()
    def add_folder(self) -> None:
        """Ask for a folder of fields."""
        dialog = self._dialog(tr("Add a folder of fields"), QFileDialog.FileMode.Directory)
        dialog.filesSelected.connect(self._add_chosen)
        dialog.open()

    @Slot()
    def locate(self) -> None:
        """Ask for the folder to which fields were moved."""
        dialog = self._dialog(tr("Search this folder for moved fields"), QFileDialog.FileMode.Directory)
        if self._desk.info is not None:
            dialog.setDirectory(str(self._desk.info.folder.parent))
        dialog.fileSelected.connect(self._locate_chosen)
        dialog.open()

    @Slot(str)
    def _locate_chosen(self, name: str) -> None:
        self._desk.locate(Path(name))

    @Slot(list)
    def _add_chosen(self, names: list[str]) -> None:
        self.add_paths([Path(name) for name in names])

    def add_paths(self, given: list[Path]) -> None:
        """Open a case that is among these, offer a model, add the rest; without a case one is made.

        A case is named by its folder or by the database file in it, as a desktop hands it over.
        """
        case = next((path for path in given if is_case(path)), None)
        model = next((path for path in given if path.suffix.lower() == MODEL_SUFFIX), None)
        fields = [path for path in given if not is_case(path) and path.suffix.lower() != MODEL_SUFFIX]
        if case is not None:
            self.open_folder(case)
        if model is not None:
            self.model_given.emit(model)
        if fields:
            self._add_fields(fields, opening=case is not None)

    def _add_fields(self, fields: list[Path], *, opening: bool) -> None:
        if not opening and self._desk.info is not None and self._desk.info.read_only:
            self.refused.emit(tr("This case is open for looking only, so nothing can be added to it."))
            return
        if not self._desk.has_case:
            self.create_for(fields)
        self._desk.add_paths(fields)

    # Dialogs

    def _dialog(self, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
        dialog = QFileDialog(self._window, title)
        dialog.setFileMode(mode)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly, mode == QFileDialog.FileMode.Directory)
        return dialog

    def _ask_save(self, title: str, suggested: Path, name_filter: str, then: Callable[[Path], None]) -> None:
        dialog = self._dialog(title, QFileDialog.FileMode.AnyFile)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(name_filter)
        suggested.parent.mkdir(parents=True, exist_ok=True)
        dialog.setDirectory(str(suggested.parent))
        dialog.selectFile(suggested.name)
        _Answer(dialog, then)
        dialog.open()


class _Answer(QObject):
    """Passes on what a file dialog was answered with. Lives as long as the dialog."""

    def __init__(self, dialog: QFileDialog, then: Callable[[Path], None]) -> None:
        super().__init__(dialog)
        self._then = then
        dialog.fileSelected.connect(self._take)
        dialog.finished.connect(dialog.deleteLater)

    @Slot(str)
    def _take(self, name: str) -> None:
        self._then(Path(name))


def is_case(path: Path) -> bool:
    """Tell by its name alone whether a path stands for a case."""
    return path.suffix.lower() == CASE_SUFFIX or path.name == DATABASE


def nearest_folder(path: Path) -> Path:
    """Return the nearest folder above a path that is still there."""
    return next((parent for parent in path.parents if parent.is_dir()), Path.home())


def free_name(folder: Path, name: str = "") -> str:
    """Return a name for a case that is not taken yet."""
    stem = name or f"Case {datetime.now().astimezone():%Y-%m-%d}"
    return free_path(folder, stem, CASE_SUFFIX).name
