"""Metrics of a run, comparisons, times."""

from __future__ import annotations

import json

import numpy as np
import pytest

from allstation.core.events import plain
from training.evaluate.metrics import Predicted, compare, run_metrics
from training.evaluate.timing import time_prediction


def predictions(seed: int, *, n: int = 120, skill: float = 1.5, ties: bool = True) -> Predicted:
    generator = np.random.default_rng(seed)
    labels = np.random.default_rng(99).integers(0, 4, n)
    logits = generator.normal(size=(n, 4)) + skill * np.eye(4)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if ties:
        probabilities = (probabilities.round(1) + 0.01) / (probabilities.round(1) + 0.01).sum(
            axis=1, keepdims=True
        )
    groups = [str(row // 3) for row in range(n)]
    return Predicted(
        probabilities, labels, groups, ("B", "E", "P", "R"), "image-random hold-out", "patients unknown"
    )


def test_an_evaluation_carries_everything_and_is_json() -> None:
    predicted = predictions(2)
    found = run_metrics(predicted, resamples=200)
    text = json.dumps(plain(found), allow_nan=False)
    assert json.loads(text)["n"] == 120
    for name, figure in found["overall"].items():
        assert figure["n"] == 120, name
        assert figure["split"] == "image-random hold-out"
        assert figure["patients"] == "patients unknown"
        assert figure["interval"][0] <= figure["value"] <= figure["interval"][1], name
    assert found["confusion_rows_true"] == predicted.matrix.tolist()
    assert np.sum(found["confusion_rows_true"], axis=1).tolist() == np.bincount(predicted.labels).tolist()
    assert set(found["by_class"]["B"]) == {
        "precision",
        "recall",
        "specificity",
        "F1",
        "AUC",
        "support",
        "predicted",
    }
    assert found["by_class"]["E"]["recall"]["n"] == found["by_class"]["E"]["support"]


def test_no_fields_no_figures() -> None:
    empty = Predicted(np.empty((0, 4)), np.array([], np.int64), [], ("a", "b", "c", "d"), "x", "y")
    found = run_metrics(empty)
    assert found["n"] == 0
    assert found["overall"]["accuracy (Wilson)"]["interval"] == [0.0, 1.0]


def test_models_are_compared_on_the_same_fields() -> None:
    good, bad = predictions(3, skill=4), predictions(4, skill=0.1)
    rows = compare([("good", good), ("same", good), ("bad", bad)], resamples=200)
    assert [(row["first"], row["second"]) for row in rows] == [
        ("good", "same"),
        ("good", "bad"),
        ("same", "bad"),
    ]
    assert rows[0]["p_mcnemar"] == 1.0
    assert rows[0]["accuracy_difference"] == 0
    assert rows[1]["p_holm"] < 0.001
    assert rows[1]["interval"][0] > 0
    difference = (np.trace(good.matrix) - np.trace(bad.matrix)) / 120
    assert rows[1]["accuracy_difference"] == pytest.approx(difference)
    other = predictions(5, n=60)
    with pytest.raises(ValueError, match="same fields"):
        compare([("a", good), ("b", other)])


def test_times_are_of_warm_calls() -> None:
    calls: list[int] = []
    found = time_prediction(lambda: calls.append(1), 10, repeats=3)
    assert len(calls) == 4
    assert found["fields"] == 10
    assert 0 <= found["median_s"] <= found["p95_s"]
    assert found["median_ms_per_field"] == pytest.approx(found["median_s"] * 100)
