"""Signature controller: certificate, trust and time stamps are set up; reports are signed with a password."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from allstation.core.errors import StationError
from allstation.core.text import plain_name
from allstation.services.reports import signatures
from allstation.services.reports.reporting import MadeReport
from allstation.services.settings import SettingsFile
from allstation.services.tasks import Serial
from allstation.ui.common.formatting import short_name
from allstation.ui.common.i18n import tr

if TYPE_CHECKING:
    from allstation.report.signing.certificates import CertificateFacts
    from allstation.ui.report.certificate_dialog import CertificateDialog
    from allstation.ui.report.password_dialog import PasswordDialog


class SignatureController(QObject):
    """Opens the dialogs of digital signatures; keys are read and used on another thread.

    Signals:
        changed: Reports are to be signed with another certificate or time stamp server, or with none.
        signed: The report with its signature (:class:`MadeReport`).
    """

    changed = Signal()
    signed = Signal(object)

    def __init__(self, settings: SettingsFile, parent: QObject) -> None:
        super().__init__(parent)
        self._settings = settings
        self._serial = Serial(self)
        self._dialog: CertificateDialog | None = None
        self._asking: PasswordDialog | None = None

    def close(self) -> None:
        """End the thread; call before the window goes."""
        self._serial.close()

    # Signing

    def sign(self, made: MadeReport, window: QWidget) -> None:
        """Ask for the password and sign; ``signed`` follows."""
        block = made.content.digital_signature
        file = Path(self._settings.value.signing_file)
        question = tr("Password of {file}, the key of {who}:", file=short_name(file.name, 40), who=block.name)
        dialog = self._ask(tr("Sign digitally"), question, tr("Sign"), window)
        dialog.entered.connect(partial(self._sign, made, file))

    def _sign(self, made: MadeReport, file: Path, password: str) -> None:
        server = self._settings.value.time_stamp_server
        task = self._serial.run(partial(signatures.sign_with_file, made, file, password, server=server))
        task.done.connect(self._signed)
        task.failed.connect(self._password_failed)

    @Slot(object)
    def _signed(self, made: MadeReport) -> None:
        if self._asking is not None:
            self._asking.accept()
            self.signed.emit(made)

    def _ask(self, title: str, question: str, go: str, window: QWidget) -> PasswordDialog:
        from allstation.ui.report.password_dialog import PasswordDialog

        self._asking = PasswordDialog(title, question, go, window)
        self._asking.finished.connect(self._asked)
        self._asking.open()
        return self._asking

    @property
    def asking(self) -> PasswordDialog | None:
        """The dialog that asks for a password, while it is open."""
        return self._asking

    @Slot()
    def _asked(self) -> None:
        self._asking = None

    @Slot(object)
    def _password_failed(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        if self._asking is not None:
            self._asking.show_problem(error.sentence)

    # Setting up

    def show(self, window: QWidget) -> None:
        """Show the certificate, the time stamp server and the trusted certificates."""
        from allstation.ui.report.certificate_dialog import CertificateDialog

        if self._dialog is None:
            dialog = CertificateDialog(self._settings.value.time_stamp_server, window)
            dialog.choose_asked.connect(self._choose)
            dialog.make_asked.connect(self._make)
            dialog.remove_asked.connect(self._remove)
            dialog.server_entered.connect(self._set_server)
            dialog.trust_asked.connect(self._trust)
            dialog.forget_asked.connect(self._forget)
            dialog.save_asked.connect(self._save)
            dialog.destroyed.connect(self._closed)
            self._dialog = dialog
        self._refresh()
        self._dialog.show()
        self._dialog.activateWindow()

    @property
    def dialog(self) -> CertificateDialog | None:
        """The dialog of digital signatures, while it is open."""
        return self._dialog

    @Slot()
    def _closed(self) -> None:
        self._dialog = None

    def _refresh(self) -> None:
        if self._dialog is None:
            return
        settings = self._settings.value
        self._dialog.show_certificate(signatures.chosen_certificate(settings), settings.signing_file)
        task = self._serial.run(signatures.trusted)
        task.done.connect(self._trusted_read)

    @Slot(object)
    def _trusted_read(self, found: tuple[CertificateFacts, ...]) -> None:
        if self._dialog is not None:
            self._dialog.show_trusted(found)

    @Slot()
    def _remove(self) -> None:
        self._settings.change(signing_file="", signing_certificate="")
        self._refresh()
        self.changed.emit()

    @Slot(str)
    def _set_server(self, address: str) -> None:
        if address != self._settings.value.time_stamp_server:
            self._settings.change(time_stamp_server=address)
            self.changed.emit()

    @Slot()
    def _choose(self) -> None:
        self._pick(tr("Choose your certificate"), tr("PKCS#12 (*.p12 *.pfx)"), self._file_chosen)

    def _pick(self, title: str, kinds: str, then: object) -> None:
        dialog = QFileDialog(self._dialog, title)
        dialog.setNameFilter(kinds)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(then)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _file_chosen(self, name: str) -> None:
        if self._dialog is None:
            return
        question = tr("Password of {file}:", file=short_name(Path(name).name, 40))
        dialog = self._ask(tr("Choose your certificate"), question, tr("Open"), self._dialog)
        dialog.entered.connect(partial(self._read, Path(name)))

    def _read(self, file: Path, password: str) -> None:
        task = self._serial.run(partial(signatures.choose, file, password))
        task.done.connect(self._chosen)
        task.failed.connect(self._password_failed)

    @Slot(object)
    def _chosen(self, found: signatures.ChosenFile) -> None:
        if self._asking is not None:
            self._asking.accept()
        self._settings.change(signing_file=str(found.file), signing_certificate=found.certificate)
        said = tr("Final reports are signed with this certificate; the password is asked each time.")
        if not found.trusted:
            unknown = tr("Its issuer is not trusted here yet: until then its signatures count as unknown.")
            said = f"{said} {unknown}"
        self._say(said)
        self._refresh()
        self.changed.emit()

    @Slot()
    def _make(self) -> None:
        from allstation.ui.report.make_certificate import MakeCertificateDialog

        if self._dialog is None:
            return
        settings = self._settings.value
        dialog = MakeCertificateDialog(settings.reviewer, settings.laboratory, self._dialog)
        dialog.wanted.connect(self._place_wanted)
        dialog.open()

    @Slot(str, str, str)
    def _place_wanted(self, name: str, laboratory: str, password: str) -> None:
        dialog = self._saving(tr("Write the private key"), tr("PKCS#12 (*.p12)"), "p12")
        dialog.selectFile(f"{plain_name(name) or 'signer'}.p12")
        dialog.fileSelected.connect(partial(self._make_at, name, laboratory, password))
        dialog.open()

    def _saving(self, title: str, kinds: str, suffix: str) -> QFileDialog:
        dialog = QFileDialog(self._dialog, title)
        dialog.setFileMode(QFileDialog.FileMode.AnyFile)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(kinds)
        dialog.setDefaultSuffix(suffix)
        dialog.finished.connect(dialog.deleteLater)
        return dialog

    def _make_at(self, name: str, laboratory: str, password: str, target: str) -> None:
        self._say(tr("The certificate is being made…"))
        task = self._serial.run(partial(_made, Path(target), name, laboratory, password))
        task.done.connect(self._chosen)
        task.failed.connect(self._failed)

    @Slot()
    def _trust(self) -> None:
        kinds = tr("Certificates and revocation lists (*.pem *.cer *.crt *.der *.crl)")
        self._pick(tr("Trust a certificate"), kinds, self._trust_file)

    @Slot(str)
    def _trust_file(self, name: str) -> None:
        self._change(partial(signatures.trust, Path(name)))

    @Slot(str)
    def _forget(self, sha256: str) -> None:
        self._change(partial(signatures.forget, sha256))

    def _change(self, function: object) -> None:
        task = self._serial.run(function)  # type: ignore[arg-type]
        task.done.connect(self._store_changed)
        task.failed.connect(self._failed)

    @Slot(object)
    def _store_changed(self, sentence: str) -> None:
        self._say(sentence)
        self._refresh()

    @Slot(str)
    def _save(self, sha256: str) -> None:
        dialog = self._saving(tr("Save a certificate for others"), tr("Certificate (*.pem)"), "pem")
        dialog.selectFile("authority.pem")
        dialog.fileSelected.connect(partial(self._save_to, sha256))
        dialog.open()

    def _save_to(self, sha256: str, target: str) -> None:
        self._change(partial(signatures.save_trusted, sha256, Path(target)))

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        self._say(error.sentence, problem=True)

    def _say(self, text: str, *, problem: bool = False) -> None:
        if self._dialog is not None:
            self._dialog.say(text, problem=problem)


def _made(file: Path, name: str, laboratory: str, password: str) -> signatures.ChosenFile:
    signatures.make(file, name=name, laboratory=laboratory, password=password)
    return signatures.choose(file, password)
