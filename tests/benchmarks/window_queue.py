"""Decisions a second of the window's queue against ``classify`` without cells, as a ratio within one run.

    python tests/benchmarks/window_queue.py [--few 60] [--many 360] [--rounds 4] [--work FOLDER] [--out FILE]

Each program classifies few and many fields, in turn; what the many take longer is free of starts and ends.
The window finds the cells of the fields afterwards, which is not in its time.
"""

from __future__ import annotations

import argparse
import statistics
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
    seconds = {name: [one.said.get("done", one.seconds) for one in done] for name, done in runs.items()}
    spent = {
        program: [
            later - sooner
            for sooner, later in zip(seconds[f"{program} {few}"], seconds[f"{program} {many}"], strict=True)
        ]
        for program in ("window", "classify")
    }
    ratios = sorted(one / other for one, other in zip(spent["classify"], spent["window"], strict=True))
    whole = sum(spent["classify"]) / sum(spent["window"])
    rates = [f"{(many - few) * rounds / sum(spent[program]):.1f}" for program in ("window", "classify")]
    span = f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]"
    yield f"| {kind} | {many - few} x {rounds} | {' | '.join(rates)} | {whole:.3f} | {span} |"


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
        f"`python tests/benchmarks/window_queue.py`, {datetime.now(UTC):%Y-%m-%d}. Fields a second by",
        f"what {chosen.many} fields take longer than {chosen.few}, programs in turn; the command line without",
        "a case, so without cells; the window until its last decision, cells follow. Last columns: decisions a",
        "second of the window by those of the command line, over all rounds, and median [least, most] of rounds.",
        "",
        "| fields | n | window | classify | ratio | of rounds |",
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
