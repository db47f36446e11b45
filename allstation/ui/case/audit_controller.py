"""Audit trail of the case: verified on demand, its head written down elsewhere and compared."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from allstation.core.errors import StationError
from allstation.services.case.requests import AcceptCopy
from allstation.services.tasks import Serial, Task
from allstation.store.maintenance import (
    AnchorComparison,
    AuditFinding,
    audit_case,
    compare_with_anchor,
    write_anchor,
)
from allstation.ui.case.audit_dialog import AuditDialog
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext

_FILTER = "Anchors (*.json)"


class AuditController(QObject):
    """Opens the dialog on the audit trail and does what its buttons ask for.

    Args:
        context: Services and state.
        window: Parent of dialogs.
    """

    def __init__(self, context: AppContext, *, window: QWidget) -> None:
        super().__init__(window)
        self._context = context
        self._window = window
        self._serial = Serial(self)
        self.dialog: AuditDialog | None = None
        context.session.worker.copy_accepted.connect(self._verify)

    def actions(self) -> tuple[Action, ...]:
        """Offer the audit trail."""
        # fmt: off
        return (
            Action("case.audit", "Audit &Trail…", self.open, "",
                   "Verify the audit trail, see which stations sealed it, keep its head elsewhere",
                   menu="&Case", place=340, enabled_when=self._context.has_case),
        )
        # fmt: on

    def close(self) -> None:
        """Wait for what is being verified."""
        self._serial.close()

    @Slot()
    def open(self) -> None:
        """Verify the trail of the open case and show what was found."""
        if self._context.info is None:
            return
        dialog = self.dialog = AuditDialog(self._window)
        dialog.anchor_wanted.connect(self._ask_target)
        dialog.comparison_wanted.connect(self._ask_anchor)
        dialog.accepted_because.connect(self._accept)
        dialog.destroyed.connect(self._gone)
        dialog.open()
        self._verify()

    @Slot()
    def _gone(self) -> None:
        self.dialog = None

    @Slot()
    def _verify(self) -> None:
        info = self._context.info
        if info is not None and self.dialog is not None:
            self._take(self._serial.run(partial(audit_case, info.folder)), self._audited)

    @Slot(object)
    def _audited(self, finding: AuditFinding) -> None:
        if self.dialog is not None:
            self.dialog.show_finding(finding, can_write=self._context.can_write())

    @Slot(str)
    def _accept(self, reason: str) -> None:
        self._context.session.submit(AcceptCopy(reason))

    @Slot()
    def _ask_target(self) -> None:
        self._ask(tr("Save the head of the trail"), QFileDialog.AcceptMode.AcceptSave).fileSelected.connect(
            self._write
        )

    @Slot()
    def _ask_anchor(self) -> None:
        self._ask(tr("Compare with an anchor"), QFileDialog.AcceptMode.AcceptOpen).fileSelected.connect(
            self._compare
        )

    def _ask(self, title: str, mode: QFileDialog.AcceptMode) -> QFileDialog:
        dialog = QFileDialog(self._window, title)
        dialog.setAcceptMode(mode)
        dialog.setNameFilter(tr(_FILTER))
        dialog.setDefaultSuffix("json")
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    @Slot(str)
    def _write(self, name: str) -> None:
        info = self._context.info
        if info is not None:
            self._take(self._serial.run(partial(write_anchor, info.folder, Path(name))), self._tell)

    @Slot(str)
    def _compare(self, name: str) -> None:
        info = self._context.info
        if info is not None:
            work = partial(compare_with_anchor, info.folder, Path(name))
            self._take(self._serial.run(work), self._compared)

    def _take(self, task: Task, done: Callable[[Any], None]) -> None:
        task.done.connect(done)
        task.failed.connect(self._failed)

    @Slot(object)
    def _tell(self, sentence: str) -> None:
        self._context.notifier.info(sentence)

    @Slot(object)
    def _compared(self, compared: AnchorComparison) -> None:
        tell = self._context.notifier.info if compared.holds else self._context.notifier.warn
        tell(compared.text)

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        if self.dialog is not None:
            self.dialog.show_problem(error.sentence)
