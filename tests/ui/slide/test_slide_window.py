"""A scanner's file dropped on the window: fields proposed, slide shown, edited, classified, reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pypdf
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRectF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog, QPushButton
from pytestqt.qtbot import QtBot

from allstation.core.records import FieldState
from allstation.core.slide_part import Region, split_part
from allstation.imaging.readers import open_slide
from allstation.imaging.readers.kinds import DICOM_SUFFIXES, SLIDE_SUFFIXES
from allstation.imaging.synthetic_slide import SlideTruth, write_slide
from allstation.services.requests import OpenCase
from allstation.store.case import Case
from allstation.ui.common.formatting import field_name
from allstation.ui.main_window.drop_hint import DropHint
from allstation.ui.main_window.dropped_files import SCANNED
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.slide.marks import AMBER, SlideMarks
from allstation.ui.slide.tools import Tool
from allstation.ui.viewer.visibility import identity
from tests.ui.named import label_texts
from tests.ui.pixels import cut, pixels_of
from tests.ui.slide.pictured import has_colour

LONG = 40_000
OUTLINE = "#ffff5a"
"""Of cells without a type."""


def dragged(*given: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in given])
    return data


def drop(window: Workbench, *given: Path) -> None:
    """Drop files the way the window system does."""
    data = dragged(*given)  # an event does not keep it
    where, none = QPointF(window.shell.width() / 2, window.shell.height() / 2), Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(where.toPoint(), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none)
    QApplication.sendEvent(window.shell, enter)
    assert enter.isAccepted()
    event = QDropEvent(where, Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none)
    QApplication.sendEvent(window.shell, event)
    assert event.isAccepted()


@pytest.fixture(scope="module")
def smear(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SlideTruth]:
    """A small slide as Aperio's scanners write it."""
    path = tmp_path_factory.mktemp("slide") / "patient.svs"
    return path, write_slide(path, seed=4, width=4_096, height=3_072, format="svs", pixel_um=0.25)


@pytest.fixture
def dropped(window: Workbench, smear: tuple[Path, SlideTruth], tmp_path: Path, qtbot: QtBot) -> Workbench:
    """The window with the slide dropped on it, its fields listed; without a model nothing is classified."""
    window.context.session.submit(OpenCase(tmp_path / "Slides.allcase", create=True))
    drop(window, smear[0])
    qtbot.waitUntil(lambda: "proposed" in window.slides.proposals.text, timeout=LONG)
    proposed = int(window.slides.proposals.text.split()[0])
    qtbot.waitUntil(lambda: fields_of(window) == proposed, timeout=LONG)
    qtbot.waitUntil(window.slides.slide.has_slide, timeout=LONG)
    return window


def shown(window: Workbench, qtbot: QtBot) -> Workbench:
    """Show the slide with all its fields."""
    window.actions_table["slide.show"].trigger()
    settle(window, qtbot)
    qtbot.waitUntil(lambda: len(window.slides.panel.canvas.scene.marks) == fields_of(window), timeout=LONG)
    return window


def fields_of(window: Workbench) -> int:
    return window.browser.model.rowCount()


def settle(window: Workbench, qtbot: QtBot) -> None:
    """Wait until the slide is open and every tile in view has come."""
    qtbot.waitUntil(window.slides.slide.is_open, timeout=LONG)
    qtbot.waitUntil(lambda: window.slides.tiles.is_idle, timeout=LONG)


def difference(window: Workbench, path: Path, place: QRectF) -> float:
    """Return how far, in grey levels, a place on the screen is from the file's own pixels."""
    canvas = window.slides.panel.canvas
    view = canvas.view
    assert view is not None
    canvas.scene.fields = False
    area = QRectF(view.to_canvas(place.topLeft()), place.size() * view.scale)
    seen = cut(canvas, area).astype(float)
    canvas.scene.fields = True
    with open_slide(path) as reader:
        x, y = round(place.x()), round(place.y())
        expected = reader.read(
            Region(level=0, x=x, y=y, width=round(place.width()), height=round(place.height()))
        ).astype(float)
    rows = np.linspace(0, 1, 12, endpoint=False)

    def means(pixels: np.ndarray) -> np.ndarray:
        high, wide = pixels.shape[:2]
        step = 1 / 12
        return np.array(
            [
                pixels[
                    int(r * high) : max(int((r + step) * high), int(r * high) + 1),
                    int(c * wide) : max(int((c + step) * wide), int(c * wide) + 1),
                ].mean(axis=(0, 1))
                for r in rows
                for c in rows
            ]
        )

    return float(np.abs(means(seen) - means(expected)).mean())


def test_a_drag_says_what_becomes_of_a_slide(window: Workbench, tmp_path: Path, qtbot: QtBot) -> None:
    assert SCANNED == SLIDE_SUFFIXES | DICOM_SUFFIXES
    with qtbot.waitSignal(window.context.session.opened, timeout=LONG):
        window.context.session.submit(OpenCase(tmp_path / "Slides.allcase", create=True))
    data = dragged(Path("/nowhere/patient.SVS"))
    enter = QDragEnterEvent(
        QPoint(400, 300),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window.shell, enter)
    hint = window.shell.findChild(DropHint)
    assert "fields of patient.SVS" in label_texts(hint)


def test_a_dropped_slide_gives_fields_and_stands_in_place_of_the_field(
    dropped: Workbench, smear: tuple[Path, SlideTruth], qtbot: QtBot
) -> None:
    path, _ = smear
    bar = dropped.slides.proposals
    assert bar.isVisible()
    assert f"{fields_of(dropped)} fields of patient.svs are proposed" in bar.text
    bar.findChild(QPushButton, "slide.proposals.show").click()
    settle(dropped, qtbot)
    panel = dropped.slides.panel
    assert panel.isVisible()
    assert not dropped.viewer.isVisible()
    assert not bar.isVisible()
    assert difference(dropped, path, QRectF(0, 0, 4_096, 3_072)) < 4
    panel.canvas.zoom_to(0.8)
    panel.canvas.centre_on(QPointF(1_500, 1_400))
    settle(dropped, qtbot)
    assert difference(dropped, path, QRectF(1_300, 1_300, 400, 300)) < 4
    dropped.actions_table["slide.show"].trigger()
    assert dropped.viewer.isVisible()


def test_the_keys_of_the_field_work_the_slide(dropped: Workbench, qtbot: QtBot) -> None:
    shown(dropped, qtbot)
    canvas = dropped.slides.panel.canvas
    canvas.setFocus()
    before = canvas.zoom
    QTest.keyClick(canvas, Qt.Key.Key_Plus)
    assert canvas.zoom > before
    QTest.keyClick(canvas, Qt.Key.Key_F)
    assert canvas.zoom == pytest.approx(before)
    QTest.keyClick(canvas, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert canvas.zoom == pytest.approx(1.0)
    QTest.keyClick(canvas, Qt.Key.Key_W)
    assert dropped.viewer.isVisible()


def test_a_click_on_a_rectangle_chooses_its_field(dropped: Workbench, qtbot: QtBot) -> None:
    shown(dropped, qtbot)
    canvas, marks = dropped.slides.panel.canvas, dropped.slides.panel.canvas.scene.marks
    other = next(int(n) for n in marks.ids if n != dropped.context.selection.field.id)
    at = canvas.view.to_canvas(marks.box_of(other).center()).toPoint()
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    qtbot.waitUntil(lambda: dropped.context.selection.field.id == other, timeout=LONG)
    assert canvas.scene.current == other
    assert dropped.browser.current_record().id == other
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    assert dropped.viewer.isVisible()
    qtbot.waitUntil(lambda: dropped.viewer.main.canvas.view is not None, timeout=LONG)
    assert dropped.viewer.record.id == other


def test_fields_are_added_moved_removed_and_filled_in_and_each_is_undone(
    dropped: Workbench, qtbot: QtBot
) -> None:
    shown(dropped, qtbot)
    panel, undo = dropped.slides.panel, dropped.context.undo
    count = fields_of(dropped)

    def there_are(wanted: int) -> Callable[[], bool]:
        return lambda: fields_of(dropped) == wanted == len(panel.canvas.scene.marks)

    dropped.actions_table["slide.edit"].trigger()
    assert panel.tool is Tool.FIELDS
    free = free_place(dropped)
    panel.canvas.zoom_to(0.5)
    panel.canvas.centre_on(free)
    QTest.mouseClick(panel.canvas, Qt.MouseButton.LeftButton, pos=panel.canvas.view.to_canvas(free).toPoint())
    qtbot.waitUntil(there_are(count + 1), timeout=LONG)
    qtbot.waitUntil(lambda: near(dropped, free), timeout=LONG)
    added = dropped.context.selection.field.id
    box = panel.canvas.scene.marks.box_of(added)
    dropped.slides.editing.move(added, box.translated(10, 10))
    qtbot.waitUntil(lambda: panel.canvas.scene.marks.box_of(added) is None, timeout=LONG)
    assert len(panel.canvas.scene.marks) == count + 1
    undo.undo()
    qtbot.waitUntil(lambda: panel.canvas.scene.marks.box_of(added) == box, timeout=LONG)
    undo.undo()
    qtbot.waitUntil(there_are(count), timeout=LONG)
    size = panel.canvas.tools.field_size
    corner = QPointF(100, 100)
    far = corner + QPointF(2.2 * size.width(), 2.2 * size.height())
    dropped.slides.editing.fill([corner, QPointF(far.x(), 100), far, QPointF(100, far.y())])
    qtbot.waitUntil(lambda: "in the region" in " ".join(dropped.notifications.texts()), timeout=LONG)


def free_place(window: Workbench) -> QPointF:
    """Return a place where a field has room beside the others."""
    marks, size = window.slides.panel.canvas.scene.marks, window.slides.panel.canvas.tools.field_size
    for y in np.arange(size.height(), 3_072 - size.height(), 40):
        for x in np.arange(size.width(), 4_096 - size.width(), 40):
            if marks.at(QPointF(x, y)) is None:
                return QPointF(float(x), float(y))
    raise AssertionError("no room")


def near(window: Workbench, place: QPointF) -> bool:
    """Tell whether the current field's middle is a place of the slide."""
    field = window.context.selection.field
    box = window.slides.panel.canvas.scene.marks.box_of(field.id)
    return box is not None and (box.center() - place).manhattanLength() < 4


def test_the_scanners_data_are_offered_and_only_what_is_ticked_is_taken(
    dropped: Workbench, qtbot: QtBot, tmp_path: Path
) -> None:
    controller = dropped.slides.metadata
    dropped.actions_table["slide.metadata"].trigger()
    qtbot.waitUntil(lambda: controller.dialog is not None, timeout=LONG)
    dialog = controller.dialog
    assert not any(box.isChecked() for box in dialog.boxes.values())
    assert not dialog.take.isEnabled()
    assert {"objective", "pixel_size"} <= set(dialog.boxes)
    dialog.boxes["objective"].setChecked(True)
    dialog.take.click()
    qtbot.waitUntil(lambda: details(dropped) == {"objective": "40x"}, timeout=LONG)
    dropped.context.undo.undo()
    qtbot.waitUntil(lambda: details(dropped) == {}, timeout=LONG)


def details(window: Workbench) -> dict[str, str]:
    """Read the case data as they are on disk."""
    with Case.open(window.context.info.folder, read_only=True) as case:
        return case.details()


def test_another_number_of_fields_is_asked_for_in_a_dialog_that_does_not_block(
    dropped: Workbench, qtbot: QtBot
) -> None:
    before = fields_of(dropped)
    dropped.slides.proposals.findChild(QPushButton, "slide.proposals.other").click()
    dialog = dropped.shell.findChild(QInputDialog, "slide.number")
    assert dialog.isVisible()
    dialog.setIntValue(7)
    dialog.accept()
    qtbot.waitUntil(lambda: "7 fields of patient.svs" in dropped.slides.proposals.text, timeout=LONG)
    assert fields_of(dropped) == before, "fields that were there are gone"


@pytest.mark.parametrize("size", [(1600, 1000), (1280, 720)])
def test_the_slide_has_the_room_of_the_field(dropped: Workbench, size: tuple[int, int], qtbot: QtBot) -> None:
    dropped.slides.proposals.hide()
    dropped.shell.resize(*size)
    shown(dropped, qtbot)
    canvas = dropped.slides.panel.canvas
    assert canvas.height() / dropped.shell.height() >= 0.75
    assert canvas.width() / dropped.shell.width() >= 0.55


def test_a_slide_goes_from_the_drop_to_the_report(
    window: Workbench, smear: tuple[Path, SlideTruth], tmp_path: Path, qtbot: QtBot
) -> None:
    """The main job: fields proposed, classified, one reviewed, cells found, a PDF; the slide shows it all."""
    path, _ = smear
    with qtbot.waitSignal(window.context.selection.model_changed, timeout=LONG):
        window.context.use_model(None)
    window.context.session.submit(OpenCase(tmp_path / "Smith.allcase", create=True))
    drop(window, path)
    qtbot.waitUntil(lambda: "proposed" in window.slides.proposals.text, timeout=LONG)
    proposed = int(window.slides.proposals.text.split()[0])
    assert proposed > 3

    def classified() -> bool:
        status = window.queue_controller.status
        return status.counts.get(FieldState.DONE, 0) == proposed and not status.waiting

    qtbot.waitUntil(classified, timeout=LONG)
    qtbot.waitUntil(lambda: fields_of(window) == proposed, timeout=LONG)
    qtbot.waitUntil(lambda: window.viewer.main.canvas.view is not None, timeout=LONG)
    record = window.viewer.record
    found = split_part(record.path)
    assert found is not None
    assert found[0] == path
    assert field_name(record.path).startswith("x ")
    least = window.context.settings.value.seconds_on_screen
    seen = window.viewer.main.canvas.visibility
    qtbot.waitUntil(lambda: (seen.seconds(identity(record)) or 0.0) > least, timeout=LONG)
    window.actions_table["review.class.0"].trigger()
    qtbot.waitUntil(lambda: stored_review(window, record.id) == "Benign", timeout=LONG)
    qtbot.waitUntil(lambda: bool(cells_known(window)), timeout=LONG)
    shown(window, qtbot)
    marks = window.slides.panel.canvas.scene.marks
    qtbot.waitUntil(lambda: marks_of(window).style_of(record.id).letter == "B", timeout=LONG)
    assert len(marks) == proposed
    with_cells = cells_known(window)
    window.actions_table["view.cells"].trigger()
    window.browser.go_to_field(with_cells)
    window.actions_table["slide.centre"].trigger()
    window.slides.panel.canvas.zoom_to(1.0)
    qtbot.waitUntil(lambda: bool(window.slides.panel.canvas.scene.cells.get(with_cells)), timeout=LONG)
    settle(window, qtbot)
    canvas = window.slides.panel.canvas
    assert has_colour(pixels_of(canvas.grab().toImage()), OUTLINE), "no cell is outlined"
    window.actions_table["view.fit"].trigger()
    settle(window, qtbot)
    picture = pixels_of(canvas.grab().toImage())
    assert has_colour(picture, "#009e73"), "the reviewed field is not in the colour of its class"
    assert has_colour(picture, AMBER) == any(style.dashed for style in marks_of(window).styles)
    export(window, tmp_path / "report.pdf", qtbot)
    text = "".join(page.extract_text() for page in pypdf.PdfReader(tmp_path / "report.pdf").pages)
    assert "patient" in text


def marks_of(window: Workbench) -> SlideMarks:
    return window.slides.panel.canvas.scene.marks


def stored_review(window: Workbench, field_id: int) -> str | None:
    with Case.open(window.context.info.folder, read_only=True) as case:
        review = case.fields.get(field_id).review
        return review.class_name if review is not None else None


def cells_known(window: Workbench) -> int:
    """Return a field that cells were found in; 0 while there is none."""
    with Case.open(window.context.info.folder, read_only=True) as case:
        records = case.fields.records(list(case.fields.ids()))
        return next((record.id for record in records if record.cells), 0)


def export(window: Workbench, target: Path, qtbot: QtBot) -> None:
    """Look at the report, then write it to a place, as a person would."""
    window.context.settings.change(report_template="summary")
    window.actions_table["case.report"].trigger()
    report = window.report_controller.window
    qtbot.waitUntil(report.export.isEnabled, timeout=LONG)
    with qtbot.waitSignal(window.context.exports.done, timeout=LONG):
        report.export.click()
        qtbot.waitUntil(lambda: report.findChild(QFileDialog) is not None)
        chooser = report.findChild(QFileDialog)
        chooser.selectFile(str(target))
        chooser.accept()
