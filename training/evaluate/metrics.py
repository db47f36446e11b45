"""Metrics of a run as ``metrics.json`` holds them, and comparison of models."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from allstation.core import evaluation, metrics
from allstation.core.evaluation import ClassFigures, Evaluation
from allstation.core.metrics import Figure, FigureJson
from allstation.core.resampling import RESAMPLES, mean_interval
from allstation.core.statistics import Interval, holm, mcnemar_exact
from training.evaluate.types import ClassMetrics, ModelPair, PartMetrics

Probabilities = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Predicted:
    """Predictions on one part of a split.

    Attributes:
        probabilities: (n, classes), rows sum to 1.
        labels: True class indices.
        groups: Patient of each field where all are known, else its same-field group; the bootstrap
            resamples these.
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

    def evaluated(self, *, resamples: int = RESAMPLES) -> Evaluation:
        """Compute every figure (:mod:`allstation.core.evaluation`)."""
        return evaluation.evaluate(
            self.probabilities,
            self.labels,
            classes=self.classes,
            split=self.split,
            groups=self.groups,
            patients=self.patients,
            resamples=resamples,
        )


def run_metrics(predicted: Predicted, *, resamples: int = RESAMPLES) -> PartMetrics:
    """Evaluate one set of predictions, in the layout of ``metrics.json``.

    Args:
        predicted: Predictions and truth.
        resamples: Bootstrap resamples.
    """
    found = predicted.evaluated(resamples=resamples)
    return {
        "n": len(predicted.labels),
        "groups": found.groups,
        "split": predicted.split,
        "patients": predicted.patients,
        "classes": list(found.classes),
        "confusion_rows_true": found.matrix.tolist(),
        "overall": {figure.name: figure.to_json() for figure in found.figures},
        "by_class": {each.name: _class_entry(each, predicted) for each in found.per_class},
        "averages": found.averages,
        "reliability": [asdict(entry) for entry in found.reliability],
        "accuracy_at_coverage": found.coverage,
    }


def _class_entry(found: ClassFigures, predicted: Predicted) -> ClassMetrics:
    rates = found.rates

    def figure(name: str, value: float, n: int, interval: Interval) -> FigureJson:
        return Figure(name, value, n, interval, predicted.split, predicted.patients).to_json()

    return {
        "precision": figure("precision", rates.precision, rates.predicted, found.precision),
        "recall": figure("recall", rates.recall, rates.support, found.recall),
        "specificity": figure(
            "specificity", rates.specificity, rates.total - rates.support, found.specificity
        ),
        "F1": rates.f1,
        "AUC": found.auc,
        "support": rates.support,
        "predicted": rates.predicted,
    }


def prediction_row(predicted: Predicted, place: int, *, part: str, file: str) -> dict[str, str]:
    """Return one line of ``predictions.csv``: part, file, group, truth, prediction, probabilities.

    Probabilities are written with all digits, so that figures computed from the table are those of the run.
    """
    shares = predicted.probabilities[place]
    return {
        "part": part,
        "file": file,
        "field_group": predicted.groups[place],
        "class": predicted.classes[int(predicted.labels[place])],
        "predicted": predicted.classes[int(shares.argmax())],
        **{name: repr(value) for name, value in zip(predicted.classes, shares.tolist(), strict=True)},
    }


def compare(named: Sequence[tuple[str, Predicted]], *, resamples: int = RESAMPLES) -> list[ModelPair]:
    """Compare every pair of models on the same fields.

    Exact McNemar on right and wrong, and the paired group bootstrap of the accuracy difference;
    p-values are adjusted together (Holm).

    Raises:
        ValueError: If two models were not tested on the same fields.
    """
    pairs: list[ModelPair] = []
    for (first, a), (second, b) in itertools.combinations(named, 2):
        if not np.array_equal(a.labels, b.labels):
            message = f"{first} and {second} were not tested on the same fields."
            raise ValueError(message)
        right_a, right_b = (p.probabilities.argmax(axis=1) == p.labels for p in (a, b))
        only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
        difference = right_a.astype(float) - right_b
        interval = mean_interval(difference, a.groups, resamples=resamples)
        pairs.append(
            {
                "first": first,
                "second": second,
                "n": len(difference),
                "only_first_right": only_a,
                "only_second_right": only_b,
                "accuracy_difference": float(difference.mean()),
                "interval": [interval.low, interval.high],
                "p_mcnemar": mcnemar_exact(only_a, only_b),
                "p_holm": math.nan,
            }
        )
    adjusted = holm([pair["p_mcnemar"] for pair in pairs])
    return [{**pair, "p_holm": p} for pair, p in zip(pairs, adjusted, strict=True)]
