"""Free text controller: shows the free text of the case, and takes what an anonymised report may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Slot

from allstation.report.content.free_text import FreeText
from allstation.services.case.questions import ReadFreeText
from allstation.services.case.session import CaseSession

if TYPE_CHECKING:
    from allstation.report.content.free_text import Texts
    from allstation.ui.report.free_text import FreeTextDialog
    from allstation.ui.report.window import ReportWindow

_FREE_TEXT: Final = tuple(kind for kind in FreeText if kind is not FreeText.LETTERHEAD)
"""Free text that a report has room for; its letterhead is typed for it."""


class FreeTextController(QObject):
    """Opens one dialog at a time over the report's window.

    Args:
        session: The open case.
        parent: Owner.
    """

    def __init__(self, session: CaseSession, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._report: ReportWindow | None = None
        self._dialog: FreeTextDialog | None = None
        session.reader.free_text_read.connect(self._read)

    def show(self, report: ReportWindow) -> None:
        """Show the free text, once it is read."""
        from allstation.ui.report.free_text import FreeTextDialog

        if self._dialog is not None:
            return
        self._report = report
        self._dialog = FreeTextDialog(_FREE_TEXT, report)
        self._dialog.box.changed.connect(self._chosen)
        self._dialog.destroyed.connect(self._gone)
        self._session.ask(ReadFreeText())
        self._dialog.show()

    def close(self) -> None:
        """Close the dialog, as the case goes."""
        if self._dialog is not None:
            self._dialog.close()

    @Slot(int, object)
    def _read(self, generation: int, texts: Texts) -> None:
        dialog, report = self._dialog, self._report
        if dialog is not None and report is not None and generation == self._session.generation:
            dialog.box.show_texts(texts, report.form.keep)

    @Slot()
    def _chosen(self) -> None:
        if self._dialog is not None and self._report is not None:
            self._report.form.set_keep(self._dialog.box.keep())

    @Slot()
    def _gone(self) -> None:
        self._dialog = None
