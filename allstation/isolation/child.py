"""The station's side of an isolated child: starts it, asks it within a time limit, survives its death."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic
from typing import IO, Any, Final, cast

from allstation.isolation import frames
from allstation.isolation.confine import EVERYTHING
from allstation.isolation.frames import Header, Part, RawStream

_log = logging.getLogger(__name__)
_WEAR: Final = 2
"""Part of its processor time after which a child is replaced, so that every request has the rest."""
_DYING: Final = 5.0
"""Seconds that a process has between closing its pipes and being gone."""
_OWN_LIBRARIES: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
"""One request at a time needs one thread; a library's pool would only cost address space."""


class ChildError(Exception):
    """A child did not answer.

    Args:
        how: How it ended, for the log and for a sentence.
    """

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class ChildStartError(ChildError):
    """A child could not be started, which is no fault of what it was to work on."""


class ChildGoneError(ChildError):
    """A child had ended before it was asked."""


class ChildDiedError(ChildError):
    """A child died of a request, or answered what makes no sense."""


class ChildTooSlowError(ChildError):
    """A child was ended as it took too long."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a child.

    Attributes:
        memory: Bytes of address space beyond what it has when it begins.
        cpu_seconds: Processor time of its whole life.
        start_seconds: Wall time until it must be ready.
    """

    memory: int
    cpu_seconds: int = 1200
    start_seconds: float = 60.0


class Child:
    """One child process. Used by one thread at a time; :meth:`kill` may be called by any.

    Args:
        command: Starts it (:func:`allstation.frozen.child_command`); limits are appended.
        budget: Its limits.
        source: File that it reads as its standard input instead of requests.
        first: What it is told before it is confined (:func:`allstation.isolation.serving.first_request`).

    Attributes:
        applied: Limits that the system enforces on it, of ``confine.EVERYTHING``.

    Raises:
        ChildStartError: If it does not begin.
    """

    def __init__(
        self,
        command: Sequence[str],
        budget: Budget,
        *,
        source: IO[bytes] | None = None,
        first: Mapping[str, object] | None = None,
    ) -> None:
        self._budget = budget
        self._late = False
        self._busy = 0.0
        self._job: Any = None
        try:
            self._process = subprocess.Popen(
                [*command, str(budget.memory), str(budget.cpu_seconds)],
                stdin=subprocess.PIPE if source is None else source,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise ChildStartError(error.strerror or str(error)) from error
        self.applied: set[str] = self._confine_from_outside()
        try:
            if first is not None:
                with self._limited(budget.start_seconds):
                    frames.send(cast("RawStream", self._process.stdin), first)
            header, _ = self.receive(seconds=budget.start_seconds, most=0)
        except ChildError as error:
            self.close()
            raise ChildStartError(error.how) from error
        self.applied |= {str(name) for name in header.get("applied", [])} & {*EVERYTHING}
        _log_missing(tuple(name for name in EVERYTHING if name not in self.applied))

    def _confine_from_outside(self) -> set[str]:
        if sys.platform != "win32":
            return set()
        from allstation.isolation.windows import Job

        handle = int(getattr(self._process, "_handle"))  # noqa: B009 - Popen offers no other way to it
        self._job = Job(handle, memory=self._budget.memory, cpu_seconds=self._budget.cpu_seconds)
        return set(self._job.applied)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def worn(self) -> bool:
        """Whether it has used so much of its processor time that another should take its place."""
        return self._busy > self._budget.cpu_seconds / _WEAR

    def ask(
        self, header: Mapping[str, object], *parts: Part, seconds: float, most: int
    ) -> tuple[Header, bytearray]:
        """Send a request and wait for its answer.

        Args:
            header: The request.
            parts: Bytes that follow it.
            seconds: Wall time until the answer must be complete; the child is ended then.
            most: Bytes of the answer.

        Raises:
            ChildGoneError: If it had ended before; it may be asked again, in another child.
            ChildDiedError: If it died, or answered what makes no sense.
            ChildTooSlowError: If it took too long.
        """
        if not self.alive:
            raise ChildGoneError(self._how_it_ended())
        began = monotonic()
        with self._limited(seconds):
            frames.send(cast("RawStream", self._process.stdin), header, *parts)
            answer = frames.receive(cast("RawStream", self._process.stdout), most=most)
        self._busy += monotonic() - began
        return answer

    def receive(self, *, seconds: float, most: int) -> tuple[Header, bytearray]:
        """Wait for the next frame of a child that sends without being asked; raises as :meth:`ask`."""
        with self._limited(seconds):
            return frames.receive(cast("RawStream", self._process.stdout), most=most)

    @contextmanager
    def _limited(self, seconds: float) -> Iterator[None]:
        # A timer and not a wait for the pipe, which Windows does not know.
        timer = threading.Timer(seconds, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (OSError, EOFError, frames.FrameError) as error:
            how = str(error) if isinstance(error, frames.FrameError) else self._how_it_ended()
            self.kill()
            raise (ChildTooSlowError if self._late else ChildDiedError)(how) from error
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        self._late = True
        self.kill()

    def _how_it_ended(self) -> str:
        try:
            # Its pipes close a moment before its status is there.
            status = self._process.wait(_DYING)
        except subprocess.TimeoutExpired:
            return "closed pipes"
        if status >= 0:
            return f"exit status {status}"
        try:
            return f"signal {signal.Signals(-status).name}"
        except ValueError:
            return f"signal {-status}"

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def close(self) -> None:
        """End it and let go of its pipes."""
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        if self._job is not None:
            self._job.close()


def close_children(children: list[Child]) -> None:
    """End all children of a list and empty it."""
    while children:
        children.pop().close()


def _environment() -> dict[str, str]:
    """Return the environment of a child, which finds this program's modules wherever it is started."""
    here = str(Path(__file__).resolve().parents[2])
    places = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    own = {} if getattr(sys, "frozen", False) else {"PYTHONPATH": os.pathsep.join([here, *places])}
    return {**os.environ, **_OWN_LIBRARIES, **own}


@cache
def _log_missing(missing: tuple[str, ...]) -> None:
    if missing:
        _log.warning("not enforced on isolated children by this system: %s", ", ".join(missing))
