"""Runs of the classical methods: features of each part, a classifier in memory, the same evaluation."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from training.data import splits
from training.data.loading import Data
from training.evaluate.parts import evaluate_parts
from training.evaluate.timing import time_prediction
from training.evaluate.types import RunMetrics, Timing
from training.fit.protocol import EventWriter
from training.fit.recipe import Recipe
from training.fit.runs import RunFolder
from training.models.classical import Classifier, fit_classifier
from training.models.features import cell_features, families_of, hog_features
from training.models.registry import method

_TIMED_FIELDS: Final = 40


def compute_features(recipe: Recipe, data: Data, events: EventWriter) -> NDArray[np.float64]:
    """Features of all fields of the set; each kind is computed at most once a process."""
    options = method(recipe.method.kind).full_options(recipe.method.options)
    kind = options["features"]

    def on_progress(done: int, total: int) -> None:
        events.progress(done, total, "fields measured")

    if kind == "cells":
        families = families_of(options["families"])
        key = f"cells {recipe.input}"
        if key not in data.features:
            data.features[key] = cell_features(
                [entry.path for entry in data.labelled.fields], recipe.input, on_progress=on_progress
            )
        return np.concatenate([data.features[key][name] for name in families], axis=1)
    pixels = data.prepared(recipe.input, events)
    if kind == "pixels":
        return pixels.reshape(len(pixels), -1).astype(np.float64)
    key = f"hog {recipe.input} {options['orientations']} {options['cell']} {options['block']}"
    if key not in data.features:
        data.features[key] = {"hog": hog_features(pixels, options, on_progress=on_progress)}
    return data.features[key]["hog"]


def run_classical(
    recipe: Recipe, data: Data, split: splits.Split, *, folder: RunFolder, events: EventWriter
) -> RunMetrics:
    """Fit and evaluate a classical method.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        StationError: ``stopped-early`` when it was stopped before it was fitted.
    """
    events.phase("training", f"{recipe.name}: measuring fields")
    features = compute_features(recipe, data, events)
    if events.stopping:
        raise StationError(
            "stopped-early", "Training was stopped before the method was fitted; nothing is kept."
        )
    model = fit_to_training(recipe, data, split, features)
    events.phase("evaluating", "Opening the test set once")
    metrics: RunMetrics = {
        "features": int(features.shape[1]),
        "parameters": model.parameters,
        "megabytes_float32": round(model.parameters * 4 / 1e6, 3),
    }
    parts = evaluate_parts(
        data,
        split,
        lambda rows: model.probabilities(features[rows]),
        folder=folder,
        timer=functools.partial(timed, recipe, data, model=model),
    )
    return {**metrics, **parts}


def fit_to_training(
    recipe: Recipe, data: Data, split: splits.Split, features: NDArray[np.float64]
) -> Classifier:
    """Fit the recipe's classifier on the training fields; the same recipe and data give the same one."""
    labels = data.labelled.labels
    options = method(recipe.method.kind).full_options(recipe.method.options)
    return fit_classifier(
        options["classifier"],
        (features[split.train], labels[split.train]),
        (features[split.validation], labels[split.validation]),
        classes=len(data.labelled.classes),
        options=options,
        seed=recipe.fit.seed,
    )


def timed(recipe: Recipe, data: Data, rows: NDArray[np.int64], *, model: Classifier) -> Timing:
    """Time measuring and classifying the first 40 of some fields, reading excluded for HOG and pixels only.

    Args:
        recipe: Which features.
        data: The labelled set; for HOG and pixels it was prepared.
        rows: Fields of one part of the split.
        model: The classifier.

    Returns:
        As :func:`training.evaluate.timing.time_prediction`.
    """
    options, rows = method(recipe.method.kind).full_options(recipe.method.options), rows[:_TIMED_FIELDS]
    paths: list[Path] = [data.labelled.fields[int(row)].path for row in rows]

    def once() -> None:
        if options["features"] == "cells":
            found = cell_features(paths, recipe.input)
            measured = np.concatenate([found[name] for name in families_of(options["families"])], axis=1)
        else:
            pixels = data.pixels[recipe.input][rows]
            plain = pixels.reshape(len(pixels), -1).astype(np.float64)
            measured = hog_features(pixels, options) if options["features"] == "hog" else plain
        model.probabilities(measured)

    return time_prediction(once, len(rows), repeats=3)
