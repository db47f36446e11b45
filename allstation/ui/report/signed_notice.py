"""Signed notice: keeps in view that a case has a signed report, and says once that it no longer agrees."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.reports import ReportRecord
from allstation.services.case.questions import Overview, ReadOverview
from allstation.ui.common.formatting import moment
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext


class SignedNotice(QObject):
    """Follows whether the open case has a signed report and still agrees with it.

    Args:
        context: Services and state.
        parent: Owner.

    Signals:
        changed: Words for the status line, empty without a signed report; whether the case differs from it.
    """

    changed = Signal(str, bool)

    def __init__(self, context: AppContext, parent: QObject) -> None:
        super().__init__(parent)
        self._notifier = context.notifier
        self._session = context.session
        self._signed: ReportRecord | None = None
        self._differs = False
        context.session.worker.closed.connect(self._case_closed)
        context.session.worker.report_kept.connect(self._report_kept)
        context.session.reader.overview_read.connect(self._overview_read)

    @Slot()
    def _case_closed(self) -> None:
        self._show(None, differs=False)

    @Slot()
    def _report_kept(self) -> None:
        self._session.ask(ReadOverview(self._session.reviewer))

    @Slot(int, object)
    def _overview_read(self, _generation: int, overview: Overview) -> None:
        before = self._signed
        newly = overview.differs and not self._differs and overview.signed == before and before is not None
        self._show(overview.signed, differs=overview.differs)
        if newly:
            self._notifier.warn(
                tr(
                    "This case has a signed report, which is locked. What it says now differs: "
                    "sign an amended report, or undo the change."
                )
            )

    def _show(self, signed: ReportRecord | None, *, differs: bool) -> None:
        if (signed, differs) == (self._signed, self._differs):
            return
        self._signed, self._differs = signed, differs
        self.changed.emit(_words(signed, differs=differs), differs)


def _words(signed: ReportRecord | None, *, differs: bool) -> str:
    if signed is None:
        return ""
    if differs:
        return tr("Differs from the signed report")
    return tr("Signed by {who}, {when}", who=signed.by, when=moment(signed.at))
