"""Whole runs of tiny networks and classical methods, from labelled folder to metrics and figures."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from allstation.core import events
from allstation.core.errors import StationError
from allstation.imaging.inputs import read_pixels, to_tensor
from training.data.loading import open_data
from training.evaluate.comparison import compare_runs, draw_run, read_predictions
from training.fit.protocol import EventWriter, silent
from training.fit.recipe import Recipe, recipe_from
from training.fit.runs import RunFolder
from training.fit.session import run_recipe

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.xdist_group("tensorflow"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def groups_table(folder: Path) -> str:
    """Every two consecutive fields show the same place."""
    table = folder.parent / "groups.csv"
    lines = ["class,file,field_group"]
    for path in sorted(folder.rglob("*.png")):
        number = int(path.stem.split("-")[1])
        lines.append(f"{path.parent.name},{path.name},{(number + 1) // 2}")
    table.write_text("\n".join(lines))
    return str(table)


def recipe(folder: Path, kind: str = "nadim", **changes: Any) -> Recipe:
    options = {"filters": 2, "blocks": 2} if kind == "nadim" else {}
    data: dict[str, Any] = {
        "name": "tiny",
        "data": str(folder),
        "method": {"kind": kind, "options": options},
        "input": {"height": 24, "width": 24, "interpolation": "area"},
        "split": {"kind": "same-field", "groups": groups_table(folder)},
        "fit": {"epochs": 2, "batch": 16, "snapshots": [1]},
    }
    for key, value in changes.items():
        data[key] = {**data.get(key, {}), **value}
    return recipe_from(data)


def test_a_run_leaves_everything_a_reader_needs(labelled_folder: Path, tmp_path: Path) -> None:
    told: list[events.Event] = []
    folder = tmp_path / "run"
    metrics = run_recipe(recipe(labelled_folder), folder, EventWriter(told.append))
    run = RunFolder.open(folder)
    assert run.state == "finished"
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "run.json",
        "recipe.toml",
        "lists.csv",
        "history.csv",
        "events.jsonl",
        "metrics.json",
        "predictions.csv",
        "predictions-epoch-1.csv",
        "weights.npz",
    }
    assert not names & {"state.npz", "best.npz"}
    info = run.info
    assert info["split"] == "same-field grouped hold-out"
    assert info["patients"] == "patients unknown"
    assert len(info["data_sha256"]) == len(info["lists_sha256"]) == 64
    assert info["versions"]["keras"]
    assert sum(info["counts"].values()) == 48
    assert metrics["test"]["n"] == info["counts"]["test"]
    assert metrics["test"]["time"]["fields"] == info["counts"]["test"]
    assert set(metrics["snapshots"]) == {"1"}
    assert metrics["parameters"] > 0
    phases = [event.name for event in told if isinstance(event, events.Phase)]
    assert phases == ["checking", "preparing", "training", "evaluating"]
    assert json.loads((folder / "metrics.json").read_text())["test"]["n"] == metrics["test"]["n"]
    with (folder / "lists.csv").open() as file:
        rows = list(csv.DictReader(file))
    by_group: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        by_group.setdefault((row["class"], row["field_group"]), set()).add(row["part"])
    assert all(len(parts) == 1 for parts in by_group.values())


def test_the_figures_of_a_run_are_drawn_and_equal_its_predictions(
    labelled_folder: Path, tmp_path: Path
) -> None:
    metrics = run_recipe(recipe(labelled_folder), tmp_path / "run", silent())
    predicted, files = read_predictions(RunFolder.open(tmp_path / "run"))
    assert predicted.matrix.tolist() == metrics["test"]["confusion_rows_true"]
    assert all((labelled_folder / name).is_file() for name in files)
    drawn = draw_run(RunFolder.open(tmp_path / "run"), tmp_path / "figures")
    assert {path.stem for path in drawn} == {
        "confusion",
        "roc",
        "reliability",
        "curves",
        "classes",
        "samples",
        "predictions",
    }
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)


def test_two_methods_are_compared_on_the_same_fields(labelled_folder: Path, tmp_path: Path) -> None:
    for kind in ("knn-pixels", "knn-hog"):
        run_recipe(recipe(labelled_folder, kind), tmp_path / kind, silent())
    result = compare_runs(
        [tmp_path / "knn-pixels", tmp_path / "knn-hog"], silent(), json_path=tmp_path / "pairs.json"
    )
    assert len(result["pairs"]) == 1
    assert result["pairs"][0]["first"] == "knn-pixels"
    assert json.loads((tmp_path / "pairs.json").read_text())["runs"]["knn-hog"]["n"] > 0
    other = recipe(labelled_folder, "knn-pixels", split={"seed": 9})
    run_recipe(other, tmp_path / "other", silent())
    with pytest.raises(StationError, match="different fields"):
        compare_runs([tmp_path / "knn-pixels", tmp_path / "other"], silent())
    with pytest.raises(StationError, match="no run in"):
        compare_runs([tmp_path], silent())


@pytest.mark.parametrize("kind", ["svm-hog", "mlp-hog", "svm-cells", "ann-cells"])
def test_every_classical_method_runs(kind: str, labelled_folder: Path, tmp_path: Path) -> None:
    size = {"height": 64, "width": 64}
    metrics = run_recipe(recipe(labelled_folder, kind, input=size), tmp_path / "run", silent())
    assert RunFolder.open(tmp_path / "run").state == "finished"
    assert metrics["features"] > 0
    assert metrics["parameters"] > 0
    assert (tmp_path / "run" / "predictions.csv").is_file()


def test_training_serving_and_evaluation_see_the_same_bytes(labelled_folder: Path) -> None:
    for colour, interpolation, stain in (("gray", "area", "none"), ("rgb", "station", "reinhard")):
        made = recipe(
            labelled_folder, input={"colour": colour, "interpolation": interpolation, "stain": stain}
        )
        data = open_data(made, silent())
        trained_on = data.prepared(made.input, silent())
        for row in (0, 17, 47):
            served = read_pixels(data.labelled.fields[row].path, made.input)
            np.testing.assert_array_equal(trained_on[row], served)
            batch = to_tensor(trained_on, made.input)[row]
            np.testing.assert_array_equal(batch, to_tensor(served, made.input))


def test_an_interrupted_run_is_resumed_and_another_recipe_is_not(
    labelled_folder: Path, tmp_path: Path
) -> None:
    def die(event: events.Event) -> None:
        if isinstance(event, events.Epoch):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe(labelled_folder), tmp_path / "run", EventWriter(die))
    assert RunFolder.open(tmp_path / "run").state == "running"
    with pytest.raises(StationError, match="another recipe"):
        run_recipe(recipe(labelled_folder, fit={"batch": 8}), tmp_path / "run", silent())
    run_recipe(recipe(labelled_folder), tmp_path / "run", silent())
    assert RunFolder.open(tmp_path / "run").state == "finished"
    assert len(RunFolder.open(tmp_path / "run").read_history()) == 2
    told: list[events.Event] = []
    again = run_recipe(recipe(labelled_folder), tmp_path / "run", EventWriter(told.append))
    assert again["test"]["n"] > 0
    assert [type(event) for event in told] == [events.Message]


def test_a_stop_while_reading_ends_at_once(labelled_folder: Path, tmp_path: Path) -> None:
    writer = silent()
    writer.request(events.STOP)
    with pytest.raises(StationError, match="nothing to keep"):
        run_recipe(recipe(labelled_folder), tmp_path / "run", writer)
    assert not (tmp_path / "run" / "lists.csv").exists()


def test_a_failed_run_says_why_and_leaves_the_others(labelled_folder: Path, tmp_path: Path) -> None:
    run_recipe(recipe(labelled_folder, "knn-pixels"), tmp_path / "good", silent())
    before = {path: path.read_bytes() for path in (tmp_path / "good").iterdir()}
    (labelled_folder / "Pro" / "Pro-003.png").write_bytes(b"")
    with pytest.raises(StationError, match=r"Pro-003\.png"):
        run_recipe(recipe(labelled_folder, "knn-pixels"), tmp_path / "bad", silent())
    info = RunFolder.open(tmp_path / "bad").info
    assert info["state"] == "failed"
    assert info["error_code"] == "unreadable-fields"
    assert "Pro-003.png" in info["error"]
    assert {path: path.read_bytes() for path in (tmp_path / "good").iterdir()} == before


def asking(command: str) -> EventWriter:
    """A writer whose parent asks to end after the first epoch."""

    def ask(event: events.Event) -> None:
        if isinstance(event, events.Epoch):
            writer.request(command)

    writer = EventWriter(ask)
    return writer


def test_stop_evaluates_and_discard_does_not(labelled_folder: Path, tmp_path: Path) -> None:
    long = recipe(labelled_folder, fit={"epochs": 50, "snapshots": []})
    metrics = run_recipe(long, tmp_path / "stop", asking(events.STOP))
    assert metrics["stopped"]
    assert metrics["test"]["n"] > 0
    assert RunFolder.open(tmp_path / "stop").state == "stopped"
    with pytest.raises(StationError, match="discarded"):
        run_recipe(long, tmp_path / "discard", asking(events.DISCARD))
    assert RunFolder.open(tmp_path / "discard").state == "discarded"


def test_backgrounds_are_replaced_in_a_real_run(labelled_folder: Path, tmp_path: Path) -> None:
    made = recipe(labelled_folder, augmentation={"background": 1.0, "stain": 0.1}, fit={"snapshots": []})
    assert run_recipe(made, tmp_path / "run", silent())["epochs"] == 2


def test_groups_are_found_where_no_table_names_them(labelled_folder: Path, tmp_path: Path) -> None:
    made = recipe(labelled_folder, "knn-pixels", split={"groups": "", "kind": "image-random"})
    metrics = run_recipe(made, tmp_path / "run", silent())
    assert metrics["test"]["groups"] <= metrics["test"]["n"]


def test_figures_print_n_split_and_patients(labelled_folder: Path, tmp_path: Path) -> None:
    run_recipe(recipe(labelled_folder, "knn-pixels"), tmp_path / "run", silent())
    predicted, _ = read_predictions(RunFolder.open(tmp_path / "run"))
    for figure in predicted.evaluated(resamples=50).figures:
        assert f"n = {len(predicted.labels)}" in str(figure)
        assert "same-field grouped hold-out" in str(figure)
        assert "patients unknown" in str(figure)


@pytest.mark.timeout(900)
def test_a_run_becomes_a_bundle_that_serves_what_was_trained(labelled_folder: Path, tmp_path: Path) -> None:
    from allstation.inference.bundle import ModelBundle
    from allstation.inference.engine import Engine

    made = recipe(
        labelled_folder,
        input={"interpolation": "station"},
        fit={"epochs": 1, "snapshots": []},
    )
    made = recipe_from({**made.to_json(), "export": True})
    told: list[events.Event] = []
    metrics = run_recipe(made, tmp_path / "run", EventWriter(told.append))
    assert metrics["bundle"] == "model.allmodel"
    assert [event.name for event in told if isinstance(event, events.Phase)][-1] == "exporting"
    bundle = ModelBundle.open(tmp_path / "run" / "model.allmodel")
    assert bundle.classes == ("Benign", "Early", "Pre", "Pro")
    assert json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))["bundle_sha256"] == bundle.sha256
    assert bundle.info["training"]["patients"] == "patients unknown"
    assert str(tmp_path) not in json.dumps(dict(bundle.info))
    engine = Engine(bundle)
    predicted, files = read_predictions(RunFolder.open(tmp_path / "run"))
    for row, name in enumerate(files[:4]):
        prediction = engine.classify(labelled_folder / name)
        logits = np.log(predicted.probabilities[row]) / bundle.temperature
        expected = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(list(prediction.probabilities.values()), expected, atol=2e-3)


def test_the_evidence_map_adds_up_to_the_logits() -> None:
    from training.fit.bundle_export import serving_network
    from training.fit.training_loop import build_network

    made = recipe_from(
        {
            "name": "x",
            "method": {"kind": "compact", "options": {"width": 0.25}},
            "input": {"height": 64, "width": 64},
        }
    )
    model = build_network(made, 3)
    fields = np.random.default_rng(1).random((2, 64, 64, 3), np.float32)
    found = serving_network(model).predict_on_batch(fields)
    assert set(found) == {"logits", "features", "evidence"}
    bias = model.get_layer("logits").get_weights()[1]
    evidence = np.asarray(found["evidence"])
    assert evidence.shape[-1] == 3
    np.testing.assert_allclose(evidence.mean(axis=(1, 2)) + bias, found["logits"], atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("knn-pixels", {}, "Classical methods"),
        ("nadim", {"input": {"interpolation": "area"}}, "interpolation 'station'"),
        (
            "nadim",
            {"input": {"interpolation": "station"}, "fit": {"loss": "sigmoid_crossentropy"}},
            "another loss",
        ),
    ],
)
def test_what_makes_no_bundle_says_why(
    kind: str, changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    from training.fit.bundle_export import export_blocker

    (tmp_path / "labelled").mkdir()
    assert reason in export_blocker(recipe(tmp_path / "labelled", kind, **changes))


def test_a_class_that_no_bundle_may_have_is_refused_before_training(
    labelled_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(labelled_folder, folder)
    first = next(one for one in sorted(folder.iterdir()) if one.is_dir())
    first.rename(folder / "Needs Review")
    with pytest.raises(StationError, match="says that there is no class"):
        run_recipe(replace(recipe(folder), export=True), tmp_path / "run", silent())
    assert not (tmp_path / "run" / "lists.csv").exists()
