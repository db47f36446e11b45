"""Running programs side by side: wall time, peak memory, medians, ratios, tables."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LONG_GAP_MS = 100
PATIENCE = 1200.0
"""Seconds after which a program that does not end is killed, so that the rest can be measured."""


@dataclass(frozen=True)
class Run:
    """One run of a program.

    Attributes:
        seconds: From before its start to behind its end.
        processor: Seconds of processor time, user and system, of all its threads.
        peak_mib: Largest resident memory of the process.
        said: What its last line of JSON held.
    """

    seconds: float
    processor: float
    peak_mib: float
    said: Mapping[str, Any] = field(default_factory=dict)


def run(command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None) -> Run:
    """Run a program to its end.

    Raises:
        RuntimeError: If it fails; with the end of what it said.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        started = time.time()
        # Compiled files are kept, as where a program is installed, whatever the caller's environment says.
        surroundings = {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "",
            "QT_QPA_PLATFORM": "offscreen",
            "BENCH_STARTED": repr(started),
        }
        surroundings.update(environment or {})
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out, env=surroundings)
        watch = threading.Timer(PATIENCE, process.kill)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        watch.cancel()
        seconds = time.time() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said = out.read()
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}: {said[-2000:]}")
    lines = [line for line in said.splitlines() if line.startswith("{")]
    busy = usage.ru_utime + usage.ru_stime
    return Run(seconds, busy, usage.ru_maxrss / 1024, json.loads(lines[-1]) if lines else {})


def contestant(name: str, folder: Path, work: Path, *, environment: Mapping[str, str] | None = None) -> Run:
    """Run one of ``contestants.py`` from a cold start, with an output folder of its own."""
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        out = Path(scratch) / "table.csv"
        command = [sys.executable, HERE / "contestants.py", name, folder, work, out]
        done = run(command, environment=environment)
        expected = done.said.get("fields", 0)
        if name in {"generator", "one_by_one", "tf_data", "station", "kept"}:
            with out.open(encoding="utf-8") as file:
                rows = sum(1 for _ in file) - 1
            if rows != expected:
                raise RuntimeError(f"{name} wrote {rows} rows for {expected} fields")
        return done


def interleaved(jobs: Mapping[str, Callable[[], Run]], repeats: int) -> dict[str, list[Run]]:
    """Run every job once a round, so that a slow minute of the machine meets all of them."""
    runs: dict[str, list[Run]] = {name: [] for name in jobs}
    for turn in range(repeats):
        names = list(jobs)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            runs[name].append(jobs[name]())
            print(f"  {name}: {runs[name][-1].seconds:.2f} s", file=sys.stderr, flush=True)
    return runs


class Beside:
    """What other programs took of the processors meanwhile."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._others = _used_by_others()

    def share(self) -> float | None:
        """Return their share of all processors since the beginning, 0 to 1; None where nothing tells."""
        if self._others is None:
            return None
        used = (_used_by_others() or 0.0) - self._others
        return max(0.0, used / (os.cpu_count() or 1) / max(time.monotonic() - self._began, 1e-3))


def _used_by_others() -> float | None:
    """Return processor seconds that this program and its ended children did not use."""
    if not sys.platform.startswith("linux"):
        return None
    import psutil

    whole, own = psutil.cpu_times(), os.times()
    busy = whole.user + whole.nice + whole.system + whole.irq + whole.softirq
    return float(busy - own.user - own.system - own.children_user - own.children_system)


class Gaps:
    """Gaps between the events of a 5 ms timer on the window's thread, in milliseconds."""

    def __init__(self) -> None:
        self._seen: list[float] = []
        self._last = time.perf_counter()

    def tick(self) -> None:
        """Note an event."""
        now = time.perf_counter()
        self._seen.append((now - self._last) * 1000)
        self._last = now

    def take(self) -> dict[str, float]:
        """Return the figures of the gaps since the last time."""
        ordered = sorted(self._seen)
        self._seen.clear()
        return {
            "worst_ms": round(ordered[-1], 1),
            "p99_ms": round(ordered[len(ordered) * 99 // 100], 1),
            "over_100_ms": sum(gap > LONG_GAP_MS for gap in ordered),
            "events": len(ordered),
        }


def spread(values: Iterable[float]) -> str:
    """Return the median with the smallest and largest, three figures."""
    ordered = sorted(values)
    middle = f"{statistics.median(ordered):.3g}"
    return middle if len(ordered) == 1 else f"{middle} ({ordered[0]:.3g} to {ordered[-1]:.3g})"


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return the ratio of each round."""
    return [a / b for a, b in zip(above, below, strict=True)]


def exponent(counts: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the slope of log seconds over log count, by least squares."""
    import numpy as np

    return float(np.polyfit(np.log(counts), np.log(seconds), 1)[0])


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """Describe this computer and the versions that matter."""
    from importlib.metadata import version

    packages = (
        "numpy",
        "opencv-python-headless",
        "ai-edge-litert",
        "PySide6-Essentials",
        "tensorflow-cpu",
        "keras",
    )
    cpu, flags = platform.processor() or platform.machine(), ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        names = [line for line in lines if line.startswith("model name")]
        cpu = names[0].partition(": ")[2] if names else cpu
        flags = next((line for line in lines if line.startswith("flags")), "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return {
        "processor": cpu,
        "avx512": "avx512f" in flags.split(),
        "cores": cores,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "load_at_start": round(load, 1),
        "versions": {name: version(name) for name in packages},
    }
