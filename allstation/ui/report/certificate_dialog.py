"""Dialog of digital signatures: the signer's certificate, time stamps, and whose certificates are trusted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from allstation.core.errors import StationError
from allstation.report.signing.time_stamps import TimeStampServer
from allstation.ui.common import focus_filters, theme
from allstation.ui.common.formatting import short_name, tip
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import resize_on_screen

if TYPE_CHECKING:
    from allstation.report.content.report_types import SignatureBlock
    from allstation.report.signing.certificates import CertificateFacts

_DIGITS: Final = 16
_LIST: Final = 108
_SIZE: Final = (580, 640)


class CertificateDialog(QDialog):
    """Shown beside the report; nothing waits for it. What is chosen holds at once.

    Signals:
        choose_asked: A PKCS#12 file is to be chosen.
        make_asked: A certificate is to be made.
        remove_asked: Reports are not to be signed digitally any more.
        server_entered: Address of the time stamp server; empty for none.
        trust_asked: Another certificate or revocation list is to be added.
        forget_asked: SHA-256 of a certificate that is not to be trusted any more.
        save_asked: SHA-256 of a certificate to write to a file for others.
    """

    choose_asked = Signal()
    make_asked = Signal()
    remove_asked = Signal()
    server_entered = Signal(str)
    trust_asked = Signal()
    forget_asked = Signal(str)
    save_asked = Signal(str)

    def __init__(self, server: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Digital signature"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._own = QLabel(self, wordWrap=True)
        self._remove = QPushButton(tr("Remove"), self)
        self.server = QLineEdit(server, self)
        self.server.setPlaceholderText(tr("None: no server is asked"))
        self.server.setAccessibleName(tr("Address of the time stamp server"))
        self.trusted = QListWidget(self)
        self.trusted.setMinimumHeight(_LIST)
        self.trusted.setAccessibleName(tr("Trusted certificates"))
        self._forget = QPushButton(tr("Do not trust"), self)
        self._save = QPushButton(tr("Save for others…"), self)
        self._message = QLabel(self, wordWrap=True)
        self._lay_out()
        self._connect()
        focus_filters.no_drops_into_text(self)
        focus_filters.plain_labels(self)
        self.show_certificate(None, "")
        self.show_trusted(())
        self.say("")

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(12)
        choose = QPushButton(tr("Choose file…"), self)
        make = QPushButton(tr("Make a certificate…"), self)
        trust = QPushButton(tr("Trust a certificate…"), self)
        choose.clicked.connect(self.choose_asked)
        make.clicked.connect(self.make_asked)
        trust.clicked.connect(self.trust_asked)
        own = _group(tr("Your certificate"), self._own, (choose, make, self._remove))
        about = tr(
            "A time stamp proves when a report was signed, also after the certificate has expired. The "
            "server gets the hash of the signature and nothing of the report."
        )
        stamps = _group(tr("Time stamps"), _small(about), (), middle=self.server)
        others = _group(
            tr("Trusted by this laboratory"),
            _small(tr("Reports that these signed, or whoever they vouch for, count as theirs.")),
            (trust, self._save, self._forget),
            middle=self.trusted,
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.close)
        for part in (own, stamps, others, self._message, buttons):
            layout.addWidget(part, int(part is others))
        resize_on_screen(self, *_SIZE)

    def _connect(self) -> None:
        self._remove.clicked.connect(self.remove_asked)
        self.server.editingFinished.connect(self._server_changed)
        self.trusted.currentItemChanged.connect(self._selected)
        self._forget.clicked.connect(self._forget_selected)
        self._save.clicked.connect(self._save_selected)

    def show_certificate(self, block: SignatureBlock | None, file: str) -> None:
        """Show the certificate that reports are signed with, and its file."""
        self._remove.setEnabled(block is not None)
        if block is None:
            self._own.setText(
                tr("None. Final reports are signed by name only, and say that they are not digitally signed.")
            )
            self._own.setToolTip("")
            return
        who = ", ".join(filter(None, (block.name, block.organisation)))
        kind = tr("self-made") if block.self_made else tr("issued by {who}", who=block.issuer)
        lines = (
            who,
            tr("{kind}, valid until {day}", kind=kind, day=block.valid_until),
            tr("SHA-256 {digits}…  in {file}", digits=block.certificate_sha256[:_DIGITS],
               file=short_name(Path(file).name, 40)),
        )  # fmt: skip
        self._own.setText("\n".join(lines))
        self._own.setToolTip(tip(file))

    def show_trusted(self, found: Sequence[CertificateFacts]) -> None:
        """List the certificates that are trusted."""
        self.trusted.clear()
        for facts in found:
            kind = tr("self-made") if facts.self_made else facts.organisation or facts.issuer
            text = f"{facts.name}  ({kind})  {facts.sha256[:_DIGITS]}…"
            item = QListWidgetItem(text, self.trusted)
            item.setData(Qt.ItemDataRole.UserRole, facts.sha256)
            item.setToolTip(tip(f"SHA-256 {facts.sha256}, {facts.not_after.date()}"))
        self._selected()

    def say(self, text: str, *, problem: bool = False) -> None:
        """Say what happened."""
        self._message.setText(text)
        self._message.setVisible(bool(text))
        theme.restyle(self._message, "role", "danger" if problem else "small")

    @property
    def message(self) -> str:
        """Message that was shown last."""
        return self._message.text()

    @Slot()
    def _server_changed(self) -> None:
        address = self.server.text().strip()
        try:
            if address:
                TimeStampServer(address)
        except StationError as error:
            self.say(error.sentence, problem=True)
            return
        self.say("")
        self.server_entered.emit(address)

    def _chosen(self) -> str:
        item = self.trusted.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else ""

    @Slot()
    def _selected(self) -> None:
        for button in (self._forget, self._save):
            button.setEnabled(bool(self._chosen()))

    @Slot()
    def _forget_selected(self) -> None:
        self.forget_asked.emit(self._chosen())

    @Slot()
    def _save_selected(self) -> None:
        self.save_asked.emit(self._chosen())


def _small(text: str) -> QLabel:
    label = QLabel(text, wordWrap=True)
    label.setProperty("role", "small")
    return label


def _group(
    title: str, text: QLabel, buttons: Sequence[QPushButton], *, middle: QWidget | None = None
) -> QGroupBox:
    group = QGroupBox(title)
    column = QVBoxLayout(group)
    column.setSpacing(10)
    column.addWidget(text)
    if middle is not None:
        column.addWidget(middle)
    if buttons:
        row = QHBoxLayout()
        row.setSpacing(8)
        for button in buttons:
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)
    return group
