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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from allstation.core.text import shown_name
from allstation.processing.cluster.connection import ClusterConnection
from allstation.processing.cluster.programs_child import (
    END,
    UNSUITABLE,
    command_program,
    ended_answer,
    run_program,
)
from allstation.processing.cluster.requests import IDENTITY
from allstation.processing.cluster.wire import WireError, encode

_log = logging.getLogger(__name__)
_LOOK: Final = 0.2
_MOST_DEATHS: Final = 5
_AFTER_DEATH: Final = 4.0
"""Seconds until a run goes on: a child whose worker died ends within two (``training.fit.protocol``)."""
_WAIT_SECONDS: Final = 60.0
_LAST_LINES: Final = 20.0
"""Seconds that lines may come after the end of their program, which is told another way."""
_TAKEN_BACK: Final = "taken back"
_AGAIN: Final = 1.0
"""Seconds until a command is sent again that found no program: it was not started yet."""


@dataclass(slots=True, eq=False)
class ProgramRun:
    """One run of the training program.

    Attributes:
        title: For people.
        arguments: Of the program, behind ``--protocol``.
        folder: Must be seen by the worker: where the run keeps what it is resumed from.
        line: Takes each line that it writes, in their order; called on one thread.
        needs: Other files and folders that the worker must see.
        command: Sent to the program as soon as it listens, on every worker.
        begun: Called each time it begins on a worker.
        number: Unique.
        machine: Name of the worker that has it, or had it last.
        deaths: Workers that ended while they had it.
        begin_at: Not before that moment (monotonic): what a worker that died left behind must be gone.
        refused_by: Workers that cannot run it.
        status: Exit status of the program; None while it has none.
        problem: Why there is none.
    """

    title: str
    arguments: tuple[str, ...]
    folder: Path
    line: Callable[[str], None]
    needs: tuple[Path, ...] = ()
    command: str = ""
    begun: Callable[[], None] = lambda: None
    number: str = field(default_factory=lambda: uuid.uuid4().hex)
    machine: str = ""
    deaths: int = 0
    begin_at: float = 0.0
    refused_by: set[str] = field(default_factory=set)
    status: int | None = None
    problem: str = ""


@dataclass(slots=True, eq=False)
class _Flight:
    """A run under way on one worker.

    Attributes:
        run: The run.
        worker: Address of the worker.
        future: Of the task.
        lines: Takes its lines.
        command: To be sent; empty for none.
        send_at: When (monotonic).
        taken_back: It was asked to end for now.
        status: Exit status, once it is known.
        most_lines: How many there are then.
        until: When those that are missing are given up (monotonic).
    """

    run: ProgramRun
    worker: str
    future: Any
    lines: _Lines
    command: str = ""
    send_at: float = 0.0
    taken_back: bool = False
    status: int | None = None
    most_lines: int = 0
    until: float = 0.0


class ClusterPrograms:
    """Runs programs on the workers of a link, one a worker at a time.

    One thread calls :meth:`step` again and again, or :meth:`run_all`; every other method may be called on
    any thread, and waits for nothing.

    Args:
        link: The cluster; stays its owner's to close.
        tell: Takes sentences for a person.
        patience: Seconds that runs wait for a worker that can train them.
    """

    def __init__(
        self, link: ClusterConnection, tell: Callable[[str], None], *, patience: float | None = None
    ) -> None:
        self._link = link
        self._tell = tell
        self._patience = patience
        self._waiting: list[ProgramRun] = []
        self._flights: list[_Flight] = []
        self._ended: list[ProgramRun] = []
        self._told: set[tuple[str, str]] = set()
        self._command = ""
        self._idle_since = time.monotonic()
        self._lock = threading.Lock()

    # What is wanted

    def add(self, run: ProgramRun) -> None:
        """Run a program when a worker is free."""
        with self._lock:
            self._waiting.append(run)

    def command(self, command: str) -> None:
        """Send a command (stop, discard) to every run under way; no other begins."""
        with self._lock:
            self._command = command
            for flight in self._flights:
                flight.command, flight.send_at = command, 0.0

    def send(self, run: ProgramRun, command: str) -> None:
        """Send a command to one run, also if it begins, or begins again, later."""
        with self._lock:
            run.command = command
            for flight in self._flights:
                if flight.run is run:
                    flight.command, flight.send_at = command, 0.0

    def take_back(self, run: ProgramRun) -> None:
        """End a program for now, and its run without a status; what it keeps stays."""
        with self._lock:
            self._drop([run] if run in self._waiting else [], _TAKEN_BACK)
            for flight in self._flights:
                if flight.run is run:
                    flight.taken_back, flight.command, flight.send_at = True, END, 0.0

    @property
    def free(self) -> int:
        """Workers that have nothing to run."""
        with self._lock:
            taken = len(self._flights) + len(self._waiting)
        return max(0, len(self._link.at_work()) - taken)

    # What becomes of it

    def run_all(self, runs: Iterable[ProgramRun], *, stopping: Callable[[], str]) -> Sequence[ProgramRun]:
        """Run all of them and return them with their statuses.

        Args:
            runs: In their order.
            stopping: Asked now and then; a command to send to all that run, or an empty text.
        """
        everything = list(runs)
        for run in everything:
            self.add(run)
        ended = 0
        while ended < len(everything):
            command = stopping()
            if command and not self._command:
                self.command(command)
            ended += len(self.step())
            time.sleep(_LOOK)
        return everything

    def step(self) -> list[ProgramRun]:
        """Begin what can begin, see what became of the rest, and return what has ended since."""
        if self._command:
            with self._lock:
                self._drop(list(self._waiting), f"not begun: {self._command} was asked for")
        self._send_commands()
        self._look()
        self._begin()
        self._give_up()
        with self._lock:
            ended, self._ended = self._ended, []
        return ended

    def _drop(self, runs: Iterable[ProgramRun], why: str) -> None:
        """End runs that wait; the lock is held."""
        for run in runs:
            run.problem = why
            self._waiting.remove(run)
            self._ended.append(run)

    def _give_up(self) -> None:
        """End what waits for workers that can train it, when there are none or the cluster is gone."""
        now, gone = time.monotonic(), self._link.gone
        patience = _WAIT_SECONDS if self._patience is None else self._patience
        with self._lock:
            held = any(one.begin_at > now and not gone for one in self._waiting)
            if self._flights or held or not self._waiting:
                self._idle_since = now
            elif gone or now - self._idle_since > patience:
                self._drop(list(self._waiting), gone or "no machine of the cluster can train it")

    def _send_commands(self) -> None:
        now = time.monotonic()
        with self._lock:
            due = [one for one in self._flights if one.command and one.send_at <= now]
        for flight in due:
            command = flight.command
            if self._sent(flight, command) and flight.command == command:
                flight.command = ""
            else:
                flight.send_at = now + _AGAIN

    def _sent(self, flight: _Flight, command: str) -> bool:
        with contextlib.suppress(Exception):  # a worker that is gone has nothing to stop
            answers = self._link.client.run(
                command_program, flight.run.number, command, workers=[flight.worker]
            )
            return bool(answers.get(flight.worker))
        return False

    def _begin(self) -> None:
        if self._link.gone:
            return
        now = time.monotonic()
        busy = {flight.worker for flight in self._flights}
        free = [address for address in self._link.at_work() if address not in busy]
        with self._lock:
            due = [one for one in self._waiting if one.begin_at <= now]
        for run in due:
            address = next((one for one in free if one not in run.refused_by), None)
            if address is not None:
                free.remove(address)
                self._begin_on(run, address)

    def _begin_on(self, run: ProgramRun, address: str) -> None:
        try:
            run.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            with self._lock:
                self._drop([run], f"its folder cannot be made ({error.strerror or error})")
            return
        request = {
            "identity": IDENTITY,
            "number": run.number,
            "arguments": list(run.arguments),
            "folder": str(run.folder),
            "needs": [str(path) for path in run.needs],
        }
        lines = _Lines(run)
        try:
            self._link.client.subscribe_topic(run.number, lines)
            future = self._link.client.submit(
                run_program,
                encode(request),
                key=f"program-{uuid.uuid4().hex}",
                pure=False,
                workers=[address],
                allow_other_workers=False,
            )
        except Exception as error:  # noqa: BLE001 - a client that is gone; the link will say so
            _log.info("run %s not sent: %s", run.title, error)
            return
        with self._lock:
            if run not in self._waiting:  # taken back meanwhile
                future.cancel(force=True)
                return
            self._waiting.remove(run)
            self._flights.append(_Flight(run, address, future, lines, command=self._command or run.command))
        run.machine = self._link.name_of(address)
        run.begun()

    def _look(self) -> None:
        here = set(self._link.at_work())
        for flight in list(self._flights):
            if flight.status is not None:
                self._take_last_lines(flight)
            elif self._link.gone:
                self._died(flight)
            elif flight.future.done():
                self._take_end(flight)
            elif flight.worker not in here:
                self._died(flight)

    def _take_end(self, flight: _Flight) -> None:
        try:
            answer = ended_answer(flight.future.result(timeout=_WAIT_SECONDS))
        except WireError as error:
            _log.info("run %s: %s", flight.run.title, error)
            self._died(flight)
            return
        except Exception as error:  # noqa: BLE001 - KilledWorker and whatever Dask raises for a worker
            _log.info("run %s lost its worker: %s", flight.run.title, type(error).__name__)
            self._died(flight)
            return
        if answer["kind"] == UNSUITABLE:
            self._refused(flight, answer["why"])
            return
        flight.status, flight.most_lines = int(answer["status"]), int(answer["lines"])
        flight.until = time.monotonic() + _LAST_LINES
        self._take_last_lines(flight)

    def _take_last_lines(self, flight: _Flight) -> None:
        if flight.lines.number >= flight.most_lines or time.monotonic() > flight.until or self._link.gone:
            if not flight.taken_back:
                flight.run.status = flight.status
            else:
                flight.run.problem = _TAKEN_BACK
            self._land(flight)

    def _refused(self, flight: _Flight, why: str) -> None:
        flight.run.refused_by.add(flight.worker)
        if (flight.worker, why) not in self._told:
            self._told.add((flight.worker, why))
            self._tell(f"The machine {flight.run.machine} gets no training runs: {shown_name(why)}.")
        if flight.taken_back:
            flight.run.problem = _TAKEN_BACK
        self._land(flight, again=not flight.taken_back)

    def _died(self, flight: _Flight) -> None:
        """Let a run whose worker is gone go on from its last whole epoch, on another."""
        run = flight.run
        run.deaths += 1
        run.begin_at = time.monotonic() + _AFTER_DEATH
        if flight.taken_back or self._link.gone:
            run.problem = self._link.gone or _TAKEN_BACK
            self._land(flight)
        elif run.deaths >= _MOST_DEATHS:
            run.problem = f"{run.deaths} machines ended while they had it"
            self._land(flight)
        else:
            self._tell(f"The machine with {run.title} is gone; the run goes on from its last epoch.")
            self._land(flight, again=True)

    def _land(self, flight: _Flight, *, again: bool = False) -> None:
        with contextlib.suppress(Exception):  # a cluster that is gone
            self._link.client.unsubscribe_topic(flight.run.number)
            flight.future.cancel(force=True)
        with self._lock:
            self._flights.remove(flight)
            if again:
                self._waiting.insert(0, flight.run)
            else:
                self._ended.append(flight.run)


class _Lines:
    """Takes the lines of a run as the scheduler passes them on.

    Attributes:
        number: Of the last one.
    """

    def __init__(self, run: ProgramRun) -> None:
        self._run = run
        self.number = 0

    def __call__(self, event: tuple[float, Any]) -> None:
        """Pass one line on."""
        message = event[1]
        if isinstance(message, dict) and isinstance(message.get("line"), str):
            self._run.line(message["line"])
            if isinstance(message.get("number"), int):
                self.number = message["number"]
