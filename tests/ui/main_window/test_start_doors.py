"""The three doors of the start page: one click or one key each, in any size of text, then out of the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QScrollArea
from pytestqt.qtbot import QtBot

from allstation.services.case.requests import OpenCase, OpenDemo
from allstation.ui.common import theme
from allstation.ui.main_window.start_door import StartDoor
from allstation.ui.main_window.workbench import Workbench
from tests.ui.named import button, named
from tests.ui.pixels import pixels_of
from tests.ui.text_fit import clipped

LONG = 30_000
SCREEN = QSize(1280, 720)
TITLES = ("Look at smears", "Try the demo", "Train a model")
pytestmark = pytest.mark.qt_log_ignore("does not support raise", extend=True)


def door(window: Workbench, title: str) -> StartDoor:
    return named(window.shell.start, StartDoor, title)


@pytest.fixture
def asked(window: Workbench, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the doors lead to, noted instead of done."""
    found: list[str] = []

    def note(request: object) -> None:
        found.append(type(request).__name__)

    monkeypatch.setattr(QFileDialog, "open", lambda dialog: found.append(dialog.windowTitle()))
    monkeypatch.setattr(window.context.session, "submit", note)
    return found


def test_each_door_opens_by_a_click_and_by_its_key(window: Workbench, asked: list[str], qtbot: QtBot) -> None:
    window.shell.activateWindow()
    qtbot.waitUntil(lambda: door(window, TITLES[0]).hasFocus(), timeout=LONG)
    for title, key, leads in (
        (TITLES[0], Qt.Key.Key_1, "Add a folder of fields"),
        (TITLES[1], Qt.Key.Key_2, OpenDemo.__name__),
    ):
        door(window, title).click()
        # The page says what is prepared once the demo was asked for.
        window.shell.start.show_no_case()
        QTest.keyClick(window.shell.start.focusProxy(), key)
        window.shell.start.show_no_case()
        assert asked == [leads, leads]
        asked.clear()
    assert window.training_controller.window is None
    QTest.keyClick(window.shell.start.focusProxy(), Qt.Key.Key_3)
    training = window.training_controller.window
    assert training is not None
    assert training.isVisible()
    training.close()
    door(window, TITLES[2]).click()
    assert training.isVisible()
    training.close()


def test_a_held_key_and_a_hidden_door_open_nothing(window: Workbench, asked: list[str]) -> None:
    page = window.shell.start
    page.show_filtered()
    QTest.keyClick(page, Qt.Key.Key_1)
    assert not asked
    assert not door(window, TITLES[0]).isVisible()
    page.show_no_case()
    assert door(window, TITLES[0]).isVisible()


def test_doors_go_with_a_case_and_come_back_without_it(
    window: Workbench, qtbot: QtBot, tmp_path: Path
) -> None:
    window.context.session.submit(OpenCase(tmp_path / "New.allcase", create=True))
    qtbot.waitUntil(lambda: window.context.info is not None, timeout=LONG)
    qtbot.waitUntil(lambda: not door(window, TITLES[0]).isVisible(), timeout=LONG)
    assert button(window.shell.start, "Add a folder…").isVisible()
    window.actions_table["case.close"].trigger()
    qtbot.waitUntil(lambda: door(window, TITLES[0]).isVisible(), timeout=LONG)
    assert button(window.shell.start, "New").isVisible(), "the case stays among the recent ones"
    assert not button(window.shell.start, "Add a folder…").isVisible()


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_doors_are_large_and_whole_at_every_size_of_text(window: Workbench, mode: str) -> None:
    scheme = theme.LIGHT if mode == "light" else theme.DARK
    window.actions_table[f"view.{mode}"].trigger()
    window.shell.resize(SCREEN)
    page = window.shell.start
    for scale in (1.0, 1.5, 2.0):
        window.context.theme.set_scale(scale)
        window.shell.resize(SCREEN)
        for _ in range(3):
            QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        assert window.shell.size() == SCREEN
        assert not [(text, needed, given) for _, text, needed, given in clipped(page)]
        area = page.findChild(QScrollArea)
        for title in TITLES:
            place = door(window, title)
            corner = place.mapTo(area.viewport(), place.rect().bottomRight())
            assert area.viewport().rect().contains(corner), f"{title} is not in view at {scale}"
            assert place.width() >= 240
            shown = pixels_of(place.grab().toImage())
            ink = [int(scheme.accent[at : at + 2], 16) for at in (1, 3, 5)]
            icon = shown[: place.height() // 2, : place.width() // 3].astype(int)
            assert (abs(icon - ink).max(axis=2) < 12).sum() > 30, f"{title} has no icon at {scale}"
    window.context.theme.set_scale(1.0)
