"""Masks of single cells as run lengths."""

import numpy as np
import pytest

from allstation.core.errors import StationError
from allstation.imaging.cell_masks import decode_mask, encode_mask


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
