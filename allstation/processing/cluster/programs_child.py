"""The worker's side of training runs: the program as a child, its lines on their way, commands to it."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import Final

from distributed import Worker, get_worker

from allstation.frozen import training_command, training_is_installed
from allstation.processing.cluster.requests import IDENTITY
from allstation.processing.cluster.wire import decode, encode

UNSUITABLE: Final = "unsuitable"
ENDED: Final = "ended"
_RUNNING: Final = "allstation_programs"
_LONGEST_LINE: Final = 1 << 20


def run_program(request: bytes) -> bytes:
    """Run the training program as a child until it ends; its lines go to the topic of the run."""
    worker = get_worker()
    content = decode(request)
    if content.get("identity") != IDENTITY:
        return encode({"kind": UNSUITABLE, "why": "it runs another version of ALL Station"})
    if not training_is_installed():
        return encode({"kind": UNSUITABLE, "why": "its edition cannot train"})
    if not Path(content["folder"]).is_dir():
        return encode({"kind": UNSUITABLE, "why": "it does not see the folder of the run"})
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
    try:
        assert child.stdout is not None  # noqa: S101 - for the type checker
        for line in child.stdout:
            worker.log_event(content["number"], {"line": line[:_LONGEST_LINE].rstrip("\n")})
        return encode({"kind": ENDED, "status": child.wait()})
    finally:
        running.pop(content["number"], None)
        _end(child)


def command_program(number: str, command: str, dask_worker: Worker) -> bytes:
    """Send a command to a run's program, if it runs on this worker."""
    child = _running(dask_worker).get(number)
    if child is None or child.stdin is None:
        return b""
    with contextlib.suppress(OSError):
        child.stdin.write(f"{command}\n")
        child.stdin.flush()
    return b"sent"


def end_programs(worker: Worker) -> None:
    """End what runs on a worker that is about to end."""
    for child in list(_running(worker).values()):
        with contextlib.suppress(OSError):
            child.kill()


def _running(worker: Worker) -> dict[str, subprocess.Popen[str]]:
    running: dict[str, subprocess.Popen[str]] = worker.__dict__.setdefault(_RUNNING, {})
    return running


def _end(child: subprocess.Popen[str]) -> None:
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    with contextlib.suppress(OSError):
        child.kill()
    child.wait()
