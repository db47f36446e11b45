"""The worker's side of training runs: the program as a child, its lines, commands to it, its end."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from pathlib import Path
from typing import Any, Final

from distributed import Worker, get_worker

from allstation.frozen import training_command, training_is_installed
from allstation.isolation.process_tree import kill_tree
from allstation.processing.cluster.requests import IDENTITY
from allstation.processing.cluster.wire import WireError, decode, encode

UNSUITABLE: Final = "unsuitable"
ENDED: Final = "ended"
END: Final = "end"
"""Command to the worker itself: end the program now; what its run keeps stays."""
_RUNNING: Final = "allstation_programs"
_EXECUTING: Final = "executing"
_LONGEST_LINE: Final = 1 << 20
_LOOK: Final = 0.5


def run_program(request: bytes) -> bytes:
    """Run the training program as a child until it ends; its lines go to the topic of the run.

    Each line has its number, and the answer says how many there were: they come by another way. The child
    is ended when the task is given up, as when whoever asked for it is gone: two programs of one run
    would write into one folder.
    """
    worker = get_worker()
    content = decode(request)
    if why := _unsuitable(content):
        return encode({"kind": UNSUITABLE, "why": why})
    child = subprocess.Popen(
        [*training_command(), "--protocol", *content["arguments"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        errors="replace",
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    running = _running(worker)
    running[content["number"]] = child
    watch = threading.Thread(
        target=_end_if_given_up, args=(worker, worker.get_current_task(), child), daemon=True
    )
    watch.start()
    lines = 0
    try:
        assert child.stdout is not None  # noqa: S101 - for the type checker
        for line in child.stdout:
            lines += 1
            about = {"line": line[:_LONGEST_LINE].rstrip("\n"), "number": lines}
            worker.log_event(content["number"], about)
        return encode({"kind": ENDED, "status": child.wait(), "lines": lines})
    finally:
        running.pop(content["number"], None)
        _end(child)


def _unsuitable(content: dict[str, Any]) -> str:
    """Return why this worker cannot run a program; empty if it can."""
    if content.get("identity") != IDENTITY:
        return "it runs another version of ALL Station"
    if not training_is_installed():
        return "its edition cannot train"
    if not Path(content["folder"]).is_dir():
        return "it does not see the folder of the run"
    if not all(Path(path).exists() for path in content["needs"]):
        return "it does not see the labelled folder or the recipe"
    return ""


def _end_if_given_up(worker: Worker, key: str, child: subprocess.Popen[str]) -> None:
    """End a child whose task the scheduler has taken back."""
    while child.poll() is None:
        task = worker.state.tasks.get(key)
        if task is None or task.state != _EXECUTING:
            _kill(child)
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_LOOK)


def command_program(number: str, command: str, dask_worker: Worker) -> bytes:
    """Send a command to a run's program, or end it; empty if it does not run on this worker."""
    child = _running(dask_worker).get(number)
    if child is None or child.stdin is None:
        return b""
    if command == END:
        _kill(child)
        return b"ended"
    with contextlib.suppress(OSError):
        child.stdin.write(f"{command}\n")
        child.stdin.flush()
    return b"sent"


def ended_answer(data: object) -> dict[str, Any]:
    """Return what a worker says of a run that is not under way any more.

    Raises:
        WireError: If it makes no sense.
    """
    answer = decode(data) if isinstance(data, bytes) else None
    if isinstance(answer, dict):
        if answer.get("kind") == UNSUITABLE and isinstance(answer.get("why"), str):
            return answer
        numbers = all(isinstance(answer.get(name), int) for name in ("status", "lines"))
        if answer.get("kind") == ENDED and numbers:
            return answer
    raise WireError("no end of a run")


def end_programs(worker: Worker) -> None:
    """End what runs on a worker that is about to end."""
    for child in list(_running(worker).values()):
        _kill(child)


def _running(worker: Worker) -> dict[str, subprocess.Popen[str]]:
    running: dict[str, subprocess.Popen[str]] = worker.__dict__.setdefault(_RUNNING, {})
    return running


def _end(child: subprocess.Popen[str]) -> None:
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    _kill(child)
    child.wait()


def _kill(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:  # else its number may be another process's by now
        kill_tree(child.pid)
