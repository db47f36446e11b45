"""Earlier runs: their curves, names and notes, the trash."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from allstation.services.training.history import RunHistory, RunSummary, read_history, write_notes
from allstation.ui.common.i18n import tr
from allstation.ui.training.history_page import HistoryPage


class HistoryController(QObject):
    """Does what the page of earlier runs asks for.

    Args:
        page: Lists the runs.
        history: Reads them and moves them to the trash.
        parent: Owner.

    Signals:
        changed: The runs are others now.
        problem: A sentence.
    """

    changed = Signal()
    problem = Signal(str)

    def __init__(self, page: HistoryPage, history: RunHistory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._page = page
        page.run_chosen.connect(self._show_history)
        page.notes_changed.connect(self._write_notes)
        page.trash_asked.connect(history.trash)
        page.curves.problem.connect(self.problem)
        history.trashed.connect(self._trashed)
        history.problem.connect(self.problem)

    @Slot(object)
    def _show_history(self, run: RunSummary) -> None:
        self._page.show_history(read_history(run.folder))

    @Slot(object)
    def _trashed(self, _folders: object) -> None:
        self.changed.emit()

    @Slot(object, str, str)
    def _write_notes(self, folder: Path, title: str, note: str) -> None:
        try:
            write_notes(folder, title=title, note=note)
        except OSError as error:
            self.problem.emit(tr("{name} could not be renamed ({error}).", name=folder.name, error=error))
        self.changed.emit()
