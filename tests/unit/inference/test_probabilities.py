"""Probabilities of an engine: the same bits on every processor, by a network that is given."""

import numpy as np

from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.engine import Engine

BITS = {
    (1.728, 4.108, 1.652, -6.516): (
        "0x1.d93fab4d5039fp-4",
        "0x1.8d18b431359d4p-1",
        "0x1.bd5518939ff7ap-4",
        "0x1.4b352ac5c8e2dp-13",
    ),
    (4.527, 2.232, -2.685, 2.906): (
        "0x1.648d045f0dd20p-1",
        "0x1.c6d3e0de36f0ap-4",
        "0x1.1ce048de48bdep-9",
        "0x1.85ee7cf1341c8p-3",
    ),
    (1.823, 1.471, 0.142, 2.734): (
        "0x1.f50209b4a1ae7p-3",
        "0x1.7a0c5e0ca437fp-3",
        "0x1.051dfd99ceac6p-4",
        "0x1.0398a65c74b0ep-1",
    ),
    (-3.682, -0.815, -2.411, 2.994): (
        "0x1.26bc907ea48e3p-8",
        "0x1.6d20116bd8b70p-5",
        "0x1.976013a586899p-7",
        "0x1.e0830579af115p-1",
    ),
    (0.199, -1.462, -3.91, -1.286): (
        "0x1.3e9c006ad66f6p-1",
        "0x1.5176e6bd6ad2fp-3",
        "0x1.7ce2f90ebbfb5p-6",
        "0x1.847cb87563f02p-3",
    ),
    (0.041, -1.378, 6.47, 5.034): (
        "0x1.20dc5b2006337p-8",
        "0x1.734f87d632000p-10",
        "0x1.827e3fb123702p-1",
        "0x1.ea197f52c5aa0p-3",
    ),
}


class Given:
    """Network that says what it is told."""

    def __init__(self, logits):
        self._logits = np.asarray(logits, np.float32)
        self.input_shape = (1, 288, 288, 4)
        self.output_shapes = {"logits": (1, 4), "appearance": (1, 576)}

    def run(self, tensor):
        return {"logits": self._logits, "appearance": np.zeros(576, np.float32)}

    def close(self):
        """Nothing to close."""


def test_probabilities_are_the_same_bits_everywhere():
    bundle = ModelBundle.open(default_bundle_path())
    for logits, bits in BITS.items():
        engine = Engine(bundle, network=Given(logits))
        engine._temperature = 1.25
        found = engine.probabilities(engine.run(np.zeros((288, 288, 4), np.float32))["logits"])
        assert tuple(value.hex() for value in found.tolist()) == bits
        assert abs(found.sum() - 1) < 1e-15


def test_a_logit_that_is_not_finite_leaves_no_probability():
    engine = Engine(ModelBundle.open(default_bundle_path()), network=Given([1, 2, np.inf, 0]))
    assert np.isnan(engine.probabilities(np.array([1, 2, np.inf, 0], np.float32))).all()
