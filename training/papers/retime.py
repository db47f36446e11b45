"""Prediction times of finished runs, taken again one after another.

A run takes its times when it ends, beside whatever else the computer does then. Times that are to be
compared with each other are taken together, on a computer that has nothing else to do.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from pathlib import Path

from training.data import splits
from training.data.loading import Data, open_data
from training.evaluate.timing import Timer
from training.fit import runs
from training.fit.classical import compute_features, fit_to_training, timed
from training.fit.protocol import EventWriter
from training.fit.recipe import Recipe
from training.fit.training_loop import build_network, load_weights, network_timer
from training.models.registry import method


def time_again(found: Iterable[tuple[Recipe, Path]], events: EventWriter) -> int:
    """Predict with every run's model again and put the times into its ``metrics.json``.

    Args:
        found: Recipe and run folder of finished runs of one labelled folder.
        events: Receives which run is timed; stops between two runs.

    Returns:
        Number of runs timed.

    Raises:
        StationError: When the labelled folder cannot be used, or a model cannot be read.
    """
    data: Data | None = None
    done = 0
    for recipe, folder in found:
        if events.stopping:
            break
        data = data or open_data(recipe, events)
        events.message(f"Timing {folder.name}.")
        metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
        split = splits.make_split(data.labelled, recipe.split, data.groups)
        time = _timer(recipe, folder, data, split, events=events)
        for part in ("validation", "test"):
            metrics[part]["time"] = {**time(getattr(split, part)), "taken": runs.now()}
        runs.write_json(folder / "metrics.json", metrics)
        done += 1
    return done


def _timer(recipe: Recipe, folder: Path, data: Data, split: splits.Split, *, events: EventWriter) -> Timer:
    """Read a run's network, or fit its classical method again, and return what times it."""
    pixels = data.prepared(recipe.input, events)
    if method(recipe.method.kind).kind != "network":
        model = fit_to_training(recipe, data, split, compute_features(recipe, data, events))
        return functools.partial(timed, recipe, data, model=model)
    network = build_network(recipe, len(data.labelled.classes))
    load_weights(network, folder / "weights.npz")
    return network_timer(network, pixels, recipe.input)
