"""Typed cells on disk: what is read, what is told, what is refused."""

from __future__ import annotations

import csv
import shutil

import cv2
import numpy as np
import pytest

from allstation.commissioning import cell_source, typed_cells
from allstation.commissioning.typed_cells import read_typed_cells
from allstation.core.errors import StationError
from allstation.imaging.formats.decode import DEFAULT_LIMITS
from tests.unit.commissioning.pictures import PIXEL_SIZE, cell_picture


def write(folder, rows, header=("file", "type", "patient")):
    for row in rows:
        if not (folder / row[0]).exists() and row[0].startswith("cell"):
            cv2.imwrite(str(folder / row[0]), cell_picture("large", 1)[..., ::-1])
    with (folder / "t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return folder / "t.csv"


def test_cells_patients_and_what_was_not_found(cells):
    assert cells.features.shape == (48, cells.features.shape[1])
    assert np.isfinite(cells.features).all()
    assert cells.patients_known
    assert cells.patients_text == "8 patients"
    (missed,) = cells.unfound
    assert (missed.file, missed.type) == ("empty.png", "small")
    assert "no cell" in missed.why


def test_a_file_that_is_not_there_and_a_repeated_picture_are_told(tmp_path):
    table = write(tmp_path, [("cell.png", "a", "P1"), ("gone.png", "a", "P1"), ("cell2.png", "a", "P2")])
    found = read_typed_cells(table, pixel_size=PIXEL_SIZE)
    assert found.files == ("cell.png",)
    assert [one.file for one in found.unfound] == ["gone.png", "cell2.png"]
    assert "same picture as cell.png" in found.unfound[1].why


def test_one_picture_with_two_types_is_an_error_of_the_table(tmp_path):
    table = write(tmp_path, [("cell.png", "a", "P1"), ("cell2.png", "b", "P2")])
    with pytest.raises(StationError, match=r"types a and b.*Correct the table"):
        read_typed_cells(table, pixel_size=PIXEL_SIZE)


def test_cells_of_a_field_are_found_where_the_table_says(tmp_path):
    field = np.hstack([cell_picture("large", 1), cell_picture("small", 2)])
    field = np.pad(field, ((60, 60), (60, 60), (0, 0)), constant_values=232)
    cv2.imwrite(str(tmp_path / "field.png"), field[..., ::-1])
    header = ("file", "type", "patient", "x", "y", "pixel_size")
    places = {"a": (104, 104), "b": (192, 104), "c": (5, 5)}
    rows = [("field.png", kind, "P1", *place, PIXEL_SIZE) for kind, place in places.items()]
    found = read_typed_cells(write(tmp_path, rows, header))
    assert [one.type for one in found.unfound] == ["c"]
    assert found.types == ("a", "b")
    assert found.from_fields
    assert found.field_pixel_size == PIXEL_SIZE
    assert not np.allclose(found.features[0], found.features[1], rtol=0.01)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("cell.png", "", "P1", "", "", ""), "lacks a file or a type"),
        (("cell.png", "a", "P1", "5", "x", ""), "two numbers of pixels"),
        (("cell.png", "a", "P1", "", "", "-1"), "micrometres a pixel"),
        (("cell.png", "a\u202eb", "P1", "", "", ""), "control characters"),
    ],
)
def test_rows_that_say_nothing_sure_are_refused_by_their_line(tmp_path, row, said):
    table = write(tmp_path, [row], ("file", "type", "patient", "x", "y", "pixel_size"))
    with pytest.raises(StationError, match=f"Line 2 of t.csv .*{said}"):
        read_typed_cells(table)


def test_folders_named_by_type_have_no_patients(tmp_path, table):
    for kind in ("large", "small"):
        (tmp_path / kind).mkdir()
        shutil.copy(table.parent / f"0-{kind}-0.png", tmp_path / kind)
    found = read_typed_cells(tmp_path, pixel_size=PIXEL_SIZE)
    assert found.types == ("large", "small")
    assert found.patients_text == "patients unknown"
    assert len(set(found.groups)) == 2


def test_reading_can_be_stopped(table):
    with pytest.raises(StationError) as stopped:
        read_typed_cells(table, pixel_size=PIXEL_SIZE, cancelled=lambda: True)
    assert stopped.value.code == typed_cells.CANCELLED


def test_without_red_cells_a_typical_cell_keeps_large_and_small_apart(table):
    rows = cell_source.listed_cells(table)
    scale = cell_source.usual_scale(rows[:12], DEFAULT_LIMITS)
    assert not scale.known
    assert "typical cell" in scale.source
    assert 0.2 < scale.pixel_size < 0.5  # between 30 and 50 pixels are 12 micrometres
