"""Parts of a field: every pixel is in one, every point belongs to exactly one, maps join where parts do."""

from __future__ import annotations

import numpy as np
import pytest

from allstation.imaging.fields.parts import assembled, parts_of


@pytest.mark.parametrize(
    ("size", "part", "count"),
    [((1024, 768), (1025, 769), 1), ((1024, 768), (500, 375), 9), ((2592, 1944), (1100, 825), 9)],
)
def test_parts_cover_a_field_and_share_it_out(size: tuple[int, int], part: tuple[float, float], count: int):
    parts = parts_of(*size, part)
    assert len(parts) == count
    covered = np.zeros(size[::-1], bool)
    for one in parts:
        covered[one.top : one.top + one.height, one.left : one.left + one.width] = True
        assert one.left <= one.columns[0] < one.columns[1] <= one.left + one.width
    assert covered.all()
    x, y = (places.ravel() for places in np.meshgrid(np.arange(0.5, size[0], 7), np.arange(0.5, size[1], 7)))
    assert (sum(one.owns(x, y).astype(int) for one in parts) == 1).all()


def test_neighbours_have_a_tenth_in_common():
    first, second = parts_of(1800, 100, (1000, 100))[:2]
    assert first.left + first.width - second.left >= 100


def test_a_map_shows_each_place_by_the_part_that_owns_it():
    parts = parts_of(200, 100, (110, 100))
    assert len(parts) == 2
    grids = [(one, np.full((4, 4, 1), number + 1, np.float32)) for number, one in enumerate(parts)]
    whole = assembled(grids, (200, 100), (4, 8))
    assert whole[:, :, 0].tolist() == [[1, 1, 1, 1, 2, 2, 2, 2]] * 4
    assert assembled(grids[:1], (200, 100), (4, 8))[0, :, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
