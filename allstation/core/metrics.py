"""Classification metrics: counts, rates, curves. NumPy only.

Confusion matrices have the true classes as rows everywhere. A rate whose denominator is zero is 0,
as in scikit-learn, and its support or predicted count says why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.statistics import Interval

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ONE_CLASS = "as all fields are of one class"
NO_FIELDS = "as there are no fields"
"""Why a figure has no value."""


class FigureJson(TypedDict):
    """Figure as JSON; the interval is a pair or null, a value that is no number is null and has a reason."""

    name: str
    value: float | None
    n: int
    interval: list[float] | None
    split: str
    patients: str
    reason: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Figure:
    """Printed number with n, interval, split and patients.

    Attributes:
        name: What it is, for example ``"accuracy"``.
        value: The number itself.
        n: Fields it was computed from.
        interval: 95 % interval, or None where none was computed.
        split: Kind of split the fields come from, for example ``"image-random hold-out"``.
        patients: How many patients, or the words "patients unknown".
    """

    name: str
    value: float
    n: int
    interval: Interval | None
    split: str
    patients: str = PATIENTS_UNKNOWN

    def __str__(self) -> str:
        """Write the figure with its n, interval, split and patients: never without them."""
        if not math.isfinite(self.value):
            beside = f"no interval, n = {self.n}, {self.split}, {self.patients}"
            return f"{self.name} undefined, {self.reason} ({beside})"
        interval = f"95 % interval {self.interval}" if self._spread else "no interval"
        return f"{self.name} {self.value:.3f} ({interval}, n = {self.n}, {self.split}, {self.patients})"

    @property
    def reason(self) -> str:
        """Why there is no value; empty where there is one."""
        if math.isfinite(self.value):
            return ""
        return ONE_CLASS if self.n else NO_FIELDS

    @property
    def _spread(self) -> list[float] | None:
        """The interval as a pair, None where there is none or it has no finite ends."""
        if self.interval is None or not math.isfinite(self.interval.low + self.interval.high):
            return None
        return [self.interval.low, self.interval.high]

    def to_json(self) -> FigureJson:
        """Return the figure as a JSON object."""
        data: FigureJson = {
            "name": self.name,
            "value": self.value if math.isfinite(self.value) else None,
            "n": self.n,
            "interval": self._spread,
            "split": self.split,
            "patients": self.patients,
        }
        if self.reason:
            data["reason"] = self.reason
        return data

    @classmethod
    def from_json(cls, data: FigureJson) -> Figure:
        """Read what :meth:`to_json` wrote."""
        pair, value = data["interval"], data["value"]
        return cls(
            name=data["name"],
            value=math.nan if value is None else value,
            n=data["n"],
            interval=Interval(*pair) if pair else None,
            split=data["split"],
            patients=data["patients"],
        )


@dataclass(frozen=True, slots=True)
class ClassRates:
    """Rates of one class against all others.

    Attributes:
        precision: Of the fields called this class, the share that are.
        recall: Of the fields of this class, the share that were called so (sensitivity).
        specificity: Of the fields of other classes, the share not called this class.
        f1: Harmonic mean of precision and recall.
        support: Fields that are of this class.
        predicted: Fields that were called this class.
        hits: Fields of this class that were called so.
        others_spared: Fields of other classes that were not called this class.
        total: All fields.
    """

    precision: float
    recall: float
    specificity: float
    f1: float
    support: int
    predicted: int
    hits: int
    others_spared: int
    total: int


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


def confusion(true: ArrayLike, predicted: ArrayLike, *, classes: int) -> IntArray:
    """Count fields by true class (rows) and predicted class (columns).

    Args:
        true: Class indices.
        predicted: Class indices, same length.
        classes: Number of classes.

    Raises:
        ValueError: If the lengths differ or an index is not below ``classes``.
    """
    rows, columns = np.asarray(true, np.int64), np.asarray(predicted, np.int64)
    if rows.shape != columns.shape:
        message = f"Expected as many predictions as true classes; received {columns.size} for {rows.size}."
        raise ValueError(message)
    if rows.size and not 0 <= min(rows.min(), columns.min()) <= max(rows.max(), columns.max()) < classes:
        message = f"Expected class indices from 0 to {classes - 1}."
        raise ValueError(message)
    return np.bincount(rows * classes + columns, minlength=classes * classes).reshape(classes, classes)


def absent_classes(matrix: IntArray, classes: Sequence[str]) -> str:
    """Return a sentence naming the classes without any compared field; empty where every class has some."""
    support = matrix.sum(axis=1)
    present = [name for name, count in zip(classes, support, strict=True) if count]
    absent = [name for name, count in zip(classes, support, strict=True) if not count]
    if not absent:
        return ""
    if len(present) == 1:
        return (
            f"All fields that could be compared are {present[0]}: what tells classes apart (macro F1, "
            "Matthews correlation, kappa, areas under the curve) says nothing here. Add fields of the other "
            "classes."
        )
    return (
        f"No field of {', '.join(absent)} could be compared: figures over all classes count these as 0, and "
        "nothing is known of how they are told apart."
    )


def class_rates(matrix: IntArray) -> list[ClassRates]:
    """Return the rates of every class, in the order of the matrix."""
    total = int(matrix.sum())
    rates = []
    for index in range(len(matrix)):
        hits = int(matrix[index, index])
        support, predicted = int(matrix[index].sum()), int(matrix[:, index].sum())
        spared = total - support - predicted + hits
        rates.append(
            ClassRates(
                precision=_share(hits, predicted),
                recall=_share(hits, support),
                specificity=_share(spared, total - support),
                f1=_share(2 * hits, support + predicted),
                support=support,
                predicted=predicted,
                hits=hits,
                others_spared=spared,
                total=total,
            )
        )
    return rates


def averages(matrix: IntArray) -> dict[str, float]:
    """Macro and support-weighted means of precision, recall, specificity and F1.

    Returns:
        Keys such as ``macro_f1`` and ``weighted_precision``.
    """
    rates = class_rates(matrix)
    support = np.array([rate.support for rate in rates], float)
    result = {}
    for name in ("precision", "recall", "specificity", "f1"):
        values = np.array([getattr(rate, name) for rate in rates])
        result[f"macro_{name}"] = float(values.mean())
        result[f"weighted_{name}"] = _share(float(values @ support), float(support.sum()))
    return result


@dataclass(frozen=True, slots=True)
class Roc:
    """A receiver operating characteristic curve.

    Attributes:
        false_positive: Rates from 0 to 1, rising.
        true_positive: Rates from 0 to 1, rising.
        thresholds: Score at or above which a field counts as positive; the first is infinite.
        auc: Area under the curve, NaN when only one of both kinds is there.
    """

    false_positive: FloatArray
    true_positive: FloatArray
    thresholds: FloatArray
    auc: float


def roc(scores: ArrayLike, positive: ArrayLike) -> Roc:
    """Compute the curve of one score; equal scores make one step.

    Args:
        scores: Higher means more likely positive.
        positive: Truth value of each.
    """
    values, truth = np.asarray(scores, float), np.asarray(positive, bool)
    order = np.argsort(-values, kind="stable")
    values, truth = values[order], truth[order]
    last_of_ties = (
        np.r_[np.flatnonzero(np.diff(values)), values.size - 1] if values.size else np.array([], int)
    )
    hits = np.cumsum(truth)[last_of_ties]
    false = 1 + last_of_ties - hits
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return Roc(np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([math.inf, -math.inf]), math.nan)
    x, y = np.r_[0, false] / negatives, np.r_[0, hits] / positives
    return Roc(x, y, np.r_[math.inf, values[last_of_ties]], float(np.trapezoid(y, x)))


def auc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Area under the curve alone; NaN when only one of both kinds is there."""
    return roc(scores, positive).auc


def one_vs_rest_auc(probabilities: FloatArray, true: IntArray) -> dict[str, Any]:
    """Areas of every class against the rest, with their macro and micro means.

    Args:
        probabilities: Shape (fields, classes).
        true: Class indices.

    Returns:
        ``classes`` (list, one per class), ``macro`` and ``micro``.
    """
    hot = one_hot(true, probabilities.shape[1])
    each = [auc(probabilities[:, index], hot[:, index]) for index in range(probabilities.shape[1])]
    known = [value for value in each if math.isfinite(value)]
    macro = float(np.mean(known)) if known else math.nan
    return {"classes": each, "macro": macro, "micro": auc(probabilities.ravel(), hot.ravel())}


def one_hot(true: ArrayLike, classes: int) -> FloatArray:
    """Turn class indices into rows of zeros with a single one."""
    return np.eye(classes)[np.asarray(true, np.int64)]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Fields whose top probability falls in one of equally wide bins.

    Attributes:
        low: Lower end of the bin, exclusive.
        high: Upper end, inclusive.
        count: Fields in it.
        confidence: Their mean top probability.
        accuracy: Share of them that are right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def bin_of(top: FloatArray, *, bins: int) -> IntArray:
    """Return the index of the bin that each top probability falls in."""
    return np.clip(np.ceil(top * bins).astype(np.int64) - 1, 0, bins - 1)


def reliability(probabilities: FloatArray, true: IntArray, *, bins: int = 15) -> list[ReliabilityBin]:
    """Sort fields into bins by top probability; empty bins are left out."""
    top = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == true
    place = bin_of(top, bins=bins)
    return [
        ReliabilityBin(
            low=index / bins,
            high=(index + 1) / bins,
            count=int((place == index).sum()),
            confidence=float(top[place == index].mean()),
            accuracy=float(right[place == index].mean()),
        )
        for index in np.unique(place).tolist()
    ]
