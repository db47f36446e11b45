"""One network for every contestant: the shipped one, as a Keras file and as its model bundle."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

if TYPE_CHECKING:
    import keras

    from allstation.inference.engine import Engine

_KERNEL: Final = re.compile(r"depths_1/(?P<layer>\w+)_1/(?P<kind>convolution|depthwise)")
_BIAS: Final = re.compile(r"depths_1/(?P<layer>\w+)_1/BiasAdd")
_ROUNDING: Final = 1.0
"""Largest difference of log probabilities."""


def float_weights(network: bytes) -> dict[str, list[np.ndarray]]:
    """Return kernels and biases of an integer trunk in float32, by layer, as Keras lays them out."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=network)
    interpreter.allocate_tensors()
    kernels, biases = {}, {}
    for one in interpreter.get_tensor_details():
        scales = one["quantization_parameters"]["scales"]
        kernel = _KERNEL.fullmatch(one["name"])
        bias = _BIAS.search(one["name"])
        if kernel is not None:
            values = interpreter.get_tensor(one["index"]).astype(np.float32)
            last = values if kernel["kind"] == "depthwise" else np.moveaxis(values, 0, -1)
            scaled = last * scales
            kernels[kernel["layer"]] = np.moveaxis(scaled, 0, -1) if kernel["kind"] == "depthwise" else scaled
        elif bias is not None and one["dtype"] is np.int32:
            biases[bias["layer"]] = interpreter.get_tensor(one["index"]).astype(np.float32) * scales
    return {layer: [kernels[layer], biases[layer]] for layer in kernels}


def build(folder: Path) -> None:
    """Write ``network.keras`` and ``network.allmodel``, which is the shipped bundle.

    The Keras file takes colours of 0 to 1 and holds the same layers in float32, with the weights that the
    integers stand for. Its mask channel is 1 everywhere: finding the cells is the station's own work, which
    the others are spared.
    """
    import keras

    from allstation.inference.bundle import ModelBundle, default_bundle_path
    from allstation.inference.bundle_archive import DETACHED_SUFFIX
    from allstation.inference.engine import Engine
    from training.fit.bundle_writer import WEIGHTS
    from training.fit.last_layer import LAST
    from training.fit.linear_head import LEVELS
    from training.models.cells import layered_weights
    from training.models.cells_network import build_depths, build_linear_head, load_weights

    folder.mkdir(parents=True, exist_ok=True)
    bundle = ModelBundle.open(default_bundle_path())
    side = bundle.preprocessing.zoom
    stored = layered_weights(bundle.arrays(WEIGHTS))
    (layer,), (levels,) = stored[LAST], stored[LEVELS]
    depths, head = build_depths(side), build_linear_head(layer.shape[1], side, levels)
    trunk = float_weights(bundle.read(bundle.info["network"]["file"]))
    trunk["entry"][0] = trunk["entry"][0][:, :, :3]  # the mask is added again
    load_weights(depths, trunk)
    load_weights(head, {"classes": [layer[None, None]]})
    colours = keras.Input((side, side, 3))
    signed = keras.layers.Rescaling(2.0, -1.0)(colours)
    mask = keras.layers.Conv2D(1, 1, kernel_initializer="zeros", bias_initializer="ones", trainable=False)(
        colours
    )
    tensor = keras.layers.Concatenate()([signed, mask])
    logits = head({"field": tensor, **depths(tensor)})["logits"]
    model = keras.Model(colours, keras.layers.Softmax()(logits))
    _require_same(model, Engine(bundle), side)
    model.save(folder / "network.keras")
    for suffix in ("", DETACHED_SUFFIX):  # without its signature the program refuses the shipped name
        copy = folder / f"network.allmodel{suffix}"
        shutil.copyfile(bundle.path.with_name(bundle.path.name + suffix), copy)
    (folder / "network.sha256").write_text(bundle.sha256, "ascii")


def _require_same(model: keras.Model, engine: Engine, side: int) -> None:
    """Check on a drawn field that both say about the same; eight bits round."""
    from allstation.imaging.synthetic import draw_field

    field = cv2.resize(draw_field("Pre", 1), (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    tensor = np.concatenate([field / 127.5 - 1, np.ones((side, side, 1), np.float32)], axis=2)
    logits = engine.run(tensor)["logits"].ravel()
    shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    found = model.predict(field[None] / 255, verbose=0)[0]
    np.testing.assert_allclose(np.log(found), np.log(shares), atol=_ROUNDING)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the two files go")
    build(parser.parse_args().folder)
