"""Calibration on validation fields: temperature scaling, decision rule, novelty limit."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.decision import DecisionRule
from allstation.imaging.quality import assess
from allstation.inference.engine import softmax
from allstation.inference.novelty import Novelty

Floats = NDArray[Any]
Rows = NDArray[np.int64]

_SHRINK: Final = 0.2
_LEAST_SHARE: Final = 1e-12
_IN_DOMAIN: Final = 0.995
"""Share of validation fields inside the novelty limit."""
_COVERAGE: Final = 0.95
_LEAST, _MOST = 0.50, 0.85


def fit_temperature(logits: Floats, labels: Rows) -> float:
    """Return the divisor of the logits with the lowest log loss (Guo et al. 2017, PMLR 70).

    A golden-section search over the logarithm, 0.05 to 20. Of n fields 1 / (n + 2) counts as wrong (after
    Platt 1999, section 2.2), or a few fields that are all right would ask for endless certainty.
    """
    low, high = np.log(0.05), np.log(20.0)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        worse = _loss(logits, labels, left) > _loss(logits, labels, right)
        low, high = (left, high) if worse else (low, right)
    return float(np.exp((low + high) / 2))


def _loss(logits: Floats, labels: Rows, log_temperature: float) -> float:
    shares = np.log(np.maximum(softmax(logits / np.exp(log_temperature)), _LEAST_SHARE))
    own = float(shares[np.arange(len(labels)), labels].mean())
    others = (float(shares.sum(axis=1).mean()) - own) / (shares.shape[1] - 1)
    doubt = 1 / (len(labels) + 2)
    return float(-(1 - doubt) * own - doubt * others)


def fit_novelty(features: Floats, labels: Rows, validation: Floats) -> dict[str, Floats]:
    """Fit class means and one shrunk shared covariance (Lee et al. 2018); the limit on validation.

    Args:
        features: (n, f) of training fields as serving computes them.
        labels: Their classes.
        validation: (m, f) of held-out fields.

    Returns:
        ``means`` (k, f), ``whitening`` (f, f), ``limit`` ().
    """
    kinds = np.unique(labels)
    means = np.stack([features[labels == kind].mean(axis=0) for kind in kinds]).astype(np.float64)
    centred = features - means[np.searchsorted(kinds, labels)]
    covariance = centred.T @ centred / max(1, len(centred) - len(kinds))
    average = np.trace(covariance) / len(covariance)
    shrunk = (1 - _SHRINK) * covariance + _SHRINK * average * np.eye(len(covariance))
    values, vectors = np.linalg.eigh(shrunk)
    whitening = (vectors / np.sqrt(values)).T
    arrays: dict[str, Floats] = {
        "means": means.astype(np.float32),
        "whitening": whitening.astype(np.float32),
        "limit": np.array(1.0),
    }
    arrays["limit"] = np.array(np.quantile(Novelty(arrays).scores(validation), _IN_DOMAIN))
    return arrays


def fit_rule(probabilities: Floats, sharpness: Floats) -> DecisionRule:
    """Accept the surest 95 % of validation fields; refuse fields softer than nearly all of them.

    Args:
        probabilities: (n, k) calibrated, of validation fields.
        sharpness: (n,) variance of the Laplacian of the same fields.
    """
    least = float(np.quantile(probabilities.max(axis=1), 1 - _COVERAGE))
    softest = float(np.quantile(sharpness, 0.005)) / 2
    return DecisionRule(round(min(max(least, _LEAST), _MOST), 3), 1.0, round(softest, 2), 1)


def sharpness(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the sharpness of fields as serving measures it."""

    class _Unused:
        area_share = 0.0

    return np.array([assess(one, _Unused()).sharpness for one in rgb])
