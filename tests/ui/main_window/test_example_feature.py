"""The worked example of CONTRIBUTING: the code of a new feature runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtWidgets import QDockWidget
from pytestqt.qtbot import QtBot

from allstation.imaging.synthetic import write_demo
from allstation.services.case.requests import AddPaths, OpenCase
from allstation.ui.main_window.workbench import Workbench

ROOT = Path(__file__).resolve().parents[3]
LONG = 30_000


def example() -> dict[str, object]:
    """Run the example's two files and return what they define."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## A new feature of the window")[2]
    panel, controller = re.findall(r"```python\n# allstation/ui/notes/\w+\.py\n(.*?)```", text, re.DOTALL)[:2]
    defined: dict[str, object] = {"__name__": "example"}
    exec(compile(panel, "panel.py", "exec"), defined)  # noqa: S102 - the example is ours
    # The panel of the example is no installed module.
    controller = controller.replace("from allstation.ui.notes.panel import NotesPanel\n", "")
    exec(compile(controller, "controller.py", "exec"), defined)  # noqa: S102 - the example is ours
    return defined


@pytest.fixture
def opened(window: Workbench, tmp_path: Path, qtbot: QtBot) -> Workbench:
    write_demo(tmp_path / "Slide", fields=2)
    window.context.session.submit(OpenCase(tmp_path / "Notes.allcase", create=True))
    window.context.session.submit(AddPaths([tmp_path / "Slide"]))
    qtbot.waitUntil(lambda: window.context.has_field() and window.browser.model.rowCount() == 2, timeout=LONG)
    return window


def test_a_new_feature_is_a_panel_a_controller_and_one_line(opened: Workbench, qtbot: QtBot) -> None:
    made = example()
    panel = made["NotesPanel"](opened.shell)
    feature = made["NotesController"](opened.context, panel)
    dock = QDockWidget("Notes", opened.shell)
    dock.setWidget(panel)
    opened.actions_table.add(feature.actions())
    opened.actions_table["notes.copy"].trigger()
    field = opened.context.selection.field
    assert field is not None
    assert panel.text() == field.path.name
    assert any(field.path.name in text for text in opened.notifications.texts())
    opened.browser.go_to_row(1)
    qtbot.waitUntil(lambda: panel.text() != field.path.name, timeout=LONG)


def test_its_action_is_offered_only_while_there_is_a_field(window: Workbench) -> None:
    made = example()
    window.actions_table.add(
        made["NotesController"](window.context, made["NotesPanel"](window.shell)).actions()
    )
    assert not window.actions_table["notes.copy"].isEnabled()
