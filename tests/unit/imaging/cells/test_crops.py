"""Crops of cells: what is left of a field, and that nothing else is."""

import cv2
import numpy as np
import pytest

from allstation.core.errors import StationError
from allstation.imaging.cells.central_cell import cut_cell_of_picture, find_central_cell
from allstation.imaging.cells.crops import BACKGROUND, SPAN_UM, balanced, crop_mask, cut_cell
from allstation.imaging.cells.numbers import NAMES, crop_numbers
from allstation.imaging.cells.segmentation import segment_cells
from allstation.imaging.synthetic import draw_field


@pytest.fixture(scope="module")
def field():
    return draw_field("Pre", 3)


@pytest.fixture(scope="module")
def cells(field):
    return segment_cells(field)


def disk(radius, side=None):
    side = 2 * radius + 1 if side is None else side
    rows, columns = np.indices((side, side)) - side // 2
    return np.hypot(rows, columns) <= radius


def box(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def test_nothing_outside_the_mask_reaches_the_crop(field, cells):
    left, top, mask = box(cells.labels == 1)
    crop = cut_cell(field, left, top, mask, side=160)
    painted = np.where((cells.labels == 1)[..., None], field, np.uint8(7))
    assert np.array_equal(crop, cut_cell(painted, left, top, mask, side=160))
    other = field.copy()
    other[cells.labels == 1] = 200
    assert not np.array_equal(crop, cut_cell(other, left, top, mask, side=160))
    assert crop.shape == (160, 160, 3)
    assert (crop[0] == BACKGROUND).all()


def test_the_place_of_the_mask_and_empty_rows_around_it_do_not_matter(field, cells):
    left, top, mask = box(cells.labels == 2)
    padded = np.pad(mask, ((2, 0), (1, 0)))
    one = cut_cell(field, left, top, mask, side=128, pixels_per_um=9.0)
    assert np.array_equal(one, cut_cell(field, 0, 0, cells.labels == 2, side=128, pixels_per_um=9.0))
    larger = np.pad(field, ((2, 0), (1, 0), (0, 0)))
    assert np.array_equal(one, cut_cell(larger, left, top, padded, side=128, pixels_per_um=9.0))


@pytest.mark.parametrize("pixels_per_um", [4.0, 10.0])
def test_crops_have_one_scale_where_the_field_s_is_known(pixels_per_um):
    field = np.full((300, 300, 3), 60, np.uint8)
    for micrometres in (7.0, 12.0):
        mask = disk(round(micrometres * pixels_per_um / 2))
        crop = cut_cell(field, 20, 20, mask, side=160, pixels_per_um=pixels_per_um)
        wide = 2 * np.sqrt(np.count_nonzero(crop_mask(crop)) / np.pi)
        assert wide == pytest.approx(micrometres / SPAN_UM * 160, rel=0.06)


def test_a_cell_without_scale_fills_the_crop_and_one_too_large_is_shrunk():
    field = np.full((400, 400, 3), 60, np.uint8)
    for radius in (9, 150):
        crop = cut_cell(field, 10, 10, disk(radius), side=160)
        assert 146 <= np.count_nonzero(crop_mask(crop).any(axis=0)) <= 152
    large = cut_cell(field, 10, 10, disk(150), side=160, pixels_per_um=10.0)
    assert np.count_nonzero(crop_mask(large).any(axis=0)) == 160


def test_an_empty_mask_or_one_beyond_the_field_is_refused(field):
    for left, top, mask in ((0, 0, np.zeros((5, 5), bool)), (-1, 0, disk(4)), (0, len(field) - 3, disk(4))):
        with pytest.raises(StationError, match="Find the cells of this field again") as refused:
            cut_cell(field, left, top, mask, side=96)
        assert refused.value.code == "bad-cell"


def test_colours_are_balanced_against_the_background(field):
    tinted = np.clip(field * np.array([0.9, 0.8, 0.95]), 0, 255).astype(np.uint8)
    apart = np.abs(field.astype(int) - tinted).mean()
    assert np.abs(balanced(field).astype(int) - balanced(tinted)).mean() < 0.1 * apart
    white = np.array([200.0, 190.0, 180.0])
    assert np.array_equal(balanced(np.full((9, 9, 3), white, np.uint8), white=white)[0, 0], [235, 235, 235])


def test_numbers_are_those_of_the_shape():
    crop = np.full((160, 160, 3), BACKGROUND, np.uint8)
    cell, nucleus = disk(50, 161)[:160, :160], disk(30, 161)[:160, :160]
    crop[cell] = (200, 150, 220)
    crop[nucleus] = (100, 50, 160)
    found = dict(zip(NAMES, crop_numbers(crop).tolist(), strict=True))
    assert found["width"] == pytest.approx(100 / 160, rel=0.02)
    assert found["nucleus share"] == pytest.approx((30 / 50) ** 2, rel=0.03)
    assert found["elongation"] == pytest.approx(1, abs=0.02)
    assert found["solidity"] > 0.98
    assert found["density green cytoplasm"] == pytest.approx(np.log(236 / 151), rel=1e-5)
    assert found["density red nucleus"] == pytest.approx(np.log(236 / 101), rel=1e-5)
    assert found["spread red nucleus"] == pytest.approx(0, abs=1e-6)
    share = found["nucleus share"]
    dense, thin = np.log(236 / 51), np.log(236 / 151)
    assert found["density green cell"] == pytest.approx(share * dense + (1 - share) * thin, rel=1e-4)
    spread = np.sqrt(share * (1 - share)) * (dense - thin)
    assert found["spread green cell"] == pytest.approx(spread, rel=1e-4)


def test_numbers_of_an_ellipse_agree_with_scikit_image():
    from skimage.measure import regionprops

    mask = np.zeros((160, 160), np.uint8)
    cv2.ellipse(mask, (80, 80), (60, 25), 30, 0, 360, 1, cv2.FILLED)
    mask[70:90, 60:66] = 0
    crop = np.full((160, 160, 3), BACKGROUND, np.uint8)
    crop[mask > 0] = (90, 60, 120)
    (region,) = regionprops(mask)
    found = dict(zip(NAMES, crop_numbers(crop).tolist(), strict=True))
    assert found["elongation"] == pytest.approx(region.axis_minor_length / region.axis_major_length, rel=1e-3)
    assert found["solidity"] == pytest.approx(region.solidity, abs=0.03)
    assert crop_numbers(np.full((160, 160, 3), BACKGROUND, np.uint8)).tolist() == [0] * len(NAMES)


def single_cell(*, red=(205, 150, 165), shift=0, lobes=False):
    """Draw one white cell between red cells, one of which touches it; return picture and mask of the cell."""
    rgb = np.full((240, 240, 3), (240, 235, 225), np.uint8)
    for x, y in ((40, 40), (200, 60), (45, 190), (205, 200), (100 + shift, 172)):
        cv2.circle(rgb, (x, y), 20, red, cv2.FILLED)
    cell = np.zeros((240, 240), np.uint8)
    cv2.circle(cell, (120, 118), 38, 1, cv2.FILLED)
    rgb[cell > 0] = (190, 185, 222)
    middles = ((106, 108), (134, 108), (120, 134)) if lobes else ((118, 118),)
    for middle in middles:
        cv2.circle(rgb, middle, 11 if lobes else 24, (90, 45, 140), cv2.FILLED)
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), 1.0), np.uint8), cell > 0


def dice(rgb, mask):
    found = find_central_cell(rgb)
    whole = np.zeros(mask.shape, bool)
    height, width = found.mask.shape
    whole[found.top : found.top + height, found.left : found.left + width] = found.mask
    return 2 * (whole & mask).sum() / (whole.sum() + mask.sum())


@pytest.mark.parametrize("lobes", [False, True])
@pytest.mark.parametrize("cut", [0, 60])
def test_the_central_cell_is_found_with_its_cytoplasm_and_without_red_cells(lobes, cut):
    rgb, mask = single_cell(lobes=lobes, shift=-60 if cut else 0)
    inner = slice(cut, 240 - cut)
    assert dice(rgb[inner, inner].copy(), mask[inner, inner]) > 0.93


def test_a_cell_that_was_painted_out_on_black_is_found_whole():
    rgb, mask = single_cell()
    rgb[~mask] = 0
    assert dice(rgb, mask) > 0.98
    crop = cut_cell_of_picture(rgb, find_central_cell(rgb), side=96)
    assert np.median(crop[crop_mask(crop)], axis=0)[1] <= 185  # colours are left as they are


def test_an_empty_picture_has_no_central_cell():
    assert find_central_cell(np.full((200, 220, 3), 235, np.uint8)) is None
    assert find_central_cell(np.zeros((200, 220, 3), np.uint8)) is None


def test_central_cells_of_real_pictures_overlap_the_hand_drawn_ones(real_data):
    found = []
    for path in sorted((real_data / "masks-zheng").glob("*-mask.png"))[::20]:
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 60
        rgb = cv2.imread(str(path).replace("-mask", ""))[..., ::-1].copy()
        found.append(dice(rgb, mask))
    assert np.median(found) > 0.92
