"""What the desktop, a drop or a terminal hands over: cases, models, and starts that fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from allstation import app
from allstation.inference.bundle import default_bundle_path
from allstation.services.case.requests import CloseCase
from allstation.store.case import Case
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.models.controller import ModelController

ROOT = Path(__file__).resolve().parents[3]
LONG = 20_000


def is_open(window: Workbench, name: str) -> Callable[[], bool]:
    return lambda: (info := window.context.session.info) is not None and info.name == name


@pytest.fixture
def case(tmp_path: Path) -> Path:
    folder = tmp_path / "Monday.allcase"
    Case.create(folder).close()
    return folder


@pytest.mark.parametrize("given", ["", "case.sqlite"])
def test_a_case_handed_over_is_opened(window: Workbench, qtbot: QtBot, case: Path, given: str) -> None:
    window.case_controller.add_paths([case / given])
    qtbot.waitUntil(is_open(window, "Monday"), timeout=LONG)
    assert window.context.settings.value.recent == (str(case),)


def test_a_case_with_fields_is_opened_and_they_are_added(window: Workbench, qtbot: QtBot, case: Path) -> None:
    from allstation.imaging.synthetic import write_demo

    write_demo(case.parent / "Slide", fields=1)
    window.case_controller.add_paths([case.parent / "Slide", case])
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 1, timeout=LONG)
    assert is_open(window, "Monday")()


def test_a_model_handed_over_is_offered_never_just_taken(window: Workbench, qtbot: QtBot) -> None:
    bundle = default_bundle_path()
    with qtbot.waitSignal(window.shell.findChild(ModelController).offered) as asked:
        window.case_controller.add_paths([bundle])
    box = asked.args[0]
    assert isinstance(box, QMessageBox)
    assert bundle.name in box.text()
    assert box.defaultButton() is box.escapeButton()
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert not box.isVisible()
    assert window.context.settings.value.model == "", "Return alone took a model nobody has looked at"
    with qtbot.waitSignal(window.shell.findChild(ModelController).offered) as asked:
        window.case_controller.add_paths([bundle])
    (use,) = [each for each in asked.args[0].buttons() if each.text() == "Use this model"]
    use.click()
    qtbot.waitUntil(lambda: window.context.selection.model is not None, timeout=LONG)
    assert window.context.settings.value.model == str(bundle)


def test_a_recent_case_that_is_gone_is_located(
    window: Workbench, qtbot: QtBot, case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.case_controller.open_folder(case)
    qtbot.waitUntil(is_open(window, "Monday"), timeout=LONG)
    window.actions_table["case.close"].trigger()
    qtbot.waitUntil(lambda: window.context.session.info is None, timeout=LONG)
    elsewhere = case.parent / "archive"
    elsewhere.mkdir()
    case.rename(elsewhere / case.name)
    window.shell.start.recent_asked.emit(case)
    qtbot.waitUntil(lambda: len(window.notifications.texts()) == 1, timeout=LONG)
    opened: list[QFileDialog] = []
    monkeypatch.setattr(QFileDialog, "open", lambda dialog: opened.append(dialog))  # noqa: PLW0108
    (locate,) = [b for b in window.notifications.findChildren(QPushButton) if b.text() == "Locate…"]
    locate.click()
    assert "Monday" in opened[0].windowTitle()
    # The folder above it will do as well: people stop one level too early.
    opened[0].fileSelected.emit(str(elsewhere))
    qtbot.waitUntil(is_open(window, "Monday"), timeout=LONG)
    assert window.context.settings.value.recent == (str(elsewhere / case.name),)


def test_moved_fields_are_offered_to_be_located_and_shown_again(
    window: Workbench, qtbot: QtBot, case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from allstation.imaging.synthetic import write_demo

    write_demo(case.parent / "Slides", fields=3)
    window.case_controller.open_folder(case)
    qtbot.waitUntil(is_open(window, "Monday"), timeout=LONG)
    window.case_controller.add_paths([case.parent / "Slides"])
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 3, timeout=LONG)
    window.context.session.submit(CloseCase())
    qtbot.waitUntil(lambda: window.context.session.info is None, timeout=LONG)
    (case.parent / "Slides").rename(case.parent / "Elsewhere")
    window.case_controller.open_folder(case)
    grid = window.browser.grid

    def tiles() -> list[object]:
        pictures = window.browser.thumbnails._pictures
        return [picture for key, picture in pictures.items() if key.field_id in window.browser.model.ids()]

    qtbot.waitUntil(lambda: len(tiles()) >= 3 and not any(tiles()), timeout=LONG)
    qtbot.waitUntil(
        lambda: any("not where they were" in text for text in window.notifications.texts()),
        timeout=LONG,
    )
    opened: list[QFileDialog] = []
    monkeypatch.setattr(QFileDialog, "open", lambda dialog: opened.append(dialog))  # noqa: PLW0108
    (locate,) = [b for b in window.notifications.findChildren(QPushButton) if b.text() == "Locate…"]
    locate.click()
    opened[0].fileSelected.emit(str(case.parent / "Elsewhere"))
    qtbot.waitUntil(lambda: any("All 3 moved" in text for text in window.notifications.texts()), timeout=LONG)
    qtbot.waitUntil(lambda: all(tiles()) or bool(grid.viewport().update()), timeout=LONG)
    qtbot.waitUntil(lambda: window.viewer.main.canvas.scene.picture is not None, timeout=LONG)


def test_a_closed_case_stays_closed_at_the_next_start(window: Workbench, qtbot: QtBot, case: Path) -> None:
    window.case_controller.open_folder(case)
    qtbot.waitUntil(is_open(window, "Monday"), timeout=LONG)
    assert window.context.settings.value.last_case == str(case)
    window.actions_table["case.close"].trigger()
    qtbot.waitUntil(lambda: window.context.settings.value.last_case == "", timeout=LONG)


@pytest.mark.parametrize("where", ["MainWindow.__init__", "AppController.show"])
def test_a_start_that_fails_says_so_and_leaves_with_its_status(tmp_path: Path, where: str) -> None:
    """In a process of its own: it must end by itself, with no thread left to abort it."""
    program = f"""
import sys
from allstation import app
from allstation.app import MainWindow, AppController
def fail(*_args, **_kwargs):
    raise RuntimeError("/home/dr/Jane Doe")
{where} = fail
sys.exit(app.main(["--profile", {str(tmp_path)!r}]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == app.CANNOT_START, done.stderr
    assert "could not start" in done.stderr
    assert "RuntimeError" in done.stderr
    assert "Jane" not in done.stderr
    assert len(list((tmp_path / "logs").glob("crash-*.txt"))) == 1
