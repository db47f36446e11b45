"""Masks of single cells: as run lengths, joined and parted."""

import numpy as np
import pytest

from allstation.core.errors import StationError
from allstation.imaging.cells.masks import decode_mask, encode_mask, join_masks, part_mask


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (7, 5), (90, 80), (300, 1)])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_any_mask_comes_back(shape, share):
    mask = np.random.default_rng(1).random(shape) < share
    np.testing.assert_array_equal(decode_mask(encode_mask(mask), shape[1], shape[0]), mask)


def test_long_runs_come_back():
    mask = np.zeros((3000, 4000), bool)
    mask[1500:, 17:] = True
    np.testing.assert_array_equal(decode_mask(encode_mask(mask), 4000, 3000), mask)


def test_the_format_stays():
    mask = np.zeros((2, 100), bool)
    mask[0, 3:5] = True
    assert encode_mask(mask) == bytes([3, 2, 0x80 | (195 & 0x7F), 195 >> 7])


def test_a_cell_takes_few_bytes():
    rows, columns = np.mgrid[:90, :90]
    assert len(encode_mask((rows - 45) ** 2 + (columns - 45) ** 2 < 44**2)) < 250


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\x80", b"\x19\x01", b"\xff" * 9 + b"\x01", b"\xff\xff\xff\xff\xff\x01"]
)
def test_other_bytes_are_refused(data):
    with pytest.raises(StationError, match="5 by 5"):
        decode_mask(data, 5, 5)


def discs(*places, radius=10, size=(60, 90)):
    rows, columns = np.mgrid[: size[0], : size[1]]
    return [(rows - row) ** 2 + (columns - column) ** 2 <= radius**2 for row, column in places]


def test_touching_masks_join_as_they_are():
    one, other = discs((30, 30), (30, 48))
    np.testing.assert_array_equal(join_masks([one, other]), one | other)


def test_a_gap_between_joined_masks_is_bridged():
    one, other = discs((30, 20), (30, 60))
    joined = join_masks([one, other])
    assert joined[30, 40]
    assert not joined[5, 40]
    assert not (~joined & (one | other)).any()


def test_two_discs_part_where_they_meet():
    one, other = discs((30, 30), (30, 46))
    first, second = part_mask(one | other)
    assert not (first & second).any()
    np.testing.assert_array_equal(first | second, one | other)
    halves = {int(np.nonzero(half)[1].mean()) for half in (first, second)}
    assert [min(halves), max(halves)] == [pytest.approx(28, abs=2), pytest.approx(47, abs=2)]


def test_unequal_discs_part_at_the_neck():
    rows, columns = np.mgrid[:80, :120]
    large, small = (
        (rows - 40) ** 2 + (columns - 40) ** 2 <= 30**2,
        (rows - 40) ** 2 + (columns - 80) ** 2 <= 16**2,
    )
    first, second = part_mask(large | small)
    smaller = min((first, second), key=np.count_nonzero)
    assert np.count_nonzero(smaller) == pytest.approx(np.pi * 16**2 * 0.93, rel=0.1)


def test_a_shape_without_a_neck_parts_across_its_longer_axis():
    rows, columns = np.mgrid[:60, :90]
    ellipse = ((rows - 30) / 12) ** 2 + ((columns - 45) / 36) ** 2 <= 1
    first, second = part_mask(ellipse)
    assert abs(int(np.count_nonzero(first)) - int(np.count_nonzero(second))) <= 1
    assert {np.nonzero(first)[1].max() <= 46, np.nonzero(second)[1].max() <= 46} == {True, False}


def test_two_pixels_part_and_one_does_not():
    mask = np.zeros((3, 3), bool)
    mask[1, 1] = True
    with pytest.raises(StationError, match="too small"):
        part_mask(mask)
    mask[1, 2] = True
    assert [np.count_nonzero(half) for half in part_mask(mask)] == [1, 1]
