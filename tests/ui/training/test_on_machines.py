"""Runs of the training panel on real workers: watched, stopped, paused, discarded, and taken home again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QListWidget, QListWidgetItem
from pytestqt.qtbot import QtBot

from allstation.core.events import Started
from allstation.keys import cluster_certificates
from allstation.processing.cluster.address import ClusterAddress
from allstation.processing.cluster.connection import ClusterConnection
from allstation.services.training import cluster_runs
from allstation.services.training.job_lines import JobState
from allstation.ui.training.panel import TrainingPanel
from tests import cluster_makers
from tests.ui.named import label_texts, named
from tests.ui.training.conftest import WORKER, Bench
from tests.ui.training.test_panel import button

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="its cluster is made for POSIX"),
    pytest.mark.xdist_group("cluster-training"),
]
PROGRAM = f"""
import runpy, sys
sys.path.insert(0, {str(Path(WORKER[1]).parent)!r})
runpy.run_path({WORKER[1]!r}, run_name="__main__")
"""
LONG = {"FAKE_EPOCHS": "5000"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, shared_profile: Path) -> Iterator[ClusterConnection]:
    """Two workers whose training program is the stand-in, which learns until it is stopped."""
    place = tmp_path_factory.mktemp("machines")
    cluster_makers.add_training(place, PROGRAM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLSTATION_PROFILE", str(place / "profile"))
        certificates = cluster_certificates.own_certificates()
        with cluster_makers.cluster(place, certificates=certificates, variables=LONG) as made:
            cluster_makers.settled(made)
            yield made


@pytest.fixture
def link(cluster: ClusterConnection, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterConnection]:
    """A connection of its own, as the window has one: a test may lose it."""
    monkeypatch.setattr(cluster_runs, "_AFTER_LOSS", 0.5)
    monkeypatch.setattr(cluster_runs, "_PATIENCE", 0.5)
    assert cluster.hub is not None
    assert cluster.processes is not None
    folder = Path(cluster.processes.environment["ALLSTATION_PROFILE"]) / "data" / "cluster" / "own"
    certificates = cluster_certificates.Certificates(folder)
    with ClusterConnection(ClusterAddress(cluster.hub.url), certificates=certificates) as made:
        yield made


@pytest.fixture
def until(qtbot: QtBot) -> Callable[[Callable[[], bool]], None]:
    return lambda condition: qtbot.waitUntil(condition, timeout=round(1000 * cluster_makers.PATIENCE))


@pytest.fixture
def panel(qtbot: QtBot, bench: Bench, link: ClusterConnection, until) -> Iterator[TrainingPanel]:
    shared = bench.base / "shared"
    shared.mkdir()
    made = TrainingPanel(bench.runs, bench.base / "runs", shared_runs=lambda: shared)
    qtbot.addWidget(made)
    until(lambda: len(link.at_work()) == 2)
    bench.runs.use_cluster(link)
    yield made
    bench.runs.close()
    made.close_workers()


def at_work(bench: Bench, number: int = 2) -> bool:
    """Tell whether as many runs have told of an epoch on a machine as are wanted."""
    return sum(bool(one.machine) and one.phase == "training" for one in bench.runs.running) == number


def listed(panel: TrainingPanel) -> list[QListWidgetItem]:
    rows = named(panel.run, QListWidget, "Waiting runs")
    return [rows.item(row) for row in range(rows.count())]


def test_each_machine_trains_a_run_that_can_be_watched_stopped_paused_and_discarded(
    panel: TrainingPanel, bench: Bench, link: ClusterConnection, until
) -> None:
    panel.start({"name": "a"})
    folders = {name: bench.fit(name) for name in ("b", "c")}
    assert [one.job.title for one in bench.runs.running][:1] == ["a"]
    folders["a"] = bench.runs.running[0].job.folder
    assert folders["a"].parent == bench.base / "shared", "where every machine sees it"
    until(lambda: at_work(bench))
    names = {machine.name for machine in link.status()}
    assert {one.machine for one in bench.runs.running} == names
    assert [job.title for job in bench.runs.waiting] == ["c"]
    assert [item.text() for item in listed(panel)] == [
        *(f"{one.job.title}, on {one.machine}" for one in bench.runs.running),
        "c",
    ]
    until(lambda: len(panel.run.curves.rows) >= 2)
    assert f"a, on {bench.runs.running[0].machine}" in label_texts(panel.run)

    # The other one, with all that it said since it began.
    named(panel.run, QListWidget, "Waiting runs").itemClicked.emit(listed(panel)[1])
    assert bench.runs.current is bench.runs.running[1].job
    assert f"b, on {bench.runs.running[1].machine}" in label_texts(panel.run)
    until(lambda: len(panel.run.curves.rows) >= 2)
    button(panel.run, "Stop and Keep the Best").click()
    until(lambda: bool(bench.seen.endings))
    assert (bench.seen.endings[0].job.title, bench.seen.endings[0].state) == ("b", JobState.STOPPED)
    assert bench.seen.endings[0].summary["test"]["value"] == 0.9
    assert (folders["b"] / "metrics.json").is_file()
    until(lambda: at_work(bench))
    assert [one.job.title for one in bench.runs.running] == ["a", "c"]

    pids = [event.pid for event in bench.seen.events if isinstance(event, Started)]
    button(panel.run, "Pause").click()
    until(lambda: not bench.runs.running)
    assert bench.runs.state is JobState.PAUSED
    assert {job.title for job in bench.runs.waiting} == {"a", "c"}
    assert not any(psutil.pid_exists(pid) for pid in pids)
    button(panel.run, "Go On").click()
    until(lambda: at_work(bench))

    gone = bench.runs.current
    assert gone is not None
    bench.runs.discard_current()
    until(lambda: len(bench.seen.endings) == 2)
    assert bench.seen.endings[1].state is JobState.DISCARDED
    assert not folders[gone.title].exists()
    assert not list(folders["a"].parent.glob(f"{gone.title}.recipe.toml"))


def test_runs_go_on_here_when_the_machines_are_gone_and_their_programs_end_there(
    panel: TrainingPanel, bench: Bench, link: ClusterConnection, until
) -> None:
    told: list[str] = []
    bench.runs.noted.connect(told.append)
    bench.fit("a")
    until(lambda: at_work(bench, 1))
    (pid,) = (event.pid for event in bench.seen.events if isinstance(event, Started))
    bench.behave("fit", epochs=1)
    link.lose("The laboratory machines do not answer any more.")
    until(lambda: bool(bench.seen.endings))
    assert bench.seen.endings[0].state is JobState.FINISHED
    assert len(bench.seen.started) == 2
    assert told == [
        "The laboratory machines do not answer any more. Training goes on on this machine, each run from its "
        "last whole epoch."
    ]
    assert not bench.runs.uses_machines
    link.close()
    until(lambda: not psutil.pid_exists(pid))


def test_a_run_that_no_machine_can_train_is_trained_here(
    panel: TrainingPanel, bench: Bench, tmp_path: Path, until
) -> None:
    told: list[str] = []
    bench.runs.noted.connect(told.append)
    bench.behave("fit", epochs=1)
    bench.recipe.write_text(f'name = "fake"\ndata = "{tmp_path}/nowhere"\n', "utf-8")
    bench.fit("a")
    until(lambda: bool(bench.seen.endings))
    assert bench.seen.endings[0].state is JobState.FINISHED
    assert any("gets no training runs: it does not see the labelled folder" in sentence for sentence in told)
    assert any("trains on this machine" in sentence for sentence in told)
