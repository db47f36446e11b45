"""Two-layer perceptron of every place and its training, in NumPy: only places that hold cells cost time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from allstation.inference.engine import softmax

Single = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Minibatch:
    """Places of some fields, one after the other.

    Attributes:
        values: (p, c) what the trunk says of each place, standardised.
        share: (p,) share of the place in its field's cells.
        field: (p,) number of the field, ascending from 0.
        targets: (b, k) soft classes of the fields.
        weight: (b,) of the fields.
    """

    values: Single
    share: Single
    field: Rows
    targets: Single
    weight: Single


def sums_by_field(values: Single, field: Rows, fields: int) -> Single:
    """Return the sums (fields, ...) of rows of ``values`` that belong to the same field.

    Args:
        values: (p, ...).
        field: (p,) ascending.
        fields: How many there are; those without rows have sum zero.
    """
    sums = np.zeros((fields, *values.shape[1:]), np.float32)
    if len(field):
        starts = np.flatnonzero(np.diff(field, prepend=-1))
        sums[field[starts]] = np.add.reduceat(values, starts, axis=0)
    return sums


class Perceptron:
    """Two layers at every place, the mean over the cells' area, and one linear layer to the classes.

    Attributes:
        weights: First layer, its bias, second layer, its bias, last layer.
    """

    def __init__(self, sizes: Sequence[int], random: np.random.Generator) -> None:
        """Draw weights (He et al. 2015).

        Args:
            sizes: Values of a place, widths of the first and the second layer, number of classes.
            random: Source of chance.
        """
        self.weights: list[Single] = []
        for rows, columns in pairwise(sizes):
            spread = np.sqrt(2 / rows)
            self.weights.append(random.normal(0, spread, (rows, columns)).astype(np.float32))
            self.weights.append(np.zeros(columns, np.float32))
        self.weights.pop()

    def gradients(self, batch: Minibatch, dropout: float, random: np.random.Generator) -> list[Single]:
        """Return the gradient of the weighted cross-entropy by every weight.

        Args:
            batch: What to learn from.
            dropout: Of pooled values; half of it of the first layer.
            random: Source of chance.
        """
        first, first_bias, second, second_bias, last = self.weights
        fields = len(batch.targets)
        hidden = np.maximum(batch.values @ first + first_bias, 0)
        kept = _kept(hidden.shape, dropout / 2, random)
        hidden *= kept
        local = np.maximum(hidden @ second + second_bias, 0)
        spared = _kept((fields, local.shape[1]), dropout, random)
        pooled = sums_by_field(local * batch.share[:, None], batch.field, fields) * spared
        error = (softmax(pooled @ last).astype(np.float32) - batch.targets) * (batch.weight / fields)[:, None]
        to_local = ((error @ last.T) * spared)[batch.field] * batch.share[:, None] * (local > 0)
        to_hidden = (to_local @ second.T) * kept * (hidden > 0)
        return [
            batch.values.T @ to_hidden,
            to_hidden.sum(0),
            hidden.T @ to_local,
            to_local.sum(0),
            pooled.T @ error,
        ]


def _kept(shape: tuple[int, ...], dropout: float, random: np.random.Generator) -> Single:
    kept = random.random(shape, np.float32) >= dropout
    return kept.astype(np.float32) * np.float32(1 / (1 - dropout))


class Adam:
    """AdamW (Loshchilov and Hutter 2019) with clipped gradients and an average of the weights.

    Attributes:
        average: The averaged weights.
    """

    def __init__(self, weights: list[Single], *, decay: float, momentum: float) -> None:
        """Begin.

        Args:
            weights: Changed in place by every step.
            decay: Weight decay.
            momentum: Of the average; the first steps count more.
        """
        self.average = [value.copy() for value in weights]
        self._weights, self._decay, self._momentum = weights, decay, momentum
        self._means = [np.zeros_like(value) for value in weights]
        self._squares = [np.zeros_like(value) for value in weights]
        self._steps = 0

    def step(self, gradients: Sequence[Single], rate: float) -> None:
        """Move the weights against the gradients, whose joint length counts as one at most."""
        self._steps += 1
        length = float(np.sqrt(sum(float((part**2).sum()) for part in gradients)))
        newest = 1 - min(self._momentum, (1 + self._steps) / (10 + self._steps))
        for place, part in enumerate(gradients):
            gradient = part / max(1.0, length)
            mean, square, value = self._means[place], self._squares[place], self._weights[place]
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient**2 - square)
            scale = np.sqrt(square / (1 - 0.999**self._steps)) + 1e-7
            value -= rate * (mean / (1 - 0.9**self._steps) / scale + self._decay * value)
            self.average[place] += newest * (value - self.average[place])
