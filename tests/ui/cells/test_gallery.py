"""The gallery: which cells it shows, in their own pixels, in which groups, and what keys and drops do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QMenu, QToolButton
from pytestqt.qtbot import QtBot

from allstation.core.cells import CellFilter
from allstation.core.filters import FieldFilter
from allstation.store.case import Case
from allstation.ui.cells.bar import Arrangement
from allstation.ui.cells.tile import picture_box
from allstation.ui.cells.type_list import ALL
from allstation.ui.main_window.workbench import Workbench
from tests.ui.cells.cell_case import PER_FIELD, colour_of, write_field
from tests.ui.cells.conftest import FIELDS, LONG, Clock, see, see_all, stored, types_of
from tests.ui.named import label_texts, named
from tests.ui.pixels import cut

CELLS = FIELDS * PER_FIELD


def middle_of(window: Workbench, row: int) -> NDArray[np.float64]:
    """Return the mean colour in the middle of a crop, as it is on the screen."""
    gallery = window.cells.panel.gallery
    rect = QRectF(gallery.visualRect(window.cells.panel.model.index(row)))
    box = picture_box(rect, gallery.side())
    side = gallery.side() * 0.2
    area = QRectF(box.center() - QPointF(side / 2, side / 2), box.center() + QPointF(side / 2, side / 2))
    return cut(gallery.viewport(), area).reshape(-1, 3).mean(axis=0)


def shows(window: Workbench, row: int, number: int) -> bool:
    return bool(np.abs(middle_of(window, row) - colour_of(number)).max() < 6)


def press(window: Workbench, qtbot: QtBot, key: str | Qt.Key) -> None:
    """Press a key where the keyboard is."""
    focused = QApplication.focusWidget()
    assert focused is not None
    qtbot.keyClick(focused, key)


def drag(window: Workbench, qtbot: QtBot, start: QPoint, end: QPoint) -> None:
    """Drag with the left button from one place of the gallery's viewport to another, step by step."""
    viewport = window.cells.panel.gallery.viewport()
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=start)
    for share in (0.2, 0.6, 1.0):
        at = start + (end - start) * share
        event_move(viewport, at)
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=end)


def event_move(widget, at: QPoint) -> None:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    place = QPointF(at)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        place,
        widget.mapToGlobal(place),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, event)


def select(window: Workbench, *rows: int) -> None:
    gallery, model = window.cells.panel.gallery, window.cells.panel.model
    flags = gallery.selectionModel().SelectionFlag
    gallery.selectionModel().setCurrentIndex(model.index(rows[0]), flags.ClearAndSelect)
    for row in rows[1:]:
        gallery.selectionModel().select(model.index(row), flags.Select)


def test_every_crop_shows_its_own_cell(opened: Workbench, qtbot: QtBot) -> None:
    def shown() -> bool:
        # Panels may still take or give room: a row that comes into view is empty until its crop is cut.
        rows = [row for row in opened.cells.panel.gallery.visible_rows() if row < 20]
        return len(rows) >= 12 and all(shows(opened, row, row) for row in rows)

    qtbot.waitUntil(shown, timeout=LONG)
    assert not shows(opened, 3, 4)


def test_groups_hold_the_right_cells(opened: Workbench, clock: Clock, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    assert [(s.start, s.count) for s in panel.model.sections()] == [
        (PER_FIELD * n, PER_FIELD) for n in range(FIELDS)
    ]
    panel.gallery.setFocus()
    select(opened, 2, 5, 7)
    press(opened, qtbot, "l")
    qtbot.waitUntil(lambda: types_of(opened).count("lymphocyte") == 3, timeout=LONG)
    opened.actions_table["cells.by_type"].trigger()
    qtbot.waitUntil(lambda: [s.key for s in panel.model.sections()] == ["lymphocyte", ""], timeout=LONG)
    assert [s.title for s in panel.model.sections()] == ["Lymphocyte", "No type"]
    assert list(panel.model.ids()[:3]) == [3, 6, 8]
    panel.gallery.verticalScrollBar().setValue(0)
    see(opened, clock, qtbot)
    assert [shows(opened, row, number) for row, number in ((0, 2), (1, 5), (2, 7), (3, 0))] == [True] * 4


def test_fifty_cells_are_typed_by_key_one_after_the_other_and_undone(
    opened: Workbench, clock: Clock, qtbot: QtBot
) -> None:
    see_all(opened, clock, qtbot)
    panel = opened.cells.panel
    panel.gallery.setFocus()
    select(opened, 0)
    for number in range(50):
        press(opened, qtbot, "bln"[number % 3])
    expected = [("blast", "lymphocyte", "segmented")[number % 3] for number in range(50)]
    qtbot.waitUntil(lambda: types_of(opened)[:50] == expected, timeout=LONG)
    assert types_of(opened)[50:] == [""] * (CELLS - 50)
    assert opened.context.undo.count() == 50
    for _ in range(50):
        opened.actions_table["review.undo"].trigger()
    qtbot.waitUntil(lambda: types_of(opened) == [""] * CELLS, timeout=LONG)
    for _ in range(50):
        opened.actions_table["review.redo"].trigger()
    qtbot.waitUntil(lambda: types_of(opened)[:50] == expected, timeout=LONG)
    assert stored(opened, lambda case: case.audit.verify()) is None


def test_letters_and_digits_mean_types_while_the_gallery_has_the_keyboard(
    opened: Workbench, qtbot: QtBot
) -> None:
    opened.cells.panel.gallery.setFocus()
    select(opened, 0)
    press(opened, qtbot, "e")
    qtbot.waitUntil(lambda: types_of(opened)[0] == "eosinophil", timeout=LONG)
    assert not opened.viewer.state_of("view.evidence")
    press(opened, qtbot, "2")
    assert "No type of cell has the key 2" in opened.notifications.texts()[-1]
    reviewed = stored(opened, lambda case: [f.review for f in case.fields.page()])
    assert reviewed == [None] * FIELDS
    opened.viewer.main.canvas.setFocus()
    press(opened, qtbot, "e")
    assert opened.viewer.state_of("view.evidence")


def test_cells_that_nobody_saw_are_not_typed(opened: Workbench, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    panel.gallery.setFocus()
    opened.actions_table["browse.all"].trigger()
    assert panel.selected_count() == CELLS
    seen = len([row for row in panel.gallery.visible_rows() if types_of(opened) is not None])
    press(opened, qtbot, "m")
    qtbot.waitUntil(lambda: types_of(opened).count("monocyte") > 0, timeout=LONG)
    typed = types_of(opened).count("monocyte")
    assert 0 < typed <= seen < CELLS
    assert f"{CELLS - typed} of {CELLS} selected cells were not typed" in opened.notifications.texts()[-1]


def test_a_cell_that_just_came_into_view_is_not_typed(opened: Workbench, clock: Clock, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    panel.gallery.verticalScrollBar().setValue(panel.gallery.verticalScrollBar().maximum())
    qtbot.waitUntil(lambda: panel.gallery.visibility.seconds(CELLS) is not None, timeout=LONG)
    panel.gallery.setFocus()
    select(opened, CELLS - 1)
    clock.pass_by(0.29)
    press(opened, qtbot, "b")
    assert types_of(opened)[-1] == ""
    assert "less than 0.3 s" in opened.notifications.texts()[-1]
    clock.pass_by(0.02)
    press(opened, qtbot, "b")
    qtbot.waitUntil(lambda: types_of(opened)[-1] == "blast", timeout=LONG)


def test_cells_are_typed_by_dragging_them_onto_a_type_of_the_list(opened: Workbench, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    select(opened, 0, 1, 2)
    row = next(n for n in range(panel.types.count()) if "Monocyte" in panel.types.item(n).toolTip())
    target = panel.types.visualItemRect(panel.types.item(row)).center()
    at = panel.gallery.viewport().mapFromGlobal(panel.types.viewport().mapToGlobal(target))
    start = picture_box(QRectF(panel.gallery.visualRect(panel.model.index(1))), panel.gallery.side()).center()
    drag(opened, qtbot, start.toPoint(), at)
    qtbot.waitUntil(lambda: types_of(opened)[:4] == ["monocyte"] * 3 + [""], timeout=LONG)
    assert opened.context.undo.undoText() == "Monocyte on 3 cells"


def test_cells_are_typed_by_dragging_them_onto_a_group(opened: Workbench, clock: Clock, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    panel.gallery.setFocus()
    select(opened, 0)
    press(opened, qtbot, "b")
    opened.actions_table["cells.by_type"].trigger()
    qtbot.waitUntil(lambda: [s.key for s in panel.model.sections()] == ["blast", ""], timeout=LONG)
    panel.gallery.verticalScrollBar().setValue(0)
    see(opened, clock, qtbot)
    select(opened, 4)
    box = picture_box(QRectF(panel.gallery.visualRect(panel.model.index(4))), panel.gallery.side())
    heading = QPoint(40, 6)
    assert panel.gallery.section_at(heading).key == "blast"
    drag(opened, qtbot, box.center().toPoint(), heading)
    qtbot.waitUntil(lambda: types_of(opened).count("blast") == 2, timeout=LONG)
    assert types_of(opened)[4] == "blast"


def test_escape_ends_a_drag_without_a_drop(opened: Workbench, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    viewport = panel.gallery.viewport()
    panel.gallery.setFocus()
    select(opened, 0)
    start = picture_box(QRectF(panel.gallery.visualRect(panel.model.index(0))), panel.gallery.side()).center()
    target = panel.types.visualItemRect(panel.types.item(1)).center()
    at = viewport.mapFromGlobal(panel.types.viewport().mapToGlobal(target))
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=start.toPoint())
    event_move(viewport, at)
    assert panel.types.drop_key() == "blast"
    press(opened, qtbot, Qt.Key.Key_Escape)
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=at)
    assert panel.types.drop_key() is None
    assert types_of(opened) == [""] * CELLS


def test_a_rubber_band_beside_the_crops_selects_what_it_touches(opened: Workbench, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    gallery, model = panel.gallery, panel.model
    first, last = (gallery.visualRect(model.index(row)) for row in (0, gallery.columns() + 1))
    drag(opened, qtbot, first.topLeft() + QPoint(2, 2), last.center())
    columns = gallery.columns()
    assert panel.selected_ids().tolist() == [1, 2, columns + 1, columns + 2]


def test_a_click_on_one_of_many_selects_it_alone(opened: Workbench, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    select(opened, 0, 1, 2)
    centre = picture_box(
        QRectF(panel.gallery.visualRect(panel.model.index(1))), panel.gallery.side()
    ).center()
    qtbot.mouseClick(panel.gallery.viewport(), Qt.MouseButton.LeftButton, pos=centre.toPoint())
    assert panel.selected_ids().tolist() == [2]


def test_shift_and_ctrl_select_many(opened: Workbench, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    gallery, model = panel.gallery, panel.model

    def click(row: int, held: Qt.KeyboardModifier) -> None:
        at = gallery.visualRect(model.index(row)).center()
        qtbot.mouseClick(gallery.viewport(), Qt.MouseButton.LeftButton, held, pos=at)

    click(1, Qt.KeyboardModifier.NoModifier)
    click(4, Qt.KeyboardModifier.ShiftModifier)
    assert panel.selected_ids().tolist() == [2, 3, 4, 5]
    click(7, Qt.KeyboardModifier.ControlModifier)
    click(2, Qt.KeyboardModifier.ControlModifier)
    assert panel.selected_ids().tolist() == [2, 4, 5, 8]


def test_arrows_go_from_cell_to_cell_and_the_viewer_follows(opened: Workbench, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    panel.gallery.setFocus()
    select(opened, PER_FIELD - 1)
    qtbot.waitUntil(lambda: opened.context.selection.cell is not None, timeout=LONG)
    before = opened.viewer.record.id
    press(opened, qtbot, Qt.Key.Key_Right)
    assert panel.gallery.currentIndex().row() == PER_FIELD
    qtbot.waitUntil(lambda: opened.viewer.record.id != before, timeout=LONG)
    assert opened.context.selection.cell.id == PER_FIELD + 1
    press(opened, qtbot, Qt.Key.Key_End)
    assert panel.gallery.currentIndex().row() == CELLS - 1


def test_the_field_is_one_key_away_with_the_cell_in_its_middle_and_back(
    opened: Workbench, qtbot: QtBot
) -> None:
    panel, canvas = opened.cells.panel, opened.viewer.main.canvas
    panel.gallery.setFocus()
    number = 2 * PER_FIELD + 6
    select(opened, number)
    press(opened, qtbot, Qt.Key.Key_Return)
    qtbot.waitUntil(canvas.hasFocus)
    qtbot.waitUntil(lambda: opened.viewer.record.path.name == "f02.png", timeout=LONG)

    def middle() -> NDArray[np.float64]:
        centre = QPointF(canvas.rect().center())
        return cut(canvas, QRectF(centre - QPointF(4, 4), centre + QPointF(4, 4))).reshape(-1, 3).mean(axis=0)

    qtbot.waitUntil(lambda: bool(np.abs(middle() - colour_of(number)).max() < 6), timeout=LONG)
    qtbot.waitUntil(lambda: canvas.scene.cells is not None, timeout=LONG)
    (chosen,) = [mark for mark in canvas.scene.cells if mark.chosen]
    assert chosen.cell_id == number + 1
    press(opened, qtbot, Qt.Key.Key_F4)
    assert panel.gallery.hasFocus()
    assert panel.gallery.currentIndex().row() == number


def test_a_file_that_changed_says_so_instead_of_a_wrong_crop(
    opened: Workbench, case: Path, clock: Clock, qtbot: QtBot
) -> None:
    panel = opened.cells.panel
    write_field(case.parent / "smear 1" / "f04.png", 900)
    bar = panel.gallery.verticalScrollBar()
    bar.setValue(bar.maximum())
    last = CELLS - 1
    panel.crops.clear()

    def refused() -> bool:
        panel.gallery.viewport().repaint()
        record = panel.model.record(CELLS)
        if record is None or panel.model.place(record.field_id) is None:
            return False
        crop = panel.crops.crop(
            record,
            panel.model.place(record.field_id),
            side=panel.gallery._scale.side(record),
            pixels=round(panel.gallery.side() * panel.gallery.devicePixelRatioF()),
        )
        return crop is not None and crop.changed

    qtbot.waitUntil(refused, timeout=LONG)
    assert not shows(opened, last, 900 + PER_FIELD - 1)
    clock.pass_by(1)
    panel.gallery.setFocus()
    select(opened, last)
    press(opened, qtbot, "b")
    assert types_of(opened)[last] == "", "a cell was typed whose crop was never shown"


def test_filters_of_the_browser_hold_here_too(opened: Workbench, qtbot: QtBot) -> None:
    named(opened.browser.filters, QLineEdit, "Find fields by name or slide").setText("f03")
    qtbot.waitUntil(lambda: opened.cells.panel.model.rowCount() == PER_FIELD, timeout=LONG)
    assert opened.cells.panel.model.ids()[0] == 3 * PER_FIELD + 1
    opened.actions_table["browse.clear"].trigger()
    qtbot.waitUntil(lambda: opened.cells.panel.model.rowCount() == CELLS, timeout=LONG)


def test_the_list_of_types_counts_and_shows_the_cells_of_one(opened: Workbench, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    panel.gallery.setFocus()
    select(opened, 3, 4)
    press(opened, qtbot, "p")
    qtbot.waitUntil(lambda: "Promyelocyte: 2" in _tip(panel, "Promyelocyte"), timeout=LONG)
    panel.choose_type("promyelocyte")
    qtbot.waitUntil(lambda: list(panel.model.ids()) == [4, 5], timeout=LONG)
    assert f"All cells: {CELLS}" in _tip(panel, "All cells")
    panel.choose_type(ALL)
    qtbot.waitUntil(lambda: panel.model.rowCount() == CELLS, timeout=LONG)


def _tip(panel, start: str) -> str:
    tips = [panel.types.item(n).toolTip() for n in range(panel.types.count())]
    return next(text for text in tips if text.startswith(start))


def test_without_a_name_nothing_is_typed(opened: Workbench, qtbot: QtBot) -> None:
    opened.context.selection.set_reviewer("")
    opened.cells.panel.gallery.setFocus()
    select(opened, 0)
    press(opened, qtbot, "b")
    assert "need a name" in opened.notifications.texts()[-1]
    assert types_of(opened) == [""] * CELLS


def test_proposals_are_accepted_for_a_selection_as_a_persons_own(opened: Workbench, qtbot: QtBot) -> None:
    from allstation.services.case.cell_requests import SaveCellProposals

    panel = opened.cells.panel
    rows = [(1, "blast", 0.9), (2, "monocyte", 0.8), (3, "blast", 0.7)]
    opened.context.session.submit(SaveCellProposals(rows, "c" * 64))
    qtbot.waitUntil(lambda: (r := panel.model.record(1)) is not None and r.proposed == "blast", timeout=LONG)
    assert types_of(opened) == [""] * CELLS
    panel.gallery.setFocus()
    select(opened, 0, 1, 5)
    press(opened, qtbot, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: types_of(opened)[:3] == ["blast", "monocyte", ""], timeout=LONG)
    assert types_of(opened, "Ada")[:2] == ["blast", "monocyte"]
    who = stored(opened, lambda case: {e.who for e in case.audit.entries() if e.action == "cells-typed"})
    assert who == {"Ada"}
    opened.actions_table["review.undo"].trigger()
    qtbot.waitUntil(lambda: types_of(opened)[:3] == ["", "", ""], timeout=LONG)


def test_blind_review_shows_nothing_of_what_others_and_the_typer_said(
    opened: Workbench, qtbot: QtBot
) -> None:
    from allstation.services.case.cell_requests import SaveCellProposals, TypeCells

    panel = opened.cells.panel
    session = opened.context.session
    session.submit(TypeCells(9_001, [1, 2], "blast", "Ben"))
    session.submit(SaveCellProposals([(3, "monocyte", 0.8)], "c" * 64))
    qtbot.waitUntil(lambda: (r := panel.model.record(3)) is not None and r.proposed != "", timeout=LONG)
    opened.review.set_blind(True)
    qtbot.waitUntil(
        lambda: (
            (r := panel.model.record(1)) is not None and r.type == "" and panel.model.record(3) is not None
        ),
        timeout=LONG,
    )
    assert panel.model.record(3).proposed == ""
    assert "No type: 60" in _tip(panel, "No type")
    assert not opened.actions_table["cells.unsure"].isEnabled()
    assert panel.bar.arrangement() in (Arrangement.FIELD, Arrangement.SLIDE, Arrangement.SIZE)
    panel.gallery.setFocus()
    select(opened, 0)
    press(opened, qtbot, "l")
    qtbot.waitUntil(lambda: (r := panel.model.record(1)) is not None and r.type == "lymphocyte", timeout=LONG)
    opened.review.set_blind(False)
    qtbot.waitUntil(lambda: (r := panel.model.record(2)) is not None and r.type == "blast", timeout=LONG)


def test_the_menu_offers_every_type_with_its_key(opened: Workbench, qtbot: QtBot) -> None:
    select(opened, 0)
    menu = QMenu(opened.cells.panel)
    opened.cells.typing.fill_types(menu)
    assert [action.text() for action in menu.actions()][:2] == ["Blast\tB", "Lymphocyte\tL"]
    assert all(not action.shortcut().toString() for action in menu.actions()), "a type's key is the gallery's"
    menu.actions()[1].trigger()
    qtbot.waitUntil(lambda: types_of(opened)[0] == "lymphocyte", timeout=LONG)


def test_removed_cells_are_listed_by_themselves_and_come_back(opened: Workbench, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    panel.gallery.setFocus()
    select(opened, 0, 1)
    press(opened, qtbot, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: panel.model.rowCount() == CELLS - 2, timeout=LONG)
    panel.bar.set_value(CellFilter(removed=True))
    panel.listing_asked.emit()
    qtbot.waitUntil(lambda: list(panel.model.ids()) == [1, 2], timeout=LONG)
    select(opened, 1)
    opened.actions_table["cells.restore"].trigger()
    qtbot.waitUntil(lambda: list(panel.model.ids()) == [1], timeout=LONG)
    assert stored(opened, lambda case: case.cells.count()) == CELLS - 1


@pytest.mark.parametrize("arrangement", list(Arrangement))
def test_every_arrangement_lists_every_cell_under_headings_that_add_up(
    opened: Workbench, qtbot: QtBot, arrangement: Arrangement
) -> None:
    panel = opened.cells.panel
    opened.cells.gallery.arrange(arrangement)
    before = panel.model.sections()
    qtbot.waitUntil(
        lambda: panel.model.sections() != before or arrangement is Arrangement.FIELD, timeout=LONG
    )
    assert sorted(panel.model.ids()) == list(range(1, CELLS + 1))
    sections = panel.model.sections()
    if arrangement in (Arrangement.SIZE, Arrangement.UNCERTAINTY, Arrangement.SIMILARITY):
        assert sections == ()
    else:
        assert sum(section.count for section in sections) == CELLS
    if arrangement is Arrangement.SIZE:
        with Case.open(opened.context.session.info.folder, read_only=True) as case:
            areas = [record.area_px for record in case.cells.records(panel.model.ids())]
        assert areas == sorted(areas)


def test_the_gallery_says_that_a_scale_is_not_known_until_the_site_tells_it(
    opened: Workbench, qtbot: QtBot
) -> None:
    panel = opened.cells.panel
    assert f"{CELLS} cells" in label_texts(panel.bar)
    assert "not all to scale" not in label_texts(panel.bar)
    panel.take_page([replace(panel.model.record_at(0), pixel_size=None)])
    assert f"{CELLS} cells, not all to scale" in label_texts(panel.bar)
    opened.context.session.worker.site_changed.emit(None)
    qtbot.waitUntil(lambda: "not all to scale" not in label_texts(panel.bar), timeout=LONG)


def test_the_boxes_of_fields_make_room_for_the_cells(opened: Workbench) -> None:
    box = named(opened.browser.filters, QComboBox, "Filter by review")
    more = named(opened.browser.filters, QToolButton, "More filters")
    assert more.isVisible()
    assert not box.isVisible()
    more.click()
    assert box.isVisible()
    more.click()
    opened.browser.filters.choose(FieldFilter(needs_review=True))
    assert box.isVisible(), "what filters is seen"
    opened.browser.filters.clear()
    assert not box.isVisible()
    opened.actions_table["browse.grid"].trigger()
    assert box.isVisible()
    assert not more.isVisible()


def test_a_low_gallery_shows_whole_cells(opened: Workbench) -> None:
    gallery = opened.cells.panel.gallery
    gallery.set_tile_width(360)
    row = gallery.visualRect(opened.cells.panel.model.index(0))
    opened.shell.resize(1600, 500)
    lower = gallery.visualRect(opened.cells.panel.model.index(0))
    assert lower.height() <= gallery.viewport().height() < row.height()
