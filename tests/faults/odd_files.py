"""Odd image files of known pixels against the decoder: each is right or refused by name, never a third.

    python tests/faults/odd_files.py --all --out tests/faults/results/odd-files

The files are made in memory, seeded, the same on every machine: TIFF by bits, planes, layouts, codecs and
colours, JPEG, PNG, BMP, WebP and JPEG 2000 of every kind, formats that are not read, and damaged files of
all of them. The truth is what was put in, or what an independent decoder reads where a codec is lossy. A
child process judges; if a file kills it, the next one goes on behind that file.
"""

# ruff: noqa: T201, E402 - a program, whose answer is what it prints

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import cv2
import imagecodecs
import numpy as np
import PIL
import tifffile

from tests.faults import odd_bmp, odd_hand, odd_hand_codes, odd_jpeg, odd_other, odd_png, odd_sound, odd_tiff
from tests.faults.odd_case import MUST_BE_RIGHT, Case
from tests.faults.odd_judge import RIGHT, UNSEEN, Outcome, judge

BEFORE = Path(__file__).with_name("results") / "odd-files-before.json"
"""What became of the whole matrix at d5dbeb9, with the names of what was right: it must stay so."""

SOURCES = (odd_tiff, odd_hand, odd_hand_codes, odd_jpeg, odd_png, odd_bmp, odd_other, odd_sound)


def right_before() -> frozenset[str]:
    """Return the names of undamaged files that were right at d5dbeb9."""
    if not BEFORE.exists():
        return frozenset()
    return frozenset(json.loads(BEFORE.read_text(encoding="utf-8"))["right_names"])


def cases(*, few: bool) -> Iterator[Case]:
    """Yield the cases, a few hundred or all; what was right before must be right.

    Raises:
        ValueError: If two cases have one name.
    """
    before = right_before()
    names: set[str] = set()
    for source in SOURCES:
        for case in source.cases(few=few):
            if case.name in names:
                raise ValueError(f"Two cases are named {case.name}.")
            names.add(case.name)
            yield replace(case, verdict=MUST_BE_RIGHT) if case.name in before and not case.damaged else case


@dataclass
class Counts:
    """What became of the cases of a family.

    ``unseen`` are those of the right ones that are damaged, with bytes that any reader takes for sound.
    """

    cases: int = 0
    right: int = 0
    refused: int = 0
    wrong: int = 0
    escaped: int = 0
    unseen: int = 0
    faults: dict[str, int] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.cases += 1
        setattr(self, outcome.result, getattr(self, outcome.result) + 1)
        self.unseen += outcome.detail == UNSEEN
        if outcome.fault:
            self.faults[outcome.fault] = self.faults.get(outcome.fault, 0) + 1


def child(first: int, *, few: bool) -> None:
    """Judge the cases from a number on, one line on stdout before and one after each."""
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases(few=few)):
            if number < first:
                continue
            print("start", json.dumps([number, case.name]), flush=True)
            print("done", json.dumps(asdict(judge(case, Path(folder)))), flush=True)


def run(*, few: bool) -> tuple[list[Outcome], list[str]]:
    """Judge all cases in child processes; return the outcomes and the names of files that killed one."""
    outcomes: list[Outcome] = []
    crashes: list[str] = []
    while True:
        command = [sys.executable, __file__, "--child", str(len(outcomes) + len(crashes))]
        done = subprocess.run(
            [*command, *([] if few else ["--all"])], stdout=subprocess.PIPE, text=True, check=False
        )
        started = ""
        for line in done.stdout.splitlines():
            word, _, rest = line.partition(" ")
            if word == "start":
                started = json.loads(rest)[1]
            elif word == "done":
                outcomes.append(Outcome(**json.loads(rest)))
                started = ""
        if not done.returncode:
            return outcomes, crashes
        if not started:
            raise RuntimeError(f"The child ended with {done.returncode} between two files.")
        crashes.append(started)


def report(outcomes: list[Outcome], crashes: list[str], command: str) -> dict[str, Any]:
    """Return the counts as plain data."""
    families: dict[str, Counts] = {}
    for outcome in outcomes:
        families.setdefault(outcome.name.partition("/")[0], Counts()).add(outcome)
    total = Counter(outcome.result for outcome in outcomes)
    faults = Counter(outcome.fault for outcome in outcomes if outcome.fault)
    return {
        "command": command,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "python": platform.python_version(),
            "opencv": cv2.__version__,
            "numpy": np.__version__,
            "pillow": PIL.__version__,
            "tifffile": tifffile.__version__,
            "imagecodecs": imagecodecs.__version__,
        },
        "cases": len(outcomes) + len(crashes),
        "outcomes": dict(sorted(total.items())),
        "unseen": sum(outcome.detail == UNSEEN for outcome in outcomes),
        "faults": dict(sorted(faults.items())),
        "crashes": crashes,
        "families": {name: asdict(counts) for name, counts in sorted(families.items())},
        "examples": examples(outcomes),
    }


def examples(outcomes: list[Outcome], *, most: int = 6) -> dict[str, list[str]]:
    """Return some names of each fault of each family."""
    found: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.fault:
            names = found.setdefault(f"{outcome.name.partition('/')[0]}: {outcome.fault}", [])
            if len(names) < most:
                names.append(f"{outcome.name}: {outcome.detail}"[:200])
    return dict(sorted(found.items()))


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown")


def main() -> int:
    """Run as a program; 0 if there was no fault."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="the whole matrix instead of a few hundred files")
    parser.add_argument("--out", type=Path, help="path without suffix; .json is written")
    parser.add_argument("--names", action="store_true", help="add the names of what is right")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        child(arguments.child, few=not arguments.all)
        return 0
    outcomes, crashes = run(few=not arguments.all)
    command = "python tests/faults/odd_files.py" + (" --all" if arguments.all else "")
    data = report(outcomes, crashes, command)
    if arguments.names:
        right = [outcome.name for outcome in outcomes if outcome.result == RIGHT]
        data["right_names"] = [name for name in right if "-damaged" not in name.partition("/")[0]]
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(data, indent=1) + "\n"
        arguments.out.with_suffix(".json").write_text(text, encoding="utf-8")
    print(json.dumps({key: data[key] for key in ("cases", "outcomes", "unseen", "faults", "crashes")}))
    for outcome in outcomes:
        if outcome.fault:
            print(outcome.result, outcome.fault, outcome.name, outcome.detail)
    return 1 if crashes or any(outcome.fault for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
