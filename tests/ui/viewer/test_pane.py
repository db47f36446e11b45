"""The viewer as a person uses it: wheel, drag, keys, layers, comparing, copying."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QMainWindow, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from allstation.core.known_sizes import KnownSizes
from allstation.core.records import Review
from allstation.ui.main_window.full_screen import FullScreen
from allstation.ui.viewer.card import OverlayStyle
from allstation.ui.viewer.layer_bar import LayerBar
from allstation.ui.viewer.outlines import OutlineFinder
from allstation.ui.viewer.pane import ViewerPane
from allstation.ui.viewer.scale_bar import bar_length
from tests.ui.field_records import field, prediction, write_picture
from tests.ui.named import label_texts, named

SQUARE = np.array([[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]])


@pytest.fixture
def pane(qtbot: QtBot) -> Iterator[ViewerPane]:
    made = ViewerPane(finder=OutlineFinder(finder=lambda _path, _sha256, _size: [SQUARE, SQUARE / 2]))
    made.resize(800, 600)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close_workers()


@pytest.fixture
def red(tmp_path: Path) -> Path:
    return write_picture(tmp_path / "red.png", (200, 20, 20))


@pytest.fixture
def blue(tmp_path: Path) -> Path:
    return write_picture(tmp_path / "blue.png", (20, 20, 200))


def show(qtbot: QtBot, pane: ViewerPane, number: int, path: Path, **about: object) -> None:
    pane.show_field(field(number, path, made=prediction(), **about))
    qtbot.waitUntil(lambda: pane.main.canvas.scene.picture is not None)


def grabbed(widget: QWidget) -> QImage:
    return widget.grab().toImage()


def wheel(canvas: QWidget, at: QPointF, notches: int) -> None:
    event = QWheelEvent(
        at,
        canvas.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def test_a_field_is_painted_in_its_own_colours(qtbot: QtBot, pane: ViewerPane, red: Path):
    show(qtbot, pane, 1, red)
    canvas = pane.main.canvas
    assert grabbed(canvas).pixelColor(canvas.width() // 2, canvas.height() // 2) == QColor(200, 20, 20)
    assert "Early 90.0 %" in canvas.accessibleDescription()


def test_the_wheel_zooms_at_the_cursor(qtbot: QtBot, pane: ViewerPane, red: Path):
    show(qtbot, pane, 1, red)
    canvas = pane.main.canvas
    cursor = QPointF(430, 280)
    assert canvas.view is not None
    before, scale = canvas.view.to_image(cursor), canvas.view.scale
    wheel(canvas, cursor, 4)
    assert canvas.view.scale > 2 * scale
    after = canvas.view.to_image(cursor)
    assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()), abs=0.01)


@pytest.mark.parametrize("button", [Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton])
def test_a_drag_pans(qtbot: QtBot, pane: ViewerPane, red: Path, button: Qt.MouseButton):
    show(qtbot, pane, 1, red)
    canvas = pane.main.canvas
    canvas.zoom_by(4)
    assert canvas.view is not None
    start = canvas.view.centre_x
    scale = canvas.view.scale
    qtbot.mousePress(canvas, button, pos=QPoint(300, 300))
    qtbot.mouseMove(canvas, QPoint(280, 300))
    qtbot.mouseMove(canvas, QPoint(260, 300))
    qtbot.mouseRelease(canvas, button, pos=QPoint(260, 300))
    assert canvas.view.centre_x == pytest.approx(start + 40 / scale, abs=0.5)


def test_a_tapped_space_confirms_and_a_space_drag_does_not(qtbot: QtBot, pane: ViewerPane, red: Path):
    show(qtbot, pane, 1, red)
    canvas = pane.main.canvas
    canvas.setFocus()
    with qtbot.waitSignal(pane.confirm_asked):
        qtbot.keyClick(canvas, Qt.Key.Key_Space)
    with qtbot.assertNotEmitted(pane.confirm_asked):
        qtbot.keyPress(canvas, Qt.Key.Key_Space)
        assert canvas.cursor().shape() is Qt.CursorShape.OpenHandCursor
        qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
        qtbot.mouseMove(canvas, QPoint(180, 180))
        qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(180, 180))
        qtbot.keyRelease(canvas, Qt.Key.Key_Space)


def test_one_to_one_is_one_screen_pixel_a_field_pixel(qtbot: QtBot, pane: ViewerPane, red: Path):
    show(qtbot, pane, 1, red)
    pane.zoom.actual_size()
    assert pane.main.canvas.zoom == pytest.approx(1.0)


def test_pixels_stay_sharp_when_they_are_large(qtbot: QtBot, pane: ViewerPane, tmp_path: Path):
    path = tmp_path / "board.png"
    board = np.indices((40, 40)).sum(axis=0) % 2 * 255
    from PIL import Image

    Image.fromarray(np.repeat(board[..., None], 3, axis=2).astype(np.uint8)).save(path)
    show(qtbot, pane, 1, path)
    pane.set_overlay_style(OverlayStyle.OFF)
    image = grabbed(pane.main.canvas)
    middle = image.height() // 2
    greys = {image.pixelColor(x, middle).red() for x in range(250, 550)}
    assert greys == {0, 255}


@pytest.mark.parametrize("keep", [True, False])
def test_the_view_is_kept_between_fields_only_if_wanted(
    qtbot: QtBot, pane: ViewerPane, red: Path, blue: Path, keep: bool
):
    pane.set_keep_view(keep)
    show(qtbot, pane, 1, red)
    pane.main.canvas.zoom_by(5, QPointF(200, 200))
    before = pane.main.canvas.relative_view()
    show(qtbot, pane, 2, blue)
    after = pane.main.canvas.relative_view()
    assert before is not None
    assert after is not None
    assert (after.zoom == pytest.approx(before.zoom)) is keep


def test_a_new_prediction_of_the_same_field_keeps_the_place(qtbot: QtBot, pane: ViewerPane, red: Path):
    show(qtbot, pane, 1, red)
    pane.main.canvas.zoom_by(3)
    before = pane.main.canvas.relative_view()
    pane.show_field(field(1, red, made=prediction(0.9, 0.05, 0.03, 0.02)))
    assert pane.main.canvas.relative_view() == before
    assert "Decision: Benign" in pane.main.canvas.accessibleDescription()


def test_the_overlay_can_be_switched_off_with_its_key_action(qtbot: QtBot, pane: ViewerPane, red: Path):
    show(qtbot, pane, 1, red)
    with_bars = grabbed(pane.main.canvas)
    pane.cycle_overlay_style()
    with_badge = grabbed(pane.main.canvas)
    pane.cycle_overlay_style()
    without = grabbed(pane.main.canvas)
    assert with_bars != with_badge
    assert with_badge != without
    assert pane.layers.style is OverlayStyle.OFF


def test_the_evidence_map_lies_where_the_class_was_found(qtbot: QtBot, pane: ViewerPane, red: Path):
    show(qtbot, pane, 1, red)
    pane.set_overlay_style(OverlayStyle.OFF)
    plain = grabbed(pane.main.canvas)
    pane.set_evidence_visible(True)
    pane.set_evidence_class("Pro")
    pane.set_opacity(1.0)
    image = grabbed(pane.main.canvas)
    rect = pane.main.canvas.view.image_rect()
    strong = QPointF(rect.x() + rect.width() * 0.78, rect.y() + rect.height() * 0.75).toPoint()
    weak = QPointF(rect.x() + rect.width() * 0.2, rect.y() + rect.height() * 0.4).toPoint()
    assert image.pixelColor(strong).green() > 200
    assert image.pixelColor(weak) == plain.pixelColor(weak)
    pane.set_opacity(0.05)
    assert grabbed(pane.main.canvas).pixelColor(strong).green() < 60


def test_the_top_class_is_the_default_of_the_evidence_map(qtbot: QtBot, pane: ViewerPane, red: Path):
    show(qtbot, pane, 1, red)
    assert pane.main.canvas.scene.evidence_class() == "Early"
    pane.set_evidence_class("Pre")
    assert pane.main.canvas.scene.evidence_class() == "Pre"


def test_cells_are_outlined_and_counted(qtbot: QtBot, pane: ViewerPane, red: Path):
    show(qtbot, pane, 1, red)
    pane.set_overlay_style(OverlayStyle.OFF)
    before = grabbed(pane.main.canvas)
    pane.set_outlines_visible(True)
    qtbot.waitUntil(lambda: len(pane.main.canvas.scene.polygons) == 2)
    assert "2 areas of the mask" in label_texts(pane.bar)
    assert grabbed(pane.main.canvas) != before


def test_cells_are_outlined_at_the_size_the_model_counts_at(qtbot: QtBot, red: Path):
    sizes: list[tuple[int, int]] = []

    def finder(_path: Path, _sha256: str, size: tuple[int, int]) -> list[np.ndarray]:
        sizes.append(size)
        return [SQUARE] * (size[0] // 100)

    pane = ViewerPane(finder=OutlineFinder(finder=finder))
    qtbot.addWidget(pane)
    pane.show()
    pane.set_network_size(300, 400)
    show(qtbot, pane, 1, red)
    pane.set_outlines_visible(True)
    qtbot.waitUntil(lambda: len(pane.main.canvas.scene.polygons) == 3)
    pane.set_network_size(500, 500)
    qtbot.waitUntil(lambda: len(pane.main.canvas.scene.polygons) == 5)
    pane.set_network_size(500, 500)
    pane.close_workers()
    assert sizes == [(300, 400), (500, 500)]


def test_outlines_of_another_field_are_not_drawn(qtbot: QtBot, pane: ViewerPane, red: Path, blue: Path):
    show(qtbot, pane, 1, red)
    pane.set_outlines_visible(True)
    qtbot.waitUntil(lambda: len(pane.main.canvas.scene.polygons) == 2)
    pane.show_field(field(2, blue))
    assert pane.main.canvas.scene.polygons == ()


def test_an_unreadable_field_says_so_in_its_place(qtbot: QtBot, pane: ViewerPane, tmp_path: Path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"not a picture")
    pane.show_field(field(1, path))
    qtbot.waitUntil(lambda: bool(pane.main.canvas.message))
    assert "broken.jpg" in pane.main.canvas.message


def test_two_fields_side_by_side_move_together(qtbot: QtBot, pane: ViewerPane, red: Path, blue: Path):
    show(qtbot, pane, 1, red)
    pane.set_comparing(True)
    show(qtbot, pane, 2, blue)
    assert pane.pinned.isVisible()
    assert pane.pinned.record is not None
    assert pane.pinned.record.id == 1
    pane.main.canvas.zoom_by(4, QPointF(100, 100))
    assert pane.pinned.canvas.relative_view() == pane.main.canvas.relative_view()
    pane.pinned.canvas.zoom_by(0.5)
    assert pane.main.canvas.relative_view().zoom == pytest.approx(pane.pinned.canvas.relative_view().zoom)
    pane.set_comparing(False)
    assert not pane.pinned.isVisible()


def test_the_caption_of_a_field_with_tags_in_its_name_has_a_plain_tip(pane: ViewerPane):
    record = replace(field(1), path=Path("/fields/<img src=x>.png"))
    pane.main.show_field(record, None)
    (caption,) = [label.toolTip() for label in pane.main.findChildren(QLabel) if ".png" in label.toolTip()]
    assert "<img" not in caption
    assert "&lt;img\N{NO-BREAK SPACE}src=x&gt;.png" in caption


def test_comparing_needs_a_field(pane: ViewerPane):
    pane.set_comparing(True)
    assert not pane.state_of("view.compare")


def test_blind_review_hides_prediction_and_evidence_until_this_reviewer_decided(
    qtbot: QtBot, pane: ViewerPane, red: Path
):
    pane.set_blind(True, "Me")
    pane.set_evidence_visible(True)
    show(qtbot, pane, 1, red, review=Review(field_id=1, reviewer="Other", class_name="Pro"))
    assert "Early" not in pane.main.canvas.accessibleDescription()
    assert pane.main.canvas.scene.evidence_class() == ""
    show(qtbot, pane, 1, red, review=Review(field_id=1, reviewer="Me", class_name="Pro"))
    assert "Decision: Early" in pane.main.canvas.accessibleDescription()


def test_the_picture_is_copied_with_its_overlay_and_notice(qtbot: QtBot, pane: ViewerPane, red: Path):
    show(qtbot, pane, 1, red)
    with qtbot.waitSignal(pane.notified):
        pane.copy_picture()
    image = QGuiApplication.clipboard().image()
    assert image.height() > pane.main.canvas.height()
    canvas = grabbed(pane.main.canvas)
    assert image.pixelColor(400, 300) == canvas.pixelColor(400, 300)
    assert image.pixelColor(30, 60) != QColor(200, 20, 20)


def test_scale_bars_have_round_lengths():
    assert bar_length(10.0) == (10.0, 100.0)
    assert bar_length(1.0) == (100.0, 100.0)
    assert bar_length(0.7)[0] == 200.0
    assert bar_length(30.0)[0] == 5.0


def test_the_scale_bar_appears_only_when_the_pixel_size_is_known(qtbot: QtBot, pane: ViewerPane, red: Path):
    show(qtbot, pane, 1, red)
    before = grabbed(pane.main.canvas)
    pane.set_pixel_sizes(KnownSizes("0.1"))
    assert grabbed(pane.main.canvas) != before
    pane.set_pixel_sizes(KnownSizes())
    assert grabbed(pane.main.canvas) == before


def test_every_action_has_a_handler_and_every_button_a_name(pane: ViewerPane):
    assert all(action.run for action in pane.viewer_actions())
    for button in pane.findChildren(QToolButton):
        assert button.accessibleName()
        assert button.toolTip()


def test_buttons_and_actions_do_the_same(qtbot: QtBot, pane: ViewerPane, red: Path):
    show(qtbot, pane, 1, red)
    with qtbot.waitSignal(pane.state_changed) as changed:
        pane.findChild(QToolButton, "view.evidence").click()
    assert changed.args == ["view.evidence", True]
    assert pane.layers.evidence
    pane.findChild(QToolButton, "view.zoom_in").click()
    assert not pane.main.canvas.view.is_fitted
    pane.findChild(QToolButton, "view.fit").click()
    assert pane.main.canvas.view.is_fitted


def test_a_click_on_a_control_leaves_the_keys_with_the_field(qtbot: QtBot, pane: ViewerPane, red: Path):
    show(qtbot, pane, 1, red)
    for child in pane.bar.findChildren(QWidget):
        assert not child.focusPolicy() & Qt.FocusPolicy.ClickFocus


def test_the_pane_fits_a_narrow_window(pane: ViewerPane):
    assert pane.minimumSizeHint().width() < 420


def test_full_screen_hides_everything_else_and_puts_it_back(qtbot: QtBot):
    window = QMainWindow()
    qtbot.addWidget(window)
    bar = window.addToolBar("Tools")
    window.setCentralWidget(QWidget())
    window.show()
    full = FullScreen(window)
    full.set_on(True)
    assert not bar.isVisible()
    assert window.isFullScreen()
    full.set_on(False)
    assert bar.isVisible()
    assert not window.isFullScreen()


def test_no_word_of_the_bar_is_cut_off_however_large_text_is(pane: ViewerPane, qtbot: QtBot) -> None:
    bar = LayerBar(pane.viewer_actions())
    qtbot.addWidget(bar)
    bar.show()
    bar.set_zoom(40.0)
    bar.set_checked("view.cells", True)
    bar.set_count("128 white cells")
    font = bar.font()
    for points in (8, 10, 20):
        font.setPointSizeF(points)
        for part in (bar, *bar.findChildren(QWidget)):
            part.setFont(font)
        for width in (1200, 700, 520):
            bar.resize(width, 60)
            QApplication.sendPostedEvents()
            shown = [
                part
                for part in (*bar.findChildren(QLabel), named(bar, QComboBox, "Overlay style"))
                if part.isVisible()
            ]
            assert len(shown) == 3
            for part in shown:
                assert part.width() >= part.sizeHint().width(), (points, width, part)
                assert bar.rect().contains(part.geometry())
    assert not bar.findChild(QToolButton, "view.copy").isVisible()
    bar.resize(1600, 60)
    assert bar.findChild(QToolButton, "view.copy").isVisible()


def test_a_size_that_the_file_states_draws_a_bar_and_a_persons_own_goes_before(
    pane: ViewerPane, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "field.tif"
    measured = {"x_resolution": 100_000, "y_resolution": 100_000, "resolution_unit": 3}
    Image.fromarray(np.full((300, 400, 3), 200, np.uint8)).save(path, **measured)
    show(qtbot, pane, 1, path)
    scene = pane.main.canvas.scene
    assert scene.pixel_size() == pytest.approx(0.1)
    with_bar = grabbed(pane.main.canvas)
    pane.set_pixel_sizes(KnownSizes("0.2"))
    assert scene.pixel_size() == 0.2
    assert grabbed(pane.main.canvas) != with_bar
    pane.set_pixel_sizes(KnownSizes())
    assert grabbed(pane.main.canvas) == with_bar
    Image.fromarray(np.full((300, 400, 3), 200, np.uint8)).save(tmp_path / "print.tif", dpi=(96, 96))
    show(qtbot, pane, 2, tmp_path / "print.tif")
    assert scene.pixel_size() is None
    assert grabbed(pane.main.canvas) != with_bar


def test_a_file_of_several_pages_says_that_the_first_is_shown(
    pane: ViewerPane, qtbot: QtBot, tmp_path: Path
) -> None:
    path, single = tmp_path / "pages.tif", tmp_path / "single.tif"
    page = Image.fromarray(np.full((300, 400, 3), 200, np.uint8))
    page.save(path, save_all=True, append_images=[page, page])
    page.save(single)
    show(qtbot, pane, 1, path)
    assert "First of 3 pages" in pane.main.canvas.accessibleDescription()
    said = grabbed(pane.main.canvas)
    show(qtbot, pane, 2, single)
    assert "pages" not in pane.main.canvas.accessibleDescription()
    assert grabbed(pane.main.canvas) != said


def test_a_file_that_changed_is_not_shown_under_what_was_said_of_the_old_one(
    qtbot: QtBot, pane: ViewerPane, red: Path, blue: Path
):
    record, own = field(1, red, made=prediction()), red.read_bytes()
    red.write_bytes(blue.read_bytes())
    pane.show_field(record)
    qtbot.waitUntil(lambda: "is not the one that was added" in pane.main.canvas.message)
    assert pane.main.canvas.scene.picture is None
    red.write_bytes(own)
    show(qtbot, pane, 2, blue)
    pane.show_field(record)
    qtbot.waitUntil(lambda: pane.main.canvas.scene.picture is not None and not pane.main.canvas.message)
