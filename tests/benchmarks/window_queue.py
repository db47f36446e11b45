"""Decisions a second of the window's queue against ``classify`` without cells, as a ratio within one run.

    python tests/benchmarks/window_queue.py [--few 60] [--many 360] [--rounds 4] [--work FOLDER] [--out FILE]

Each program classifies few and many fields, in turn; what the many take longer is free of starts and ends.
The window finds the cells of the fields afterwards, which is not in its time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import folders
from measure import Beside, Run, contestant, interleaved, run

ROOT = Path(__file__).resolve().parents[2]
KINDS = {"224x224": folders.small, "1024x768": folders.frames}


def command_line(folder: Path, work: Path) -> Run:
    """Classify a folder to a table, without a case."""
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        out = str(Path(scratch) / "table.csv")
        return run([sys.executable, "-m", "allstation", "classify", str(folder), "--csv", out])


def rows(kind: str, work: Path, *, few: int, many: int, rounds: int) -> Iterator[str]:
    """Yield one line of the table."""
    places = {count: KINDS[kind](work, count)[0] for count in (few, many)}
    jobs = {}
    for count, folder in places.items():
        jobs[f"window {count}"] = lambda folder=folder: contestant("window", folder, work)
        jobs[f"classify {count}"] = lambda folder=folder: command_line(folder, work)
    runs = interleaved(jobs, rounds)
    cells = [str(kind), f"{many - few} x {rounds}"]
    for what in ("seconds", "processor"):
        took = {
            program: [
                _until_done(more, what) - _until_done(less, what)
                for less, more in zip(runs[f"{program} {few}"], runs[f"{program} {many}"], strict=True)
            ]
            for program in ("window", "classify")
        }
        ratios = sorted(one / other for one, other in zip(took["classify"], took["window"], strict=True))
        per = [
            f"{sum(took[program]) / rounds / (many - few) * 1000:.1f}" for program in ("window", "classify")
        ]
        whole = sum(took["classify"]) / sum(took["window"])
        cells += [" / ".join(per), f"{whole:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"]
    yield f"| {' | '.join(cells)} |"


def _until_done(one: Run, what: str) -> float:
    """Return seconds, of the clock or of processors, until the last decision."""
    key = {"seconds": "done", "processor": "done_processor"}[what]
    return float(one.said.get(key, getattr(one, what)))


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=60)
    parser.add_argument("--many", type=int, default=360)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "window-queue.md")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    beside = Beside()
    lines = [
        "# The window's queue against the command line",
        "",
        f"`python tests/benchmarks/window_queue.py`, {datetime.now(UTC):%Y-%m-%d}. What {chosen.many} fields",
        f"take longer than {chosen.few}, both programs in turn; the command line without a case, so without",
        "cells; the window until its last decision: its cells follow when no field waits. Milliseconds a",
        "field, window / command line, and the window's decisions by those of the command line (all rounds,",
        "and least and most of one). The window's threads give way to other programs, so beside them the",
        "clock says little.",
        "",
        "| fields | n | ms by the clock | decisions | ms of processors | decisions by processor time |",
        "|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        lines += rows(kind, chosen.work, few=chosen.few, many=chosen.many, rounds=chosen.rounds)
    share = beside.share()
    if share is not None:
        lines += ["", f"Other programs used {share:.0%} of the processors meanwhile."]
    sys.stdout.write("\n".join(lines) + "\n")
    chosen.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
