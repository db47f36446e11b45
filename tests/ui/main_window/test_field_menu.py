"""A right click on a field: the actions of the table, and the way to its file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget
from pytestqt.qtbot import QtBot

from allstation.core.records import NewField
from allstation.services.case.requests import OpenCase, Pause
from allstation.store.case import Case
from allstation.ui.main_window.workbench import Workbench


@pytest.fixture
def opened(window: Workbench, tmp_path: Path, qtbot: QtBot) -> Workbench:
    folder = tmp_path / "Few.allcase"
    with Case.create(folder) as case:
        slide = case.slides.add("Smear Ж", tmp_path / "Smear Ж")
        places = [tmp_path / "Smear Ж" / f"f{number}.jpg" for number in range(3)]
        new = [
            NewField(path=path, sha256=f"{n:064d}", bytes=10, width=1024, height=768)
            for n, path in enumerate(places)
        ]
        case.fields.add(slide.id, new)
    window.context.session.submit(Pause(True))
    window.context.session.submit(OpenCase(folder))
    qtbot.waitUntil(lambda: window.browser.current_record() is not None, timeout=20_000)
    yield window
    shutil.rmtree(folder, ignore_errors=True)


def menu_over(view: QWidget) -> QMenu:
    view.customContextMenuRequested.emit(QPoint(20, 20))
    (menu,) = [menu for menu in view.findChildren(QMenu) if menu.isVisible()]
    return menu


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_the_menu_opens_over_every_view_of_a_field(opened: Workbench) -> None:
    views = (
        opened.browser.grid,
        opened.browser.table,
        opened.viewer.main.canvas,
    )
    for view in views:
        menu = menu_over(view)
        shown = [action.objectName() for action in menu.actions() if not action.isSeparator()]
        assert {"review.confirm", "view.copy", "field.show_file", "field.copy_path"} <= set(shown)
        assert sum(name.startswith("review.class.") for name in shown) == 4
        assert all(
            action is opened.actions_table[action.objectName()]
            for action in menu.actions()
            if not action.isSeparator()
        )
        menu.close()


def test_no_menu_without_a_field(window: Workbench) -> None:
    window.browser.grid.customContextMenuRequested.emit(QPoint(5, 5))
    assert not [menu for menu in window.browser.grid.findChildren(QMenu) if menu.isVisible()]


def test_paths_of_what_is_selected_are_copied(opened: Workbench, tmp_path: Path, qtbot: QtBot) -> None:
    opened.actions_table["browse.all"].trigger()
    opened.actions_table["field.copy_path"].trigger()
    paths = QGuiApplication.clipboard().text().splitlines()
    assert paths == [str(tmp_path / "Smear Ж" / f"f{number}.jpg") for number in range(3)]


def test_the_folder_is_opened_by_the_desktop(
    opened: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", asked.append)
    opened.actions_table["field.show_file"].trigger()
    assert [Path(url.toLocalFile()) for url in asked] == [tmp_path / "Smear Ж"]
