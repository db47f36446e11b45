"""Each task comes back once: also one whose worker dies with the result, and the next worker of the task."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from allstation.keys import cluster_certificates
from allstation.processing.cluster.connection import ClusterConnection
from allstation.processing.cluster.results import TaskResults
from tests import cluster_makers as makers

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX matter"),
    pytest.mark.xdist_group("cluster-results"),
]


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterConnection]:
    place = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLSTATION_PROFILE", str(place / "profile"))
        certificates = cluster_certificates.own_certificates()
    with makers.cluster(place, certificates=certificates) as made:
        yield made


def taken(results: TaskResults, seconds: float = makers.PATIENCE) -> list[object]:
    """Return the results that came until there was one, and a moment longer."""
    until, found = time.monotonic() + seconds, []
    while not found and time.monotonic() < until:
        time.sleep(0.1)
        found += results.take()
    time.sleep(0.3)
    return [result for _, result in found + results.take()]


def test_a_task_comes_back_whose_worker_died_with_the_result_and_whose_next_worker_died_too(
    link: ClusterConnection, tmp_path: Path
) -> None:
    makers.settled(link)
    trace = str(tmp_path / "trace")
    future = link.client.submit(makers.first_well_then_deadly, trace, pure=False)
    makers.until(future.done)
    (holder,) = link.client.who_has([future])[future.key]
    pid = int(link.machines[holder].name.rpartition("-")[2])
    results = TaskResults(link.client)
    # Stopped, it holds the result and gives it to nobody: its end comes while the result is fetched.
    os.kill(pid, signal.SIGSTOP)
    results.add(future)
    time.sleep(0.5)
    os.kill(pid, signal.SIGKILL)
    assert taken(results) == [None]
    assert future.status == "error"


def test_results_come_once_and_a_task_that_was_cancelled_has_none(link: ClusterConnection) -> None:
    results = TaskResults(link.client)
    well = link.client.submit(bytes, 3, pure=False)
    results.add(well)
    assert taken(results) == [bytes(3)]
    waiting = link.client.submit(time.sleep, 60, pure=False)
    results.add(waiting)
    time.sleep(0.2)
    waiting.cancel(force=True)
    assert taken(results) == [None]
