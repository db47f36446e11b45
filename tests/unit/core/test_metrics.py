"""Every metric against scikit-learn on random predictions, and its edges by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allstation.core import metrics
from allstation.core.evaluation import overall
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
    found = overall(probabilities, true)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(true, predicted))
    balanced = reference.balanced_accuracy_score(true, predicted)
    assert found["balanced accuracy"] == pytest.approx(balanced)
    assert found["macro F1"] == pytest.approx(reference.f1_score(true, predicted, average="macro"))
    assert found["Matthews correlation"] == pytest.approx(reference.matthews_corrcoef(true, predicted))
    assert found["kappa"] == pytest.approx(reference.cohen_kappa_score(true, predicted))
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
    found = overall(probabilities, true)
    assert found["micro AUC"] == pytest.approx(areas["micro"])
    assert found["macro AUC"] == pytest.approx(areas["macro"])
    exact = probabilities / probabilities.sum(axis=1, keepdims=True)
    assert overall(exact, true)["log loss"] == pytest.approx(reference.log_loss(true, exact))
    squared = sum(reference.brier_score_loss(true == k, probabilities[:, k]) for k in range(4))
    assert found["Brier score"] == pytest.approx(squared)


def test_a_curve_needs_both_kinds() -> None:
    assert math.isnan(metrics.auc([0.1, 0.9], [True, True]))
    assert metrics.auc([0.5, 0.5, 0.5], [True, False, True]) == 0.5


def test_calibration_error_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1]] * 10 + [[0.4, 0.6]] * 10)
    true = np.array([0] * 8 + [1] * 2 + [1] * 6 + [0] * 4)
    found = overall(probabilities, true)
    assert found["ECE (15 bins)"] == pytest.approx(0.05)
    assert found["MCE (15 bins)"] == pytest.approx(0.1)
    bins = metrics.reliability(probabilities, true, bins=10)
    assert [(b.count, round(b.accuracy, 3)) for b in bins] == [(10, 0.6), (10, 0.8)]
    assert bins[1].high == pytest.approx(0.9)


def test_the_most_certain_fields_are_accepted_first() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.55, 0.45]])
    found = overall(probabilities, np.array([0, 0, 1, 0, 0]))
    assert found["accuracy at 80% coverage"] == pytest.approx(3 / 4)
    # 90 % of five fields are five.
    assert found["accuracy at 90% coverage"] == pytest.approx(4 / 5)


def test_a_missing_class_counts_as_zero_not_as_an_error() -> None:
    matrix = metrics.confusion([0, 0, 1], [0, 1, 1], classes=3)
    assert metrics.class_rates(matrix)[2].f1 == 0.0
    found = overall(np.eye(3)[[0, 1, 1]], np.array([0, 0, 1]))
    assert found["balanced accuracy"] == 0.75
    assert found["macro F1"] == pytest.approx(metrics.averages(matrix)["macro_f1"])


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
