"""Views of single cells: the right part of the field at the right scale, and the outline in its place."""

from __future__ import annotations

import numpy as np
import pytest

from allstation.core.cells import CellOutline
from allstation.imaging.cells.masks import encode_mask
from allstation.imaging.cells.views import Window, cut_view, outline_in, outline_shares, rounded


@pytest.fixture
def field() -> np.ndarray:
    rows, columns = np.mgrid[:300, :400]
    return np.stack([columns // 2, rows // 2, np.full_like(rows, 40)], axis=2).astype(np.uint8)


def test_a_view_shows_the_pixels_around_its_middle(field) -> None:
    view = cut_view(field, Window(200, 150, 100), pixels=100)
    assert np.array_equal(view, field[100:200, 150:250])


@pytest.mark.parametrize("pixels", [50, 200])
def test_a_scaled_view_keeps_its_middle_and_its_ends(field, pixels: int) -> None:
    view = cut_view(field, Window(200, 150, 100), pixels=pixels).astype(int)
    assert view.shape == (pixels, pixels, 3)
    assert np.abs(view[pixels // 2, pixels // 2] - field[150, 200]).max() <= 1
    assert np.abs(view[0, 0] - field[100, 150]).max() <= 1
    assert np.abs(view[-1, -1] - field[199, 249]).max() <= 1


def test_what_lies_beyond_the_edge_is_grey_and_the_cell_stays_in_the_middle(field) -> None:
    view = cut_view(field, Window(5, 150, 100), pixels=100)
    assert (view[:, :45] == 228).all()
    assert np.array_equal(view[:, 45:], field[100:200, :55])
    assert (cut_view(field, Window(-500, -500, 100), pixels=30) == 228).all()


def disc(radius: int) -> np.ndarray:
    down, across = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return down**2 + across**2 <= radius**2


def test_an_outline_lies_around_its_cell_in_the_field_and_in_a_view() -> None:
    mask = disc(20)
    outline = CellOutline(runs=encode_mask(mask), left=40, top=30, width=41, height=41, picture=(200, 150))
    shares = outline_shares(outline)
    away = np.hypot(*((shares * (200, 150)) - (60.5, 50.5)).T)
    assert 18.5 < away.min() <= away.max() < 20.5
    # The file is twice the picture that the finder saw.
    inside = outline_in(Window(121, 101, 100), shares, (300, 400))
    away = np.hypot(*((inside - 0.5) * 100).T)
    assert 36 < away.min() <= away.max() < 42


def test_a_speck_keeps_its_pixels() -> None:
    outline = CellOutline(
        runs=encode_mask(np.ones((2, 2), bool)), left=0, top=0, width=2, height=2, picture=(10, 10)
    )
    assert sorted(map(tuple, outline_shares(outline) * 10)) == [
        (0.5, 0.5),
        (0.5, 1.5),
        (1.5, 0.5),
        (1.5, 1.5),
    ]


def test_corners_are_round_and_the_rest_is_untouched() -> None:
    rgb = np.full((40, 40, 3), (200, 100, 50), np.uint8)
    drawn = rounded(rgb, 8.0)
    assert drawn[0, 0].tolist() == drawn[-1, -1].tolist() == drawn[0, -1].tolist() == [0, 0, 0, 0]
    assert drawn[20, 0].tolist() == [50, 100, 200, 255]
    assert (drawn[8:-8, :, 3] == 255).all()
    assert np.array_equal(drawn, drawn[::-1]), "the corners are not alike"
    assert np.array_equal(drawn, drawn[:, ::-1])
    assert (drawn[..., :3].max(axis=2) <= drawn[..., 3]).all(), "not premultiplied"
    assert (rounded(rgb, 0.0)[..., 3] == 255).all()
