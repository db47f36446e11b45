"""The window with the gallery of a painted case, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from allstation.core.cells import CellRecord
from allstation.services.case.requests import OpenCase
from allstation.store.case import Case
from allstation.ui.main_window.workbench import Workbench
from tests.ui.cells.cell_case import PER_FIELD, cell_case

FIELDS = 5
LONG = 20_000


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return cell_case(tmp_path, FIELDS)


@pytest.fixture
def fields() -> int:
    """How many fields the case has."""
    return FIELDS


@pytest.fixture
def opened(window: Workbench, case: Path, fields: int, clock: Clock, qtbot: QtBot) -> Workbench:
    """The window with that case, the gallery shown by field, and everything visible seen for a second."""
    for tracker in (window.viewer.main.canvas.visibility, window.cells.panel.gallery.visibility):
        tracker.clock = clock
    window.shell.resize(1600, 1000)
    window.review.set_reviewer("Ada")
    window.context.selection.set_reviewer("Ada")
    window.cells.panel.bar.set_arrangement(window.cells.panel.bar.arrangement().FIELD)
    window.context.session.submit(OpenCase(case))
    qtbot.waitUntil(window.context.has_field, timeout=LONG)
    window.actions_table["cells.gallery"].trigger()
    panel = window.cells.panel
    qtbot.waitUntil(lambda: panel.model.rowCount() == fields * PER_FIELD, timeout=LONG)
    window.browser.focus_view()
    see(window, clock, qtbot)
    return window


def see(window: Workbench, clock: Clock, qtbot: QtBot) -> None:
    """Let every cell that is in view be on the screen for a second."""
    panel = window.cells.panel
    gallery = panel.gallery

    def shown() -> bool:
        gallery.viewport().repaint()
        ids = panel.model.ids()
        rows = [
            row
            for row in gallery.visible_rows()
            if gallery.viewport().rect().contains(gallery.visualRect(panel.model.index(row)).center())
        ]
        return bool(rows) and all(gallery.visibility.seconds(ids[row]) is not None for row in rows)

    qtbot.waitUntil(shown, timeout=LONG)
    clock.pass_by(1.0)


def see_all(window: Workbench, clock: Clock, qtbot: QtBot) -> None:
    """Scroll through the gallery, looking at everything."""
    bar = window.cells.panel.gallery.verticalScrollBar()
    bar.setValue(0)
    see(window, clock, qtbot)
    while bar.value() < bar.maximum():
        bar.setValue(bar.value() + bar.pageStep() // 2)
        see(window, clock, qtbot)
    bar.setValue(0)


def stored(window: Workbench, read: Callable[[Case], object]) -> object:
    """Return what another connection reads from the case."""
    with Case.open(window.context.session.info.folder, read_only=True) as case:
        return read(case)


def types_of(window: Workbench, reviewer: str | None = None) -> list[str]:
    """Return the type of every cell as the file has it, by id."""

    def read(case: Case) -> list[str]:
        records: list[CellRecord] = case.cells.records(sorted(case.cells.ids()), reviewer=reviewer)
        return [record.type for record in records]

    return stored(window, read)
