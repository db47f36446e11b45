"""Training runs on workers: lines come back as written, a dead worker's run goes on, a stop reaches it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from allstation.keys import cluster_certificates
from allstation.processing.cluster.connection import ClusterConnection
from allstation.processing.cluster.programs import ClusterPrograms, ProgramRun
from tests import cluster_makers

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX matter"),
    pytest.mark.xdist_group("cluster-programs"),
]
PROGRAM = """
import json, sys, threading, time
from pathlib import Path

folder = Path(sys.argv[sys.argv.index("--out") + 1])
epochs = int(sys.argv[sys.argv.index("--epochs") + 1])
kept = folder / "epochs"
stopping = threading.Event()

def listen():
    for line in sys.stdin:
        if line.strip() == "stop":
            stopping.set()
    import os
    os._exit(4)

threading.Thread(target=listen, daemon=True).start()
done = len(kept.read_text().split()) if kept.exists() else 0
print(json.dumps({"started": done}), flush=True)
while done < epochs and not stopping.is_set():
    time.sleep(0.15)
    done += 1
    with kept.open("a") as file:
        file.write(f"{done} ")
    print(json.dumps({"epoch": done}), flush=True)
print(json.dumps({"finished": done, "stopped": stopping.is_set()}), flush=True)
"""
"""A program that learns nothing, epoch by epoch, keeps where it was, and can be stopped."""


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory, shared_profile: Path) -> Iterator[ClusterConnection]:
    place = tmp_path_factory.mktemp("programs")
    cluster_makers.add_training(place, PROGRAM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLSTATION_PROFILE", str(place / "profile"))
        certificates = cluster_certificates.own_certificates()
        with cluster_makers.cluster(place, certificates=certificates) as made:
            cluster_makers.settled(made)
            yield made


def run(folder: Path, epochs: int, heard: list[dict[str, object]]) -> ProgramRun:
    arguments = ("fit", "recipe", "--out", str(folder), "--epochs", str(epochs))
    return ProgramRun(folder.name, arguments, folder, lambda line: heard.append(json.loads(line)))


def test_lines_of_runs_come_back_and_a_run_whose_worker_dies_goes_on_from_its_last_epoch(
    link: ClusterConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allstation.processing.cluster.programs._AFTER_DEATH", 0.5)
    told: list[str] = []
    heard: dict[str, list[dict[str, object]]] = {"one": [], "two": []}
    runs = [run(tmp_path / "one", 3, heard["one"]), run(tmp_path / "two", 12, heard["two"])]
    assert link.processes is not None
    killed: list[int] = []

    def kill_once() -> str:
        epochs = [line["epoch"] for line in heard["two"] if "epoch" in line]
        if epochs and not killed:
            killed.extend(link.processes.pids)  # type: ignore[union-attr]
            # With what they started, as when the power goes: nobody writes into the folder any more.
            left = [child for pid in killed for child in psutil.Process(pid).children(recursive=True)]
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            for child in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        return ""

    ClusterPrograms(link, told.append).run_all(runs, stopping=kill_once)
    assert killed
    assert [one.status for one in runs] == [0, 0]
    assert (tmp_path / "two" / "epochs").read_text().split() == [str(n) for n in range(1, 13)]
    begun = [line["started"] for line in heard["two"] if "started" in line]
    assert begun[0] == 0
    assert int(str(begun[-1])) > 0, "it began anew"
    assert heard["two"][-1] == {"finished": 12, "stopped": False}
    assert any("goes on from its last epoch" in sentence for sentence in told)


def test_a_stop_reaches_what_runs_and_nothing_else_begins(link: ClusterConnection, tmp_path: Path) -> None:
    heard: list[list[dict[str, object]]] = [[], [], []]
    runs = [run(tmp_path / f"run {n}", 1000, heard[n]) for n in range(3)]

    def stop() -> str:
        return "stop" if any("epoch" in line for line in heard[0]) else ""

    ClusterPrograms(link, lambda _: None).run_all(runs, stopping=stop)
    ended = [one for one in runs if one.status == 0]
    assert ended
    assert heard[0][-1]["stopped"] is True
    assert [one.problem for one in runs if one.status is None] == ["not begun: stop was asked for"] * (
        3 - len(ended)
    )


def test_a_machine_that_does_not_see_the_folder_gets_no_run(link: ClusterConnection, tmp_path: Path) -> None:
    cluster_makers.settled(link)
    told: list[str] = []
    (tmp_path / "file").write_text("")
    lost = ProgramRun("lost", ("fit",), tmp_path / "new", lambda _: None)
    programs = ClusterPrograms(link, told.append)
    original = Path.mkdir
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "mkdir", lambda *a, **k: None if a[0] == lost.folder else original(*a, **k))
        patch.setattr("allstation.processing.cluster.programs._WAIT_SECONDS", 1.0)
        programs.run_all([lost], stopping=lambda: "")
    assert lost.status is None
    assert "no machine" in lost.problem
    assert any("does not see the folder" in sentence for sentence in told)
