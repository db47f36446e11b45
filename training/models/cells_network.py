"""Cells network: the early half of EfficientNet-Lite0, read only where white cells are.

White cells are about 23 pixels wide here, so the deep, coarse half of an ImageNet network adds
parameters but no resolution; it is left off. The stem (to 1/8 of the field) keeps its ImageNet
weights, what is trained reads five of its depths. Pooling is the mean over the cells' area, weighted by the
mask that comes in as the fourth channel: logits are sums of evidence inside cells by construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from training.models.backend import KerasObject
from training.models.cells import FEATURES, HIDDEN, ZOOM, Weights

Levels = NDArray[np.float32]

_TINY: Final = 1e-6
_LITTLE: Final = 1e-3
"""Keeps the average of a square that holds hardly any cell from growing."""


@dataclass(frozen=True, slots=True)
class InvertedResidual:
    """One inverted residual of EfficientNet-Lite0 (Tan and Le 2019, without squeeze-excitation)."""

    index: int
    kernel: int
    stride: int
    expand: int
    channels: int


BLOCKS: Final = (
    InvertedResidual(0, 3, 1, 1, 16),
    InvertedResidual(1, 3, 2, 6, 24),
    InvertedResidual(2, 3, 1, 6, 24),
    InvertedResidual(3, 5, 2, 6, 40),
    InvertedResidual(4, 5, 1, 6, 40),
    InvertedResidual(5, 3, 2, 6, 80),
    InvertedResidual(6, 3, 1, 6, 80),
    InvertedResidual(7, 3, 1, 6, 80),
    InvertedResidual(8, 5, 1, 6, 112),
    InvertedResidual(9, 5, 1, 6, 112),
    InvertedResidual(10, 5, 1, 6, 112),
    InvertedResidual(11, 5, 2, 6, 192),
    InvertedResidual(12, 5, 1, 6, 192),
    InvertedResidual(13, 5, 1, 6, 192),
    InvertedResidual(14, 5, 1, 6, 192),
    InvertedResidual(15, 3, 1, 6, 320),
)
DEPTHS: Final = (2, 4, 7, 10, 15)
CHANNELS: Final = sum(block.channels for block in BLOCKS if block.index in DEPTHS)
_REDUCTION: Final = {2: 4, 4: 8, 7: 16, 10: 16, 15: 32}
"""Pixels of the input per value of each depth."""
GRID: Final = 16
"""Pixels of the input per place."""


def apply_block(x: KerasObject, block: InvertedResidual) -> KerasObject:
    """Apply one block; normalisations are folded into the convolutions' biases."""
    name, entry, width = f"block{block.index}", x, x.shape[-1] * block.expand
    if block.expand > 1:
        x = layers.ReLU(6.0)(layers.Conv2D(width, 1, name=f"{name}_expand")(x))
    x = layers.DepthwiseConv2D(block.kernel, block.stride, padding="same", name=f"{name}_depthwise")(x)
    x = layers.Conv2D(block.channels, 1, name=f"{name}_project")(layers.ReLU(6.0)(x))
    same = block.stride == 1 and entry.shape[-1] == block.channels
    return layers.Add()([entry, x]) if same else x


def build_depths(side: int) -> keras.Model:
    """Build the part that is quantised: input (side, side, 4), outputs ``depth2`` to ``depth15``."""
    inputs = keras.Input((side, side, 4), name="field")
    # Four channels at once are as fast as one: a slice of the whole field would only be another copy.
    x = layers.ReLU(6.0)(layers.Conv2D(32, 3, 2, padding="same", name="entry")(inputs))
    outputs = {}
    for block in BLOCKS:
        x = apply_block(x, block)
        if block.index in DEPTHS:
            outputs[f"depth{block.index}"] = x
    return keras.Model(inputs, outputs, name="depths")


def _seam(side: int) -> dict[str, KerasObject]:
    """Return inputs ``field`` (side, side, 4) and the outputs of ``build_depths``, by name."""
    inputs = {"field": keras.Input((side, side, 4), name="field")}
    for index in DEPTHS:
        rows, channels = side // _REDUCTION[index], BLOCKS[index].channels
        inputs[f"depth{index}"] = keras.Input((rows, rows, channels), name=f"depth{index}")
    return inputs


def _gridded(inputs: Mapping[str, KerasObject]) -> tuple[KerasObject, KerasObject, KerasObject]:
    """Bring the depths to one grid: (side / 16, side / 16, 576), its shares in cells, those of (side / 8)."""
    side = inputs["field"].shape[1]
    mask = layers.AveragePooling2D(4)(inputs["field"])[..., 3:]
    shares = {mask.shape[1]: mask}
    while mask.shape[1] > side // GRID:
        mask = layers.AveragePooling2D(2)(mask)
        shares[mask.shape[1]] = mask
    depths = [_on_grid(inputs[f"depth{index}"], shares, side // GRID) for index in DEPTHS]
    return layers.Concatenate()(depths), mask, shares[2 * side // GRID]


def build_trunk(side: int) -> keras.Model:
    """Build the part that keeps its ImageNet weights.

    Args:
        side: Rows and columns of the input; a multiple of 32.

    Returns:
        Input (side, side, 4): colours and mask as ``preprocess.only_cells`` gives them. Outputs
        ``places`` (side / 16, side / 16, 576), five depths side by side, the shallow ones averaged
        over the cells' pixels in each square; ``area`` (side / 16, side / 16, 1), the square's share
        inside cells, and ``fine`` (side / 8, side / 8, 1), the same of smaller squares.
    """
    inputs = keras.Input((side, side, 4), name="field")
    places, area, fine = _gridded({"field": inputs, **build_depths(side)(inputs)})
    return keras.Model(inputs, {"places": places, "area": area, "fine": fine}, name="trunk")


def _pooled(values: KerasObject, area: KerasObject) -> KerasObject:
    """Return the mean of values over the cells' area."""
    return ops.sum(values * area, axis=(1, 2)) / (ops.sum(area, axis=(1, 2)) + _TINY)


def _with_excess(places: KerasObject, levels: Levels) -> KerasObject:
    """Put behind the channels of every place what of each lies above its level."""
    return layers.Concatenate()([places, ops.relu(places - ops.convert_to_tensor(levels))])


def build_means(side: int, levels: Levels) -> keras.Model:
    """Build what training needs on the integer trunk: ``means`` (1152,) over the cells.

    Args:
        side: Rows and columns of the field.
        levels: (576,) level of every channel; the mean of what lies above it follows the channels' means.
    """
    inputs = _seam(side)
    places, area, _ = _gridded(inputs)
    return keras.Model(inputs, {"means": _pooled(_with_excess(places, levels), area)}, name="means")


def build_linear_head(classes: int, side: int, levels: Levels) -> keras.Model:
    """Build what is put on the integer trunk: one linear layer of every place, weighted by the cells.

    Args:
        classes: Number of classes.
        side: Rows and columns of the field.
        levels: As for ``build_means``.

    Returns:
        Inputs ``field`` and the outputs of ``build_depths``. Outputs as ``build_serving``; ``features`` are
        the means of ``build_means`` and a one behind them, so that the layer ``classes`` needs no bias.
    """
    inputs = _seam(side)
    places, area, fine = _gridded(inputs)
    whole = layers.Concatenate()([_with_excess(places, levels), area * 0 + 1])
    pooled = _pooled(whole, area)
    activation = layers.Conv2D(classes, 1, use_bias=False, name="classes")(whole)
    evidence = _doubled(activation) * (fine / (ops.sum(fine, axis=(1, 2), keepdims=True) + 4 * _TINY))
    outputs = {
        "logits": ops.sum(evidence, axis=(1, 2)),
        "features": pooled,
        "appearance": pooled[..., : places.shape[-1]],
        "evidence": evidence,
    }
    return keras.Model(inputs, outputs, name="head")


def _on_grid(x: KerasObject, shares: Mapping[int, KerasObject], rows: int) -> KerasObject:
    """Bring a depth to the common grid; averages count only what lies in cells."""
    factor = x.shape[1] // rows
    if factor > 1:
        inside = layers.AveragePooling2D(factor)(x * shares[x.shape[1]])
        return inside / (shares[rows] + _LITTLE)
    return x if factor == 1 else _doubled(x)


def _doubled(x: KerasObject) -> KerasObject:
    """Repeat rows and columns, in steps that LiteRT's fast kernels know (they have no tiling)."""
    rows, columns, channels = x.shape[1:]
    wide = layers.Reshape((rows, 1, 2 * columns * channels))(layers.Concatenate()([x, x]))
    return layers.Reshape((2 * rows, 2 * columns, channels))(layers.Concatenate()([wide, wide]))


def build_serving(classes: int, side: int, *, straight: int) -> keras.Model:
    """Build the whole network as it is exported.

    Args:
        classes: Number of classes.
        side: Rows and columns of the input.
        straight: Outputs of the linear discriminant; 0 builds none.

    Returns:
        Input (side, side, 4). Outputs ``logits`` (classes,), ``features`` (256 + straight,), from which the
        last layer makes them, ``appearance`` (576,), the mean of what the ImageNet layers say of the
        cells, and ``evidence`` (side / 8, side / 8, classes), zero outside cells, whose sum over the field
        is the logits.
    """
    inputs = keras.Input((side, side, 4), name="field")
    seen = build_trunk(side)(inputs)
    x = layers.ReLU()(layers.Conv2D(HIDDEN, 1, name="hidden")(seen["places"]))
    x = layers.ReLU()(layers.Conv2D(FEATURES, 1, name="local")(x))
    if straight:
        x = layers.Concatenate()([x, layers.Conv2D(straight, 1, name="linear")(seen["places"])])
    total = ops.sum(seen["area"], axis=(1, 2)) + _TINY
    pooled, appearance = (ops.sum(each * seen["area"], axis=(1, 2)) / total for each in (x, seen["places"]))
    activation = layers.Conv2D(classes, 1, use_bias=False, name="classes")(x)
    fine = seen["fine"]
    whole = ops.sum(fine, axis=(1, 2), keepdims=True) + 4 * _TINY
    evidence = _doubled(activation) * (fine / whole)
    logits = ops.sum(evidence, axis=(1, 2))
    outputs = {"logits": logits, "features": pooled, "appearance": appearance, "evidence": evidence}
    return keras.Model(inputs, outputs, name="all_station")


def load_weights(model: keras.Model, weights: Mapping[str, list[NDArray[np.float32]]]) -> None:
    """Set the weights of every layer of ``model`` that ``weights`` names, inner models included.

    The first layer also gets the mask, which it does not look at: its weights for it are zero.
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            load_weights(layer, weights)
        elif layer.weights and layer.name in weights:
            expected = [tuple(variable.shape) for variable in layer.weights]
            named = weights[layer.name]
            if layer.name == "entry":
                named = [np.pad(named[0], ((0, 0), (0, 0), (0, 1), (0, 0))), *named[1:]]
            values = [value.reshape(shape) for value, shape in zip(named, expected, strict=True)]
            layer.set_weights(values)


def serving_model(weights: Weights, side: int = ZOOM) -> keras.Model:
    """Build the whole network with these weights, for tensors of ``side`` rows and columns."""
    straight = weights["linear"][0].shape[-1] if "linear" in weights else 0
    model = build_serving(weights["classes"][0].shape[-1], side, straight=straight)
    named = [name for name in ("hidden", "local", "linear", "classes") if name in weights]
    dense: Weights = {name: weights[name] for name in named}
    placed = {name: [values[0][None, None], *values[1:]] for name, values in dense.items()}
    load_weights(model, {**weights, **placed})
    return model
