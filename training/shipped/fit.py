"""Training on stored ttem outputs: minutes on two processors instead of hours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Half = NDArray[np.float16]
Single = NDArray[np.float32]
Weights = dict[str, list[NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How the trained half is trained.

    Attributes:
        passes: Times every copy is seen.
        batch: Sheets a step.
        rate: Highest learning rate of AdamW; a cosine brings it to zero.
        decay: Weight decay.
        smoothing: Of the target classes.
        dropout: Of the pooled features.
        average: Momentum of the averaged weights that are kept.
    """

    passes: int = 4
    batch: int = 64
    rate: float = 5e-4
    decay: float = 1e-2
    smoothing: float = 0.05
    dropout: float = 0.3
    average: float = 0.995


@dataclass(frozen=True)
class SheetCache:
    """Ttem outputs of all copies of all fields.

    Attributes:
        outputs: One array (n, r, r, c) per copy.
        areas: One array (n, r, r, 1) per copy.
        shows: One array (n,) per copy: whether the sheet shows cells at all.
    """

    outputs: list[Half]
    areas: list[Half]
    shows: list[NDArray[np.bool_]]


def targets_of(
    labels: NDArray[np.int64], shows: NDArray[np.bool_], *, classes: int, smoothing: float
) -> Single:
    """Return soft targets (n, classes); sheets without cells get every class alike."""
    sharp = np.eye(classes, dtype=np.float32)[labels] * (1 - smoothing) + smoothing / classes
    return np.where(shows[:, None], sharp, np.float32(1 / classes)).astype(np.float32)


def batches(
    cache: SheetCache, rows: NDArray[np.int64], labels: NDArray[np.int64], settings: FitSettings, seed: int
) -> Iterator[tuple[tuple[Single, Single], Single, Single]]:
    """Yield ttem outputs and areas, targets and weights; classes weigh alike in every batch's sum."""
    classes = int(labels.max()) + 1
    counts = np.bincount(labels[rows], minlength=classes)
    weight = (len(rows) / (classes * np.maximum(counts, 1))).astype(np.float32)
    random = np.random.default_rng(seed)
    pairs = np.array([(copy, row) for copy in range(len(cache.outputs)) for row in rows])
    for _ in range(settings.passes):
        order = random.permutation(len(pairs))
        for start in range(0, len(order) - settings.batch + 1, settings.batch):
            chosen = pairs[order[start : start + settings.batch]]
            own = labels[chosen[:, 1]]
            shows = np.array([cache.shows[copy][row] for copy, row in chosen])
            stem = np.stack([cache.outputs[copy][row] for copy, row in chosen]).astype(np.float32)
            area = np.stack([cache.areas[copy][row] for copy, row in chosen]).astype(np.float32)
            targets = targets_of(own, shows, classes=classes, smoothing=settings.smoothing)
            yield (stem, area), targets, np.where(shows, weight[own], 1).astype(np.float32)


def fit_tail(
    cache: SheetCache,
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
    *,
    settings: FitSettings,
    seed: int,
    start: Weights,
) -> Any:  # noqa: ANN401  (Keras models have no public type)
    """Train the trained half and return it with its averaged weights.

    Args:
        cache: Ttem outputs of all fields.
        rows: Fields to learn from.
        labels: Class index of every field.
        settings: How.
        seed: Of the weights and of the order.
        start: Weights to begin from: ImageNet's, or a bundle's.
    """
    import keras

    from training.shipped.network import build_tail, load_weights

    keras.utils.set_random_seed(seed)
    model = build_tail(cache.outputs[0].shape[1], int(labels.max()) + 1, dropout=settings.dropout)
    load_weights(model, start)
    steps = settings.passes * (len(rows) * len(cache.outputs) // settings.batch)
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.rate / 20, steps, warmup_target=settings.rate, warmup_steps=max(1, steps // 20)
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=settings.decay, clipnorm=1.0, use_ema=True, ema_momentum=settings.average
    )
    trainer = keras.Model(model.inputs, model.output["logits"])
    trainer.compile(optimizer=optimizer, loss=keras.losses.CategoricalCrossentropy(from_logits=True))
    losses = []
    for inputs, targets, weights in batches(cache, rows, labels, settings, seed):
        losses.append(float(trainer.train_on_batch(list(inputs), targets, sample_weight=weights)))
    print(losses[::60])
    optimizer.finalize_variable_values(trainer.trainable_variables)
    return model


def tail_outputs(model: Any, outputs: Half, areas: Half, chunk: int = 256) -> tuple[Single, Single]:  # noqa: ANN401
    """Return logits (n, k) and features (n, f) of stored ttem outputs."""
    from training.shipped.network import build_tail, load_weights, named_weights

    whole = build_tail(outputs.shape[1], int(model.output["logits"].shape[-1]))
    load_weights(whole, named_weights(model))
    logits, features = [], []
    for start in range(0, len(outputs), chunk):
        part = slice(start, start + chunk)
        found = whole.predict_on_batch([outputs[part].astype(np.float32), areas[part].astype(np.float32)])
        logits.append(found["logits"])
        features.append(found["features"])
    return np.concatenate(logits), np.concatenate(features)
