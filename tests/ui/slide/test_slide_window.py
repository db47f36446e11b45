"""A scanner's file dropped on the window: fields proposed, slide shown, edited, classified, reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pypdf
import pytest
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, QRectF, QSizeF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QInputDialog, QPushButton, QTextBrowser
from pytestqt.qtbot import QtBot

from allstation.core.records import FieldState
from allstation.core.slide_part import Region, split_part
from allstation.imaging.readers import open_slide
from allstation.imaging.readers.kinds import DICOM_SUFFIXES, SLIDE_SUFFIXES
from allstation.imaging.synthetic.slide import write_slide
from allstation.processing.status_types import ImportStatus, Problem
from allstation.services.case.requests import OpenCase
from allstation.store.case import Case
from allstation.ui.browser.slide_model import Place
from allstation.ui.common.formatting import field_name
from allstation.ui.main_window.drop_hint import DropHint
from allstation.ui.main_window.dropped_files import SCANNED
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.slide.marks import AMBER, HIDDEN, SlideMarks
from allstation.ui.slide.tools import Tool
from allstation.ui.viewer.visibility import identity
from tests.ui.named import label_texts
from tests.ui.pixels import cut, pixels_of
from tests.ui.slide.pictured import has_colour, means

LONG = 40_000
WIDTH, HEIGHT = 4_096, 3_072
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


class Smear(NamedTuple):
    """A small slide as Aperio's scanners write it, and its pixels as its reader gives them."""

    path: Path
    pixels: NDArray[np.uint8]


@pytest.fixture(scope="module")
def smear(tmp_path_factory: pytest.TempPathFactory) -> Smear:
    path = tmp_path_factory.mktemp("slide") / "patient.svs"
    write_slide(path, seed=4, width=WIDTH, height=HEIGHT, format="svs", pixel_um=0.25)
    with open_slide(path) as reader:
        return Smear(path, reader.read(Region(level=0, x=0, y=0, width=WIDTH, height=HEIGHT)))


@pytest.fixture
def dropped(window: Workbench, smear: Smear, tmp_path: Path, qtbot: QtBot) -> Workbench:
    """The window with the slide dropped on it, its fields listed; without a model nothing is classified."""
    window.context.session.submit(OpenCase(tmp_path / "Slides.allcase", create=True))
    drop(window, smear.path)
    qtbot.waitUntil(lambda: "proposed" in window.slides.proposals.text, timeout=LONG)
    proposed = int(window.slides.proposals.text.split()[0])
    assert window.slides.proposals.text.count(str(proposed)) == 1, "the number is said twice"
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
    qtbot.waitUntil(lambda: window.slides.tiles.base is not None, timeout=LONG)
    qtbot.waitUntil(lambda: window.slides.tiles.is_idle, timeout=LONG)


def difference(window: Workbench, smear: Smear, place: QRect) -> float:
    """Return how far, in grey levels, a place on the screen is from the file's own pixels."""
    canvas = window.slides.panel.canvas
    canvas.scene.fields = False
    view = canvas.view
    area = QRectF(view.to_canvas(QPointF(place.topLeft())), QSizeF(place.size()) * view.scale)
    seen = cut(canvas, area)
    canvas.scene.fields = True
    right, bottom = place.x() + place.width(), place.y() + place.height()
    expected = smear.pixels[place.y() : bottom, place.x() : right]
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
    what_was_noted_of_several_slides_is_one_list(window)


def what_was_noted_of_several_slides_is_one_list(window: Workbench) -> None:
    notes = tuple(Problem("slide-note", f"0.{n} µm is assumed.", f"s{n}.svs") for n in range(1, 6))
    window.context.session.worker.import_changed.emit(ImportStatus(added=5, running=False, notes=notes))
    assert "Notes on 5 slides: s1.svs, s2.svs, s3.svs…" in window.notifications.texts()
    window.queue_controller.show_notes()
    dialog = window.shell.findChild(QDialog, "queue.notes")
    assert dialog.isVisible()
    listed = dialog.findChild(QTextBrowser).toPlainText()
    assert all(f"{note.name}\n{note.sentence}" in listed for note in notes)
    dialog.close()
    window.context.session.worker.import_changed.emit(ImportStatus(added=1, running=False, notes=notes[:1]))
    assert notes[0].sentence in window.notifications.texts()


def test_a_dropped_slide_gives_fields_and_stands_in_place_of_the_field(
    dropped: Workbench, smear: Smear, qtbot: QtBot
) -> None:
    bar, panel = dropped.slides.proposals, dropped.slides.panel
    assert f"{fields_of(dropped)} fields of patient.svs are proposed" in bar.text
    bar.findChild(QPushButton, "slide.proposals.show").click()
    settle(dropped, qtbot)
    assert panel.isVisible()
    assert not dropped.viewer.isVisible()
    assert not bar.isVisible()
    assert difference(dropped, smear, QRect(0, 0, WIDTH, HEIGHT)) < 4
    panel.canvas.zoom_to(0.8)
    panel.canvas.centre_on(QPointF(1_500, 1_400))
    settle(dropped, qtbot)
    assert difference(dropped, smear, QRect(1_300, 1_300, 400, 300)) < 4
    keys_work_the_slide(dropped)
    dropped.actions_table["slide.show"].trigger()
    for width, height in ((1600, 1000), (1280, 720)):
        dropped.shell.resize(width, height)
        QTest.qWait(20)
        assert panel.canvas.height() / dropped.shell.height() >= 0.75
        assert panel.canvas.width() / dropped.shell.width() >= 0.55
    a_click_chooses_a_field(dropped, qtbot)


def keys_work_the_slide(window: Workbench) -> None:
    """The keys of the field work what stands in its place."""
    canvas = window.slides.panel.canvas
    canvas.setFocus()
    canvas.fit()
    before = canvas.zoom
    QTest.keyClick(canvas, Qt.Key.Key_Plus)
    assert canvas.zoom > before
    QTest.keyClick(canvas, Qt.Key.Key_F)
    assert canvas.zoom == pytest.approx(before)
    QTest.keyClick(canvas, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert canvas.zoom == pytest.approx(1.0)
    QTest.keyClick(canvas, Qt.Key.Key_W)
    assert window.viewer.isVisible()


def a_click_chooses_a_field(window: Workbench, qtbot: QtBot) -> None:
    """A click makes a field the current one, a double click shows it large."""
    canvas = window.slides.panel.canvas
    canvas.fit()
    qtbot.waitUntil(lambda: len(canvas.scene.marks) == fields_of(window), timeout=LONG)
    other = next(int(n) for n in canvas.scene.marks.ids if n != window.context.selection.field.id)
    at = canvas.view.to_canvas(canvas.scene.marks.box_of(other).center()).toPoint()
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    qtbot.waitUntil(lambda: window.context.selection.field.id == other, timeout=LONG)
    assert canvas.scene.current == other
    assert window.browser.current_record().id == other
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    assert window.viewer.isVisible()
    qtbot.waitUntil(lambda: window.viewer.main.canvas.view is not None, timeout=LONG)
    assert window.viewer.record.id == other


def test_fields_are_edited_and_the_scanners_data_taken_over_and_each_is_undone(
    dropped: Workbench, qtbot: QtBot
) -> None:
    shown(dropped, qtbot)
    fields_are_added_and_moved(dropped, qtbot)
    a_region_is_filled(dropped, qtbot)
    only_what_is_ticked_is_taken_over(dropped, qtbot)
    another_number_is_asked_for(dropped, qtbot)
    dropped.context.selection.set_blind(True)
    qtbot.waitUntil(lambda: marks_of(dropped).styles == (HIDDEN,), timeout=LONG)
    assert not dropped.actions_table["slide.map"].isEnabled()


def fields_are_added_and_moved(window: Workbench, qtbot: QtBot) -> None:
    panel, undo, count = window.slides.panel, window.context.undo, fields_of(window)

    def there_are(wanted: int) -> Callable[[], bool]:
        return lambda: fields_of(window) == wanted == len(panel.canvas.scene.marks)

    window.actions_table["slide.edit"].trigger()
    assert panel.tool is Tool.FIELDS
    free = free_place(window)
    panel.canvas.zoom_to(0.5)
    panel.canvas.centre_on(free)
    QTest.mouseClick(panel.canvas, Qt.MouseButton.LeftButton, pos=panel.canvas.view.to_canvas(free).toPoint())
    qtbot.waitUntil(there_are(count + 1), timeout=LONG)
    qtbot.waitUntil(lambda: near(window, free), timeout=LONG)
    added = window.context.selection.field.id
    box = panel.canvas.scene.marks.box_of(added)
    window.slides.editing.move(added, box.translated(10, 10))
    qtbot.waitUntil(lambda: panel.canvas.scene.marks.box_of(added) is None, timeout=LONG)
    told = " ".join(window.notifications.texts())
    assert "The field was moved" in told
    assert "out of the case" not in told
    assert len(panel.canvas.scene.marks) == count + 1
    undo.undo()
    qtbot.waitUntil(lambda: panel.canvas.scene.marks.box_of(added) == box, timeout=LONG)
    undo.undo()
    qtbot.waitUntil(there_are(count), timeout=LONG)


def a_region_is_filled(window: Workbench, qtbot: QtBot) -> None:
    size, count = window.slides.panel.canvas.tools.field_size, fields_of(window)
    corner = QPointF(100, 100)
    far = corner + QPointF(2.2 * size.width(), 2.2 * size.height())
    window.slides.editing.fill([corner, QPointF(far.x(), 100), far, QPointF(100, far.y())])
    qtbot.waitUntil(lambda: "in the region" in " ".join(window.notifications.texts()), timeout=LONG)
    qtbot.waitUntil(lambda: fields_of(window) > count, timeout=LONG)


def only_what_is_ticked_is_taken_over(window: Workbench, qtbot: QtBot) -> None:
    controller = window.slides.metadata
    window.actions_table["slide.metadata"].trigger()
    qtbot.waitUntil(lambda: controller.dialog is not None, timeout=LONG)
    dialog = controller.dialog
    assert not any(box.isChecked() for box in dialog.boxes.values())
    assert not dialog.take.isEnabled()
    assert {"objective", "pixel_size"} <= set(dialog.boxes)
    dialog.boxes["objective"].setChecked(True)
    dialog.take.click()
    qtbot.waitUntil(lambda: details(window) == {"objective": "40x"}, timeout=LONG)
    window.context.undo.undo()
    qtbot.waitUntil(lambda: details(window) == {}, timeout=LONG)


def another_number_is_asked_for(window: Workbench, qtbot: QtBot) -> None:
    """The dialog does not block; a smaller number takes proposed fields back, a larger one none."""
    before = fields_of(window)
    ask_for(window, before - 2)
    qtbot.waitUntil(lambda: "2 proposed fields were taken back" in told(window), timeout=LONG)
    qtbot.waitUntil(lambda: fields_of(window) == before - 2, timeout=LONG)
    window.context.undo.undo()
    qtbot.waitUntil(lambda: fields_of(window) == before, timeout=LONG)
    window.actions_table["slide.cancel"].trigger()
    qtbot.waitUntil(lambda: f"Fields of the slide now: {fields_of(window)}." in told(window), timeout=LONG)
    assert 0 < fields_of(window) < before - 2, "what a person placed stays"
    window.context.undo.undo()
    qtbot.waitUntil(lambda: fields_of(window) == before, timeout=LONG)
    ask_for(window, before + 1)
    qtbot.waitUntil(lambda: "are proposed" in window.slides.proposals.text, timeout=LONG)
    assert fields_of(window) >= before, "fields that were there are gone"


def told(window: Workbench) -> str:
    return " ".join(window.notifications.texts())


def ask_for(window: Workbench, count: int) -> None:
    window.slides.proposals.findChild(QPushButton, "slide.proposals.other").click()
    dialog = window.shell.findChild(QInputDialog, "slide.number")
    assert dialog.isVisible()
    dialog.setIntValue(count)
    dialog.accept()


def free_place(window: Workbench) -> QPointF:
    """Return a place where a field has room beside the others."""
    marks, size = window.slides.panel.canvas.scene.marks, window.slides.panel.canvas.tools.field_size
    for y in np.arange(size.height(), HEIGHT - size.height(), 40):
        for x in np.arange(size.width(), WIDTH - size.width(), 40):
            if marks.at(QPointF(x, y)) is None:
                return QPointF(float(x), float(y))
    raise AssertionError("no room")


def near(window: Workbench, place: QPointF) -> bool:
    """Tell whether the current field's middle is a place of the slide."""
    field = window.context.selection.field
    box = window.slides.panel.canvas.scene.marks.box_of(field.id)
    return box is not None and (box.center() - place).manhattanLength() < 4


def details(window: Workbench) -> dict[str, str]:
    """Read the case data as they are on disk."""
    with Case.open(window.context.info.folder, read_only=True) as case:
        return case.details()


def test_a_slide_without_fields_is_not_taken_for_an_empty_case(
    dropped: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "glass.svs"
    write_slide(path, seed=5, width=1600, height=1200, format="svs", content="empty")
    drop(dropped, path)
    qtbot.waitUntil(lambda: dropped.browser.tree.has(Place(slide_id=2)), timeout=LONG)
    dropped.browser.tree.choose(Place(slide_id=2))
    qtbot.waitUntil(lambda: fields_of(dropped) == 0, timeout=LONG)
    qtbot.waitUntil(lambda: "No field to show here" in label_texts(dropped.shell.start), timeout=LONG)
    assert "no fields yet" not in label_texts(dropped.shell.start)


def test_a_slide_goes_from_the_drop_to_the_report(
    window: Workbench, smear: Smear, tmp_path: Path, qtbot: QtBot
) -> None:
    """The main job: fields proposed, classified, one reviewed, cells found, a PDF; the slide shows it all."""
    path = smear.path
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


def test_a_file_of_several_pages_gives_its_first_and_offers_the_others(
    window: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "stack.tif"
    colours = np.random.default_rng(2).integers(0, 255, (3, 60, 80, 3)).astype(np.uint8)
    pages = [Image.fromarray(page).resize((320, 240)) for page in colours]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    window.context.session.submit(OpenCase(tmp_path / "Pages.allcase", create=True))
    drop(window, path)
    bar = window.slides.proposals
    qtbot.waitUntil(lambda: bar.isVisible() and "stack.tif has 3 pages" in bar.text, timeout=LONG)
    qtbot.waitUntil(lambda: fields_of(window) == 1, timeout=LONG)
    bar.findChild(QPushButton, "slide.proposals.pages").click()
    qtbot.waitUntil(lambda: fields_of(window) >= 3, timeout=LONG)
    qtbot.waitUntil(lambda: page_three(window) is not None, timeout=LONG)
    assert not window.actions_table["slide.show"].isEnabled(), "a page has no place on a slide"


def page_three(window: Workbench) -> str | None:
    """Return the name under which the list shows the third page."""
    with Case.open(window.context.info.folder, read_only=True) as case:
        names = [field_name(record.path) for record in case.fields.records(list(case.fields.ids()))]
    return next((name for name in names if name == "page 3"), None)


def test_a_slide_without_any_field_can_be_shown_and_filled(
    window: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "glass.svs"
    write_slide(path, seed=1, width=2_400, height=1_600, format="svs", content="empty")
    window.context.session.submit(OpenCase(tmp_path / "Slides.allcase", create=True))
    drop(window, path)
    bar = window.slides.proposals
    qtbot.waitUntil(lambda: "glass.svs" in bar.text and not bar.is_searching, timeout=LONG)
    assert fields_of(window) == 0
    qtbot.waitUntil(lambda: window.browser.tree.has(Place(slide_id=1)), timeout=LONG)
    assert bar.findChild(QPushButton, "slide.proposals.show").isVisible()
    bar.findChild(QPushButton, "slide.proposals.show").click()
    settle(window, qtbot)
    assert window.slides.panel.isVisible()
    window.slides.editing.fill([QPointF(0, 0), QPointF(1_200, 0), QPointF(1_200, 900), QPointF(0, 900)])
    qtbot.waitUntil(lambda: fields_of(window) == 9, timeout=LONG)
    qtbot.waitUntil(lambda: len(window.slides.panel.canvas.scene.marks) == 9, timeout=LONG)
    assert window.slides.panel.isVisible(), "the slide stays in place of the field that was added"
    window.slides.editing.fill([QPointF(0, 0), QPointF(2_000, 0), QPointF(2_000, 900), QPointF(0, 900)])
    qtbot.waitUntil(lambda: fields_of(window) > 9, timeout=LONG)
    qtbot.waitUntil(lambda: len(window.slides.panel.canvas.scene.marks) == fields_of(window), timeout=LONG)
    boxes = [QRectF(*box) for box in window.slides.panel.canvas.scene.marks.boxes.tolist()]
    shared = [one.intersected(two) for row, one in enumerate(boxes) for two in boxes[:row]]
    assert all(box.isEmpty() for box in shared), "no white cell lies in two fields"
