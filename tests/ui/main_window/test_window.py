"""The window's own manners: drops, closing, keys, notifications, problems, the first page."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QRect, Qt, QUrl
from PySide6.QtGui import QKeyEvent, QPalette, QTextDocument
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSlider,
    QToolButton,
    QTreeWidget,
)
from pytestqt.qtbot import QtBot

from allstation.core.records import FieldState
from allstation.processing.status_types import ImportStatus, Problem, QueuePhase, QueueStatus
from allstation.services.case.requests import OpenCase
from allstation.ui.case.controller import free_name
from allstation.ui.common import focus_filters, notifications, theme
from allstation.ui.common.formatting import duration, percent, short_name, tip
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.main_window.close_dialog import ask_before_closing
from allstation.ui.main_window.dropped_files import elsewhere_sentence, read_drop
from allstation.ui.main_window.menus import RECENT
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.queue.panel import QueuePanel, intake_sentence, sentence
from tests.ui.cells.cell_case import cell_case
from tests.ui.named import label_texts, named


def test_a_drop_is_sorted_without_touching_the_disk() -> None:
    data = QMimeData()
    data.setUrls(
        [QUrl.fromLocalFile("/no/such/field.jpg"), QUrl("https://example.org/a.jpg"), QUrl("ftp://x/b")]
    )
    assert read_drop(data) == ([Path("/no/such/field.jpg")], 2)


def test_what_lies_elsewhere_is_refused_in_a_sentence() -> None:
    assert "Save it" in elsewhere_sentence(1)
    assert "3" in elsewhere_sentence(3)


def test_text_boxes_leave_drops_to_the_window(window: Workbench) -> None:
    boxes = [*window.shell.findChildren(QLineEdit), *window.shell.findChildren(QPlainTextEdit)]
    assert boxes
    assert [box for box in boxes if box.acceptDrops()] == []


def test_a_dropped_case_folder_is_opened_not_added(window: Workbench, qtbot: QtBot, tmp_path: Path) -> None:
    window.case_controller.create(tmp_path / "a.allcase")
    qtbot.waitUntil(lambda: window.context.session.info is not None, timeout=20_000)
    window.case_controller.create(tmp_path / "b.allcase")
    qtbot.waitUntil(lambda: window.context.session.info.name == "b", timeout=20_000)
    window.case_controller.add_paths([tmp_path / "a.allcase"])
    qtbot.waitUntil(lambda: window.context.session.info.name == "a", timeout=20_000)
    assert window.context.settings.value.recent[0] == str(tmp_path / "a.allcase")


def test_panels_come_with_a_case_and_go_with_it(window: Workbench, qtbot: QtBot, tmp_path: Path) -> None:
    assert not any(dock.isVisible() for dock in window.docks.values())
    window.case_controller.create(tmp_path / "a.allcase")
    qtbot.waitUntil(window.docks["browser"].isVisible, timeout=20_000)
    assert "no fields yet" in label_texts(window.shell.start)
    window.actions_table["case.close"].trigger()
    qtbot.waitUntil(lambda: not window.docks["browser"].isVisible(), timeout=20_000)
    assert window.shell.windowTitle() == "ALL Station"


def test_a_problem_is_told_and_can_be_copied(window: Workbench) -> None:
    window.case_controller.show_problem(Problem("disk-full", "The disk is full: make space and try again."))
    assert window.notifications.texts() == ["The disk is full: make space and try again."]
    copy = [b for b in window.notifications.findChildren(QPushButton) if b.text() == "Copy details"]
    assert len(copy) == 1


def test_names_with_tags_are_shown_as_they_are(window: Workbench) -> None:
    """A label that guesses would read a file's name as markup, and load what it points to."""
    window.case_controller.show_problem(Problem("too-large", "The field <img src='x.png'>.jpg is too large."))
    labels = [label for label in window.shell.findChildren(QLabel) if label.text()]
    assert any("<img" in label.text() for label in labels)
    assert [label for label in labels if label.textFormat() is not Qt.TextFormat.PlainText] == []


def test_tool_tips_show_names_as_they_are(window: Workbench) -> None:
    folder = Path("/cases/<b>Müller</b> & Co.allcase")
    window.menus.fill_recent([folder], lambda _folder: None)
    window.status.show_watch("watched", str(folder))
    tips = [action.toolTip() for action in window.menus.submenus[RECENT].actions()]
    tips += [label.toolTip() for label in window.status.findChildren(QLabel) if "Müller" in label.toolTip()]
    assert len(tips) == 2
    for shown in tips:
        document = QTextDocument()
        document.setHtml(shown)
        assert document.toPlainText() == str(folder)
    assert tip("fields/a & b.jpg") == "fields/a & b.jpg"


def test_a_fault_of_the_program_is_told_without_a_dialog(window: Workbench) -> None:
    window.show_crash("report")
    assert "nothing was sent" in window.notifications.texts()[0]


def test_notices_never_take_the_keyboard(window: Workbench) -> None:
    window.shell.menuBar().setFocus()
    before = window.shell.focusWidget()
    window.notifications.show_notification(Notification(Level.INFO, "Hello"))
    assert window.shell.focusWidget() is before


def test_only_a_few_notices_are_shown_and_repeats_count_once(window: Workbench) -> None:
    for text in ("a", "b", "b", "c", "d"):
        window.notifications.show_notification(Notification(Level.INFO, text))
    assert window.notifications.texts() == ["b", "c", "d"]
    window.notifications.clear()
    assert window.notifications.isHidden()


def test_no_notice_is_cut_for_another(window: Workbench, qtbot: QtBot) -> None:
    window.shell.show()
    done = (
        "Queue finished: 132 of the 159 fields of the case are read  ·  27 cannot be read  ·  finding the "
        "cells of 19 fields"
    )
    unlike = (
        "114 of 132 fields (86 %) go to a person as unlike what the model knows. If these slides are of "
        "another laboratory, the program can be adapted to it (Ctrl+7)."
    )
    gone = "Fields of this case are not where they were. If their folder was moved, show it where to."
    for text, action in ((done, ""), (unlike, "Commission…"), (gone, "Locate…")):
        window.notifications.show_notification(Notification(Level.WARNING, text, action))
    qtbot.waitUntil(window.notifications.isVisible)
    QApplication.processEvents()
    labels = [one for one in window.notifications.findChildren(QLabel) if one.text()]
    assert len(labels) == 3
    for label in labels:
        assert label.height() >= label.heightForWidth(label.width()), label.text()


@pytest.mark.qt_log_ignore("does not support raise", extend=True)
def test_a_notice_of_the_training_window_can_be_closed_in_dark(window: Workbench) -> None:
    """Its cross is drawn anew, not dark on dark."""
    window.actions_table["view.light"].trigger()
    window.actions_table["model.train"].trigger()
    training = window.training_controller.window
    training.notifications.show_notification(Notification(Level.ERROR, "stays"))
    (close,) = training.notifications.findChildren(QToolButton)

    def brightest() -> int:
        image = close.icon().pixmap(16, 16).toImage()
        grid = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
        return max(colour.lightness() for colour in grid if colour.alpha() > 200)

    light = brightest()
    window.actions_table["view.dark"].trigger()
    QApplication.processEvents()
    assert brightest() > light + 50
    window.actions_table["view.light"].trigger()
    training.close()


def test_good_news_go_by_themselves_and_errors_stay(
    window: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_STAY", "_STAY_LONGER"):
        monkeypatch.setattr(notifications, name, 20)
    window.notifications.show_notification(Notification(Level.ERROR, "stays"))
    window.notifications.show_notification(Notification(Level.OK, "goes"))
    assert window.notifications.texts() == ["stays", "goes"]
    qtbot.waitUntil(lambda: window.notifications.texts() == ["stays"])
    qtbot.wait(60)
    assert window.notifications.texts() == ["stays"]


@pytest.mark.parametrize("training", [False, True])
def test_leaving_is_asked_without_waiting(window: Workbench, training: bool) -> None:
    left: list[bool] = []
    box = ask_before_closing(window.shell, lambda: left.append(True), waiting=3, training=training)
    assert "3" in box.text()
    assert ("trained" in box.text()) is training
    box.escapeButton().click()
    assert left == []


@pytest.mark.parametrize("key", [Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home])
def test_a_slider_keeps_its_arrow_keys(qtbot: QtBot, key: Qt.Key) -> None:
    slider = QSlider()
    qtbot.addWidget(slider)
    pressed = QKeyEvent(QKeyEvent.Type.ShortcutOverride, key, Qt.KeyboardModifier.NoModifier)
    assert focus_filters.belongs_to_control(pressed, slider)
    with_control = QKeyEvent(QKeyEvent.Type.ShortcutOverride, key, Qt.KeyboardModifier.ControlModifier)
    assert not focus_filters.belongs_to_control(with_control, slider)
    assert not focus_filters.belongs_to_control(pressed, None)


def test_a_button_keeps_space_and_leaves_the_arrows(qtbot: QtBot) -> None:
    button = QPushButton()
    qtbot.addWidget(button)
    none = Qt.KeyboardModifier.NoModifier
    kind = QKeyEvent.Type.ShortcutOverride
    assert focus_filters.belongs_to_control(QKeyEvent(kind, Qt.Key.Key_Space, none), button)
    assert not focus_filters.belongs_to_control(QKeyEvent(kind, Qt.Key.Key_Right, none), button)


def test_dark_is_dark_and_light_is_light(window: Workbench) -> None:
    for mode, dark in (("dark", True), ("light", False)):
        window.actions_table[f"view.{mode}"].trigger()
        shade = (
            window.shell.grab()
            .toImage()
            .pixelColor(window.shell.width() // 2, window.shell.height() - 40)
            .lightness()
        )
        assert (shade < 80) is dark
        checked = [m for m in ("light", "dark", "system") if window.actions_table[f"view.{m}"].isChecked()]
        assert checked == [mode]


@pytest.mark.parametrize("scheme", [theme.LIGHT, theme.DARK])
def test_text_can_be_read_on_every_ground(scheme: theme.Tokens) -> None:
    """WCAG 2.1: at least 4.5:1 for text, 3:1 for what only marks a state."""
    for text in (scheme.text, scheme.muted, scheme.danger, scheme.warning, scheme.ok):
        for ground in (scheme.panel, scheme.base):
            assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast(scheme.text, scheme.selection) >= 4.5
    assert contrast(scheme.on_accent, scheme.accent) >= 4.5


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_text_size_is_changed_and_remembered(window: Workbench) -> None:
    before = window.shell.font().pointSizeF()
    window.actions_table["view.scale_up"].trigger()
    assert window.shell.font().pointSizeF() > before
    assert window.context.settings.value.text_scale == 1.1
    window.actions_table["view.scale_reset"].trigger()
    assert window.shell.font().pointSizeF() == before


def test_the_palette_tells_the_scheme(qtbot: QtBot) -> None:
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.Window, theme.DARK.window)
    assert theme.tokens(palette) is theme.DARK


@pytest.mark.parametrize(
    ("counts", "phase", "expected"),
    [
        ({}, QueuePhase.IDLE, "The queue is empty"),
        ({FieldState.DONE: 3, FieldState.QUEUED: 1}, QueuePhase.PAUSED, "3 of 4 fields  ·  paused"),
        ({FieldState.DONE: 2, FieldState.FAILED: 1}, QueuePhase.IDLE, "2 of 3 fields  ·  1 failed"),
        ({FieldState.QUEUED: 5}, QueuePhase.NO_MODEL, "0 of 5 fields  ·  waiting for a model"),
    ],
)
def test_the_queue_in_one_line(counts: dict[FieldState, int], phase: QueuePhase, expected: str) -> None:
    assert sentence(QueueStatus(phase, counts)) == expected


def test_the_queue_says_how_fast_and_how_long() -> None:
    counts = {FieldState.DONE: 100, FieldState.QUEUED: 600}
    line = sentence(QueueStatus(QueuePhase.RUNNING, counts, rate=5.0))
    assert "5.0 fields/s" in line
    assert "about 2 min left" in line


def test_a_problem_is_told_whole_whatever_the_width(qtbot: QtBot) -> None:
    panel = QueuePanel()
    qtbot.addWidget(panel)
    told = "The field cut off.jpg ends too early, after 35,625 bytes. " * 3
    panel.show_intake(ImportStatus(refused=(Problem("truncated-field", told, "cut off.jpg"),)))
    panel.resize(1200, 300)
    panel.show()
    (table,) = (tree for tree in panel.findChildren(QTreeWidget) if tree.topLevelItemCount())
    index = table.model().index(0, 2)
    assert table.topLevelItem(0).text(1) == "truncated field"
    heights = []
    for width in (1200, 600):
        panel.resize(width, 300)
        qtbot.waitUntil(lambda width=width: panel.width() == width)
        room = QRect(0, 0, table.columnWidth(2), 10_000)
        needed = table.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, told).height()
        qtbot.waitUntil(lambda needed=needed: table.visualRect(index).height() >= needed)
        heights.append(table.visualRect(index).height())
    assert heights[1] > heights[0]


def test_what_was_dropped_in_one_line() -> None:
    status = ImportStatus(added=12, duplicates=3, refused_count=2, running=False)
    assert intake_sentence(status) == "12 fields added  ·  3 already in the case  ·  2 refused"
    told = Problem("unsupported-format", "notes.png is no picture.", "notes.png")
    status = ImportStatus(added=1, refused=(told,), refused_count=1, running=False)
    assert intake_sentence(status) == "1 field added  ·  1 refused: notes.png is no picture."
    several = ImportStatus(added=12, paged=2, running=False)
    assert intake_sentence(several) == "12 fields added  ·  2 of several pages: only the first is classified"


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (1.0, "100.0 %"),
        (0.99999, ">99.9 %"),
        (0.9994, "99.9 %"),
        (0.001, "0.1 %"),
        (0.00001, "<0.1 %"),
        (0.0, "0.0 %"),
        (0.5, "50.0 %"),
    ],
)
def test_certainty_is_never_rounded_up_to_all(share: float, shown: str) -> None:
    assert percent(share) == shown


def test_durations_are_said_as_people_say_them() -> None:
    assert [duration(s) for s in (0.4, 59, 300, 7500)] == ["0 s", "59 s", "5 min", "2 h 5 min"]


def test_long_names_keep_their_ends() -> None:
    assert short_name("a" * 50 + "_007.jpg", 20).endswith("_007.jpg")
    assert len(short_name("x" * 300, 40)) == 40


def test_a_new_case_gets_a_name_that_is_free(tmp_path: Path) -> None:
    (tmp_path / "Monday.allcase").mkdir()
    assert free_name(tmp_path, "Monday") == "Monday 2.allcase"
    assert free_name(tmp_path, "Tuesday") == "Tuesday.allcase"


def test_garbage_is_left_to_the_window_while_it_is_there(window: Workbench) -> None:
    assert not gc.isenabled()
    assert gc.get_freeze_count() > 1000


def test_a_panel_behind_another_takes_no_key(window: Workbench, tmp_path: Path, qtbot: QtBot) -> None:
    """Tab and Space must not review in a panel that nobody sees."""
    window.context.session.submit(OpenCase(tmp_path / "A.allcase", create=True))
    qtbot.waitUntil(lambda: window.context.session.info is not None and window.review.isEnabled())
    window.actions_table["browse.summary"].trigger()
    qtbot.waitUntil(lambda: not window.review.isEnabled())
    assert window.summary.isEnabled()
    window.review_controller.comment()
    qtbot.waitUntil(lambda: not window.summary.isEnabled())
    assert window.review.isEnabled()


def settled_width(window: Workbench, qtbot: QtBot) -> int:
    """Wait until the field's width stays what it is for a while, and return it."""
    before = -1
    while window.viewer.width() != before:
        before = window.viewer.width()
        qtbot.wait(200)
    return before


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_field_gets_back_the_room_that_the_gallery_took(
    window: Workbench, tmp_path: Path, qtbot: QtBot, scale: float
) -> None:
    window.context.theme.set_scale(scale)
    window.shell.resize(1280, 720)
    window.context.session.submit(OpenCase(cell_case(tmp_path, 1)))
    qtbot.waitUntil(lambda: window.viewer.main.canvas.view is not None, timeout=30_000)
    assert window.shell.width() == 1280
    before = settled_width(window, qtbot)  # the panels have come with the case
    window.actions_table["cells.gallery"].trigger()
    qtbot.waitUntil(lambda: window.viewer.width() < before, timeout=30_000)
    assert window.viewer.width() > 0.19 * window.shell.width()
    window.actions_table["browse.grid"].trigger()
    qtbot.waitUntil(lambda: abs(window.viewer.width() - before) <= 1, timeout=30_000)
    assert window.shell.width() == 1280
    window.context.theme.set_scale(1.0)


def test_the_panels_have_their_widths_again_after_large_text(
    window: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    window.shell.resize(1280, 720)
    window.context.session.submit(OpenCase(cell_case(tmp_path, 1)))
    qtbot.waitUntil(lambda: window.viewer.main.canvas.view is not None, timeout=30_000)
    before = settled_width(window, qtbot)
    window.context.theme.set_scale(2.0)
    qtbot.waitUntil(lambda: window.viewer.width() < before, timeout=30_000)
    window.context.theme.set_scale(1.0)
    qtbot.waitUntil(lambda: abs(window.viewer.width() - before) <= 1, timeout=30_000)


def test_what_was_said_of_comparing_goes_with_it(window: Workbench, tmp_path: Path, qtbot: QtBot) -> None:
    window.context.session.submit(OpenCase(cell_case(tmp_path, 1)))
    qtbot.waitUntil(lambda: window.viewer.main.canvas.view is not None, timeout=30_000)
    qtbot.waitUntil(window.actions_table["view.compare"].isEnabled, timeout=30_000)
    window.actions_table["view.compare"].trigger()
    assert any("stays on the right" in text for text in window.notifications.texts())
    window.actions_table["view.compare"].trigger()
    assert not any("stays on the right" in text for text in window.notifications.texts())


def test_the_status_line_gives_way_before_the_window_grows(window: Workbench, qtbot: QtBot) -> None:
    window.context.theme.set_scale(2.0)
    window.shell.resize(1280, 720)
    status = window.status
    status.show_queue(
        QueueStatus(
            phase=QueuePhase.RUNNING,
            counts={FieldState.DONE: 20, FieldState.QUEUED: 22},
            rate=3.2,
        )
    )
    status.show_training("Training: epoch 12 of 40")
    status.show_signed("Signed by Dr. Ada Example, 30 Nov 2026, 18:05", False)
    qtbot.wait(50)
    assert window.shell.width() == 1280
    assert "Signed" in label_texts(status)
    queue = named(status, QToolButton, "Show the queue")
    assert queue.text() == "20 of 42 fields"
    assert "3.2 fields/s" in queue.accessibleDescription()
    window.shell.resize(2400, 720)
    qtbot.waitUntil(lambda: "Signed by Dr. Ada Example, 30 Nov 2026, 18:05" in label_texts(status))
    assert "3.2 fields/s" in queue.text()
    status.show_signed("", False)
    window.context.theme.set_scale(1.0)


def test_an_empty_case_says_that_its_slide_is_searched(
    window: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    window.context.session.submit(OpenCase(tmp_path / "Empty.allcase", create=True))
    page = window.shell.start
    qtbot.waitUntil(lambda: "This case has no fields yet" in label_texts(page), timeout=30_000)
    told = window.context.session.worker.import_changed
    told.emit(ImportStatus(running=True, looking="patient.svs", looked=0.3))
    assert "Fields are looked for on patient.svs and appear here." in label_texts(page)
    assert "no fields yet" not in label_texts(page)
    told.emit(ImportStatus(running=False))
    assert "This case has no fields yet" in label_texts(page)
