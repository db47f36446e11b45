"""Every action can be reached by keyboard, is named, tipped, and offered only when it makes sense."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDockWidget,
    QLineEdit,
    QMenu,
    QSlider,
    QToolButton,
    QWidget,
)

from allstation import paths
from allstation.ui.common.actions import ACTIONS, EXPORTS, MENUS, TOOLBAR, Need
from allstation.ui.main_window.window import MainWindow
from allstation.ui.viewer.commands import VIEWER_ACTIONS


def test_no_two_actions_share_a_key(window: MainWindow) -> None:
    keys = Counter(
        key.toString(QKeySequence.SequenceFormat.PortableText)
        for action in window.all_actions()
        for key in action.shortcuts()
    )
    assert [key for key, times in keys.items() if times > 1] == []


def test_every_action_has_a_key_a_tip_and_a_place_in_a_menu(window: MainWindow) -> None:
    in_menus = {a.objectName() for menu in window.findChildren(QMenu) for a in menu.actions()}
    for spec in window.actions_table.specs():
        assert spec.keys, f"{spec.id} has no key"
        assert spec.tip, f"{spec.id} has no tip"
        assert spec.id in in_menus, f"{spec.id} is in no menu"


def test_every_key_is_one_that_qt_understands() -> None:
    for spec in (*ACTIONS, *VIEWER_ACTIONS):
        for key in spec.keys:
            parsed = QKeySequence(key)
            assert parsed.count() == 1, f"{spec.id}: {key}"
            assert parsed.toString(), f"{spec.id}: {key}"


def test_menus_and_toolbar_name_actions_that_exist() -> None:
    known = {spec.id for spec in ACTIONS}
    filled = {"recent", "docks", "classes", "viewer", "exports", "-"}
    named = {entry for _, entries in MENUS for entry in entries} | set(TOOLBAR) | set(EXPORTS)
    assert named - known - filled == set()
    assert known - named == set()


def test_every_icon_exists() -> None:
    for spec in (*ACTIONS, *VIEWER_ACTIONS):
        if spec.icon:
            assert paths.resource(f"icons/{spec.icon}.svg").is_file()


def test_without_a_case_nothing_that_needs_one_is_offered(window: MainWindow) -> None:
    offered = {s.id for s in window.actions_table.specs() if window.actions_table[s.id].isEnabled()}
    needy = {s.id for s in window.actions_table.specs() if s.need & Need.CASE}
    assert offered & needy == set()
    assert {"case.new", "case.open", "case.demo", "help.palette"} <= offered


def test_what_has_no_text_has_a_name(window: MainWindow) -> None:
    """A screen reader must be able to say what each control is."""
    unnamed = [widget for widget in window.findChildren(QWidget) if _needs_name(widget) and not _name(widget)]
    assert [(type(w).__name__, w.objectName(), type(w.parent()).__name__) for w in unnamed] == []


def _needs_name(widget: QWidget) -> bool:
    if isinstance(widget.parent(), QLineEdit | QComboBox | QDockWidget) or widget.objectName().startswith(
        "qt_"
    ):
        return False
    return isinstance(widget, QAbstractButton | QComboBox | QLineEdit | QSlider)


def _name(widget: QWidget) -> str:
    if isinstance(widget, QToolButton) and widget.defaultAction() is not None:
        return widget.accessibleName() or widget.defaultAction().text()
    if isinstance(widget, QAbstractButton) and widget.text():
        return widget.text()
    return widget.accessibleName()


@pytest.mark.parametrize(("typed", "first"), [("rep", "case.report"), ("next unr", "go.unreviewed")])
def test_the_palette_finds_an_action_by_a_few_letters(window: MainWindow, typed: str, first: str) -> None:
    window.actions_table["help.palette"].trigger()
    window.palette_box._text.setText(typed)
    assert first in window.palette_box.shown_texts()[:2]
    window.palette_box.hide()


def test_the_palette_lists_everything(window: MainWindow) -> None:
    window.actions_table["help.palette"].trigger()
    listed = set(window.palette_box.shown_texts())
    assert {spec.id for spec in window.actions_table.specs()} <= listed
    window.palette_box.hide()


def test_the_palette_runs_what_is_chosen_and_gives_the_keyboard_back(window: MainWindow, qtbot) -> None:
    window.actions_table["help.palette"].trigger()
    window.palette_box._text.setText("dark")
    qtbot.keyClick(window.palette_box._text, "\r")
    assert window.palette_box.isHidden()
    assert window.services.settings.value.theme == "dark"


def test_the_palette_says_when_nothing_is_called_so(window: MainWindow) -> None:
    window.actions_table["help.palette"].trigger()
    window.palette_box._text.setText("xyzzy")
    assert window.palette_box.shown_texts() == []
    assert "Nothing is called so" in window.palette_box._list.item(0).text()
    window.palette_box._run()
    assert window.palette_box.isVisible()
    window.palette_box.hide()
