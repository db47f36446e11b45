"""Showing one finished run, or comparing several on the same fields."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from allstation.core.errors import StationError
from training import evaluate, figures
from training.evaluate import Predicted
from training.labelled_folder import LabelledSet, read_labelled
from training.protocol import Reporter
from training.recipe import recipe_from
from training.runs import RunFolder, write_json


def read_predictions(
    folder: RunFolder, *, part: str = "test", suffix: str = ""
) -> tuple[Predicted, list[str]]:
    """Read a run's predictions of one part.

    Returns:
        The predictions, and the field of each row.

    Raises:
        StationError: ``no-run`` when the run has none.
    """
    path, info = folder.path / f"predictions{suffix}.csv", folder.info
    if not path.is_file() or not info:
        sentence = f"The run {folder.path.name!r} has no predictions yet. Finish or resume it first."
        raise StationError("no-run", sentence)
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == part]
    classes = tuple(str(name) for name in info["classes"])
    predicted = Predicted(
        np.array([[float(row[name]) for name in classes] for row in rows]).reshape(-1, len(classes)),
        np.array([classes.index(row["class"]) for row in rows], np.int64),
        [row["field_group"] for row in rows],
        classes,
        str(info["split"]),
        str(info["patients"]),
    )
    return predicted, [row["file"] for row in rows]


def compare_runs(
    paths: Sequence[Path],
    reporter: Reporter,
    *,
    json_path: Path | None = None,
    figures_to: Path | None = None,
) -> dict[str, Any]:
    """Show finished runs side by side and test every pair on the same fields.

    Args:
        paths: Run folders.
        reporter: Told one line a figure.
        json_path: File for the whole comparison.
        figures_to: Folder for the figures of the first run.

    Raises:
        StationError: ``no-run``, or ``other-fields`` when the runs were tested on different fields.
    """
    read = [(path.name, *read_predictions(RunFolder.open(path))) for path in paths]
    for name, predicted, _ in read:
        for figure in evaluate.overall(predicted):
            reporter.say(f"{name}: {figure}")
    for name, _, files in read[1:]:
        if files != read[0][2]:
            sentence = (
                f"The runs {read[0][0]!r} and {name!r} were tested on different fields. "
                "Compare runs of one split."
            )
            raise StationError("other-fields", sentence)
    result = {
        "runs": {name: evaluate.evaluate(predicted) for name, predicted, _ in read},
        "pairs": evaluate.compare([(name, predicted) for name, predicted, _ in read]),
    }
    if json_path is not None:
        write_json(json_path, result)
    if figures_to is not None:
        draw_run(RunFolder.open(paths[0]), figures_to)
    return result


def draw_run(folder: RunFolder, target: Path) -> list[Path]:
    """Draw every figure of a finished run as PNG.

    Sample figures need the labelled folder; where it is gone they are left out.

    Returns:
        The files.
    """
    target.mkdir(parents=True, exist_ok=True)
    predicted, files = read_predictions(folder)
    drawn = {
        "confusion": figures.confusion_heat_map(predicted),
        "roc": figures.roc_curves(predicted),
        "reliability": figures.reliability_diagram(predicted),
    }
    history = folder.read_history()
    if history:
        drawn["curves"] = figures.learning_curves(history)
    recipe = recipe_from({**folder.info["recipe"]})
    try:
        labelled = read_labelled(Path(recipe.data))
    except StationError:
        labelled = None
    if labelled is not None:
        drawn["classes"] = figures.class_distribution({"all": labelled.counts()})
        drawn |= _samples(labelled, predicted, files)
    return [figures.save(figure, target / f"{name}.png") for name, figure in drawn.items()]


def _samples(labelled: LabelledSet, predicted: Predicted, files: Sequence[str]) -> dict[str, Canvas]:
    """One field a class, and eight predictions: up to four wrong ones first."""
    from allstation.imaging.inputs import InputSpec, read_pixels

    spec = InputSpec(height=224, width=224)
    firsts = [
        next(field for field in labelled.fields if field.class_name == name) for name in labelled.classes
    ]
    grid = figures.field_grid([read_pixels(field.path, spec) for field in firsts], labelled.classes)
    right = predicted.probabilities.argmax(axis=1) == predicted.labels
    rows = [
        *np.flatnonzero(~right)[:4].tolist(),
        *np.flatnonzero(right)[:: max(1, int(right.sum()) // 4)][:4].tolist(),
    ]
    fields = [read_pixels(labelled.root / files[row], spec) for row in rows]
    return {"samples": grid, "predictions": figures.sample_predictions(fields, predicted, rows)}
