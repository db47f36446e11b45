"""Profile of training Zhang's network: where the time of a batch goes, this project's way and plain Keras.

    python tests/benchmarks/training_profile.py [--batches 6]

Drawn numbers stand for fields, nothing is altered, all of it is in memory, and TensorFlow gets one thread, so
that the times of operations add up. Prints one JSON line a way: processor seconds of a batch without the
profiler, and the time of each kind of operation as a share of the whole step.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from training_speed import BATCH, WAYS, _as_zhang_wrote_it, centred, recipe_of

STEP = "multi_step_on_iterator"
KINDS = {
    "convolutions forwards": ("FusedConv2D",),
    "their filters' gradients": ("Conv2DBackpropFilter",),
    "their inputs' gradients": ("Conv2DBackpropInput",),
    "pooling": ("MaxPool",),
    "dense layers": ("MatMul",),
}
"""Kinds of operations by parts of their names."""


def trained(way: str, batches: int) -> Callable[[], Any]:
    """Return a call that trains one epoch of some batches."""
    import keras

    keras.utils.set_random_seed(1)
    recipe = recipe_of("zhang", unaltered=True)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (batches * BATCH, *recipe.input.shape), dtype=np.uint8)
    truth = np.eye(4, dtype=np.float32)[random.integers(0, 4, len(pixels))]
    if way == WAYS[0]:
        model = _as_zhang_wrote_it(recipe.input.shape)
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
        given = centred(pixels.astype(np.float32))
        return lambda: model.fit(given, truth, batch_size=BATCH, verbose=0)
    from training.data.batches import Batches
    from training.fit.training_loop import build_network

    own = build_network(recipe, 4)
    fields = Batches(pixels, truth, recipe.input, batch=BATCH, seed=1, augmentation=recipe.augmentation)
    return lambda: own.fit(fields, shuffle=False, verbose=0)


def milliseconds(trace: Path) -> dict[str, float]:
    """Return the time of each operation that a TensorFlow profile names."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(next(trace.rglob("*.xplane.pb")).read_bytes())
    found: dict[str, float] = {}
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            name = plane.event_metadata[event.metadata_id].name.rpartition(":")[2]
            found[name] = found.get(name, 0.0) + event.duration_ps / 1e9
    return found


def main() -> int:
    """Profile both ways in turn."""
    import tensorflow as tf

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=6)
    batches = parser.parse_args().batches
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for way in WAYS:
        run = trained(way, batches)
        run()
        begun = time.process_time()
        run()
        seconds = (time.process_time() - begun) / batches
        with tempfile.TemporaryDirectory() as folder:
            tf.profiler.experimental.start(folder)
            run()
            tf.profiler.experimental.stop()
            found = milliseconds(Path(folder))
        shares = {
            kind: sum(time for name, time in found.items() if any(part in name for part in parts))
            for kind, parts in KINDS.items()
        }
        whole = found[STEP]
        rounded = {kind: round(share / whole, 3) for kind, share in shares.items()}
        print(json.dumps({"way": way, "processor_seconds_a_batch": round(seconds, 4), "shares": rounded}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
