"""The first page: up before the program is loaded; nothing moves when the rest comes, no key is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from allstation import paths
from allstation.app import AppController, parse
from allstation.ui.main_window.start_page_layout import MENU_TITLES

ROOT = Path(__file__).resolve().parents[3]
STARTED = """
import json, sys
import PySide6.QtCore
from allstation import app
begin = app.AppController.show
def watched(self):
    self.window.start.painted.connect(self.tell)
    begin(self)
def tell(self):
    heavy = ("numpy", "cv2", "sqlite3", "PIL", "ai_edge_litert", "allstation.store")
    print(json.dumps({
        "loaded": [name for name in heavy if name in sys.modules],
        "namespace": "Qt" in vars(PySide6.QtCore),
        "whole": self.workbench is not None,
    }), flush=True)
    self.window.close()
app.AppController.show, app.AppController.tell = watched, tell
sys.exit(app.main([]))
"""


@pytest.fixture
def unfinished(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left_running: None
) -> Iterator[AppController]:
    """A station whose window is on screen and not whole yet."""
    monkeypatch.setenv(paths.PROFILE_VARIABLE, str(tmp_path / "profile"))
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    made = AppController(application, parse([]))
    made.window.show()
    qtbot.waitExposed(made.window)
    yield made
    made.workbench.leave()
    made.join()
    qtbot.waitUntil(lambda: not shiboken6.isValid(made.window), timeout=20_000)


def test_what_comes_before_the_first_paint_is_little(tmp_path: Path) -> None:
    """In a process of its own: neither decoder nor database nor Qt's enumerations are made before."""
    done = subprocess.run(
        [sys.executable, "-c", STARTED],
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen", paths.PROFILE_VARIABLE: str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"loaded": [], "namespace": False, "whole": False}


def test_the_menus_of_all_actions_are_in_the_menu_bar_from_the_beginning(unfinished: AppController) -> None:
    unfinished.build()
    menus = {action.menu.split("/")[0] for action in unfinished.workbench.actions_table.all()}
    assert menus == set(MENU_TITLES)


def test_nothing_moves_when_the_rest_comes(unfinished: AppController, qtbot: QtBot) -> None:
    window = unfinished.window
    before = window.size(), window.start.size(), window.start.mapTo(window, window.start.pos())
    unfinished.build()
    qtbot.wait(50)
    assert (window.size(), window.start.size(), window.start.mapTo(window, window.start.pos())) == before
    assert not any(dock.isVisible() for dock in unfinished.workbench.docks.values())


def test_a_key_pressed_too_early_is_not_lost(
    unfinished: AppController, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first key finds the window whole and does what it does at any time."""
    opened: list[object] = []
    monkeypatch.setattr(QFileDialog, "open", lambda *given: opened.append(given))
    unfinished.import_modules()
    handle = unfinished.window.windowHandle()
    assert handle is not None
    assert unfinished.workbench is None
    QTest.keyClick(handle, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    assert unfinished.workbench is not None
    assert len(opened) == 1


def test_a_window_that_nobody_sees_is_made_whole_too(unfinished: AppController, qtbot: QtBot) -> None:
    unfinished.import_modules()
    qtbot.waitUntil(lambda: unfinished.workbench is not None, timeout=20_000)
    assert unfinished.fault is None


def test_a_window_closed_too_early_ends_in_order(unfinished: AppController, qtbot: QtBot) -> None:
    with qtbot.waitSignal(unfinished.window.closing):
        unfinished.window.close()
    assert unfinished.workbench is not None
