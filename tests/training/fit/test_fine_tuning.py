"""Going on from the shipped bundle: through the session, as the child does it, on synthetic fields."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from allstation.core import events
from allstation.core.errors import StationError
from allstation.imaging.formats.decode import decode_reduced
from allstation.imaging.synthetic import write_demo
from allstation.inference.bundle import ModelBundle, default_bundle_path, write_bundle
from allstation.inference.engine import Engine
from allstation.inference.novelty import Novelty
from allstation.inference.reference import verify_reference
from training.data.loading import open_data
from training.data.splits import Split
from training.evaluate.comparison import compare_runs, read_predictions
from training.fit import last_layer
from training.fit.bundle_export import bundle_info
from training.fit.estimate import estimate
from training.fit.preview import write_preview
from training.fit.protocol import EventWriter, silent
from training.fit.recipe import Recipe, recipe_from
from training.fit.runs import RunFolder
from training.fit.session import run_recipe

NONE = np.array([], np.int64)
SPLIT = Split("image-random hold-out", NONE, NONE, NONE, NONE)
CLASSES = ("Benign", "Early", "Pre", "Pro")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    write_demo(folder, fields=20, labelled=True)
    return folder


@pytest.fixture(scope="module")
def shipped() -> ModelBundle:
    return ModelBundle.open(default_bundle_path())


@pytest.fixture(scope="module")
def base(shipped: ModelBundle) -> Iterator[last_layer.Base]:
    return last_layer.open_base(shipped)


def recipe(folder: Path, **changes: Any) -> Recipe:
    data: dict[str, Any] = {
        "name": "Ours",
        "data": str(folder),
        "method": {"kind": "finetune", "options": {"copies": 0}},
        "split": {"kind": "image-random", "train": 0.6, "validation": 0.2},
        "export": False,
    }
    return recipe_from({**data, **changes})


def told_by(run: Recipe, folder: Path) -> tuple[dict[str, Any], list[events.Event]]:
    told: list[events.Event] = []
    return run_recipe(run, folder, EventWriter(told.append)), told


def test_a_folder_becomes_a_verified_bundle_compared_with_its_ancestor(
    labelled: Path, tmp_path: Path, shipped: ModelBundle
):
    run = recipe(labelled, export=True, method={"kind": "finetune", "options": {"copies": 1}})
    metrics, told = told_by(run, tmp_path / "run")
    phases = [event.name for event in told if isinstance(event, events.Phase)]
    assert phases == ["checking", "preparing", "preparing", "training", "evaluating", "exporting"]
    assert [event.epoch for event in told if isinstance(event, events.Epoch)] == list(range(11))
    rows = RunFolder.open(tmp_path / "run").read_history()
    assert [row["epoch"] for row in rows if row["kept"]] == [metrics["best_epoch"]]
    pair = metrics["against_base"]
    assert pair["n"] == metrics["test"]["n"] == metrics["base_test"]["n"] == 4
    assert pair["second"] == shipped.name
    assert metrics["served_difference"] < 1e-5
    made = ModelBundle.open(tmp_path / "run" / "model.allmodel")
    verify_reference(made)
    assert made.info["training"]["fine_tuned_from"]["sha256"] == shipped.sha256
    assert made.preprocessing == shipped.preprocessing
    assert str(tmp_path) not in json.dumps(dict(made.info))
    assert "The model it came from" in made.text("model-card.md")
    assert last_layer.with_last_layer(last_layer.open_base(made), last_layer.open_base(made).last) is not None
    predicted, files = read_predictions(RunFolder.open(tmp_path / "run"))
    served = Engine(made).classify(labelled / files[0])
    np.testing.assert_allclose(list(served.probabilities.values()), predicted.probabilities[0], atol=1e-4)


def test_only_the_last_layer_of_the_network_changes(base: last_layer.Base):
    old = base.bundle.read("network.tflite")
    new = last_layer.with_last_layer(base, base.last + 1)
    assert new is not None
    assert len(new) == len(old)
    differs = np.flatnonzero(np.frombuffer(old, np.uint8) != np.frombuffer(new, np.uint8))
    assert differs[-1] - differs[0] < base.last.size * 4
    assert last_layer.with_last_layer(base, np.zeros((len(base.last), 7))) is None


def test_a_tuned_bundle_can_be_tuned_again(base: last_layer.Base, labelled: Path, tmp_path: Path):
    made = tmp_path / "tuned.allmodel"
    shutil.copyfile(default_bundle_path(), made)
    method = {"kind": "finetune", "options": {"copies": 0}, "weights": str(made)}
    run = recipe(labelled, method=method)
    metrics = run_recipe(run, tmp_path / "run", silent())
    assert metrics["base"]["sha256"] == base.bundle.sha256
    info = bundle_info(
        run, open_data(run, silent()), SPLIT, folder=RunFolder.open(tmp_path / "run"), calibration_fields=1
    )
    assert "tuned.allmodel" in info["training"]["recipe"]
    assert str(tmp_path) not in info["training"]["recipe"]


def test_other_classes_begin_a_new_layer_and_are_said(labelled: Path, tmp_path: Path):
    renamed = tmp_path / "smears"
    renamed.mkdir()
    for name in CLASSES:
        (renamed / f"{name} new").symlink_to(labelled / name)
    metrics, told = told_by(recipe(renamed), tmp_path / "run")
    assert any(isinstance(event, events.Message) and "begins anew" in event.text for event in told)
    assert "against_base" not in metrics
    assert metrics["best_epoch"] > 0
    assert metrics["test"]["overall"]["accuracy (Wilson)"]["value"] > 0.5


def test_fields_are_seen_as_the_station_sees_them(base: last_layer.Base, labelled: Path):
    path = next((labelled / "Pro").iterdir())
    seen = last_layer.extract_features(base, decode_reduced(path, base.bundle.preprocessing.size)[None])
    served = Engine(base.bundle).classify(path)
    found = Engine(base.bundle).probabilities(seen.logits[0].astype(np.float32))
    np.testing.assert_array_equal(found, list(served.probabilities.values()))
    np.testing.assert_allclose(seen.pooled @ base.last, seen.logits, atol=0.05 * np.abs(seen.logits).max())
    distance = Novelty(base.bundle.arrays("novelty.npz")).scores(seen.appearance)
    assert distance[0] == served.novelty


def toy(seed: int, shift: float, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    return random.normal(0, 1, (n, 5)) + 4 * np.eye(3, 5)[labels] + shift, labels


def test_what_is_known_already_is_left_as_it_was():
    start = 2 * np.eye(5, 3)
    steps = list(last_layer.regularisation_path(toy(1, 0.0), toy(2, 0.0), start, 1.0))
    assert np.array_equal(steps[0].weights, start)
    assert last_layer.select_step([steps[0], dataclasses.replace(steps[0], number=1)]).number == 0


def test_what_is_new_is_learned_and_the_path_ends_freer_than_it_began():
    learned, held = toy(1, 0.0), toy(2, 0.0)
    wrong = np.roll(2 * np.eye(5, 3), 1, axis=1)
    steps = list(last_layer.regularisation_path(learned, held, wrong, 1.0))
    kept = last_layer.select_step(steps)
    assert kept.number > 0
    assert kept.values["val_accuracy"] > 0.8 > steps[0].values["val_accuracy"]
    moved = [np.abs(step.weights - wrong).sum() for step in steps]
    assert moved == sorted(moved)
    losses = [step.values["loss"] for step in steps]
    assert losses[-1] < losses[0]


def test_calibration_is_kept_where_too_little_speaks_for_another(base: last_layer.Base):
    wide = base.bundle.arrays("novelty.npz")["means"].shape[1]
    features = np.abs(np.random.default_rng(1).normal(0, 1, (40, wide)))
    labels = np.arange(40) % 4
    sure = 10 * np.eye(4)[labels]
    judged = last_layer.calibrate(
        base, sure, (features, features), (labels, labels), sharpness=np.full(40, 5.0), temperature=0.4
    )
    assert judged.temperature == 0.4
    assert judged.notes["temperature"].startswith("kept: 0 wrong among 40")
    assert judged.rule.min_probability == base.bundle.rule.min_probability
    assert judged.rule.min_sharpness <= 5.0
    assert len(judged.novelty["means"]) == 8
    wrong = last_layer.calibrate(
        base, -sure, (features, features), (labels, labels), sharpness=np.full(40, 5.0), temperature=0.4
    )
    assert wrong.notes["temperature"].startswith("fitted on 40")
    assert wrong.temperature > 1


def test_another_kind_of_bundle_is_refused(shipped: ModelBundle, tmp_path: Path):
    info = {key: value for key, value in shipped.info.items() if key not in {"retraining", "files", "schema"}}
    other = write_bundle(tmp_path / "x.allmodel", info, dict(shipped.members))
    with pytest.raises(StationError, match="cannot be fine-tuned"):
        last_layer.open_base(other)


@pytest.mark.parametrize(("command", "state"), [(events.STOP, "failed"), (events.DISCARD, "discarded")])
def test_ending_while_the_network_looks_at_fields(labelled: Path, tmp_path: Path, command: str, state: str):
    def ask(event: events.Event) -> None:
        if isinstance(event, events.Phase) and event.text.startswith("Looking"):
            writer.request(command)

    writer = EventWriter(ask)
    with pytest.raises(StationError):
        run_recipe(recipe(labelled), tmp_path / "run", writer)
    assert RunFolder.open(tmp_path / "run").state == state


def test_stopping_on_the_path_keeps_what_was_found(labelled: Path, tmp_path: Path):
    def ask(event: events.Event) -> None:
        if isinstance(event, events.Epoch) and event.epoch == 2:
            writer.request(events.STOP)

    writer = EventWriter(ask)
    metrics = run_recipe(recipe(labelled), tmp_path / "run", writer)
    assert metrics["stopped"]
    assert metrics["epochs"] == 2
    assert RunFolder.open(tmp_path / "run").state == "stopped"


def test_the_active_model_is_compared_on_the_very_fields(
    labelled: Path, tmp_path: Path, shipped: ModelBundle
):
    run_recipe(recipe(labelled), tmp_path / "run", silent())
    result = compare_runs([tmp_path / "run"], silent(), model=default_bundle_path())
    assert result["model"]["sha256"] == shipped.sha256
    assert set(result["runs"]) == {"run", "model"}
    predicted, files = read_predictions(RunFolder.open(tmp_path / "run"), suffix=f"-{shipped.sha256[:12]}")
    assert files == read_predictions(RunFolder.open(tmp_path / "run"))[1]
    served = Engine(shipped).classify(labelled / files[0])
    np.testing.assert_allclose(predicted.probabilities[0], list(served.probabilities.values()), atol=1e-5)
    told: list[events.Event] = []
    compare_runs([tmp_path / "run"], EventWriter(told.append), model=default_bundle_path())
    assert not any(isinstance(event, events.Progress) for event in told), "what it said once is read again"
    right = (predicted.probabilities.argmax(axis=1) == predicted.labels).mean()
    assert result["runs"]["model"]["overall"]["accuracy"]["value"] == right


def test_a_model_with_other_classes_is_not_compared(labelled: Path, tmp_path: Path):
    folder = tmp_path / "two"
    folder.mkdir()
    for name in ("Early", "Pro"):
        (folder / name).symlink_to(labelled / name)
    data = {"kind": "knn-pixels"}
    run_recipe(recipe(folder, method=data), tmp_path / "run", silent())
    with pytest.raises(StationError, match="cannot be compared"):
        compare_runs([tmp_path / "run"], silent(), model=default_bundle_path())


def test_the_preview_shows_what_the_network_is_shown(labelled: Path, tmp_path: Path):
    import cv2

    write_preview(recipe(labelled), tmp_path / "sheet.png", fields=2, seed=1)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape == (2 * 230, 9 * 230, 3)
    seen = sheet[:, 230:]
    hidden = (seen >= 190).all(axis=2)
    assert 0.5 < hidden.mean() < 1, "everything but cells is pale"
    assert np.unique(seen[hidden].sum(axis=1)).size > 20, "one plain grey would show nothing of the field"
    write_preview(recipe(labelled), tmp_path / "again.png", fields=2, seed=1)
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "sheet.png").read_bytes()


@pytest.mark.parametrize("kind", ["finetune", "svm-cells", "knn-pixels", "knn-hog"])
def test_an_estimate_grows_with_the_folder(labelled: Path, tmp_path: Path, kind: str):
    found = estimate(recipe(labelled, method={"kind": kind}), silent())
    assert found["seconds"] > 0
    assert found["megabytes"] > 0
    assert "measured just now" in found["sentence"]


@pytest.mark.tensorflow
@pytest.mark.xdist_group("tensorflow")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_an_estimate_of_a_network_counts_its_epochs(labelled: Path):
    method = {"kind": "nadim", "options": {"filters": 2, "blocks": 2}}
    size = {"height": 32, "width": 32}
    once = estimate(recipe(labelled, method=method, input=size, fit={"epochs": 1}), silent())
    often = estimate(recipe(labelled, method=method, input=size, fit={"epochs": 2000}), silent())
    assert often["seconds"] > 10 * once["seconds"]
