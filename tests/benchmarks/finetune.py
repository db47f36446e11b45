"""Fine-tunes the shipped model on real fields and measures time, memory and what it costs on the rest.

    python tests/benchmarks/finetune.py ../shared/data/taleqani --fields 400 [--result PATH]

With ``--stain`` every field first gets the colours of an imagined other laboratory: what fine-tuning is
for. Some of each class, in the shares of the folder and with same-field groups kept whole, are the lab's
labelled folder; the training program runs on them as a child, as the window starts it. Then the shipped
model and the new one classify all other fields, with a paired test on the same fields. Fields the
shipped model learned from are told apart from those it was tested on.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from allstation import __version__
from allstation.core.statistics import wilson
from allstation.frozen import training_command
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.pipeline import Pipeline
from training.evaluate.metrics import Predicted
from training.evaluate.metrics import compare as compare_models
from training.shipped.fields import Fields, grouped_division, read_fields
from training.shipped.material import read_shipped_recipe

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("best_epoch", "fitted_again", "against_base", "served_difference")


def draw(fields: Fields, count: int, seed: int) -> np.ndarray:
    """Rows of about ``count`` fields: whole same-field groups, the same share of every class."""
    random = np.random.default_rng(seed)
    chosen: list[int] = []
    for label in np.unique(fields.labels):
        rows = np.flatnonzero(fields.labels == label)
        wanted = round(count * len(rows) / len(fields.labels))
        groups = np.asarray(fields.groups)[rows]
        taken: list[int] = []
        for name in random.permutation(np.unique(groups)):
            if len(taken) >= wanted:
                break
            taken.extend(rows[groups == name].tolist())
        chosen.extend(taken)
    return np.sort(np.asarray(chosen))


def labelled_folder(fields: Fields, rows: np.ndarray, *, original: Path, target: Path) -> None:
    """The chosen fields as a labelled folder of links, and their groups as a table."""
    lines = ["class,file,field_group"]
    for row in rows:
        name = fields.names[row]
        (target / "smears" / name).parent.mkdir(parents=True, exist_ok=True)
        (target / "smears" / name).symlink_to(original / name)
        kind, file = name.split("/")
        lines.append(f"{kind},{file},{fields.groups[row].split('/', 1)[1]}")
    (target / "groups.csv").write_text("\n".join(lines) + "\n", "utf-8")


def train(target: Path) -> dict[str, Any]:
    """Run the child; its seconds, processor seconds and largest memory."""
    recipe = target / "recipe.toml"
    recipe.write_text(
        'name = "Fine-tuned"\ndata = "smears"\nexport = true\n[method]\nkind = "finetune"\n'
        '[split]\nkind = "same-field"\ngroups = "groups.csv"\n',
        "utf-8",
    )
    lines = recipe.read_text("utf-8").replace('"groups.csv"', json.dumps(str(target / "groups.csv")))
    recipe.write_text(lines, "utf-8")
    import resource

    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [*training_command(), "fit", str(recipe), "--out", str(target / "run")]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": round(time.monotonic() - begun, 1),
        "processor_seconds": round(processor, 1),
        "largest_memory_MB": round(after.ru_maxrss / 1024),
    }


def classified(bundle: ModelBundle, paths: Sequence[Path], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of some rows: probabilities in the order of the bundle's classes, and which it names by itself."""
    shares, named = np.zeros((len(paths), len(bundle.classes))), np.zeros(len(paths), bool)
    with Pipeline(bundle) as pipeline:
        for one in pipeline.run((int(row), paths[row]) for row in rows):
            shares[one.key] = list(one.prediction.probabilities.values())
            named[one.key] = one.prediction.decision.class_name is not None
    return shares, named


def compare(fields: Fields, rows: np.ndarray, outputs: dict[str, Any], split: str) -> dict[str, Any]:
    """Both models on the same fields, with intervals and a paired test over same-field groups."""
    labels, groups = fields.labels[rows], [fields.groups[row] for row in rows]
    classes = outputs["classes"]
    predicted = {
        name: Predicted(outputs[name][0][rows], labels, groups, classes, split, "patients unknown")
        for name in ("fine-tuned", "shipped")
    }
    table: dict[str, Any] = {"n": len(rows), "split": split, "patients": "patients unknown"}
    for name, one in predicted.items():
        right = one.probabilities.argmax(axis=1) == labels
        named = outputs[name][1][rows]
        kept = {figure.name: figure.to_json() for figure in one.evaluated().figures}
        spot = wilson(int(right[named].sum()), int(named.sum()))
        table[name] = {
            key: kept[key]
            for key in ("accuracy (Wilson)", "accuracy", "balanced accuracy", "log loss", "ECE (15 bins)")
        } | {
            "named by itself": int(named.sum()),
            "right of those named": int(right[named].sum()),
            "accuracy of those named": [spot.low, spot.high],
            "recall": {
                classes[kind]: f"{int(right[labels == kind].sum())}/{int((labels == kind).sum())}"
                for kind in range(len(classes))
            },
        }
    table["paired"] = compare_models(list(predicted.items()))[0]
    return table


STAIN, GAIN, COLOUR = (1.35, 0.80, 1.15), (0.90, 1.0, 1.10), 1.25
"""Exponents of each channel's transmission, gains, and distance from grey, of the imagined laboratory."""


def stained(fields: Fields, target: Path) -> Fields:
    """Write every field in other colours; names end in ``.png`` then."""
    table = 256.0 * ((np.arange(256)[:, None] + 1.0) / 256.0) ** np.array(STAIN) - 1.0
    matrix = np.array(GAIN)[:, None] * (COLOUR * np.eye(3) + (1 - COLOUR) / 3)
    changed = np.empty_like(fields.rgb)
    for row, rgb in enumerate(fields.rgb):
        values = cv2.transform(cv2.LUT(rgb, table.astype(np.float32)[None]), matrix)
        changed[row] = np.clip(np.rint(values), 0, 255)
        path = target / f"{fields.names[row]}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), changed[row][..., ::-1])
    names = tuple(f"{name}.png" for name in fields.names)
    return dataclasses.replace(fields, names=names, rgb=changed)


def measure(data: Path, count: int, seed: int, *, stain: bool, some: int) -> dict[str, Any]:
    """Everything, as plain JSON."""
    with tempfile.TemporaryDirectory() as scratch:
        return _measure(data, count, seed, target=Path(scratch), stain=stain, some=some)


def _measure(data: Path, count: int, seed: int, *, target: Path, stain: bool, some: int) -> dict[str, Any]:
    fields, original = (
        read_fields(data / "Original", data / "field_groups.csv"),
        (data / "Original").resolve(),
    )
    if stain:
        original = target / "stained"
        fields = stained(fields, original)
    mine = draw(fields, count, seed)
    bundle = ModelBundle.open(default_bundle_path())
    recipe = read_shipped_recipe()
    division = grouped_division(fields, held=recipe.held, seed=recipe.seed)
    unseen = np.union1d(division.validation, division.test)
    rest = np.setdiff1d(np.arange(len(fields.labels)), mine)
    twins = np.isin(np.asarray(fields.groups), np.asarray(fields.groups)[mine])
    rest = rest[~twins[rest]]
    if some:
        known = np.random.default_rng(seed).permutation(np.setdiff1d(rest, unseen))[:some]
        rest = np.union1d(known, np.intersect1d(rest, unseen))
    labelled_folder(fields, mine, original=original, target=target)
    cost = train(target)
    metrics = json.loads((target / "run" / "metrics.json").read_text("utf-8"))
    tuned = ModelBundle.open(target / "run" / "model.allmodel")
    paths = [original / name for name in fields.names]
    outputs: dict[str, Any] = {
        "fine-tuned": classified(tuned, paths, rest),
        "shipped": classified(bundle, paths, rest),
    }
    outputs["classes"] = bundle.classes
    held = "fields of the rest that the shipped model did not learn from (same-field groups held out)"
    return {
        "fields": len(mine),
        "seed": seed,
        "colours": "of an imagined other laboratory" if stain else "as they are",
        "cost": cost,
        "shipped_sha256": bundle.sha256,
        "run": {key: metrics[key] for key in KEPT},
        "rest": compare(fields, rest, outputs, "all other fields, same-field groups kept apart; most of them "
                        "the shipped model learned from"),
        "unseen": compare(fields, np.intersect1d(rest, unseen), outputs, held),
    }  # fmt: skip


def as_markdown(found: dict[str, Any]) -> str:
    """The outcome as a page."""
    cost, about = found["cost"], found["about"]
    lines = [
        "# Fine-tuning the shipped model on real fields",
        "",
        f"`{about['command']}`, {about['date']}, {about['machine']}, ALL Station {about['version']}, "
        f"Python {about['python']}; shipped bundle `{found['shipped_sha256']}`.",
        "",
        f"Colours: {found['colours']}. {found['fields']} labelled fields (same-field groups whole, seed "
        f"{found['seed']}), through the "
        f"training program as a child, check, split, export and verification included: {cost['seconds']} s "
        f"({cost['processor_seconds']} processor seconds, {cost['largest_memory_MB']} MB at most). "
        f"Step kept: {found['run']['best_epoch']} (0 is the shipped layer untouched).",
        "",
        "| on | model | n | accuracy | balanced accuracy | log loss | named by itself | right of those |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for part in ("rest", "unseen"):
        for name in ("shipped", "fine-tuned"):
            one, n = found[part][name], found[part]["n"]
            pair = one["accuracy (Wilson)"]["interval"]
            lines.append(
                f"| {part} | {name} | {n} | {one['accuracy']['value']:.4f} [{pair[0]:.4f}, {pair[1]:.4f}] | "
                f"{one['balanced accuracy']['value']:.4f} | {one['log loss']['value']:.4f} | "
                f"{one['named by itself']} | {one['right of those named']} |"
            )
    lines.append("")
    for part in ("rest", "unseen"):
        paired = found[part]["paired"]
        low, high = paired["interval"]
        lines.append(
            f"- {part} ({found[part]['split']}; {found[part]['patients']}): fine-tuned minus shipped "
            f"{paired['accuracy_difference']:+.4f} [{low:+.4f}, {high:+.4f}] (bootstrap over groups), "
            f"only the fine-tuned right {paired['only_first_right']}, only the shipped right "
            f"{paired['only_second_right']}, exact McNemar p = {paired['p_mcnemar']:.3g}."
        )
    lines += [f"- {what}: {note}." for what, note in found["run"]["fitted_again"].items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--fields", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    rest = "classify only so many of the fields that the shipped model learned from"
    parser.add_argument("--rest", type=int, default=0, metavar="N", help=rest)
    parser.add_argument("--stain", action="store_true", help="in the colours of an imagined laboratory")
    parser.add_argument("--result", type=Path, help="JSON; a page of the same name with .md lies beside it")
    options = parser.parse_args()
    found = measure(options.data, options.fields, options.seed, stain=options.stain, some=options.rest)
    found["about"] = {
        "command": f"python tests/benchmarks/finetune.py {options.data.name} --fields {options.fields} "
        f"--seed {options.seed}{' --stain' if options.stain else ''}"
        f"{f' --rest {options.rest}' if options.rest else ''}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "version": __version__,
        "python": platform.python_version(),
    }
    page = as_markdown(found)
    print(page)
    if options.result:
        options.result.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        options.result.with_suffix(".md").write_text(page, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
