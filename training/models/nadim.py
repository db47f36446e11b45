"""Nadim's network: convolution, batch normalisation and pooling on colour fields (Nadim 2024).

The paper gives no layer counts, sizes or epochs; those here are ours and are named in every report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from allstation.imaging.inputs import InputSpec
from training.models.head import close, network_input


def build(
    spec: InputSpec, classes: int, *, options: Mapping[str, Any], outputs: str = "softmax"
) -> keras.Model:
    """Build the network.

    Args:
        spec: Input, RGB in the paper.
        classes: Number of classes.
        options: ``blocks``, ``filters`` of the first, ``dropout``.
        outputs: Last activation.
    """
    inputs = x = network_input(spec)
    for index in range(options["blocks"]):
        filters = options["filters"] * 2**index
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"convolution{index + 1}")(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.MaxPooling2D(2)(x)
        x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(options["dropout"])(x)
    return close(inputs, x, classes=classes, outputs=outputs, name="nadim")
