"""Seconds per epoch of each network: this project's way against plain Keras on ImageDataGenerator.

    python tests/benchmarks/training_speed.py LABELLED_FOLDER [--networks zhang nadim] [--epochs 6]

Every way runs in a child process of its own, in turn. All see the same fields in the same batches with the
same kinds of random changes, and are tested on the same held-out fifth; the first epoch, which warms up,
is learned from and not timed. The plain way is what the papers describe: ``ImageDataGenerator`` from class
folders and ``fit``, TensorFlow as it comes, and for Zhang's network ReLU before the pooling, as she wrote
it. Reading the fields once into memory is part of this project's first epoch. Zhang's network gets its
input centred in both ways: with numbers from 0 to 1 one seed in four learns nothing, and accuracies that
are to be compared would say which seeds were drawn. Each round has a seed of its own.

``--unaltered`` compares like for like with what Zhang prints: no random changes, and both ways hold their
fields in memory.
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
from statistics import fmean, median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

WAYS = ("plain Keras", "this project")
NETWORKS = ("zhang", "nadim", "compact", "resnet50", "densenet121")
CHANGES = {"rotation": 20.0, "width_shift": 0.1, "height_shift": 0.1, "shear": 5.0, "zoom": 0.1}
BATCH = 32
CENTRED = ("zhang",)


def recipe_of(network: str, seed: int = 1, *, unaltered: bool = False) -> Any:
    """Return the network's preset with the changes of this benchmark, or with none."""
    from training.fit.recipe import recipe_from
    from training.models.registry import preset

    data = preset(network)
    data["augmentation"] = {} if unaltered else {**CHANGES, "horizontal_flip": True}
    data["fit"] = data.get("fit", {}) | {"batch": BATCH, "patience": 0, "seed": seed}
    if network in CENTRED:
        data["input"] = {**data["input"], "scaling": "signed"}
    data["method"]["weights"] = "none"
    return recipe_from(data)


def centred(pixels: Any) -> Any:
    """Bring bytes to -1 to 1."""
    return pixels / 127.5 - 1


def plain(folder: Path, network: str, epochs: int, seed: int, *, unaltered: bool) -> dict[str, Any]:
    """Time the papers' way."""
    import keras
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    keras.utils.set_random_seed(seed)
    recipe = recipe_of(network)
    spec = recipe.input
    if network == "zhang":
        model = _as_zhang_wrote_it(spec.shape)
    else:
        from training.models.registry import method

        entry = method(network)
        options = {**entry.full_options({}), "weights": "none"}
        model = entry.builder()(spec, 4, options=options, outputs="softmax")
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    scale: dict[str, Any] = (
        {"preprocessing_function": centred} if network in CENTRED else {"rescale": 1 / 255}
    )
    changes = ImageDataGenerator(
        **scale,
        rotation_range=CHANGES["rotation"],
        width_shift_range=CHANGES["width_shift"],
        height_shift_range=CHANGES["height_shift"],
        shear_range=CHANGES["shear"],
        zoom_range=CHANGES["zoom"],
        horizontal_flip=True,
    )
    kind = {
        "target_size": (spec.height, spec.width),
        "color_mode": "grayscale" if spec.channels == 1 else "rgb",
        "batch_size": BATCH,
    }
    if unaltered:
        changes = ImageDataGenerator(**scale)
    learned = changes.flow_from_directory(str(folder / "train"), seed=seed, **kind)
    tested = ImageDataGenerator(**scale).flow_from_directory(str(folder / "test"), shuffle=False, **kind)
    seconds = _timed(model, _in_memory(learned) if unaltered else learned, epochs)
    return seconds | {"accuracy": float(model.evaluate(tested, verbose=0)[1])}


def _in_memory(batches: Any) -> tuple[Any, Any]:
    """Return fields and classes as arrays, as ``fit`` takes them."""
    pairs = [batches[index] for index in range(len(batches))]
    return np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])


def _as_zhang_wrote_it(shape: tuple[int, int, int]) -> Any:
    import keras
    from keras import layers

    stack: list[Any] = [keras.Input(shape)]
    for filters, kernel in ((64, 5), (32, 5), (128, 3)):
        stack += [layers.Conv2D(filters, kernel, activation="relu"), layers.MaxPooling2D(2)]
    stack += [layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dropout(0.5)]
    return keras.Sequential([*stack, layers.Dense(4, activation="softmax")])


def ours(folder: Path, network: str, epochs: int, seed: int, *, unaltered: bool) -> dict[str, Any]:
    """Time this project's way."""
    from training.data.fields_in_memory import load_pixels
    from training.data.labelled_folder import read_labelled
    from training.fit.training_loop import build_network, predict

    recipe = recipe_of(network, seed, unaltered=unaltered)
    labelled, held = read_labelled(folder / "train"), read_labelled(folder / "test")
    model = build_network(recipe, len(labelled.classes))
    from training.data.batches import Batches

    begun = time.perf_counter()
    pixels = load_pixels([field.path for field in labelled.fields], recipe.input)
    reading = time.perf_counter() - begun
    truth = np.eye(len(labelled.classes), dtype=np.float32)[labelled.labels]
    batches = Batches(pixels, truth, recipe.input, batch=BATCH, seed=seed, augmentation=recipe.augmentation)
    seconds = _timed(model, batches, epochs)
    shares = predict(model, load_pixels([field.path for field in held.fields], recipe.input), recipe.input)
    right = float((shares.argmax(axis=1) == held.labels).mean())
    return seconds | {"accuracy": right, "reading": reading}


def _timed(model: Any, fields: Any, epochs: int) -> dict[str, Any]:
    """Fit, and time the epochs after one that warms up: seconds of the clock and of the processors.

    What a call of ``fit`` makes ready, two batches for their shapes among it, belongs to no epoch.
    """
    import keras

    moments: list[tuple[float, float]] = []

    def begin(_epoch: int, _logs: Any) -> None:
        moments.append((time.perf_counter(), time.process_time()))

    told = keras.callbacks.LambdaCallback(on_epoch_begin=begin)
    arrays = {"x": fields[0], "y": fields[1], "batch_size": BATCH, "shuffle": True}
    given = arrays if isinstance(fields, tuple) else {"x": fields, "shuffle": False}
    model.fit(**given, epochs=epochs + 1, verbose=0, callbacks=[told])
    begin(epochs + 1, None)
    passed = np.diff(np.array(moments[1:]), axis=0)
    return {"seconds": passed[:, 0].tolist(), "processor": passed[:, 1].tolist()}


def divided(source: Path, target: Path) -> tuple[int, int]:
    """Copy class folders into a training part and every fifth field into a test part."""
    counts = {"train": 0, "test": 0}
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        for index, path in enumerate(sorted(folder.iterdir())):
            part = "test" if index % 5 == 4 else "train"
            place = target / part / folder.name
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
            counts[part] += 1
    return counts["train"], counts["test"]


def child(way: str, folder: Path, network: str, epochs: int, seed: int, *, unaltered: bool) -> dict[str, Any]:
    """Run one way in a process of its own."""
    command = [sys.executable, __file__, str(folder), "--way", way]
    command += ["--networks", network, "--epochs", str(epochs), "--seed", str(seed)]
    command += ["--unaltered"] if unaltered else []
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_ENABLE_ONEDNN_OPTS", None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def race(
    folder: Path, network: str, epochs: int, rounds: int, held_out: int, *, unaltered: bool
) -> list[dict[str, Any]]:
    """Run all ways in turn and compare medians."""
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for number in range(1, rounds + 1):
        for way in WAYS:
            found[way].append(child(way, folder, network, epochs, number, unaltered=unaltered))
            print(f"  {network}, {way}: {found[way][-1]}", file=sys.stderr, flush=True)
    seconds, processor = (
        {way: [value for one in many for value in one[key]] for way, many in found.items()}
        for key in ("seconds", "processor")
    )
    return [
        {
            "network": network,
            "route": way,
            "unaltered": unaltered,
            "seconds_per_epoch": seconds[way],
            "processor_per_epoch": processor[way],
            "times_plain": median(seconds[WAYS[0]]) / median(seconds[way]),
            "times_plain_processor": median(processor[WAYS[0]]) / median(processor[way]),
            "accuracy": fmean(one["accuracy"] for one in many),
            "accuracies": [one["accuracy"] for one in many],
            "held_out": held_out,
            "reading": [one["reading"] for one in many if "reading" in one],
        }
        for way, many in found.items()
    ]


def main() -> int:
    """Measure every way in turn and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--networks", nargs="*", default=NETWORKS)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--unaltered", action="store_true", help="no random changes, fields in memory")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        way = plain if options.way == WAYS[0] else ours
        found = way(
            options.folder, options.networks[0], options.epochs, options.seed, unaltered=options.unaltered
        )
        print(json.dumps(found))
    else:
        rows: list[dict[str, Any]] = []
        with tempfile.TemporaryDirectory() as name:
            fields, held_out = divided(options.folder, Path(name))
            for network in options.networks or NETWORKS:
                rows += race(
                    Path(name), network, options.epochs, options.rounds, held_out, unaltered=options.unaltered
                )
        print(json.dumps({"fields": fields, "held_out": held_out, "epochs": options.epochs, "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
