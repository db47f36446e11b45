"""Overlays: nothing where there is no support, one order of lightness, drawn at any size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from allstation.core.records import EvidenceMap
from allstation.imaging import overlay


def one_spot(rows=7, columns=7):
    planes = np.zeros((2, rows, columns), np.uint8)
    planes[1, 2, 4] = 255
    return EvidenceMap(rows=rows, columns=columns, classes=("Benign", "Pro"), values=planes.tobytes())


def test_no_support_is_transparent():
    layer = overlay.evidence_picture(one_spot(), "Benign", (224, 300))
    assert layer.shape == (224, 300, 4)
    assert layer.dtype == np.uint8
    assert not layer[..., 3].any()


def test_support_lies_where_the_grid_cell_is():
    layer = overlay.evidence_picture(one_spot(), "Pro", (700, 1400))
    row, column = np.unravel_index(layer[..., 3].astype(int).argmax(), layer.shape[:2])
    assert 200 <= row < 300
    assert 800 <= column < 1000
    weights = layer[..., 3].astype(float)
    assert np.average(np.arange(700), weights=weights.sum(1)) == pytest.approx(249.5, abs=1)
    assert np.average(np.arange(1400), weights=weights.sum(0)) == pytest.approx(899.5, abs=1)


@pytest.mark.parametrize("size", [(1, 1), (7, 7), (33, 21), (1920, 2560)])
def test_any_size(size):
    layer = overlay.evidence_picture(one_spot(), "Pro", size)
    assert layer.shape == (*size, 4)
    assert layer.flags.c_contiguous


def test_unknown_class():
    with pytest.raises(KeyError):
        overlay.evidence_picture(one_spot(), "Early", (10, 10))


def lightness(rgb):
    """Return CIE L* of (n, 3) uint8 colours."""
    return cv2.cvtColor((rgb[np.newaxis] / 255).astype(np.float32), cv2.COLOR_RGB2LAB)[0, :, 0]


def as_seen_with_deuteranopia(rgb):
    """Return colours as Vienot, Brettel and Mollon (1999) model a viewer without green cones."""
    linear = (rgb / 255.0) ** 2.2
    to_lms = np.array(
        [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]]
    )
    lms = linear @ to_lms.T
    lms[:, 1] = 0.494207 * lms[:, 0] + 1.24827 * lms[:, 2]
    back = np.clip(lms @ np.linalg.inv(to_lms).T, 0, 1) ** (1 / 2.2)
    return np.rint(back * 255).astype(np.uint8)


def test_the_colours_rise_evenly_in_lightness_also_without_green_cones():
    stops = np.array([colour for _, colour in overlay.EVIDENCE_STOPS], np.uint8)
    for seen in (stops, as_seen_with_deuteranopia(stops)):
        steps = np.diff(lightness(seen))
        assert steps.min() > 10
        assert steps.max() < 2.2 * steps.min()


def test_blend_over_a_field():
    rgb = np.full((20, 20, 3), 200, np.uint8)
    layer = overlay.evidence_picture(one_spot(), "Pro", (20, 20))
    mixed = overlay.blend(rgb, layer)
    assert (mixed != rgb).any()
    np.testing.assert_array_equal(mixed[layer[..., 3] == 0], 200)
    with pytest.raises(ValueError, match="layer"):
        overlay.blend(rgb, layer[:10])
