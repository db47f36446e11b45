"""How far a cluster goes, on paper, from what was measured: which part is busy all the time first.

    python tests/benchmarks/cluster_limits.py tests/benchmarks/results/cluster.json

A field costs a worker's core WORKER seconds, the coordinating machine some of one processor (it reads and
hashes every file, and writes every row), the scheduler TASK seconds a task. The part that is busy all the
time first is the limit; more workers than that only wait.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

WORKER = 0.0287
"""Processor seconds of a field at 224x224 on one core: decoding, cells, network (README, How fast it is)."""
TASK = 0.0016
"""Seconds of a task in Dask's scheduler, measured on two shared cores with tasks that do nothing."""
FIELDS_A_TASK = 104
"""Fields of a task that takes a worker of two threads about a second and a half."""


def coordinator_seconds(archives: dict[str, Any]) -> float:
    """Return the coordinator's processor seconds a field: the slope between the two largest archives."""
    numbers = sorted((int(name), about) for name, about in archives.items() if name.isdigit())
    (few, first), (many, last) = numbers[-2:]
    slope: float = (last["processor_seconds"] - first["processor_seconds"]) / (many - few)
    return slope


def table(coordinator: float) -> str:
    """Return the limits as Markdown."""
    scheduler = TASK / FIELDS_A_TASK
    cores = WORKER / coordinator
    lines = [
        "| fields | 2 cores | 16 cores | 64 cores | 1,000 cores | busy all the time at 1,000 |",
        "|---|---|---|---|---|---|",
    ]
    for fields in (10**6, 10**8, 10**9):
        times = [_duration(fields * max(WORKER / n, coordinator, scheduler)) for n in (2, 16, 64, 1000)]
        lines.append(f"| {fields:,} | {' | '.join(times)} | coordinating machine |")
    busiest = 1 / scheduler
    lines += [
        "",
        f"The coordinating machine reads, hashes and writes a field in {coordinator * 1000:.2f} ms: it is "
        f"busy all the time at {1 / coordinator:,.0f} fields a second, which about {cores:.0f} cores of "
        f"workers make. The scheduler would be at {busiest:,.0f} ({busiest * WORKER:,.0f} cores). Beyond "
        "the first, divide an archive among several coordinating machines; each has an archive of its own.",
    ]
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} s"


if __name__ == "__main__":
    found = json.loads(Path(sys.argv[1]).read_text("utf-8"))["parts"]["archives"]
    sys.stdout.write(table(coordinator_seconds(found)) + "\n")
