"""About: which build this is, and the licences of everything that ships."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from allstation import __version__, frozen
from allstation.ui.main_window.about import AboutDialog
from allstation.ui.main_window.licences import NOTICES, LicencesDialog


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make this process look packed, with notices of 5,000 lines and a build stamp."""
    notices = tmp_path / "resources" / NOTICES
    notices.parent.mkdir(parents=True)
    notices.write_text("\n".join(f"licence line {number}" for number in range(5000)), encoding="utf-8")
    stamp = tmp_path / "resources" / frozen.BUILD_STAMP
    stamp.write_text("full edition for linux, 2026-11-22, commit 0123456789ab\n", encoding="utf-8")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    return tmp_path


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    return widget


@pytest.fixture
def about(parent: QWidget) -> AboutDialog:
    dialog = AboutDialog(None, parent)
    dialog.open()
    return dialog


def test_about_says_version_and_build(packed: Path, about: AboutDialog) -> None:
    shown = {label.text() for label in about.findChildren(QLabel)}
    assert f"ALL Station {__version__}" in shown
    assert "full edition for linux, 2026-11-22, commit 0123456789ab" in shown


def test_every_line_of_the_notices_is_shown(packed: Path, about: AboutDialog, qtbot: QtBot) -> None:
    next(one for one in about.findChildren(QPushButton) if one.text() == "Licences").click()
    licences = about.findChild(LicencesDialog)
    qtbot.waitUntil(lambda: licences.text.blockCount() == 5000)
    assert licences.text.toPlainText().endswith("licence line 4999")
    qtbot.waitUntil(lambda: licences.text.textCursor().position() == 0)


def test_a_program_run_from_its_sources_says_that_nothing_was_packed(parent: QWidget, qtbot: QtBot) -> None:
    licences = LicencesDialog(parent)
    qtbot.waitUntil(lambda: "runs from its sources" in licences.text.toPlainText())
