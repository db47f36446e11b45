"""Every metric against scikit-learn on random predictions, and its edges by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allstation.core import metrics
from allstation.core.metrics import Figure
from allstation.core.statistics import wilson


def random_predictions(seed: int, n: int = 200, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    true = generator.integers(0, classes, n)
    logits = generator.normal(size=(n, classes)) + 1.5 * np.eye(classes)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probabilities.round(3), true


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_counts_and_rates_equal_scikit_learn(seed: int) -> None:
    from sklearn import metrics as reference

    probabilities, true = random_predictions(seed)
    predicted = probabilities.argmax(axis=1)
    matrix = metrics.confusion(true, predicted, classes=4)
    np.testing.assert_array_equal(matrix, reference.confusion_matrix(true, predicted, labels=range(4)))
    assert metrics.accuracy(matrix) == pytest.approx(reference.accuracy_score(true, predicted))
    assert metrics.balanced_accuracy(matrix) == pytest.approx(
        reference.balanced_accuracy_score(true, predicted)
    )
    assert metrics.matthews(matrix) == pytest.approx(reference.matthews_corrcoef(true, predicted))
    assert metrics.kappa(matrix) == pytest.approx(reference.cohen_kappa_score(true, predicted))
    expected = reference.precision_recall_fscore_support(true, predicted, labels=range(4))
    rates = metrics.class_rates(matrix)
    for row, name in zip(expected, ("precision", "recall", "f1", "support"), strict=True):
        np.testing.assert_allclose([getattr(rate, name) for rate in rates], row)
    for average in ("macro", "weighted"):
        row = reference.precision_recall_fscore_support(true, predicted, average=average)
        ours = metrics.averages(matrix)
        for value, name in zip(row, ("precision", "recall", "f1"), strict=False):
            assert ours[f"{average}_{name}"] == pytest.approx(value)


def test_specificity_by_hand() -> None:
    rate = metrics.class_rates(np.array([[47, 30], [6, 410]]))[0]
    assert rate.specificity == pytest.approx(410 / 416)
    assert (rate.hits, rate.others_spared, rate.total, rate.predicted) == (47, 410, 493, 53)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_curves_and_losses_equal_scikit_learn(seed: int) -> None:
    from sklearn import metrics as reference

    probabilities, true = random_predictions(seed)
    areas = metrics.one_vs_rest_auc(probabilities, true)
    for index in range(4):
        assert areas["classes"][index] == pytest.approx(
            reference.roc_auc_score(true == index, probabilities[:, index])
        )
    curve = metrics.roc(probabilities[:, 1], true == 1)
    expected = reference.roc_curve(true == 1, probabilities[:, 1], drop_intermediate=False)
    for ours, theirs in zip(
        (curve.false_positive, curve.true_positive, curve.thresholds), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs)
    hot = metrics.one_hot(true, 4)
    assert areas["micro"] == pytest.approx(reference.roc_auc_score(hot.ravel(), probabilities.ravel()))
    assert areas["macro"] == pytest.approx(np.mean(areas["classes"]))
    exact = probabilities / probabilities.sum(axis=1, keepdims=True)
    assert metrics.log_loss(exact, true) == pytest.approx(reference.log_loss(true, exact))
    squared = sum(reference.brier_score_loss(true == k, probabilities[:, k]) for k in range(4))
    assert metrics.brier(probabilities, true) == pytest.approx(squared)


def test_a_curve_needs_both_kinds() -> None:
    assert math.isnan(metrics.auc([0.1, 0.9], [True, True]))
    assert metrics.auc([0.5, 0.5, 0.5], [True, False, True]) == 0.5


def test_calibration_error_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1]] * 10 + [[0.4, 0.6]] * 10)
    true = np.array([0] * 8 + [1] * 2 + [1] * 6 + [0] * 4)
    assert metrics.expected_calibration_error(probabilities, true) == pytest.approx(0.05)
    bins = metrics.reliability(probabilities, true, bins=10)
    assert [(b.count, round(b.accuracy, 3)) for b in bins] == [(10, 0.6), (10, 0.8)]
    assert bins[1].high == pytest.approx(0.9)


def test_coverage_curve_accepts_the_certain_first() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.45, 0.55]])
    coverage, accuracy = metrics.coverage_curve(probabilities, np.array([0, 1, 1, 0]))
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(accuracy, [1, 1, 2 / 3, 0.5])
    shares = metrics.accuracy_at_coverage(probabilities, np.array([0, 1, 1, 0]), (0.5, 0.75, 1.0))
    assert shares == pytest.approx({0.5: 1, 0.75: 2 / 3, 1.0: 0.5})


def test_a_missing_class_counts_as_zero_not_as_an_error() -> None:
    matrix = metrics.confusion([0, 0, 1], [0, 1, 1], classes=3)
    assert metrics.balanced_accuracy(matrix) == 0.75
    assert metrics.class_rates(matrix)[2].f1 == 0.0
    assert metrics.balanced_accuracy(np.zeros((2, 2), int)) == 0.0


@pytest.mark.parametrize(("true", "predicted"), [([0, 1], [0]), ([0], [4]), ([-1], [0])])
def test_impossible_input_is_refused(true: list[int], predicted: list[int]) -> None:
    with pytest.raises(ValueError, match="Expected"):
        metrics.confusion(true, predicted, classes=4)


def test_a_figure_is_never_printed_alone() -> None:
    figure = Figure("accuracy", 455 / 493, 493, wilson(455, 493), "image-random hold-out")
    assert str(figure) == (
        "accuracy 0.923 (95 % interval 0.896 to 0.943, n = 493, image-random hold-out, patients unknown)"
    )
    assert Figure.from_json(json.loads(json.dumps(figure.to_json()))) == figure
    bare = Figure("AUC", math.nan, 3, None, "k-fold", "3 patients")
    assert "no interval" in str(bare)
    again = Figure.from_json(json.loads(json.dumps(bare.to_json(), allow_nan=False)))
    assert math.isnan(again.value)
    assert again.interval is None
