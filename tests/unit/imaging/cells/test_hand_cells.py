"""Cells that a person points at: found ones whole, missed ones by their colour, else a disc of usual size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from allstation.imaging.cells.hand_cells import cell_at
from allstation.imaging.cells.masks import decode_mask

SIZE = (448, 448)


def field_with(centre=(150, 100), radius=12, colour=(96, 70, 150)) -> np.ndarray:
    rgb = np.full((224, 224, 3), (238, 230, 236), np.uint8)
    rows, columns = np.mgrid[:224, :224]
    rgb[(rows - centre[1]) ** 2 + (columns - centre[0]) ** 2 <= radius**2] = colour
    return rgb


@pytest.mark.parametrize("colour", [(96, 70, 150), (180, 140, 120)], ids=["purple", "not-purple"])
def test_the_cell_under_the_point_is_outlined(colour) -> None:
    cell = cell_at(field_with(colour=colour), 155 / 224, 104 / 224, size=SIZE, usual=24 / 224)
    assert (cell.x, cell.y) == pytest.approx((301, 201), abs=3)
    assert cell.area_px == pytest.approx(4 * math.pi * 12**2, rel=0.3)
    assert cell.outline.picture == (224, 224)
    mask = decode_mask(cell.outline.runs, cell.outline.width, cell.outline.height)
    assert mask[100 - cell.outline.top, 150 - cell.outline.left]


def test_on_bare_ground_there_is_a_disc_of_the_usual_size() -> None:
    cell = cell_at(field_with(), 60 / 224, 160 / 224, size=SIZE, usual=20 / 224)
    assert (cell.x, cell.y) == pytest.approx((121, 321), abs=2)
    assert cell.area_px == pytest.approx(4 * math.pi * 10**2, rel=0.1)


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (1.0, 1.0), (0.999, 0.0)])
def test_a_point_at_the_very_edge_gives_a_cell_cut_by_it(x: float, y: float) -> None:
    cell = cell_at(field_with(), x, y, size=SIZE, usual=20 / 224)
    assert cell.at_edge
    assert 0 <= cell.left <= cell.left + cell.width <= SIZE[0]
    assert 0 <= cell.top <= cell.top + cell.height <= SIZE[1]


def test_areas_have_a_size_in_micrometres_where_the_pixel_size_is_known() -> None:
    cell = cell_at(field_with(), 150 / 224, 100 / 224, size=SIZE, pixel_size=0.2)
    assert cell.area_um2 == pytest.approx(cell.area_px * 0.04)
