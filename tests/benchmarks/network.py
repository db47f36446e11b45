"""One network for every contestant: the shipped one, as a Keras file and as its model bundle."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def build(folder: Path) -> None:
    """Write ``network.keras`` and ``network.allmodel``, which is the shipped bundle.

    The Keras file takes colours of 0 to 1 and holds the same layers with the same weights. Its mask
    channel is 1 everywhere: finding the cells is the station's own work, which the others are spared.
    """
    import keras
    import numpy as np

    from allstation.inference.bundle import ModelBundle, default_bundle_path
    from allstation.inference.engine import Engine
    from training.fit.bundle_writer import WEIGHTS
    from training.models.cells import layered_weights
    from training.models.cells_network import serving_model

    folder.mkdir(parents=True, exist_ok=True)
    bundle = ModelBundle.open(default_bundle_path())
    side = int(Engine(bundle)._input["shape"][1])
    served = serving_model(layered_weights(bundle.arrays(WEIGHTS)), side)
    colours = keras.Input((side, side, 3))
    signed = keras.layers.Rescaling(2.0, -1.0)(colours)
    mask = keras.layers.Conv2D(1, 1, kernel_initializer="zeros", bias_initializer="ones", trainable=False)(
        colours
    )
    logits = served(keras.layers.Concatenate()([signed, mask]))["logits"]
    model = keras.Model(colours, keras.layers.Softmax()(logits))
    field = np.random.default_rng(1).random((1, side, side, 3), np.float32)
    tensor = np.concatenate([2 * field[0] - 1, np.ones((side, side, 1), np.float32)], axis=2)
    same = Engine(bundle).run(tensor)["logits"]
    shares = np.exp(same - same.max()) / np.exp(same - same.max()).sum()
    np.testing.assert_allclose(model.predict(field, verbose=0)[0], shares, atol=1e-3)
    model.save(folder / "network.keras")
    shutil.copyfile(bundle.path, folder / "network.allmodel")
    (folder / "network.sha256").write_text(bundle.sha256, "ascii")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the two files go")
    build(parser.parse_args().folder)
