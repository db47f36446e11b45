"""Taking fields and slides out of the case in the window: by key, menu and tree, undone, found again."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from allstation.core.records import NewField
from allstation.services.case.requests import CloseCase, OpenCase, Pause
from allstation.store.case import Case
from allstation.ui.browser.slide_model import Place
from allstation.ui.case.removal_controller import RemovalController
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.viewer.card_content import card_content
from tests.ui.field_records import write_picture
from tests.ui.named import named


@pytest.fixture
def opened(window: Workbench, tmp_path: Path, qtbot: QtBot) -> Workbench:
    """Two slides: fields 1 to 3, and 4 and 5; the queue does not run."""
    folder = tmp_path / "Two.allcase"
    with Case.create(folder) as case:
        for slide, numbers in (("one", (1, 2, 3)), ("two", (4, 5))):
            place = case.slides.add(slide, tmp_path / slide)
            paths = {number: tmp_path / slide / f"f{number}.jpg" for number in numbers}
            case.fields.add(
                place.id,
                [
                    NewField(path=p, sha256=f"{n:064d}", bytes=10, width=1024, height=768)
                    for n, p in paths.items()
                ],
            )
    window.context.session.submit(Pause(True))
    window.context.session.submit(OpenCase(folder))
    qtbot.waitUntil(lambda: shown(window) == [1, 2, 3, 4, 5], timeout=20_000)
    qtbot.waitUntil(window.actions_table["field.remove"].isEnabled)
    return window


def shown(window: Workbench) -> list[int]:
    return list(window.browser.model.ids())


def choose(window: Workbench, *ids: int) -> None:
    rows = [shown(window).index(number) for number in ids]
    window.browser.go_to_row(rows[0])
    selection = window.browser.grid.selectionModel()
    for row in rows:
        selection.select(window.browser.model.index(row, 0), selection.SelectionFlag.Select)


def test_selected_fields_are_removed_undone_and_redone(opened: Workbench, qtbot: QtBot) -> None:
    choose(opened, 2, 4)
    opened.actions_table["field.remove"].trigger()
    qtbot.waitUntil(lambda: shown(opened) == [1, 3, 5])
    assert opened.context.undo.undoText() == "Remove 2 fields"
    said = "2 fields were removed from the case."
    qtbot.waitUntil(lambda: any(text.startswith(said) for text in opened.notifications.texts()))
    opened.actions_table["review.undo"].trigger()
    qtbot.waitUntil(lambda: shown(opened) == [1, 2, 3, 4, 5])
    opened.actions_table["review.redo"].trigger()
    qtbot.waitUntil(lambda: shown(opened) == [1, 3, 5])
    with Case.open(opened.context.session.info.folder, read_only=True) as case:
        assert case.fields.count() == 3
        assert case.audit.verify() is None


def test_the_tree_counts_what_is_left_and_loses_an_empty_slide(opened: Workbench, qtbot: QtBot) -> None:
    tree = opened.browser.tree
    choose(opened, 4, 5)
    opened.actions_table["field.remove"].trigger()
    qtbot.waitUntil(lambda: tree.slides.rowCount() == 2)
    assert tree.slides.index(0, 1).data() == "3"
    opened.actions_table["review.undo"].trigger()
    qtbot.waitUntil(lambda: tree.slides.rowCount() == 3)


def test_a_slide_is_removed_from_the_tree(opened: Workbench, qtbot: QtBot) -> None:
    opened.browser.tree.choose(Place(1))
    qtbot.waitUntil(lambda: shown(opened) == [1, 2, 3])
    opened.actions_table["slide.remove"].trigger()
    qtbot.waitUntil(lambda: shown(opened) == [4, 5])
    assert opened.context.undo.undoText() == "Remove slide one"
    opened.actions_table["review.undo"].trigger()
    opened.browser.tree.choose(Place())
    qtbot.waitUntil(lambda: shown(opened) == [1, 2, 3, 4, 5])


def test_delete_in_the_tree_means_the_slide(opened: Workbench, qtbot: QtBot) -> None:
    opened.shell.activateWindow()
    opened.browser.tree.choose(Place(2))
    qtbot.waitUntil(lambda: shown(opened) == [4, 5])
    opened.browser.tree.setFocus()
    qtbot.waitUntil(opened.browser.tree.hasFocus)
    qtbot.keyClick(opened.browser.tree, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: shown(opened) == [1, 2, 3])


def test_the_whole_case_is_no_slide(opened: Workbench) -> None:
    opened.browser.tree.choose(Place())
    assert not opened.actions_table["slide.remove"].isEnabled()
    opened.shell.findChild(RemovalController).remove_slide()
    assert opened.context.undo.count() == 0


def test_removed_fields_are_found_and_brought_back(opened: Workbench, qtbot: QtBot) -> None:
    choose(opened, 1, 4)
    opened.actions_table["field.remove"].trigger()
    qtbot.waitUntil(lambda: shown(opened) == [2, 3, 5])
    assert not opened.actions_table["field.restore"].isEnabled()
    box = named(opened.browser.filters, QComboBox, "Filter by reason or state")
    box.setCurrentIndex(box.findText("removed"))
    box.activated.emit(box.currentIndex())
    qtbot.waitUntil(lambda: shown(opened) == [1, 4])
    qtbot.waitUntil(opened.actions_table["field.restore"].isEnabled)
    for key in ("field.remove", "review.look", "review.class.0"):
        assert not opened.actions_table[key].isEnabled(), key
    record = opened.browser.current_record()
    assert record is not None
    assert record.removed
    choose(opened, 1, 4)
    opened.actions_table["field.restore"].trigger()
    qtbot.waitUntil(lambda: shown(opened) == [])
    assert opened.context.undo.undoText() == "Bring back 2 fields"
    opened.browser.filters.clear()
    qtbot.waitUntil(lambda: shown(opened) == [1, 2, 3, 4, 5])
    opened.actions_table["review.undo"].trigger()
    qtbot.waitUntil(lambda: shown(opened) == [2, 3, 5])


def test_the_words_say_it(opened: Workbench, qtbot: QtBot) -> None:
    choose(opened, 3)
    opened.actions_table["field.remove"].trigger()
    qtbot.waitUntil(lambda: shown(opened) == [1, 2, 4, 5])
    reasons = named(opened.browser.filters, QComboBox, "Filter by reason or state")
    opened.browser.filters.choose(reasons.itemData(reasons.findText("removed")))
    qtbot.waitUntil(lambda: shown(opened) == [3])
    qtbot.waitUntil(lambda: opened.browser.model.record(3) is not None)
    model = opened.browser.model
    qtbot.waitUntil(lambda: model.index(0, 7).data() == "removed")
    assert "Removed from the case" in model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    record = opened.browser.current_record()
    assert record is not None
    assert "Removed from the case" in card_content(record).description()


def test_a_case_for_looking_only_offers_nothing(opened: Workbench, qtbot: QtBot) -> None:
    folder = opened.context.session.info.folder
    opened.context.session.submit(CloseCase())
    qtbot.waitUntil(lambda: opened.context.session.info is None)
    with Case.open(folder):
        opened.context.session.submit(OpenCase(folder))
        qtbot.waitUntil(lambda: shown(opened) == [1, 2, 3, 4, 5])
        for key in ("field.remove", "slide.remove", "field.restore"):
            assert not opened.actions_table[key].isEnabled(), key


def test_adding_can_be_taken_back_and_done_again(opened: Workbench, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name, level in (("a", 90), ("b", 160)):
        write_picture(tmp_path / "more" / f"{name}.png", (level, 120, 200), (64, 48))
    opened.case_controller.add_paths([tmp_path / "more"])
    qtbot.waitUntil(lambda: len(shown(opened)) == 7, timeout=20_000)
    undo = opened.context.undo
    qtbot.waitUntil(lambda: undo.undoText() == "Add 2 fields")
    undo.undo()
    qtbot.waitUntil(lambda: shown(opened) == [1, 2, 3, 4, 5])
    assert (tmp_path / "more" / "a.png").is_file()
    undo.redo()
    qtbot.waitUntil(lambda: len(shown(opened)) == 7)
