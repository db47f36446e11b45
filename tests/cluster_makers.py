"""Clusters for tests: two workers on this machine, one field that kills whoever decodes it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from allstation.processing.cluster.address import ClusterAddress
from allstation.processing.cluster.connection import ClusterConnection
from allstation.processing.cluster.serve import WorkerOptions

ROOT = Path(__file__).parent.parent
POISON = """
import os, signal, sys

def watch(event, given):
    if event == "open" and str(given[0]).endswith("poison.jpg"):
        frame = sys._getframe()
        while frame is not None and not frame.f_code.co_name.startswith("classify"):
            frame = frame.f_back
        if frame is not None and "inference" in frame.f_code.co_filename:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
"""
"""Put beside every module of a worker: a decoder that dies, without a word, on one field."""


def environment(place: Path, site: str = "") -> dict[str, str]:
    """Return the environment of workers that have a profile of their own, and a module run at their start."""
    (place / "site").mkdir(parents=True, exist_ok=True)
    (place / "site" / "sitecustomize.py").write_text(site, encoding="utf-8")
    return {
        "ALLSTATION_PROFILE": str(place / "profile"),
        "PYTHONPATH": os.pathsep.join([str(place / "site"), str(ROOT)]),
    }


@contextmanager
def cluster(place: Path, *, workers: int = 2, site: str = "", **changes: Any) -> Iterator[ClusterConnection]:
    """Yield a cluster of this machine whose workers are there."""
    with ClusterConnection(
        ClusterAddress(workers=workers),
        threads=1,
        worker_command=WorkerOptions(1).command,
        environment=environment(place, site),
        **changes,
    ) as link:
        assert link.wait_for_workers(60)
        yield link


def python(code: str) -> list[str]:
    """Return the command line of a piece of Python."""
    return [sys.executable, "-c", code]


def first_well_then_deadly(trace: str) -> bytes:
    """Return something at the first call (as the file is not there yet); kill the process at all others."""
    try:
        Path(trace).touch(exist_ok=False)
    except FileExistsError:
        os.kill(os.getpid(), signal.SIGKILL)
    return b"done"
