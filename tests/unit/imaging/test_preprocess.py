"""The network's input: only cells, bit for bit the same, nothing of the background."""

import cv2
import numpy as np
import pytest

from allstation.core.errors import StationError
from allstation.imaging.cells.segmentation import corner_of, segment_cells
from allstation.imaging.formats.pixel_conversions import squash
from allstation.imaging.inputs import InputSpec
from allstation.imaging.preprocess import Preprocessing, prepare
from allstation.imaging.synthetic import draw_field

ZOOMED = Preprocessing(options={"zoom": 288})


@pytest.fixture(scope="module")
def field():
    return squash(draw_field("Pre", 3), (224, 224))


def test_outside_of_cells_everything_is_zero(field):
    tensor = prepare(field, Preprocessing()).tensor
    assert tensor.shape == (224, 224, 4)
    assert tensor.dtype == np.float32
    outside = tensor[:, :, 3] == 0
    assert outside.any()
    assert not outside.all()
    assert (tensor[outside] == 0).all()
    assert np.abs(tensor[:, :, :3]).max() <= 1


def test_the_background_cannot_speak(field):
    prepared = prepare(field, ZOOMED)
    changed = field.copy()
    away = cv2.dilate(prepared.cells.mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    far = np.ones_like(away)
    far[2:-2, 2:-2] = 0
    noise = np.random.default_rng(1).integers(0, 3, field.shape, np.uint8)
    changed[(away == 0) & (far == 1)] = (field + noise)[(away == 0) & (far == 1)]
    again = prepare(changed, ZOOMED)
    same = (again.tensor[:, :, 3] > 0) & (prepared.tensor[:, :, 3] > 0)
    assert same.sum() > 0.98 * (prepared.tensor[:, :, 3] > 0).sum()


def test_a_mark_in_the_corner_changes_no_bit(field):
    marked = field.copy()
    rows, columns = corner_of(224, 224)
    marked[rows, columns] = field[rows, columns]
    marked[rows.start + 10 : rows.start + 14, columns.start + 8 :] = (20, 20, 20)
    plain, again = prepare(field, ZOOMED), prepare(marked, ZOOMED)
    assert np.array_equal(plain.tensor, again.tensor)


def test_a_mark_beside_cells_changes_no_bit():
    rows, columns = corner_of(224, 224)
    field = np.full((224, 224, 3), (240, 240, 235), np.uint8)
    for centre in ((columns.start - 6, 205), (205, rows.start - 6)):
        cv2.circle(field, centre, 12, (120, 70, 190), cv2.FILLED)
    marked = field.copy()
    marked[rows, columns] = (200, 30, 40)
    plain, again = prepare(field, ZOOMED), prepare(marked, ZOOMED)
    assert plain.cells.count
    assert np.array_equal(plain.tensor, again.tensor)


def test_equal_pixels_give_equal_bits(field):
    first, second = prepare(field, ZOOMED), prepare(field.copy(), ZOOMED)
    assert first.tensor.shape == (288, 288, 4)
    assert first.tensor.tobytes() == second.tensor.tobytes()


def test_plain_input_is_the_whole_field(field):
    preprocessing = Preprocessing.plain(InputSpec(scaling="bytes"))
    again = Preprocessing.from_json(preprocessing.to_json())
    assert again == preprocessing
    assert np.array_equal(prepare(field, again).tensor, field.astype(np.float32))


def test_json_keeps_the_zoom():
    assert Preprocessing.from_json(ZOOMED.to_json()).zoom == 288


@pytest.mark.parametrize("change", [{"name": "other"}, {"version": 99}])
def test_unknown_preparation_is_refused(change):
    with pytest.raises(StationError) as raised:
        Preprocessing.from_json({**ZOOMED.to_json(), **change})
    assert raised.value.code == "unknown-preprocessing"


def test_wrong_size_is_refused(field):
    with pytest.raises(StationError) as raised:
        prepare(field[:100], Preprocessing())
    assert raised.value.code == "wrong-size"


def test_real_fields_keep_their_cells(real_data):
    from allstation.imaging.formats.decode import decode_reduced

    for path in sorted((real_data / "taleqani/Original/Pro").glob("*.jpg"))[::100]:
        rgb = decode_reduced(path, (224, 224))
        assert prepare(rgb, ZOOMED).cells.count == segment_cells(rgb).count > 0
