"""What training computes on the trunk is what the network with a head on it serves, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from allstation.imaging.formats.decode import decode_reduced
from allstation.imaging.formats.pixel_conversions import squash
from allstation.imaging.preprocess import NETWORK_SIDE, Preprocessing, prepare
from allstation.imaging.synthetic import draw_field
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.network import LocalNetwork
from training.fit.bundle_writer import WEIGHTS, to_litert
from training.fit.linear_head import LEVELS, with_linear_head, with_means
from training.models.cells import LINEAR_RETRAINING, layered_weights
from training.shipped.cache import Trunk
from training.shipped.fit import Linear
from training.shipped.integer_trunk import equalised, streams

SIDE = 64
SIZE = (NETWORK_SIDE, NETWORK_SIDE)


@pytest.fixture(scope="module")
def trunk():
    """A small trunk of drawn weights as LiteRT and Keras networks, and drawn fields for it."""
    import keras

    from training.models.cells_network import build_depths

    keras.utils.set_random_seed(1)
    model = build_depths(SIDE)
    preprocessing = Preprocessing(options={"zoom": SIDE})
    drawn = [squash(draw_field(name, 3), SIZE) for name in ("Benign", "Early", "Pre", "Pro")]
    tensors = [prepare(field, preprocessing).tensor[:SIDE, :SIDE] for field in drawn]
    return to_litert(model), model, np.stack(tensors)


def test_the_head_is_served_as_it_was_trained(trunk):
    network, _, tensors = trunk
    random = np.random.default_rng(2)
    head = Linear(random.normal(0, 1, (1152, 3)), random.normal(0, 1, 3))
    levels = random.normal(0, 0.1, 576).astype(np.float32)
    served = LocalNetwork(with_linear_head(network, head.layer, SIDE, levels))
    means = Trunk(with_means(network, SIDE, levels)).means(tensors)
    for tensor, mean in zip(tensors, means, strict=True):
        found = served.run(tensor)
        assert np.array_equal(found["appearance"], mean[:576])
        assert np.array_equal(found["features"], np.append(mean, np.float32(found["features"][-1])))
        assert found["features"] @ head.layer == pytest.approx(found["logits"], abs=1e-4)
        assert found["logits"] == pytest.approx(head.logits(mean[None])[0], abs=1e-3)
        assert found["evidence"].sum(axis=(0, 1)) == pytest.approx(found["logits"], abs=1e-4)
        outside = tensor[..., 3].reshape(8, 8, 8, 8).mean((1, 3)) == 0
        assert not found["evidence"][outside].any()


def test_behind_the_means_stands_the_mean_of_what_lies_above_the_levels(trunk):
    network, _, tensors = trunk
    low, high = np.full(576, -1e3, np.float32), np.full(576, 1e3, np.float32)
    everything, nothing = (
        Trunk(with_means(network, SIDE, levels)).means(tensors[:1])[0] for levels in (low, high)
    )
    assert everything[576:] - 1e3 == pytest.approx(everything[:576], abs=1e-2)
    assert not nothing[576:].any()
    assert np.array_equal(everything[:576], nothing[:576])
    between = Trunk(with_means(network, SIDE, nothing[:576])).means(tensors[:1])[0]
    assert (between[576:] > 0).mean() > 0.9, "cells differ from their mean in both directions"


def test_another_head_leaves_nothing_of_the_first_behind(trunk):
    network, _, tensors = trunk
    levels = np.zeros(576, np.float32)
    first, second = (
        with_linear_head(network, np.full((1153, kinds), 0.1, np.float32), SIDE, levels) for kinds in (3, 2)
    )
    again = with_linear_head(first, np.full((1153, 2), 0.1, np.float32), SIDE, levels)
    assert abs(len(again) - len(second)) < 100
    assert np.array_equal(*(LocalNetwork(each).run(tensors[0])["logits"] for each in (again, second)))


def test_equalising_changes_channels_scales_and_nothing_else(trunk):
    _, model, tensors = trunk
    weights = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    before = {name: np.asarray(value) for name, value in model(tensors).items()}
    random = np.random.default_rng(3)
    scales = {}
    for stream in streams():
        channels = weights[f"block{stream[0]}_project"][1].size
        scales |= dict.fromkeys(stream, np.exp(random.normal(0, 1, channels)).astype(np.float32))
    for name, values in equalised(weights, scales).items():
        model.get_layer(name).set_weights(values)
    for name, value in model(tensors).items():
        wanted = before[name] / scales[int(name.removeprefix("depth"))]
        assert np.asarray(value) == pytest.approx(wanted, abs=float(1e-4 * np.abs(wanted).max()))


def test_training_is_serving_of_the_shipped_bundle(real_data):
    bundle = ModelBundle.open(default_bundle_path())
    if bundle.info["retraining"]["kind"] != LINEAR_RETRAINING["kind"]:
        pytest.skip("the shipped bundle has a float trunk")
    network = bundle.read(bundle.info["network"]["file"])
    served, side = LocalNetwork(network), bundle.preprocessing.zoom
    (levels,) = layered_weights(bundle.arrays(WEIGHTS))[LEVELS]
    trunk = Trunk(with_means(network, side, levels))
    for path in sorted((real_data / "taleqani" / "Original" / "Pre").glob("*.jpg"))[::200]:
        tensor = prepare(decode_reduced(path, SIZE), bundle.preprocessing).tensor
        assert np.array_equal(served.run(tensor)["appearance"], trunk.means([tensor])[0, : len(levels)])
