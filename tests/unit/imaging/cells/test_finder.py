"""White cells as people count them: found at any scale, lobes together, neighbours apart."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from allstation.imaging.cells.burnt_in_mark import mark_box
from allstation.imaging.cells.finder import OWN_SCALE, WORK_SCALE, find_cells, work_size
from allstation.imaging.cells.masks import decode_mask, encode_mask
from allstation.imaging.synthetic import draw_field

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

import cell_truth

from tests.unit.imaging.drawn_smears import PAPER, PLATELET, Smear

PLACES = ((24.0, 24.0), (72.0, 30.0), (36.0, 72.0), (76.0, 76.0))


def smear(scale, *, kind="lymphocyte", places=PLACES, **kind_options):
    drawn = Smear(scale)
    drawn.red_cells(avoid=places)
    for x, y in places:
        getattr(drawn, kind)(x, y, **kind_options)
    return drawn


def centres(cells, scale):
    return sorted((round((cell.x + 0.5) / scale), round((cell.y + 0.5) / scale)) for cell in cells)


def assert_found(cells, places, scale):
    assert len(cells) == len(places)
    for (x, y), (u, v) in zip(centres(cells, scale), sorted(places), strict=True):
        assert abs(x - u) <= 1.5
        assert abs(y - v) <= 1.5


@pytest.mark.parametrize("scale", [2.2, 4.0, 7.0, 20.0])
@pytest.mark.parametrize("kind", ["lymphocyte", "granulocyte"])
def test_cells_are_found_at_every_scale(scale, kind):
    drawn = smear(scale, kind=kind)
    cells = find_cells(drawn.finished(), cell_scale=scale)
    assert_found(cells, PLACES, scale)


@pytest.mark.parametrize("scale", [2.2, 5.0, 20.0])
def test_the_scale_need_not_be_known(scale):
    assert_found(find_cells(smear(scale, kind="granulocyte").finished()), PLACES, scale)


@pytest.mark.parametrize("lobes", [2, 3, 4, 5])
def test_lobes_of_a_granulocyte_are_one_cell(lobes):
    drawn = smear(4.0, kind="granulocyte", lobes=lobes)
    assert_found(find_cells(drawn.finished(), cell_scale=4.0), PLACES, 4.0)


@pytest.mark.parametrize("scale", [2.2, 4.0])
@pytest.mark.parametrize("gap", [-0.5, 0.0, 0.5])
def test_touching_lymphocytes_are_two(scale, gap):
    apart = 10.0 + gap
    places = (40.0, 50.0), (40.0 + apart, 50.0)
    drawn = smear(scale, places=places, diameter=10.0)
    assert_found(find_cells(drawn.finished(), cell_scale=scale), places, scale)


def test_small_round_lymphocytes_count_and_clumped_platelets_do_not():
    drawn = smear(2.2, places=((30.0, 30.0),), diameter=6.8)
    for x, y in ((70.0, 70.0), (71.5, 71.0), (70.0, 72.5), (68.2, 71.0)):
        drawn.disc(x, y, 1.8, PLATELET)
    for x, y in ((30.0, 80.0), (80.0, 30.0)):
        drawn.disc(x, y, 2.4, PLATELET)
    assert_found(find_cells(drawn.finished(), cell_scale=2.2), ((30.0, 30.0),), 2.2)


def test_a_field_without_white_cells_has_none():
    drawn = smear(2.2, places=())
    assert find_cells(drawn.finished()) == ()
    assert find_cells(drawn.finished(), cell_scale=2.2) == ()


def test_the_outline_follows_the_whole_cell_and_holds_its_nucleus():
    drawn = smear(6.0, kind="granulocyte")
    for cell in find_cells(drawn.finished(), cell_scale=6.0):
        assert cell.area / 36 == pytest.approx(np.pi * 6.5**2, rel=0.12)
        assert cell.mask.shape == cell.nucleus.shape == (cell.height, cell.width)
        assert not (cell.nucleus & ~cell.mask).any()
        assert cell.nucleus_share == pytest.approx(3 * 4.4**2 / 13**2, rel=0.25)
        assert cell.mask.any(axis=0).all()
        assert cell.mask.any(axis=1).all()
        np.testing.assert_array_equal(decode_mask(encode_mask(cell.mask), cell.width, cell.height), cell.mask)


def test_cells_cut_by_the_edge_are_marked_and_others_not():
    places = (50.0, 50.0), (50.0, 1.0), (99.0, 30.0), (2.0, 60.0), (30.0, 98.0)
    cells = find_cells(smear(2.2, places=places, diameter=10.0).finished(), cell_scale=2.2)
    assert len(cells) == len(places)
    assert [cell.at_edge for cell in cells].count(False) == 1
    assert next(cell for cell in cells if not cell.at_edge).x == pytest.approx(110, abs=2)


def test_cells_in_the_corner_count_unless_a_bar_hides_them():
    places = (50.0, 50.0), (90.0, 91.0)
    field = smear(2.2, places=places, diameter=10.0).finished()
    assert mark_box(field) is None
    assert [cell.at_edge for cell in find_cells(field, cell_scale=2.2)] == [False, False]
    cv2.rectangle(field, (190, 205), (219, 219), PAPER, cv2.FILLED)
    cv2.putText(field, "20um", (192, 214), cv2.FONT_HERSHEY_SIMPLEX, 0.3, (20, 20, 20))
    assert mark_box(field) is not None
    assert [cell.at_edge for cell in find_cells(field, cell_scale=2.2)] == [False, True]


def test_nothing_that_is_no_smear_stops_it():
    random = np.random.default_rng(3)
    for size in ((1, 1), (3, 9), (40, 30), (224, 224)):
        for field in (
            np.zeros((*size, 3), np.uint8),
            np.full((*size, 3), 255, np.uint8),
            np.full((*size, 3), (120, 60, 180), np.uint8),
            random.integers(0, 256, (*size, 3), dtype=np.uint8),
        ):
            for scale in (None, 0.5, 2.2):
                find_cells(field, cell_scale=scale)


def test_every_thread_finds_the_same():
    field = smear(2.2, kind="granulocyte").finished()
    found = []
    threads = [threading.Thread(target=lambda: found.append(find_cells(field))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(cells == found[0] for cells in found)
    assert all(
        np.array_equal(one.mask, other.mask)
        for cells in found
        for one, other in zip(cells, found[0], strict=True)
    )


def test_the_work_size_shrinks_to_the_work_scale_only():
    assert work_size(224, 224, OWN_SCALE) == (224, 224)
    assert work_size(4000, 3000, 10 * WORK_SCALE) == (400, 300)
    assert work_size(640, 480, WORK_SCALE) == (640, 480)


@pytest.mark.parametrize("kind", ["Benign", "Early", "Pre", "Pro"])
def test_synthetic_fields_give_alike_cells_large_and_small(kind):
    large = draw_field(kind, 3)
    small = cv2.resize(large, (512, 384), interpolation=cv2.INTER_AREA)
    counts = [len(find_cells(field, cell_scale=scale)) for field, scale in ((large, 8.4), (small, 4.2))]
    assert min(counts) >= 1
    assert counts[0] == pytest.approx(counts[1], abs=1)


def hits(fields):
    """Return how many cells were boxed, found, and found where there are none."""
    boxed = found = wrong = 0
    for field in fields:
        cells = find_cells(cell_truth.read_rgb(field.path))
        boxes = [(c.left, c.top, c.left + c.width, c.top + c.height) for c in cells]
        missed, false = cell_truth.compared(field, boxes)
        boxed += len(field.cells)
        found += len(field.cells) - len(missed)
        wrong += len(false)
    return boxed, found, wrong


@pytest.mark.real_data
def test_cells_boxed_by_hand_are_found(real_data):
    boxed, found, wrong = hits(cell_truth.taleqani(real_data, "tuning"))
    assert boxed == 202
    assert found / boxed >= 0.95
    assert found / (found + wrong) >= 0.95


@pytest.mark.real_data
def test_white_cells_of_other_laboratories_are_found(real_data):
    fields = [*cell_truth.bccd(real_data)][::12] + [*cell_truth.txl(real_data)][::12]
    boxed, found, wrong = hits(fields)
    assert found / boxed >= 0.95
    assert found / (found + wrong) >= 0.9
