"""Several folders dropped at once: asked once, remembered, changed in the menu, and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from allstation import paths
from allstation.core.records import FieldState
from allstation.services.settings import SettingsFile
from allstation.store.case import Case
from allstation.ui.case.several_folders import FoldersQuestion
from allstation.ui.main_window.workbench import Workbench
from tests.ui.named import button, label_texts
from tests.ui.pixels import write_mosaic

LONG = 30_000


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Folders of three patients; two of them have the same name."""
    found = [tmp_path / "P1_a", tmp_path / "P2_a", tmp_path / "more" / "P1_a"]
    for at, folder in enumerate(found):
        for number in range(2):
            write_mosaic(folder / f"f{number}.png", 10 * at + number)
    return found


def dragged(given: list[Path]) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in given])
    return data


def drop(window: Workbench, given: list[Path]) -> None:
    window.take_drop(dragged(given))


def asked(window: Workbench, qtbot: QtBot) -> FoldersQuestion:
    qtbot.waitUntil(lambda: window.case_controller.several.question is not None, timeout=LONG)
    question = window.case_controller.several.question
    assert question.isVisible()
    assert not question.isModal()
    assert window.context.info is None, "nothing is made before the answer"
    return question


def fields_of(case: Path) -> int:
    with Case.open(case, read_only=True) as opened:
        return opened.fields.count()


def cases() -> list[str]:
    home = paths.cases_folder()
    return sorted(path.name for path in home.iterdir()) if home.is_dir() else []


def test_one_case_of_three_folders_is_asked_once_and_undone_like_any_adding(
    window: Workbench, folders: list[Path], qtbot: QtBot
):
    drop(window, folders)
    question = asked(window, qtbot)
    qtbot.mouseClick(question.one, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 6, timeout=LONG)
    assert len(cases()) == 1
    assert SettingsFile(paths.config_folder()).value.several_folders == "one"
    assert window.actions_table["case.several.one"].isChecked()
    qtbot.waitUntil(window.context.undo.canUndo, timeout=LONG)
    window.context.undo.undo()
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 0, timeout=LONG)
    window.case_controller.close()
    qtbot.waitUntil(lambda: window.context.info is None, timeout=LONG)
    drop(window, folders[:2])
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 4, timeout=LONG)
    assert window.case_controller.several.question is None, "it is remembered"


def test_three_cases_are_made_the_first_is_open_and_one_case_can_be_had_instead(
    window: Workbench, folders: list[Path], qtbot: QtBot
):
    drop(window, folders)
    question = asked(window, qtbot)
    question.remember.setChecked(False)
    qtbot.mouseClick(question.each, Qt.MouseButton.LeftButton)
    said = window.notifications.texts
    qtbot.waitUntil(lambda: any("New cases: P2_a, P1_a 2." in text for text in said()), timeout=LONG)
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 2, timeout=LONG)
    assert window.context.info.name == "P1_a"
    assert cases() == ["P1_a 2.allcase", "P1_a.allcase", "P2_a.allcase"]
    home = paths.cases_folder()
    assert [fields_of(home / name) for name in cases()] == [2, 2, 2]
    with Case.open(home / "P2_a.allcase", read_only=True) as other:
        assert {one.state for one in other.fields.page()} == {FieldState.QUEUED}
        assert {one.path.parent for one in other.fields.page()} == {folders[1]}
    recent = [Path(text).name for text in window.context.settings.value.recent]
    assert recent == ["P1_a.allcase", "P2_a.allcase", "P1_a 2.allcase"]
    assert window.context.settings.value.several_folders == "", "not remembered unless it is wanted"
    window.case_controller.several._one_instead()
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 6, timeout=LONG)
    assert len(cases()) == 4, "nothing that was made is deleted"


def test_names_that_give_several_patients_propose_several_cases(
    window: Workbench, folders: list[Path], qtbot: QtBot
):
    window.context.settings.change(patient_pattern="{patient}_*")
    drop(window, folders[:2])
    question = asked(window, qtbot)
    assert question.each.isDefault()
    qtbot.keyClick(question, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.case_controller.several.question is None, timeout=LONG)
    assert window.context.info is None
    assert cases() == []
    drop(window, [folders[0], folders[2]])
    assert not asked(window, qtbot).each.isDefault()
    window.case_controller.several.question.close()
    QApplication.processEvents()


def test_files_and_one_folder_are_not_asked_about(window: Workbench, folders: list[Path], qtbot: QtBot):
    drop(window, [folders[0], *folders[1].iterdir()])
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 4, timeout=LONG)
    drop(window, [folders[2]])
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 6, timeout=LONG)
    assert window.case_controller.several.question is None
    assert len(cases()) == 1


@pytest.fixture
def opened(window: Workbench, folders: list[Path], qtbot: QtBot) -> Workbench:
    """The window with a case of the first folder."""
    drop(window, [folders[0]])
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 2, timeout=LONG)
    qtbot.waitUntil(window.context.undo.canUndo, timeout=LONG)
    return window


def test_folders_on_an_open_case_are_asked_about_once_added_and_taken_back(
    opened: Workbench, folders: list[Path], qtbot: QtBot
):
    several = opened.case_controller.several
    opened.show_drop(dragged(folders[1:]))
    assert "added to P1_a or become cases of their own" in label_texts(opened.shell)
    opened.show_drop(dragged(folders[1:2]))
    assert "Drop to add to P1_a" in label_texts(opened.shell)
    opened.show_drop(None)
    drop(opened, folders[1:])
    qtbot.waitUntil(lambda: several.question is not None, timeout=LONG)
    assert "Add these folders to P1_a, or make a new case of each?" in label_texts(several.question)
    assert opened.browser.model.rowCount() == 2, "nothing is added before the answer"
    qtbot.mouseClick(several.question.one, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: opened.browser.model.rowCount() == 6, timeout=LONG)
    assert cases() == ["P1_a.allcase"]
    assert opened.actions_table["case.into.one"].isChecked()
    assert opened.actions_table["case.several.ask"].isChecked(), "without a case it is still asked"
    qtbot.waitUntil(lambda: opened.context.undo.count() == 2, timeout=LONG)
    opened.context.undo.undo()
    qtbot.waitUntil(lambda: opened.browser.model.rowCount() == 2, timeout=LONG)


def test_folders_on_an_open_case_become_cases_of_their_own_and_can_be_added_instead(
    opened: Workbench, folders: list[Path], qtbot: QtBot
):
    several = opened.case_controller.several
    drop(opened, [*folders[1:], next(folders[0].iterdir())])
    qtbot.waitUntil(lambda: several.question is not None, timeout=LONG)
    qtbot.mouseClick(several.question.each, Qt.MouseButton.LeftButton)
    said = opened.notifications.texts
    qtbot.waitUntil(lambda: any("New cases: P2_a, P1_a 2." in text for text in said()), timeout=LONG)
    assert opened.context.info.name == "P1_a", "the case that was open stays open"
    assert opened.browser.model.rowCount() == 2
    assert [fields_of(paths.cases_folder() / name) for name in cases()] == [2, 2, 2]
    assert opened.actions_table["case.into.each"].isChecked()
    button(opened.notifications, "Add to This Case Instead").click()
    qtbot.waitUntil(lambda: opened.browser.model.rowCount() == 6, timeout=LONG)
    assert opened.actions_table["case.into.ask"].isChecked()


def test_another_case_does_not_get_what_was_dropped_on_the_one_before(
    opened: Workbench, folders: list[Path], qtbot: QtBot
):
    several = opened.case_controller.several
    drop(opened, folders[1:])
    qtbot.waitUntil(lambda: several.question is not None, timeout=LONG)
    opened.case_controller.close()
    qtbot.waitUntil(lambda: several.question is None, timeout=LONG)
    assert cases() == ["P1_a.allcase"]
