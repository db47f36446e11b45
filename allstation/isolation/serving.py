"""The child's side: takes its limits, then answers requests until its parent is gone."""

from __future__ import annotations

import io
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from allstation.isolation import frames
from allstation.isolation.confine import confine
from allstation.isolation.frames import Header, Part

Answer = tuple[Header, Sequence[Part]]
Handler = Callable[[Header, bytearray], Answer]
_LOOK_SECONDS: Final = 2.0
IDLE_SECONDS: Final = 300.0
"""Seconds without a request after which a child ends; its parent starts another when it needs one."""


def open_channel() -> io.FileIO:
    """Return the stream to the parent; whatever libraries print goes nowhere."""
    channel = os.dup(1)
    os.dup2(2, 1)
    return io.FileIO(channel, "wb")


def begin(arguments: Sequence[str], *, readable: Iterable[str] = ()) -> io.FileIO:
    """Confine this process as its command line says, tell the parent what was applied, return the stream.

    Args:
        arguments: Bytes of memory and seconds of processor time, as :class:`Child` gives them.
        readable: Files and folders that it may read besides the program's and the system's.
    """
    out = open_channel()
    done = confine(memory=int(arguments[0]), cpu_seconds=int(arguments[1]), readable=readable)
    frames.send(out, {"applied": sorted(done.applied)})
    return out


def first_request() -> Header:
    """Return what the parent sends before this process is confined: what it is to work on.

    Raises:
        EOFError: If the parent is gone.
        FrameError: If it is no frame.
    """
    header, _ = frames.receive(io.FileIO(0, "rb", closefd=False), most=0)
    return header


def serve(
    handle: Handler,
    arguments: Sequence[str],
    *,
    most: int,
    idle: float = IDLE_SECONDS,
    readable: Iterable[str] = (),
) -> int:
    """Answer requests until the parent closes the stream, or none came for long.

    Args:
        handle: Turns a request into an answer. What it raises becomes an answer too.
        arguments: As :func:`begin` takes them.
        most: Bytes of one request.
        idle: Seconds to wait for a request; Windows knows no such wait for pipes.
        readable: As :func:`begin` takes them.

    Returns:
        The exit status.
    """
    out, requests = begin(arguments, readable=readable), io.FileIO(0, "rb", closefd=False)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    while True:
        if sys.platform != "win32" and not select.select([0], [], [], idle)[0]:
            return 0
        try:
            header, payload = frames.receive(requests, most=most)
        except EOFError:
            return 0
        answer, parts = _answered(handle, header, payload)
        try:
            frames.send(out, answer, *parts)
        except OSError:
            return 0


def _end_with_parent(parent: int) -> None:
    """End this process when its parent is gone, also while it works on a request that never ends."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(0)


def _answered(handle: Handler, header: Header, payload: bytearray) -> Answer:
    try:
        return handle(header, payload)
    except MemoryError:
        return {"raised": "MemoryError"}, ()
    except Exception as error:  # noqa: BLE001 - whatever hostile bytes bring about is an answer
        return {"raised": type(error).__name__}, ()
