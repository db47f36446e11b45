"""Clusters for tests: two workers on this machine, one field that kills whoever decodes it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from allstation.processing.cluster import connection
from allstation.processing.cluster.address import ClusterAddress
from allstation.processing.cluster.connection import ClusterConnection
from allstation.processing.cluster.serve import WorkerOptions

PATIENCE: Final = 240.0
"""Seconds that a test waits for what comes for certain: only a failure takes them."""
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
        "PYTHONSAFEPATH": "1",  # "-m training" would look in the folder that the tests run in first
    }


@contextmanager
def cluster(
    place: Path,
    *,
    workers: int = 2,
    site: str = "",
    variables: Mapping[str, str] | None = None,
    **changes: Any,
) -> Iterator[ClusterConnection]:
    """Yield a cluster of this machine whose workers are there, with more variables of their environment.

    It is not given up for being slow: on a machine with other work a worker may take half a minute to start.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "_WITHOUT_WORKERS", PATIENCE)
        patch.setattr(connection, "_SILENT", PATIENCE)
        with ClusterConnection(
            ClusterAddress(workers=workers),
            threads=1,
            worker_command=WorkerOptions(1).command,
            environment={**environment(place, site), **(variables or {})},
            **changes,
        ) as link:
            assert link.wait_for_workers(PATIENCE)
            yield link


def until(condition: Callable[[], object]) -> None:
    """Wait for something that comes for certain, however busy the machine is."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def add_training(place: Path, program: str) -> None:
    """Put a program in the place of the training program of a cluster's workers."""
    package = place / "site" / "training"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "__main__.py").write_text(program, encoding="utf-8")


def settled(link: ClusterConnection) -> set[int]:
    """Wait until the list of workers is that of the processes, none dead or only starting; return these."""
    processes = link.processes
    assert processes is not None
    until(lambda: len(processes.pids) == processes.count and listed_pids(link) == set(processes.pids))
    return set(processes.pids)


def listed_pids(link: ClusterConnection) -> set[int]:
    """Return the processes of the workers that a connection believes to be there."""
    return {int(machine.name.rpartition("-")[2]) for machine in link.status()}


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
