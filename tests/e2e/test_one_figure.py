"""One figure, one name, one value, one interval: the same predictions through every door."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from pypdf import PdfReader

from allstation.cli import main
from allstation.core.evaluation import OVERALL
from allstation.imaging import synthetic
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.pipeline import Pipeline
from allstation.services.training.figures import read_figures
from allstation.ui.training.compare_page import ComparePage
from allstation.ui.training.plots.plotting import PlotLoader
from training.data.labelled_folder import read_labelled
from training.data.loading import Data
from training.data.splits import Split, groups_from_csv
from training.evaluate.comparison import compare_runs
from training.evaluate.parts import evaluate_parts
from training.fit.protocol import silent
from training.fit.recipe import recipe_from
from training.fit.runs import RunFolder, write_json
from training.models.registry import preset

FIELDS = 32


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Synthetic fields, every fifth in the folder of another class, and a table of the groups of most.

    Groups are numbered within each class.
    """
    folder = tmp_path_factory.mktemp("doors") / "labelled"
    paths = synthetic.write_demo(folder, fields=FIELDS, seed=2, labelled=True)
    classes = sorted({path.parent.name for path in paths})
    lines = ["class,file,field_group"]
    for index, path in enumerate(paths):
        name = path.parent.name
        if index % 5 == 0:
            name = classes[(classes.index(name) + 1) % len(classes)]
            path.rename(folder / name / path.name)
        if index != FIELDS // 2:
            lines.append(f"{name},{path.name},{index // 4 % 4}")
    table = folder.parent / "groups.csv"
    table.write_text("\n".join(lines) + "\n", "utf-8")
    return folder, table


@pytest.fixture(scope="module")
def evaluated(labelled):
    """What ``allstation evaluate`` writes: its JSON, and the text of its PDF."""
    folder, table = labelled
    document, page = folder.parent / "e.json", folder.parent / "e.pdf"
    command = ["evaluate", str(folder), "--groups", str(table), "--json", str(document), "--pdf", str(page)]
    assert main(command) == 0
    text = " ".join(page.extract_text() for page in PdfReader(page).pages)
    return json.loads(document.read_text("utf-8")), re.sub(r"\s+", " ", text)


@pytest.fixture(scope="module")
def run(labelled):
    """A run of the training library whose test set are the same fields, with the same predictions."""
    folder, table = labelled
    fields = read_labelled(folder)
    digests = [hashlib.sha256(one.path.read_bytes()).hexdigest() for one in fields.fields]
    data = Data(fields, groups_from_csv(fields, table), fields.sha256(digests))
    nothing, every = np.array([], np.int64), np.arange(len(fields.fields))
    bundle = ModelBundle.open(default_bundle_path())
    with Pipeline(bundle) as pipeline:
        outcomes = pipeline.run((row, field.path) for row, field in enumerate(fields.fields))
        shares = {one.key: list(one.prediction.probabilities.values()) for one in outcomes}

    def probabilities_of(rows):
        return np.array([shares[int(row)] for row in rows]).reshape(-1, len(bundle.classes))

    recipe = recipe_from({**preset("compact"), "data": str(folder)})
    made = RunFolder.create(folder.parent / "run", recipe)
    made.update(state="finished", classes=list(fields.classes), split="a split", patients="patients unknown")
    split = Split("a split", nothing, nothing, every, nothing)
    write_json(made.path / "metrics.json", evaluate_parts(data, split, probabilities_of, folder=made))
    return made


def figures(found):
    return {name: (one["value"], *one["interval"]) for name, one in sorted(found.items()) if one["interval"]}


def same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, numbers in ours.items():
        assert numbers == pytest.approx(theirs[name], abs=1e-12), name


def test_the_training_library_and_the_evaluation_say_the_same(evaluated, run):
    document, _ = evaluated
    ours = figures({one["name"]: one for one in document["figures"]})
    assert set(ours) == {"accuracy (Wilson)", *OVERALL}
    assert 0.5 < ours["accuracy"][0] < 1
    test = json.loads((run.path / "metrics.json").read_text("utf-8"))["test"]
    same(ours, figures(test["overall"]))
    assert test["confusion_rows_true"] == document["confusion"]["counts"]
    bins = [{("n" if key == "count" else key): n for key, n in one.items()} for one in test["reliability"]]
    assert bins == document["reliability"]
    for one in document["per_class"]:
        entry = test["by_class"][one["class"]]
        for name in ("precision", "recall", "specificity"):
            assert entry[name]["value"] == one[name]["value"]
            assert entry[name]["interval"] == one[name]["interval"]
        assert (entry["F1"], entry["AUC"]) == (one["f1"], one["auc"])


def test_a_model_compared_with_a_run_has_the_figures_of_its_evaluation(evaluated, run):
    document, _ = evaluated
    found = compare_runs([run.path], silent(), model=default_bundle_path())
    ours = figures({one["name"]: one for one in document["figures"]})
    same(ours, figures(found["runs"]["model"]["overall"]))
    same(ours, figures(found["runs"]["run"]["overall"]))
    assert found["pairs"][0]["accuracy_difference"] == 0


def test_the_pages_and_the_window_print_the_same(evaluated, run, qtbot):
    document, text = evaluated
    loader = PlotLoader()
    page = ComparePage(loader)
    qtbot.addWidget(page)
    page.show_figures([read_figures(run.path)])
    rows = {row[0]: row[1] for row in page.sheets()[2].rows[1:]}
    for one in document["figures"]:
        low, high = one["interval"]
        assert rows.pop(one["name"]) == f"{one['value']:.3f} [{low:.3f}, {high:.3f}], n = {FIELDS}"
        assert f"{one['name']} {one['value']:.3f} {low:.3f} to {high:.3f}" in text
    assert not rows
    page.close_workers()
    loader.close()


def test_a_run_of_version_0_1_0_is_shown_under_todays_names(run, tmp_path):
    names = {"Matthews correlation": "MCC", "Brier score": "Brier", "ECE (15 bins)": "ECE"}
    for path in run.path.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    metrics = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    overall = metrics["test"]["overall"]
    metrics["test"]["overall"] = {
        names.get(name, name): {**one, "name": names.get(name, name)} for name, one in overall.items()
    }
    assert "MCC" in metrics["test"]["overall"]
    Path(tmp_path / "metrics.json").write_text(json.dumps(metrics), "utf-8")
    found = read_figures(tmp_path)
    assert set(found.metrics["overall"]) == set(overall)
    assert (
        found.metrics["overall"]["Matthews correlation"]["value"] == overall["Matthews correlation"]["value"]
    )
