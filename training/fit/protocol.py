"""Child's side of the protocol: events on the original standard output, commands on its input.

A library that prints would corrupt the protocol, so the first act is to keep the original output for
events and to point file descriptor 1 at the error output.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TextIO

from allstation.core.events import (
    DISCARD,
    STOP,
    Batch,
    Epoch,
    Event,
    Failed,
    Finished,
    Message,
    Phase,
    Progress,
    encode,
)
from allstation.core.text import shown_name

_EVERY: Final = 0.2
_GRACE: Final = 1.5
_ORPHANED: Final = 4
_LONG: Final = 90
_SETTLED: Final = 1.0
_NICE: Final = 10


class EventWriter:
    """Event sink of a command: shows and logs events, and knows whether the command was asked to stop.

    Args:
        write: Receives each event that is to be shown.
        clock: Seconds that never go back.
        log: File that every event but ``Progress`` and ``Batch`` is appended to, if set later
            with :meth:`keep_log`.
    """

    def __init__(
        self, write: Callable[[Event], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._lock = threading.Lock()
        self._shown = 0.0
        self._begun = self._clock()
        self._log: Path | None = None
        self._stop = threading.Event()
        self._discard = threading.Event()

    def keep_log(self, path: Path | None) -> None:
        """Append events to a run's ``events.jsonl`` from now on."""
        self._log = path

    def write(self, event: Event) -> None:
        """Write an event. ``Progress`` and ``Batch`` are thinned to five a second."""
        with self._lock:
            if isinstance(event, (Progress, Batch)):
                if self._clock() - self._shown < _EVERY and not self._is_last(event):
                    return
                self._shown = self._clock()
            elif self._log is not None:
                self._append(event)
            self._write(event)

    @staticmethod
    def _is_last(event: Progress | Batch) -> bool:
        return isinstance(event, Progress) and event.done == event.total

    def _append(self, event: Event) -> None:
        """Keep the log if the disk allows; a full disk is reported by what must be written."""
        assert self._log is not None  # noqa: S101 - for the type checker
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(encode(event) + "\n")
        except OSError:
            self._log = None

    def phase(self, name: str, text: str = "") -> None:
        """Begin a phase."""
        self._begun = self._clock()
        self.write(Phase(name, text))

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Write the progress of the phase, with the time left at its pace so far."""
        spent = self._clock() - self._begun
        left = spent / done * (total - done) if done and spent > _SETTLED else None
        self.write(Progress(done, total, left, text))

    def message(self, text: str, level: str = "info") -> None:
        """Add a sentence to the log view."""
        self.write(Message(text, level))

    def request(self, command: str) -> None:
        """Handle a command of the parent."""
        if command in {STOP, DISCARD}:
            self._stop.set()
        if command == DISCARD:
            self._discard.set()

    @property
    def stopping(self) -> bool:
        """Whether to end at the next batch."""
        return self._stop.is_set()

    @property
    def discarding(self) -> bool:
        """Whether the run is not wanted at all."""
        return self._discard.is_set()


def silent() -> EventWriter:
    """Return an event writer that shows nothing, for use as a library."""
    return EventWriter(lambda _: None)


def console(stream: TextIO | None = None) -> EventWriter:
    """Return an event writer for people at a terminal."""
    target = stream if stream is not None else sys.stderr

    def write(event: Event) -> None:
        line = "\n".join(map(shown_name, _as_text(event).split("\n")))
        if line:
            ending = "" if isinstance(event, (Progress, Batch)) and target.isatty() else "\n"
            print(("\r" if not ending else "") + line, end=ending, file=target, flush=True)

    return EventWriter(write)


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f", about {seconds / 60:.0f} min left" if seconds > _LONG else f", {seconds:.0f} s left"


def _as_text(event: Event) -> str:
    text = ""
    match event:
        case Phase(name, about):
            text = f"{name}: {about}" if about else name
        case Progress(done, total, left, about):
            text = f"  {done}/{total} {about}{_left(left)}"
        case Epoch(epoch, epochs, seconds, values, best):
            figures = ", ".join(f"{name} {value:.4f}" for name, value in values.items() if value is not None)
            text = f"  epoch {epoch}/{epochs} ({seconds:.1f} s): {figures}{' *' if best else ''}"
        case Message(about, level):
            text = about if level == "info" else f"{level}: {about}"
        case Failed(_, sentence):
            text = sentence
        case Finished(state, folder, _):
            text = f"{state}: {folder}" if folder else state
    return text


def over_pipes() -> EventWriter:
    """Take over the pipes: events go to the original standard output, commands come from the input.

    The process takes a lower priority, so that the window it works for stays smooth.

    When the input ends the parent is gone: the run is asked to stop, and the process ends within
    two seconds even if it is computing.
    """
    kept = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    _give_way()

    def write(event: Event) -> None:
        try:
            os.write(kept, (encode(event) + "\n").encode())
        except OSError:
            _end_orphan()

    events = EventWriter(write)
    threading.Thread(target=_listen, args=(events,), daemon=True, name="commands").start()
    return events


def _give_way() -> None:
    """Lower the priority of this process below that of the window."""
    import psutil

    lower = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", _NICE)
    with contextlib.suppress(psutil.Error, OSError):
        psutil.Process().nice(lower)


def _listen(events: EventWriter) -> None:
    """Read commands until the input ends, then end the process."""
    buffer = b""
    while chunk := os.read(0, 4096):
        *lines, buffer = (buffer + chunk).split(b"\n")
        for line in lines:
            events.request(line.decode("utf-8", "replace").strip())
    events.request(STOP)
    time.sleep(_GRACE)
    _end_orphan()


def _end_orphan() -> None:
    """End at once, from any thread: nobody is left to read what this process would say."""
    os._exit(_ORPHANED)
