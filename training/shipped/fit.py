"""Fit of the head: one linear layer of means over the cells, in seconds and without chance.

The means are those of the trunk's channels and, behind them, of what of each channel lies above a level: a
first word on how the places of a field are spread, which the channel's own mean does not say.

It begins as the linear discriminant (Fisher 1936). Its covariance holds, beside what differs within a class,
what must not decide: what gently altering a field changes, and what differs between blocks of consecutive
file numbers of one class, which is mostly the sitting. From there a softmax regression on the fields and
their altered copies goes as far as a penalty on the way lets it: it buys robustness at less cost of accuracy
than more weight in the covariance does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Single = NDArray[np.float32]
Double = NDArray[np.float64]
Rows = NDArray[np.int64]

_TINY: Final = 1e-6
_LOUD: Final = 3.0
"""Standard deviation of the discriminant's logits over training fields, where the regression begins."""
_FEWEST: Final = 5
"""Fields of a block that may speak for it."""
_ROUNDS: Final = 60


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Hyperparameters of the head.

    Attributes:
        shrink: Of the correlations towards none.
        altered: Weight, in the covariance, of what altering a field changes.
        sittings: Weight of what differs between blocks of a class.
        block: File numbers of a block.
        penalty: On the square of what the regression changes, in whitened features; infinite for none.
        smoothing: Of the regression's target classes.
    """

    shrink: float = 0.1
    altered: float = 0.2
    sittings: float = 2.0
    block: int = 37
    penalty: float = 0.05
    smoothing: float = 0.02


@dataclass(frozen=True)
class Copies:
    """Outputs of the trunk for all fields and their altered copies.

    Attributes:
        fields: Means over the cells of the fields as they are (n, c).
        altered: The same of each altered copy.
        numbers: File number of every field (n,).
    """

    fields: Single
    altered: Sequence[Single]
    numbers: Rows


@dataclass(frozen=True)
class Linear:
    """A linear head.

    Attributes:
        kernel: (c, k).
        bias: (k,).
    """

    kernel: Double
    bias: Double

    def logits(self, means: NDArray[Any]) -> Double:
        """Return logits (n, k) of means over the cells (n, c)."""
        return np.asarray(means.astype(np.float64) @ self.kernel + self.bias)

    @property
    def layer(self) -> Single:
        """(c + 1, k) kernel with the bias behind it, for means with a one behind them."""
        return np.concatenate([self.kernel, self.bias[None]]).astype(np.float32)


def whitening(covariance: Double, shrink: float) -> Double:
    """Return the symmetric (c, c) map in whose outputs the covariance is one; correlations are shrunk."""
    scale = np.sqrt(np.diag(covariance) + _TINY)
    shrunk = (1 - shrink) * covariance / np.outer(scale, scale) + shrink * np.eye(len(scale))
    values, vectors = np.linalg.eigh(shrunk)
    return np.asarray((vectors / np.sqrt(values)) @ vectors.T / scale[:, None], np.float64)


def changes(copies: Copies, rows: Rows) -> Double:
    """Return the mean square (c, c) of what altering some fields changes."""
    plain = copies.fields[rows].astype(np.float64)
    total = np.zeros((plain.shape[1],) * 2)
    for copy in copies.altered:
        change = copy[rows] - plain
        total += change.T @ change
    return total / max(1, len(rows) * len(copies.altered))


def between_blocks(centred: Double, labels: Rows, blocks: Rows) -> Double:
    """Return the mean square (c, c) of the means of blocks around the mean of their class.

    Args:
        centred: (n, c) fields, the mean of their class taken off.
        labels: (n,).
        blocks: (n,) number of each field's block in its class.
    """
    means = []
    for label, block in np.unique(np.stack([labels, blocks], axis=1), axis=0):
        own = centred[(labels == label) & (blocks == block)]
        if len(own) >= _FEWEST:
            means.append(own.mean(axis=0))
    found = np.asarray(means).reshape(-1, centred.shape[1])
    return np.asarray(found.T @ found / max(1, len(found)), np.float64)


def fit_head(copies: Copies, rows: Rows, labels: Rows, settings: FitSettings) -> Linear:
    """Fit the head, classes alike.

    Args:
        copies: Of all fields.
        rows: Fields to learn from.
        labels: Class index of every field.
        settings: How.
    """
    fields, own = copies.fields[rows].astype(np.float64), labels[rows]
    means = np.stack([fields[own == kind].mean(axis=0) for kind in range(int(labels.max()) + 1)])
    centred, mean = fields - means[own], fields.mean(axis=0)
    covariance = centred.T @ centred / len(rows) + settings.altered * changes(copies, rows)
    covariance += settings.sittings * between_blocks(centred, own, copies.numbers[rows] // settings.block)
    white = whitening(covariance, settings.shrink)
    placed = (means - mean) @ white
    start = Linear(placed.T, -0.5 * (placed**2).sum(axis=1))
    points = [(fields - mean) @ white, *[(copy[rows] - mean) @ white for copy in copies.altered]]
    logits = start.logits(points[0])
    loud = _LOUD / float((logits - logits.mean(axis=1, keepdims=True)).std())
    start = Linear(start.kernel * loud, start.bias * loud)
    head = regressed(start, points, own, settings) if np.isfinite(settings.penalty) else start
    kernel = white @ head.kernel
    return Linear(kernel, head.bias - mean @ kernel)


def regressed(start: Linear, points: Sequence[Double], labels: Rows, settings: FitSettings) -> Linear:
    """Return the softmax regression that is drawn to a given layer.

    Args:
        start: Where it begins and what the penalty counts from.
        points: Whitened features (n, c) of the fields, then of each copy; all copies weigh as the fields do.
        labels: (n,).
        settings: ``penalty`` and ``smoothing``.
    """
    from scipy.optimize import minimize

    every, kinds = np.concatenate(points), start.kernel.shape[1]
    once = (1 / np.bincount(labels, minlength=kinds))[labels]
    copies = max(1, len(points) - 1)
    weight = np.concatenate([once, *[once / copies] * (len(points) - 1)])
    weight /= weight.sum()
    sharp = np.eye(kinds)[np.tile(labels, len(points))]
    targets = sharp * (1 - settings.smoothing) + settings.smoothing / kinds

    def loss(flat: Double) -> tuple[float, Double]:
        kernel, bias = flat[:-kinds].reshape(-1, kinds), flat[-kinds:]
        logits = every @ (start.kernel + kernel) + (start.bias + bias)
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        slope = (np.exp(logits) - targets) * weight[:, None]
        lost = -float((weight[:, None] * targets * logits).sum())
        lost += settings.penalty / 2 * float((kernel**2).sum())
        return lost, np.concatenate(
            [(every.T @ slope + settings.penalty * kernel).ravel(), slope.sum(axis=0)]
        )

    zero = np.zeros(start.kernel.size + kinds)
    found = minimize(loss, zero, jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS}).x
    return Linear(start.kernel + found[:-kinds].reshape(-1, kinds), start.bias + found[-kinds:])
