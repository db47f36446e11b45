"""Measuring on a field: by mouse and keys, with the pixels that are drawn, and in the copied picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from allstation.core.measure import MeasureKind
from allstation.core.records import ModelRecord
from allstation.processing.status_types import ModelInfo
from allstation.services.case.requests import OpenCase
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.viewer.canvas import FieldCanvas
from allstation.ui.viewer.measure_tool import MeasureTool
from allstation.ui.viewer.measures import LIGHT
from allstation.ui.viewer.squash_note import squash_note
from tests.ui.field_records import CLASSES
from tests.ui.pixels import mosaic_case, pixels_of

LONG = 20_000
LEFT = Qt.MouseButton.LeftButton
YELLOW = np.array([LIGHT.red(), LIGHT.green(), LIGHT.blue()])


@pytest.fixture
def opened(window: Workbench, tmp_path: Path, qtbot: QtBot) -> Workbench:
    window.context.session.submit(OpenCase(mosaic_case(tmp_path, 2)))
    qtbot.waitUntil(lambda: window.viewer.main.canvas.view is not None, timeout=LONG)
    window.actions_table["view.measure"].trigger()
    return window


def model_of(size: tuple[int, int], aspect: float | None) -> ModelInfo:
    record = ModelRecord(sha256="a" * 64, name="m", version="1", classes=CLASSES, info={})
    return ModelInfo(record, Path("m.allmodel"), size, aspect)


def canvas_of(window: Workbench) -> FieldCanvas:
    return window.viewer.main.canvas


def tool_of(window: Workbench) -> MeasureTool:
    return window.viewer_controller.measuring.tool


def at(canvas: FieldCanvas, x: float, y: float) -> QPoint:
    return canvas.view.to_canvas(QPointF(x, y)).toPoint()


def drag(qtbot: QtBot, canvas: FieldCanvas, start: tuple[float, float], end: tuple[float, float]) -> None:
    qtbot.mousePress(canvas, LEFT, pos=at(canvas, *start))
    qtbot.mouseMove(canvas, at(canvas, (start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    qtbot.mouseMove(canvas, at(canvas, *end))
    qtbot.mouseRelease(canvas, LEFT, pos=at(canvas, *end))


def is_yellow(pixels: np.ndarray, point: QPoint, ratio: float) -> bool:
    x, y = round(point.x() * ratio), round(point.y() * ratio)
    near = pixels[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].astype(int)
    return bool((np.abs(near - YELLOW).max(axis=2) < 40).any())


def yellow_at(canvas: FieldCanvas, x: float, y: float) -> bool:
    image = canvas.grab().toImage()
    return is_yellow(pixels_of(image), at(canvas, x, y), image.devicePixelRatio())


def test_a_line_is_drawn_where_it_was_dragged_with_its_length(opened: Workbench, qtbot: QtBot):
    canvas = canvas_of(opened)
    place = canvas.view
    assert not yellow_at(canvas, 150, 60)
    drag(qtbot, canvas, (100, 60), (200, 60))
    assert canvas.view == place, "the field did not move"
    [line] = canvas.scene.measures
    assert line.pixels == pytest.approx(100, abs=1.5)
    assert yellow_at(canvas, 150, 60)
    assert not yellow_at(canvas, 150, 75)
    assert "px, scale not known" in canvas.accessibleDescription()
    assert any("scale of this field is not known" in text for text in opened.notifications.texts())
    opened.pixel_size_controller.set(0.05)
    qtbot.waitUntil(lambda: " µm (" in canvas.accessibleDescription(), timeout=LONG)
    assert line.text(0.05) in canvas.accessibleDescription()


def test_a_field_of_the_models_size_may_be_squashed_and_that_is_said(opened: Workbench, qtbot: QtBot):
    assert squash_note(400, 300, model_of((224, 224), 4 / 3)) == "", "a frame of its own size"
    assert squash_note(400, 300, model_of((300, 400), 4 / 3)) == "", "square pixels"
    assert "not known: if so, lengths across and down" in squash_note(400, 300, model_of((300, 400), None))
    note = squash_note(224, 224, model_of((224, 224), 4 / 3))
    assert "multiply lengths across by 1.15 and down by 0.87; areas are right" in note
    opened.pixel_size_controller.set(0.05)
    qtbot.waitUntil(lambda: canvas_of(opened).scene.pixel_size() == 0.05, timeout=LONG)
    tool_of(opened).end()
    opened.context.selection.set_model(model_of((300, 400), 3.0))
    opened.actions_table["view.measure"].trigger()
    qtbot.waitUntil(
        lambda: any("across by 1.50" in text for text in opened.notifications.texts()), timeout=LONG
    )


def test_areas_and_ellipses_beside_it_several_at_a_time(opened: Workbench, qtbot: QtBot):
    canvas, tool = canvas_of(opened), tool_of(opened)
    drag(qtbot, canvas, (20, 20), (60, 20))
    qtbot.mouseClick(tool.bar.kinds[MeasureKind.AREA], LEFT)
    for corner in ((100, 100), (180, 100), (180, 150), (100, 150)):
        qtbot.mouseClick(canvas, LEFT, pos=at(canvas, *corner))
    qtbot.keyClick(canvas, Qt.Key.Key_Backspace)
    qtbot.mouseClick(canvas, LEFT, pos=at(canvas, 100, 150))
    qtbot.mouseClick(canvas, LEFT, pos=at(canvas, 100, 100))  # the first corner closes it
    qtbot.mouseClick(tool.bar.kinds[MeasureKind.ELLIPSE], LEFT)
    drag(qtbot, canvas, (250, 100), (330, 160))
    kinds = [measure.kind for measure in canvas.scene.measures]
    assert kinds == [MeasureKind.LINE, MeasureKind.AREA, MeasureKind.ELLIPSE]
    assert canvas.scene.measures[1].pixels == pytest.approx(4000, rel=0.05)
    assert canvas.scene.measures[2].pixels == pytest.approx(3770, rel=0.06)
    assert all(yellow_at(canvas, *place) for place in ((140, 100), (180, 125), (290, 100), (250, 130)))
    assert not yellow_at(canvas, 140, 125)
    qtbot.keyClick(canvas, Qt.Key.Key_Delete)
    assert [measure.kind for measure in canvas.scene.measures] == kinds[:2]
    assert opened.context.undo.count() == 0, "Delete took no field out of the case"
    qtbot.mouseClick(tool.bar.all, LEFT)
    assert canvas.scene.measures == ()
    assert not yellow_at(canvas, 140, 100)


def test_escape_gives_up_what_is_half_drawn_then_ends(opened: Workbench, qtbot: QtBot):
    canvas, tool = canvas_of(opened), tool_of(opened)
    drag(qtbot, canvas, (20, 20), (60, 20))
    tool.set_kind(MeasureKind.AREA)
    qtbot.mouseClick(canvas, LEFT, pos=at(canvas, 100, 100))
    qtbot.mouseClick(canvas, LEFT, pos=at(canvas, 150, 100))
    assert canvas.scene.growing is not None
    qtbot.keyClick(canvas, Qt.Key.Key_Escape)
    assert tool.is_on
    assert canvas.scene.growing is None
    qtbot.keyClick(canvas, Qt.Key.Key_Escape)
    assert not tool.is_on
    assert not tool.bar.isVisible()
    assert not opened.actions_table["view.measure"].isChecked()
    assert len(canvas.scene.measures) == 1, "what was measured stays"
    before = canvas.view
    canvas.zoom_by(4)
    drag(qtbot, canvas, (200, 150), (180, 150))
    assert canvas.view.centre_x != before.centre_x, "a drag pans again"


def test_measures_stay_with_their_field_and_go_into_the_copied_picture(opened: Workbench, qtbot: QtBot):
    canvas = canvas_of(opened)
    drag(qtbot, canvas, (100, 60), (200, 60))
    opened.actions_table["view.copy"].trigger()
    copied = QGuiApplication.clipboard().image()
    assert is_yellow(pixels_of(copied), at(canvas, 150, 60), copied.devicePixelRatio())
    first = opened.context.selection.field
    opened.browser.step(1)
    qtbot.waitUntil(lambda: canvas.scene.record.id != first.id and canvas.view is not None, timeout=LONG)
    assert canvas.scene.measures == ()
    opened.browser.step(-1)
    qtbot.waitUntil(lambda: canvas.scene.record.id == first.id and canvas.view is not None, timeout=LONG)
    assert yellow_at(canvas, 150, 60)


def test_nothing_goes_beyond_the_field(opened: Workbench, qtbot: QtBot):
    canvas = canvas_of(opened)
    drag(qtbot, canvas, (380, 150), (399, 150))
    qtbot.mousePress(canvas, LEFT, pos=at(canvas, 300, 150))
    qtbot.mouseRelease(canvas, LEFT, pos=QPoint(canvas.width() - 1, at(canvas, 300, 150).y()))
    assert canvas.scene.measures[-1].points[1][0] <= 400
    qtbot.mouseClick(canvas, LEFT, pos=at(canvas, 50, 50))
    assert len(canvas.scene.measures) == 2, "a click is no line"
