"""The most alike reviewed fields, of the case and of the atlas, with their pixels; none in blind review."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from allstation.core.decision import Reason
from allstation.core.field_distance import AlikeAnswer, AlikeField, ReviewedField
from allstation.core.records import ModelRecord, NewField, Review
from allstation.inference.bundle import default_bundle_path
from allstation.processing.status_types import QueuePhase, QueueStatus
from allstation.services.atlas import add_to_atlas
from allstation.services.case.field_requests import SaveReview
from allstation.services.case.requests import OpenCase, UseModel
from allstation.store.case import Case
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.review.alike import AlikeRow, AlikeTile
from tests.ui.field_records import CLASSES, prediction
from tests.ui.pixels import canvas_share, cut, matching_share, write_mosaic

LONG = 60_000
UNSURE = prediction(0.4, 0.3, 0.2, 0.1, reasons=(Reason.LOW_CONFIDENCE,))


def write_again(path: Path, like: Path) -> Path:
    """Write the pixels of another picture into a file of other bytes."""
    with Image.open(like) as opened:
        opened.save(path, compress_level=1)
    assert path.read_bytes() != like.read_bytes()
    return path


def new_field(path: Path) -> NewField:
    data = path.read_bytes()
    return NewField(
        path=path, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), width=400, height=300
    )


def make_case(folder: Path, paths: list[Path], reviews: dict[int, str | None]) -> Path:
    """Make a case whose first field needs review; the others are called Early; some are reviewed by Ada."""
    case = folder / "Alike.allcase"
    with Case.create(case) as made:
        made.models.add(ModelRecord(sha256="a" * 64, name="m", version="1", classes=CLASSES, info={}))
        slide = made.slides.add("smear", paths[0].parent)
        made.fields.add(slide.id, [new_field(path) for path in paths])
        claimed = made.queue.claim(50)
        first = min(one.id for one in claimed)
        made.queue.save_predictions(
            [(one.id, UNSURE if one.id == first else prediction()) for one in claimed]
        )
        for number, name in reviews.items():
            made.reviews.add(Review(field_id=number, reviewer="Ada", class_name=name))
    return case


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "smear"
    first = write_mosaic(folder / "f00.png", 0)
    return [first, write_again(folder / "f01.png", first)] + [
        write_mosaic(folder / f"f{number:02d}.png", number) for number in range(2, 6)
    ]


def open_case(window: Workbench, case: Path, qtbot: QtBot) -> None:
    session = window.context.session
    session.submit(UseModel(default_bundle_path()))
    qtbot.waitUntil(lambda: window.context.selection.model is not None, timeout=LONG)
    window.review.set_reviewer("Ada")
    session.submit(OpenCase(case))
    qtbot.waitUntil(lambda: current(window) == "f00.png", timeout=LONG)


def current(window: Workbench) -> str:
    field = window.context.selection.field
    return field.path.name if field is not None else ""


def shown(window: Workbench) -> list[AlikeTile]:
    return [tile for tile in window.review.alike.tiles if tile.isVisibleTo(window.review)]


def compared(window: Workbench, qtbot: QtBot, count: int) -> list[AlikeTile]:
    several = f"Most alike of {count} reviewed fields"
    wanted = several if count > 1 else "The one reviewed field beside this one"
    qtbot.waitUntil(lambda: window.review.alike.text == wanted and bool(shown(window)), timeout=LONG)
    return shown(window)


def tile_share(tile: AlikeTile, path: Path) -> float:
    return matching_share(cut(tile, tile.picture_area()), path)


def about(tile: AlikeTile) -> str:
    return tile.accessibleName()


def test_the_nearest_reviewed_fields_stand_beside_the_reasons(
    window: Workbench, tmp_path: Path, paths: list[Path], qtbot: QtBot
):
    # Asked for another look, or not reviewed: neither says what it is.
    case = make_case(tmp_path, paths, {2: "Pro", 3: "Early", 4: "Benign", 5: None})
    open_case(window, case, qtbot)
    tiles = compared(window, qtbot, 3)
    assert tiles[0].field.reviewed.class_name == "Pro"
    assert {tile.field.reviewed.field_id for tile in tiles} == {2, 3, 4}
    found = [tile.field.distance for tile in tiles]
    assert found == sorted(found)
    for tile in tiles:
        right = paths[tile.field.reviewed.field_id - 1]
        assert tile_share(tile, right) > 0.9
        assert all(tile_share(tile, other) < 0.5 for other in paths[2:] if other != right)
    assert about(tiles[0]).startswith("Pro by Ada, ")
    assert "on slide smear: very alike" in about(tiles[0])
    qtbot.mouseClick(tiles[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: current(window) == "f01.png", timeout=LONG)
    assert shown(window) == [], "the model named a class here: nothing to compare"
    qtbot.waitUntil(lambda: canvas_share(window.viewer.main.canvas, paths[1]) > 0.9, timeout=LONG)


def test_blind_review_shows_none_and_another_review_is_compared_at_once(
    window: Workbench, tmp_path: Path, paths: list[Path], qtbot: QtBot
):
    open_case(window, make_case(tmp_path, paths, {3: "Early"}), qtbot)
    compared(window, qtbot, 1)
    window.review.set_blind(True)
    assert shown(window) == []
    window.context.session.submit(SaveReview(1, Review(field_id=2, reviewer="Ada", class_name="Pro")))
    qtbot.waitUntil(lambda: not window.alike.service.running, timeout=LONG)
    assert shown(window) == []
    window.review.set_blind(False)
    tiles = compared(window, qtbot, 2)
    assert tiles[0].field.reviewed.class_name == "Pro"


def test_fields_of_the_atlas_are_compared_and_shown_large(
    window: Workbench, tmp_path: Path, paths: list[Path], qtbot: QtBot
):
    other = tmp_path / "other"
    other.mkdir()
    add_to_atlas(make_case(other, paths[1:4], {1: "Pre", 2: "Benign"}), tmp_path / "atlas")
    window.context.settings.change(atlas_folder=str(tmp_path / "atlas"))
    before = sorted((tmp_path / "atlas").iterdir())
    open_case(window, make_case(tmp_path, [paths[0], *paths[4:]], {2: "Early"}), qtbot)
    tiles = compared(window, qtbot, 3)
    assert tiles[0].field.reviewed.class_name == "Pre"
    assert tiles[0].field.reviewed.from_atlas
    assert tile_share(tiles[0], paths[1]) > 0.9
    assert "in the reference atlas" in about(tiles[0])
    assert tiles[0].second_line() == "very alike, atlas"
    assert not any(tile.second_line().endswith("atlas") for tile in tiles if tile.field.reviewed.field_id)
    qtbot.mouseClick(tiles[0], Qt.MouseButton.LeftButton)
    large = window.alike.atlas_window
    qtbot.waitUntil(lambda: canvas_share(large.view.canvas, paths[1]) > 0.9, timeout=LONG)
    assert large.text.startswith("Pre by Ada, ")
    assert "00:00" not in large.text, "the atlas keeps the day alone"
    assert current(window) == "f00.png"
    qtbot.keyClick(large, Qt.Key.Key_Escape)
    assert not large.isVisible()
    assert sorted((tmp_path / "atlas").iterdir()) == before


def test_reviewed_fields_go_to_the_atlas_from_the_window(
    window: Workbench, tmp_path: Path, paths: list[Path], qtbot: QtBot
):
    open_case(window, make_case(tmp_path, paths, {2: "Pro", 3: "Early"}), qtbot)
    atlas = tmp_path / "atlas"
    window.actions_table["atlas.add"].trigger()
    window.alike.atlas.take_folder(str(atlas))
    said = window.notifications.texts
    qtbot.waitUntil(lambda: any("2 fields were added" in text for text in said()), timeout=LONG)
    assert len(list(atlas.glob("*.png"))) == 2
    window.actions_table["atlas.add"].trigger()
    qtbot.waitUntil(lambda: any("2 were in it already" in text for text in said()), timeout=LONG)
    assert len(list(atlas.glob("*.png"))) == 2


def test_what_is_far_away_is_not_called_alike(qtbot: QtBot):
    row = AlikeRow()
    qtbot.addWidget(row)
    said = ReviewedField(sha256="b" * 64, class_name="Pre", reviewer="Ada", at="2026-11-30", field_id=2)
    found = AlikeField(
        reviewed=said, distance=0.5, same=False, path=Path("x"), sha256="b" * 64, size=(4, 3), picture=None
    )
    row.show_answer(AlikeAnswer(field_id=1, fields=(found,), compared=7), CLASSES)
    assert row.text == "None of 7 reviewed fields is alike; the nearest:"
    row.show_answer(AlikeAnswer(field_id=1, fields=(replace(found, distance=0.05),), compared=7), CLASSES)
    assert row.text == "Most alike of 7 reviewed fields"
    row.show_answer(AlikeAnswer(field_id=1, left=7, waiting=True), CLASSES)
    assert "when no field waits" in row.text
    row.show_answer(AlikeAnswer(field_id=1), CLASSES)
    assert row.isHidden(), "where nothing can be compared nothing is said"


def test_nothing_is_computed_while_fields_wait(
    window: Workbench, tmp_path: Path, paths: list[Path], qtbot: QtBot
):
    window.alike.service.queue_changed(QueueStatus(QueuePhase.RUNNING))
    window.context.session.worker.queue_changed.disconnect(window.alike.service.queue_changed)
    open_case(window, make_case(tmp_path, paths, {2: "Pro"}), qtbot)
    qtbot.waitUntil(lambda: "when no field waits" in window.review.alike.text, timeout=LONG)
    assert shown(window) == []
    window.alike.service.queue_changed(QueueStatus(QueuePhase.IDLE))
    [tile] = compared(window, qtbot, 1)
    assert tile_share(tile, paths[1]) > 0.9
