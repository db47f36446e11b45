"""A small grid of recipes as plain data: made, stored, and read back to be continued."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.recipe_files import write_recipe

Preset = Callable[[str], Mapping[str, Any]]
"""Recipe of a method as plain data."""

AXES: Final = (
    ("method", "kind", "Method"),
    ("fit", "epochs", "Epochs"),
    ("fit", "batch", "Batch size"),
    ("fit", "loss", "Loss"),
    ("fit", "learning_rate", "Learning rate"),
    ("fit", "seed", "Seed"),
)
"""What a grid may vary: section, key and label."""

LOSSES: Final = ("categorical_crossentropy", "binary_crossentropy", "sigmoid_crossentropy")
"""What training can make small."""

SWEEP_FILE: Final = "sweep.json"
MOST: Final = 60

ZHANG_TABLE_1: Final[Mapping[str, str]] = {
    "kind": "zhang",
    "epochs": "10, 15",
    "batch": "32, 64",
    "loss": "categorical_crossentropy, binary_crossentropy",
    "seed": "1",
}
"""Every combination of the epochs, batch sizes and losses of Zhang's Table 1; its four rows among them."""


@dataclass(frozen=True, slots=True)
class GridRun:
    """Run of a grid.

    Attributes:
        title: The varied values in words.
        values: The varied values by key.
        recipe: Recipe file.
        folder: Run folder.
    """

    title: str
    values: Mapping[str, Any]
    recipe: Path
    folder: Path


def parse_axis(key: str, text: str) -> list[Any]:
    """Read a comma-separated list of one axis.

    Raises:
        StationError: ``bad-grid`` when a number is none, or no loss has that name.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in parts if key == "loss" and part not in LOSSES]
    if unknown:
        sentence = f"{unknown[0]!r} is no loss. Write one or more of {', '.join(LOSSES)}."
        raise StationError("bad-grid", sentence)
    try:
        if key in {"epochs", "batch", "seed"}:
            return [int(part) for part in parts]
        return [float(part) for part in parts] if key == "learning_rate" else list(parts)
    except ValueError as error:
        sentence = f"{text!r} is no list of numbers for {key}. Write numbers like 10, 20."
        raise StationError("bad-grid", sentence) from error


def grid(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return every combination of the axes that were filled in.

    Raises:
        StationError: ``bad-grid`` when an axis cannot be read, nothing varies or there are too many runs.
    """
    axes = {key: parse_axis(key, texts.get(key, "")) for _, key, _ in AXES}
    filled = {key: values for key, values in axes.items() if values}
    rows = [dict(zip(filled, values, strict=True)) for values in itertools.product(*filled.values())]
    if len(rows) < 2:  # noqa: PLR2004 - a grid of one is a run
        raise StationError("bad-grid", "Nothing varies yet. Write at least two values for one of the rows.")
    if len(rows) > MOST:
        sentence = f"This grid has {len(rows)} runs; at most {MOST} are made at once. Take some values out."
        raise StationError("bad-grid", sentence)
    return rows


def combine(recipe: Mapping[str, Any], values: Mapping[str, Any], preset: Preset) -> dict[str, Any]:
    """Put one combination into a recipe; another method comes with its own preset, on the same split."""
    data = deepcopy(dict(recipe))
    if values.get("kind", data["method"]["kind"]) != data["method"]["kind"]:
        data = {**deepcopy(dict(preset(values["kind"]))), "name": data["name"], "split": data["split"]}
    for section, key, _ in AXES:
        if key in values:
            data.setdefault(section, {})[key] = values[key]
    data["export"] = False
    return data


def make_sweep(
    base: Path, recipe: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], preset: Preset
) -> list[GridRun]:
    """Write the recipes of a grid and its list, so that it can be continued after a restart.

    Args:
        base: Folder of the sweep.
        recipe: What stays the same.
        rows: Combinations.
        preset: Gives the recipe of a method by name, as plain data.

    Raises:
        StationError: ``cannot-write``; whatever ``preset`` refuses.
    """
    made = []
    recipes = [combine(recipe, values, preset) for values in rows]  # all: one refused leaves no folder
    varied = [key for key in rows[0] if len({str(row[key]) for row in rows}) > 1]
    for number, (values, data) in enumerate(zip(rows, recipes, strict=True), 1):
        title = ", ".join(_words(key, values[key]) for key in varied)
        kind = data["method"]["kind"]
        data["name"] = title if "kind" in varied else f"{kind}, {title}"
        path = base / "recipes" / f"{number:02d}.toml"
        write_recipe(path, data)
        made.append(GridRun(title, values, path, base / f"{number:02d}"))
    listed = [{"title": run.title, "values": dict(run.values), "name": run.folder.name} for run in made]
    try:
        (base / SWEEP_FILE).write_text(json_text({"runs": listed}, ensure_ascii=True), "utf-8")
    except OSError as error:
        sentence = f"The sweep could not be written ({error.strerror}). Choose another folder."
        raise StationError("cannot-write", sentence) from error
    return made


def _words(key: str, value: object) -> str:
    return str(value) if key == "kind" else f"{key} {value}".replace("_", " ")


def latest_sweep(bases: Iterable[Path]) -> list[GridRun]:
    """Read the newest sweep below folders of runs; empty when there is none."""
    files = [path for base in bases for path in base.glob(f"*/{SWEEP_FILE}")]
    found = sorted(files, key=lambda path: path.stat().st_mtime)
    return read_sweep(found[-1].parent) if found else []


def read_sweep(base: Path) -> list[GridRun]:
    """Read a sweep's list; empty when there is none."""
    try:
        listed = json.loads((base / SWEEP_FILE).read_text("utf-8"))["runs"]
    except (OSError, ValueError, KeyError):
        return []
    return [
        GridRun(row["title"], row["values"], base / "recipes" / f"{row['name']}.toml", base / row["name"])
        for row in listed
    ]
