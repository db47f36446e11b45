"""Case data controller: patient, request and specimen of the open case are read, entered and kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from allstation.core.known_sizes import SlideSizes
from allstation.services.case.questions import ReadDetails
from allstation.services.case.slide_size_requests import ReadSlideSizes
from allstation.ui.common.undo_commands import DetailsCommand
from allstation.ui.context import AppContext

if TYPE_CHECKING:
    from allstation.ui.report.details import CaseDataDialog


class CaseDataController(QObject):
    """Opens the dialog of the case data and keeps it up to date."""

    def __init__(self, context: AppContext, parent: QObject) -> None:
        super().__init__(parent)
        self._session = context.session
        self._undo = context.undo
        self._dialog: CaseDataDialog | None = None
        self._session.reader.details_read.connect(self._details_read)
        self._session.worker.details_changed.connect(self._details_changed)
        self._session.reader.slide_sizes_read.connect(self._sizes_read)
        self._session.worker.slide_sizes_changed.connect(self._sizes_changed)

    @property
    def dialog(self) -> CaseDataDialog | None:
        """The dialog, while it is open."""
        return self._dialog

    def show(self, window: QWidget) -> None:
        """Let the person enter what is known of patient, request and specimen."""
        from allstation.ui.report.details import CaseDataDialog

        info = self._session.info
        if info is None:
            return
        if self._dialog is None:
            self._dialog = CaseDataDialog(window)
            self._dialog.saved.connect(self._save_details)
            self._dialog.destroyed.connect(self._closed)
            self._dialog.set_writable(not info.read_only)
        self._session.ask(ReadDetails())
        self._session.ask(ReadSlideSizes())
        if self._dialog.isVisible():
            self._dialog.raise_()
        self._dialog.show()
        self._dialog.activateWindow()

    def close(self) -> None:
        """Close the dialog: its case is gone."""
        if self._dialog is not None:
            self._dialog.close()

    @Slot()
    def _closed(self) -> None:
        self._dialog = None

    @Slot(int, object)
    def _details_read(self, generation: int, details: dict[str, str]) -> None:
        if self._dialog is not None and generation == self._session.generation:
            self._dialog.show_details(details)

    @Slot(object)
    def _details_changed(self, details: dict[str, str]) -> None:
        if self._dialog is not None:
            self._dialog.show_details(details)

    @Slot(int, object)
    def _sizes_read(self, generation: int, slides: Sequence[SlideSizes]) -> None:
        if generation == self._session.generation:
            self._sizes_changed(slides)

    @Slot(object)
    def _sizes_changed(self, slides: Sequence[SlideSizes]) -> None:
        if self._dialog is not None:
            self._dialog.set_own_sizes(len(slides))

    @Slot(object, object)
    def _save_details(self, before: dict[str, str], after: dict[str, str]) -> None:
        self._undo.push(DetailsCommand(self._session, before, after))
