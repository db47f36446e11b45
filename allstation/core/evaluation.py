"""Evaluation of a model's predictions on labelled fields: every figure with its name and interval.

The command line, the training library, the reports and the window show what is computed here, so that
a figure has one name, one definition, one interval and one split wherever it is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core import metrics
from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.metrics import Figure, FloatArray, IntArray
from allstation.core.resampling import (
    BINS,
    COVERAGES,
    RESAMPLES,
    bootstrap,
    class_rates,
    coverage_name,
    figures,
    values_of,
)
from allstation.core.statistics import Interval, wilson

ACCURACY_BY_FIELD: Final = "accuracy (Wilson)"
"""Accuracy with Wilson's interval, as if fields were independent; ``accuracy`` resamples groups."""

OVERALL: Final = (
    "accuracy",
    "balanced accuracy",
    "macro F1",
    "Matthews correlation",
    "kappa",
    "macro AUC",
    "micro AUC",
    "log loss",
    "Brier score",
    f"ECE ({BINS} bins)",
    f"MCE ({BINS} bins)",
    *map(coverage_name, COVERAGES[:-1]),
)
"""Names of the figures over all classes whose intervals resample groups, in the order of :func:`figures`."""

_NOTHING_KNOWN: Final = Interval(0.0, 1.0)

_EARLIER_NAMES: Final = {"MCC": "Matthews correlation", "Brier": "Brier score", "ECE": f"ECE ({BINS} bins)"}


def current_name(name: str) -> str:
    """Return today's name of a figure that version 0.1.0 wrote into runs.

    A report prints a bundle's own figures as the bundle names them: signed reports must verify again.
    """
    return _EARLIER_NAMES.get(name, name)


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Figures of one class.

    Attributes:
        name: The class.
        rates: Precision, recall, specificity, F1 and the counts they come from.
        precision: 95 % interval: Wilson's over fields, or by resampling patients where all are known.
        recall: Likewise.
        specificity: Likewise.
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
        coverage: Accuracy at each of :data:`COVERAGES`; empty without fields.
        groups: Number of independent groups that the intervals were resampled over.
    """

    @property
    def resampled(self) -> str:
        """Unit that intervals resample, in words."""
        patients = self.figures[0].patients if self.figures else PATIENTS_UNKNOWN
        if patients != PATIENTS_UNKNOWN:
            return patients
        return f"{self.groups} groups of fields" if self.groups != 1 else "1 group of fields"

    classes: tuple[str, ...]
    matrix: metrics.IntArray
    figures: tuple[Figure, ...]
    per_class: tuple[ClassFigures, ...]
    averages: dict[str, float]
    reliability: tuple[metrics.ReliabilityBin, ...]
    coverage: dict[float, float]
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
    resamples: int = RESAMPLES,
) -> Evaluation:
    """Compute every figure.

    Args:
        probabilities: (n, k), calibrated, rows sum to 1. Without fields overall figures are not a number.
        true: (n,) class indices.
        classes: k names.
        split: Kind of split in words, for example ``"same-field groups kept apart, hold-out"``.
        groups: Group of each field; intervals resample whole groups. Default: each field its own. Fields of
            one group only say nothing of others: there is no interval then.
        patients: How many patients, where the groups are patients, or "patients unknown".
        resamples: Bootstrap resamples.

    Raises:
        ValueError: If shapes do not fit.
    """
    if probabilities.shape != (len(true), len(classes)):
        message = f"Expected {len(true)} x {len(classes)} probabilities; received {probabilities.shape}."
        raise ValueError(message)
    cluster = list(groups) if groups is not None else list(range(len(true)))
    matrix = metrics.confusion(true, probabilities.argmax(axis=1), classes=len(classes))
    areas = metrics.one_vs_rest_auc(probabilities, true)["classes"]
    right, n = int(np.trace(matrix)), len(true)
    found = _overall(probabilities, true, cluster, resamples=resamples)
    values = {name: value for name, value, _ in found}
    by_field = Figure(ACCURACY_BY_FIELD, right / n if n else 0.0, n, wilson(right, n), split, patients)
    return Evaluation(
        classes=tuple(classes),
        matrix=matrix,
        figures=(
            by_field,
            *(Figure(name, value, n, spread, split, patients) for name, value, spread in found),
        ),
        per_class=_per_class(
            classes,
            matrix,
            areas,
            None if patients == PATIENTS_UNKNOWN else _by_patient(probabilities, true, cluster, resamples),
        ),
        averages=metrics.averages(matrix),
        reliability=tuple(metrics.reliability(probabilities, true, bins=BINS)),
        coverage=(
            {share: values[coverage_name(share)] for share in COVERAGES[:-1]} | {1.0: values["accuracy"]}
            if n
            else {}
        ),
        groups=len(set(map(str, cluster))),
    )


def overall(probabilities: FloatArray, true: IntArray) -> dict[str, float]:
    """Compute the value of each of :data:`OVERALL` for at least one field."""
    return values_of(figures(probabilities, true, np.ones((1, len(true)))))


def _overall(
    probabilities: FloatArray, true: IntArray, groups: Sequence[object], *, resamples: int
) -> list[tuple[str, float, Interval | None]]:
    """Name, value and interval of each of :data:`OVERALL`.

    Fields are sorted by class and probabilities first: neither the order in which a program lists them nor
    the names it gives to groups change a draw or break a tie otherwise.
    """
    if not len(true):
        return [(name, math.nan, None) for name in OVERALL]
    order = np.lexsort((*probabilities.T, true))
    shares, classes = probabilities[order], true[order]
    if len(set(map(str, groups))) == 1 and len(true) > 1:
        return [(name, value, None) for name, value in overall(shares, classes).items()]
    intervals = bootstrap(
        lambda weights: figures(shares, classes, weights),
        [groups[row] for row in order.tolist()],
        resamples=resamples,
    )
    return [
        (name, value, intervals[name] if math.isfinite(intervals[name].low) else None)
        for name, value in overall(shares, classes).items()
    ]


def _by_patient(
    probabilities: FloatArray, true: IntArray, groups: Sequence[object], resamples: int
) -> dict[str, Interval]:
    """Return the intervals of each class's rates by resampling patients; 0 to 1 where one says nothing."""
    named = probabilities.argmax(axis=1)
    classes = probabilities.shape[1]
    if len(set(map(str, groups))) < 2:  # noqa: PLR2004 - two patients
        names = class_rates(true, named, np.ones((1, len(true))), classes=classes)
        return dict.fromkeys(names, _NOTHING_KNOWN)
    found = bootstrap(
        lambda weights: class_rates(true, named, weights, classes=classes), groups, resamples=resamples
    )
    return {name: one if math.isfinite(one.low) else _NOTHING_KNOWN for name, one in found.items()}


def _per_class(
    classes: Sequence[str],
    matrix: metrics.IntArray,
    areas: Sequence[float],
    by_patient: Mapping[str, Interval] | None,
) -> tuple[ClassFigures, ...]:
    made = []
    for index, (name, rates, area) in enumerate(
        zip(classes, metrics.class_rates(matrix), areas, strict=True)
    ):
        if by_patient is None:
            spread = (
                wilson(rates.hits, rates.predicted),
                wilson(rates.hits, rates.support),
                wilson(rates.others_spared, rates.total - rates.support),
            )
        else:
            spread = (
                by_patient[f"precision {index}"],
                by_patient[f"recall {index}"],
                by_patient[f"specificity {index}"],
            )
        made.append(ClassFigures(name, rates, *spread, area))
    return tuple(made)
