"""The child's side of the protocol, in real child processes."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from allstation.core import events
from training.fit import protocol
from training.fit.protocol import EventWriter

_CHILD = """
import os, time
from training.fit.protocol import over_pipes
writer = over_pipes()
print("a library that prints")
os.write(1, b"and one that writes to the descriptor")
writer.phase("training", "busy")
limit = time.monotonic() + 60
while time.monotonic() < limit:
    {body}
writer.message("too long")
"""
_POLITE = """
    time.sleep(0.01)
    if writer.stopping:
        writer.message("discarding" if writer.discarding else "stopping")
        break
"""
_BUSY = "sum(range(100000))"


@contextmanager
def child(body: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD.replace("{body}", body)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def next_event(process: subprocess.Popen[bytes]) -> events.Event:
    assert process.stdout is not None
    return events.decode(process.stdout.readline().decode())


def test_only_events_reach_the_standard_output() -> None:
    with child(_POLITE) as process:
        assert next_event(process) == events.Phase("training", "busy")
        assert process.stdin is not None
        process.stdin.write(b"nonsense\nstop\n")
        process.stdin.flush()
        assert next_event(process) == events.Message("stopping")
        assert next_event(process) == events.Message("too long")
        assert process.stdout is not None
        assert process.stdout.read() == b""
        assert process.stderr is not None
        shown = process.stderr.read()
        assert b"a library that prints" in shown
        assert b"to the descriptor" in shown


def test_discard_is_told_apart_from_stop() -> None:
    with child(_POLITE) as process:
        next_event(process)
        assert process.stdin is not None
        process.stdin.write(b"disc")
        process.stdin.flush()
        process.stdin.write(b"ard\n")
        process.stdin.flush()
        assert next_event(process) == events.Message("discarding")


def test_the_end_of_input_ends_a_computing_child() -> None:
    with child(_BUSY) as process:
        next_event(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) != 0


def test_progress_is_thinned_to_five_a_second() -> None:
    told: list[events.Event] = []
    now = 100.0
    writer = EventWriter(told.append, clock=lambda: now)
    for done in range(1, 2001):
        now += 0.005
        writer.progress(done, 2000)
    # Ten seconds of the clock; the last is always shown.
    assert 45 <= len(told) <= 51
    assert told[-1] == events.Progress(2000, 2000, 0.0)


def test_the_log_holds_everything_but_progress(tmp_path: Path) -> None:
    writer = protocol.silent()
    writer.keep_log(tmp_path / "events.jsonl")
    writer.phase("training")
    writer.progress(1, 2)
    writer.message("done")
    writer.keep_log(None)
    writer.message("not logged")
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [events.decode(line) for line in lines] == [events.Phase("training"), events.Message("done")]


def test_a_log_that_cannot_be_written_does_not_stop_the_run(tmp_path: Path) -> None:
    told: list[events.Event] = []
    writer = EventWriter(told.append)
    writer.keep_log(tmp_path / "none" / "events.jsonl")
    writer.message("still here")
    assert told == [events.Message("still here")]


def test_people_at_a_terminal_read_sentences() -> None:
    stream = io.StringIO()
    writer = protocol.console(stream)
    for event in (
        events.Started(1, "fit"),
        events.Phase("training", "now"),
        events.Phase("exporting"),
        events.Progress(5, 5, 0.0, "fields"),
        events.Batch(1, 2, 3, 4, 0.5, 0.5),
        events.Epoch(1, 2, 3.0, {"loss": 0.5, "val_loss": None}, best=True),
        events.Message("a thing", "warning"),
        events.Report("check", {}),
        events.Failed("x", "It failed."),
        events.Finished("finished", "there"),
        events.Finished("failed"),
    ):
        writer.write(event)
    assert stream.getvalue().splitlines() == [
        "training: now",
        "exporting",
        "  5/5 fields, 0 s left",
        "  epoch 1/2 (3.0 s): loss 0.5000 *",
        "warning: a thing",
        "It failed.",
        "finished: there",
        "failed",
    ]


def test_the_estimate_follows_the_pace(monkeypatch: object) -> None:
    told: list[events.Event] = []
    writer = EventWriter(told.append)
    writer.phase("checking")
    writer._begun -= 10
    writer.progress(5, 20)
    progress = told[-1]
    assert isinstance(progress, events.Progress)
    assert progress.seconds_left is not None
    assert 29 < progress.seconds_left < 32
