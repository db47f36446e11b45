"""Commands of the training program."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from allstation.core.errors import StationError
from allstation.core.evaluation import ACCURACY_BY_FIELD
from allstation.imaging import output_kinds, outputs
from allstation.sweep import AXES, GridRun, grid, make_sweep, read_sweep
from training.fit.protocol import EventWriter
from training.fit.recipe import Recipe, read_recipe, recipe_from
from training.fit.runs import write_text
from training.models.registry import methods, preset


@dataclass(frozen=True)
class CommandOutcome:
    """Outcome of a command.

    Attributes:
        state: ``finished`` or ``stopped``.
        folder: Where its outcome lies.
        summary: A few figures.
        kind: Kind of the report.
        report: Plain JSON for the window, or None.
    """

    state: str = "finished"
    folder: Path | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    kind: str = ""
    report: Mapping[str, Any] | None = None


def run(options: argparse.Namespace, events: EventWriter) -> CommandOutcome:
    """Run the command that the options name.

    Raises:
        StationError: When it cannot be done.
    """
    does: Mapping[str, Callable[[argparse.Namespace, EventWriter], CommandOutcome]] = {
        "check": _check,
        "fit": _fit,
        "train": _fit,
        "sweep": _sweep,
        "evaluate": _evaluate,
        "map": _map,
        "reproduce": _reproduce,
        "augment-preview": _preview,
        "estimate": _estimate,
        "list": _list,
    }
    return does[options.command](options, events)


def load_recipe(options: argparse.Namespace) -> Recipe:
    """Read the recipe named on the command line, or a preset of that name, with the options applied.

    Raises:
        StationError: ``bad-recipe``; ``no-folder`` when neither it nor the command line names the fields.
    """
    name = str(options.recipe)
    known = {method.name for method in methods()}
    recipe = recipe_from(preset(name)) if name in known else read_recipe(options.recipe)
    if options.data is not None:
        recipe = dataclasses.replace(recipe, data=str(options.data.resolve()))
    changes = {key: value for key in ("epochs", "seed") if (value := getattr(options, key, None)) is not None}
    if options.command in {"fit", "train"} and changes:
        recipe = dataclasses.replace(recipe, fit=dataclasses.replace(recipe.fit, **changes))
    if not recipe.data:
        sentence = "The recipe names no labelled folder. Give one with --data FOLDER."
        raise StationError("no-folder", sentence)
    return recipe


def _fit(options: argparse.Namespace, events: EventWriter) -> CommandOutcome:
    from training.fit.session import run_recipe

    recipe = load_recipe(options)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = (options.out or Path("runs") / f"{recipe.name}-{stamp}").resolve()
    if options.cluster:
        metrics = _fit_elsewhere(options, recipe, folder, events)
    else:
        metrics = run_recipe(recipe, folder, events, checked=options.checked)
    state = "stopped" if metrics.get("stopped") else "finished"
    accuracy = metrics["test"]["overall"][ACCURACY_BY_FIELD]
    return CommandOutcome(state, folder, {"test": accuracy, "bundle": metrics.get("bundle")})


def _fit_elsewhere(
    options: argparse.Namespace, recipe: Recipe, folder: Path, events: EventWriter
) -> Mapping[str, Any]:
    """Train on the laboratory's machines and return what ``metrics.json`` holds then."""
    from training.fit.cluster_runs import ClusterRun, keep_recipe, run_on_cluster

    run = ClusterRun(recipe.name, keep_recipe(recipe, folder), folder)
    failed = run_on_cluster([run], options.cluster, options.join, events)
    if failed or not (folder / "metrics.json").is_file():
        sentence = f"The run did not end well on the cluster ({'; '.join(failed.values()) or 'no metrics'})."
        raise StationError("cluster-run", f"{sentence} Give the command again to go on.")
    metrics: Mapping[str, Any] = json.loads((folder / "metrics.json").read_text("utf-8"))
    return metrics


def _sweep_elsewhere(options: argparse.Namespace, found: Sequence[GridRun], events: EventWriter) -> list[str]:
    """Train the runs of a sweep that are not done on the laboratory's machines; returns what failed."""
    from training.fit.cluster_runs import ClusterRun, run_on_cluster
    from training.papers.reproduce import is_done

    todo = [ClusterRun(one.title, one.recipe, one.folder) for one in found if not is_done(one.folder)]
    failed = run_on_cluster(todo, options.cluster, options.join, events) if todo else {}
    return [f"{title}: {why}." for title, why in failed.items()]


def _sweep(options: argparse.Namespace, events: EventWriter) -> CommandOutcome:
    """Train every combination; a run that fails does not end the sweep, and is named at its end."""
    from training.fit.session import run_recipe
    from training.papers.reproduce import is_done

    failed: list[str] = []
    found = _sweep_runs(options)
    if options.cluster:
        failed = _sweep_elsewhere(options, found, events)
        if events.stopping:
            return CommandOutcome("stopped", options.out)
    for number, one in enumerate(found, 1):
        if options.cluster or is_done(one.folder):
            continue
        if events.stopping:
            return CommandOutcome("stopped", options.out)
        events.message(f"run {number} of {len(found)}: {one.title}")
        try:
            if run_recipe(read_recipe(one.recipe), one.folder, events).get("stopped"):
                return CommandOutcome("stopped", options.out)
        except StationError as error:
            failed.append(f"{one.title}: {error.sentence}")
            events.message(failed[-1], "warning")
    done = {one.title: _test_accuracy(one.folder) for one in found if is_done(one.folder)}
    for title, figure in done.items():
        low, high = figure["interval"]
        beside = f"95 % interval {low:.3f} to {high:.3f}, n = {figure['n']}, {figure['split']}"
        events.message(f"{title}: {ACCURACY_BY_FIELD} {figure['value']:.3f} ({beside}, {figure['patients']})")
    if failed:
        sentence = (
            f"{len(failed)} of {len(found)} runs failed: {' '.join(failed)} Give the command again to retry."
        )
        raise StationError("some-failed", sentence)
    return CommandOutcome(folder=options.out, summary={"test": done})


def _sweep_runs(options: argparse.Namespace) -> Sequence[GridRun]:
    """Read the sweep that a folder holds, or make one there."""
    known, texts = read_sweep(options.out), dict(_axis(text) for text in options.vary)
    if known and not texts:
        return known
    if options.out.exists() and any(options.out.iterdir()):
        sentence = f"{options.out.name!r} is not empty. Name a new folder; a sweep goes on without --vary."
        raise StationError("not-empty", sentence)
    recipe = load_recipe(options)
    rows = grid(texts)
    return make_sweep(options.out, recipe.to_json(), rows, lambda kind: {**preset(kind), "data": recipe.data})


def _axis(text: str) -> tuple[str, str]:
    key, _, values = text.partition("=")
    known = [name for _, name, _ in AXES]
    if key not in known or not values:
        sentence = f"{text!r} says nothing to vary. Write it like batch=32,64; of {', '.join(known)}."
        raise StationError("bad-grid", sentence)
    return key, values


def _test_accuracy(folder: Path) -> Mapping[str, Any]:
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    figure: Mapping[str, Any] = metrics["test"]["overall"][ACCURACY_BY_FIELD]
    return figure


def _check(options: argparse.Namespace, events: EventWriter) -> CommandOutcome:
    from training.data.check import check
    from training.evaluate.check_report import write_report

    wanted = (
        ("--json", options.json, output_kinds.CHECK_JSON),
        ("--pdf", options.pdf, output_kinds.CHECK_PDF),
        ("--keep", options.keep, output_kinds.CHECKED_TABLE),
    )
    outputs.check_outputs(
        [outputs.Output(name, path, kind) for name, path, kind in wanted if path],
        inputs=[path for path in (options.folder, options.archive, options.groups) if path],
        force=options.force,
    )
    options.data = options.folder
    split = load_recipe(options).split if options.recipe else None
    found = check(
        options.folder, events, archive=options.archive, groups=options.groups, split=split, keep=options.keep
    )
    write_report(found, json_path=options.json, pdf_path=options.pdf)
    return CommandOutcome(summary={"errors": found["errors"]}, kind="check", report=found)


def _evaluate(options: argparse.Namespace, events: EventWriter) -> CommandOutcome:
    from training.evaluate.comparison import compare_runs

    wanted = [outputs.Output("--json", options.json, output_kinds.COMPARISON_JSON)] if options.json else []
    if options.figures:
        wanted += outputs.check_folder(options.figures, "--figures", output_kinds.DRAWING)
    inputs = [*options.runs, *([options.model] if options.model else [])]
    outputs.check_outputs(wanted, inputs=inputs, force=options.force)
    return CommandOutcome(
        kind="comparison",
        report=compare_runs(
            options.runs,
            events,
            model=options.model,
            json_path=options.json,
            figures_to=options.figures,
        ),
    )


def _map(options: argparse.Namespace, events: EventWriter) -> CommandOutcome:
    from allstation import paths
    from allstation.inference.bundle import ModelBundle, default_bundle_path
    from training.evaluate import feature_map

    wanted = [outputs.Output("--csv", options.csv, feature_map.MAP_CSV)] if options.csv else []
    inputs = [path for path in (options.folder, options.model, options.run) if path]
    outputs.check_outputs(wanted, inputs=inputs, force=options.force)
    run = options.run
    bundle = options.model or (feature_map.bundle_of_run(run) if run is not None else default_bundle_path())
    cache = options.cache or paths.data_folder() / "features"
    found = feature_map.map_folder(
        options.folder, ModelBundle.open(bundle), events, cache=cache, run=options.run
    )
    shares = " and ".join(f"{share:.1%}" for share in found["explained"])
    events.message(f"{len(found['fields'])} fields on the map; its axes explain {shares} of the variance.")
    if options.csv:
        write_text(options.csv, feature_map.to_csv(found))
    return CommandOutcome(kind="map", report=found)


def _reproduce(options: argparse.Namespace, events: EventWriter) -> CommandOutcome:
    from training.papers.plan import Reproduction, Sizes
    from training.papers.reproduce import retime_table, run_table

    sizes = Sizes(options.quick, options.backbone_size, options.backbone_epochs)
    asked = Reproduction(options.table, options.data, options.out, options.seeds, sizes, options.groups)
    kinds = (output_kinds.REPRODUCTION_JSON, output_kinds.REPRODUCTION_TEXT, output_kinds.FIGURES_PDF)
    wanted = [
        outputs.Output("--out", options.out / f"{options.table}{kind.suffix}", kind)
        for kind in kinds
        if (options.out / f"{options.table}{kind.suffix}").exists()
    ]
    outputs.check_outputs(wanted, force=True)
    if not options.report_only:
        run_table(asked, events, only=options.only, cluster=options.cluster, join=options.join)
    if options.times:
        retime_table(asked, events)
    from training.papers.report import write_reports

    # Folders of this computer say nothing to a reader elsewhere: their names are enough.
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    command = " ".join(["python -m training", *words])
    files = write_reports(asked, command=command)
    return CommandOutcome(folder=options.out, summary={"files": [str(path) for path in files]})


def _preview(options: argparse.Namespace, events: EventWriter) -> CommandOutcome:
    from training.fit.preview import write_preview

    sheet = outputs.Output("the preview sheet", options.out, output_kinds.DRAWING)
    outputs.check_outputs([sheet], inputs=[options.recipe], force=options.force)
    write_preview(load_recipe(options), options.out, fields=options.fields, seed=options.seed)
    events.message(f"Wrote {options.out}.")
    return CommandOutcome(folder=options.out)


def _estimate(options: argparse.Namespace, events: EventWriter) -> CommandOutcome:
    from training.fit.estimate import estimate

    found = estimate(load_recipe(options), events)
    events.message(found["sentence"])
    return CommandOutcome(kind="estimate", report=found)


def _list(options: argparse.Namespace, events: EventWriter) -> CommandOutcome:
    del options
    listed = [
        {
            "name": method.name,
            "title": method.title,
            "kind": method.kind,
            "text": method.text,
            "options": {key: dataclasses.asdict(option) for key, option in method.options.items()},
            "recipe": preset(method.name),
            "uses": list(method.uses),
        }
        for method in methods()
    ]
    for entry in listed:
        events.message(f"{entry['name']:14s} {entry['kind']:10s} {entry['text']}")
    return CommandOutcome(kind="methods", report={"methods": listed})
