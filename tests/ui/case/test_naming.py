"""Other names for the case and its slides: typed, kept in the case, undone."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog, QLineEdit, QTreeWidget
from pytestqt.qtbot import QtBot

from allstation.core.records import NewField, Slide
from allstation.services.case.questions import Overview, ReadOverview
from allstation.services.case.requests import OpenCase, Pause
from allstation.store.case import Case
from allstation.store.slides.repository import SlideCounts
from allstation.ui.browser.slide_model import Place
from allstation.ui.case.naming_controller import NamingController
from allstation.ui.main_window.about import KeysDialog
from allstation.ui.main_window.workbench import Workbench


@pytest.fixture
def opened(window: Workbench, tmp_path: Path, qtbot: QtBot) -> Workbench:
    folder = tmp_path / "Two.allcase"
    with Case.create(folder) as case:
        for number, name in enumerate(("P-014 a", "P-014 b")):
            slide = case.slides.add(name, tmp_path / name)
            case.fields.add(
                slide.id,
                [
                    NewField(
                        path=tmp_path / name / "f.jpg",
                        sha256=f"{number:064d}",
                        bytes=10,
                        width=1024,
                        height=768,
                    )
                ],
            )
    window.context.session.submit(Pause(True))
    window.context.session.submit(OpenCase(folder))
    qtbot.waitUntil(lambda: window.browser.tree.slides.rowCount() == 3, timeout=20_000)
    qtbot.waitUntil(window.actions_table["browse.all"].isEnabled)
    return window


def typing(opened: Workbench, qtbot: QtBot, slide_id: int) -> QLineEdit:
    opened.browser.tree.choose(Place(slide_id))
    opened.actions_table["slide.rename"].trigger()
    (line,) = opened.browser.tree.findChildren(QLineEdit)
    return line


def in_case(folder: Path) -> list[str]:
    with Case.open(folder, read_only=True) as case:
        return [slide.name for slide in case.slides.all()]


def test_a_slide_is_renamed_undone_and_redone(opened: Workbench, tmp_path: Path, qtbot: QtBot) -> None:
    tree = opened.browser.tree
    opened.actions_table["browse.by_slide"].trigger()
    line = typing(opened, qtbot, 1)
    assert (line.text(), line.selectedText()) == ("P-014 a", "P-014 a")
    qtbot.keyClicks(line, "Z second smear")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: tree.name_of(1) == "Z second smear")
    assert tree.current_place() == Place(1)
    # Slides stand in the order of their names, and so do their fields.
    assert [tree.slides.index(row, 0).data() for row in range(3)][1:] == ["P-014 b", "Z second smear"]
    tree.choose(Place())
    qtbot.waitUntil(lambda: list(opened.browser.model.ids()) == [2, 1])
    opened.actions_table["review.undo"].trigger()
    qtbot.waitUntil(lambda: tree.name_of(1) == "P-014 a")
    opened.actions_table["review.redo"].trigger()
    qtbot.waitUntil(lambda: tree.name_of(1) == "Z second smear")
    assert sorted(in_case(tmp_path / "Two.allcase")) == ["P-014 b", "Z second smear"]


def test_what_is_typed_outlives_other_counts(opened: Workbench, qtbot: QtBot) -> None:
    tree = opened.browser.tree
    line = typing(opened, qtbot, 2)
    qtbot.keyClicks(line, "half typed")
    with qtbot.waitSignal(tree.slides.dataChanged):
        opened.context.session.ask(ReadOverview(None))
    assert line.text() == "half typed"
    qtbot.keyClick(line, Qt.Key.Key_Escape)
    assert tree.name_of(2) == "P-014 b"


@pytest.mark.parametrize("typed", ["", "   ", "P-014 b"])
def test_nothing_typed_changes_nothing(opened: Workbench, qtbot: QtBot, typed: str) -> None:
    line = typing(opened, qtbot, 2)
    line.setText(typed)
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert opened.context.undo.count() == 0
    assert opened.browser.tree.name_of(2) == "P-014 b"


def test_the_whole_case_is_no_slide(opened: Workbench) -> None:
    opened.browser.tree.choose(Place(1))
    assert opened.actions_table["slide.rename"].isEnabled()
    opened.browser.tree.choose(Place())
    assert not opened.actions_table["slide.rename"].isEnabled()
    opened.shell.findChild(NamingController).rename_slide()
    assert not opened.browser.tree.findChildren(QLineEdit)


def test_a_class_below_a_slide_stands_for_its_slide(opened: Workbench, qtbot: QtBot) -> None:
    tree = opened.browser.tree
    counts = {2: SlideCounts(2, 1, finals={"Pro": 1})}
    tree.show_overview(Overview((Slide(id=2, name="P-014 b", folder=None),), counts))
    tree.choose(Place(2, "Pro"))
    opened.actions_table["slide.rename"].trigger()
    (line,) = tree.findChildren(QLineEdit)
    assert line.text() == "P-014 b"
    assert tree.current_place() == Place(2)


def test_the_tree_offers_it_on_a_right_click_and_f2(opened: Workbench) -> None:
    action = opened.browser.tree.actions()[0]
    assert action is opened.actions_table["slide.rename"]
    assert action.shortcut().toString() == "F2"


# The case


def case_name(opened: Workbench) -> str:
    with Case.open(opened.context.session.info.folder, read_only=True) as case:
        return case.name


def type_case_name(opened: Workbench, name: str) -> str:
    """Give the case a name in its dialog; return the one that stood there."""
    opened.actions_table["case.rename"].trigger()
    (dialog,) = opened.shell.findChildren(QInputDialog)
    before = dialog.textValue()
    dialog.setTextValue(name)
    dialog.accept()
    return before


def test_a_case_is_renamed_undone_and_redone(opened: Workbench, qtbot: QtBot) -> None:
    folder = opened.context.session.info.folder
    assert type_case_name(opened, "  Smith, first visit ") == "Two"
    qtbot.waitUntil(lambda: opened.shell.windowTitle().startswith("Smith, first visit — "))
    assert opened.context.session.info.folder == folder
    assert case_name(opened) == "Smith, first visit"
    assert opened.context.undo.undoText() == "Rename Two"
    opened.actions_table["review.undo"].trigger()
    qtbot.waitUntil(lambda: opened.shell.windowTitle().startswith("Two — "))
    opened.actions_table["review.redo"].trigger()
    qtbot.waitUntil(lambda: case_name(opened) == "Smith, first visit")


@pytest.mark.parametrize("typed", ["", "  ", "Two"])
def test_no_name_or_the_same_changes_nothing(opened: Workbench, typed: str) -> None:
    type_case_name(opened, typed)
    assert opened.context.undo.count() == 0
    assert case_name(opened) == "Two"


def test_what_cannot_be_shown_in_a_title_is_not(opened: Workbench, qtbot: QtBot) -> None:
    type_case_name(opened, "a\u202eb\nc")
    qtbot.waitUntil(lambda: opened.context.undo.count() == 1 and case_name(opened) != "Two")
    qtbot.waitUntil(lambda: not opened.shell.windowTitle().startswith("Two"))
    assert "\u202e" not in opened.shell.windowTitle()
    assert "\n" not in opened.shell.windowTitle()


def test_the_list_of_keys_names_commands_not_what_they_would_undo(opened: Workbench, qtbot: QtBot) -> None:
    type_case_name(opened, "Smith")
    qtbot.waitUntil(lambda: "Rename Two" in opened.actions_table["review.undo"].text())
    opened.actions_table["help.keys"].trigger()
    (dialog,) = opened.shell.findChildren(KeysDialog)
    table = dialog.findChild(QTreeWidget)
    names = {table.topLevelItem(row).text(0) for row in range(table.topLevelItemCount())}
    assert {"Undo", "Redo", "Remove from Case"} <= names
    assert not any("Two" in name for name in names)
    dialog.reject()
