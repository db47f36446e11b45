"""Corrections by hand in the viewer: cells chosen, added, removed, joined and parted, undone, done again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from allstation.core.cells import CellRecord
from allstation.services.case.cell_requests import TypeCells
from allstation.ui.main_window.workbench import Workbench
from tests.ui.cells.cell_case import PER_FIELD, RADIUS, cell_at
from tests.ui.cells.conftest import FIELDS, LONG, Clock, stored, types_of
from tests.ui.cells.test_gallery import event_move
from tests.ui.pixels import cut

CELLS = FIELDS * PER_FIELD
BARE = (300.0, 8.0)
"""A place of the field where there is no cell."""


@pytest.fixture
def field(opened: Workbench, qtbot: QtBot) -> Workbench:
    """The first field in the viewer, with its cells outlined and the keyboard there."""
    canvas = opened.viewer.main.canvas
    opened.viewer.set_outlines_visible(True)
    opened.browser.go_to_row(0)
    qtbot.waitUntil(lambda: canvas.scene.picture is not None and canvas.scene.cells is not None, timeout=LONG)
    canvas.fit()
    canvas.setFocus()
    return opened


def click(window: Workbench, qtbot: QtBot, x: float, y: float, *, held: bool = False) -> None:
    """Click at a pixel of the field."""
    canvas = window.viewer.main.canvas
    at = canvas.view.to_canvas(QPointF(x, y)).toPoint()
    modifier = Qt.KeyboardModifier.ControlModifier if held else Qt.KeyboardModifier.NoModifier
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, modifier, pos=at)


def centre(number: int) -> tuple[float, float]:
    cell = cell_at(number)
    return cell.x, cell.y


def in_field(window: Workbench, *, removed: bool = False) -> list[CellRecord]:
    field_id = window.context.selection.field.id
    return stored(window, lambda case: case.cells.of_field(field_id, removed=removed))


def test_a_click_chooses_the_cell_under_it_and_the_gallery_follows(field: Workbench, qtbot: QtBot) -> None:
    click(field, qtbot, *centre(5))
    assert [record.id for record in field.cells.field_cells.chosen()] == [6]
    assert field.context.selection.cell.id == 6
    assert field.cells.panel.gallery.currentIndex().row() == 5
    click(field, qtbot, *BARE)
    assert field.cells.field_cells.chosen() == ()


def test_outlines_follow_the_cells_and_typed_ones_have_their_colour(field: Workbench, qtbot: QtBot) -> None:
    canvas = field.viewer.main.canvas
    click(field, qtbot, *centre(0))
    field.context.selection.set_reviewer("Ada")
    field.cells.typing.type_selected("blast")
    qtbot.waitUntil(lambda: canvas.scene.cells[0].colour == "#d55e00", timeout=LONG)
    click(field, qtbot, *BARE)
    canvas.repaint()

    pixels = cut(canvas, QRectF(canvas.rect()))
    scale = canvas.devicePixelRatioF()

    def around(number: int) -> set[str]:
        x, y = centre(number)
        found = set()
        for angle in np.linspace(0, 2 * np.pi, 40):
            for radius in np.arange(RADIUS - 5, RADIUS + 6, 0.5):
                at = canvas.view.to_canvas(QPointF(x + radius * np.cos(angle), y + radius * np.sin(angle)))
                found.add(QColor(*pixels[round(at.y() * scale), round(at.x() * scale)].tolist()).name())
        return found

    assert "#d55e00" in around(0)
    assert "#d55e00" not in around(1)
    assert "#ffff5a" in around(1)


def test_a_cell_that_was_not_found_is_added_by_a_click(field: Workbench, case: Path, qtbot: QtBot) -> None:
    click(field, qtbot, *centre(3))
    field.actions_table["cells.remove"].trigger()
    qtbot.waitUntil(lambda: len(in_field(field)) == PER_FIELD - 1, timeout=LONG)
    field.actions_table["cells.add"].trigger()
    assert field.viewer.main.canvas.cursor().shape() is Qt.CursorShape.CrossCursor
    click(field, qtbot, *centre(3))
    qtbot.waitUntil(lambda: len(in_field(field)) == PER_FIELD, timeout=LONG)
    (added,) = [record for record in in_field(field) if record.made_by]
    assert (added.made_by, added.prediction_id) == ("Ada", None)
    assert abs(added.x - centre(3)[0]) < 6
    assert abs(added.y - centre(3)[1]) < 6
    assert 0.5 < added.area_px / (np.pi * RADIUS**2) < 1.6
    qtbot.keyClick(field.viewer.main.canvas, Qt.Key.Key_Escape)
    assert not field.cells.field_cells.is_adding()
    field.actions_table["review.undo"].trigger()
    qtbot.waitUntil(lambda: len(in_field(field)) == PER_FIELD - 1, timeout=LONG)
    field.actions_table["review.redo"].trigger()
    qtbot.waitUntil(lambda: [r.id for r in in_field(field) if r.made_by] == [added.id], timeout=LONG)


def test_two_cells_are_joined_and_parted_again(field: Workbench, qtbot: QtBot) -> None:
    click(field, qtbot, *centre(0))
    click(field, qtbot, *centre(1), held=True)
    assert [record.id for record in field.cells.field_cells.chosen()] == [1, 2]
    field.actions_table["cells.join"].trigger()
    qtbot.waitUntil(lambda: len(in_field(field)) == PER_FIELD - 1, timeout=LONG)
    (joined,) = [record for record in in_field(field) if record.made_by == "Ada"]
    assert (joined.left, joined.left + joined.width) == (cell_at(0).left, cell_at(1).left + cell_at(1).width)
    qtbot.waitUntil(lambda: len(field.viewer.main.canvas.scene.cells) == PER_FIELD - 1, timeout=LONG)
    click(field, qtbot, *centre(0))
    assert [record.id for record in field.cells.field_cells.chosen()] == [joined.id]
    field.actions_table["cells.part"].trigger()
    qtbot.waitUntil(lambda: len(in_field(field)) == PER_FIELD, timeout=LONG)
    parts = sorted((record for record in in_field(field) if record.made_by), key=lambda one: one.x)
    middle = (centre(0)[0] + centre(1)[0]) / 2
    assert [part.x < middle for part in parts] == [True, False]
    assert abs(parts[0].area_px / parts[1].area_px - 1) < 0.1
    for _ in range(2):
        field.actions_table["review.undo"].trigger()
    qtbot.waitUntil(lambda: [record.id for record in in_field(field)] == list(range(1, 13)), timeout=LONG)
    assert stored(field, lambda case: case.audit.verify()) is None


def test_cells_of_two_fields_are_not_joined(opened: Workbench, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    panel.gallery.setFocus()
    flags = panel.gallery.selectionModel().SelectionFlag
    panel.gallery.selectionModel().setCurrentIndex(panel.model.index(0), flags.ClearAndSelect)
    panel.gallery.selectionModel().select(panel.model.index(PER_FIELD), flags.Select)
    qtbot.waitUntil(lambda: panel.model.record(PER_FIELD + 1) is not None, timeout=LONG)
    opened.actions_table["cells.join"].trigger()
    assert "of one field" in opened.notifications.texts()[-1]
    assert stored(opened, lambda case: case.cells.count()) == CELLS


def test_a_cell_chosen_in_the_field_is_typed_from_there(field: Workbench, clock: Clock, qtbot: QtBot) -> None:
    click(field, qtbot, *centre(7))
    clock.pass_by(1.0)
    assert field.actions_table["cells.set_type"].isEnabled()
    field.cells.typing.type_selected("monocyte")
    qtbot.waitUntil(lambda: types_of(field)[7] == "monocyte", timeout=LONG)


def test_a_drag_moves_the_field_and_chooses_nothing(field: Workbench, qtbot: QtBot) -> None:
    canvas = field.viewer.main.canvas
    canvas.zoom_by(3.0)
    before = canvas.view.centre_x
    start = canvas.rect().center()
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
    for step in (10, 30, 60):
        event_move(canvas, start + type(start)(step, 0))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=start + type(start)(60, 0))
    assert canvas.view.centre_x < before
    assert field.cells.field_cells.chosen() == ()


def test_without_a_name_nothing_is_corrected(field: Workbench, qtbot: QtBot) -> None:
    click(field, qtbot, *centre(2))
    field.context.selection.set_reviewer("")
    field.actions_table["cells.remove"].trigger()
    assert "need a name" in field.notifications.texts()[-1]
    assert len(in_field(field)) == PER_FIELD


def test_blind_review_draws_no_types_of_others_over_the_field(field: Workbench, qtbot: QtBot) -> None:
    canvas = field.viewer.main.canvas
    field.context.session.submit(TypeCells(9_001, [1, 2], "blast", "Ben"))
    qtbot.waitUntil(lambda: canvas.scene.cells and canvas.scene.cells[0].letter == "B", timeout=LONG)
    field.review.set_blind(True)
    assert not any(mark.letter for mark in canvas.scene.cells or ())
    qtbot.waitUntil(lambda: canvas.scene.cells is not None, timeout=LONG)
    assert not any(mark.letter or mark.colour for mark in canvas.scene.cells)
