"""Training runs on a cluster: children of workers, their lines streamed back, restarted when one dies.

A run's folder must have the same name on every machine, as what a run keeps there is what it is resumed
from. A worker that does not see the folder, or cannot train, gets none.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from allstation.core.text import shown_name
from allstation.processing.cluster.connection import ClusterConnection
from allstation.processing.cluster.programs_child import ENDED, UNSUITABLE, command_program, run_program
from allstation.processing.cluster.requests import IDENTITY
from allstation.processing.cluster.wire import WireError, decode, encode

_log = logging.getLogger(__name__)
_LOOK: Final = 0.2
_MOST_DEATHS: Final = 5
_AFTER_DEATH: Final = 4.0
"""Seconds until a run goes on: a child whose worker died ends within two (``training.fit.protocol``)."""
_WAIT_SECONDS: Final = 60.0


@dataclass(slots=True)
class ProgramRun:
    """One run of the training program.

    Attributes:
        title: For people.
        arguments: Of the program, behind ``--protocol``.
        folder: Must be seen by the worker: where the run keeps what it is resumed from.
        line: Takes each line that it writes, in their order; called on one thread.
        number: Unique.
        deaths: Workers that ended while they had it.
        begin_at: Not before that moment (monotonic): what a worker that died left behind must be gone.
        status: Exit status of the program; None while it has none.
        problem: Why there is none.
    """

    title: str
    arguments: tuple[str, ...]
    folder: Path
    line: Callable[[str], None]
    number: str = field(default_factory=lambda: uuid.uuid4().hex)
    deaths: int = 0
    begin_at: float = 0.0
    status: int | None = None
    problem: str = ""


@dataclass(slots=True)
class _Flight:
    """A run under way on one worker."""

    run: ProgramRun
    worker: str
    future: Any


class ClusterPrograms:
    """Runs programs on the workers of a link, one a worker at a time.

    Args:
        link: The cluster; stays its owner's to close.
        tell: Takes sentences for a person.
    """

    def __init__(self, link: ClusterConnection, tell: Callable[[str], None]) -> None:
        self._link = link
        self._tell = tell
        self._waiting: deque[ProgramRun] = deque()
        self._flights: list[_Flight] = []
        self._unsuitable: set[str] = set()
        self._command = ""
        self._lock = threading.Lock()

    def command(self, command: str) -> None:
        """Send a command (stop, discard) to every run under way; no other begins. Called on any thread."""
        with self._lock:
            self._command = command
            flights = list(self._flights)
        for one in flights:
            self._send(one, command)

    def _send(self, flight: _Flight, command: str) -> None:
        with contextlib.suppress(Exception):  # a worker that is gone has nothing to stop
            self._link.client.run(command_program, flight.run.number, command, workers=[flight.worker])

    def run_all(self, runs: Iterable[ProgramRun], *, stopping: Callable[[], str]) -> Sequence[ProgramRun]:
        """Run all of them and return them with their statuses.

        Args:
            runs: In their order.
            stopping: Asked now and then; a command to send to all that run, or an empty text.
        """
        everything = list(runs)
        self._waiting.extend(everything)
        idle_since = time.monotonic()
        while self._flights or self._waiting:
            command = stopping()
            if command and not self._command:
                self.command(command)
            if self._command:
                self._drop_waiting(f"not begun: {self._command} was asked for")
            self._look()
            self._begin()
            if self._flights or any(one.begin_at > time.monotonic() for one in self._waiting):
                idle_since = time.monotonic()
            elif self._link.lost or time.monotonic() - idle_since > _WAIT_SECONDS:
                self._drop_waiting(self._link.lost or "no machine of the cluster can train it")
            time.sleep(_LOOK)
        return everything

    def _drop_waiting(self, why: str) -> None:
        while self._waiting:
            self._waiting.popleft().problem = why

    def _begin(self) -> None:
        busy = {flight.worker for flight in self._flights} | self._unsuitable
        free = [address for address in self._link.at_work() if address not in busy]
        now = time.monotonic()
        for run in [one for one in self._waiting if one.begin_at <= now][: len(free)]:
            self._waiting.remove(run)
            address = free.pop(0)
            run.folder.mkdir(parents=True, exist_ok=True)
            request = {
                "identity": IDENTITY,
                "number": run.number,
                "arguments": list(run.arguments),
                "folder": str(run.folder),
            }
            self._link.client.subscribe_topic(run.number, _Lines(run))
            future = self._link.client.submit(
                run_program,
                encode(request),
                key=f"program-{uuid.uuid4().hex}",
                pure=False,
                workers=[address],
                allow_other_workers=False,
            )
            with self._lock:
                self._flights.append(_Flight(run, address, future))

    def _look(self) -> None:
        here = set(self._link.at_work())
        for flight in list(self._flights):
            if flight.future.done():
                self._ended(flight)
            elif flight.worker not in here or self._link.lost:
                self._died(flight)

    def _ended(self, flight: _Flight) -> None:
        try:
            answer = _ended_answer(flight.future.result(timeout=_WAIT_SECONDS))
        except WireError as error:
            _log.info("run %s: %s", flight.run.title, error)
            self._died(flight)
            return
        except Exception as error:  # noqa: BLE001 - KilledWorker and whatever Dask raises for a worker
            _log.info("run %s lost its worker: %s", flight.run.title, type(error).__name__)
            self._died(flight)
            return
        if answer["kind"] == UNSUITABLE:
            self._unsuitable.add(flight.worker)
            self._tell(f"A machine gets no training runs: {shown_name(answer['why'])}.")
            self._land(flight, again=True)
            return
        time.sleep(_LOOK)  # its last lines came by another way
        flight.run.status = int(answer["status"])
        self._land(flight)

    def _died(self, flight: _Flight) -> None:
        """Let a run whose worker is gone go on from its last whole epoch, on another."""
        flight.run.deaths += 1
        flight.run.begin_at = time.monotonic() + _AFTER_DEATH
        if flight.run.deaths >= _MOST_DEATHS:
            flight.run.problem = f"{flight.run.deaths} machines ended while they had it"
            self._land(flight)
        else:
            self._tell(f"The machine with {flight.run.title} is gone; the run goes on from its last epoch.")
            self._land(flight, again=True)

    def _land(self, flight: _Flight, *, again: bool = False) -> None:
        with self._lock:
            self._flights.remove(flight)
        with contextlib.suppress(Exception):  # a cluster that is gone
            self._link.client.unsubscribe_topic(flight.run.number)
            flight.future.cancel(force=True)
        if again:
            self._waiting.appendleft(flight.run)


def _ended_answer(data: object) -> dict[str, Any]:
    """Return what a worker says of a run that is not under way any more.

    Raises:
        WireError: If it makes no sense.
    """
    answer = decode(data) if isinstance(data, bytes) else None
    if isinstance(answer, dict):
        if answer.get("kind") == UNSUITABLE and isinstance(answer.get("why"), str):
            return answer
        if answer.get("kind") == ENDED and isinstance(answer.get("status"), int):
            return answer
    raise WireError("no end of a run")


class _Lines:
    """Takes the lines of a run as the scheduler passes them on."""

    def __init__(self, run: ProgramRun) -> None:
        self._run = run

    def __call__(self, event: tuple[float, Any]) -> None:
        """Pass one line on."""
        message = event[1]
        if isinstance(message, dict) and isinstance(message.get("line"), str):
            self._run.line(message["line"])
