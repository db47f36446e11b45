"""Case controller: new, open, recent, demo, add, locate, and what the case reports."""

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
from allstation.processing.status_types import CaseInfo, Problem
from allstation.services.case.requests import AddPaths, CloseCase, LocateFields, OpenCase, OpenDemo
from allstation.store.database import DATABASE
from allstation.store.field_files import LocateReport
from allstation.store.queue import RecoveryReport
from allstation.ui.case.several_folders import SeveralFolders
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.context import AppContext
from allstation.ui.viewer.pane import ViewerPane

CASE_SUFFIX: Final = ".allcase"
MODEL_SUFFIX: Final = ".allmodel"


class CaseController(QObject):
    """Asks where, then sends the request; nothing here waits.

    Args:
        context: Services and state.
        viewer: Says which files of fields are missing.
        window: Parent of the dialogs.

    Signals:
        preparing: What is under way while there is nothing to show yet.
        recent_changed: The list of recent cases is another one.
        adding: Paths of fields, slides and folders that are being added.
    """

    preparing = Signal(str)
    recent_changed = Signal()
    adding = Signal(list)

    def __init__(self, context: AppContext, *, viewer: ViewerPane, window: QWidget) -> None:
        super().__init__(window)
        self._context = context
        self._session = context.session
        self._settings = context.settings
        self._notifier = context.notifier
        self._window = window
        self._asked = Path()
        self.several = SeveralFolders(context, window=window)
        self.several.one_wanted.connect(self._make_one)
        self.several.recent_changed.connect(self.recent_changed)
        session = context.session
        session.opened.connect(self._case_opened)
        session.worker.closed.connect(self._case_closed)
        session.worker.problem.connect(self.show_problem)
        session.reader.problem.connect(self.show_problem)
        session.worker.located.connect(self._located)
        session.worker.recovered.connect(self._recovered)
        viewer.loader.missing.connect(self._fields_missing)

    def actions(self) -> tuple[Action, ...]:
        """Offer cases and their files."""
        case, write, fields = self._context.has_case, self._context.can_write, self._context.can_write_fields
        # fmt: off
        return (
            Action("case.new", "&New Case…", self.new, "Ctrl+N",
                   "Start an empty case in a folder of your choice", "case-new",
                   menu="&Case", place=110, toolbar=110),
            Action("case.open", "&Open Case…", self.open, "Ctrl+O", "Open a case folder (NAME.allcase)",
                   "case-open", menu="&Case", place=120, toolbar=120),
            Action("case.demo", "Open &Demo Case", self.open_demo, "",
                   "Draw synthetic fields and classify them", "demo", menu="&Case", place=140),
            Action("case.add_files", "Add &Fields…", self.add_files, "Ctrl+I", "Add image files to the case",
                   "add-files", menu="&Case", place=210, toolbar=130, enabled_when=write),
            Action("case.add_folder", "Add Fol&der…", self.add_folder, "Ctrl+Shift+I",
                   "Add a folder of fields", "add-folder",
                   menu="&Case", place=220, toolbar=140, enabled_when=write),
            Action("case.locate", "&Locate Moved Fields…", self.locate, "",
                   "Search a folder for fields that are not where they were, by their bytes", "locate",
                   menu="&Case", place=250, enabled_when=fields),
            Action("case.close", "&Close Case", self.close, "Ctrl+W",
                   "Close the case; everything is already saved",
                   menu="&Case", place=410, enabled_when=case),
            *self.several.actions(),
        )
        # fmt: on

    # Cases

    @Slot()
    def new(self) -> None:
        """Ask for a name and place, then make a case."""
        suggested = paths.cases_folder() / free_name(paths.cases_folder())
        self._ask_save(tr("New case"), suggested, tr("Case (*.allcase)"), self.create)

    def create(self, folder: Path) -> None:
        """Make and open a case."""
        folder = folder if folder.suffix == CASE_SUFFIX else folder.with_name(folder.name + CASE_SUFFIX)
        self._session.submit(OpenCase(folder, create=True))

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
        self._session.submit(OpenCase(self._asked))

    def close(self) -> None:
        """Close the open case."""
        self._session.submit(CloseCase())

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
            self._settings.replace(self._settings.value.with_moved(before, found))
        self.open_folder(found)

    @Slot()
    def open_demo(self) -> None:
        """Make a fresh demo case and put synthetic fields into its queue."""
        self.preparing.emit(tr("Synthetic fields are being drawn for the demo case."))
        self._session.submit(OpenDemo(paths.cases_folder()))

    # Fields

    @Slot()
    def add_files(self) -> None:
        """Ask for image files."""
        from allstation.imaging.formats.suffixes import SUFFIXES

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
        if self._session.info is not None:
            dialog.setDirectory(str(self._session.info.folder.parent))
        dialog.fileSelected.connect(self._locate_chosen)
        dialog.open()

    @Slot(str)
    def _locate_chosen(self, name: str) -> None:
        self._session.submit(LocateFields(Path(name)))

    @Slot(list)
    def _add_chosen(self, names: list[str]) -> None:
        self.add_paths([Path(name) for name in names])

    def add_paths(self, given: list[Path]) -> None:
        """Open a case that is among these, offer a model, add the rest; without a case one is made.

        A case is named by its folder or by the database file in it, as a desktop hands it over.
        """
        self.adding.emit(given)
        case = next((path for path in given if is_case(path)), None)
        model = next((path for path in given if path.suffix.lower() == MODEL_SUFFIX), None)
        fields = [path for path in given if not is_case(path) and path.suffix.lower() != MODEL_SUFFIX]
        if case is not None:
            self.open_folder(case)
        if model is not None:
            self._context.selection.bundle_given.emit(model)
        if fields:
            self._add_fields(fields, opening=case is not None)

    def _add_fields(self, fields: list[Path], *, opening: bool) -> None:
        if not opening and self._session.info is not None and self._session.info.read_only:
            self._notifier.info(tr("This case is open for looking only, so nothing can be added to it."))
            return
        if opening:
            self._session.submit(AddPaths(fields))
        elif not self.several.takes(fields):
            self._make_one(fields)

    @Slot(list)
    def _make_one(self, given: list[Path]) -> None:
        """Make a case and add to it; to the open one if there is one by now."""
        if not self._session.has_case:
            self.create_for(given)
        self._session.submit(AddPaths(given))

    # Answers of the case

    @Slot(object)
    def _case_opened(self, info: CaseInfo) -> None:
        self._settings.replace(self._settings.value.with_recent(info.folder))
        self.recent_changed.emit()
        if info.read_only:
            self._notifier.warn(info.why_read_only)

    @Slot()
    def _case_closed(self) -> None:
        self._settings.change(last_case="")

    @Slot(object)
    def show_problem(self, problem: Problem) -> None:
        """Show what did not work; a case that is gone can be located."""
        action, do = (tr("Locate…"), self.locate_case) if problem.code == "no-case" else ("", None)
        details = f"{problem.code}: {problem.sentence}"
        self._notifier.post(Notification(Level.ERROR, problem.sentence, action, do, details))

    @Slot(object)
    def _fields_missing(self, _path: Path) -> None:
        """Offer to look for moved fields; said once, however many are gone."""
        if self._context.can_write_fields():
            text = tr(
                "Fields of this case are not where they were. If their folder was moved, show it where to."
            )
            self._notifier.post(Notification(Level.WARNING, text, tr("Locate…"), self.locate))

    @Slot(object)
    def _located(self, report: LocateReport) -> None:
        found, missing = number(len(report.found)), number(len(report.missing))
        if not report.found and not report.missing:
            self._notifier.post(Notification(Level.OK, tr("Every field of this case is where it should be.")))
        elif report.missing:
            self._notifier.warn(
                tr("{found} fields were found, {missing} are still missing.", found=found, missing=missing)
            )
        else:
            self._notifier.post(
                Notification(Level.OK, tr("All {found} moved fields were found.", found=found))
            )

    @Slot(object)
    def _recovered(self, report: RecoveryReport) -> None:
        parts = [tr("The program did not end properly last time. Everything finished is here.")]
        if report.queued_again:
            parts.append(tr("{n} fields are tried once more.", n=number(len(report.queued_again))))
        if report.failed:
            parts.append(tr("{n} fields stopped it twice and are left out.", n=number(len(report.failed))))
        self._notifier.warn(" ".join(parts))

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
