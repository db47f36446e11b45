"""The tables of a run, opened in an office program and saved again: read as before."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from allstation.services.training.history import read_history
from training.evaluate.comparison import read_predictions
from training.fit.recipe import recipe_from
from training.fit.runs import RunFolder
from training.models.registry import preset

PREDICTIONS = [
    ("part", "file", "field_group", "class", "predicted", "Früh", "Pro"),
    ("test", "Früh/a, b.png", "g1", "Früh", "Früh", "0.750000", "0.250000"),
    ("validation", "Pro/c.png", "g2", "Pro", "Pro", "0.1", "0.9"),
    ("test", "Pro/d.png", "g2", "Pro", "Früh", "5.5e-01", "0.45"),
]


def saved_again(path: Path, codec: str) -> None:
    """Write a table as Excel does where the comma is the decimal sign."""
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8"), newline="")))
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    decimal = [[cell.replace(".", ",") if cell[:1].isdigit() else cell for cell in row] for row in rows]
    writer.writerows([*decimal, [""] * len(rows[0])])
    path.write_bytes(text.getvalue().encode(codec))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder.create(tmp_path / "run", recipe_from({**preset("zhang"), "data": "x"}))
    folder.update(classes=["Früh", "Pro"], split="hold-out", patients="patients unknown")
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(PREDICTIONS)
    (folder.path / "predictions.csv").write_text(text.getvalue(), "utf-8")
    folder.write_history(
        [{"epoch": 1, "loss": 0.5, "val_loss": ""}, {"epoch": 2, "loss": 0.25, "val_loss": 0.3}]
    )
    return folder


@pytest.mark.parametrize("codec", ["utf-8-sig", "cp1252", "utf-16"])
def test_predictions_and_history_are_read_as_an_office_saved_them(run: RunFolder, codec: str) -> None:
    before, names = read_predictions(run)
    history, shown = run.read_history(), read_history(run.path)
    for name in ("predictions.csv", "history.csv"):
        saved_again(run.path / name, codec)
    after, again = read_predictions(run)
    assert again == names == ["Früh/a, b.png", "Pro/d.png"]
    np.testing.assert_array_equal(after.probabilities, before.probabilities)
    np.testing.assert_array_equal(after.labels, [0, 1])
    assert after.groups == ["g1", "g2"]
    np.testing.assert_equal(run.read_history(), history)
    np.testing.assert_equal(read_history(run.path), shown)
    assert history[1] == {"epoch": 2, "loss": 0.25, "val_loss": 0.3}
