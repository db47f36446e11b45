"""The program's window with a small classified case open in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from allstation.ui.main_window.workbench import Workbench
from tests.unit.report.factory import stored_case

LONG = 60_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A case of four fields on disk, one of them reviewed."""
    return stored_case(tmp_path, 4, reviewed=1)


@pytest.fixture
def opened(window: Workbench, qtbot: QtBot, folder: Path) -> Workbench:
    """The window with the case open."""
    window.case_controller.open_folder(folder)
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 4, timeout=LONG)
    return window
