"""Integer trunk: EfficientNet-Lite0's early half with eight-bit weights and activations.

Weights have a scale a channel, activations one a tensor, with ranges measured on training fields. Before
that the linear bottlenecks are equalised over their channels (after Nagel et al. 2019, ICCV, "Data-free
quantization through weight equalization and bias correction"): no activation follows them, so a channel's
scale moves from the layers that write a bottleneck into those that read it and nothing changes in floats,
while one scale for the tensor then suits every channel. Only what reads the depths sees scaled channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from training.models.cells import Weights

if TYPE_CHECKING:
    import keras

Tensors = NDArray[np.float32]
Scales = dict[int, NDArray[np.float32]]
"""Scale of every channel of a block's output, by the block's number."""

CALIBRATION_FIELDS: Final = 100
_CHUNK: Final = 10


def quantised(model: keras.Model, samples: Sequence[Tensors] | Tensors) -> bytes:
    """Quantise a network to eight bits, weights a channel at a time, input and outputs in float32.

    Args:
        model: The network.
        samples: Inputs (h, w, c) that the ranges of its activations are measured on.
    """
    import tensorflow as tf

    def ranges() -> Iterator[list[Tensors]]:
        for sample in samples:
            yield [sample[np.newaxis]]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = ranges
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.float32
    converter.inference_output_type = tf.float32
    data: Any = converter.convert()
    return bytes(data)


def streams() -> list[list[int]]:
    """Return the numbers of blocks whose outputs are added up, and so need equal scales."""
    from training.models.cells_network import BLOCKS

    found: list[list[int]] = []
    channels = 0
    for block in BLOCKS:
        if block.stride == 1 and block.channels == channels:
            found[-1].append(block.index)
        else:
            found.append([block.index])
        channels = block.channels
    return found


def stream_scales(weights: Weights, side: int, tensors: Tensors) -> Scales:
    """Measure the largest magnitude of every bottleneck channel over some fields.

    Args:
        weights: Of the trunk, by layer.
        side: Rows and columns of the network's input.
        tensors: (n, side, side, 4) prepared fields.

    Returns:
        Magnitudes by block, their geometric mean over the channels of a block being one.
    """
    import keras
    from keras import layers

    from training.models.cells_network import BLOCKS, apply_block, load_weights

    inputs = keras.Input((side, side, 4))
    x = layers.ReLU(6.0)(layers.Conv2D(32, 3, 2, padding="same", name="entry")(inputs))
    largest = []
    for block in BLOCKS:
        x = apply_block(x, block)
        largest.append(keras.ops.max(keras.ops.abs(x), axis=(1, 2)))
    model = keras.Model(inputs, largest)
    load_weights(model, weights)
    found = [
        [np.asarray(each).max(axis=0) for each in model(tensors[start : start + _CHUNK])]
        for start in range(0, len(tensors), _CHUNK)
    ]
    scales: Scales = {}
    for stream in streams():
        magnitude = np.max([part[index] for part in found for index in stream], axis=0)
        even = magnitude / np.exp(np.log(magnitude).mean())
        scales |= dict.fromkeys(stream, even.astype(np.float32))
    return scales


def equalised(weights: Weights, scales: Scales) -> Weights:
    """Return weights whose bottlenecks are divided by the scales; the next layers make up for it."""
    even = {name: [part.copy() for part in parts] for name, parts in weights.items()}
    for index, scale in scales.items():
        kernel, bias = even[f"block{index}_project"]
        even[f"block{index}_project"] = [kernel / scale, bias / scale]
        reader = f"block{index + 1}_expand"
        if reader in even:
            even[reader][0] = even[reader][0] * scale[:, None]
    return even


def integer_trunk(weights: Weights, side: int, tensors: Tensors) -> bytes:
    """Return the trunk as a LiteRT network from ``field`` to its depths.

    Args:
        weights: ImageNet weights by layer.
        side: Rows and columns of the network's input.
        tensors: (n, side, side, 4) prepared training fields for the ranges.
    """
    from training.models.cells_network import build_depths, load_weights

    model = build_depths(side)
    load_weights(model, equalised(weights, stream_scales(weights, side, tensors)))
    return quantised(model, tensors)
