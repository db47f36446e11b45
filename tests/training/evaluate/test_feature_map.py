"""Map of a labelled folder: real features of the shipped model, kept by the bytes of fields."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from allstation.core.errors import StationError
from allstation.core.events import Progress
from allstation.imaging.fields.file import read_field
from allstation.imaging.preprocess import prepare
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.engine import Engine
from training.cli import main
from training.evaluate import feature_map
from training.evaluate.feature_map import HEADER, map_folder, parts_of_run, principal_axes
from training.fit.protocol import EventWriter, silent


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    return ModelBundle.open(default_bundle_path())


@pytest.fixture
def small(tmp_path: Path, write_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty fields, of which eight are kept at a time."""
    monkeypatch.setattr(feature_map, "_BATCH", 8)
    return write_folder(tmp_path / "labelled", fields=5)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one each time that the network is run."""
    runs: list[int] = []
    run = Engine.run

    def counted(self: Engine, tensor: np.ndarray) -> dict[str, np.ndarray]:
        runs.append(1)
        return run(self, tensor)

    monkeypatch.setattr(Engine, "run", counted)
    return runs


def test_axes_are_those_of_the_largest_variance() -> None:
    random = np.random.default_rng(3)
    plane = random.normal(size=(60, 2)) * (5.0, 2.0)
    turned, _ = np.linalg.qr(random.normal(size=(7, 7)))
    features = (plane @ turned[:2]).astype(np.float32) + 3
    places, explained = principal_axes(features)
    assert sum(explained) == pytest.approx(1.0, abs=1e-6)
    values = np.linalg.svd(plane - plane.mean(axis=0), compute_uv=False) ** 2
    assert explained == pytest.approx((values / values.sum()).tolist(), rel=1e-4)
    assert np.corrcoef(np.abs(places[:, 0]), np.abs(plane[:, 0] - plane[:, 0].mean()))[0, 1] > 0.95
    same, nothing = principal_axes(np.ones((4, 7), np.float32))
    assert not same.any()
    assert nothing == [0.0, 0.0]


def test_features_are_those_of_the_network_and_measured_once(
    small: Path, bundle: ModelBundle, tmp_path: Path, looked_at: list[int]
) -> None:
    first = map_folder(small, bundle, silent(), cache=tmp_path / "cache")
    assert len(first["fields"]) == 20
    assert first["output"] == "appearance"
    assert 0 < first["explained"][1] <= first["explained"][0] <= 1
    measured = len(looked_at)
    (small / "Pro" / "Pro-001.png").rename(small / "Pro" / "Renamed.png")
    again = map_folder(small, bundle, silent(), cache=tmp_path / "cache")
    assert len(looked_at) == measured + 1, "only the empty field that tells the outputs"

    def places(found: feature_map.FeatureMap) -> list[tuple[float, float]]:
        return sorted((round(one["x"], 6), round(one["y"], 6)) for one in found["fields"])

    assert places(again) == places(first)
    engine = Engine(bundle)
    names = [one["file"] for one in again["fields"]]
    rows = []
    for name in names:
        file = read_field(small / name)
        tensor = prepare(file.reduced(engine.preprocessing.size), engine.preprocessing).tensor
        rows.append(engine.run(tensor))
    expected, explained = principal_axes(np.stack([one["appearance"].ravel() for one in rows]))
    assert np.allclose([(one["x"], one["y"]) for one in again["fields"]], expected)
    assert again["explained"] == pytest.approx(explained)
    tops = [bundle.classes[int(one["logits"].argmax())] for one in rows]
    assert [one["predicted"] for one in again["fields"]] == tops


def test_a_stopped_map_goes_on_where_it_was(
    small: Path, bundle: ModelBundle, tmp_path: Path, looked_at: list[int]
) -> None:
    def stop(event: object) -> None:
        if isinstance(event, Progress) and event.done:
            events.request("stop")

    events = EventWriter(stop)
    with pytest.raises(StationError, match="looked at are kept"):
        map_folder(small, bundle, events, cache=tmp_path / "cache")
    before = len(looked_at)
    assert before == 1 + feature_map._BATCH
    damaged = next((tmp_path / "cache").rglob("*.npz"))
    whole = damaged.read_bytes()
    map_folder(small, bundle, silent(), cache=tmp_path / "cache")
    assert len(looked_at) == before + 1 + 20 - feature_map._BATCH
    damaged.write_bytes(whole[:100])
    found = map_folder(small, bundle, silent(), cache=tmp_path / "cache")
    assert len(found["fields"]) == 20


def test_an_unreadable_field_is_left_out_and_said(small: Path, bundle: ModelBundle, tmp_path: Path) -> None:
    (small / "Early" / "broken.png").write_text("This is not a picture.")
    found = map_folder(small, bundle, silent(), cache=tmp_path / "cache")
    assert len(found["fields"]) == 20
    assert found["left_out"] == 1
    assert "broken.png" in found["problem"]


def test_the_command_writes_a_table_and_replaces_nothing_of_others(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text(json.dumps({"state": "finished"}))
    lists = "part,class,file,field_group,patient\ntest,Early,Early/Early-001.png,a,\n"
    (run / "lists.csv").write_text(lists)
    assert parts_of_run(run) == {"Early/Early-001.png": "test"}
    table = tmp_path / "map.csv"
    words = ["map", str(small), "--csv", str(table), "--cache", str(tmp_path / "cache")]
    assert main([*words, "--run", str(run)]) == 2
    assert "has no model bundle" in capsys.readouterr().err
    assert main([*words, "--run", str(run), "--model", str(default_bundle_path())]) == 0
    assert "20 fields on the map; its axes explain" in capsys.readouterr().err
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == HEADER
    assert [row["part"] for row in rows if row["file"] == "Early/Early-001.png"] == ["test"]
    assert main(words) == 2, "it is there from another run"
    assert main([*words, "--force"]) == 0
    table.write_text("somebody's notes\n")
    assert main([*words, "--force"]) == 2
    assert table.read_text() == "somebody's notes\n"
