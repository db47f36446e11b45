"""Training loop of the networks: Keras' own, on bytes in memory, resumable after a kill."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.imaging.inputs import InputSpec, to_tensor
from training.data.augment import Backgrounds
from training.evaluate.timing import Timer, time_prediction
from training.fit.protocol import EventWriter
from training.fit.recipe import FitSpec, Recipe
from training.fit.runs import RunFolder, read_arrays
from training.models.backend import KerasObject, load_keras, set_variables
from training.models.registry import method

_WEIGHT_DECAY: Final = 0.004
"""What Keras' AdamW takes where nothing is said."""


@dataclass(frozen=True)
class Part:
    """Fields of one part of a split, in memory.

    Attributes:
        pixels: uint8 (n, h, w, c).
        labels: Class indices.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """A fitted network.

    Attributes:
        model: The Keras model with the weights the recipe asks for.
        epochs: Epochs that were completed.
        best_epoch: Epoch of the lowest validation loss.
        stopped: Whether the person stopped it.
        seconds_per_epoch: Median.
    """

    model: KerasObject
    epochs: int
    best_epoch: int
    stopped: bool
    seconds_per_epoch: float


def build_network(recipe: Recipe, classes: int) -> KerasObject:
    """Build and compile the network of a recipe.

    Raises:
        StationError: ``no-keras``, ``no-weights``.
    """
    fit = recipe.fit
    keras = load_keras(threads=fit.threads, precision=fit.precision, seed=fit.seed)
    entry = method(recipe.method.kind)
    options = {**entry.full_options(recipe.method.options), "weights": recipe.method.weights}
    outputs = "sigmoid" if fit.loss == "sigmoid_crossentropy" else "softmax"
    model = entry.builder()(recipe.input, classes, options=options, outputs=outputs)
    loss = "binary_crossentropy" if fit.loss == "sigmoid_crossentropy" else fit.loss
    accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")
    model.compile(optimizer=_optimiser(keras, fit), loss=loss, metrics=[accuracy])
    return model


def _optimiser(keras: KerasObject, fit: FitSpec) -> KerasObject:
    rate = fit.learning_rate
    makers: Mapping[str, Callable[[], Any]] = {
        "adam": lambda: keras.optimizers.Adam(rate),
        "adamw": lambda: keras.optimizers.AdamW(rate, weight_decay=fit.weight_decay or _WEIGHT_DECAY),
        "sgd": lambda: keras.optimizers.SGD(rate, momentum=0.9),
        "rmsprop": lambda: keras.optimizers.RMSprop(rate),
    }
    return makers[fit.optimiser]()


def learning_rate(fit: FitSpec, epoch: int) -> float:
    """Step size of an epoch, from 0: a function of the epoch alone, so that a resumed run has the same."""
    if fit.schedule == "cosine":
        return fit.learning_rate * max(0.01, (1 + math.cos(math.pi * epoch / fit.epochs)) / 2)
    if fit.schedule == "step":
        return float(fit.learning_rate * 0.1 ** (3 * epoch // fit.epochs))
    return fit.learning_rate


def class_weights(labels: NDArray[np.int64], fit: FitSpec) -> NDArray[np.float32] | None:
    """Weight of every field: n / (classes x fields of its class), or None."""
    if fit.class_weights == "none":
        return None
    counts = np.bincount(labels)
    return (len(labels) / (np.count_nonzero(counts) * counts[labels])).astype(np.float32)


def fit_network(
    recipe: Recipe,
    train: Part,
    validation: Part,
    *,
    classes: int,
    folder: RunFolder,
    events: EventWriter,
    backgrounds: Backgrounds | None = None,
) -> Fitted:
    """Fit the recipe's network, continuing from the run folder's state if it has one.

    Raises:
        StationError: ``nan-loss``, ``out-of-memory``, ``disk-full``, ``no-keras``, ``no-weights``,
            ``stopped-early`` when it was stopped before one epoch was complete.
    """
    fit = recipe.fit
    model = build_network(recipe, classes)
    # A step that makes the optimiser's variables while it is traced is traced twice.
    model.optimizer.build(model.trainable_variables)
    from training.data.batches import Batches
    from training.fit.callbacks import CheckpointCallback, ProgressCallback

    checkpoint = CheckpointCallback(
        folder, events, epochs=fit.epochs, patience=fit.patience, snapshots=fit.snapshots
    )
    checkpoint.set_model(model)
    done = checkpoint.restore()
    eye = np.eye(classes, dtype=np.float32)
    batches = Batches(
        train.pixels,
        eye[train.labels],
        recipe.input,
        batch=fit.batch,
        augmentation=recipe.augmentation,
        seed=fit.seed,
        weights=class_weights(train.labels, fit),
        backgrounds=backgrounds,
        epoch=done,
    )
    validation_batches = Batches(
        validation.pixels, eye[validation.labels], recipe.input, batch=max(64, fit.batch)
    )
    progress = ProgressCallback(events, fit.epochs, first=done)
    if done < fit.epochs and not _was_patient(checkpoint, fit, done):
        _run(
            model,
            batches,
            validation_batches if len(validation.labels) else None,
            fit=fit,
            done=done,
            callbacks=[progress, checkpoint],
        )
    return _outcome(model, checkpoint, fit, folder=folder, events=events)


def _was_patient(checkpoint: KerasObject, fit: FitSpec, done: int) -> bool:
    """Whether early stopping had ended the fit before it was interrupted."""
    return bool(fit.patience and done and done - checkpoint.best_epoch >= fit.patience)


def _run(
    model: KerasObject,
    batches: KerasObject,
    validation_batches: KerasObject,
    *,
    fit: FitSpec,
    done: int,
    callbacks: list[Any],
) -> None:
    import keras

    stock = [keras.callbacks.TerminateOnNaN()]
    if fit.schedule in {"cosine", "step"}:
        stock.append(keras.callbacks.LearningRateScheduler(lambda epoch: learning_rate(fit, epoch)))
    elif fit.schedule == "plateau":
        monitor = "val_loss" if validation_batches is not None else "loss"
        stock.append(keras.callbacks.ReduceLROnPlateau(monitor=monitor, factor=0.5, patience=3))
    try:
        model.fit(
            batches,
            validation_data=validation_batches,
            epochs=fit.epochs,
            initial_epoch=done,
            shuffle=False,
            verbose=0,
            callbacks=[*stock, *callbacks],
        )
    except MemoryError as error:
        raise _out_of_memory(fit) from error
    except Exception as error:
        if type(error).__name__ == "ResourceExhaustedError":
            raise _out_of_memory(fit) from error
        raise


def _out_of_memory(fit: FitSpec) -> StationError:
    sentence = (
        f"The computer ran out of memory while training with {fit.batch} fields a batch. "
        "Choose a smaller batch or a smaller image size; earlier runs are untouched."
    )
    return StationError("out-of-memory", sentence)


def _outcome(
    model: KerasObject, checkpoint: KerasObject, fit: FitSpec, *, folder: RunFolder, events: EventWriter
) -> Fitted:
    rows = checkpoint.history_rows
    finished_or_stopped = (
        events.stopping or len(rows) >= fit.epochs or _was_patient(checkpoint, fit, len(rows))
    )
    if not finished_or_stopped:
        sentence = (
            f"The loss became not-a-number in epoch {len(rows) + 1}: the steps were too large. "
            f"Choose a learning rate below {fit.learning_rate:g}; earlier runs are untouched."
        )
        raise StationError("nan-loss", sentence)
    if not rows:
        sentence = "Training was stopped before its first epoch was complete, so there is nothing to keep."
        raise StationError("stopped-early", sentence)
    if events.stopping or fit.keep == "best":
        load_weights(model, folder.path / "best.npz")
    median = float(np.median([row["seconds"] for row in rows]))
    return Fitted(model, len(rows), checkpoint.best_epoch, events.stopping and len(rows) < fit.epochs, median)


def load_weights(model: KerasObject, path: Path) -> None:
    """Put kept weights into a model of the same recipe."""
    set_variables(model, "model", read_arrays(path))


def predict(
    model: KerasObject, pixels: NDArray[np.uint8], spec: InputSpec, *, batch: int = 64
) -> NDArray[np.float64]:
    """Class probabilities of prepared fields, batch after batch in bounded memory.

    Sigmoid outputs are divided by their sum.

    Args:
        model: A network of this package.
        pixels: uint8 (n, h, w, c).
        spec: Input of the network.
        batch: Fields a call.

    Returns:
        float64 (n, classes), rows sum to 1.
    """
    parts = [
        np.asarray(model.predict_on_batch(to_tensor(pixels[start : start + batch], spec)), np.float64)
        for start in range(0, len(pixels), batch)
    ]
    if not parts:
        return np.empty((0, model.output_shape[-1]))
    together = np.concatenate(parts)
    return np.asarray(together / np.maximum(together.sum(axis=1, keepdims=True), 1e-12))


def network_timer(model: KerasObject, pixels: NDArray[np.uint8], spec: InputSpec) -> Timer:
    """Return a timer of a network on rows of the prepared fields."""
    return lambda rows: time_prediction(functools.partial(predict, model, pixels[rows], spec), len(rows))
