"""The choices about a report, and where the reports of the case stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from allstation.core.errors import StationError
from allstation.core.reports import ReportStatus
from allstation.report.content.free_text import Anonymity, FreeText
from allstation.report.content.options import ReportOptions
from allstation.report.content.report_types import SignatureBlock
from allstation.services.reports.report_state import ReportState
from allstation.services.reports.reporting import letterhead
from allstation.services.reports.signatures import chosen_certificate, signature_block
from allstation.services.settings import SettingsFile
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr

TEMPLATES: Final = (
    ("full", "Full report"),
    ("summary", "Page one alone"),
    ("contact", "Contact sheet of each slide"),
)
_SIZES: Final = ("A4", "Letter")
_STATUS: Final = {
    ReportStatus.DRAFT: "Draft",
    ReportStatus.PRELIMINARY: "Preliminary",
    ReportStatus.FINAL: "Final",
    ReportStatus.AMENDED: "Amended",
}
_TYPING: Final = 450
"""Milliseconds after the last key before the pages follow."""
_LISTED: Final = 8
_COMMENT: Final = 10_000
_BOX: Final = 84
"""Height of the boxes for conclusion and comment, pixels."""


class ReportForm(QWidget):
    """Template, annex, paper, anonymised or not, status, who signs, why, conclusion, comment.

    Signals:
        changed: Something is different; the pages should follow.
        data_asked: The person wants to enter the case data.
        letterhead_asked: The person wants to enter the letterhead.
        signature_asked: The person wants to choose a certificate.
        free_text_asked: The person wants to see the free text that is withheld.
    """

    changed = Signal()
    data_asked = Signal()
    letterhead_asked = Signal()
    signature_asked = Signal()
    free_text_asked = Signal()

    def __init__(self, settings: SettingsFile, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._state = ReportState()
        self.setProperty("role", "panel")
        self._typing = QTimer(self, singleShot=True, interval=_TYPING)
        self._typing.timeout.connect(self.changed)
        stored = settings.value
        self.template = QComboBox(self)
        for name, title in TEMPLATES:
            self.template.addItem(tr(title), name)
        self.template.setCurrentIndex(max(0, self.template.findData(stored.report_template)))
        self.annex = QCheckBox(tr("&Annex: every field, models, hashes"), self)
        self.annex.setToolTip(tr("Without it the report has the same data embedded, and verifies as well."))
        self.annex.setChecked(stored.report_annex)
        self.paper = QComboBox(self)
        self.paper.addItems(list(_SIZES))
        self.paper.setCurrentText(stored.page_size)
        self.anonymise = QCheckBox(tr("Leave out patient and request data"), self)
        self.anonymise.setToolTip(
            tr(
                "Folders and free text are left out too; codes stand for ids and hashes, years for dates. "
                "What is typed here is printed."
            )
        )
        self._keep: frozenset[FreeText] = frozenset()
        self.free_text = QPushButton(self)
        self.free_text.setProperty("role", "link")
        self.free_text.clicked.connect(self.free_text_asked)
        self.anonymise.setChecked(stored.anonymise)
        self.status = QComboBox(self)
        self.reviewer = QLineEdit(stored.reviewer, self)
        self.reason = QLineEdit(self)
        self.digital = QCheckBox(tr("Sign &digitally"), self)
        self.digital.setChecked(True)
        self._certificate = QLabel(self, wordWrap=True)
        self.conclusion = self._text_box(tr("Printed first, above the figures"))
        self.comment = self._text_box(tr("Printed below the pictures"))
        self._stand = QLabel(self, wordWrap=True)
        self._changes = QLabel(self, wordWrap=True)
        self._warnings = QLabel(self, wordWrap=True)
        self._lay_out()
        self._fill_status(finalised=False)
        self._show_keep()
        self._connect()
        self._follow_status()

    def _text_box(self, hint: str) -> QPlainTextEdit:
        box = QPlainTextEdit(self)
        box.setTabChangesFocus(True)
        box.setFixedHeight(_BOX)
        box.setPlaceholderText(hint)
        return box

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setVerticalSpacing(9)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.addRow(tr("&Contents"), self.template)
        form.addRow(self.annex)
        form.addRow(tr("&Paper"), self.paper)
        form.addRow(self.anonymise)
        form.addRow(self.free_text)
        form.addRow(tr("&Status"), self.status)
        self._signer_label = QLabel(tr("Si&gned by"), self)
        self._reason_label = QLabel(tr("Reaso&n"), self)
        for label, box in ((self._signer_label, self.reviewer), (self._reason_label, self.reason)):
            label.setBuddy(box)
            form.addRow(label, box)
        form.addRow(self.digital)
        form.addRow(self._certificate)
        form.addRow(tr("Conc&lusion"), self.conclusion)
        form.addRow(tr("Co&mment"), self.comment)
        links = QHBoxLayout()
        for text, signal in (
            (tr("Case data…"), self.data_asked),
            (tr("Letterhead…"), self.letterhead_asked),
            (tr("Signature…"), self.signature_asked),
        ):
            button = QPushButton(text, self)
            button.setProperty("role", "link")
            button.clicked.connect(signal)
            links.addWidget(button)
        links.addStretch(1)
        line = QFrame(self)
        line.setProperty("role", "line")
        self._certificate.setProperty("role", "small")
        self._certificate.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        for label, role in ((self._stand, "small"), (self._changes, "small"), (self._warnings, "danger")):
            label.setProperty("role", role)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            label.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 12)
        layout.setSpacing(10)
        layout.addLayout(form)
        layout.addLayout(links)
        layout.addWidget(line)
        layout.addWidget(self._stand)
        layout.addWidget(self._changes)
        layout.addWidget(self._warnings)
        layout.addStretch(1)

    def _connect(self) -> None:
        for box in (self.template, self.paper):
            box.currentIndexChanged.connect(self._chosen)
        for check in (self.anonymise, self.annex):
            check.toggled.connect(self._chosen)
        self.digital.toggled.connect(self.signature_changed)
        self.status.currentIndexChanged.connect(self._status_changed)
        self.reviewer.textChanged.connect(self._typed)
        self.reason.textChanged.connect(self._typed)
        for text in (self.conclusion, self.comment):
            text.textChanged.connect(self._typed)

    @Slot()
    def _typed(self) -> None:
        self._typing.start()

    @Slot()
    def _chosen(self) -> None:
        self._show_keep()
        self._settings.change(
            report_template=self.template.currentData(),
            report_annex=self.annex.isChecked(),
            page_size=self.paper.currentText(),
            anonymise=self.anonymise.isChecked(),
        )
        self._typing.stop()
        self.changed.emit()

    @Slot()
    def _status_changed(self) -> None:
        self._follow_status()
        self._typing.stop()
        self.changed.emit()

    @Slot()
    def signature_changed(self) -> None:
        """Follow the certificate that reports are signed with."""
        self._follow_status()
        self._typing.stop()
        self.changed.emit()

    def _show_certificate(self, *, locks: bool) -> None:
        block = chosen_certificate(self._settings.value)
        self.digital.setVisible(locks and block is not None)
        self._certificate.setVisible(locks)
        if block is None:
            said = tr("No certificate is chosen: the report says that it is not digitally signed.")
        elif not self.digital.isChecked():
            said = tr("The report says that it is not digitally signed.")
        else:
            kind = tr("self-made certificate") if block.self_made else tr("issued by {who}", who=block.issuer)
            said = tr(
                "{name}, {kind}, until {day}. The password is asked when it is signed.",
                name=block.name, kind=kind, day=block.valid_until,
            )  # fmt: skip
        self._certificate.setText(said)

    def _follow_status(self) -> None:
        status = self.chosen_status
        self._show_certificate(locks=status.locks)
        with_reason = status in (ReportStatus.PRELIMINARY, ReportStatus.AMENDED)
        for row, on in (
            ((self._signer_label, self.reviewer), status is not ReportStatus.DRAFT),
            ((self._reason_label, self.reason), with_reason),
        ):
            for part in row:
                part.setVisible(on)
        asked = tr("What changed and why") if status is ReportStatus.AMENDED else tr("May be left empty")
        self.reason.setPlaceholderText(asked)

    def _fill_status(self, *, finalised: bool) -> None:
        """Offer final until there is one, amended from then on."""
        binding = ReportStatus.AMENDED if finalised else ReportStatus.FINAL
        offered = (ReportStatus.DRAFT, ReportStatus.PRELIMINARY, binding)
        if [self.status.itemData(row) for row in range(self.status.count())] == [str(one) for one in offered]:
            return
        locked = self.status.count() > 0 and self.chosen_status.locks
        with QSignalBlocker(self.status):
            self.status.clear()
            for one in offered:
                self.status.addItem(tr(_STATUS[one]), str(one))
            self.status.setCurrentIndex(2 if locked else 0)
        self._follow_status()

    def choose_binding(self) -> None:
        """Choose the status that locks decisions: final, or amended once there is a final report."""
        self.status.setCurrentIndex(self.status.count() - 1)

    @property
    def chosen_status(self) -> ReportStatus:
        """Status chosen for the report."""
        return ReportStatus(self.status.currentData() or ReportStatus.DRAFT)

    def options(self) -> ReportOptions:
        """Return what the person chose.

        Raises:
            StationError: ``bad-report-option`` while a name or a reason is missing.
        """
        status = self.chosen_status
        options = ReportOptions(
            template=self.template.currentData(),
            page_size=self.paper.currentText(),
            anonymise=self.anonymise.isChecked(),
            anonymity=Anonymity(self._keep),
            annex=self.annex.isChecked(),
            conclusion=self.conclusion.toPlainText()[:_COMMENT],
            comment=self.comment.toPlainText()[:_COMMENT],
            letterhead=letterhead(self._settings.value),
            count_proposals=self._settings.value.count_proposals,
        )
        reason = self.reason.text() if self.reason.isVisibleTo(self) else ""
        # A draft is signed by nobody.
        reviewer = "" if status is ReportStatus.DRAFT else self.reviewer.text()
        signed = status.locks and self.digital.isChecked()
        signature = signature_block(self._settings.value) if signed else SignatureBlock()
        return replace(options, status=status, reviewer=reviewer, reason=reason, signature=signature)

    @property
    def keep(self) -> frozenset[FreeText]:
        """Free text that goes into an anonymised report."""
        return self._keep

    def set_keep(self, keep: frozenset[FreeText]) -> None:
        """Let free text go; the pages follow."""
        if keep != self._keep:
            self._keep = keep
            self._show_keep()
            self.changed.emit()

    def _show_keep(self) -> None:
        many = tr("Free text: {n} kinds go…", n=number(len(self._keep)))
        said = (tr("Free text: withheld…"), tr("Free text: 1 kind goes…"), many)[min(len(self._keep), 2)]
        self.free_text.setText(said)
        self.free_text.setVisible(self.anonymise.isChecked())
        self.annex.setVisible(self.template.currentData() == "full")

    def missing(self) -> str:
        """Say what is still needed before there can be such a report; empty when nothing is."""
        try:
            self.options()
        except StationError as error:
            return error.sentence
        return ""

    def set_reviewer(self, name: str) -> None:
        """Suggest who signs, where nobody was named."""
        if not self.reviewer.text():
            with QSignalBlocker(self.reviewer):
                self.reviewer.setText(name)

    def start_anew(self) -> None:
        """Forget what was written for another case."""
        self._typing.stop()
        self._state = ReportState()
        self._keep = frozenset()
        self._show_keep()
        for box in (self.reason, self.conclusion, self.comment, self.status):
            with QSignalBlocker(box):
                if box is self.status:
                    self.status.setCurrentIndex(0)
                else:
                    box.clear()
        self._follow_status()

    def signed(self) -> None:
        """Go back to a draft after a report was signed or sent; the pages follow."""
        self.reason.clear()
        self._typing.stop()
        if self.status.currentIndex() == 0:
            self.changed.emit()
        self.status.setCurrentIndex(0)

    @property
    def state(self) -> ReportState:
        """Status of the reports of the case."""
        return self._state

    def show_state(self, state: ReportState) -> bool:
        """Show the status of the reports of the case; return whether the chosen status had to change."""
        before = self.chosen_status
        self._state = state
        self._fill_status(finalised=state.last is not None)
        self._stand.setVisible(state.last is not None)
        if state.last is not None:
            self._stand.setText(_standing(state))
        self._changes.setVisible(bool(state.changes))
        self._changes.setText("\n".join(_shortened(state.changes)))
        self._warnings.setVisible(bool(state.warnings))
        self._warnings.setText("\n".join(state.warnings))
        return self.chosen_status is not before


def _standing(state: ReportState) -> str:
    last = state.last
    if last is None:
        return ""
    what = tr("Last signed: {status}, {at}, by {by}.", status=last.status, at=last.at[:10], by=last.by)
    if not state.changes:
        return f"{what} {tr('Its decisions are those of the case.')}"
    changed = (
        tr("One decision changed since; an amended report names it:")
        if len(state.changes) == 1
        else tr("{n} decisions changed since; an amended report names them:", n=number(len(state.changes)))
    )
    return f"{what} {changed}"


def _shortened(lines: tuple[str, ...]) -> list[str]:
    if len(lines) <= _LISTED:
        return list(lines)
    return [*lines[:_LISTED], tr("and {n} more", n=number(len(lines) - _LISTED))]
