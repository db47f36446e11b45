"""Patients controller: typed in the tree or given to all slides at once, undoably; offered after adding."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QUndoCommand
from PySide6.QtWidgets import QFileDialog, QWidget

from allstation.core.errors import StationError
from allstation.core.patients import FolderPattern, PatientSource
from allstation.core.records import Slide
from allstation.processing.patients import PatientProposal
from allstation.processing.status_types import ImportStatus, Problem
from allstation.services.case.patient_requests import ProposePatients, SetPatients
from allstation.services.case.questions import Overview
from allstation.services.case.session import CaseSession
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.context import AppContext
from allstation.ui.patients.dialog import PatientsDialog

_Given = Mapping[int, tuple[str, str]]


class PatientsController(QObject):
    """Gives slides their patients.

    Args:
        context: Services and state.
        browser: Its tree is typed in.
        window: Parent of dialogs.
    """

    def __init__(self, context: AppContext, browser: BrowserPanel, *, window: QWidget) -> None:
        super().__init__(window)
        self._context = context
        self._session = context.session
        self._tree = browser.tree
        self._window = window
        self._offering = False
        self.dialog: PatientsDialog | None = None
        self._tree.slides.patient_typed.connect(self._typed)
        self._session.worker.import_changed.connect(self._import_changed)
        self._session.opened.connect(self._case_opened)
        self._session.reader.overview_read.connect(self._overview_read)
        self._session.reader.patients_proposed.connect(self._proposed)

    def actions(self) -> tuple[Action, ...]:
        """Offer patients of one slide and of all."""
        # fmt: off
        return (
            Action("slide.patient", "Set Slide's &Patient", self.edit, "Shift+F2",
                   "Type which patient the slide chosen in the tree is of", menu="&Edit", place=415,
                   enabled_when=self._can_edit),
            Action("case.patients", "Patients of &Slides…", self.open, "",
                   "Give slides their patients from the names of their folders or from a table",
                   menu="&Case", place=325, enabled_when=self._context.can_write),
        )
        # fmt: on

    def _can_edit(self) -> bool:
        return self._context.can_write() and self._context.selection.slide is not None

    @Slot()
    def edit(self) -> None:
        """Open the patient of the chosen slide for typing."""
        self._tree.edit_patient()

    @Slot()
    def open(self) -> None:
        """Show what a pattern would give, beginning with the one used last."""
        pattern = self._context.settings.value.patient_pattern
        dialog = self.dialog = PatientsDialog(pattern, self._window)
        dialog.given.connect(self._ask)
        dialog.table_wanted.connect(self._choose_table)
        dialog.agreed.connect(self._agreed)
        dialog.destroyed.connect(self._gone)
        dialog.open()
        if pattern:
            self._ask(pattern)

    @Slot()
    def _gone(self) -> None:
        self.dialog = None

    @Slot(str)
    def _ask(self, given: str) -> None:
        self._session.ask(ProposePatients(given))

    @Slot()
    def _choose_table(self) -> None:
        dialog = QFileDialog(self._window, tr("Table of patients"))
        dialog.setNameFilters([tr("Tables (*.csv *.tsv *.txt)"), tr("All files (*)")])
        dialog.fileSelected.connect(self._ask)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(int, str, object)
    def _proposed(self, generation: int, given: str, found: PatientProposal | Problem) -> None:
        if self.dialog is None or generation != self._session.generation:
            return
        of_table = isinstance(found, PatientProposal) and found.source is PatientSource.TABLE
        if not of_table and isinstance(found, PatientProposal) and given != self.dialog.pattern.text():
            return  # typed on meanwhile
        if isinstance(found, Problem):
            self.dialog.show_problem(found.sentence)
        else:
            self.dialog.show_proposal(found)

    @Slot(object)
    def _agreed(self, proposal: PatientProposal) -> None:
        if proposal.source is PatientSource.FOLDER and self.dialog is not None:
            self._context.settings.change(patient_pattern=self.dialog.pattern.text().strip())
        known = {slide.id: (slide.patient, slide.patient_source) for slide in proposal.slides}
        after = {number: (patient, str(proposal.source)) for number, patient in proposal.patients.items()}
        changed = {number: one for number, one in after.items() if one != known[number]}
        if changed:
            before = {number: known[number] for number in changed}
            self._context.undo.push(_PatientsCommand(self._session, before, changed))

    @Slot(int, str)
    def _typed(self, slide_id: int, patient: str) -> None:
        before = {slide_id: self._tree.slides.patient_of(slide_id)}
        after = {slide_id: (patient, str(PatientSource.TYPED) if patient else "")}
        self._context.undo.push(_PatientsCommand(self._session, before, after))

    # After folders were added

    @Slot(object)
    def _case_opened(self, _info: object) -> None:
        self._offering = False

    @Slot(object)
    def _import_changed(self, status: ImportStatus) -> None:
        if not status.running and status.added:
            self._offering = True

    @Slot(int, object)
    def _overview_read(self, generation: int, overview: Overview) -> None:
        if not self._offering or generation != self._session.generation or not self._context.can_write():
            return
        self._offering = False
        missing = [slide for slide in overview.slides if not slide.patient and slide.folder is not None]
        if self._worth_offering(missing):
            text = tr("{n} slides have no patient. Their folders may name them.", n=number(len(missing)))
            self._context.notifier.post(
                Notification(Level.INFO, text, tr("Patients…"), self.open, topic="patients")
            )

    def _worth_offering(self, missing: list[Slide]) -> bool:
        """Tell whether the pattern used last fits, or slides lie in folders of their own below others."""
        pattern = self._context.settings.value.patient_pattern
        if pattern:
            try:
                return bool(FolderPattern.parse(pattern).patients(missing))
            except StationError:
                return False
        return len({slide.folder.parent for slide in missing if slide.folder is not None}) > 1


class _PatientsCommand(QUndoCommand):
    """Change of patients; undo gives the former ones back."""

    def __init__(self, session: CaseSession, before: _Given, after: _Given) -> None:
        super().__init__(tr("Patients of {n} slides", n=number(len(after))))
        self._session = session
        self._before, self._after = dict(before), dict(after)

    def redo(self) -> None:
        """Give the new patients."""
        self._session.submit(SetPatients(self._after))

    def undo(self) -> None:
        """Give the former patients."""
        self._session.submit(SetPatients(self._before))
