"""Command from the open fields to the shipped bundle and its result table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits

from allstation.core.classes import CLASS_NAMES
from allstation.core.metrics import IntArray
from allstation.core.plain_json import json_text
from allstation.core.statistics import wilson
from allstation.inference.bundle import default_bundle_path
from allstation.inference.engine import Engine
from allstation.inference.network import LocalNetwork
from allstation.inference.novelty import Novelty
from allstation.table_files import read_table
from training.shipped import passport
from training.shipped.fields import (
    Division,
    block_folds,
    calibrating,
    capture_blocks,
    grouped_division,
    random_division,
    share_near_training,
)
from training.shipped.material import RECIPE, ShippedRecipe, gather, read_shipped_recipe
from training.shipped.measure import Checker, Proportion, area_under_curve, twins
from training.shipped.ship import Material, train_division, write_shipped
from training.shipped.table import (
    BLOCK,
    FIELDS,
    ResultRow,
    Tested,
    as_json,
    block_rows,
    disturbance_rows,
    judged,
    random_row,
    render,
    seed_rows,
)

RESULTS: Final = Path(__file__).parent.parent / "results"
HELD: Final = "test half of the same-field groups held out from the shipped network"


def tested(
    material: Material, division: Division, recipe: ShippedRecipe, *, temperature: float | None
) -> Tested:
    """Train one division and return its test outputs.

    Args:
        material: Training data.
        division: How it is divided.
        recipe: Of the shipped model.
        temperature: Where it is known already.
    """
    fields, rows = material.fields, division.test
    trained = train_division(
        material, division, recipe.fit, calibration=recipe.calibration, temperature=temperature
    )
    right = (trained.logits.argmax(axis=1) == fields.labels[rows]).mean()
    print(f"{division.name}: {right:.4f} of {len(rows)}", flush=True)
    return Tested(
        division.name,
        trained.logits,
        fields.labels[rows],
        Novelty(trained.novelty).scores(trained.appearance),
        trained.temperature,
        capture_blocks(fields, rows, BLOCK),
        np.flatnonzero(np.isin(rows, material.disturbed.rows)),
        material.disturbed.right(trained.head, fields.labels, rows),
    )


def drawn(material: Material, recipe: ShippedRecipe, numbers: Sequence[int]) -> Material:
    """Return the material with only some of the copies, by their numbers in the recipe."""
    every = zip(recipe.copies, material.copies.altered, strict=True)
    some = [copy for number, copy in every if number in numbers]
    return replace(material, copies=replace(material.copies, altered=some))


@dataclass(frozen=True)
class Bench:
    """Exported bundle with the test fields that it is checked on.

    Attributes:
        engine: Of the bundle.
        checker: Over the bundle's own test fields.
        data: Folder of the fields.
        paths: Files of the test fields.
        split: Kind of split in words.
    """

    engine: Engine
    checker: Checker
    data: Path
    paths: Sequence[Path]
    split: str


def serving_rows(bench: Bench, *, swaps: int, seed: int) -> list[ResultRow]:
    """Measure the exported bundle through the serving engine on its test fields."""
    checker = bench.checker
    kept, taken, named = checker.swaps(swaps, seed)
    inside, area = checker.evidence()
    n = len(checker.plain)
    rows = [
        _share("background swap: top class is that of the cells", kept, bench.split),
        _share("background swap: top class is that of the background", taken, bench.split),
        _share("background swap: class of the cells among those named by the rule", named, bench.split),
        _share("background only: sent to review", checker.background_only(), bench.split),
        _share("corner mark removed, added, swapped: decisions changed", checker.corner(seed), bench.split),
        judged("evidence inside cells over share of area", inside / area, n, bench.split,
               text=f"{inside / area:.1f} ({inside:.3f} / {area:.3f})"),
    ]  # fmt: skip
    return [*rows, *_novelty_rows(bench), *_speed_rows(bench), *_twin_rows(bench)]


def _share(measure: str, share: Proportion, split: str) -> ResultRow:
    interval = wilson(share.hits, share.n) if share.n else None
    return judged(measure, share.value, share.n, split, interval=interval, resampled=FIELDS)


def _novelty_rows(bench: Bench) -> list[ResultRow]:
    inside = np.array([prediction.novelty for prediction in bench.checker.plain])
    rows = [
        _share(
            "novelty alarms in the domain, held-out groups",
            Proportion(int((inside > 1).sum()), len(inside)),
            bench.split,
        )
    ]
    foreign = {
        "bccd": sorted((bench.data.parent / "bccd/BCCD/JPEGImages").glob("*.jpg")),
        "pbc-sample": sorted((bench.data.parent / "pbc-sample").glob("*/*.jpg")),
    }
    for name, paths in foreign.items():
        found = [bench.engine.classify(path) for path in paths]
        if found:
            curve = area_under_curve(inside, np.array([prediction.novelty for prediction in found]))
            rows.append(
                judged(f"novelty, AUROC: {name} against held-out fields", curve, len(found), bench.split)
            )
            review = Proportion(sum(p.decision.class_name is None for p in found), len(found))
            rows.append(_share(f"{name}: sent to review", review, name))
    return rows


def _speed_rows(bench: Bench) -> list[ResultRow]:
    paths = bench.paths[:60]
    own = bench.checker.milliseconds(paths)
    measure = "processor time of one field, file to decision, one thread, ms"
    return [judged(measure, own, len(paths), bench.split, text=f"{own:.1f}")]


def _twin_rows(bench: Bench) -> list[ResultRow]:
    table = bench.data.parent / "taleqani-highres" / "matches.csv"
    if not table.exists():
        return []
    listed = read_table(table, ("class", "file", "same_field_as"), code="bad-csv").rows
    original = bench.data / "Original"
    pairs = [
        (table.parent / row["class"] / row["file"], original / row["class"] / row["same_field_as"])
        for row in listed
    ]
    same, top = twins(bench.engine, [pair for pair in pairs if pair[1].exists()])
    kind = "camera frames and their small copies; most of these were trained on"
    return [
        _share("high-resolution twins: same decision", same, kind),
        _share("high-resolution twins: same top class", top, kind),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Make the bundle and the table, or with ``passport`` first the passport of laboratories."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:1] == ["passport"]:
        return passport.main(given[1:])
    parser = argparse.ArgumentParser(prog="python -m training.shipped", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with Original/ and field_groups.csv")
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be made again")
    parser.add_argument("--target", type=Path, default=default_bundle_path())
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--folds", type=int, help="measure only the first folds")
    parser.add_argument("--seeds", type=int, help="measure only the first seeds")
    options = parser.parse_args(given)
    recipe = read_shipped_recipe(options.recipe)
    with threadpool_limits(1):
        return _run(recipe, options)


def _run(recipe: ShippedRecipe, options: argparse.Namespace) -> int:
    """Make and print everything on one thread: other numbers of threads add up in other orders."""
    material = gather(options.data, options.work, recipe)
    rows, text = make(material, recipe, options)
    print(text)
    return 0 if rows else 1


def make(
    material: Material, recipe: ShippedRecipe, options: argparse.Namespace
) -> tuple[list[ResultRow], str]:
    """Train everything, write the bundle and the results."""
    division = grouped_division(material.fields, held=recipe.held, seed=recipe.seed)
    trained = train_division(material, division, recipe.fit, calibration=recipe.calibration)
    about = {
        "name": recipe.name,
        "version": recipe.version,
        "created": datetime.now(UTC).date().isoformat(),
        "recipe_sha256": recipe.sha256,
        "calibrated_on": calibrating(material.fields, division, recipe.calibration),
        "settings": asdict(recipe.fit)
        | {
            "calibration": asdict(recipe.calibration),
            "copies": recipe.copies,
            "lit": recipe.lit,
            "soft": recipe.soft,
            "seed": recipe.seed,
        },
    }
    bundle = write_shipped(options.target, trained, material, division, about=about)
    print(f"bundle {bundle.sha256}", flush=True)
    rows, matrix = split_rows(material, recipe, options)
    fields = material.fields
    # In this process: what a process of its own computes would not count as this thread's time.
    engine = Engine(bundle, network=LocalNetwork(bundle.read(bundle.info["network"]["file"])))
    checker = Checker(engine, fields.rgb[division.test], fields.labels[division.test], CLASS_NAMES)
    paths = [options.data / "Original" / fields.names[row] for row in division.test]
    beside = share_near_training(fields, division)
    split = f"{HELD}; {beside:.0%} of them have a training field with the next file number"
    bench = Bench(engine, checker, options.data, paths, split)
    rows += serving_rows(bench, swaps=recipe.measure["swaps"], seed=recipe.seed)
    size, parameters = options.target.stat().st_size / 1e6, bundle.info["network"]["parameters"]
    rows += [judged("parameters", parameters, 0, "", text=f"{parameters}"), judged("bundle, MB", size, 0, "")]
    text = write_results(options.results, rows, matrix)
    write_shipped(options.target, trained, material, division, about=about, table=text)
    return rows, text


def split_rows(
    material: Material, recipe: ShippedRecipe, options: argparse.Namespace
) -> tuple[list[ResultRow], IntArray]:
    """Train and test the recipe on contiguous blocks and on image-random splits."""
    shape = recipe.measure
    folds = block_folds(
        material.fields,
        folds=shape["folds"],
        embargo=shape["embargo"],
        validation=shape["validation"],
        seed=1,
    )[: options.folds]
    tests = [tested(material, fold, recipe, temperature=None) for fold in folds]
    split = f"{folds[0].kind} ({len(folds)} of {shape['folds']} run)"
    rows, matrix = block_rows(tests, split)
    by_draw = [
        [
            tested(drawn(material, recipe, numbers), fold, recipe, temperature=test.temperature)
            for fold, test in zip(folds, tests, strict=True)
        ]
        for numbers in shape["draws"][: options.seeds]
    ]
    rows += seed_rows(by_draw, split)
    rows += disturbance_rows(tests, list(material.disturbed.means), split)
    seeds = shape["random_seeds"][: options.seeds]
    randoms = [
        tested(material, random_division(material.fields, seed), recipe, temperature=None) for seed in seeds
    ]
    first = [random_row(randoms, len(shape["random_seeds"]))] if randoms else []
    return [*first, *rows], matrix


def write_results(folder: Path, rows: Sequence[ResultRow], matrix: IntArray) -> str:
    """Write the table as Markdown and JSON; return the Markdown."""
    notes = notes_of(RESULTS / "shipped-notes.md")
    text = render(rows, matrix, notes)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shipped-model.md").write_text(text, encoding="utf-8")
    document = json_text(as_json(rows, matrix, notes), ensure_ascii=True)
    (folder / "shipped-model.json").write_text(document + "\n", encoding="utf-8")
    return text


def notes_of(path: Path) -> list[str]:
    """Return the notes on what was tried, one per line that begins with a dash."""
    if not path.exists():
        return []
    return [line[2:] for line in path.read_text("utf-8").splitlines() if line.startswith("- ")]


if __name__ == "__main__":
    sys.exit(main())
