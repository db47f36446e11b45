"""What the window shows of fields: their pixels in the viewer, the thumbnails and the report, by the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from pytestqt.qtbot import QtBot

from allstation.services.case.requests import OpenCase
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.report.window import ReportWindow
from allstation.ui.viewer.card import OverlayStyle
from tests.ui.field_records import CLASSES, evidence_map, prediction
from tests.ui.pixels import canvas_share, cut, is_drawn_on, matching_share, mosaic_case, write_mosaic

FIELDS = 6
LONG = 60_000
COVERED = 0.5
"""Share of a picture that the card of the probabilities and the layers' strip leave free, at least."""


@pytest.fixture
def smear(tmp_path: Path) -> Path:
    return tmp_path / "smear"


@pytest.fixture
def opened(window: Workbench, tmp_path: Path, smear: Path, qtbot: QtBot) -> Workbench:
    """The window with a case of fields of which no two look alike."""
    window.context.session.submit(OpenCase(mosaic_case(tmp_path, FIELDS)))
    qtbot.waitUntil(lambda: shown(window, smear / "f00.png") > COVERED, timeout=LONG)
    return window


def shown(window: Workbench, path: Path) -> float:
    return canvas_share(window.viewer.main.canvas, path)


def test_the_viewer_shows_each_field_in_its_own_pixels_with_and_without_the_card(
    opened: Workbench, smear: Path, qtbot: QtBot
) -> None:
    for row in (1, 2, 5):
        opened.browser.go_to_row(row)
        qtbot.waitUntil(lambda row=row: shown(opened, smear / f"f0{row}.png") > COVERED, timeout=LONG)
        assert shown(opened, smear / "f00.png") < 0.1
    opened.viewer.set_overlay_style(OverlayStyle.OFF)
    assert shown(opened, smear / "f05.png") == 1.0


def test_thumbnails_are_the_pictures_of_their_own_fields(
    opened: Workbench, smear: Path, qtbot: QtBot
) -> None:
    grid, model = opened.browser.grid, opened.browser.model

    def tile(row: int) -> NDArray[np.uint8]:
        record, rect = model.shown_at(row), grid.visualRect(model.index(row, 0))
        width, height = grid._picture_size(record, rect, 1.0)
        room = QRectF(rect.x(), rect.y() + 3, rect.width(), grid._picture_height() + 6)
        box = QRectF(0, 0, width, height)
        box.moveCenter(room.center())
        return cut(grid.viewport(), box)

    def right(row: int) -> bool:
        return matching_share(tile(row), smear / f"f0{row}.png") > 0.95

    qtbot.waitUntil(lambda: all(right(row) for row in range(FIELDS)), timeout=LONG)
    assert matching_share(tile(0), smear / "f01.png") < 0.1


def test_compared_fields_stand_side_by_side_in_their_own_pixels(
    opened: Workbench, smear: Path, qtbot: QtBot
) -> None:
    opened.viewer.set_overlay_style(OverlayStyle.OFF)
    opened.viewer.set_comparing(True)
    opened.browser.go_to_row(3)
    qtbot.waitUntil(lambda: shown(opened, smear / "f03.png") == 1.0, timeout=LONG)
    assert canvas_share(opened.viewer.pinned.canvas, smear / "f00.png") == 1.0


def test_a_field_beside_another_models_prediction_is_shown_twice(
    opened: Workbench, smear: Path, qtbot: QtBot
) -> None:
    opened.viewer.set_overlay_style(OverlayStyle.OFF)
    record = opened.viewer.record
    other = replace(record, prediction=prediction(0.9, 0.02, 0.04, 0.04))
    opened.viewer.compare_models(other, here="one", there="two")
    for view in (opened.viewer.main, opened.viewer.pinned):
        qtbot.waitUntil(lambda view=view: canvas_share(view.canvas, smear / "f00.png") == 1.0, timeout=LONG)


def test_pixels_stay_below_the_evidence_and_the_picture_can_be_copied(
    opened: Workbench, smear: Path, qtbot: QtBot
) -> None:
    assert evidence_map().classes == CLASSES
    opened.viewer.set_overlay_style(OverlayStyle.OFF)
    opened.viewer.set_evidence_visible(True)
    opened.viewer.set_opacity(0.0)
    qtbot.waitUntil(lambda: shown(opened, smear / "f00.png") > 0.9, timeout=LONG)
    opened.viewer.set_opacity(1.0)
    assert shown(opened, smear / "f00.png") < 0.9


def test_a_file_that_changed_is_not_shown_under_the_fields_name(
    opened: Workbench, smear: Path, qtbot: QtBot
) -> None:
    write_mosaic(smear / "f05.png", 99)
    opened.browser.go_to_row(5)
    qtbot.waitUntil(lambda: "not the one that was added" in opened.viewer.main.canvas.message, timeout=LONG)
    assert canvas_share(opened.viewer.main.canvas, smear / "f05.png") == 0.0


def test_the_preview_of_the_report_shows_the_fields_pixels(
    opened: Workbench, smear: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    opened.context.settings.change(report_template="full")
    opened.actions_table["case.report"].trigger()
    qtbot.waitUntil(lambda: opened.report_controller.preview is not None, timeout=LONG)
    report = opened.report_controller.window
    assert isinstance(report, ReportWindow)
    report.pages.fit_page()
    missing = {smear / f"f0{row}.png" for row in range(FIELDS)}
    for number in range(report.pages.count):
        report.pages.go_to_page(number)
        qtbot.waitUntil(lambda number=number: report.pages.is_drawn(number), timeout=LONG)
        page = cut(report.pages.viewport(), QRectF(report.pages.viewport().rect()))
        missing -= {path for path in missing if is_drawn_on(page, path)}
    assert missing == set()
    write_mosaic(tmp_path / "another.png", 99)
    assert not is_drawn_on(page, tmp_path / "another.png")
