"""Training on stored trunk outputs: minutes on two processors instead of hours.

Two heads are fitted and added up. A linear discriminant of the mean over the cells generalises best to
sittings it never saw; a small network of each place withstands other colours and focus. Both are sums
over places, so their sum is one head whose evidence still lies inside cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.models.cells import FEATURES, HIDDEN, Weights
from training.shipped.cache import Copy, Packed
from training.shipped.perceptron import Adam, Minibatch, Perceptron, sums_by_field

Single = NDArray[np.float32]
Double = NDArray[np.float64]
Rows = NDArray[np.int64]

_TINY: Final = 1e-6
_LEAST_SPREAD: Final = 1e-2
_LOUD: Final = 4.0
"""Standard deviation of each head's logits over training fields; temperatures come out near one."""
_CHUNK: Final = 256


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Hyperparameters of the trained half.

    Attributes:
        passes: Times every copy is seen.
        batch: Copies a step.
        rate: Highest learning rate of AdamW; a cosine brings it to zero.
        decay: Weight decay.
        smoothing: Of the target classes.
        dropout: Of the pooled features.
        kept: Share of places that a step looks at.
        average: Momentum of the averaged weights that are kept.
        shrink: Of the correlations within classes towards none.
        nuisance: Weight, in the discriminant's covariance, of what altering a field changes.
    """

    passes: int = 2
    batch: int = 64
    rate: float = 1e-3
    decay: float = 1e-2
    smoothing: float = 0.05
    dropout: float = 0.3
    kept: float = 0.5
    average: float = 0.995
    shrink: float = 0.1
    nuisance: float = 0.05


def targets_of(
    labels: NDArray[np.int64], shows: NDArray[np.bool_], *, classes: int, smoothing: float
) -> Single:
    """Return soft targets (n, classes); copies without cells get every class alike."""
    sharp = np.eye(classes, dtype=np.float32)[labels] * (1 - smoothing) + smoothing / classes
    return np.where(shows[:, None], sharp, np.float32(1 / classes)).astype(np.float32)


@dataclass(frozen=True)
class Copies:
    """All copies of all fields, the unaltered first.

    Attributes:
        every: One per copy.
        times: How often each copy is seen in a pass.
    """

    every: Sequence[Copy]
    times: Sequence[int]

    @property
    def fields(self) -> Packed:
        """The unaltered fields."""
        return self.every[0].places


@dataclass(frozen=True)
class Moments:
    """Means and covariances of pooled values of training fields.

    Attributes:
        mean: (c,) of all.
        means: (k, c) of the classes.
        within: (c, c) covariance within classes.
        altered: (c, c) mean square of what altering a field changes.
    """

    mean: Double
    means: Double
    within: Double
    altered: Double


def moments_of(copies: Copies, rows: Rows, labels: Rows) -> Moments:
    """Return means and covariances of the training fields."""
    plain, own = copies.fields.means.astype(np.float64), labels[rows]
    means = np.stack([plain[rows][own == kind].mean(0) for kind in range(int(labels.max()) + 1)])
    centred = plain[rows] - means[own]
    altered, count = np.zeros_like(centred.T @ centred), 0
    for copy in copies.every[1:]:
        usable = copy.usable(rows)
        usable = usable[copy.shows[usable]]
        change = copy.places.means[usable] - plain[usable]
        altered, count = altered + change.T @ change, count + len(change)
    return Moments(plain[rows].mean(0), means, centred.T @ centred / len(rows), altered / max(1, count))


def whitening(covariance: Double, shrink: float) -> Double:
    """Return the symmetric (c, c) map in whose outputs the covariance is one; correlations are shrunk."""
    scale = np.sqrt(np.diag(covariance) + _TINY)
    shrunk = (1 - shrink) * covariance / np.outer(scale, scale) + shrink * np.eye(len(scale))
    values, vectors = np.linalg.eigh(shrunk)
    return np.asarray((vectors / np.sqrt(values)) @ vectors.T / scale[:, None], np.float64)


def discriminant(moments: Moments, settings: FitSettings) -> tuple[Double, Double]:
    """Return kernel (c, k) and bias (k,) of the linear discriminant (Fisher 1936), classes alike."""
    white = whitening(moments.within + settings.nuisance * moments.altered, settings.shrink)
    means = (moments.means - moments.mean) @ white
    kernel = white @ means.T
    return kernel, -0.5 * (means**2).sum(1) - moments.mean @ kernel


def batches(
    copies: Copies, rows: Rows, labels: Rows, settings: FitSettings, random: np.random.Generator
) -> Iterator[Minibatch]:
    """Yield places, not centred yet; classes weigh alike."""
    classes = int(labels.max()) + 1
    counts = np.bincount(labels[rows], minlength=classes)
    weight = (len(rows) / (classes * np.maximum(counts, 1))).astype(np.float32)
    order = np.repeat(np.arange(len(copies.every)), copies.times)
    for place in np.concatenate([random.permutation(order) for _ in range(settings.passes)]):
        copy = copies.every[place]
        shuffled = random.permutation(copy.usable(rows))
        for start in range(0, len(shuffled) - settings.batch + 1, settings.batch):
            chosen = shuffled[start : start + settings.batch]
            values, share, field = copy.places.places(chosen, settings.kept, random)
            shows = copy.shows[chosen]
            targets = targets_of(labels[chosen], shows, classes=classes, smoothing=settings.smoothing)
            yield Minibatch(
                values, share, field, targets, np.where(shows, weight[labels[chosen]], 1).astype(np.float32)
            )


def standardising(copies: Copies, rows: Rows) -> tuple[Single, Single]:
    """Return mean and spread of every channel inside cells, of the training fields' first altered copy."""
    values, share, _ = copies.every[1].places.places(copies.every[1].usable(rows))
    share /= share.sum()
    mean = share @ values
    return mean, np.sqrt(share @ (values - mean) ** 2) + np.float32(_LEAST_SPREAD)


def fit_perceptron(copies: Copies, rows: Rows, labels: Rows, *, settings: FitSettings, seed: int) -> Weights:
    """Train the small network and return its averaged weights, standardisation folded in."""
    random = np.random.default_rng(seed)
    mean, scale = standardising(copies, rows)
    network = Perceptron((len(mean), HIDDEN, FEATURES, int(labels.max()) + 1), random)
    optimizer = Adam(network.weights, decay=settings.decay, momentum=settings.average)
    usable = [len(copy.usable(rows)) // settings.batch for copy in copies.every]
    steps = settings.passes * int(np.dot(usable, copies.times))
    for step, batch in enumerate(batches(copies, rows, labels, settings, random), 1):
        batch.values[...] = (batch.values - mean) / scale
        gradients = network.gradients(batch, settings.dropout, random)
        optimizer.step(gradients, settings.rate * _share_of_rate(step, steps))
    first, first_bias, second, second_bias, last = optimizer.average
    kernel = first / scale[:, None]
    return {"hidden": [kernel, first_bias - mean @ kernel], "local": [second, second_bias], "classes": [last]}


def _share_of_rate(step: int, steps: int) -> float:
    """Rise over the first twentieth, then fall along a cosine."""
    rise = max(1, steps // 20)
    if step < rise:
        return 0.05 + 0.95 * step / rise
    return 0.5 * (1 + float(np.cos(np.pi * (step - rise) / max(1, steps - rise))))


def fit_head(copies: Copies, rows: Rows, labels: Rows, *, settings: FitSettings, seed: int) -> Weights:
    """Fit both heads and join them, each scaled by the spread of its logits over the training fields.

    Args:
        copies: Of all fields.
        rows: Fields to learn from.
        labels: Class index of every field.
        settings: How.
        seed: Of the weights and of the order.

    Returns:
        ``hidden``, ``local`` and ``linear`` with biases; ``classes`` (features + k, k), which takes the
        pooled local values and then the pooled linear ones.
    """
    moments = moments_of(copies, rows, labels)
    weights = fit_perceptron(copies, rows, labels, settings=settings, seed=seed)
    kernel, bias = (part.astype(np.float32) for part in discriminant(moments, settings))
    kinds, last = len(bias), weights["classes"][0]
    weights["linear"] = [kernel, bias]
    weights["classes"] = [np.concatenate([last, np.zeros((kinds, kinds), np.float32)])]
    logits, features = head_outputs(weights, copies.fields, rows)
    straight = np.eye(kinds, dtype=np.float32) * (_LOUD / _spread(features[:, -kinds:]))
    weights["classes"] = [np.concatenate([last * (_LOUD / _spread(logits)), straight])]
    return weights


def _spread(logits: NDArray[Any]) -> float:
    """Standard deviation of logits around each field's mean."""
    return float((logits - logits.mean(axis=1, keepdims=True)).std())


def head_outputs(weights: Weights, packed: Packed, rows: Rows) -> tuple[Single, Single]:
    """Return logits (n, k) and features (n, f): the head in NumPy, as the exported network computes it."""
    features = []
    for start in range(0, len(rows), _CHUNK):
        chosen = rows[start : start + _CHUNK]
        values, share, field = packed.places(chosen)
        local = values
        for name in ("hidden", "local"):
            kernel, bias = weights[name]
            local = np.maximum(local @ kernel + bias, 0)
        kernel, bias = weights["linear"]
        both = np.concatenate([local, values @ kernel + bias], axis=1)
        features.append(sums_by_field(both * share[:, None], field, len(chosen)))
    found = np.concatenate(features)
    return found @ weights["classes"][0], found
