"""Nothing is reviewed that nobody can have seen: keys, buttons, many at once, pictures that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from allstation.services.case.requests import OpenCase
from allstation.services.settings import Settings
from allstation.store.case import Case
from allstation.ui.main_window.workbench import Workbench
from tests.ui.named import named
from tests.ui.pixels import mosaic_case

FIELDS = 20
LONG = 20_000
REPEAT = 0.03
"""Seconds between the repeats of a held key."""


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return mosaic_case(tmp_path, FIELDS)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(window: Workbench, case: Path, clock: Clock, qtbot: QtBot) -> Workbench:
    """The window with that case, its first field painted at this moment, and a clock that stands still."""
    for tracker in (window.viewer.main.canvas.visibility, window.browser.grid.visibility):
        tracker.clock = clock
    window.review.set_reviewer("Ada")
    window.context.session.submit(OpenCase(case))
    painted(window, qtbot, "f00.png")
    window.browser.focus_view()
    return window


def painted(window: Workbench, qtbot: QtBot, name: str) -> None:
    """Wait until the pixels of a field are on the screen."""
    canvas = window.viewer.main.canvas

    def is_painted() -> bool:
        record = window.viewer.record
        key = (record.id, record.path, record.sha256) if record is not None else None
        return record is not None and record.path.name == name and canvas.visibility.seconds(key) is not None

    qtbot.waitUntil(is_painted, timeout=LONG)


def reviews(window: Workbench, qtbot: QtBot) -> list[str | None]:
    """Return the classes that were stored, after everything asked for was written."""
    qtbot.wait(50)
    with Case.open(window.context.session.info.folder, read_only=True) as stored:
        return [field.review.class_name for field in stored.fields.page() if field.review is not None]


def refusals(window: Workbench) -> list[str]:
    """Return the messages that say why nothing was reviewed."""
    return [text for text in window.notifications.texts() if "not reviewed" in text.casefold()]


def wait_reviews(window: Workbench, qtbot: QtBot, expected: list[str | None]) -> None:
    qtbot.waitUntil(lambda: reviews(window, qtbot) == expected, timeout=LONG)


def press(window: Workbench, qtbot: QtBot, key: Qt.Key) -> None:
    qtbot.keyClick(window.shell, key)


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_3, Qt.Key.Key_R])
def test_a_field_that_was_just_painted_is_not_reviewed_and_the_person_is_told_once(
    opened: Workbench, clock: Clock, qtbot: QtBot, key: Qt.Key
) -> None:
    clock.pass_by(0.29)
    for _ in range(4):
        press(opened, qtbot, key)
    assert reviews(opened, qtbot) == []
    assert opened.viewer.record.path.name == "f00.png", "the window went on without a review"
    (words,) = refusals(opened)
    assert words.startswith("Not reviewed: f00.png has been on the screen for less than 0.3 s.")
    clock.pass_by(0.3)
    press(opened, qtbot, key)
    wait_reviews(opened, qtbot, [{Qt.Key.Key_Space: "Early", Qt.Key.Key_3: "Pre", Qt.Key.Key_R: None}[key]])


def test_a_held_key_whose_repeats_look_like_presses_reviews_one_field(
    opened: Workbench, clock: Clock, qtbot: QtBot
) -> None:
    clock.pass_by(1.0)
    for _ in range(round(2.5 / REPEAT)):
        press(opened, qtbot, Qt.Key.Key_Space)
        qtbot.wait(5)  # pictures are read and painted meanwhile
        clock.pass_by(REPEAT)
    assert reviews(opened, qtbot) == ["Early"]
    assert len(refusals(opened)) == 1


def test_the_repeats_of_a_space_held_on_the_picture_review_nothing(
    opened: Workbench, clock: Clock, qtbot: QtBot
) -> None:
    canvas = opened.viewer.main.canvas
    clock.pass_by(1.0)
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) * 10:
        event = QKeyEvent(kind, Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier, " ", True)
        QApplication.sendEvent(canvas, event)
    assert reviews(opened, qtbot) == []


def test_no_key_that_reviews_removes_or_writes_repeats(opened: Workbench) -> None:
    table = opened.actions_table
    repeating = {action.id for action in table.all() if table[action.id].autoRepeat()}
    assert repeating == {
        "go.previous", "go.next", "go.unreviewed", "browse.larger", "browse.smaller",
        "view.zoom_in", "view.zoom_out", "view.scale_up", "view.scale_down",
    }  # fmt: skip
    assert {"review.class.0", "review.confirm", "field.remove"} <= {action.id for action in table.all()}
    assert not any(key.startswith(("review.", "field.", "slide.", "queue.", "case.")) for key in repeating)


def test_a_picture_that_cannot_be_shown_is_not_reviewed_by_key_or_button_but_sent_to_another_look(
    opened: Workbench, case: Path, clock: Clock, qtbot: QtBot
) -> None:
    (case.parent / "smear" / "f19.png").unlink()
    opened.browser.go_to_row(19)
    canvas = opened.viewer.main.canvas
    qtbot.waitUntil(lambda: "f19.png" in canvas.message, timeout=LONG)
    canvas.repaint()
    clock.pass_by(5.0)
    early = named(opened.review, QPushButton, "Set Early")
    confirm = next(b for b in opened.review.findChildren(QPushButton) if "Confirm" in b.text())
    for button in (early, confirm):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        clock.pass_by(1.0)
    opened.browser.focus_view()
    for key in (Qt.Key.Key_Space, Qt.Key.Key_1):
        press(opened, qtbot, key)
        clock.pass_by(1.0)
    assert "Early" not in reviews(opened, qtbot)
    (words,) = refusals(opened)
    assert "the picture of f19.png cannot be shown, so nobody has seen it" in words
    assert not early.isChecked()
    press(opened, qtbot, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: None in reviews(opened, qtbot), timeout=LONG)


def test_a_class_button_does_nothing_before_the_picture_is_there(
    opened: Workbench, clock: Clock, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.viewer.loader.clear()
    monkeypatch.setattr(opened.viewer.loader, "_start", lambda *_args: None)
    opened.browser.go_to_row(7)
    qtbot.waitUntil(lambda: opened.viewer.record.path.name == "f07.png", timeout=LONG)
    opened.viewer.main.canvas.repaint()
    clock.pass_by(5.0)
    qtbot.mouseClick(named(opened.review, QPushButton, "Set Early"), Qt.MouseButton.LeftButton)
    assert reviews(opened, qtbot) == []
    (words,) = refusals(opened)
    assert "the picture of f07.png is not on the screen yet" in words


def test_time_in_a_minimised_window_does_not_count(opened: Workbench, clock: Clock, qtbot: QtBot) -> None:
    canvas = opened.viewer.main.canvas
    opened.shell.hide()
    clock.pass_by(10.0)
    opened.shell.show()
    qtbot.waitExposed(opened)
    painted(opened, qtbot, "f00.png")
    press(opened, qtbot, Qt.Key.Key_Space)
    assert reviews(opened, qtbot) == []
    assert canvas.visibility.seconds("anything else") is None


def test_of_many_selected_fields_only_those_whose_pictures_were_shown_are_reviewed(
    opened: Workbench, clock: Clock, qtbot: QtBot
) -> None:
    grid = opened.browser.grid
    grid.set_tile_width(200)
    ids = list(opened.browser.model.ids())
    qtbot.waitUntil(lambda: grid.visibility.seconds(ids[0]) is not None, timeout=LONG)
    qtbot.waitUntil(lambda: opened.browser.thumbnails._asked == {}, timeout=LONG)
    grid.viewport().repaint()
    on_screen = [number for number in ids if grid.visibility.seconds(number) is not None]
    assert 0 < len(on_screen) < FIELDS
    opened.browser.select_all()
    press(opened, qtbot, Qt.Key.Key_4)
    assert reviews(opened, qtbot) == []
    assert f"{FIELDS} of {FIELDS} selected fields were not reviewed" in refusals(opened)[0]
    clock.pass_by(0.5)
    press(opened, qtbot, Qt.Key.Key_4)
    wait_reviews(opened, qtbot, ["Pro"] * len(on_screen))
    (words,) = refusals(opened)
    assert words.startswith(f"{FIELDS - len(on_screen)} of {FIELDS} selected fields were not reviewed")
    assert f"on {len(on_screen)} fields" in opened.context.undo.undoText()


def test_the_time_is_a_setting_and_a_senseless_one_counts_as_the_default(
    opened: Workbench, clock: Clock, qtbot: QtBot
) -> None:
    opened.context.settings.change(min_seconds_on_screen=2.0)
    clock.pass_by(1.0)
    press(opened, qtbot, Qt.Key.Key_Space)
    assert reviews(opened, qtbot) == []
    assert "less than 2 s" in refusals(opened)[0]
    clock.pass_by(1.5)
    press(opened, qtbot, Qt.Key.Key_Space)
    wait_reviews(opened, qtbot, ["Early"])
    for value in (-1.0, float("nan"), float("inf"), 1e9):
        assert Settings(min_seconds_on_screen=value).seconds_on_screen == 0.3


@pytest.mark.qt_log_ignore("does not support raise", extend=True)
def test_thumbnails_in_a_panel_that_floats_and_comes_back_are_timed_anew(
    opened: Workbench, clock: Clock, qtbot: QtBot
) -> None:
    grid, dock = opened.browser.grid, opened.docks["browser"]
    first = opened.browser.model.ids()[0]
    for floating in (True, False):
        dock.setFloating(floating)
        qtbot.waitExposed(grid.window())
        qtbot.waitUntil(lambda: grid.visibility.seconds(first) is not None, timeout=LONG)
        assert grid.visibility.seconds(first) == 0.0
        clock.pass_by(1.0)
        assert grid.visibility.seconds(first) == 1.0


def key_event(kind: QEvent.Type, key: Qt.Key, at: int) -> QKeyEvent:
    """A key event of a moment in milliseconds, not marked as a repeat."""
    event = QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier, " ", False)
    event.setTimestamp(at)
    return event


@pytest.mark.parametrize(("pause", "done"), [(0, 0), (19, 0), (21, 1), (300, 1)])
def test_a_press_at_the_moment_of_the_release_is_a_held_key_also_where_it_is_not_marked(
    opened: Workbench, clock: Clock, qtbot: QtBot, pause: int, done: int
) -> None:
    """As an X server sends a held key whose press was not read yet when its release was handled."""
    grid, action = opened.browser.grid, opened.actions_table["review.confirm"]
    clock.pass_by(1.0)
    QApplication.sendEvent(grid, key_event(QEvent.Type.KeyRelease, Qt.Key.Key_Space, 5_000))
    QApplication.sendEvent(grid, key_event(QEvent.Type.ShortcutOverride, Qt.Key.Key_Space, 5_000 + pause))
    action.trigger()
    assert len(reviews(opened, qtbot)) == done
    clock.pass_by(1.0)
    action.trigger()  # a click on the menu afterwards
    qtbot.waitUntil(lambda: len(reviews(opened, qtbot)) >= 1, timeout=LONG)


def test_a_space_held_on_the_picture_confirms_at_most_once(
    opened: Workbench, clock: Clock, qtbot: QtBot
) -> None:
    canvas = opened.viewer.main.canvas
    taps = QSignalSpy(canvas.space_tapped)
    QApplication.sendEvent(canvas, key_event(QEvent.Type.KeyPress, Qt.Key.Key_Space, 1_000))
    for at in range(1_660, 3_500, 40):
        QApplication.sendEvent(canvas, key_event(QEvent.Type.KeyRelease, Qt.Key.Key_Space, at))
        QApplication.sendEvent(canvas, key_event(QEvent.Type.KeyPress, Qt.Key.Key_Space, at))
    assert taps.count() == 1
