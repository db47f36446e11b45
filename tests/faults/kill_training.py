"""SIGKILL at random moments of training: every run can be resumed and ends as if nothing had happened.

    python tests/faults/kill_training.py --kills 100 --seed 1 --result tests/faults/results/kill_training.json

One tiny network is trained without interruption first. Then runs of the same recipe are killed, resumed,
killed again, and at last left to end. Each phase of a run gets its share of the kills, the moment within it
is random. After each death every file of the run must be whole, every epoch that was told must be in its
history, and all earlier runs must be as they were, byte for byte. When a run ends, its history, predictions,
metrics and exported network must be those of the uninterrupted one, and nothing half-written may lie about.
Needs the training part; POSIX only: children are forked, so that the network's library is loaded once.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import platform
import random
import select
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from allstation import __version__
from allstation.core.events import PHASES, Epoch, Event, Phase
from allstation.imaging.synthetic import write_demo
from allstation.inference.bundle import ModelBundle

EPOCHS = 4
DEATHS = 5
"""Times that one run is killed before it is left to end, at most."""
LONGEST = 240.0
"""Seconds that no child needs."""


def recipe_of(folder: Path) -> Any:
    from training.fit.recipe import recipe_from

    table = folder.parent / "groups.csv"
    fields = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix == ".jpg")
    rows = [f"{path.parent.name},{path.name},{number}" for number, path in enumerate(fields)]
    table.write_text("\n".join(["class,file,field_group", *rows]), encoding="utf-8")
    return recipe_from(
        {
            "name": "killed",
            "data": str(folder),
            "method": {"kind": "nadim", "options": {"filters": 2, "blocks": 2}},
            "input": {"height": 24, "width": 24, "interpolation": "station"},
            "split": {"kind": "same-field", "groups": str(table)},
            "fit": {"epochs": EPOCHS, "batch": 16, "snapshots": [1]},
            "export": True,
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
    from training.fit.protocol import EventWriter
    from training.fit.session import run_recipe

    def tell(event: Event) -> None:
        if isinstance(event, Epoch):
            os.write(pipe, json.dumps({"epoch": event.epoch}).encode() + b"\n")
        elif isinstance(event, Phase):
            os.write(pipe, json.dumps({"phase": event.name}).encode() + b"\n")

    run_recipe(recipe, folder, EventWriter(tell))


@dataclass(frozen=True)
class Moment:
    """When to kill: a share of a phase's usual time after the phase was told."""

    phase: str
    seconds: float


def listen(child: int, pipe: int, *, moment: Moment | None) -> tuple[list[dict[str, Any]], bool]:
    """Kill a child at a moment, or wait for its end; return what it told and whether it was killed.

    Each message has ``at``, the seconds after the child was forked.
    """
    began, deadline, rest = time.monotonic(), LONGEST, b""
    messages: list[dict[str, Any]] = []
    while True:
        left = max(0.0, began + deadline - time.monotonic())
        if not select.select([pipe], [], [], left)[0]:
            os.kill(child, signal.SIGKILL)
            deadline = LONGEST
            if moment is None:
                messages.append({"error": f"a child did not end within {LONGEST:.0f} s"})
        piece = os.read(pipe, 65536)
        if not piece:
            break
        *lines, rest = (rest + piece).split(b"\n")
        at = time.monotonic() - began
        messages += [{**json.loads(line), "at": at} for line in lines]
        if moment is not None and any(message.get("phase") == moment.phase for message in messages):
            heard = next(message["at"] for message in messages if message.get("phase") == moment.phase)
            deadline = heard + moment.seconds
    os.close(pipe)
    _, status = os.waitpid(child, 0)
    return messages, os.WIFSIGNALED(status)


def durations(messages: list[dict[str, Any]], total: float) -> dict[str, float]:
    """Return how long each phase of the uninterrupted run took, in seconds."""
    begins = [(message["phase"], message["at"]) for message in messages if "phase" in message]
    ends = [at for _, at in begins[1:]] + [total]
    return {phase: end - at for (phase, at), end in zip(begins, ends, strict=True)}


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
        if path.name.startswith(".") or not path.is_file():
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
    elif path.suffix == ".allmodel":
        ModelBundle.open(path)


def outcome(folder: Path) -> dict[str, Any]:
    """Return what a run ended with, without times."""
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    test = {key: value for key, value in metrics["test"].items() if key != "time"}
    bundle = ModelBundle.open(folder / metrics["bundle"])
    return {
        "history": history(folder),
        "predictions": hashlib.sha256((folder / "predictions.csv").read_bytes()).hexdigest(),
        "test": test,
        "network": hashlib.sha256(bundle.read("network.tflite")).hexdigest(),
        "temperature": bundle.temperature,
        "files": sorted(path.name for path in folder.iterdir()),
    }


def bytes_of(folders: list[Path]) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run(kills: int, seed: int, tell: Callable[[Tally], None], *, fields: int = 32) -> Tally:
    """Kill ``kills`` trainings on drawn fields and return what was counted."""
    import training.fit.session  # noqa: F401 - the network's library is loaded once, before the forks
    from training.models.backend import load_keras

    load_keras()
    dice, tally = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory(prefix="allstation-kill-") as place:
        base = Path(place)
        write_demo(base / "labelled", fields=fields, labelled=True)
        recipe, began = recipe_of(base / "labelled"), time.monotonic()
        messages, _ = listen(*start(recipe, base / "reference"), moment=None)
        tally.problems += [message["error"] for message in messages if "error" in message]
        usual, finished = durations(messages, time.monotonic() - began), [base / "reference"]
        while tally.kills < kills and not tally.problems:
            before, folder = bytes_of(finished), base / f"run {tally.runs}"
            deaths = min(dice.randint(DEATHS - 2, DEATHS), kills - tally.kills)
            one_run(recipe, folder, moments(tally, usual, deaths=deaths, dice=dice), tally=tally)
            if not tally.problems and outcome(folder) != outcome(finished[0]):
                tally.problems.append(f"{folder.name} ended otherwise than without a kill")
            if bytes_of(finished) != before:
                tally.problems.append("an earlier run was changed")
            finished.append(folder)
            tell(tally)
    return tally


def moments(tally: Tally, usual: dict[str, float], *, deaths: int, dice: random.Random) -> Iterator[Moment]:
    """Yield when to kill a run: in the order of the phases, those that had fewest kills."""
    fewest = sorted(PHASES, key=lambda phase: (tally.during[phase], dice.random()))
    for phase in sorted(fewest[:deaths], key=PHASES.index):
        yield Moment(phase, dice.random() * usual[phase])


def one_run(recipe: Any, folder: Path, deaths: Iterator[Moment], *, tally: Tally) -> None:
    """Kill and resume one run, then let it end."""
    tally.runs += 1
    told = set[int]()
    for moment in (*deaths, None):
        messages, killed = listen(*start(recipe, folder), moment=moment)
        if killed:
            tally.kills += 1
            tally.during[next((m["phase"] for m in reversed(messages) if "phase" in m), "starting")] += 1
        told |= {message["epoch"] for message in messages if "epoch" in message}
        tally.problems += [message["error"] for message in messages if "error" in message]
        tally.problems += look(folder, told, tally)
    tally.epochs_told += len(told)
    if not (folder / "metrics.json").is_file():
        tally.problems.append(f"{folder.name} was not resumed to its end")


def figures_of(tally: Tally, seconds: float) -> str:
    """Return everything counted, with what it was counted on, as JSON."""
    from training.models.backend import versions

    figures = {
        "what": "SIGKILL at random moments of every phase of training, resumed until the run ends",
        "command": " ".join(["python tests/faults/kill_training.py", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": round(seconds),
        "versions": {"allstation": __version__, "python": platform.python_version(), **versions()},
        "kills": tally.kills,
        "kills_by_phase": {name: tally.during[name] for name in ("starting", *PHASES) if tally.during[name]},
        "runs_resumed_to_their_end": tally.runs,
        "epochs_told": tally.epochs_told,
        "files_read_after_deaths": tally.files_read,
        "problems": tally.problems,
    }
    return json.dumps(figures, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fields", type=int, default=32, help="drawn fields that are trained on")
    parser.add_argument("--result", type=Path, help="file of figures; written anew after each run")
    options = parser.parse_args()
    began = time.monotonic()

    def keep(tally: Tally) -> None:
        sys.stderr.write(f"{tally.kills} kills, {len(tally.problems)} problems\n")
        if options.result:
            options.result.write_text(figures_of(tally, time.monotonic() - began), encoding="utf-8")

    tally = run(options.kills, options.seed, keep, fields=options.fields)
    keep(tally)
    sys.stdout.write(figures_of(tally, time.monotonic() - began))
    return 1 if tally.problems else 0


if __name__ == "__main__":
    sys.exit(main())
