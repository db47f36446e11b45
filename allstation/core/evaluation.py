"""Everything that is said about a model's predictions on labelled fields, in one place.

The command line, the training library and the reports print what stands here, so that a figure has
one definition, one interval and one split wherever it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allstation.core import metrics
from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.metrics import Figure
from allstation.core.statistics import Interval, cluster_bootstrap, wilson

COVERAGES = (0.8, 0.9, 0.95, 1.0)
_RESAMPLES = 1000
Statistic = Callable[[NDArray[np.intp]], float]


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """What is said about one class.

    Attributes:
        name: The class.
        rates: Precision, recall, specificity, F1 and the counts they come from.
        precision: 95 % Wilson interval.
        recall: 95 % Wilson interval.
        specificity: 95 % Wilson interval.
        auc: Area under the one-against-rest curve; NaN when the class has no fields.
    """

    name: str
    rates: metrics.ClassRates
    precision: Interval
    recall: Interval
    specificity: Interval
    auc: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures as a JSON object; intervals are pairs."""
        rates = self.rates
        rows = {
            "precision": (rates.precision, self.precision),
            "recall": (rates.recall, self.recall),
            "specificity": (rates.specificity, self.specificity),
        }
        return {
            "class": self.name,
            "support": rates.support,
            "predicted": rates.predicted,
            "f1": rates.f1,
            "auc": self.auc if np.isfinite(self.auc) else None,
            **{key: {"value": value, "interval": [i.low, i.high]} for key, (value, i) in rows.items()},
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The evaluation of one model on one labelled set of fields.

    Attributes:
        classes: Class names, in the order of the matrix.
        matrix: Counts, true classes as rows.
        figures: Overall figures with n, interval and split.
        per_class: Figures of each class.
        averages: Macro and weighted means, ``macro_f1`` and so on.
        reliability: Bins of top probability against accuracy.
        groups: How many independent groups the intervals were resampled over.
    """

    classes: tuple[str, ...]
    matrix: metrics.IntArray
    figures: tuple[Figure, ...]
    per_class: tuple[ClassFigures, ...]
    averages: dict[str, float]
    reliability: tuple[metrics.ReliabilityBin, ...]
    groups: int

    def figure(self, name: str) -> Figure:
        """Return an overall figure by its name.

        Raises:
            KeyError: If there is none of that name.
        """
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON object."""
        return {
            "classes": list(self.classes),
            "confusion": {"rows": "true", "counts": self.matrix.tolist()},
            "figures": [figure.to_json() for figure in self.figures],
            "per_class": [each.to_json() for each in self.per_class],
            "averages": self.averages,
            "reliability": [
                {
                    "low": b.low,
                    "high": b.high,
                    "n": b.count,
                    "confidence": b.confidence,
                    "accuracy": b.accuracy,
                }
                for b in self.reliability
            ],
            "groups": self.groups,
        }


def evaluate(
    probabilities: NDArray[np.float64],
    true: NDArray[np.int64],
    *,
    classes: Sequence[str],
    split: str,
    groups: Sequence[object] | None = None,
    patients: str = PATIENTS_UNKNOWN,
) -> Evaluation:
    """Compute every figure.

    Args:
        probabilities: (n, k), calibrated, rows sum to 1.
        true: (n,) class indices.
        classes: k names.
        split: Kind of split in words, for example ``"same-field groups kept apart, hold-out"``.
        groups: Group of each field; intervals resample whole groups. Default: each field its own.
        patients: How many patients, or "patients unknown".

    Raises:
        ValueError: If there are no fields, or shapes do not fit.
    """
    if probabilities.shape != (len(true), len(classes)) or not len(true):
        expected = f"Expected {len(true)} x {len(classes)} probabilities of at least 1 field"
        message = f"{expected}; received {probabilities.shape}."
        raise ValueError(message)
    cluster = list(groups) if groups is not None else list(range(len(true)))
    matrix = metrics.confusion(true, probabilities.argmax(axis=1), classes=len(classes))

    def figure(name: str, statistic: Statistic) -> Figure:
        value = statistic(np.arange(len(true)))
        interval = cluster_bootstrap(statistic, cluster, n=_RESAMPLES) if np.isfinite(value) else None
        return Figure(name, value, len(true), interval, split, patients)

    return Evaluation(
        classes=tuple(classes),
        matrix=matrix,
        figures=tuple(
            figure(name, statistic) for name, statistic in _statistics(probabilities, true).items()
        ),
        per_class=_per_class(classes, matrix, metrics.one_vs_rest_auc(probabilities, true)["classes"]),
        averages=metrics.averages(matrix),
        reliability=tuple(metrics.reliability(probabilities, true)),
        groups=len(set(map(str, cluster))),
    )


def _per_class(
    classes: Sequence[str], matrix: metrics.IntArray, areas: Sequence[float]
) -> tuple[ClassFigures, ...]:
    return tuple(
        ClassFigures(
            name,
            rates,
            wilson(rates.hits, rates.predicted),
            wilson(rates.hits, rates.support),
            wilson(rates.others_spared, rates.total - rates.support),
            area,
        )
        for name, rates, area in zip(classes, metrics.class_rates(matrix), areas, strict=True)
    )


def _statistics(p: NDArray[np.float64], true: NDArray[np.int64]) -> dict[str, Statistic]:
    """Name every overall figure as a function of row indices, so that each can be resampled."""
    predicted, k = p.argmax(axis=1), p.shape[1]

    def of_matrix(function: Callable[[metrics.IntArray], float]) -> Statistic:
        return lambda rows: function(metrics.confusion(true[rows], predicted[rows], classes=k))

    def at(coverage: float) -> Statistic:
        return lambda rows: metrics.accuracy_at_coverage(p[rows], true[rows], [coverage])[coverage]

    named: dict[str, Statistic] = {
        "accuracy": of_matrix(metrics.accuracy),
        "balanced accuracy": of_matrix(metrics.balanced_accuracy),
        "macro F1": of_matrix(lambda matrix: metrics.averages(matrix)["macro_f1"]),
        "Matthews correlation": of_matrix(metrics.matthews),
        "kappa": of_matrix(metrics.kappa),
        "macro AUC": lambda rows: metrics.one_vs_rest_auc(p[rows], true[rows])["macro"],
        "log loss": lambda rows: metrics.log_loss(p[rows], true[rows]),
        "Brier score": lambda rows: metrics.brier(p[rows], true[rows]),
        "ECE (15 bins)": lambda rows: metrics.expected_calibration_error(p[rows], true[rows]),
        "MCE (15 bins)": lambda rows: _worst_gap(metrics.reliability(p[rows], true[rows])),
    }
    named |= {f"accuracy at {share:.0%} coverage": at(share) for share in COVERAGES[:-1]}
    return named


def _worst_gap(bins: Sequence[metrics.ReliabilityBin]) -> float:
    return max(abs(each.confidence - each.accuracy) for each in bins)
