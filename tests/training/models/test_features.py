"""Hand-made features: lengths as published, known values, invariances, fields without cells."""

from __future__ import annotations

import numpy as np
import pytest

from allstation.core.errors import StationError
from allstation.imaging import synthetic
from training.models import features

HOG = {"orientations": 9, "cell": 8, "block": 2}


def test_hog_of_a_hundred_pixels_has_the_published_length() -> None:
    fields = np.random.default_rng(1).integers(0, 255, (2, 100, 100, 1), np.uint8)
    assert features.hog_features(fields, HOG).shape == (2, 4356)
    assert features.hog_features(fields, {**HOG, "block": 3}).shape == (2, 8100)
    assert features.hog_features(np.repeat(fields, 3, axis=3), HOG).shape == (2, 4356)


def test_haralick_of_a_matrix_worked_by_hand() -> None:
    p = np.array([[0.4, 0.1], [0.1, 0.4]])
    found = features.haralick(p)
    assert len(found) == 13
    assert found[0] == pytest.approx(0.34)  # angular second moment
    assert found[1] == pytest.approx(0.2)  # contrast
    assert found[2] == pytest.approx(0.6)  # correlation
    assert found[3] == pytest.approx(0.25)  # variance
    assert found[4] == pytest.approx(0.9)  # inverse difference moment
    assert found[5] == pytest.approx(1.0)  # sum average
    assert found[8] == pytest.approx(-(0.8 * np.log2(0.4) + 0.2 * np.log2(0.1)))  # entropy


def test_contrast_and_correlation_equal_scikit_image() -> None:
    from skimage.feature import graycomatrix, graycoprops

    gray = np.random.default_rng(2).integers(0, 256, (40, 40)).astype(np.uint8)
    ours = features.glcm_features(gray, np.ones_like(gray, bool))
    levels = (gray.astype(int) * 32 // 256).astype(np.uint8)
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    counts = graycomatrix(levels, [1], angles, 32, symmetric=True, normed=True)
    for index, name in ((0, "ASM"), (1, "contrast"), (2, "correlation"), (4, "homogeneity")):
        assert ours[index] == pytest.approx(graycoprops(counts, name).mean()), name


def test_texture_counts_nothing_outside_the_cells() -> None:
    generator = np.random.default_rng(3)
    inside = np.zeros((60, 60), bool)
    inside[10:40, 10:40] = True
    gray = generator.integers(0, 256, (60, 60)).astype(np.uint8)
    other = np.where(inside, gray, 7).astype(np.uint8)
    np.testing.assert_array_equal(features.glcm_features(gray, inside), features.glcm_features(other, inside))
    rgb, painted = np.stack([gray] * 3, axis=2), np.stack([other] * 3, axis=2)
    np.testing.assert_array_equal(
        features.colour_features(rgb, inside), features.colour_features(painted, inside)
    )


def test_every_family_of_a_smear_and_of_an_empty_field_has_one_length() -> None:
    smear = synthetic.draw_field("Early", 3, size=(224, 224))
    empty = np.full((224, 224, 3), 230, np.uint8)
    found, nothing = features.features_of(smear), features.features_of(empty)
    assert tuple(found) == features.FAMILIES
    assert {name: len(values) for name, values in found.items()} == {
        "shape": 23,
        "colour": 18,
        "glcm": 13,
        "lbp": 28,
    }
    for name in features.FAMILIES:
        assert len(nothing[name]) == len(found[name])
        assert np.isfinite(found[name]).all()
        assert not nothing[name].any()
        assert found[name].any()


@pytest.mark.parametrize("text", ["", "shape+smell", "shape+shape"])
def test_unknown_families_are_refused(text: str) -> None:
    with pytest.raises(StationError, match="joined by") as caught:
        features.families_of(text)
    assert caught.value.code == "bad-recipe"
