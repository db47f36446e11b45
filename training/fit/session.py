"""Session: one execution of a recipe, from labelled folder to metrics (``python -m training fit``)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.core.events import Report
from allstation.inference.class_names import name_problem
from training.data import splits
from training.data.augment import Backgrounds
from training.data.fields_in_memory import load_cells
from training.data.loading import Data, open_data
from training.data.splits import Rows
from training.evaluate.metrics import Probabilities
from training.evaluate.parts import evaluate_parts
from training.evaluate.types import RunMetrics
from training.fit import runs
from training.fit.bundle_export import export_blocker, export_candidate
from training.fit.protocol import EventWriter
from training.fit.recipe import Recipe, write_toml
from training.fit.runs import PATIENTS, RunFolder
from training.fit.training_loop import Fitted, Part, fit_network, load_weights, network_timer, predict
from training.models.backend import KerasObject, variables, versions
from training.models.registry import method


def run_recipe(
    recipe: Recipe,
    path: Path,
    events: EventWriter,
    *,
    data: Data | None = None,
    checked: Path | None = None,
) -> RunMetrics:
    """Execute a recipe, or continue an interrupted execution, in a run folder.

    Args:
        recipe: What to do.
        path: Run folder; one that holds an unfinished run of the same recipe is continued, a finished
            one is read.
        events: Where to tell.
        data: Already opened data, for several runs in one process.
        checked: What a check of the folder kept (:mod:`training.data.checked_table`).

    Returns:
        What ``metrics.json`` holds.

    Raises:
        StationError: With the run's state set to ``failed``, or ``discarded`` if that was asked for. After
            any other error it stays ``running``, which the window shows as interrupted and can resume.
    """
    folder = _folder(recipe, path)
    if folder.state == "finished" and (path / "metrics.json").is_file():
        events.message("This run is finished already.")
        finished: RunMetrics = json.loads((path / "metrics.json").read_text("utf-8"))
        return finished
    folder.update(state="running")
    events.keep_log(path / "events.jsonl")
    try:
        metrics = _execute(recipe, folder, events, data=data, checked=checked)
    except StationError as error:
        state = "discarded" if events.discarding else "failed"
        _mark(folder, state=state, error_code=error.code, error=error.sentence)
        raise
    finally:
        events.keep_log(None)
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
    folder.remove_leftovers()
    return folder


def _execute(
    recipe: Recipe, folder: RunFolder, events: EventWriter, *, data: Data | None, checked: Path | None
) -> RunMetrics:
    begun = time.monotonic()
    data = data or open_data(recipe, events, checked=checked)
    _require_names(recipe, data)
    events.phase("preparing", "Dividing and reading the fields")
    split = splits.make_split(data.labelled, recipe.split, data.groups)
    lists = splits.lists_csv(data.labelled, split, data.groups)
    runs.write_text(folder.path / "lists.csv", lists)
    folder.update(
        versions=versions(),
        data_sha256=data.sha256,
        lists_sha256=splits.lists_sha256(lists),
        split=split.kind,
        patients=split.patients,
        resampled=PATIENTS if split.patients_of(split.test) else "groups of fields",
        counts={part: len(getattr(split, part)) for part in splits.PARTS} | {"left out": len(split.left_out)},
        classes=list(data.labelled.classes),
    )
    entry = method(recipe.method.kind)
    if recipe.export and entry.kind == "classical":
        events.message(export_blocker(recipe), "warning")
    run = _run_network if entry.kind == "network" else entry.builder()
    metrics: RunMetrics = run(recipe, data, split, folder=folder, events=events)
    stopped = bool(metrics.get("stopped"))
    metrics["seconds"] = round(time.monotonic() - begun, 1)
    runs.write_json(folder.path / "metrics.json", metrics)
    events.write(Report("metrics", metrics))
    folder.update(
        state="stopped" if stopped else "finished",
        ended=runs.now(),
        seconds=metrics["seconds"],
        # A stopped run that goes on is measured again on fields whose figures somebody has seen.
        test_openings=int(folder.info.get("test_openings", 0)) + 1,
    )
    if not stopped:
        # The evaluated weights are in weights.npz; what a resumed fit would need is many times as large.
        for name in ("state.npz", "best.npz"):
            (folder.path / name).unlink(missing_ok=True)
    return metrics


def _require_names(recipe: Recipe, data: Data) -> None:
    """Refuse now, rather than at the end, names that no bundle may have.

    Raises:
        StationError: ``bad-names``.
    """
    problem = name_problem(recipe.name, "1", data.labelled.classes)
    if recipe.export and problem:
        sentence = (
            f"A model bundle of this recipe and folder {problem}: rename the class folder or the recipe."
        )
        raise StationError("bad-names", sentence)


def _part(data: Data, pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> Part:
    return Part(pixels[rows], data.labelled.labels[rows])


def _run_network(
    recipe: Recipe, data: Data, split: splits.Split, *, folder: RunFolder, events: EventWriter
) -> RunMetrics:
    pixels = data.prepared(recipe.input, events)
    backgrounds = _backgrounds(recipe, data, split.train, pixels=pixels)
    events.phase("training", recipe.name)
    fitted = fit_network(
        recipe,
        _part(data, pixels, split.train),
        _part(data, pixels, split.validation),
        classes=len(data.labelled.classes),
        folder=folder,
        events=events,
        backgrounds=backgrounds,
    )
    if events.discarding:
        raise StationError("discarded", "The run was discarded.")
    events.phase("evaluating", "Opening the test set once")
    model = fitted.model
    metrics = _about_network(fitted, folder)

    def probabilities_of(rows: Rows) -> Probabilities:
        return predict(model, pixels[rows], recipe.input)

    timer = network_timer(model, pixels, recipe.input)
    parts = evaluate_parts(data, split, probabilities_of, folder=folder, timer=timer)
    metrics["validation"], metrics["test"] = parts["validation"], parts["test"]
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
        metrics["bundle"] = _export(recipe, data, split, folder=folder, model=model, events=events)
    return metrics


def _export(
    recipe: Recipe,
    data: Data,
    split: splits.Split,
    *,
    folder: RunFolder,
    model: KerasObject,
    events: EventWriter,
) -> str | None:
    """Export the candidate bundle, or report the reason why there is none."""
    reason = export_blocker(recipe)
    if reason:
        events.message(reason, "warning")
        return None
    events.phase("exporting", "Writing the model bundle and verifying it in a new process")
    return export_candidate(recipe, data, split, folder=folder, model=model).name


def _backgrounds(
    recipe: Recipe, data: Data, rows: NDArray[np.int64], *, pixels: NDArray[np.uint8]
) -> Backgrounds | None:
    if not recipe.augmentation.background:
        return None
    paths = [data.labelled.fields[int(row)].path for row in rows]
    return Backgrounds(load_cells(paths, recipe.input), pixels[rows])


def _about_network(fitted: Fitted, folder: RunFolder) -> RunMetrics:
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
