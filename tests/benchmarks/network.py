"""One network for every contestant: a Keras file and the same network in a model bundle."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

CLASSES = ("Benign", "Early", "Pre", "Pro")


def build(folder: Path) -> None:
    """Write ``network.keras`` and ``network.allmodel``: MobileNetV2 at 224x224, weights from a seed.

    Speed does not depend on what the weights are, so no training is needed.
    """
    import keras
    import numpy as np

    from allstation.imaging.inputs import InputSpec
    from allstation.imaging.preprocess import Preprocessing
    from training.export import Export, export_bundle

    keras.utils.set_random_seed(1)
    inputs = keras.Input((224, 224, 3))
    trunk = keras.applications.MobileNetV2(input_tensor=inputs, weights=None, include_top=False)
    features = keras.layers.GlobalAveragePooling2D(name="features")(trunk.output)
    logits = keras.layers.Dense(len(CLASSES), name="logits")(features)
    probabilities = keras.layers.Softmax(name="probabilities")(logits)
    folder.mkdir(parents=True, exist_ok=True)
    keras.Model(inputs, probabilities).save(folder / "network.keras")
    served = keras.Model(inputs, {"logits": logits, "features": features})
    width = features.shape[-1]
    info = {
        "name": "benchmark",
        "version": "1",
        "created": "2026-01-01T00:00:00Z",
        "classes": list(CLASSES),
        "calibration": {"temperature": 1.0},
        "decision": {"min_probability": 0.3},
        "training": {"list_sha256": "0" * 64, "patients": "unknown", "recipe": "untrained, for timing only"},
        "figures": [],
        "limits": ["Untrained: for timing only."],
    }
    novelty = {
        "means": np.zeros((len(CLASSES), width), np.float32),
        "whitening": np.eye(64, width, dtype=np.float32),
        "limit": np.float32(1e6),
    }
    preprocessing = Preprocessing.plain(InputSpec())
    export_bundle(folder / "network.allmodel", served, Export(info, preprocessing, novelty=novelty))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
