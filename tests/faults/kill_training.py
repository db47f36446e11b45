"""SIGKILL at random moments of training: every run can be resumed and ends as if nothing had happened.

    python tests/faults/kill_training.py --kills 100 --seed 1 --result tests/faults/results/kill_training.json

One tiny network is trained without interruption first. Then runs of the same recipe are killed at random
moments, resumed, killed again, and at last left to end. After each death every file of the run must be
whole, every epoch that was told must be in its history, and all earlier runs must be as they were, byte for
byte. When a run ends, its history, its test predictions and its metrics must be those of the uninterrupted
one. Needs the training part; POSIX only: children are forked, so that the network's library is loaded once.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import platform
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from allstation import __version__
from allstation.core.events import Epoch, Event, Phase
from allstation.imaging.synthetic import write_demo

EPOCHS = 4
DEATHS = 5
"""Times that one run is killed before it is left to end."""


def recipe_of(folder: Path) -> Any:
    from training.recipe import recipe_from

    table = folder.parent / "groups.csv"
    fields = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix == ".jpg")
    rows = [f"{path.parent.name},{path.name},{number}" for number, path in enumerate(fields)]
    table.write_text("\n".join(["class,file,field_group", *rows]), encoding="utf-8")
    return recipe_from(
        {
            "name": "killed",
            "data": str(folder),
            "method": {"kind": "nadim", "options": {"filters": 2, "blocks": 2}},
            "input": {"height": 24, "width": 24, "interpolation": "area"},
            "split": {"kind": "same-field", "groups": str(table)},
            "fit": {"epochs": EPOCHS, "batch": 16, "snapshots": [1]},
        }
    )


@dataclass
class Tally:
    """Counts over all kills."""

    kills: int = 0
    runs: int = 0
    during: Counter[str] = field(default_factory=Counter)
    epochs_told: int = 0
    files_read: int = 0
    problems: list[str] = field(default_factory=list)


def start(recipe: Any, folder: Path) -> tuple[int, int]:
    """Fork a child that trains; return its id and the pipe it tells through."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    os.close(reading)
    try:
        _train(recipe, folder, writing)
        os._exit(0)
    except BaseException as error:
        os.write(writing, json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")
    finally:
        os._exit(1)


def _train(recipe: Any, folder: Path, pipe: int) -> None:
    from training.protocol import Reporter
    from training.session import run_recipe

    def tell(event: Event) -> None:
        if isinstance(event, Epoch):
            os.write(pipe, json.dumps({"epoch": event.epoch}).encode() + b"\n")
        elif isinstance(event, Phase):
            os.write(pipe, json.dumps({"phase": event.name}).encode() + b"\n")

    run_recipe(recipe, folder, Reporter(tell))


def listen(child: int, pipe: int, *, seconds: float | None) -> tuple[list[dict[str, Any]], bool]:
    """Kill a child after some seconds, or wait for its end; return what it told and whether it was killed."""
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(pipe, "rb") as told:
        lines = told.read().split(b"\n")
    _, status = os.waitpid(child, 0)
    return [json.loads(line) for line in lines[:-1]], os.WIFSIGNALED(status)


def history(folder: Path) -> list[dict[str, str]]:
    path = folder / "history.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)
        ]


def look(folder: Path, told: set[int], tally: Tally) -> Iterator[str]:
    """Read every file of a killed run and yield what is half written or lost."""
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        if path.name.endswith(".part") or not path.is_file():
            continue
        tally.files_read += 1
        try:
            _read(path)
        except Exception as error:
            yield f"{path.name} is half written: {type(error).__name__}: {error}"
    epochs = {int(row["epoch"]) for row in history(folder)}
    if not told <= epochs:
        yield f"epochs {sorted(told - epochs)} were told and are lost"


def _read(path: Path) -> None:
    if path.suffix == ".json":
        json.loads(path.read_text("utf-8"))
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            for name in arrays.files:
                arrays[name]
    elif path.suffix in (".csv", ".toml") and not path.read_bytes().endswith(b"\n"):
        raise ValueError("no end of line")


def outcome(folder: Path) -> dict[str, Any]:
    """Return what a run ended with, without times."""
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    test = {key: value for key, value in metrics["test"].items() if key != "time"}
    predictions = hashlib.sha256((folder / "predictions.csv").read_bytes()).hexdigest()
    return {"history": history(folder), "predictions": predictions, "test": test}


def bytes_of(folders: list[Path]) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run(kills: int, seed: int) -> Tally:
    """Kill ``kills`` trainings and return what was counted."""
    import training.session  # noqa: F401 - the network's library is loaded once, before the forks
    from training.backend import load_keras

    load_keras()
    dice, tally = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory(prefix="allstation-kill-") as place:
        base = Path(place)
        write_demo(base / "labelled", fields=32, labelled=True)
        recipe = recipe_of(base / "labelled")
        began = time.monotonic()
        messages, _ = listen(*start(recipe, base / "reference"), seconds=None)
        tally.problems += [message["error"] for message in messages if "error" in message]
        usual, reference, finished = (
            time.monotonic() - began,
            outcome(base / "reference"),
            [base / "reference"],
        )
        while tally.kills < kills and not tally.problems:
            folder, before, told = base / f"run {tally.runs}", bytes_of(finished), set[int]()
            tally.runs += 1
            for _ in range(min(dice.randint(1, DEATHS), kills - tally.kills)):
                messages, killed = listen(*start(recipe, folder), seconds=dice.random() * usual)
                tally.kills += killed
                tally.during[next((m["phase"] for m in reversed(messages) if "phase" in m), "starting")] += (
                    killed
                )
                told |= {message["epoch"] for message in messages if "epoch" in message}
                tally.problems += [message["error"] for message in messages if "error" in message]
                tally.problems += look(folder, told, tally)
            messages, _ = listen(*start(recipe, folder), seconds=None)
            tally.problems += [message["error"] for message in messages if "error" in message]
            tally.epochs_told += len(told)
            if not (folder / "metrics.json").is_file():
                tally.problems.append(f"{folder.name} was not resumed to its end")
            elif outcome(folder) != reference:
                tally.problems.append(f"{folder.name} ended otherwise than without a kill")
            if bytes_of(finished) != before:
                tally.problems.append("an earlier run was changed")
            finished.append(folder)
            sys.stderr.write(f"{tally.kills} kills, {len(tally.problems)} problems\n")
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    began = time.monotonic()
    tally = run(options.kills, options.seed)
    from training.backend import versions

    figures = {
        "what": "SIGKILL at random moments of training, resumed until the run ends",
        "command": " ".join(["python tests/faults/kill_training.py", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": round(time.monotonic() - began),
        "versions": {"allstation": __version__, "python": platform.python_version(), **versions()},
        "kills": tally.kills,
        "kills_by_phase": dict(tally.during),
        "runs_resumed_to_their_end": tally.runs,
        "epochs_told": tally.epochs_told,
        "files_read_after_deaths": tally.files_read,
        "problems": tally.problems,
    }
    text = json.dumps(figures, indent=2, ensure_ascii=False) + "\n"
    sys.stdout.write(text)
    if options.result:
        options.result.write_text(text, encoding="utf-8")
    return 1 if tally.problems else 0


if __name__ == "__main__":
    sys.exit(main())
