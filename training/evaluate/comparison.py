"""Comparison of finished runs, and of a model, on the same test fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure as Plot

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.errors import StationError
from allstation.core.patients import patients_text
from allstation.core.tables import number
from allstation.imaging.inputs import InputSpec, read_pixels
from allstation.inference.bundle import ModelBundle
from allstation.inference.pipeline import Pipeline
from allstation.table_files import read_table
from training.data.labelled_folder import LabelledSet, read_labelled
from training.evaluate import figures
from training.evaluate.metrics import Predicted, compare, prediction_row, run_metrics
from training.evaluate.types import Comparison
from training.fit.protocol import EventWriter
from training.fit.recipe import recipe_from
from training.fit.runs import PATIENTS, RunFolder, rows_to_csv, write_json, write_text

MODEL: Final = "model"
"""Key of the given model among the compared runs."""


def read_predictions(folder: RunFolder, *, suffix: str = "") -> tuple[Predicted, list[str]]:
    """Read a run's predictions of its test set.

    Args:
        folder: A finished run.
        suffix: Of the table's name, for what another model said of the same fields.

    Returns:
        The predictions, and the field of each row.

    Raises:
        StationError: ``no-run`` when the run has none.
    """
    path, info = folder.path / f"predictions{suffix}.csv", folder.info
    if not path.is_file() or not info:
        sentence = f"The run {folder.path.name!r} has no predictions yet. Finish or resume it first."
        raise StationError("no-run", sentence)
    classes = tuple(str(name) for name in info["classes"])
    table = read_table(path, ("part", "file", "field_group", "class", *classes), code="no-run")
    rows = [row for row in table.rows if row["part"] == "test"]
    groups = [row.cell("field_group") for row in rows]
    predicted = Predicted(
        np.array([[number(row[name]) for name in classes] for row in rows]).reshape(-1, len(classes)),
        np.array([classes.index(row.cell("class")) for row in rows], np.int64),
        groups,
        classes,
        str(info["split"]),
        patients_text(groups) if info.get("resampled") == PATIENTS else PATIENTS_UNKNOWN,
    )
    return predicted, [row.cell("file") for row in rows]


def compare_runs(
    paths: Sequence[Path],
    events: EventWriter,
    *,
    model: Path | None = None,
    json_path: Path | None = None,
    figures_to: Path | None = None,
) -> Comparison:
    """Show finished runs side by side, and a model if one is given; test every pair on the same fields.

    Args:
        paths: Run folders.
        events: Receives one line a figure.
        model: A bundle that classifies the runs' test fields as well, such as the active one.
        json_path: File for the whole comparison.
        figures_to: Folder for the figures of the first run.

    Raises:
        StationError: ``no-run``; ``other-fields`` when the runs were tested on different fields;
            ``other-classes`` when the model knows other classes; as reading a bundle or a field.
    """
    read = [(path.name, *read_predictions(RunFolder.open(path))) for path in paths]
    for name, predicted, _ in read:
        for figure in predicted.evaluated().figures:
            events.message(f"{name}: {figure}")
    for name, _, files in read[1:]:
        if files != read[0][2]:
            sentence = (
                f"The runs {read[0][0]!r} and {name!r} were tested on different fields. "
                "Compare runs of one split."
            )
            raise StationError("other-fields", sentence)
    active: dict[str, str] = {}
    if model is not None:
        bundle = ModelBundle.open(model)
        predicted = classify_test(RunFolder.open(paths[0]), bundle, events)
        read.append((MODEL, predicted, read[0][2]))
        active = {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256,
                  "predictions": table_of(bundle)}  # fmt: skip
    result: Comparison = {
        "model": active,
        "runs": {name: run_metrics(predicted) for name, predicted, _ in read},
        "pairs": compare([(name, predicted) for name, predicted, _ in read]),
    }
    if json_path is not None:
        write_json(json_path, result)
    if figures_to is not None:
        draw_run(RunFolder.open(paths[0]), figures_to)
    return result


def table_of(bundle: ModelBundle) -> str:
    """Return the name of the table, in a run's folder, of a bundle's predictions of the test fields."""
    return f"predictions-{bundle.sha256[:12]}.csv"


def classify_test(folder: RunFolder, bundle: ModelBundle, events: EventWriter) -> Predicted:
    """Classify the test fields of a run with a bundle, or read its earlier predictions.

    Args:
        folder: A finished run.
        bundle: The model.
        events: Receives the progress.

    Raises:
        StationError: ``other-classes``, ``unreadable-output``, or as reading a field.
    """
    predicted, files = read_predictions(folder)
    if sorted(bundle.classes) != sorted(predicted.classes):
        known, wanted = ", ".join(bundle.classes), ", ".join(predicted.classes)
        sentence = (
            f"The model {bundle.name} knows the classes {known}; the run has {wanted}. "
            "They cannot be compared."
        )
        raise StationError("other-classes", sentence)
    kept = folder.path / table_of(bundle)
    if not kept.is_file():
        rows = _served(folder, bundle, events, predicted=predicted, files=files)
        write_text(kept, rows_to_csv(rows))
    return read_predictions(folder, suffix=f"-{bundle.sha256[:12]}")[0]


def _served(
    folder: RunFolder, bundle: ModelBundle, events: EventWriter, *, predicted: Predicted, files: Sequence[str]
) -> list[dict[str, str]]:
    """Lines of a table like ``predictions.csv``, as the station serves the bundle."""
    source = Path(recipe_from({**folder.info["recipe"]}).data)
    root = source if source.is_dir() else source.parent
    events.phase("evaluating", f"{bundle.name} classifies the same fields")
    shares = np.zeros((len(files), len(predicted.classes)))
    with Pipeline(bundle) as pipeline:
        outcomes = pipeline.run((row, root / name) for row, name in enumerate(files))
        for done, outcome in enumerate(outcomes, 1):
            if outcome.prediction is None:
                raise outcome.error or StationError(
                    "unreadable-field", f"{files[outcome.key]} is unreadable."
                )
            if not outcome.prediction.is_readable:
                what = f"an unreadable output for {files[outcome.key]}"
                sentence = f"The model {bundle.name} gave {what}. Use another model."
                raise StationError("unreadable-output", sentence)
            shares[outcome.key] = [outcome.prediction.probabilities[name] for name in predicted.classes]
            events.progress(done, len(files), "fields classified")
    served = dataclasses.replace(predicted, probabilities=shares)
    return [prediction_row(served, row, part="test", file=name) for row, name in enumerate(files)]


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
        drawn["classes"] = figures.class_distribution(labelled.counts())
        drawn |= _samples(labelled, predicted, files)
    return [figures.save(figure, target / f"{name}.png") for name, figure in drawn.items()]


def _samples(labelled: LabelledSet, predicted: Predicted, files: Sequence[str]) -> dict[str, Plot]:
    """One field a class, and eight predictions: up to four wrong ones first."""
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
