"""Everything that is said about predictions on a test set, with n, interval, split and patients."""

from __future__ import annotations

import itertools
import math
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core import metrics
from allstation.core.metrics import Figure
from allstation.core.statistics import Interval, cluster_bootstrap, holm, mcnemar_exact, wilson
from training.resampling import group_weights, intervals, resampled

Probabilities = NDArray[np.float64]
Labels = NDArray[np.int64]
Statistic = Callable[[Probabilities, Labels], float]

RESAMPLES: Final = 2000
COVERAGES: Final = (0.8, 0.9, 0.95, 1.0)


@dataclass(frozen=True)
class Predicted:
    """Predictions on one part of a split.

    Attributes:
        probabilities: (n, classes), rows sum to 1.
        labels: True class indices.
        groups: Same-field group (or patient) of each field; the bootstrap resamples these.
        classes: Class names in the order of the columns.
        split: Kind of split.
        patients: Patients in words.
    """

    probabilities: Probabilities
    labels: Labels
    groups: Sequence[str]
    classes: tuple[str, ...]
    split: str
    patients: str

    @property
    def matrix(self) -> NDArray[np.int64]:
        """Confusion counts, rows true."""
        return metrics.confusion(self.labels, self.probabilities.argmax(axis=1), classes=len(self.classes))

    def figure(self, name: str, value: float, interval: Interval | None, *, n: int | None = None) -> Figure:
        """Make a figure of this split."""
        return Figure(name, value, len(self.labels) if n is None else n, interval, self.split, self.patients)


def _from_matrix(rate: Callable[[NDArray[np.int64]], float]) -> Statistic:
    def statistic(probabilities: Probabilities, labels: Labels) -> float:
        return rate(metrics.confusion(labels, probabilities.argmax(axis=1), classes=probabilities.shape[1]))

    return statistic


def _area(key: str) -> Statistic:
    return lambda probabilities, labels: float(metrics.one_vs_rest_auc(probabilities, labels)[key])


OVERALL: Final[Mapping[str, Statistic]] = {
    "accuracy": _from_matrix(metrics.accuracy),
    "balanced accuracy": _from_matrix(metrics.balanced_accuracy),
    "macro F1": _from_matrix(lambda matrix: metrics.averages(matrix)["macro_f1"]),
    "MCC": _from_matrix(metrics.matthews),
    "kappa": _from_matrix(metrics.kappa),
    "macro AUC": _area("macro"),
    "micro AUC": _area("micro"),
    "log loss": metrics.log_loss,
    "Brier": metrics.brier,
    "ECE": metrics.expected_calibration_error,
}
"""What is computed over all classes, each with a bootstrap over groups."""


def overall(predicted: Predicted, *, resamples: int = RESAMPLES) -> list[Figure]:
    """Figures over all classes, intervals by resampling whole groups; ``accuracy`` also with Wilson's."""
    right = int(np.trace(predicted.matrix))
    total = len(predicted.labels)
    figures = [predicted.figure("accuracy (Wilson)", right / max(1, total), wilson(right, total))]
    found: Mapping[str, Interval] = {}
    if total:
        weights = group_weights(predicted.groups, resamples=resamples, seed=0)
        found = intervals(resampled(predicted.probabilities, predicted.labels, weights))
    for name, statistic in OVERALL.items():
        value = statistic(predicted.probabilities, predicted.labels) if total else math.nan
        figures.append(predicted.figure(name, value, found.get(name)))
    return figures


def by_class(predicted: Predicted) -> dict[str, dict[str, Any]]:
    """Precision, recall, specificity with Wilson intervals, F1, AUC and support of every class."""
    areas = metrics.one_vs_rest_auc(predicted.probabilities, predicted.labels)["classes"]
    table = {}
    for name, rate, area in zip(predicted.classes, metrics.class_rates(predicted.matrix), areas, strict=True):
        others = rate.total - rate.support
        figures = (
            predicted.figure(
                "precision", rate.precision, wilson(rate.hits, rate.predicted), n=rate.predicted
            ),
            predicted.figure("recall", rate.recall, wilson(rate.hits, rate.support), n=rate.support),
            predicted.figure("specificity", rate.specificity, wilson(rate.others_spared, others), n=others),
        )
        entry: dict[str, Any] = {figure.name: figure.to_json() for figure in figures}
        table[name] = {
            **entry,
            "F1": rate.f1,
            "AUC": area,
            "support": rate.support,
            "predicted": rate.predicted,
        }
    return table


def evaluate(predicted: Predicted, *, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Everything about one set of predictions, as plain JSON.

    Args:
        predicted: Predictions and truth.
        resamples: Bootstrap resamples.
    """
    probabilities, labels = predicted.probabilities, predicted.labels
    bins = metrics.reliability(probabilities, labels) if len(labels) else []
    return {
        "n": len(labels),
        "groups": len(set(predicted.groups)),
        "split": predicted.split,
        "patients": predicted.patients,
        "classes": list(predicted.classes),
        "confusion_rows_true": predicted.matrix.tolist(),
        "overall": {figure.name: figure.to_json() for figure in overall(predicted, resamples=resamples)},
        "by_class": by_class(predicted),
        "averages": metrics.averages(predicted.matrix),
        "reliability": [asdict(entry) for entry in bins],
        "accuracy_at_coverage": metrics.accuracy_at_coverage(probabilities, labels, COVERAGES)
        if len(labels)
        else {},
    }


def compare(named: Sequence[tuple[str, Predicted]], *, resamples: int = RESAMPLES) -> list[dict[str, Any]]:
    """Compare every pair of models on the same fields.

    Exact McNemar on right and wrong, and the paired group bootstrap of the accuracy difference;
    p-values are adjusted together (Holm).

    Raises:
        ValueError: If two models were not tested on the same fields.
    """
    rows = []
    for (first, a), (second, b) in itertools.combinations(named, 2):
        if not np.array_equal(a.labels, b.labels):
            message = f"{first} and {second} were not tested on the same fields."
            raise ValueError(message)
        right_a, right_b = (p.probabilities.argmax(axis=1) == p.labels for p in (a, b))
        only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
        difference = right_a.astype(float) - right_b
        interval = _paired(difference, a.groups, resamples)
        rows.append(
            {
                "first": first,
                "second": second,
                "n": len(difference),
                "only_first_right": only_a,
                "only_second_right": only_b,
                "accuracy_difference": float(difference.mean()),
                "interval": [interval.low, interval.high],
                "p_mcnemar": mcnemar_exact(only_a, only_b),
            }
        )
    adjusted = holm([float(str(row["p_mcnemar"])) for row in rows])
    return [{**row, "p_holm": p} for row, p in zip(rows, adjusted, strict=True)]


def _paired(difference: NDArray[np.float64], groups: Sequence[str], resamples: int) -> Interval:
    return cluster_bootstrap(lambda rows: float(difference[rows].mean()), groups, n=resamples)


def time_prediction(predict: Callable[[], object], fields: int, *, repeats: int = 5) -> dict[str, Any]:
    """Time a prediction: one warm-up, then median and 95th percentile of the repeats.

    Args:
        predict: Predicts all fields once.
        fields: How many that are.
        repeats: Timed calls.

    Returns:
        Seconds for all fields, milliseconds a field, and what it ran on, its load included.
    """
    predict()
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        predict()
        seconds.append(time.perf_counter() - begun)
    median = float(np.median(seconds))
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "fields": fields,
        "repeats": repeats,
        "median_s": median,
        "p95_s": float(np.percentile(seconds, 95)),
        "median_ms_per_field": 1000 * median / max(1, fields),
        "device": f"{platform.machine()}, {os.cpu_count()} processors",
        "load_average_1_min": load,
    }
