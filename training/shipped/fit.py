"""Training on stored ttem outputs: minutes on two processors instead of hours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.shipped.cache import Places

Single = NDArray[np.float32]
Weights = dict[str, list[NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How the trained half is trained.

    Attributes:
        passes: Times every copy is seen.
        batch: Copies a step.
        rate: Highest learning rate of AdamW; a cosine brings it to zero.
        decay: Weight decay.
        smoothing: Of the target classes.
        dropout: Of the pooled features.
        kept: Share of places that a step looks at.
        average: Momentum of the averaged weights that are kept.
    """

    passes: int = 4
    batch: int = 64
    rate: float = 5e-4
    decay: float = 1e-2
    smoothing: float = 0.05
    dropout: float = 0.3
    kept: float = 0.85
    average: float = 0.995


def targets_of(
    labels: NDArray[np.int64], shows: NDArray[np.bool_], *, classes: int, smoothing: float
) -> Single:
    """Return soft targets (n, classes); copies without cells get every class alike."""
    sharp = np.eye(classes, dtype=np.float32)[labels] * (1 - smoothing) + smoothing / classes
    return np.where(shows[:, None], sharp, np.float32(1 / classes)).astype(np.float32)


@dataclass(frozen=True)
class Copies:
    """All altered copies of all fields.

    Attributes:
        places: One per copy, each of all fields.
        shows: One array (n,) per copy: whether the copy shows cells at all.
    """

    places: list[Places]
    shows: list[NDArray[np.bool_]]


def batches(
    copies: Copies, rows: NDArray[np.int64], labels: NDArray[np.int64], settings: FitSettings, seed: int
) -> Iterator[tuple[list[Single], Single, Single]]:
    """Yield places and areas, targets and weights; classes weigh alike."""
    classes = int(labels.max()) + 1
    counts = np.bincount(labels[rows], minlength=classes)
    weight = (len(rows) / (classes * np.maximum(counts, 1))).astype(np.float32)
    random = np.random.default_rng(seed)
    for _ in range(settings.passes):
        for copy in random.permutation(len(copies.places)):
            order = random.permutation(rows)
            for start in range(0, len(order) - settings.batch + 1, settings.batch):
                chosen = order[start : start + settings.batch]
                part, shows = copies.places[copy].rows(chosen), copies.shows[copy][chosen]
                area = part.area.astype(np.float32)
                area *= random.random(area.shape, np.float32) < settings.kept
                targets = targets_of(labels[chosen], shows, classes=classes, smoothing=settings.smoothing)
                sharp = np.where(shows, weight[labels[chosen]], 1).astype(np.float32)
                yield [part.values.astype(np.float32), area], targets, sharp


def standardising(copies: Copies, rows: NDArray[np.int64]) -> tuple[Single, Single]:
    """Return mean and spread of every channel inside cells, of the training fields' first copy."""
    part = copies.places[0].rows(rows)
    values, area = part.values.astype(np.float32), part.area.astype(np.float32)
    total = float(area.sum())
    mean = (values * area).sum((0, 1)) / total
    spread = np.sqrt(((values - mean) ** 2 * area).sum((0, 1)) / total) + 1e-2
    return mean, spread


def fit_head(
    copies: Copies,
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
    *,
    settings: FitSettings,
    seed: int,
    start: Weights | None = None,
) -> Weights:
    """Train a head and return its averaged weights, standardisation folded into the first layer.

    Args:
        copies: Of all fields.
        rows: Fields to learn from.
        labels: Class index of every field.
        settings: How.
        seed: Of the weights and of the order.
        start: Weights of a head to go on from, with as many classes; else a new head.
    """
    import keras

    from training.shipped.network import build_head, load_weights, named_weights

    keras.utils.set_random_seed(seed)
    model = build_head(copies.places[0].values.shape[1], int(labels.max()) + 1, dropout=settings.dropout)
    mean, spread = standardising(copies, rows)
    if start is not None:
        kernel, bias = start["hidden"]
        load_weights(model, {**start, "hidden": [kernel * spread[:, None], bias + mean @ kernel]})
    steps = max(1, settings.passes * len(copies.places) * (len(rows) // settings.batch))
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.rate / 20, steps, warmup_target=settings.rate, warmup_steps=max(1, steps // 20)
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=settings.decay, clipnorm=1.0, use_ema=True, ema_momentum=settings.average
    )
    trainer = keras.Model(model.inputs, model.output["logits"])
    trainer.compile(optimizer=optimizer, loss=keras.losses.CategoricalCrossentropy(from_logits=True))
    for (values, area), targets, sharp in batches(copies, rows, labels, settings, seed):
        trainer.train_on_batch([(values - mean) / spread, area], targets, sample_weight=sharp)
    optimizer.finalize_variable_values(trainer.trainable_variables)
    weights = named_weights(model)
    kernel, bias = weights["hidden"]
    weights["hidden"] = [kernel / spread[:, None], (bias - (mean / spread) @ kernel).astype(np.float32)]
    return weights


def head_outputs(weights: Weights, places: Places, chunk: int = 128) -> tuple[Single, Single]:
    """Return logits (n, k) and features (n, f): the head in NumPy, as the exported network computes it."""
    logits, features = [], []
    for start in range(0, len(places.values), chunk):
        part = places.rows(slice(start, start + chunk))
        x, area = part.values.astype(np.float32), part.area.astype(np.float32)
        for name in ("hidden", "local"):
            kernel, bias = weights[name]
            x = np.maximum(x @ kernel + bias, 0)
        pooled = (x * area).sum(1) / (area.sum(1) + 1e-6)
        features.append(pooled)
        logits.append(pooled @ weights["classes"][0])
    return np.concatenate(logits), np.concatenate(features)
