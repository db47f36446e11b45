"""Fields of more light: their cells keep their cytoplasm and about their colours, others every bit."""

import numpy as np
import pytest

from allstation.imaging.cells.segmentation import SERVING, cell_mask, segment_cells
from allstation.imaging.fields.light import field_light
from allstation.imaging.formats.decode import squash
from allstation.imaging.preprocess import Preprocessing, prepare
from allstation.imaging.synthetic import draw_field

MORE = 1.25
EARLIER, SERVED = (Preprocessing(version=version) for version in (2, 3))


@pytest.fixture(scope="module", params=["Benign", "Pre"])
def field(request):
    return squash(draw_field(request.param, 0), (224, 224))


@pytest.fixture(scope="module")
def bright(field):
    return np.clip(np.rint(field * MORE), 0, 255).astype(np.uint8)


def overlap(mask, other):
    return np.count_nonzero(mask & other) / np.count_nonzero(mask | other)


def test_the_usual_light_changes_no_bit(field):
    light = field_light(field)
    assert light.excess == 0
    assert light.thresholds == SERVING
    assert light.dimmed(field) is field
    assert np.array_equal(prepare(field, EARLIER).tensor, prepare(field, SERVED).tensor)


def test_white_paper_without_the_corner_is_counted():
    field = np.full((100, 100, 3), 255, np.uint8)
    assert field_light(field).excess == pytest.approx(1 - 0.16**2 - 0.11)
    field[..., 1] = 254
    assert field_light(field).excess == 0


def test_cells_in_more_light_keep_their_cytoplasm(field, bright):
    usual, light = cell_mask(field), field_light(bright)
    assert overlap(usual, cell_mask(bright, light.thresholds)) > 0.95
    assert overlap(usual, cell_mask(bright)) < 0.5


def test_cells_in_more_light_come_to_the_network_in_about_the_usual_colours(field, bright):
    tensors = [
        prepare(rgb, how).tensor for rgb, how in ((field, SERVED), (bright, EARLIER), (bright, SERVED))
    ]
    inside = np.logical_and.reduce([tensor[..., 3] > 0 for tensor in tensors])
    usual, earlier, served = (tensor[inside, :2] for tensor in tensors)  # blue is white there, and lost
    assert np.abs(served - usual).mean() < 0.4 * np.abs(earlier - usual).mean()


def test_bundles_of_the_earlier_preparation_are_read_and_get_its_bits(bright):
    again = Preprocessing.from_json(EARLIER.to_json())
    assert (again.version, Preprocessing().version) == (2, 3)
    mask = prepare(bright, again).cells.mask
    assert np.array_equal(mask, segment_cells(bright).mask)
    assert not np.array_equal(mask, prepare(bright, SERVED).cells.mask)
