"""Map of a labelled folder: points in the colours of their groups, and behind them the fields' own pixels."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QProgressBar
from pytestqt.qtbot import QtBot

from allstation.core.classes import class_style
from allstation.core.errors import StationError
from allstation.services.training.map import MapColour, read_map
from allstation.ui.common import theme
from allstation.ui.common.formatting import percent
from allstation.ui.training.field_tiles import FieldTiles
from allstation.ui.training.map.view import MapView
from allstation.ui.training.panel import TrainingPanel
from allstation.ui.viewer.canvas import FieldCanvas
from tests.makers import child_processes
from tests.ui.named import button, label_texts, named
from tests.ui.pixels import canvas_share, matching_share, pixels_of, write_mosaic
from tests.ui.training.conftest import Bench

CLASSES = ("Benign", "Early", "Pre", "Pro")
TIMEOUT = 60_000
SHARE = percent(0.61, digits=0)
Until = Callable[[Callable[[], bool]], None]


def maps_being_made() -> list[psutil.Process]:
    found = []
    for child in child_processes():
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie is one that has ended
            found += [child] if "map" in child.cmdline() else []
    return found


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    counts = iter(range(1, 200))
    for name in CLASSES:
        for number in range(1, 6):
            write_mosaic(tmp_path / "smears" / name / f"field {number}.png", next(counts))
    return tmp_path / "smears"


@pytest.fixture
def panel(qtbot: QtBot, bench: Bench) -> Iterator[TrainingPanel]:
    made = TrainingPanel(bench.runs, bench.base / "runs")
    made.resize(1060, 760)
    qtbot.addWidget(made)
    made.show()
    yield made
    bench.runs.close()
    made.close_workers()


@pytest.fixture
def until(qtbot: QtBot) -> Until:
    return lambda condition: qtbot.waitUntil(condition, timeout=TIMEOUT)


def opened(panel: TrainingPanel, labelled: Path) -> MapView:
    panel.set_folder(labelled)
    panel.pages.setCurrentWidget(panel.map)
    return panel.map.view


def made(panel: TrainingPanel, labelled: Path, until: Until) -> MapView:
    view = opened(panel, labelled)
    button(panel.map, "Make the Map").click()
    until(lambda: f"axes hold {SHARE}" in label_texts(panel.map) and view.is_drawn)
    assert not named(panel.map, QProgressBar, "Progress of the map").isVisible()
    return view


def colour_at(view: MapView, row: int) -> str:
    place = view.place_of(row)
    shown = pixels_of(view.grab().toImage())
    red, green, blue = shown[round(place.y()), round(place.x())]
    return f"#{red:02x}{green:02x}{blue:02x}"


def test_points_have_the_colours_of_class_and_error_and_the_summary_says_it_in_words(
    panel: TrainingPanel, labelled: Path, until: Until
) -> None:
    view = made(panel, labelled, until)
    for place, name in enumerate(CLASSES):
        assert colour_at(view, 5 * place) == class_style(name, place).colour
    assert view.place_of(4).y() < view.place_of(0).y(), "the second axis grows upwards"
    words = label_texts(panel.map)
    assert "20 fields of smears as Shipped 1.0 sees them" in words
    assert f"The two axes hold {SHARE} and {percent(0.22, digits=0)} of the variance" in words
    assert "than the label most likely: 3" in words
    assert "Left out: 1. Pre/broken.png is cut off." in words
    assert SHARE in view.accessibleDescription()
    colour = named(panel.map, QComboBox, "Colour of the points")
    colour.setCurrentIndex(colour.findData(MapColour.ERROR))
    colour.activated.emit(colour.currentIndex())
    assert panel.map.legend.accessibleDescription() == "wrong 3, right 17"
    until(lambda: view.is_drawn)
    assert colour_at(view, 6) == theme.tokens(view.palette()).danger
    assert colour_at(view, 5) == theme.tokens(view.palette()).faint


def test_what_is_clicked_or_circled_is_shown_in_its_own_pixels(
    panel: TrainingPanel, labelled: Path, until: Until, qtbot: QtBot
) -> None:
    view = made(panel, labelled, until)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=view.place_of(7).toPoint())
    assert view.picked() == [7]
    field = labelled / "Early" / "field 3.png"
    until(lambda: canvas_share(panel.map.peek.findChild(FieldCanvas), field) == 1.0)
    assert "field 3.png, labelled Early" in label_texts(panel.map)
    corners = [view.place_of(row).toPoint() for row in (10, 14)]
    line = [corners[0] + QPoint(-14, 14), corners[1] + QPoint(-14, -14), corners[1] + QPoint(14, -14),
            corners[0] + QPoint(14, 14)]  # fmt: skip
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=line[0])
    for at in line[1:]:
        QTest.mouseMove(view, at)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=line[-1])
    assert view.picked() == [10, 11, 12, 13, 14]
    assert "Chosen fields: 5" in label_texts(panel.map)
    tiles = panel.map.tiles

    def shows(row: int) -> bool:
        path = labelled / "Pre" / f"field {row + 1}.png"
        picture = tiles.item(row).icon().pixmap(tiles.iconSize()).toImage()
        return not picture.isNull() and matching_share(pixels_of(picture), path) > 0.9

    until(lambda: all(shows(row) for row in range(5)))
    assert tiles.item(1).text().splitlines()[-1] == "model: Benign"
    tiles.setCurrentRow(1)
    until(
        lambda: canvas_share(panel.map.peek.findChild(FieldCanvas), labelled / "Pre" / "field 2.png") == 1.0
    )
    panel.map.legend.clicked.emit("Pro")
    assert view.picked() == [15, 16, 17, 18, 19]


def test_tiles_have_the_shape_of_their_fields(qtbot: QtBot, tmp_path: Path, until: Until) -> None:
    wide, square = write_mosaic(tmp_path / "wide.png", 1), tmp_path / "square.png"
    Image.open(wide).resize((224, 224), Image.Resampling.NEAREST).save(square)
    tiles = FieldTiles()
    qtbot.addWidget(tiles)
    tiles.show_fields([(0, wide, "wide"), (1, square, "square")])
    room = tiles.iconSize()
    until(lambda: all(not tiles.item(row).icon().isNull() for row in range(2)))
    sizes = [tiles.item(row).icon().actualSize(room) for row in range(2)]
    assert sizes == [room, QSize(room.height(), room.height())]
    shown = tiles.item(1).icon().pixmap(room).toImage()
    assert matching_share(pixels_of(shown), square) > 0.9
    tiles.close_workers()


def test_the_keys_walk_choose_and_zoom(panel: TrainingPanel, labelled: Path, until: Until) -> None:
    view = made(panel, labelled, until)
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Right)
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert "field 1.png, labelled Early" in view.accessibleDescription()
    QTest.keyClick(view, Qt.Key.Key_Up)
    assert "field 2.png, labelled Early, most likely Benign" in view.accessibleDescription()
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert view.picked() == [6]
    QTest.keyClick(view, Qt.Key.Key_Left)
    QTest.keyClick(view, Qt.Key.Key_Space, Qt.KeyboardModifier.ShiftModifier)
    assert view.picked() == [1, 6]
    apart = view.place_of(6).x() - view.place_of(1).x()
    QTest.keyClick(view, Qt.Key.Key_Plus)
    assert view.place_of(6).x() - view.place_of(1).x() > 1.2 * apart
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert view.place_of(6).x() - view.place_of(1).x() == pytest.approx(apart)
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert view.picked() == []
    until(lambda: view.is_drawn)


def test_the_parts_of_a_run_are_shown_on_the_folder_that_it_learned_from(
    panel: TrainingPanel, bench: Bench, labelled: Path, until: Until
) -> None:
    folder = bench.base / "runs" / "mine"
    folder.mkdir(parents=True)
    (folder / "a.allmodel").write_bytes(b"bundle")
    info = {"name": "Mine", "state": "finished", "recipe": {"data": str(labelled)}}
    (folder / "run.json").write_text(json.dumps(info), "utf-8")
    panel.refresh()
    until(lambda: folder in panel.summaries)
    model = named(panel.map, QComboBox, "Model whose features are mapped")
    model.setCurrentIndex(model.findText("Mine"))
    made(panel, labelled, until)
    colour = named(panel.map, QComboBox, "Colour of the points")
    colour.setCurrentIndex(colour.findData(MapColour.PART))
    colour.activated.emit(colour.currentIndex())
    assert panel.map.legend.accessibleDescription() == "train 12, validation 4, test 4"
    until(lambda: panel.map.view.is_drawn)


def test_a_map_says_how_long_it_takes_is_cancelled_and_says_what_went_wrong(
    panel: TrainingPanel, bench: Bench, labelled: Path, until: Until
) -> None:
    assert not button(panel.map, "Make the Map").isEnabled()
    bench.behave("hang-map")
    view = opened(panel, labelled)
    button(panel.map, "Make the Map").click()
    until(lambda: "2 of 20 fields, about 9 s left" in label_texts(panel.map))
    assert named(panel.map, QProgressBar, "Progress of the map").isVisible()
    button(panel.map, "Cancel").click()
    assert "What was looked at is kept" in label_texts(panel.map)
    assert not named(panel.map, QProgressBar, "Progress of the map").isVisible()
    until(lambda: not maps_being_made())
    bench.behave("no-features")
    button(panel.map, "Make the Map").click()
    until(lambda: "tells nothing of how a field looks" in label_texts(panel.map))
    bench.behave("fit")
    button(panel.map, "Make the Map").click()
    until(lambda: f"axes hold {SHARE}" in label_texts(panel.map) and view.is_drawn)
    other = labelled.parent / "other"
    panel.set_folder(other)
    assert "Each field of other becomes a point" in view.accessibleDescription() or not view.picked()
    assert view.markers == ()


def test_the_wheel_zooms_around_the_pointer_and_the_map_is_moved(
    panel: TrainingPanel, labelled: Path, until: Until
) -> None:
    view = made(panel, labelled, until)
    before = view.place_of(19)
    view.zoom_by(2.0, before)
    assert (view.place_of(19) - before).manhattanLength() < 1.0
    right, control = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier
    QTest.mousePress(view, right, control, QPoint(100, 100))
    QTest.mouseMove(view, QPoint(140, 90))
    QTest.mouseRelease(view, right, control, QPoint(140, 90))
    assert (view.place_of(19) - before - QPointF(40, -10)).manhattanLength() < 1.0
    assert view.picked() == []
    until(lambda: view.is_drawn)


def test_a_damaged_report_is_a_sentence() -> None:
    with pytest.raises(StationError, match="The map is damaged"):
        read_map({"folder": "x", "fields": [{"file": "a", "class_name": "b"}]})


def test_points_within_a_line_are_those_of_the_even_odd_rule() -> None:
    report = {
        "folder": "x", "model": {"name": "m", "version": "1"}, "classes": ["a"], "explained": [0.5, 0.5],
        "left_out": 0, "problem": "",
        "fields": [
            {"file": f"{n}", "class_name": "a", "part": "", "predicted": "", "x": x, "y": y}
            for n, (x, y) in enumerate([(0, 0), (1, 1), (5, 1), (1, 5), (2.5, 2.5)])
        ],
    }  # fmt: skip
    found = read_map(report)
    triangle = np.array([(0.5, 0.5), (4.0, 0.5), (0.5, 4.0)])
    assert found.within(triangle) == [1]
    assert found.towards(0, (1, 0)) == 1
    assert found.towards(2, (1, 0)) == 2, "nothing lies further that way"
