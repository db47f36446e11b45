"""The lean layers against the stock ones: same values, same gradients, the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.xdist_group("tensorflow"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def outcome(layer: Any, inputs: np.ndarray, above: np.ndarray, *, training: bool = True) -> list[np.ndarray]:
    """Output, gradient of the input and of every weight, for a given gradient above."""
    import tensorflow as tf

    fields = tf.constant(inputs)

    @tf.function
    def run() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(fields)
            value = layer(fields, training=training)
            aim = tf.reduce_sum(value * above)
        return value, tape.gradient(aim, [fields, *(weight.value for weight in layer.trainable_weights)])

    value, gradients = run()
    return [np.asarray(value), *map(np.asarray, gradients)]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("kernel", [3, 5, (2, 4)])
def test_a_lean_convolution_has_the_stock_gradients(padding: str, kernel: Any) -> None:
    from keras import layers

    from training.networks.lean import LeanConv2D

    random = np.random.default_rng(1)
    inputs = random.normal(size=(3, 11, 12, 4)).astype(np.float32)
    lean, stock = (kind(5, kernel, padding=padding) for kind in (LeanConv2D, layers.Conv2D))
    for layer in (lean, stock):
        layer.build(inputs.shape)
    stock.set_weights([random.normal(size=weight.shape) for weight in stock.get_weights()])
    lean.set_weights(stock.get_weights())
    above = random.normal(size=stock.compute_output_shape(inputs.shape)).astype(np.float32)
    for ours, theirs in zip(outcome(lean, inputs, above), outcome(stock, inputs, above), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_lean_pooling_has_the_stock_gradient_where_nothing_is_equal() -> None:
    from keras import layers

    from training.networks.lean import LeanMaxPooling2D

    random = np.random.default_rng(2)
    inputs = random.permutation(2 * 8 * 6 * 3).reshape(2, 8, 6, 3).astype(np.float32)
    above = random.normal(size=(2, 4, 3, 3)).astype(np.float32)
    ours, theirs = (outcome(kind(2), inputs, above) for kind in (LeanMaxPooling2D, layers.MaxPooling2D))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_equal_pixels_share_the_gradient() -> None:
    from training.networks.lean import LeanMaxPooling2D

    inputs = np.array([[5, 5, 1, 0], [5, 5, 2, 2]], np.float32).reshape(1, 2, 4, 1)
    above = np.array([8, 6], np.float32).reshape(1, 1, 2, 1)
    value, gradient = outcome(LeanMaxPooling2D(2), inputs, above)
    assert value.ravel().tolist() == [5, 2]
    assert gradient.reshape(2, 4).tolist() == [[2, 2, 0, 0], [2, 2, 3, 3]]


@pytest.mark.parametrize(("size", "training"), [((9, 8), True), ((8, 8), False)])
def test_odd_sizes_and_serving_are_left_to_the_stock_code(size: tuple[int, int], training: bool) -> None:
    from keras import layers

    from training.networks.lean import LeanMaxPooling2D

    inputs = np.ones((1, *size, 2), np.float32)
    above = np.ones((1, 4, 4, 2), np.float32)
    ours, theirs = (
        outcome(kind(2), inputs, above, training=training) for kind in (LeanMaxPooling2D, layers.MaxPooling2D)
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_zhangs_network_learns_by_the_same_steps_as_stock_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps from equal weights on the same batch: the same losses, but for rounding."""
    import keras

    from allstation.imaging.inputs import InputSpec
    from training.networks import lean, zhang

    random = np.random.default_rng(3)
    inputs = random.random((8, 52, 52, 1)).astype(np.float32)
    truth = np.eye(4, dtype=np.float32)[np.arange(8) % 4]
    spec = InputSpec(height=52, width=52, colour="gray")
    options = {"blocks": 3, "padding": "valid", "dropout": 0.0}
    losses: dict[bool, list[float]] = {}
    for used in (True, False):
        if not used:
            monkeypatch.setattr(lean, "_on_processor", lambda _: False)
        keras.utils.set_random_seed(4)
        model = zhang.build(spec, 4, options=options)
        model.compile("sgd", "categorical_crossentropy")
        losses[used] = [float(model.train_on_batch(inputs, truth)) for _ in range(3)]
    assert losses[True] == pytest.approx(losses[False], rel=1e-4)
    assert len(set(losses[True])) == 3
