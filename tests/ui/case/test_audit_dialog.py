"""The audit trail in the window: verified, kept elsewhere, compared; an older copy asks why."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from allstation.services.case.requests import OpenCase
from allstation.store.case import Case
from allstation.ui.case.audit_dialog import AuditDialog
from allstation.ui.main_window.workbench import Workbench

LONG = 60_000


@pytest.fixture
def folder(window: Workbench, tmp_path: Path) -> Path:
    """A case of two entries that this station has seen, closed."""
    with Case.create(tmp_path / "One.allcase") as case:
        case.rename("one")
    return tmp_path / "One.allcase"


def opened(window: Workbench, qtbot: QtBot, folder: Path) -> AuditDialog:
    with qtbot.waitSignal(window.context.session.opened, timeout=LONG):
        window.context.session.submit(OpenCase(folder))
    qtbot.waitUntil(window.actions_table["case.audit"].isEnabled)
    window.actions_table["case.audit"].trigger()
    dialog = window.audit_controller.dialog
    assert dialog is not None
    qtbot.waitUntil(lambda: "entries, head" in dialog.text.text(), timeout=LONG)
    return dialog


def press(dialog: AuditDialog, text: str) -> None:
    (button,) = [one for one in dialog.findChildren(QPushButton) if one.text() == text]
    button.click()


def test_a_sound_trail_is_shown_and_its_head_kept_and_compared(
    window: Workbench, qtbot: QtBot, folder: Path, tmp_path: Path
) -> None:
    dialog = opened(window, qtbot, folder)
    assert "The trail is intact." in dialog.text.text()
    assert "this station" in dialog.text.text()
    assert not dialog.warning.isVisible()
    assert not dialog.reason.isVisible()
    target = tmp_path / "anchor.json"
    for text in ("Save Anchor…", "Compare with Anchor…"):
        press(dialog, text)
        (ask,) = [one for one in window.shell.findChildren(QFileDialog) if one.isVisible()]
        ask.selectFile(str(target))
        ask.accept()
        qtbot.waitUntil(target.is_file, timeout=LONG)
    qtbot.waitUntil(lambda: "holds the anchor" in _told(window), timeout=LONG)
    dialog.close()


def _told(window: Workbench) -> str:
    from PySide6.QtWidgets import QLabel

    return " ".join(label.text() for label in window.notifications.findChildren(QLabel))


def test_an_older_copy_is_told_and_gone_on_with_for_a_reason(
    window: Workbench, qtbot: QtBot, folder: Path, tmp_path: Path
) -> None:
    shutil.copy(folder / "case.sqlite", tmp_path / "older.sqlite")
    with Case.open(folder) as case:
        case.rename("two")
    shutil.copy(tmp_path / "older.sqlite", folder / "case.sqlite")
    dialog = opened(window, qtbot, folder)
    assert "longer trail" in _told(window)
    assert "longer trail" in dialog.text.text()
    assert dialog.warning.isVisible()
    dialog.accept_copy.click()  # without a reason nothing happens
    dialog.reason.setText("last night's backup, the disk failed")
    dialog.accept_copy.click()
    qtbot.waitUntil(lambda: not dialog.warning.isVisible(), timeout=LONG)
    dialog.close()
    with Case.open(folder, read_only=True) as case:
        entry = case.audit.entries(last=1)[0]
    assert (entry.action, "disk failed" in entry.details) == ("trail-accepted", True)
