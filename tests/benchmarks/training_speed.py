"""Seconds per epoch of Zhang's network: this project's route against plain ImageDataGenerator.

    python tests/benchmarks/training_speed.py LABELLED_FOLDER [--fields 384] [--out F.json]

Each route runs in a child process of its own, in turn, several times over, so that a busy machine
hits all alike. The plain route is what the papers describe: the network with ReLU before pooling, fields
read from class folders batch by batch by ``ImageDataGenerator``, TensorFlow as it comes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROUTES = ("plain", "plain, oneDNN on", "this project")
SIZE = 100


def _plain(folder: Path, epochs: int) -> list[float]:
    import keras
    from keras import layers
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    keras.utils.set_random_seed(1)
    stack: list[Any] = [keras.Input((SIZE, SIZE, 1))]
    for filters, kernel in ((64, 5), (32, 5), (128, 3)):
        stack += [layers.Conv2D(filters, kernel, activation="relu"), layers.MaxPooling2D(2)]
    stack += [layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dropout(0.5)]
    model = keras.Sequential([*stack, layers.Dense(4, activation="softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    flow = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        str(folder), target_size=(SIZE, SIZE), color_mode="grayscale", batch_size=64
    )
    return _timed(lambda: model.fit(flow, epochs=1, verbose=0), epochs)


def _ours(folder: Path, epochs: int) -> list[float]:
    from training.fields_in_memory import load_pixels
    from training.fit import build_network
    from training.labelled_folder import read_labelled
    from training.recipe import recipe_from
    from training.registry import preset

    recipe = recipe_from(preset("zhang"))
    labelled = read_labelled(folder)
    model = build_network(recipe, len(labelled.classes))
    from training.batches import Batches

    begun = time.perf_counter()
    pixels = load_pixels([field.path for field in labelled.fields], recipe.input)
    reading = time.perf_counter() - begun
    truth = np.eye(len(labelled.classes), dtype=np.float32)[labelled.labels]
    batches = Batches(pixels, truth, recipe.input, batch=64, seed=1)
    seconds = _timed(lambda: model.fit(batches, epochs=1, verbose=0, shuffle=False), epochs)
    return [*seconds, reading]


def _timed(epoch: Any, epochs: int) -> list[float]:
    """Time epochs after one that warms up."""
    epoch()
    seconds = []
    for _ in range(epochs):
        begun = time.perf_counter()
        epoch()
        seconds.append(time.perf_counter() - begun)
    return seconds


def _some_fields(source: Path, target: Path, fields: int) -> int:
    count = 0
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        (target / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir())[: fields // 4]:
            shutil.copy(path, target / folder.name)
            count += 1
    return count


def _child(route: str, folder: Path, epochs: int) -> list[float]:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_ENABLE_ONEDNN_OPTS", None)
    if route == "plain, oneDNN on":
        environment["TF_ENABLE_ONEDNN_OPTS"] = "1"
    command = [sys.executable, __file__, str(folder), "--route", route, "--epochs", str(epochs)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [float(value) for value in json.loads(done.stdout.splitlines()[-1])]


def main() -> int:
    """Measure every route in turn and print the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fields", type=int, default=384)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--route")
    options = parser.parse_args()
    if options.route:
        run = _ours if options.route == "this project" else _plain
        print(json.dumps(run(options.folder, options.epochs)))
        return 0
    found: dict[str, list[float]] = {route: [] for route in ROUTES}
    reading: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        fields = _some_fields(options.folder, Path(name), options.fields)
        for _ in range(options.rounds):
            for route in ROUTES:
                seconds = _child(route, Path(name), options.epochs)
                if route == "this project":
                    reading.append(seconds.pop())
                found[route] += seconds
    medians = {route: median(seconds) for route, seconds in found.items()}
    result = {
        "fields": fields,
        "seconds_per_epoch": found,
        "median_fields_per_second": {route: fields / value for route, value in medians.items()},
        "ratio_to_plain": {route: medians["plain"] / value for route, value in medians.items()},
        "reading_once_seconds": reading,
        "processors": os.cpu_count(),
        "load_average": os.getloadavg(),
    }
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
