"""Estimate of a run's time and memory on this computer, measured in a few seconds.

Only what a recipe does most is timed, on a few fields of its own folder; the estimate says so.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.imaging.inputs import to_tensor
from training.data.augment import augment
from training.data.fields_in_memory import load_pixels
from training.data.labelled_folder import LabelledSet, read_labelled
from training.fit.protocol import EventWriter
from training.fit.recipe import Recipe
from training.fit.training_loop import build_network
from training.models.features import cell_features, hog_features
from training.models.registry import method

_TRIED: Final = 4
_MEGABYTE: Final = 2**20
_SHORTEST: Final = 0.1
"""Seconds told at least: what is measured on a few fields is never nothing."""


def estimate(recipe: Recipe, events: EventWriter) -> dict[str, Any]:
    """Estimate a recipe.

    Args:
        recipe: Names folder, method and everything else.
        events: Receives what is measured.

    Returns:
        ``seconds`` (reading the fields and training them), ``megabytes`` and a ``sentence`` about both.

    Raises:
        StationError: When the folder or a field of it cannot be read.
    """
    events.phase("preparing", "Measuring on a few fields")
    labelled = read_labelled(Path(recipe.data))
    makers: Mapping[str, Callable[[Recipe, LabelledSet], tuple[float, float]]] = {
        "network": _network,
        "classical": _classical,
        "tuning": _tuning,
    }
    seconds, fixed = makers[method(recipe.method.kind).kind](recipe, labelled)
    megabytes = fixed + _memory(recipe, len(labelled.fields))
    minutes = max(1, round(seconds / 60))
    words = f"{minutes} min" if seconds > 90 else f"{max(1, round(seconds))} s"  # noqa: PLR2004 - reads better
    sentence = (
        f"About {words} and {megabytes / 1000:.1f} GB of memory, measured just now on {_TRIED} fields; "
        "the check of the folder, evaluation and export come on top."
    )
    return {"seconds": max(_SHORTEST, round(seconds, 1)), "megabytes": round(megabytes), "sentence": sentence}


def _some(labelled: LabelledSet) -> list[Path]:
    step = max(1, len(labelled.fields) // _TRIED)
    return [field.path for field in labelled.fields[::step]][:_TRIED]


def _each(act: Callable[[], object]) -> float:
    """Seconds a field of something done to the tried fields."""
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) / _TRIED


def _held() -> float:
    """Megabytes that this process holds now, after the work was tried."""
    import psutil

    return float(psutil.Process().memory_info().rss) / _MEGABYTE


def _memory(recipe: Recipe, fields: int) -> float:
    """Megabytes of all fields as the network sees them, before scaling."""
    height, width, channels = recipe.input.shape
    return fields * height * width * channels / _MEGABYTE


def _tuning(recipe: Recipe, labelled: LabelledSet) -> tuple[float, float]:
    from training.fit import last_layer
    from training.fit.fine_tuning import base_bundle, base_input

    base = last_layer.open_base(base_bundle(recipe))
    paths, fields = _some(labelled), len(labelled.fields)
    pixels: list[NDArray[np.uint8]] = []
    reading = _each(lambda: pixels.append(load_pixels(paths, base_input(base.bundle))))
    looking = _each(lambda: last_layer.extract_features(base, pixels[0]))
    altering = _each(lambda: last_layer.altered_fields(pixels[0], seed=1, copy=0))
    copies = int(method(recipe.method.kind).full_options(recipe.method.options)["copies"])
    more = copies * recipe.split.train
    return fields * (reading + looking * (1 + more) + altering * more), _held()


def _network(recipe: Recipe, labelled: LabelledSet) -> tuple[float, float]:
    paths, fields, fit = _some(labelled), len(labelled.fields), recipe.fit
    pixels: list[NDArray[np.uint8]] = []
    reading = _each(lambda: pixels.append(load_pixels(paths, recipe.input)))
    random = np.random.default_rng(1)
    plain = dataclasses.replace(recipe.augmentation, background=0.0)
    altering = _each(lambda: [augment(field, plain, random) for field in pixels[0]])
    model = build_network(recipe, len(labelled.classes))
    batch = min(fit.batch, max(1, fields))
    some = np.resize(to_tensor(pixels[0], recipe.input), (batch, *recipe.input.shape)).astype(np.float32)
    truth = np.eye(len(labelled.classes), dtype=np.float32)[np.arange(batch) % len(labelled.classes)]
    model.optimizer.build(model.trainable_variables)
    model.train_on_batch(some, truth)
    begun = time.perf_counter()
    model.train_on_batch(some, truth)
    learning = (time.perf_counter() - begun) / batch
    model.predict_on_batch(some)
    begun = time.perf_counter()
    model.predict_on_batch(some)
    seeing = (time.perf_counter() - begun) / batch
    each = recipe.split.train * (learning + altering) + recipe.split.validation * seeing
    return fields * (reading + fit.epochs * each), _held()


def _classical(recipe: Recipe, labelled: LabelledSet) -> tuple[float, float]:
    options = method(recipe.method.kind).full_options(recipe.method.options)
    paths, fields = _some(labelled), len(labelled.fields)

    def measure() -> None:
        if options["features"] == "cells":
            cell_features(paths, recipe.input)
            return
        pixels = load_pixels(paths, recipe.input)
        if options["features"] == "hog":
            hog_features(pixels, options)

    return fields * _each(measure), _held()
