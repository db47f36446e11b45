"""ResNet50 and DenseNet121 as Keras ships them, each to be fed with its own scaling.

ImageNet weights are used only if a file is given or Keras' cache already holds them: nothing is
downloaded, and a network from scratch is named so in its report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import keras
from keras import layers

from allstation.core.errors import StationError
from allstation.imaging.inputs import InputSpec
from training.models.head import close, network_input

_CACHED: Final = {
    "resnet50": "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "densenet121": "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
}


def weights_file(name: str, weights: str) -> Path | None:
    """Find the weights a recipe asks for, without a network connection.

    Args:
        name: Backbone.
        weights: ``none``, ``imagenet`` or a path.

    Raises:
        StationError: ``no-weights``, when they are not on this computer.
    """
    if weights == "none":
        return None
    cached = Path.home() / ".keras" / "models" / _CACHED[name]
    path = cached if weights == "imagenet" else Path(weights)
    if not path.is_file():
        sentence = (
            f"The weights {weights!r} of {name} are not on this computer (looked for {path}). "
            "Copy the file there, name another file, or train from scratch with weights = 'none'."
        )
        raise StationError("no-weights", sentence)
    return path


def _build(
    name: str,
    make: Callable[..., Any],
    spec: InputSpec,
    *,
    classes: int,
    options: Mapping[str, Any],
    outputs: str,
) -> keras.Model:
    inputs = x = network_input(spec)
    path = weights_file(name, options.get("weights", "none"))
    if spec.channels == 1:
        x = layers.Concatenate()([x, x, x])
    backbone = make(include_top=False, weights=None, input_shape=(spec.height, spec.width, 3))
    if path is not None:
        backbone.load_weights(path)
    backbone.trainable = bool(options["trainable"])
    x = layers.GlobalAveragePooling2D()(backbone(x))
    x = layers.Dropout(options["dropout"])(x)
    return close(inputs, x, classes=classes, outputs=outputs, name=name)


def resnet50(
    spec: InputSpec, classes: int, *, options: Mapping[str, Any], outputs: str = "softmax"
) -> keras.Model:
    """Build ResNet50 (He 2016); its own scaling is ``caffe``."""
    make = keras.applications.ResNet50
    return _build("resnet50", make, spec, classes=classes, options=options, outputs=outputs)


def densenet121(
    spec: InputSpec, classes: int, *, options: Mapping[str, Any], outputs: str = "softmax"
) -> keras.Model:
    """Build DenseNet121 (Huang 2017); its own scaling is ``imagenet``."""
    make = keras.applications.DenseNet121
    return _build("densenet121", make, spec, classes=classes, options=options, outputs=outputs)
