"""Quality figures move the way a person would expect."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from allstation.imaging import quality


@dataclass
class Area:
    area_share: float = 0.125


def test_blur_lowers_sharpness(smooth_field):
    rgb = smooth_field(224, 224)
    figures = [
        quality.assess(cv2.GaussianBlur(rgb, (0, 0), sigma), Area()).sharpness for sigma in (0.3, 1, 2, 4)
    ]
    assert figures == sorted(figures, reverse=True)
    assert figures[0] > 4 * figures[-1]


def test_sharpness_is_the_variance_of_the_laplacian(smooth_field):
    rgb = smooth_field(50, 70)
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    padded = np.pad(gray.astype(int), 1, mode="reflect")
    laplacian = (
        padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * padded[1:-1, 1:-1]
    )
    counted = np.ones(gray.shape, bool)
    counted[50 - 8 - 1 :, 70 - 11 - 1 :] = False
    assert quality.assess(rgb, Area()).sharpness == pytest.approx(laplacian[counted].var())


def test_a_mark_in_the_corner_changes_neither_sharpness_nor_brightness(smooth_field):
    rgb = smooth_field(224, 224)
    marked = rgb.copy()
    marked[200:204, 200:220] = (200, 30, 40)
    plain, again = quality.assess(rgb, Area()), quality.assess(marked, Area())
    assert (plain.sharpness, plain.brightness) == (again.sharpness, again.brightness)


def test_a_blank_field():
    figures = quality.assess(np.full((32, 32, 3), 200, np.uint8), Area(0.0))
    assert figures.sharpness == 0
    assert figures.brightness == pytest.approx(200, abs=0.5)
    assert (figures.clipped, figures.cell_area) == (0, 0)


def test_clipping_counts_each_pixel_once():
    rgb = np.full((10, 10, 3), 128, np.uint8)
    rgb[0, 0] = 255
    rgb[0, 1, 2] = 0
    rgb[0, 2] = (0, 255, 128)
    assert quality.clipped_share(rgb) == pytest.approx(0.03)
    assert quality.assess(rgb, Area()).cell_area == 0.125
