"""The group bootstrap of all overall figures at once: weights instead of copies of the fields.

A resample that draws a group twice gives its fields the weight two. All figures are then sums over
weights, computed for a block of resamples in one go: about a hundred times faster than one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core import metrics
from allstation.core.statistics import Interval

Numbers = NDArray[np.float64]

_BLOCK: Final = 250
_BINS: Final = 15


def group_weights(groups: Sequence[str], *, resamples: int, seed: int) -> Numbers:
    """How often each field is drawn in each resample.

    Args:
        groups: Group of each field.
        resamples: Number of resamples.
        seed: Of the draws.

    Returns:
        (resamples, fields).
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return draws[:, codes].astype(np.float64)


def resampled(probabilities: Numbers, labels: NDArray[np.int64], weights: Numbers) -> dict[str, Numbers]:
    """Compute every overall figure for every resample.

    Args:
        probabilities: (n, classes).
        labels: (n,).
        weights: (resamples, n).

    Returns:
        Figure to one value a resample; not a number where a class is missing.
    """
    parts = [
        _block(probabilities, labels, weights[at : at + _BLOCK]) for at in range(0, len(weights), _BLOCK)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _block(probabilities: Numbers, labels: NDArray[np.int64], weights: Numbers) -> dict[str, Numbers]:
    k = probabilities.shape[1]
    best, total = probabilities.argmax(axis=1), weights.sum(axis=1)
    cells = (weights @ np.eye(k * k)[labels * k + best]).reshape(-1, k, k)
    hot = metrics.one_hot(labels, k)
    areas = np.stack([weighted_auc(probabilities[:, c], hot[:, c], weights) for c in range(k)])
    repeated = np.repeat(weights, k, axis=1)
    picked = np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1.0)
    return {
        **_rates(cells, total),
        "macro AUC": areas.mean(axis=0),
        "micro AUC": weighted_auc(probabilities.ravel(), hot.ravel(), repeated),
        "log loss": weights @ -np.log(picked) / total,
        "Brier": weights @ ((probabilities - hot) ** 2).sum(axis=1) / total,
        "ECE": _calibration_error(probabilities.max(axis=1), best == labels, weights),
    }


def _rates(cells: Numbers, total: Numbers) -> dict[str, Numbers]:
    """Figures of confusion counts (resamples, true, predicted)."""
    hits = np.diagonal(cells, axis1=1, axis2=2)
    true, predicted = cells.sum(axis=2), cells.sum(axis=1)
    right = hits.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(true > 0, hits / true, np.nan)
        f1 = np.where(true + predicted > 0, 2 * hits / (true + predicted), 0.0)
        expected = (true * predicted).sum(axis=1)
        below = np.sqrt((total**2 - (predicted**2).sum(axis=1)) * (total**2 - (true**2).sum(axis=1)))
        return {
            "accuracy": right / total,
            "balanced accuracy": recall.mean(axis=1),
            "macro F1": f1.mean(axis=1),
            "MCC": np.where(below > 0, (right * total - expected) / below, 0.0),
            "kappa": (right / total - expected / total**2) / (1 - expected / total**2),
        }


def weighted_auc(scores: Numbers, positive: Numbers, weights: Numbers) -> Numbers:
    """Area under the curve of weighted fields, equal scores counting one half.

    Args:
        scores: (n,).
        positive: (n,), 1 or 0.
        weights: (resamples, n).

    Returns:
        (resamples,); not a number where one of both kinds is missing.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])
    up = np.add.reduceat(weights[:, order] * positive[order], starts, axis=1)
    down = np.add.reduceat(weights[:, order] * (1 - positive[order]), starts, axis=1)
    below = np.cumsum(down, axis=1) - down
    won = (up * (below + down / 2)).sum(axis=1)
    pairs = up.sum(axis=1) * down.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, won / pairs, np.nan)


def _calibration_error(top: Numbers, right: NDArray[np.bool_], weights: Numbers) -> Numbers:
    place = np.clip(np.ceil(top * _BINS).astype(int) - 1, 0, _BINS - 1)
    gaps = weights @ (np.eye(_BINS)[place] * (top - right)[:, None])
    return np.asarray(np.abs(gaps).sum(axis=1) / weights.sum(axis=1))


def intervals(values: dict[str, Numbers]) -> dict[str, Interval]:
    """95 % percentile intervals; resamples without a value are left out."""
    found = {}
    for name, column in values.items():
        finite = column[np.isfinite(column)]
        low, high = np.percentile(finite, [2.5, 97.5]) if finite.size else (np.nan, np.nan)
        found[name] = Interval(float(low), float(high))
    return found
