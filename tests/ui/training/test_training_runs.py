"""The queue of runs with a real child process that speaks the protocol, dies, or misbehaves."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from allstation.core.events import PHASES, Epoch, Phase
from allstation.services.training.history import read_history, read_summary
from allstation.services.training.job_lines import JobState
from allstation.services.training.runs import TrainingRuns
from tests.ui.training.conftest import Bench, Seen

TIMEOUT = 60_000
LONG = 500


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_for_end(qtbot: QtBot, bench: Bench, number: int = 1) -> None:
    qtbot.waitUntil(lambda: len(bench.seen.endings) >= number, timeout=TIMEOUT)


def wait_for_epoch(qtbot: QtBot, bench: Bench) -> None:
    qtbot.waitUntil(lambda: any(isinstance(event, Epoch) for event in bench.seen.events), timeout=TIMEOUT)


def test_a_run_tells_its_phases_epochs_and_end(qtbot: QtBot, bench: Bench):
    bench.fit()
    wait_for_end(qtbot, bench)
    phases = [event.name for event in bench.seen.events if isinstance(event, Phase)]
    assert phases == ["checking", "preparing", "training", "evaluating", "exporting"]
    assert bench.seen.kinds().count("Epoch") == 4
    assert bench.seen.endings[0].state is JobState.FINISHED
    assert bench.seen.endings[0].summary["test"]["value"] == 0.9
    assert not bench.runs.is_busy


def test_runs_wait_for_each_other_in_their_order(qtbot: QtBot, bench: Bench):
    bench.behave("fit", epochs=1)
    for name in ("a", "b", "c"):
        bench.fit(name)
    assert [job.title for job in bench.runs.waiting] == ["b", "c"]
    bench.runs.cancel(bench.runs.waiting[0].number)
    wait_for_end(qtbot, bench, 2)
    assert [job.title for job in bench.seen.started] == ["a", "c"]


def test_stopping_keeps_the_best_and_evaluates(qtbot: QtBot, bench: Bench):
    bench.behave("fit", epochs=LONG)
    folder = bench.fit()
    wait_for_epoch(qtbot, bench)
    bench.runs.stop_current()
    assert bench.runs.state is JobState.STOPPING
    wait_for_end(qtbot, bench)
    assert bench.seen.endings[0].state is JobState.STOPPED
    assert (folder / "metrics.json").is_file()


def test_discarding_deletes_the_run_and_nothing_else(qtbot: QtBot, bench: Bench):
    bench.behave("fit", epochs=LONG)
    other = bench.base / "runs" / "other"
    other.mkdir(parents=True)
    folder = bench.fit()
    wait_for_epoch(qtbot, bench)
    bench.runs.discard_current()
    wait_for_end(qtbot, bench)
    assert bench.seen.endings[0].state is JobState.DISCARDED
    assert not folder.exists()
    assert other.is_dir()


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        ("nan", "nan-loss", "learning rate"),
        ("full-disk", "disk-full", "disk is full"),
        ("vanished", "no-folder", "not there any more"),
        ("kill", "killed", "out of memory"),
        ("memory", "out-of-memory", "smaller batch"),
        ("crash", "crashed", "something broke inside"),
        ("garbage", "protocol", "does not understand"),
    ],
)
def test_whatever_goes_wrong_is_said_in_a_sentence_and_the_next_run_starts(
    qtbot: QtBot, bench: Bench, mode: str, code: str, words: str
):
    earlier = bench.base / "runs" / "earlier" / "run.json"
    earlier.parent.mkdir(parents=True)
    earlier.write_text('{"state": "finished"}', "utf-8")
    bench.behave(mode)
    bench.fit("bad")
    wait_for_end(qtbot, bench)
    ending = bench.seen.endings[0]
    assert ending.state is JobState.FAILED
    assert ending.code == code
    assert words in ending.sentence
    assert earlier.read_text("utf-8") == '{"state": "finished"}'
    bench.behave("fit")
    bench.fit("good")
    wait_for_end(qtbot, bench, 2)
    assert bench.seen.endings[1].state is JobState.FINISHED


def test_a_run_killed_from_outside_can_be_resumed(qtbot: QtBot, bench: Bench):
    bench.behave("kill")
    folder = bench.fit()
    wait_for_end(qtbot, bench)
    (folder / "recipe.toml").write_text("name = 'fake'", "utf-8")
    summary = read_summary(folder)
    assert summary is not None
    assert summary.state == "interrupted"
    assert summary.can_resume
    assert [row["epoch"] for row in read_history(folder)] == [1.0]
    bench.behave("fit")
    bench.runs.resume(folder, title="Run")
    wait_for_end(qtbot, bench, 2)
    after = read_summary(folder)
    assert after is not None
    assert after.state == "finished"
    assert after.accuracy["value"] == 0.9


def test_a_run_that_trains_now_is_not_called_interrupted(qtbot: QtBot, bench: Bench):
    bench.behave("fit", epochs=LONG)
    folder = bench.fit()
    wait_for_epoch(qtbot, bench)
    summary = read_summary(folder, running=frozenset({folder}))
    assert summary is not None
    assert summary.state == "running"
    assert not summary.can_resume


@pytest.mark.parametrize("mode", ["fit", "hang", "orphan-child"])
def test_closing_leaves_no_process_behind(qtbot: QtBot, bench: Bench, mode: str):
    bench.behave(mode, epochs=LONG)
    bench.fit()
    qtbot.waitUntil(lambda: bench.runs.phase == "training", timeout=TIMEOUT)
    pid = bench.runs.current_pid
    family = [pid, *(process.pid for process in psutil.Process(pid).children(recursive=True))]
    assert len(family) == (2 if mode == "orphan-child" else 1)
    bench.runs.close()
    qtbot.waitUntil(lambda: not any(alive(member) for member in family), timeout=TIMEOUT)
    assert bench.seen.endings == []


@pytest.mark.parametrize("phase", PHASES)
def test_closing_in_every_phase_leaves_no_process_and_a_run_to_resume(
    qtbot: QtBot, bench: Bench, phase: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FAKE_HOLD", phase)
    folder = bench.fit()
    qtbot.waitUntil(lambda: bench.runs.phase == phase, timeout=TIMEOUT)
    pid = bench.runs.current_pid
    bench.runs.close()
    qtbot.waitUntil(lambda: not alive(pid), timeout=TIMEOUT)
    (folder / "recipe.toml").write_text("name = 'fake'", "utf-8")
    summary = read_summary(folder)
    assert summary is not None
    assert summary.state == "interrupted"
    assert summary.can_resume


def test_a_child_whose_window_is_gone_ends_by_itself(qtbot: QtBot, bench: Bench):
    bench.behave("fit", epochs=LONG)
    bench.fit()
    wait_for_epoch(qtbot, bench)
    pid = bench.runs.current_pid
    bench.runs._child_here._process.closeWriteChannel()
    qtbot.waitUntil(lambda: not alive(pid), timeout=TIMEOUT)


def test_a_signal_from_outside_is_told_apart_from_an_own_failure(qtbot: QtBot, bench: Bench):
    bench.behave("hang")
    bench.fit()
    qtbot.waitUntil(lambda: bench.runs.phase == "training", timeout=TIMEOUT)
    os.kill(bench.runs.current_pid, signal.SIGKILL)
    wait_for_end(qtbot, bench)
    assert bench.seen.endings[0].code == "killed"


def test_a_program_that_is_not_there_is_said_in_a_sentence(qtbot: QtBot, tmp_path: Path):
    runs = TrainingRuns([str(tmp_path / "nothing here")])
    seen = Seen(runs)
    with qtbot.waitSignal(runs.ended, timeout=TIMEOUT):
        runs.fit(tmp_path / "recipe.toml", tmp_path / "run", title="Run")
    assert seen.endings[0].code == "cannot-start"
    runs.close()


def test_a_newer_check_replaces_the_older_silently(qtbot: QtBot, bench: Bench):
    bench.runs.start_background("check", [str(bench.base)], title="First")
    bench.runs.start_background("check", [str(bench.base)], title="Second")
    wait_for_end(qtbot, bench)
    assert [ending.job.title for ending in bench.seen.endings] == ["Second"]


def test_a_check_runs_beside_a_training_run(qtbot: QtBot, bench: Bench):
    bench.behave("fit", epochs=LONG)
    bench.fit()
    wait_for_epoch(qtbot, bench)
    bench.runs.start_background("check", [str(bench.base)], title="Check")
    wait_for_end(qtbot, bench)
    assert bench.seen.endings[0].job.command == "check"
    assert bench.runs.current is not None
