"""The slide on the screen: its pixels at every zoom, fields in their colours, overview, tools."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from allstation.core.records import FieldState
from allstation.core.slide_file import SlideFieldMark
from allstation.core.slide_part import Region
from allstation.services.images.slide_tiles import SlideTiles
from allstation.services.images.tile_grid import TileKey
from allstation.ui.common.actions import Action
from allstation.ui.slide.contents import WHITES, BuildContents
from allstation.ui.slide.density import DensityMap, density_image
from allstation.ui.slide.marks import AMBER, NEEDS_PERSON, SlideMarks
from allstation.ui.slide.panel import SlidePanel
from allstation.ui.slide.scene import magnification_text
from allstation.ui.slide.tools import Tool
from tests.ui.pixels import cut, pixels_of
from tests.ui.slide.pictured import (
    FIELD,
    PicturedSlide,
    colour_at,
    has_colour,
    is_near,
    shown_colour,
    three_fields,
    walk,
)


def nothing(*_args: object) -> None:
    """Stands for what the controller does."""


ACTIONS = tuple(
    Action(key, key, nothing, "", "", "slide", checked_when=(lambda: False) if checked else None)
    for key, checked in (
        ("slide.show", True), ("view.fit", False), ("view.zoom_out", False), ("view.zoom_in", False),
        ("slide.centre", False), ("view.cells", True), ("slide.edit", True), ("slide.region", True),
        ("slide.metadata", False), ("view.copy", False), ("view.full_screen", True),
    )
)  # fmt: skip


class Shown:
    """A panel with a slide."""

    def __init__(self, slide: PicturedSlide, qtbot: QtBot) -> None:
        self.slide = slide
        self.tiles = SlideTiles(opener=slide.open)
        self.panel = SlidePanel()
        self.panel.set_actions(ACTIONS)
        qtbot.addWidget(self.panel)
        self.panel.resize(900, 700)
        self.panel.tiles_wanted.connect(self.tiles.want)
        self.tiles.loaded.connect(self.take)
        self.panel.show()
        qtbot.waitExposed(self.panel)
        with qtbot.waitSignal(self.tiles.opened):
            self.tiles.open(Path("patient.svs"))
        assert self.tiles.grid is not None
        self.panel.show_slide(self.tiles.grid, self.tiles.tile)
        qtbot.waitUntil(lambda: self.tiles.base is not None)
        self._qtbot = qtbot

    def take(self, key: object) -> None:
        """Show what has come."""
        if key is None and self.tiles.base is not None:
            self.panel.set_base(self.tiles.base)
        self.panel.canvas.update()

    def settle(self) -> None:
        """Wait until every tile in view has come."""
        self._qtbot.waitUntil(lambda: self.tiles.is_idle, timeout=20_000)
        QTest.qWait(1)

    def colour(self, point: QPointF) -> tuple[int, int, int]:
        """Return the colour at a place of level 0, as it is on the screen."""
        view = self.panel.canvas.view
        assert view is not None
        at = view.to_canvas(point)
        return shown_colour(self.panel.canvas.grab().toImage(), at.x(), at.y())


@pytest.fixture
def shown(qtbot: QtBot, nothing_left_running: None) -> Iterator[Shown]:
    made = Shown(PicturedSlide(), qtbot)
    yield made
    made.tiles.stop()


def test_the_pixels_of_the_slide_are_at_their_place_at_every_zoom(shown: Shown):
    canvas = shown.panel.canvas
    place = QPointF(30_000, 9_500)
    for zoom in (None, 0.1, 0.4, 1.0, 3.0):
        if zoom is None:
            canvas.fit()
        else:
            canvas.zoom_to(zoom)
            canvas.centre_on(place)
        shown.settle()
        assert is_near(shown.colour(place), colour_at(place.x(), place.y())), zoom


def test_a_coarse_picture_stands_in_until_the_tiles_have_come(shown: Shown):
    shown.settle()
    shown.slide.gate = threading.Event()
    canvas = shown.panel.canvas
    place = QPointF(15_000, 21_000)
    canvas.zoom_to(1.0)
    canvas.centre_on(place)
    assert is_near(shown.colour(place), colour_at(15_000, 21_000)), "nothing was shown meanwhile"
    shown.slide.gate.set()
    shown.settle()


def test_the_wheel_zooms_at_the_pointer_and_a_drag_pans(shown: Shown):
    canvas = shown.panel.canvas
    at = QPointF(300, 200)
    before = canvas.view.to_image(at)
    canvas.zoom_by(5, at)
    after = canvas.view.to_image(at)
    assert abs(before.x() - after.x()) < 2
    assert abs(before.y() - after.y()) < 2
    grip = canvas.view.to_image(QPointF(400, 300))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(400, 300))
    for x in range(400, 261, -20):
        QTest.mouseMove(canvas, QPoint(x, 300))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(260, 300))
    moved = canvas.view.to_image(QPointF(260, 300))
    assert abs(grip.x() - moved.x()) * canvas.view.scale < 25


def test_fields_are_drawn_in_the_colours_of_their_classes_and_amber_needs_a_person(shown: Shown):
    shown.panel.set_marks(three_fields())
    canvas = shown.panel.canvas
    for number, colour in ((7, "#009e73"), (8, "#cc79a7"), (9, AMBER)):
        shown.panel.show_field(number, closer=True)
        shown.settle()
        box = shown.panel.canvas.scene.marks.box_of(number)
        frame = QRectF(canvas.view.to_canvas(box.topLeft()), box.size() * canvas.view.scale)
        assert has_colour(cut(canvas, frame.adjusted(-4, -4, 4, 4)), colour), number
        assert canvas.field_at(frame.center()) == number


def test_a_click_chooses_a_field_and_a_double_click_opens_it(shown: Shown, qtbot: QtBot):
    shown.panel.set_marks(three_fields())
    canvas = shown.panel.canvas
    shown.panel.show_field(8, closer=True)
    at = canvas.view.to_canvas(QPointF(12_500, 10_300)).toPoint()
    with qtbot.waitSignal(canvas.field_chosen) as chosen:
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    assert chosen.args == [8]
    with qtbot.waitSignal(canvas.field_opened) as opened:
        QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    assert opened.args == [8]


def test_the_overview_frames_what_is_on_the_screen_and_moves_it(shown: Shown):
    canvas, overview = shown.panel.canvas, shown.panel.overview
    canvas.zoom_to(0.2)
    canvas.centre_on(QPointF(5_000, 5_000))
    shown.settle()
    frame = overview.frame()
    assert abs(frame.center().x() / overview.width() - 5_000 / 40_960) < 0.02
    ratio = overview.devicePixelRatioF()
    pixels = pixels_of(overview.grab().toImage())
    edge = pixels[
        round(frame.center().y() * ratio), round(frame.right() * ratio) - 2 : round(frame.right() * ratio) + 3
    ]
    assert (edge.min(axis=1) > 240).any(), "no white frame"
    target = QPoint(round(overview.width() * 0.75), round(overview.height() * 0.5))
    QTest.mouseClick(overview, Qt.MouseButton.LeftButton, pos=target)
    middle = shown.panel.middle()
    assert abs(middle.x() / 40_960 - 0.75) < 0.02
    assert abs(middle.y() / 30_720 - 0.5) < 0.02


def test_the_magnification_is_the_objectives_and_unknown_without_one(shown: Shown, qtbot: QtBot):
    canvas = shown.panel.canvas
    shown.panel.set_magnification(40.0)
    assert canvas.zoom == pytest.approx(1.0)
    shown.panel.set_magnification(10.0)
    assert canvas.zoom == pytest.approx(0.25)
    assert canvas.scene.magnification(canvas.zoom) == pytest.approx(10.0)
    assert magnification_text(10.0) == "10x"
    other = Shown(PicturedSlide(objective=None), qtbot)
    assert other.panel.canvas.scene.magnification(1.0) is None
    assert magnification_text(None) == "scale unknown"
    other.tiles.stop()


def test_fields_are_added_moved_and_a_region_is_drawn(shown: Shown, qtbot: QtBot):
    panel, canvas = shown.panel, shown.panel.canvas
    panel.set_marks(three_fields())
    canvas.tools.field_size = QSizeF(FIELD, 750)
    panel.show_field(7, closer=True)
    panel.use_tool(Tool.FIELDS)
    free = canvas.view.to_canvas(QPointF(10_500, 12_000)).toPoint()
    with qtbot.waitSignal(canvas.tools.add_asked) as added:
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=free)
    box = added.args[0]
    assert box.size() == QSizeF(FIELD, 750)
    assert abs(box.center().x() - 10_500) * canvas.view.scale < 2
    start = canvas.view.to_canvas(QPointF(10_500, 10_300)).toPoint()
    with qtbot.waitSignal(canvas.tools.move_asked) as moved:
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
        for step in range(1, 6):
            QTest.mouseMove(canvas, start + QPoint(12 * step, 0))
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=start + QPoint(60, 0))
    number, place = moved.args
    assert number == 7
    assert place.x() > 10_000
    assert place.y() == 10_000
    panel.use_tool(Tool.REGION)
    corners = [QPointF(9_000, 9_000), QPointF(11_000, 9_000), QPointF(10_000, 12_000)]
    for corner in corners:
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.view.to_canvas(corner).toPoint())
    with qtbot.waitSignal(canvas.tools.area_drawn) as drawn:
        QTest.keyClick(canvas, Qt.Key.Key_Return)
    assert len(drawn.args[0]) == 3
    assert abs(drawn.args[0][2].y() - 12_000) * canvas.view.scale < 2


def test_escape_gives_up_what_was_begun_then_the_tool(shown: Shown, qtbot: QtBot):
    panel, canvas = shown.panel, shown.panel.canvas
    panel.use_tool(Tool.REGION)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(300, 300))
    assert canvas.scene.area
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert not canvas.scene.area
    assert panel.tool is Tool.REGION
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert panel.tool is Tool.LOOK


def test_the_density_map_colours_where_its_fields_are(shown: Shown):
    boxes = np.array([[10_000, 10_000, FIELD, 750], [30_000, 20_000, FIELD, 750]])
    size = shown.panel.canvas.scene.size
    image = density_image(boxes, np.array([1.0, 0.0]), size, QColor("#ff0000"))
    shown.settle()
    before = shown.colour(QPointF(10_500, 10_400)), shown.colour(QPointF(30_500, 20_400))
    shown.panel.set_density(DensityMap(image, "Pro", "0 %", "100 %", QColor("#ff0000")))
    after = shown.colour(QPointF(10_500, 10_400)), shown.colour(QPointF(30_500, 20_400))
    assert after[0][0] > before[0][0] + 60
    assert after[0][2] < before[0][2] - 40
    assert is_near(after[1], before[1])


def test_the_density_of_white_cells_is_drawn_over_the_slide_and_its_overview(shown: Shown):
    places = {1: (10_000, 10_000, 8), 2: (30_000, 20_000, 0), 3: (10_000, 20_000, None)}
    fields = [
        SlideFieldMark(
            number, Region(level=0, x=x, y=y, width=FIELD, height=750), FieldState.DONE, "Pro", False, cells
        )
        for number, (x, y, cells) in places.items()
    ]
    built = BuildContents(fields, shown.slide.info, classes=("Pro",), shown_map=WHITES)
    assert replace(built, blind=True)().density is None
    density = built().density
    assert (density.least, density.most) == ("0", "8 a field")
    shown.settle()

    def overview() -> list[tuple[int, int, int]]:
        seen = shown.panel.overview.grab().toImage()
        scale = shown.panel.overview.width() / shown.panel.canvas.scene.size.width()
        return [shown_colour(seen, (x + 500) * scale, (y + 375) * scale) for x, y, _ in places.values()]

    canvas, small = [shown.colour(QPointF(x + 500, y + 375)) for x, y, _ in places.values()], overview()
    shown.panel.set_density(density)
    after, small_after = [shown.colour(QPointF(x + 500, y + 375)) for x, y, _ in places.values()], overview()
    for before, now in ((canvas, after), (small, small_after)):
        assert not is_near(before[0], now[0]), "many cells"
        assert now[0][2] > before[0][2] + 30, "purple"
        assert is_near(before[1], now[1]), "none"
        assert is_near(before[2], now[2]), "nobody looked"
    shown.panel.set_density(None)
    assert overview() == small


def test_twenty_thousand_fields_are_dots_while_the_whole_slide_is_shown(shown: Shown):
    rng = np.random.default_rng(3)
    boxes = np.column_stack(
        [
            rng.uniform(0, 39_000, 20_000),
            rng.uniform(0, 29_000, 20_000),
            np.full(20_000, 90.0),
            np.full(20_000, 70.0),
        ]
    )
    marks = SlideMarks(range(1, 20_001), boxes, [0] * 20_000, [NEEDS_PERSON])
    shown.panel.set_marks(marks)
    shown.settle()
    assert has_colour(pixels_of(shown.panel.canvas.grab().toImage()), AMBER)
    shown.panel.show_field(12_345, closer=True)
    assert shown.panel.canvas.field_at(QPointF(shown.panel.canvas.rect().center())) == 12_345


def test_a_frame_looks_up_the_tiles_in_view_and_reads_none(qtbot: QtBot):
    """How long one takes is among the budgets of ``tests/benchmarks``."""
    shown = Shown(PicturedSlide(100_000, 100_000), qtbot)
    looked_up: list[object] = []

    def tile(key: TileKey) -> NDArray[np.uint8] | None:
        looked_up.append(key)
        return shown.tiles.tile(key)

    shown.panel.show_slide(shown.tiles.grid, tile)
    shown.panel.set_marks(three_fields())
    counts = []
    for _ in walk(shown.panel.canvas):
        looked_up.clear()
        shown.panel.canvas.repaint()
        counts.append(len(looked_up))
    shown.settle()
    shown.tiles.stop()
    assert 0 < max(counts) <= 64, counts
    assert threading.get_ident() not in shown.slide.threads
