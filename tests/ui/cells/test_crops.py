"""Crops: cut once however often they are asked for, kept within their bytes, never of another file."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPalette, QPixmap, QPolygonF
from pytestqt.qtbot import QtBot

from allstation.services.images import crop_loader
from allstation.services.images.crop_loader import Crop, CropKey, CropLoader, FieldPlace
from allstation.services.images.field_cache import FieldCache
from allstation.ui.cells.crops import CellCrops, CropScale, ShownCrop
from allstation.ui.cells.tile import CellLook, paint_cell
from tests.makers import new_cell
from tests.ui.cells.cell_case import cell_at, colour_of, write_field
from tests.ui.pixels import pixels_of

LONG = 10_000


@pytest.fixture
def place(tmp_path: Path) -> FieldPlace:
    path = write_field(tmp_path / "f.png", 0)
    return FieldPlace(path, FieldCache().read(path).sha256)


def key(number: int, pixels: int = 50) -> CropKey:
    cell = cell_at(number)
    return CropKey(number + 1, cell.x, cell.y, 65.0, pixels)


@pytest.fixture
def loader(qtbot: QtBot) -> Any:
    made = CropLoader(threads=1)
    yield made
    made.stop()


def test_a_crop_holds_the_pixels_of_its_cell(loader: CropLoader, place: FieldPlace, qtbot: QtBot) -> None:
    found: dict[int, Crop] = {}
    loader.loaded.connect(lambda crops: found.update({crop.key.cell_id: crop for crop in crops}))
    for number in range(12):
        loader.request(key(number), place, cell_at(number).outline)
    qtbot.waitUntil(lambda: len(found) == 12, timeout=LONG)
    for number in range(12):
        crop = found[number + 1]
        assert crop.pixels[25, 25, 2::-1].tolist() == list(colour_of(number))
        assert abs(np.hypot(*(crop.outline - 0.5).T).mean() * 65 - 24) < 3


def test_a_crop_is_cut_once_however_often_it_is_painted_meanwhile(
    loader: CropLoader, place: FieldPlace, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[int] = []
    plain = crop_loader._cut_one

    def counted(rgb: Any, wanted: CropKey, outline: Any) -> Crop:
        cut.append(wanted.cell_id)
        return plain(rgb, wanted, outline)

    monkeypatch.setattr(crop_loader, "_cut_one", counted)
    got: list[Crop] = []
    loader.loaded.connect(got.extend)
    while len(got) < 3:
        for number in range(3):
            if number + 1 not in {crop.key.cell_id for crop in got}:
                loader.request(key(number), place)
        qtbot.wait(1)
    assert sorted(cut) == [1, 2, 3]


def test_what_was_asked_for_last_comes_first_and_old_requests_are_forgotten(
    loader: CropLoader, place: FieldPlace, qtbot: QtBot
) -> None:
    free = threading.Event()
    loader._workers.run(free.wait)
    for number in range(500):
        loader.request(CropKey(1000 + number, 50.0, 50.0, 65.0, 20), place)
    order: list[int] = []
    loader.loaded.connect(lambda crops: order.extend(crop.key.cell_id for crop in crops))
    free.set()
    qtbot.waitUntil(lambda: len(order) == 400, timeout=LONG)
    assert order == list(range(1499, 1099, -1))


def test_another_file_under_the_name_gives_its_sentence_and_no_pixels(
    loader: CropLoader, place: FieldPlace, qtbot: QtBot
) -> None:
    write_field(place.path, 700)
    got: list[Crop] = []
    loader.loaded.connect(got.extend)
    loader.request(key(0), place)
    qtbot.waitUntil(lambda: len(got) == 1, timeout=LONG)
    assert got[0].pixels is None
    assert got[0].changed
    assert "not the one that was added" in got[0].problem
    got.clear()
    loader.request(key(1), FieldPlace(place.path.with_name("gone.png"), ""))
    qtbot.waitUntil(lambda: len(got) == 1, timeout=LONG)
    assert (got[0].pixels, got[0].changed) == (None, False)
    assert "gone.png" in got[0].problem


def test_pixmaps_stay_within_their_bytes(place: FieldPlace, qtbot: QtBot) -> None:
    crops = CellCrops(max_bytes=5 * 50 * 50 * 4)
    records = [_record(number) for number in range(12)]
    try:
        for record in records:
            qtbot.waitUntil(
                lambda record=record: crops.crop(record, place, side=65, pixels=50) is not None, timeout=LONG
            )
        assert crops.held_bytes == 5 * 50 * 50 * 4
        kept = [crops.crop(record, place, side=65, pixels=50) is not None for record in records]
        assert kept == [False] * 7 + [True] * 5
        crops.clear()
        assert crops.held_bytes == 0
        assert crops.crop(records[-1], place, side=65, pixels=50) is None
    finally:
        crops.stop()


def _record(number: int) -> Any:
    from dataclasses import fields

    from allstation.core.cells import CellRecord

    cell = cell_at(number)
    values = {one.name: getattr(cell, one.name) for one in fields(cell)}
    return CellRecord(id=number + 1, field_id=1, slide_id=1, prediction_id=1, number=number + 1, **values)


def test_one_scale_serves_all_cells_in_micrometres_or_by_the_usual_cell() -> None:
    scale = CropScale.around([_record(0)])
    assert scale.side(_record(0)) == pytest.approx(26 / 0.4)
    from dataclasses import replace

    unknown = [replace(_record(n), pixel_size=None) for n in range(12)]
    sides = {CropScale.around(unknown).side(record) for record in unknown}
    assert len(sides) == 1
    assert 1.3 < sides.pop() / unknown[0].width < 2.2
    assert new_cell(1).pixel_size is not None
    large = replace(unknown[0], width=400, height=300)
    assert 400 < CropScale.around(unknown).side(large) < 600, "a cell of another magnification is cut"


@pytest.mark.parametrize(("unit", "length"), [(6.0, 30), (9.0, 45), (1.0, 0), (None, 0)])
@pytest.mark.usefixtures("qapp")
def test_a_crop_bears_a_bar_of_five_micrometres_where_its_scale_is_known(
    unit: float | None, length: int
) -> None:
    grey = QPixmap(120, 120)
    grey.fill(QColor(120, 90, 130))
    image = QImage(140, 170, QImage.Format.Format_RGB32)
    image.fill(QColor(120, 90, 130))
    look = CellLook(QPalette(), QFont(), 120, False, False, False, False, unit=unit)
    painter = QPainter(image)
    paint_cell(painter, QRectF(0, 0, 140, 170), crop=ShownCrop(grey, QPolygonF()), look=look)
    painter.end()
    white = (pixels_of(image)[:130] == 255).all(axis=2)
    assert int(white.sum(axis=1).max()) == length


def test_crops_of_different_frames_have_one_magnification_and_a_larger_cell_says_its_own() -> None:
    from dataclasses import replace

    fine, coarse = (replace(_record(0), pixel_size=size, width=40, height=40) for size in (0.1, 0.4))
    scale = CropScale.around([fine, coarse])
    assert scale.unit(fine, 130) == scale.unit(coarse, 130) == pytest.approx(5.0)
    assert scale.unit(replace(coarse, width=100), 130) < 5.0
    assert scale.unit(replace(coarse, pixel_size=None), 130) is None
