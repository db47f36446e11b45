"""One execution of a recipe, from labelled folder to metrics: what ``python -m training fit`` does."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.core.events import Report
from allstation.imaging.inputs import InputSpec
from training.data import splits
from training.data.augment import Backgrounds
from training.data.fields_in_memory import load_cells, load_pixels
from training.data.labelled_folder import (
    FieldProblem,
    LabelledSet,
    inspect_field,
    read_labelled,
    require_readable,
)
from training.data.same_field import same_field_groups
from training.data.splits import Rows
from training.evaluate import metrics as evaluate
from training.evaluate.metrics import Predicted, Probabilities
from training.fit import runs
from training.fit.protocol import Reporter
from training.fit.recipe import Recipe, write_toml
from training.fit.runs import RunFolder
from training.fit.training_loop import Fitted, Part, fit_network, load_weights, predict
from training.models.backend import KerasObject, versions
from training.models.registry import method

Timer = Callable[[Rows], dict[str, Any]]
"""Times predicting rows of a labelled set (:func:`training.evaluate.metrics.time_prediction`)."""


@dataclass
class Data:
    """A labelled set with what was computed from it once, shared by the runs of one process.

    Attributes:
        labelled: The fields.
        groups: Same-field group of each field.
        sha256: Hash of the fields' bytes and classes.
        pixels: Fields in memory by input description.
        features: Measured features of the classical methods, by what was measured.
    """

    labelled: LabelledSet
    groups: list[str]
    sha256: str
    pixels: dict[InputSpec, NDArray[np.uint8]] = field(default_factory=dict)
    features: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)

    def prepared(self, spec: InputSpec, reporter: Reporter) -> NDArray[np.uint8]:
        """Return all fields as bytes of the network's size, read at most once."""
        if spec not in self.pixels:

            def told(done: int, total: int) -> None:
                reporter.progress(done, total, "fields read")
                _end_if_asked(reporter)

            self.pixels[spec] = load_pixels([entry.path for entry in self.labelled.fields], spec, told=told)
        return self.pixels[spec]


def _end_if_asked(reporter: Reporter) -> None:
    """Stop between two fields: before training there is nothing to keep."""
    if reporter.stopping:
        sentence = "Training was stopped before its first epoch was complete, so there is nothing to keep."
        raise StationError("stopped-early", sentence)


def open_data(recipe: Recipe, reporter: Reporter) -> Data:
    """Read and check the recipe's labelled folder.

    Raises:
        StationError: As :func:`read_labelled`, and ``unreadable-fields``.
    """
    reporter.phase("checking", "Opening every field")
    labelled = read_labelled(Path(recipe.data))
    problems: list[FieldProblem] = []
    for done, entry in enumerate(labelled.fields, 1):
        problems.extend(inspect_field(entry.path)[1])
        reporter.progress(done, len(labelled.fields), "fields opened")
        _end_if_asked(reporter)
    for problem in problems:
        if not problem.error:
            reporter.say(problem.sentence, "warning")
    require_readable(problems)
    return Data(labelled, find_groups(labelled, recipe, reporter), labelled.sha256())


def find_groups(labelled: LabelledSet, recipe: Recipe, reporter: Reporter) -> list[str]:
    """Same-field groups from the recipe's table, else by comparing the fields."""
    if recipe.split.groups:
        return splits.groups_from_csv(labelled, Path(recipe.split.groups))
    reporter.say("Comparing the fields to find those that show the same place.")
    return same_field_groups(labelled, reporter)


def run_recipe(recipe: Recipe, path: Path, reporter: Reporter, *, data: Data | None = None) -> dict[str, Any]:
    """Execute a recipe, or continue an interrupted execution, in a run folder.

    Args:
        recipe: What to do.
        path: Run folder; one that holds an unfinished run of the same recipe is continued, a finished
            one is read.
        reporter: Where to tell.
        data: Already opened data, for several runs in one process.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        StationError: With the run's state set to ``failed``, or ``discarded`` if that was asked for. After
            any other error it stays ``running``, which the window shows as interrupted and can resume.
    """
    folder = _folder(recipe, path)
    if folder.state == "finished" and (path / "metrics.json").is_file():
        reporter.say("This run is finished already.")
        return dict(json.loads((path / "metrics.json").read_text("utf-8")))
    folder.update(state="running")
    reporter.keep_log(path / "events.jsonl")
    try:
        metrics = _execute(recipe, folder, reporter, data=data)
    except StationError as error:
        state = "discarded" if reporter.discarding else "failed"
        _mark(folder, state=state, error_code=error.code, error=error.sentence)
        raise
    finally:
        reporter.keep_log(None)
    return metrics


def _mark(folder: RunFolder, **entries: Any) -> None:  # noqa: ANN401 - plain JSON
    """Write the state of a failed run, if the disk still takes it."""
    try:
        folder.update(**entries)
    except StationError:
        return


def _folder(recipe: Recipe, path: Path) -> RunFolder:
    if not (path / "run.json").exists():
        return RunFolder.create(path, recipe)
    folder = RunFolder.open(path)
    text = (path / "recipe.toml").read_text("utf-8") if (path / "recipe.toml").is_file() else ""
    if text != write_toml(recipe):
        sentence = (
            f"The run in {path.name!r} has another recipe. Resume it with its own, or choose another folder."
        )
        raise StationError("other-recipe", sentence)
    folder.sweep()
    return folder


def _execute(recipe: Recipe, folder: RunFolder, reporter: Reporter, *, data: Data | None) -> dict[str, Any]:
    begun = time.monotonic()
    data = data or open_data(recipe, reporter)
    reporter.phase("preparing", "Dividing and reading the fields")
    split = splits.make_split(data.labelled, recipe.split, data.groups)
    lists = splits.lists_csv(data.labelled, split, data.groups)
    runs.write_text(folder.path / "lists.csv", lists)
    folder.update(
        versions=versions(),
        data_sha256=data.sha256,
        lists_sha256=splits.lists_sha256(lists),
        split=split.kind,
        patients=split.patients,
        counts={part: len(getattr(split, part)) for part in splits.PARTS} | {"left out": len(split.left_out)},
        classes=list(data.labelled.classes),
    )
    entry = method(recipe.method.kind)
    if recipe.export and entry.kind == "classical":
        from training.fit import bundle_export as candidate

        reporter.say(candidate.why_not(recipe), "warning")
    run = _run_network if entry.kind == "network" else entry.builder()
    metrics: dict[str, Any] = run(recipe, data, split, folder=folder, reporter=reporter)
    stopped = bool(metrics.get("stopped"))
    metrics["seconds"] = round(time.monotonic() - begun, 1)
    runs.write_json(folder.path / "metrics.json", metrics)
    reporter.tell(Report("metrics", metrics))
    folder.update(state="stopped" if stopped else "finished", ended=runs.now(), seconds=metrics["seconds"])
    if not stopped:
        # The evaluated weights are in weights.npz; what a resumed fit would need is many times as large.
        for name in ("state.npz", "best.npz"):
            (folder.path / name).unlink(missing_ok=True)
    return metrics


def _part(data: Data, pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> Part:
    return Part(pixels[rows], data.labelled.labels[rows])


def _run_network(
    recipe: Recipe, data: Data, split: splits.Split, *, folder: RunFolder, reporter: Reporter
) -> dict[str, Any]:
    pixels = data.prepared(recipe.input, reporter)
    backgrounds = _backgrounds(recipe, data, split.train, pixels=pixels)
    reporter.phase("training", recipe.name)
    fitted = fit_network(
        recipe,
        _part(data, pixels, split.train),
        _part(data, pixels, split.validation),
        classes=len(data.labelled.classes),
        folder=folder,
        reporter=reporter,
        backgrounds=backgrounds,
    )
    if reporter.discarding:
        raise StationError("discarded", "The run was discarded.")
    reporter.phase("evaluating", "Opening the test set once")
    model = fitted.model
    metrics = _about_network(fitted, folder)

    def probabilities_of(rows: Rows) -> Probabilities:
        return predict(model, pixels[rows], recipe.input)

    timer = network_timer(model, pixels, recipe.input)
    metrics |= evaluate_parts(data, split, probabilities_of, folder=folder, timer=timer)
    metrics["snapshots"] = {}
    for epoch in recipe.fit.snapshots:
        kept = folder.path / f"epoch-{epoch}.npz"
        if kept.is_file():
            load_weights(model, kept)
            metrics["snapshots"][str(epoch)] = evaluate_parts(
                data, split, probabilities_of, folder=folder, suffix=f"-epoch-{epoch}"
            )
    if recipe.export:
        load_weights(model, folder.path / "weights.npz")
        metrics["bundle"] = _export(recipe, data, split, folder=folder, model=model, reporter=reporter)
    return metrics


def _export(
    recipe: Recipe,
    data: Data,
    split: splits.Split,
    *,
    folder: RunFolder,
    model: KerasObject,
    reporter: Reporter,
) -> str | None:
    """Make the candidate bundle, or say why there is none."""
    from training.fit import bundle_export as candidate

    reason = candidate.why_not(recipe)
    if reason:
        reporter.say(reason, "warning")
        return None
    reporter.phase("exporting", "Writing the model bundle and verifying it in a new process")
    return candidate.export_candidate(recipe, data, split, folder=folder, model=model).name


def _backgrounds(
    recipe: Recipe, data: Data, rows: NDArray[np.int64], *, pixels: NDArray[np.uint8]
) -> Backgrounds | None:
    if not recipe.augmentation.background:
        return None
    paths = [data.labelled.fields[int(row)].path for row in rows]
    return Backgrounds(load_cells(paths, recipe.input), pixels[rows])


def _about_network(fitted: Fitted, folder: RunFolder) -> dict[str, Any]:
    from training.fit.callbacks import variables

    parameters = int(fitted.model.count_params())
    runs.write_arrays(folder.path / "weights.npz", variables(fitted.model, "model"))
    return {
        "parameters": parameters,
        "megabytes_float32": round(parameters * 4 / 1e6, 3),
        "epochs": fitted.epochs,
        "best_epoch": fitted.best_epoch,
        "stopped": fitted.stopped,
        "seconds_per_epoch": fitted.seconds_per_epoch,
    }


def evaluate_parts(
    data: Data,
    split: splits.Split,
    probabilities_of: Callable[[Rows], Probabilities],
    *,
    folder: RunFolder,
    suffix: str = "",
    timer: Timer | None = None,
) -> dict[str, Any]:
    """Evaluate validation and test set and write their predictions.

    Args:
        data: The labelled set.
        split: Its division.
        probabilities_of: Predicts rows of the set.
        folder: The run folder.
        suffix: Of the table's name.
        timer: Times predicting rows of the set; None takes no times.

    Returns:
        ``validation`` and ``test`` as :func:`training.evaluate.metrics.run_metrics` gives them, and times.
    """
    result: dict[str, Any] = {}
    tables: list[dict[str, Any]] = []
    for part in ("validation", "test"):
        rows = getattr(split, part)
        predicted = as_predicted(data, split, rows, probabilities=probabilities_of(rows))
        result[part] = evaluate.run_metrics(predicted)
        tables.extend(prediction_rows(data, predicted, rows, part=part))
        if timer is not None and len(rows):
            result[part]["time"] = timer(rows)
    runs.write_text(folder.path / f"predictions{suffix}.csv", runs.rows_to_csv(tables))
    return result


def network_timer(model: KerasObject, pixels: NDArray[np.uint8], spec: InputSpec) -> Timer:
    """Return what times a network on rows of the prepared fields."""
    return lambda rows: evaluate.time_prediction(
        functools.partial(predict, model, pixels[rows], spec), len(rows)
    )


def as_predicted(
    data: Data, split: splits.Split, rows: NDArray[np.int64], *, probabilities: NDArray[np.float64]
) -> Predicted:
    """Join probabilities with the truth, groups and split they belong to."""
    groups = [data.groups[int(row)] for row in rows]
    labels = data.labelled.labels[rows]
    return Predicted(probabilities, labels, groups, data.labelled.classes, split.kind, split.patients)


def prediction_rows(
    data: Data, predicted: Predicted, rows: Sequence[int] | NDArray[np.int64], *, part: str
) -> list[dict[str, Any]]:
    """Return the lines of ``predictions.csv`` (:func:`training.evaluate.metrics.prediction_row`)."""
    return [
        evaluate.prediction_row(predicted, place, part=part, file=data.labelled.relative(int(row)))
        for place, row in enumerate(rows)
    ]
