"""Optics of a field: light follows the lamp, stain follows the stain and not the lamp."""

from __future__ import annotations

import math

import numpy as np
import pytest

from allstation.imaging.fields.optics import field_optics


def smear(light: float = 1.0, stain: float = 1.0, size: int = 240) -> np.ndarray:
    """A pale field with red cells and two nuclei that absorb as told (optical densities of R, G, B)."""
    rows, columns = np.mgrid[:size, :size]
    density = np.zeros((size, size, 3))
    for at in range(20):
        inside = (rows - 17 * at % size) ** 2 + (columns - 53 * at % size) ** 2 < 8**2
        density[inside] = (0.03, 0.16, 0.1)
    for row, column in ((70, 80), (150, 170)):
        inside = (rows - row) ** 2 + (columns - column) ** 2 < 18**2
        density[inside] = np.array((0.35, 0.55, 0.12)) * stain
    return np.rint(light * np.array((228, 220, 232)) * 10**-density).astype(np.uint8)


def test_less_light_is_less_light_and_no_less_stain():
    before, after = field_optics(smear()), field_optics(smear(light=0.95))
    assert before.light == pytest.approx((228 + 220 + 232) / 3, abs=1)
    assert after.light / before.light == pytest.approx(0.95, abs=0.005)
    assert after.stain == pytest.approx(before.stain, rel=0.02)
    assert before.tint == pytest.approx(100 * math.log(229 / 233), abs=0.3)


def test_more_stain_is_more_stain_and_no_less_light():
    before, after = field_optics(smear()), field_optics(smear(stain=1.05))
    assert before.stain == pytest.approx(0.35, abs=0.02)
    assert after.stain / before.stain == pytest.approx(1.05, abs=0.01)
    assert after.light == before.light


def test_a_large_frame_says_what_a_small_one_does():
    small = smear()
    large = np.kron(small, np.ones((3, 3, 1), np.uint8))
    assert field_optics(large).stain == pytest.approx(field_optics(small).stain, rel=0.03)


def test_a_field_without_nuclei_says_nothing_of_stain():
    assert math.isnan(field_optics(np.full((100, 120, 3), 230, np.uint8)).stain)
