"""The shipped network: the early half of EfficientNet-Lite0, read only where white cells are.

White cells are about 23 pixels wide here, so the deep, coarse half of an ImageNet network adds
parameters but no resolution; it is left off. The stem (to 1/8 of the field) keeps its ImageNet
weights, the blocks behind it are trained. Pooling is the mean over the cells' area, weighted by the
mask that comes in as the fourth channel: logits are sums of evidence inside cells by construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from allstation.imaging.preprocess import NETWORK_SIDE
from training.shipped.trunk import folded

Arrays = Mapping[str, NDArray[Any]]

_TINY: Final = 1e-6
_LOCAL_SCALE: Final = 0.005
"""Block outputs have spreads of 10 to 20 (nothing normalises them): begin with features near 1."""


@dataclass(frozen=True, slots=True)
class Block:
    """One inverted residual of EfficientNet-Lite0 (Tan and Le 2019, without squeeze-excitation)."""

    index: int
    kernel: int
    stride: int
    expand: int
    channels: int


STEM: Final = (
    Block(0, 3, 1, 1, 16),
    Block(1, 3, 2, 6, 24),
    Block(2, 3, 1, 6, 24),
    Block(3, 5, 2, 6, 40),
    Block(4, 5, 1, 6, 40),
)
TAIL: Final = (
    Block(5, 3, 2, 6, 80),
    Block(6, 3, 1, 6, 80),
    Block(7, 3, 1, 6, 80),
    Block(8, 5, 1, 6, 112),
    Block(9, 5, 1, 6, 112),
    Block(10, 5, 1, 6, 112),
)
STEM_CHANNELS: Final = 40
FEATURES: Final = 256
"""Channels of the last trained layer; their pooled outputs are the features."""


def _block(x: Any, block: Block) -> Any:  # noqa: ANN401  (Keras tensors have no public type)
    """Apply one block; normalisations are folded into the convolutions' biases."""
    name, entry, width = f"block{block.index}", x, x.shape[-1] * block.expand
    if block.expand > 1:
        x = layers.ReLU(6.0)(layers.Conv2D(width, 1, name=f"{name}_expand")(x))
    x = layers.DepthwiseConv2D(block.kernel, block.stride, padding="same", name=f"{name}_depthwise")(x)
    x = layers.Conv2D(block.channels, 1, name=f"{name}_project")(layers.ReLU(6.0)(x))
    same = block.stride == 1 and entry.shape[-1] == block.channels
    return layers.Add()([entry, x]) if same else x


def build_stem(side: int) -> keras.Model:
    """Colours (side, side, 3), zero outside cells, to (side / 8, side / 8, 40). Never trained."""
    inputs = keras.Input((side, side, 3))
    x = layers.ReLU(6.0)(layers.Conv2D(32, 3, 2, padding="same", name="entry")(inputs))
    for block in STEM:
        x = _block(x, block)
    return keras.Model(inputs, x, name="stem", trainable=False)


def build_tail(rows: int, classes: int, *, dropout: float = 0.0) -> keras.Model:
    """Build what is trained: stem output and cell area to logits and features.

    Args:
        rows: Rows and columns of the stem's output.
        classes: Number of classes.
        dropout: Of places before pooling (half of it) and of pooled features.

    Returns:
        Inputs ``stem`` (rows, rows, 40) and ``area`` (rows / 2, rows / 2, 1), share of each square that
        lies in cells; outputs ``logits`` (classes,) and ``features`` (256,).
    """
    stem = keras.Input((rows, rows, STEM_CHANNELS), name="stem_output")
    area = keras.Input((rows // 2, rows // 2, 1), name="area")
    pooled = _pooled(_local(stem), area)
    logits = layers.Dense(classes, use_bias=False, kernel_initializer="zeros", name="classes")(
        layers.Dropout(dropout)(pooled)
    )
    return keras.Model([stem, area], {"logits": logits, "features": pooled}, name="tail")


def _local(x: Any) -> Any:  # noqa: ANN401
    for block in TAIL:
        x = _block(x, block)
    start = keras.initializers.VarianceScaling(_LOCAL_SCALE, seed=1)
    return layers.ReLU()(layers.Conv2D(FEATURES, 1, name="local", kernel_initializer=start)(x))


def _pooled(local: Any, area: Any) -> Any:  # noqa: ANN401
    total = ops.sum(area, axis=(1, 2)) + _TINY
    return ops.sum(local * area, axis=(1, 2)) / total


def build_serving(classes: int, side: int = NETWORK_SIDE) -> keras.Model:
    """Build the whole network as it is exported.

    Returns:
        Input (side, side, 4): colours and mask as ``preprocess.only_cells`` gives them. Outputs
        ``logits`` (classes,), ``features`` (256,) and ``evidence`` (side / 8, side / 8, classes), whose
        sum over the field is the logits.
    """
    inputs = keras.Input((side, side, 4), name="field")
    colours, mask = inputs[..., :3], inputs[..., 3:]
    local = _local(build_stem(side)(colours))
    pooled = _pooled(local, layers.AveragePooling2D(16)(mask))
    activation = layers.Conv2D(classes, 1, use_bias=False, name="classes")(local)
    fine = layers.AveragePooling2D(8)(mask)
    total = ops.sum(fine, axis=(1, 2), keepdims=True) + 4 * _TINY
    evidence = layers.UpSampling2D(2)(activation) * fine / total
    logits = ops.sum(evidence, axis=(1, 2))
    outputs = {"logits": logits, "features": pooled, "evidence": evidence}
    return keras.Model(inputs, outputs, name="all_station")


def imagenet_weights(state: Arrays) -> dict[str, list[NDArray[np.float32]]]:
    """Return kernel and bias of every ImageNet layer by its Keras name."""
    weights = {"entry": list(folded(state, "_conv_stem", "_bn0"))}
    for block in (*STEM, *TAIL):
        place = f"_blocks.{block.index}"
        parts = {"depthwise": ("_depthwise_conv", "_bn1"), "project": ("_project_conv", "_bn2")}
        if block.expand > 1:
            parts["expand"] = ("_expand_conv", "_bn0")
        for part, (convolution, norm) in parts.items():
            pair = folded(state, f"{place}.{convolution}", f"{place}.{norm}")
            weights[f"block{block.index}_{part}"] = list(pair)
    return weights


def load_weights(model: keras.Model, weights: Mapping[str, list[NDArray[np.float32]]]) -> None:
    """Set the weights of every layer of ``model`` that ``weights`` names, inner models included."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            load_weights(layer, weights)
        elif layer.weights and layer.name in weights:
            expected = [tuple(variable.shape) for variable in layer.weights]
            values = [
                value.reshape(shape) for value, shape in zip(weights[layer.name], expected, strict=True)
            ]
            layer.set_weights(values)


def named_weights(model: keras.Model) -> dict[str, list[NDArray[np.float32]]]:
    """Return the weights of every layer that has any, by layer name."""
    found: dict[str, list[NDArray[np.float32]]] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= named_weights(layer)
        elif layer.weights:
            found[layer.name] = [np.asarray(value) for value in layer.get_weights()]
    return found
