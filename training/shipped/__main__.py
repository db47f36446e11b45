"""One command from the open fields to the shipped bundle and its result table."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from allstation.core.classes import CLASS_NAMES
from allstation.core.statistics import wilson
from allstation.inference.bundle import default_bundle_path
from allstation.inference.engine import Engine
from training.shipped.fields import Division, block_folds, grouped_division, random_division
from training.shipped.judge import novelty
from training.shipped.material import RECIPE, Recipe, gather, read_recipe
from training.shipped.measure import Checker, Share, area_under_curve, twins
from training.shipped.ship import Material, train_division, write_shipped
from training.shipped.table import Row, Tested, as_json, block_rows, random_row, render

RESULTS = Path(__file__).parent.parent / "results"
HELD = "same-field groups held out from the shipped network"


def tested(material: Material, division: Division, recipe: Recipe, work: Path) -> Tested:
    """Train one division and keep its test outputs, or read them if they are there."""
    kept = work / f"tested-{recipe.sha256[:12]}-{division.name}.npz"
    labels = material.fields.labels[division.test]
    if not kept.exists():
        trained = train_division(material, division, recipe.fit, seed=recipe.seed)
        far = novelty(trained.novelty, trained.features)
        np.savez(kept, logits=trained.logits, novelty=far, temperature=trained.temperature)
        right = (trained.logits.argmax(axis=1) == labels).mean()
        print(f"{division.name}: {right:.4f} of {len(labels)} in {trained.seconds:.0f} s", flush=True)
    with np.load(kept) as archive:
        return Tested(
            division.name, archive["logits"], labels, archive["novelty"], float(archive["temperature"])
        )


def serving_rows(
    engine: Engine, material: Material, division: Division, *, data: Path, recipe: Recipe
) -> list[Row]:
    """Measure the exported bundle through the serving engine on its held-out fields."""
    rgb, labels = material.fields.rgb[division.test], material.fields.labels[division.test]
    checker = Checker(engine, rgb, labels, CLASS_NAMES)
    kept, taken, named = checker.swaps(recipe.measure["swaps"], recipe.seed)
    empty, corner = checker.background_only(), checker.corner(recipe.seed)
    inside, area = checker.evidence()
    rows = [
        _row("background swap: top class is that of the cells", ">= 0.95", kept, kept.value >= 0.95),
        _row("background swap: top class is that of the background", "", taken, None),
        _row("background swap: class of the cells among those named", "", named, None),
        _row("background only: sent to review", ">= 0.95", empty, empty.value >= 0.95),
        _row("corner mark removed, added, swapped: decisions changed", "<= 0.002", corner, corner.value <= 0.002),
        Row("share of evidence inside cells / share of area", ">= 3", f"{inside:.3f} / {area:.3f} = {inside / area:.1f}x",
            inside / area >= 3, len(rgb), None, HELD),
    ]  # fmt: skip
    for name, (before, after) in checker.disturbances().items():
        drop = before.value - after.value
        text = f"{before.value:.4f} to {after.value:.4f} (drop {100 * drop:.1f} points)"
        rows.append(
            Row(f"accuracy under {name}", "drop <= 2 points", text, drop <= 0.02, after.n, None, HELD)
        )
    rows += _novelty_rows(engine, checker, data)
    return rows + _speed_rows(engine, checker, material, division, data)


def _row(measure: str, target: str, share: Share, reached: bool | None) -> Row:
    interval = wilson(share.hits, share.n) if share.n else None
    return Row(measure, target, f"{share.value:.4f}", reached, share.n, interval, HELD)


def _novelty_rows(engine: Engine, checker: Checker, data: Path) -> list[Row]:
    inside = np.array([prediction.novelty for prediction in checker.plain])
    alarms = Share(int((inside > 1).sum()), len(inside))
    rows = [_row("novelty alarms in the domain, held-out groups", "<= 0.03", alarms, alarms.value <= 0.03)]
    strangers = {
        "bccd": sorted((data.parent / "bccd/BCCD/JPEGImages").glob("*.jpg")),
        "pbc-sample": sorted((data.parent / "pbc-sample").glob("*/*.jpg")),
    }
    for name, paths in strangers.items():
        found = [engine.classify(path) for path in paths]
        if not found:
            continue
        curve = area_under_curve(inside, np.array([prediction.novelty for prediction in found]))
        rows.append(Row(f"novelty: {name} against held-out fields, AUROC", ">= 0.99", f"{curve:.4f}", curve >= 0.99,
                        len(found) + len(inside), None, HELD))  # fmt: skip
        review = Share(sum(p.decision.class_name is None for p in found), len(found))
        rows.append(_row(f"{name}: sent to review", "", review, None))
    return rows


def _speed_rows(
    engine: Engine, checker: Checker, material: Material, division: Division, data: Path
) -> list[Row]:
    paths = [data / "Original" / material.fields.names[row] for row in division.test[:60]]
    own, _ = checker.milliseconds(paths)
    rows = [Row("one field, file to decision, one thread, processor time", "<= 30 ms", f"{own:.1f} ms", own <= 30,
                len(paths), None, HELD)]  # fmt: skip
    table = data.parent / "taleqani-highres" / "matches.csv"
    if table.exists():
        with table.open(newline="", encoding="utf-8") as lines:
            listed = list(csv.DictReader(lines))
        pairs = [
            (
                table.parent / row["class"] / row["file"],
                data / "Original" / row["class"] / row["same_field_as"],
            )
            for row in listed
        ]
        pairs = [pair for pair in pairs if pair[1].exists()]
        same, top = twins(engine, pairs)
        kind = "camera frames and their small copies, many in training"
        rows.append(Row("high-resolution twins: same decision", ">= 0.97", f"{same.value:.4f}", same.value >= 0.97,
                        same.n, wilson(same.hits, same.n), kind))  # fmt: skip
        rows.append(Row("high-resolution twins: same top class", "", f"{top.value:.4f}", None, top.n,
                        wilson(top.hits, top.n), kind))  # fmt: skip
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Make the bundle and the table."""
    parser = argparse.ArgumentParser(prog="python -m training.shipped", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with Original/ and field_groups.csv")
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be made again")
    parser.add_argument("--target", type=Path, default=default_bundle_path())
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--folds", type=int, help="measure only the first folds")
    parser.add_argument("--seeds", type=int, help="measure only the first random seeds")
    options = parser.parse_args(argv)
    recipe = read_recipe(options.recipe)
    material = gather(options.data, options.work, recipe)
    rows, text = make(material, recipe, options)
    print(text)
    return 0 if rows else 1


def make(material: Material, recipe: Recipe, options: argparse.Namespace) -> tuple[list[Row], str]:
    """Train everything, write the bundle and the results."""
    shape = recipe.measure
    division = grouped_division(material.fields, held=recipe.held, seed=recipe.seed)
    trained = train_division(material, division, recipe.fit, seed=recipe.seed)
    about = {
        "name": recipe.name,
        "version": recipe.version,
        "created": datetime.now(UTC).date().isoformat(),
        "recipe_sha256": recipe.sha256,
        "settings": asdict(recipe.fit)
        | {"copies": recipe.copies, "clean": recipe.clean, "seed": recipe.seed},
    }
    bundle = write_shipped(options.target, trained, material, division, about=about)
    print(f"bundle {bundle.sha256}", flush=True)
    folds = block_folds(
        material.fields,
        folds=shape["folds"],
        embargo=shape["embargo"],
        validation=shape["validation"],
        seed=1,
    )[: options.folds]
    blocks = [tested(material, fold, recipe, options.work) for fold in folds]
    rows, matrix = block_rows(blocks, f"{folds[0].kind} ({len(folds)} of {shape['folds']} run)")
    seeds = shape["random_seeds"][: options.seeds]
    if seeds:
        divisions = [random_division(material.fields, seed) for seed in seeds]
        randoms = [tested(material, division, recipe, options.work) for division in divisions]
        rows.insert(0, random_row(randoms, len(shape["random_seeds"])))
    rows += serving_rows(Engine(bundle), material, division, data=options.data, recipe=recipe)
    rows += _size_rows(bundle.info["network"]["parameters"], options.target)
    notes = notes_of(RESULTS / "shipped-notes.md")
    text = render(rows, matrix, notes)
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "shipped-model.md").write_text(text, encoding="utf-8")
    document = json.dumps(as_json(rows, matrix, notes), indent=1)
    (options.results / "shipped-model.json").write_text(document + "\n", encoding="utf-8")
    write_shipped(options.target, trained, material, division, about=about, table=text)
    return rows, text


def _size_rows(parameters: int, target: Path) -> list[Row]:
    size = target.stat().st_size / 1e6
    return [
        Row("parameters", "<= 5 M", f"{parameters / 1e6:.2f} M", parameters <= 5e6, 0, None, ""),
        Row("bundle", "<= 25 MB", f"{size:.1f} MB", size <= 25, 0, None, ""),
    ]


def notes_of(path: Path) -> list[str]:
    """Return the notes on what was tried, one per line that begins with a dash."""
    if not path.exists():
        return []
    return [line[2:] for line in path.read_text("utf-8").splitlines() if line.startswith("- ")]


if __name__ == "__main__":
    sys.exit(main())
