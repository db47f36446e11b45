"""Report controller: previews, case data, letterhead, signing and export of the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QWidget

from allstation.core.errors import StationError
from allstation.core.reports import ReportRecord, ReportStatus
from allstation.processing.status_types import CaseInfo, Problem
from allstation.services.case.requests import KeepReport
from allstation.services.reports.export import ExportJob, check_target
from allstation.services.reports.export_kinds import ExportKind
from allstation.services.reports.previews import Preview, Previews
from allstation.services.reports.report_state import ReportState
from allstation.services.reports.reporting import MadeReport
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.context import AppContext
from allstation.ui.report.case_data_controller import CaseDataController
from allstation.ui.report.export_controller import (
    cancelled_notification,
    done_notification,
    failed_notification,
    with_suffix,
)
from allstation.ui.report.export_questions import signing_question, target_dialog
from allstation.ui.report.free_text_controller import FreeTextController
from allstation.ui.report.signature_controller import SignatureController
from allstation.ui.report.signer_pin import SignerPin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from allstation.ui.report.details import CaseDataDialog
    from allstation.ui.report.window import ReportWindow

_QUIET: Final = 800
"""Milliseconds without a change of the case before its pages are made anew."""


class ReportController(QObject):
    """Opens the report's window when it is first asked for, and drives it from the services."""

    def __init__(self, context: AppContext, *, window: QWidget) -> None:
        super().__init__(window)
        self._context = context
        self._session = context.session
        self._main = window
        self._report: ReportWindow | None = None
        self._previews: Previews | None = None
        self._preview: Preview | None = None
        self._wanted = 0
        self._going: MadeReport | None = None
        self._signer = SignerPin(self)
        self._target: ExportJob | None = None
        self._data = CaseDataController(context, self)
        self._free_text = FreeTextController(context.session, self)
        self._closed = False
        self.signatures = SignatureController(context.settings, self)
        self.signatures.changed.connect(self._signature_changed)
        self.signatures.signed.connect(self._signed)
        self._quiet = QTimer(self, singleShot=True, interval=_QUIET)
        self._quiet.timeout.connect(self.refresh)
        session, worker = context.session, context.session.worker
        for signal in (
            worker.fields_changed,
            worker.fields_added,
            worker.slide_renamed,
            worker.patients_changed,
            worker.releases_noted,
            worker.case_renamed,
            worker.details_changed,
            worker.site_changed,
            worker.slide_sizes_changed,
        ):
            signal.connect(self._case_changed)
        worker.closed.connect(self._case_closed)
        session.opened.connect(self._case_opened)
        worker.report_kept.connect(self._kept)
        worker.report_refused.connect(self._refused)
        context.exports.done.connect(self._export_done)
        context.exports.cancelled.connect(self._export_cancelled)
        context.exports.failed.connect(self._export_failed)

    def actions(self) -> tuple[Action, ...]:
        """Offer the report and the case data."""
        case = self._context.has_case
        # fmt: off
        return (
            Action("case.data", "Case &Data…", self.show_data, "Ctrl+Shift+E",
                   "Enter patient, request and specimen", menu="&Case", place=320, enabled_when=case),
            Action("case.report", "&Report…", self.show, "Ctrl+E", "Look at the report, sign it, export it",
                   "report", menu="&Case", place=330, toolbar=510, enabled_when=case),
            Action("case.sign", "Si&gn the Report…", self.sign, "Ctrl+G",
                   "Look at the report as it is to be signed, then sign and export it",
                   menu="&Case", place=331, enabled_when=self._context.can_write),
        )
        # fmt: on

    # The window

    @Slot()
    def show(self) -> None:
        """Show the report of the open case."""
        if self._report is None:
            self._report = self._make()
        self._report.form.set_reviewer(self._context.selection.reviewer)
        if self._report.isVisible():
            self._report.raise_()
        self._report.show()
        self._report.activateWindow()

    @Slot()
    def sign(self) -> None:
        """Show the report of the open case as it would be signed; signing itself is asked about as ever."""
        self._report = self._report or self._make()
        self._report.form.set_reviewer(self._context.selection.reviewer)
        self._report.form.choose_binding()
        self.show()

    def _make(self) -> ReportWindow:
        from allstation.ui.report.window import ReportWindow

        made = ReportWindow(self._context.settings, self._main)
        self._previews = Previews(self)
        self._previews.state_read.connect(self._state_read)
        self._previews.progressed.connect(self._progressed)
        self._previews.ready.connect(self._ready)
        self._previews.failed.connect(self._failed)
        self._previews.drawn.connect(self._drawn)
        made.form.changed.connect(self.refresh)
        made.form.data_asked.connect(self.show_data)
        made.form.letterhead_asked.connect(self.show_letterhead)
        made.form.signature_asked.connect(self.show_signature)
        made.form.free_text_asked.connect(self.show_free_text)
        made.pages.page_wanted.connect(self._page_wanted)
        made.export_asked.connect(self.export)
        made.shown.connect(self.refresh)
        self._context.theme.changed.connect(made.refresh_icons)
        return made

    @property
    def window(self) -> ReportWindow | None:
        """The report's window, once it was asked for."""
        return self._report

    @property
    def preview(self) -> Preview | None:
        """Document on screen, if it is the one asked for last."""
        return self._preview

    def close(self) -> None:
        """End the thread; call before the window goes."""
        self._closed = True
        self._quiet.stop()
        if self._report is not None:
            self._report.hide()
        if self._previews is not None:
            self._previews.stop()
            self._previews = None
        self.signatures.close()

    # Pages

    @Slot()
    def refresh(self) -> None:
        """Have the pages made for the choices and the case of now."""
        report, previews, info = self._report, self._previews, self._session.info
        if report is None or previews is None or not report.isVisible():
            return
        self._preview = None
        if info is None:
            previews.give_up()
            report.pages.set_pages(())
            report.pages.set_hint(tr("Open a case to see its report."))
            report.show_busy("")
            self._offer()
            return
        logo = Path(self._context.settings.value.logo) if self._context.settings.value.logo else None
        missing = report.form.missing()
        options = None if missing else report.form.options()
        self._wanted = previews.make(info.folder, options, logo=logo)
        report.pages.set_faded(True)
        if missing:
            report.show_busy("")
            report.say(missing)
            report.pages.set_hint(missing)
        else:
            report.show_busy(tr("The pages are being made…"))
            report.pages.set_hint(tr("The pages are being made."))
        self._offer()

    def _offer(self) -> None:
        report = self._report
        if report is None:
            return
        info, status = self._session.info, report.form.chosen_status
        texts = {
            ReportStatus.FINAL: tr("Sign and &export PDF…"),
            ReportStatus.AMENDED: tr("Sign and &export PDF…"),
        }
        report.export.setText(texts.get(status, tr("&Export PDF…")))
        writable = info is not None and (not info.read_only or status is ReportStatus.DRAFT)
        report.export.setEnabled(self._preview is not None and writable and self._target is None)
        if info is not None and not writable and self._preview is not None:
            report.say(tr("This case is open for looking only: its report can be exported as a draft."))

    @Slot(int, object)
    def _state_read(self, ticket: int, state: ReportState) -> None:
        report = self._report
        if report is not None and ticket == self._wanted and report.form.show_state(state):
            # A final report was asked for and there is one already, or the other way round.
            self.refresh()

    @Slot(int, int)
    def _progressed(self, ticket: int, page: int) -> None:
        if self._report is not None and ticket == self._wanted:
            self._report.show_busy(tr("Page {n} is being laid out…", n=number(page)))

    @Slot(object)
    def _ready(self, preview: Preview) -> None:
        if self._report is None or preview.ticket != self._wanted:
            return
        self._preview = preview
        self._report.show_busy("")
        self._report.pages.set_pages(preview.sizes)
        self._offer()

    @Slot(int, object)
    def _failed(self, ticket: int, problem: Problem) -> None:
        if self._report is not None and ticket == self._wanted:
            self._report.show_busy("")
            self._report.say(problem.sentence, problem=True)
            self._report.pages.set_hint(problem.sentence)

    @Slot(int, int)
    def _page_wanted(self, index: int, width: int) -> None:
        if self._previews is not None and self._preview is not None:
            self._previews.draw(self._preview.ticket, index, width=width)

    @Slot(int, int, int, object)
    def _drawn(self, ticket: int, index: int, width: int, rgb: NDArray[np.uint8]) -> None:
        if self._report is not None and self._preview is not None and ticket == self._preview.ticket:
            self._report.pages.set_picture(index, width, rgb)

    # The case

    @Slot()
    def _case_changed(self) -> None:
        if self._report is not None and self._report.isVisible() and not self._closed:
            self._quiet.start()

    @Slot(object)
    def _case_opened(self, _info: CaseInfo) -> None:
        self._forget()
        self.refresh()

    @Slot()
    def _case_closed(self) -> None:
        self._forget()
        if not self._closed:
            self.refresh()

    def _forget(self) -> None:
        self._data.close()
        self._free_text.close()
        if self._report is not None:
            self._report.form.start_anew()
            self._report.pages.set_pages(())

    @Slot()
    def show_data(self) -> None:
        """Let the person enter what is known of patient, request and specimen."""
        in_front = self._report is not None and self._report.isVisible()
        self._data.show(self._report if in_front and self._report is not None else self._main)

    @property
    def data(self) -> CaseDataDialog | None:
        """The dialog of the case data, while it is open."""
        return self._data.dialog

    @Slot()
    def show_letterhead(self) -> None:
        """Let the person enter who issues reports."""
        from allstation.ui.report.letterhead import LetterheadDialog

        dialog = LetterheadDialog(self._context.settings, self._report or self._main)
        dialog.saved.connect(self.refresh)
        dialog.show()

    @Slot()
    def show_signature(self) -> None:
        """Let the person choose or make a certificate, and whom the laboratory trusts."""
        self.signatures.show(self._report or self._main)

    @Slot()
    def _signature_changed(self) -> None:
        if self._report is not None:
            self._report.form.signature_changed()

    @Slot()
    def show_free_text(self) -> None:
        """Let the person see the free text of the case, and tick what an anonymised report may hold."""
        if self._report is not None:
            self._free_text.show(self._report)

    # Export

    @Slot()
    def export(self) -> None:
        """Ask where to, after a question if the report locks decisions."""
        if self._report is None or self._preview is None:
            return
        self._going = self._preview.made
        if self._going.status.locks:
            self._ask_to_sign(self._going)
        else:
            self._ask_where()

    def _ask_to_sign(self, made: MadeReport) -> None:
        if self._report is not None:
            box = signing_question(made, self._report.form.state, self._report)
            box.accepted.connect(self._ask_pin)
            box.open()

    @Slot()
    def _ask_pin(self) -> None:
        report, made = self._report, self._going
        if report is not None and made is not None and report.form.state.needs_pin:
            self._signer.ask(made.options.reviewer.strip(), report, self._sign)
        else:
            self._sign()

    @Slot()
    def _sign(self) -> None:
        """Sign digitally what was looked at, where that was chosen."""
        if self._going is None or self._report is None:
            return
        if self._going.to_sign:
            self.signatures.sign(self._going, self._report)
        else:
            self._ask_where()

    @Slot(object)
    def _signed(self, made: MadeReport) -> None:
        self._going = made
        self._ask_where()

    @Slot()
    def _ask_where(self) -> None:
        if self._going is not None and self._report is not None:
            dialog = target_dialog(self._going, self._report)
            dialog.fileSelected.connect(self._write_to)
            dialog.open()

    @Slot(str)
    def _write_to(self, name: str) -> None:
        made, target = self._going, Path(name)
        if made is None:
            return
        typed, target = target, with_suffix(target, ExportKind.PDF)
        job = ExportJob(ExportKind.PDF, made.folder, target, made=made, asked=target == typed)
        try:
            check_target(job)  # before the report is entered into the trail
        except StationError as error:
            self._refused(made, Problem.of(error))
            return
        if made.status is ReportStatus.DRAFT:
            self._write(job)
            return
        self._target = job
        self._offer()
        self._session.submit(KeepReport(made, target.name, self._signer.take()))

    def _write(self, job: ExportJob) -> None:
        self._going = None
        self._context.exports.write(job)

    @Slot(object, object)
    def _kept(self, _made: MadeReport, _record: ReportRecord) -> None:
        if self._target is None:
            return
        job, self._target = self._target, None
        self._write(job)
        if self._report is not None:
            self._report.form.signed()

    @Slot(object, object)
    def _refused(self, _made: MadeReport, problem: Problem) -> None:
        self._target = None
        self.notify(
            Notification(Level.ERROR, problem.sentence, details=f"{problem.code}: {problem.sentence}")
        )
        self.refresh()

    @Slot(object, str)
    def _export_done(self, job: ExportJob, remark: str) -> None:
        if job.made is not None:
            self.notify(done_notification(job, remark))

    @Slot(object)
    def _export_cancelled(self, job: ExportJob) -> None:
        if job.made is not None:
            self.notify(cancelled_notification(job))

    @Slot(object, object)
    def _export_failed(self, job: ExportJob, problem: Problem) -> None:
        if job.made is not None:
            self.notify(failed_notification(job, problem))

    def notify(self, notification: Notification) -> None:
        """Show what happened to a report: in its window while that is in front."""
        report = self._report
        if report is not None and report.isActiveWindow():
            report.notifications.show_notification(notification)
        else:
            self._context.notifier.post(notification)
