"""A small modern network: inverted residuals with squeeze-and-excitation (Sandler 2018, Howard 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import keras
from keras import layers

from allstation.imaging.inputs import InputSpec
from training.models.backend import KerasObject
from training.models.head import close, network_input

_STAGES: Final = ((16, 1, 1, 1), (24, 2, 2, 4), (40, 2, 2, 4), (80, 3, 2, 4), (112, 2, 1, 4))
"""Channels, repeats, first stride, expansion."""


def _channels(value: float) -> int:
    return max(8, round(value / 8) * 8)


def _normal(x: KerasObject, *, activate: bool = True) -> KerasObject:
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.Activation("silu")(x) if activate else x


def _block(x: KerasObject, channels: int, *, stride: int, expansion: int) -> KerasObject:
    """Widen, filter each channel, weigh the channels, narrow; add the input where shapes agree."""
    came_in, wide = x, int(x.shape[-1]) * expansion
    if expansion > 1:
        x = _normal(layers.Conv2D(wide, 1, use_bias=False)(x))
    x = _normal(layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x))
    weights = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = layers.Conv2D(max(8, wide // 8), 1, activation="silu")(weights)
    weights = layers.Conv2D(wide, 1, activation="sigmoid")(weights)
    x = layers.Multiply()([x, weights])
    x = _normal(layers.Conv2D(channels, 1, use_bias=False)(x), activate=False)
    return layers.Add()([came_in, x]) if stride == 1 and came_in.shape[-1] == channels else x


def build(
    spec: InputSpec, classes: int, *, options: Mapping[str, Any], outputs: str = "softmax"
) -> keras.Model:
    """Build the network.

    Args:
        spec: Input.
        classes: Number of classes.
        options: ``width`` multiplies all channels; ``dropout``.
        outputs: Last activation.
    """
    width = options["width"]
    inputs = network_input(spec)
    x = _normal(layers.Conv2D(_channels(16 * width), 3, 2, padding="same", use_bias=False)(inputs))
    for channels, repeats, first_stride, expansion in _STAGES:
        for index in range(repeats):
            stride = first_stride if index == 0 else 1
            x = _block(x, _channels(channels * width), stride=stride, expansion=expansion)
    x = _normal(layers.Conv2D(_channels(320 * width), 1, use_bias=False)(x))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(options["dropout"])(x)
    return close(inputs, x, classes=classes, outputs=outputs, name="compact")
