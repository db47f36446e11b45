"""A Keras network becomes a bundle that another process has verified."""

import numpy as np
import pytest

from allstation.core.decision import DecisionRule
from allstation.core.errors import StationError
from allstation.imaging.inputs import InputSpec
from allstation.imaging.preprocess import Preprocessing
from allstation.inference.bundle import ModelBundle, write_bundle
from allstation.inference.reference import verify_reference

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.xdist_group("tensorflow"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
CLASSES = ["Benign", "Early", "Pre", "Pro"]
INFO = {
    "name": "small",
    "version": "0.1",
    "created": "2026-01-01",
    "classes": CLASSES,
    "calibration": {},
    "decision": DecisionRule(0.5).to_json(),
    "training": {},
    "figures": [],
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    keras = pytest.importorskip("keras")
    from training.fit.bundle_writer import Export, export_bundle

    keras.utils.set_random_seed(1)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(8, 3, 4, activation="relu")(inputs)
    features = keras.layers.GlobalAveragePooling2D()(x)
    logits = keras.layers.Dense(4)(features)
    model = keras.Model(inputs, {"logits": logits, "features": features})
    novelty = {"means": np.zeros((4, 8)), "whitening": np.eye(8), "limit": np.array(3.0)}
    export = Export(
        info=INFO,
        preprocessing=Preprocessing.plain(InputSpec(height=32, width=32)),
        temperature=2.0,
        novelty=novelty,
        texts={"model-card.md": "# A card"},
        weights={"dense/0": np.ones((8, 4))},
    )
    return export_bundle(tmp_path_factory.mktemp("model") / "small.allmodel", model, export)


def test_bundle_has_everything_and_verifies(bundle):
    assert bundle.temperature == 2.0
    assert sorted(bundle.info["network"]["outputs"]) == ["features", "logits"]
    assert bundle.text("model-card.md") == "# A card"
    assert bundle.arrays("weights.npz")["dense/0"].shape == (8, 4)
    assert verify_reference(bundle) <= 1e-4
    assert len(bundle.info["reference"]["probabilities"]) == 16


def test_no_half_written_file_stays(bundle):
    assert [path.name for path in bundle.path.parent.iterdir()] == ["small.allmodel"]
    assert [one.role for one in bundle.signatures] == ["station"]


def test_another_process_refuses_a_network_that_computes_something_else(bundle, tmp_path):
    from training.fit.bundle_writer import packed_arrays, verify_in_new_process

    reference = bundle.arrays("reference.npz")
    shifted = {**reference, "probabilities": np.roll(reference["probabilities"], 1, axis=1)}
    members = {**bundle.members, "reference.npz": packed_arrays(shifted)}
    info = {key: value for key, value in bundle.info.items() if key not in ("schema", "files")}
    target = tmp_path / "wrong.allmodel"
    write_bundle(target, info, members)
    with pytest.raises(StationError) as raised:
        verify_in_new_process(target)
    assert raised.value.code == "export-differs"
    assert ModelBundle.open(target).name == "small"


def test_a_verification_that_does_not_end_is_a_sentence(bundle, monkeypatch):
    from training.fit import bundle_writer

    monkeypatch.setattr(bundle_writer, "_TIMEOUT", 0.01)
    with pytest.raises(StationError, match="took more than") as raised:
        bundle_writer.verify_in_new_process(bundle.path)
    assert raised.value.code == "export-differs"
