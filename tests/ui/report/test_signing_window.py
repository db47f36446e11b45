"""Digital signatures in the window: a certificate is made, a report is signed with it, and verified."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from PySide6.QtWidgets import QDialogButtonBox, QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from allstation import paths
from allstation.report.signing.check import check_signature
from allstation.report.verification.parts import Part, Verdict
from allstation.services.reports import signatures
from allstation.store.case import Case
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.report.certificate_dialog import CertificateDialog
from allstation.ui.report.make_certificate import MakeCertificateDialog
from allstation.ui.report.verify_dialog import VerifyDialog
from tests.ui.named import button, label_texts
from tests.ui.report.conftest import LONG
from tests.ui.report.test_report_window import again, choose_place, shown
from tests.unit.report.factory import stored_case

PASSWORD = "correct horse"


@pytest.fixture
def certified(opened: Workbench, tmp_path: Path) -> Workbench:
    """The window with a certificate chosen, as ``certificate make`` and the dialog leave it."""
    file = tmp_path / "signer.p12"
    signatures.make(file, name="Dr. Berta Beispiel", laboratory="", password=PASSWORD)
    known = signatures.choose(file, PASSWORD).certificate
    opened.context.settings.change(signing_file=str(file), signing_certificate=known)
    return opened


def choose_final(window: Workbench, qtbot: QtBot) -> None:
    report = shown(window, qtbot)
    report.form.reviewer.setText("Dr. Berta Beispiel")
    report.form.status.setCurrentIndex(report.form.status.findData("final"))
    again(window, qtbot)


def ask_to_sign(window: Workbench, qtbot: QtBot) -> None:
    report = window.report_controller.window
    qtbot.waitUntil(report.export.isEnabled, timeout=LONG)
    report.export.click()
    (box,) = [one for one in report.findChildren(QMessageBox) if one.isVisible()]
    (yes,) = [b for b in box.buttons() if box.buttonRole(b) == QMessageBox.ButtonRole.AcceptRole]
    yes.click()


def test_a_final_report_is_signed_with_the_password_and_kept_as_it_was_signed(
    certified: Workbench, qtbot: QtBot, tmp_path: Path, folder: Path
) -> None:
    choose_final(certified, qtbot)
    seen = certified.report_controller.preview.made
    assert seen.content.digital_signature.name == "Dr. Berta Beispiel"
    ask_to_sign(certified, qtbot)
    asking = certified.report_controller.signatures.asking
    asking.password.setText("wrong password")
    asking.go.click()
    qtbot.waitUntil(lambda: "does not open signer.p12" in asking.message, timeout=LONG)
    assert asking.isVisible()
    asking.password.setText(PASSWORD)
    asking.go.click()
    choose_place(certified, qtbot, tmp_path / "final.pdf")
    written = (tmp_path / "final.pdf").read_bytes()
    assert written.startswith(seen.data)
    assert len(written) > len(seen.data)
    assert check_signature(written, signatures.trust_store()).trust == "trusted"
    with Case.open(folder, read_only=True) as case:
        (record,) = case.reports.all()
        assert record.sha256 == hashlib.sha256(written).hexdigest()
        kept = folder / "reports" / f"final-{record.sha256[:16]}.pdf"
        assert kept.read_bytes() == written
        assert case.audit.verify() is None
    certified.context.settings.change(theme="dark")
    settings = (paths.config_folder() / "settings.json").read_text("utf-8")
    assert "signer.p12" in settings
    assert PASSWORD not in settings


def test_a_password_that_is_not_entered_signs_nothing(
    certified: Workbench, qtbot: QtBot, folder: Path
) -> None:
    choose_final(certified, qtbot)
    ask_to_sign(certified, qtbot)
    asking = certified.report_controller.signatures.asking
    asking.reject()
    assert certified.report_controller.signatures.asking is None
    with Case.open(folder, read_only=True) as case:
        assert case.reports.all() == []


def test_without_a_certificate_and_without_the_choice_the_report_says_so(
    certified: Workbench, qtbot: QtBot
) -> None:
    choose_final(certified, qtbot)
    form = certified.report_controller.window.form
    form.digital.setChecked(False)
    again(certified, qtbot)
    assert not certified.report_controller.preview.made.content.digital_signature.signed
    form.digital.setChecked(True)
    again(certified, qtbot)
    certified.report_controller.show_signature()
    certified.report_controller.signatures.dialog.remove_asked.emit()
    again(certified, qtbot)
    assert not certified.report_controller.preview.made.content.digital_signature.signed
    assert not form.digital.isVisible()
    certified.report_controller.signatures.dialog.close()


def take_file(dialog: CertificateDialog, file: Path) -> None:
    """Choose a file in the file dialog that is open."""
    (place,) = [one for one in dialog.findChildren(QFileDialog) if one.isVisible()]
    place.selectFile(str(file))
    place.accept()


def test_a_certificate_is_made_in_the_window_and_trusted(
    opened: Workbench, qtbot: QtBot, tmp_path: Path
) -> None:
    opened.report_controller.show_signature()
    dialog = opened.report_controller.signatures.dialog
    dialog.make_asked.emit()
    making = dialog.findChild(MakeCertificateDialog)
    making.name.setText("Dr. C")
    making.password.setText("short")
    assert not making.go.isEnabled()
    for box in (making.password, making.again):
        box.setText(PASSWORD)
    making.go.click()
    take_file(dialog, tmp_path / "c.p12")
    qtbot.waitUntil(lambda: dialog.trusted.count() == 1, timeout=LONG)
    assert stat.S_IMODE((tmp_path / "c.p12").stat().st_mode) == 0o600
    assert opened.context.settings.value.signing_file == str(tmp_path / "c.p12")
    dialog.trusted.setCurrentRow(0)
    button(dialog, "Save for others…").click()
    take_file(dialog, tmp_path / "c.pem")
    qtbot.waitUntil(lambda: "holds no secret" in dialog.message, timeout=LONG)
    dialog.trusted.setCurrentRow(0)
    button(dialog, "Do not trust").click()
    qtbot.waitUntil(lambda: dialog.trusted.count() == 0, timeout=LONG)
    button(dialog, "Trust a certificate…").click()
    take_file(dialog, tmp_path / "c.pem")
    qtbot.waitUntil(lambda: dialog.trusted.count() == 1, timeout=LONG)
    button(dialog, "Trust a certificate…").click()
    take_file(dialog, tmp_path / "c.p12")
    qtbot.waitUntil(lambda: "holds no certificate" in dialog.message, timeout=LONG)
    dialog.close()


def test_a_time_stamp_server_is_off_until_an_address_is_entered(opened: Workbench, qtbot: QtBot) -> None:
    assert opened.context.settings.value.time_stamp_server == ""
    opened.report_controller.show_signature()
    dialog = opened.report_controller.signatures.dialog
    for typed, kept in (("ftp://x", ""), ("http://tsa.example.org/", "http://tsa.example.org/"), ("", "")):
        dialog.server.setText(typed)
        dialog.server.editingFinished.emit()
        assert opened.context.settings.value.time_stamp_server == kept
        assert bool(dialog.message) == (typed == "ftp://x")
    dialog.close()


def verified(window: Workbench, qtbot: QtBot, path: Path) -> VerifyDialog:
    window.verify_controller.verify(str(path))
    dialog = window.verify_controller.dialog
    qtbot.waitUntil(lambda: "verified…" not in dialog.verdict.text(), timeout=LONG)
    return dialog


def test_a_report_is_verified_in_the_window(certified: Workbench, qtbot: QtBot, tmp_path: Path) -> None:
    choose_final(certified, qtbot)
    ask_to_sign(certified, qtbot)
    asking = certified.report_controller.signatures.asking
    asking.password.setText(PASSWORD)
    asking.go.click()
    choose_place(certified, qtbot, tmp_path / "final.pdf")
    dialog = verified(certified, qtbot, tmp_path / "final.pdf")
    assert dialog.verdict.text() == "Nothing speaks against this final report."
    assert [str(one.verdict) for one in dialog.shown.parts] == ["holds", "holds", "holds", "note", "holds"]
    changed = bytearray((tmp_path / "final.pdf").read_bytes())
    changed[5000] ^= 1
    (tmp_path / "changed.pdf").write_bytes(changed)
    dialog = verified(certified, qtbot, tmp_path / "changed.pdf")
    assert "Do not rely" in dialog.verdict.text() or "no report" in dialog.verdict.text()
    (tmp_path / "text.pdf").write_text("no report")
    dialog = verified(certified, qtbot, tmp_path / "text.pdf")
    assert dialog.shown is None
    dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Close).click()
    qtbot.waitUntil(lambda: certified.verify_controller.dialog is None, timeout=LONG)


def test_a_report_can_be_verified_without_a_case(window: Workbench, qtbot: QtBot, tmp_path: Path) -> None:
    assert window.actions_table["case.verify_report"].isEnabled()
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\n%%EOF")
    dialog = verified(window, qtbot, tmp_path / "a.pdf")
    assert "a.pdf" in label_texts(dialog)
    dialog.close()


def test_an_anonymised_report_is_compared_with_the_open_case_that_it_is_of(
    certified: Workbench, qtbot: QtBot, tmp_path: Path
) -> None:
    choose_final(certified, qtbot)
    made = certified.report_controller.preview.made
    assert made.content.anonymised
    ask_to_sign(certified, qtbot)
    asking = certified.report_controller.signatures.asking
    asking.password.setText(PASSWORD)
    asking.go.click()
    choose_place(certified, qtbot, tmp_path / "final.pdf")
    found = signatures.verify(tmp_path / "final.pdf", certified.context.info.folder, same_only=True)
    (case,) = [one for one in found.parts if one.part is Part.CASE]
    assert case.verdict is Verdict.HOLDS
    assert "entered it as final" in case.sentences[-1]
    assert found.holds
    other = stored_case(tmp_path / "other", 2)
    found = signatures.verify(tmp_path / "final.pdf", other, same_only=True)
    (case,) = [one for one in found.parts if one.part is Part.CASE]
    assert case.verdict is Verdict.NOTE
    assert "Not compared" in case.sentences[0]
