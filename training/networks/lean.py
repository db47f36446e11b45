"""Convolution and pooling whose gradients are computed another way, for training on processors.

Both are the stock layers: same weights, same values forward. TensorFlow's own operations for their
gradients are slow on processors. On two cores, batch 32, 96x96x64 and 48x48x64: the gradient of a 5x5
kernel took 220 ms of processor time where a forward convolution of the same size takes 100, and the
gradient of 2x2 pooling 225 where reading and writing its numbers takes 30. Elsewhere (another backend, a
GPU, other precisions, odd sizes) the stock code runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

Tensor = Any
"""A tensor of the backend."""


def _on_processor(inputs: Tensor) -> bool:
    """Whether this is TensorFlow in float32 without a GPU."""
    if keras.backend.backend() != "tensorflow" or inputs.dtype != "float32":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


class LeanConv2D(layers.Conv2D):  # type: ignore[misc]
    """A convolution of stride 1 whose weights' gradient is itself a forward convolution.

    The gradient of a kernel is the correlation of the layer's input with the gradient of its output:
    channels take the place of fields, fields that of channels.
    """

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Convolve (n, h, w, c) to (n, h', w', filters)."""
        if not training or not _on_processor(inputs):
            return super().call(inputs)
        import tensorflow as tf

        if self.padding == "same":
            before = [(side - 1) // 2 for side in self.kernel_size]
            after = [side - 1 - less for side, less in zip(self.kernel_size, before, strict=True)]
            inputs = tf.pad(inputs, [(0, 0), (before[0], after[0]), (before[1], after[1]), (0, 0)])
        outputs = _convolve(inputs, tf.convert_to_tensor(self.kernel))
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(self.bias))
        return self.activation(outputs)


def _convolve(inputs: Tensor, kernel: Tensor) -> Tensor:
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def convolution(
        fields: Tensor, weights: Tensor
    ) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor]]]:
        def gradient(above: Tensor) -> tuple[Tensor, Tensor]:
            below = tf.nn.conv2d_transpose(above, weights, tf.shape(fields), 1, "VALID")
            turned = tf.nn.conv2d(
                tf.transpose(fields, (3, 1, 2, 0)), tf.transpose(above, (1, 2, 0, 3)), 1, "VALID"
            )
            return below, tf.transpose(turned, (1, 2, 0, 3))

        return tf.nn.conv2d(fields, weights, 1, "VALID"), gradient

    return convolution(inputs, kernel)


class LeanMaxPooling2D(layers.MaxPooling2D):  # type: ignore[misc]
    """The largest of each 2x2 pixels; equal ones share the gradient, of which stock takes the first."""

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Pool (n, h, w, c) to (n, h/2, w/2, c)."""
        even = all(side is not None and side % 2 == 0 for side in inputs.shape[1:3])
        if not training or not even or not _on_processor(inputs):
            return super().call(inputs)
        return _largest(inputs)


def _largest(inputs: Tensor) -> Tensor:
    import tensorflow as tf

    _, height, width, channels = inputs.shape
    windows = (-1, 2, width // 2, 2, channels)
    pooled = (-1, 1, width // 2, 1, channels)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def pooling(fields: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        top = tf.nn.max_pool2d(fields, 2, 2, "VALID")

        def gradient(above: Tensor) -> Tensor:
            # Chosen, not cast: casting the comparison takes as long as all the rest.
            largest = tf.where(tf.reshape(fields, windows) == tf.reshape(top, pooled), 1.0, 0.0)
            share = tf.nn.avg_pool2d(tf.reshape(largest, (-1, height, width, channels)), 2, 2, "VALID")
            each = tf.reshape(above / (4 * share), pooled)
            return tf.reshape(largest * each, tf.shape(fields))

        return top, gradient

    return pooling(inputs)
