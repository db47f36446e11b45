"""Linear discriminant of typed cells and the temperature that calibrates it.

Fisher's discriminant with one covariance for all types, drawn towards its own diagonal (Friedman 1989,
J Am Stat Assoc 84:165), with equal priors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.typer.statistics import FloatArray, TyperStatistics

IntArray = NDArray[np.int64]

_FLOOR: Final = 1e-6
"""Smallest spread of a feature, as a share of the largest: a feature that never varies says nothing."""
_BLOCK: Final = 4096
_COLDEST, _HOTTEST = 0.05, 200.0


@dataclass(frozen=True, eq=False, slots=True)
class Discriminant:
    """Linear discriminant ready to use.

    Attributes:
        origin: (f,) subtracted from the features.
        scale: (f,) what they are divided by.
        weights: (f, k) of the types.
        offsets: (k,) of the types.
        inverse: (f, f) inverse of the regularised covariance of the scaled features.
    """

    origin: FloatArray
    scale: FloatArray
    weights: FloatArray
    offsets: FloatArray
    inverse: FloatArray

    def logits(self, features: FloatArray) -> FloatArray:
        """Return log densities (n, k) of the types up to a constant a cell."""
        return np.asarray(((features - self.origin) / self.scale) @ self.weights + self.offsets)

    def distances(self, features: FloatArray) -> FloatArray:
        """Return the Mahalanobis distance (n,) of each cell to the nearest type."""
        found = np.empty(len(features))
        for begin in range(0, len(features), _BLOCK):
            scaled = (features[begin : begin + _BLOCK] - self.origin) / self.scale
            own = np.einsum("nf,nf->n", scaled @ self.inverse, scaled)
            nearest = (scaled @ self.weights + self.offsets).max(axis=1)
            found[begin : begin + _BLOCK] = np.sqrt(np.maximum(own - 2 * nearest, 0.0))
        return found


def discriminant(statistics: TyperStatistics, shrinkage: float) -> Discriminant:
    """Solve the discriminant of some statistics.

    Args:
        statistics: Of typed cells.
        shrinkage: Share of the diagonal in the covariance, above 0 to 1.
    """
    correlation, means, origin, scale = _scaled(statistics, shrinkage)
    inverse = np.linalg.inv(correlation)
    inverse = (inverse + inverse.T) / 2
    weights = inverse @ means.T
    return Discriminant(origin, scale, weights, -0.5 * (means.T * weights).sum(axis=0), inverse)


def held_logits(statistics: TyperStatistics, features: FloatArray, shrinkage: float) -> FloatArray:
    """Return the logits (n, k) of the discriminant of some statistics, in a third of the time of solving it.

    Args:
        statistics: Of typed cells.
        features: (n, f) of other cells.
        shrinkage: As for ``discriminant``.
    """
    correlation, means, origin, scale = _scaled(statistics, shrinkage)
    weights = np.linalg.solve(correlation, means.T)
    return np.asarray((features - origin) / scale @ weights - 0.5 * (means.T * weights).sum(axis=0))


def _scaled(
    statistics: TyperStatistics, shrinkage: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the regularised covariance and the means of scaled features, their origin and their scale."""
    covariance = statistics.covariance
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.maximum(spread, max(float(spread.max()) * _FLOOR, 1e-12))
    correlation = covariance / scale / scale[:, None] * (1 - shrinkage)
    np.fill_diagonal(correlation, 1.0)
    origin = statistics.means.mean(axis=0)
    return correlation, (statistics.means - origin) / scale, origin, scale


def softmax(logits: FloatArray) -> FloatArray:
    """Return probabilities over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def log_loss(logits: FloatArray, codes: IntArray, temperature: float) -> float:
    """Return the mean negative log probability of the true types, each type weighing the same."""
    return float(log_losses(logits, codes, temperature).sum())


def log_losses(logits: FloatArray, codes: IntArray, temperature: float) -> FloatArray:
    """Return what each cell (n,) adds to ``log_loss``."""
    scaled = logits / temperature
    top = scaled.max(axis=1)
    losses = np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top - scaled[np.arange(len(codes)), codes]
    weights = 1.0 / np.bincount(codes)[codes]
    return np.asarray(losses * weights / weights.sum())


def best_temperature(logits: FloatArray, codes: IntArray) -> float:
    """Return the temperature with the smallest log loss, by golden section over its logarithm.

    The loss is convex in the inverse temperature, so that there is one minimum. As a few cells that are all
    named rightly would make any name certain, of n cells of a type one in n + 2 is taken to be of the others
    (Platt 1999, Advances in Large Margin Classifiers, 61).
    """
    if not len(codes):
        return 1.0
    counts = np.bincount(codes)
    doubt, weights = 1.0 / (counts[codes] + 2.0), 1.0 / counts[codes]
    weights /= weights.sum()
    told = np.isfinite(logits)
    own = logits[np.arange(len(codes)), codes]
    others = np.where(told, logits, 0.0).sum(axis=1) - own
    rest = np.maximum(told.sum(axis=1) - 1, 1)
    wanted = (1 - doubt) * own + doubt * np.where(told.sum(axis=1) > 1, others / rest, own)

    def loss_at(temperature: float) -> float:
        scaled = logits / temperature
        top = scaled.max(axis=1)
        whole = np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top
        return float((whole - wanted / temperature) @ weights)

    ratio = (math.sqrt(5) - 1) / 2
    low, high = math.log(_COLDEST), math.log(_HOTTEST)
    inner = [high - ratio * (high - low), low + ratio * (high - low)]
    loss = [loss_at(math.exp(at)) for at in inner]
    while high - low > 1e-3:  # noqa: PLR2004 - a thousandth of the temperature
        if loss[0] < loss[1]:
            high, inner[1], loss[1] = inner[1], inner[0], loss[0]
            inner[0] = high - ratio * (high - low)
            loss[0] = loss_at(math.exp(inner[0]))
        else:
            low, inner[0], loss[0] = inner[0], inner[1], loss[1]
            inner[1] = low + ratio * (high - low)
            loss[1] = loss_at(math.exp(inner[1]))
    return math.exp((low + high) / 2)
