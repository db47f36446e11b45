"""Which networks run in the station's own process: the shipped one and those that were trained here."""

from __future__ import annotations

import numpy as np
import pytest

from allstation import paths
from allstation.inference.bundle import ModelBundle, default_bundle_path, write_bundle
from allstation.inference.network_origin import RUNS, needs_isolation
from tests.faults.damaged_bundle import rebuilt


def made(name: str, network: bytes, *, folder=None, base: str | None = None) -> ModelBundle:
    """Write a small bundle around a network, in the folder of a run unless it is given."""
    shipped = ModelBundle.open(default_bundle_path())
    info = {key: value for key, value in shipped.info.items() if key not in {"schema", "files"}}
    info["network"] = {"file": "network.tflite"}
    info["training"] = {} if base is None else {"fine_tuned_from": {"network": base}}
    target = (folder or paths.data_folder() / RUNS / name) / "model.allmodel"
    target.parent.mkdir(parents=True, exist_ok=True)
    return write_bundle(target, info, {"network.tflite": network})


def hash_of(bundle: ModelBundle) -> str:
    return bundle.info["files"]["network.tflite"]["sha256"]


@pytest.fixture(scope="module")
def shipped() -> ModelBundle:
    return ModelBundle.open(default_bundle_path())


def test_the_shipped_network_is_trusted_under_any_name(shipped, tmp_path):
    assert not needs_isolation(shipped)
    assert not needs_isolation(rebuilt(tmp_path / "other.allmodel", info={"name": "other"}))


def test_another_network_under_the_shipped_name_is_not(tmp_path):
    assert needs_isolation(rebuilt(tmp_path / "all-station.allmodel", network=b"other"))


def test_a_network_trained_here_is_trusted_also_where_it_was_copied_to(tmp_path):
    foreign = made("x", b"network", folder=tmp_path / "elsewhere")
    assert needs_isolation(foreign)
    assert not needs_isolation(made("run 1", b"network"))
    assert not needs_isolation(foreign)
    assert needs_isolation(made("y", b"network 2", folder=tmp_path / "there"))


def test_a_fine_tuned_network_is_as_trusted_as_what_it_began_with(shipped):
    own = made("own", b"own")
    foreign = made("of foreign", b"of foreign", base="ab" * 32)
    assert needs_isolation(foreign)
    assert not needs_isolation(made("of shipped", b"of shipped", base=hash_of(shipped)))
    second = made("of own", b"of own", base=hash_of(own))
    assert not needs_isolation(second)
    assert not needs_isolation(made("of second", b"of second", base=hash_of(second)))
    assert needs_isolation(made("of it", b"of it", base=hash_of(foreign)))


@pytest.mark.parametrize("before", [{}, "text", {"network": None}, {"sha256": "a"}, 7], ids=str)
def test_a_base_that_is_not_named_is_not_trusted(before):
    folder = paths.data_folder() / RUNS / "odd"
    bundle = made("odd", b"odd")
    info = {key: value for key, value in bundle.info.items() if key not in {"schema", "files"}}
    info["training"] = {"fine_tuned_from": before}
    assert needs_isolation(write_bundle(folder / "model.allmodel", info, dict(bundle.members)))


def test_damaged_runs_decide_nothing(tmp_path):
    for number, data in enumerate((b"", b"PK\3\4", np.random.default_rng(1).bytes(500))):
        folder = paths.data_folder() / RUNS / str(number)
        folder.mkdir(parents=True)
        (folder / "model.allmodel").write_bytes(data)
    assert needs_isolation(made("x", b"network", folder=tmp_path))
    assert not needs_isolation(ModelBundle.open(default_bundle_path()))
