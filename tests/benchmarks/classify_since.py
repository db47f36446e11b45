"""Processor time of the command ``classify`` against an earlier checkout, in turns on the same fields.

    git worktree add --detach ../before d5dbeb9
    python tests/benchmarks/classify_since.py ../before FOLDER --rounds 20 --result PATH.json

Each round runs the whole command once with either program, with one thread, also its children counting. The
ratio is of all processor seconds; that of an added field leaves out what starting costs, told from a folder
of one field. Both programs run with this environment's packages.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def seconds(tree: Path, folder: Path, out: Path) -> float:
    """Return the processor seconds of one run of a checkout's command.

    Raises:
        RuntimeError: If it fails.
    """
    own = {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [
        sys.executable,
        "-m",
        "allstation",
        "classify",
        str(folder),
        "--threads",
        "1",
        "--csv",
        str(out),
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=tree, env={**os.environ, **own}, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(done.stderr[-500:])
    out.unlink()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def summary(ratios: list[float]) -> dict[str, float]:
    """Return the median of a ratio and its 95 % interval over rounds, by the bootstrap."""
    rng = random.Random(1)
    drawn = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(4000))
    return {name: round(value, 4) for name, value in (
        ("ratio", statistics.median(ratios)), ("low", drawn[100]), ("high", drawn[3899])
    )}  # fmt: skip


def measured(before: Path, folder: Path, rounds: int) -> dict[str, object]:
    """Run both programs in turns and return the ratios, now by before."""
    fields = sorted(path for path in folder.rglob("*") if path.is_file())
    whole: list[float] = []
    added: list[float] = []
    with tempfile.TemporaryDirectory() as made:
        one = Path(made, "one")
        one.mkdir()
        shutil.copy(fields[0], one)
        out = Path(made, "fields.csv")
        for number in range(rounds):
            trees = (before, ROOT) if number % 2 else (ROOT, before)
            all_of = {tree: seconds(tree, folder, out) for tree in trees}
            one_of = {tree: seconds(tree, one, out) for tree in trees}
            whole.append(all_of[ROOT] / all_of[before])
            added.append((all_of[ROOT] - one_of[ROOT]) / (all_of[before] - one_of[before]))
            print(f"round {number + 1}: {whole[-1]:.3f}, of an added field {added[-1]:.3f}", flush=True)
    return {"fields": len(fields), "rounds": rounds, "whole": summary(whole), "added field": summary(added)}


def main() -> int:
    """Run as a program."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, help="checkout of the earlier program")
    parser.add_argument("folder", type=Path, help="fields to classify")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--result", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    data = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "load at the start": os.getloadavg()[0],
        **measured(arguments.before.resolve(), arguments.folder.resolve(), arguments.rounds),
    }
    text = json.dumps(data, indent=1) + "\n"
    if arguments.result:
        arguments.result.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
