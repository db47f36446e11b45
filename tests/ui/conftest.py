"""What every test of the window checks besides its own subject: nothing is left running or unsaid."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QSize, QThread, QTimer
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QInputDialog, QMenu, QMessageBox
from pytestqt.qtbot import QtBot

from allstation import paths
from allstation.app import AppController, parse
from allstation.ui.common import window_size
from allstation.ui.main_window.workbench import Workbench


@pytest.fixture(autouse=True)
def no_modal_exec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test whose code waits in a dialog of its own."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        pytest.fail("a modal exec() was called; use open() and signals")

    for kind in (QDialog, QMessageBox, QFileDialog, QInputDialog, QMenu):
        monkeypatch.setattr(kind, "exec", refuse)
    for name in ("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory"):
        monkeypatch.setattr(QFileDialog, name, refuse)
    for name in ("question", "information", "warning", "critical"):
        monkeypatch.setattr(QMessageBox, name, refuse)


@pytest.fixture(autouse=True)
def screen_of_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let windows be as large as on a usual screen: the offscreen platform's has 800 x 800 pixels."""
    monkeypatch.setattr(window_size, "available", lambda _window: QSize(1600, 1000))


@pytest.fixture(autouse=True)
def nothing_left_running(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves a thread running or a timer active.

    Widgets given to ``qtbot.addWidget`` are closed before this looks, because ``qtbot`` is taken
    after it; anything that still ticks then would tick in the user's program as well.
    """
    threads: list[QThread] = []
    timers: list[QTimer] = []
    start_thread, start_timer = QThread.start, QTimer.start

    def note_thread(self: QThread, *args: object) -> None:
        threads.append(self)
        start_thread(self, *args)

    def note_timer(self: QTimer, *args: object) -> None:
        timers.append(self)
        start_timer(self, *args)

    monkeypatch.setattr(QThread, "start", note_thread)
    monkeypatch.setattr(QTimer, "start", note_timer)
    yield
    running = {t.objectName() or repr(t) for t in threads if shiboken6.isValid(t) and t.isRunning()}
    for thread in threads:
        if shiboken6.isValid(thread) and thread.isRunning():
            thread.quit()
            thread.wait(5000)
    assert not running, f"threads left running: {sorted(running)}"
    active = [t for t in timers if shiboken6.isValid(t) and t.isActive() and _shown(t)]
    assert not active, f"timers left active: {[(t.parent(), t.interval()) for t in active]}"


def _shown(timer: QTimer) -> bool:
    """Tell whether a timer's widget is still shown: what is being deleted ends with it."""
    parent = timer.parent()
    while parent is not None:
        if not shiboken6.isValid(parent):
            return False
        if parent.isWidgetType():
            return bool(parent.window().isVisible())
        parent = parent.parent()
    return True


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}")


@pytest.fixture
def expected_log() -> list[str]:
    """Parts of log lines that a test expects at warning level or above."""
    return []


@pytest.fixture(autouse=True)
def no_log_warnings(expected_log: list[str]) -> Iterator[None]:
    """Fail a test during which something was logged as a warning or worse."""
    collector = _Collector()
    logging.getLogger().addHandler(collector)
    yield
    logging.getLogger().removeHandler(collector)
    unexpected = [line for line in collector.lines if not any(part in line for part in expected_log)]
    assert not unexpected, f"unexpected log lines: {unexpected}"


@pytest.fixture
def station(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left_running: None
) -> Iterator[AppController]:
    """The program's services and window in a fresh profile, shown, without a model."""
    monkeypatch.setenv(paths.PROFILE_VARIABLE, str(tmp_path / "profile"))
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    made = AppController(application, parse([]))
    made.build()
    assert made.fault is None
    made.window.show()
    qtbot.waitExposed(made.window)
    yield made
    made.workbench.leave()
    made.join()
    qtbot.waitUntil(lambda: not shiboken6.isValid(made.window), timeout=20_000)
    assert not list((tmp_path / "profile" / "logs").glob("crash-*")), "the program noted a fault of its own"


@pytest.fixture
def window(station: AppController) -> Workbench:
    """The contents of the window of :func:`station`; the window itself is its ``shell``."""
    return station.workbench
