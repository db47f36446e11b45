"""Verify controller: a report is chosen, verified on another thread, and its parts are shown."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.services.reports import signatures
from allstation.services.tasks import LatestOnly
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext

if TYPE_CHECKING:
    from allstation.report.verification.parts import Verification
    from allstation.ui.report.verify_dialog import VerifyDialog

_log = logging.getLogger(__name__)


class VerifyController(QObject):
    """Verifies reports against themselves, their signature, and the open case if they are of it."""

    def __init__(self, context: AppContext, *, window: QWidget) -> None:
        super().__init__(window)
        self._context = context
        self._window = window
        self._dialog: VerifyDialog | None = None
        self._work = LatestOnly(self)
        self._work.done.connect(self._verified)
        self._work.failed.connect(self._failed)

    def actions(self) -> tuple[Action, ...]:
        """Offer the verification of a report."""
        # fmt: off
        return (
            Action("case.verify_report", "&Verify Report…", self.ask, "",
                   "Is a report whole, whose is it, and does it agree with the open case?",
                   menu="&Case", place=335),
        )
        # fmt: on

    def close(self) -> None:
        """End the thread; call before the window goes."""
        self._work.close()

    @property
    def dialog(self) -> VerifyDialog | None:
        """The dialog, while it is open."""
        return self._dialog

    @Slot()
    def ask(self) -> None:
        """Ask for a report."""
        dialog = QFileDialog(self._dialog or self._window, tr("Choose a report"))
        dialog.setNameFilter(tr("Reports (*.pdf)"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.verify)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def verify(self, name: str) -> None:
        """Verify a report and show what was found."""
        from allstation.ui.report.verify_dialog import VerifyDialog

        if self._dialog is None:
            self._dialog = VerifyDialog(self._window)
            self._dialog.another_asked.connect(self.ask)
            self._dialog.destroyed.connect(self._closed)
        path, info = Path(name), self._context.session.info
        self._dialog.show_busy(shown_name(path))
        self._dialog.show()
        self._dialog.activateWindow()
        folder = info.folder if info is not None else None
        self._work.run(partial(signatures.verify, path, folder, same_only=True))

    @Slot()
    def _closed(self) -> None:
        self._dialog = None
        self._work.drop()

    @Slot(object)
    def _verified(self, found: Verification) -> None:
        if self._dialog is not None:
            self._dialog.show_result(found)

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        if isinstance(error, StationError):
            sentence = error.sentence
        else:
            _log.error("verification failed", exc_info=error)
            sentence = tr("The report could not be verified ({kind}).", kind=type(error).__name__)
        if self._dialog is not None:
            self._dialog.show_problem(sentence)
