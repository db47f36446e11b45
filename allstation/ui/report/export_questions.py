"""Questions before a report is exported: whether to sign, with what is still open, and where to."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from allstation.core.reports import ReportStatus
from allstation.services.reports.report_state import ReportState
from allstation.services.reports.reporting import MadeReport
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr


def signing_question(made: MadeReport, state: ReportState, parent: QWidget) -> QMessageBox:
    """Return the box that asks; whoever opens it connects ``accepted``.

    Args:
        made: The report that was looked at.
        state: Of its case.
        parent: Window of the report.
    """
    who = made.options.reviewer.strip()
    question = (
        tr("Sign this report as final, as {who}?", who=who)
        if made.status is ReportStatus.FINAL
        else tr("Sign this amended report, as {who}?", who=who)
    )
    box = QMessageBox(QMessageBox.Icon.Question, tr("Sign the report"), question, parent=parent)
    box.setInformativeText("\n\n".join(_before_signing(state)))
    box.addButton(tr("&Sign…"), QMessageBox.ButtonRole.AcceptRole)
    # What cannot be taken back is not done by a Return too many.
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return box


def _before_signing(state: ReportState) -> list[str]:
    """Return what a person should know before signing."""
    said = []
    open_ends = (
        (state.unread, tr("Not read: {n} of {all} fields.")),
        (state.needs_review, tr("Needs review, no class named: {n} of {all} fields.")),
        (state.unreviewed, tr("Not reviewed by a person: {n} of {all} fields.")),
        (state.another_look, tr("Marked for another look, which nobody took yet: {n} of {all} fields.")),
        (state.removed, tr("Removed from the case and not counted: {n}.")),
    )
    for count, text in open_ends:
        if count:
            said.append(text.format(n=number(count), all=number(state.fields)))
    locks = tr(
        "The report locks the decisions it holds: what changes later is named in an amended report. "
        "It is kept in the case, and its hash goes to the audit trail."
    )
    return ["\n".join(said), locks] if said else [locks]


def target_dialog(made: MadeReport, parent: QWidget) -> QFileDialog:
    """Return the dialog that asks for the PDF's name; whoever opens it connects ``fileSelected``."""
    dialog = QFileDialog(parent, tr("Export report"))
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilter(tr("PDF (*.pdf)"))
    dialog.setDefaultSuffix("pdf")
    dialog.setDirectory(str(made.folder.parent))
    ending = "" if made.status is ReportStatus.DRAFT else f" {made.status}"
    # The case's folder may bear the patient's name.
    stem = tr("report") if made.options.anonymise else made.folder.stem
    dialog.selectFile(f"{stem}{ending}.pdf")
    dialog.finished.connect(dialog.deleteLater)
    return dialog
