"""A network so small that everything else of the station is what a trial measures.

    python tests/faults/small_bundle.py TARGET.allmodel --seed 1

One strided convolution on 32x32 pixels, never trained: its answers mean nothing. It is exported, verified
and read like any other bundle.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from allstation.core.decision import DecisionRule
from allstation.imaging.inputs import InputSpec
from allstation.imaging.preprocess import Preprocessing

CLASSES = ["Benign", "Early", "Pre", "Pro"]


def write_small_bundle(target: Path, *, seed: int = 1) -> Path:
    """Write the bundle; another seed gives another network of the same shape."""
    import keras

    from training.fit.bundle_writer import Export, export_bundle

    keras.utils.set_random_seed(seed)
    inputs = keras.Input((32, 32, 3))
    grid = keras.layers.Conv2D(8, 3, 4, activation="relu")(inputs)
    features = keras.layers.GlobalAveragePooling2D()(grid)
    model = keras.Model(inputs, {"logits": keras.layers.Dense(4)(features), "features": features})
    export = Export(
        info={
            "name": f"small {seed}",
            "version": "0.1",
            "created": "2026-01-01",
            "classes": CLASSES,
            "calibration": {},
            "decision": DecisionRule(0.5).to_json(),
            "training": {},
            "figures": [],
            "limits": ["Never trained: for trials of the program only."],
        },
        preprocessing=Preprocessing.plain(InputSpec(height=32, width=32)),
        temperature=1.0,
        novelty={"means": np.zeros((4, 8)), "whitening": np.eye(8), "limit": np.array(3.0)},
        texts={"model-card.md": "# Never trained\n\nFor trials of the program only.\n"},
        weights={},
    )
    return export_bundle(target, model, export).path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write_small_bundle(options.target, seed=options.seed)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
