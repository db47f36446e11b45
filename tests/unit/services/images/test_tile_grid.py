"""Grid of tiles over a slide: each pixel in one tile, about one for each of the screen, the view first."""

from __future__ import annotations

import numpy as np
import pytest

from allstation.services.images.tile_grid import Box, TileGrid
from tests.ui.slide.pictured import PicturedSlide


def test_the_view_comes_first_then_what_lies_around_it():
    grid = TileGrid(PicturedSlide(100_000, 100_000).info)
    keys = grid.wanted(Box(50_000, 50_000, 1_600, 1_000), 1.0)
    inside = set(grid.over(Box(50_000, 50_000, 1_600, 1_000), 0))
    coarse = [key for key in keys if key.zoom == 2]
    fine = [key for key in keys if key.zoom == 0]
    assert keys[: len(coarse)] == coarse
    assert set(fine[: len(inside)]) == inside
    assert len(fine) > len(inside)
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("scale", "zoom"), [(4.0, 0), (1.0, 0), (0.99, 0), (0.5, 1), (0.3, 1), (0.26, 2), (0.01, 6)]
)
def test_a_zoom_has_about_one_pixel_for_each_of_the_screen(scale: float, zoom: int):
    assert TileGrid(PicturedSlide(100_000, 100_000).info).zoom_for(scale) == zoom


def test_every_pixel_of_a_slide_lies_in_one_tile():
    grid = TileGrid(PicturedSlide(5_000, 3_000).info)
    covered = np.zeros((3_000, 5_000), np.uint8)
    for key in grid.over(Box(0, 0, 5_000, 3_000), 1):
        box = grid.box(key)
        covered[int(box.y) : int(box.y + box.height), int(box.x) : int(box.x + box.width)] += 1
    assert (covered == 1).all()
