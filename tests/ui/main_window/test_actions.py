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
    QListWidget,
    QMenu,
    QSlider,
    QToolButton,
    QWidget,
)

from allstation import paths
from allstation.ui.main_window.workbench import Workbench
from tests.ui.named import named


def test_no_two_actions_share_a_key(window: Workbench) -> None:
    keys = Counter(
        key.toString(QKeySequence.SequenceFormat.PortableText)
        for action in window.all_actions()
        for key in action.shortcuts()
    )
    assert [key for key, times in keys.items() if times > 1] == []


def test_every_action_has_a_tip_and_a_place_in_a_menu(window: Workbench) -> None:
    in_menus = {a.objectName() for menu in window.shell.findChildren(QMenu) for a in menu.actions()}
    for spec in window.actions_table.all():
        assert spec.tip, f"{spec.id} has no tip"
        assert spec.id in in_menus, f"{spec.id} is in no menu"


def test_no_key_is_one_that_desktops_or_keyboards_take(window: Workbench) -> None:
    """Ctrl+Alt is AltGr on Windows, where it types characters, and belongs to the desktop on Linux."""
    taken = [spec.id for spec in window.actions_table.all() if "Alt+" in spec.keys]
    assert taken == []


def test_every_key_is_one_that_qt_understands(window: Workbench) -> None:
    for action in window.actions_table.all():
        for key in action.keys.split():
            parsed = QKeySequence(key)
            assert parsed.count() == 1, f"{action.id}: {key}"
            assert parsed.toString(), f"{action.id}: {key}"


def test_no_two_actions_share_a_place(window: Workbench) -> None:
    """Places say the order; two equal ones would leave it to chance."""
    actions = [a for a in window.actions_table.all() if not a.id.startswith("review.class.")]
    for place in ("place", "toolbar", "field_menu"):
        used = Counter((a.menu if place == "place" else "", getattr(a, place)) for a in actions)
        assert [where for where, times in used.items() if where[1] and times > 1] == [], place


def test_every_icon_exists(window: Workbench) -> None:
    for action in window.actions_table.all():
        if action.icon:
            assert paths.resource(f"icons/{action.icon}.svg").is_file()


def test_without_a_case_nothing_that_needs_one_is_offered(window: Workbench) -> None:
    table = window.actions_table
    offered = {action.id for action in table.all() if table[action.id].isEnabled()}
    assert not {
        key for key in offered if key.startswith(("review.", "queue.", "go.", "field.", "slide."))
    } - {"review.advance"}
    assert not offered & {
        "case.close",
        "case.add_files",
        "case.report",
        "case.csv",
        "view.fit",
        "model.change",
    }
    assert {"case.new", "case.open", "case.demo", "help.palette"} <= offered


def test_what_has_no_text_has_a_name(window: Workbench) -> None:
    """A screen reader must be able to say what each control is."""
    unnamed = [
        widget for widget in window.shell.findChildren(QWidget) if _needs_name(widget) and not _name(widget)
    ]
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
def test_the_palette_finds_an_action_by_a_few_letters(window: Workbench, typed: str, first: str) -> None:
    window.actions_table["help.palette"].trigger()
    named(window.palette, QLineEdit, "Find an action").setText(typed)
    assert first in window.palette.shown_texts()[:2]
    window.palette.hide()


def test_the_palette_lists_everything(window: Workbench) -> None:
    window.actions_table["help.palette"].trigger()
    listed = set(window.palette.shown_texts())
    assert {spec.id for spec in window.actions_table.all()} <= listed
    window.palette.hide()


def test_the_palette_runs_what_is_chosen_and_gives_the_keyboard_back(window: Workbench, qtbot) -> None:
    window.actions_table["help.palette"].trigger()
    named(window.palette, QLineEdit, "Find an action").setText("dark")
    qtbot.keyClick(named(window.palette, QLineEdit, "Find an action"), "\r")
    assert window.palette.isHidden()
    assert window.context.settings.value.theme == "dark"


def test_the_palette_says_when_nothing_is_called_so(window: Workbench, qtbot) -> None:
    window.actions_table["help.palette"].trigger()
    named(window.palette, QLineEdit, "Find an action").setText("xyzzy")
    assert window.palette.shown_texts() == []
    assert "Nothing is called so" in named(window.palette, QListWidget, "Actions").item(0).text()
    qtbot.keyClick(named(window.palette, QLineEdit, "Find an action"), "\r")
    assert window.palette.isVisible()
    window.palette.hide()
