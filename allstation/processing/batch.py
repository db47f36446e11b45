"""Moves queued fields of a case through the threads of one model: claim, submit, collect, write."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from allstation.core.cells import NewCell
from allstation.core.errors import ModelError, StationError, unexpected
from allstation.core.known_sizes import NO_SLIDE
from allstation.processing.events import FieldFailure, FieldsWritten
from allstation.processing.status_types import MachineStatus
from allstation.store.case import Case
from allstation.store.prediction_saving import CellsByField

if TYPE_CHECKING:
    from allstation.core.records import Prediction
    from allstation.inference.pipeline import CellsOutcome, Outcome

_log = logging.getLogger(__name__)
_AHEAD: Final = 2
"""Fields in flight per thread. Few, because a crash costs each of them one of its two tries."""
_MOST_AHEAD: Final = 8
"""The same for fields that take milliseconds, of which several are written down at a time."""
_HOLD: Final = 0.2
"""Seconds for which there is work ahead of the threads, as far as :data:`_MOST_AHEAD` allows."""
_CELLS_AHEAD: Final = 4
"""Fields a thread looks for cells in before it looks whether there are fields to classify."""
_WINDOW: Final = 6.0
"""Seconds the rate is averaged over."""


class Rate:
    """Finished fields a second over the last few seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ticks: deque[tuple[float, int]] = deque()

    def add(self, count: int) -> None:
        """Count finished fields now."""
        self._ticks.append((self._clock(), count))

    def reset(self) -> None:
        """Begin again, after a pause."""
        self._ticks.clear()

    def per_second(self) -> float:
        """Return the rate, 0 while fewer than two moments are known."""
        now = self._clock()
        while self._ticks and now - self._ticks[0][0] > _WINDOW:
            self._ticks.popleft()
        if not self._ticks or now - self._ticks[0][0] <= 0:
            return 0.0
        return sum(count for _, count in self._ticks) / (now - self._ticks[0][0])


class Post(Protocol):
    """Takes an outcome from any thread and brings it back to the owner's thread."""

    def __call__(self, item: object, *, wake: bool) -> None:
        """Bring it at once, or, if the owner need not wake for it, when it looks the next time."""


class FieldExecutor(Protocol):
    """Classifies fields somewhere else: on threads of this program, or on other machines."""

    @property
    def threads(self) -> int:
        """Fields it works on at a time."""

    def submit(self, key: int, path: Path, sha256: str, slide: int = NO_SLIDE) -> Future[Outcome[int]]:
        """Classify the bytes of a file that have this hash; the key comes back with the outcome.

        The slide is the id of the field's, which may have a pixel size of its own.
        """

    def close(self) -> None:
        """Drop what has not begun and wait for the rest."""


@runtime_checkable
class FarExecutor(Protocol):
    """Executor on other machines, which hands fields over in tasks."""

    @property
    def ahead(self) -> int:
        """Fields it should have before their outcomes come; 0 for as many as its threads need."""

    @property
    def machines(self) -> tuple[MachineStatus, ...]:
        """The machines, for people to see."""


@runtime_checkable
class CellFinder(Protocol):
    """Finds the cells of fields that were classified before, beside classifying."""

    def submit_cells(
        self, key: int, path: Path, sha256: str, made: Prediction, slide: int = NO_SLIDE
    ) -> Future[CellsOutcome[int]]:
        """Find the cells of the bytes of a file that have this hash; the key comes back with them."""


def _outcome_of(key: int, future: Future[Outcome[int]]) -> Outcome[int]:
    """Return what became of a field, also if working on it raised what it should not."""
    from allstation.inference.pipeline import Outcome

    error = future.exception()
    return future.result() if error is None else Outcome(key, None, unexpected(f"number {key}", error))


class Batch:
    """Moves fields of one case through one executor. Used on the owner's thread only.

    Results are brought back a few at a time: a transaction for each, and the interpreter handed over for
    each of its statements, cost more than the results are worth. The owner is woken only when the
    threads are about to run out of work; for the rest it has to look at intervals of its own.

    Args:
        case: The writer's connection.
        executor: Classifies.
        post: Brings outcomes back.
        model: Which queued fields it takes: those that wait for this model, or, if empty, for the
            model in use.
        reserve: Fields a thread has left, besides the one in hand, when the owner is woken.
        cells_later: Cells are found when no field waits, not with the predictions.

    Attributes:
        fault: Why the model cannot be used; its fields went back into the queue.
    """

    def __init__(
        self,
        case: Case,
        executor: FieldExecutor,
        post: Post,
        *,
        model: str = "",
        reserve: int = 0,
        cells_later: bool = False,
    ) -> None:
        self._case = case
        self._executor = executor
        self.model = model
        self._post = post
        self._reserve = reserve
        self._flying: dict[int, Future[Outcome[int]]] = {}
        self._paths: dict[int, Path] = {}
        self._unsaved: list[Outcome[int]] = []
        self._count = threading.Lock()
        self._under_way = 0
        self.fault: ModelError | None = None
        self.rate = Rate()
        self._cells_later = cells_later and isinstance(executor, CellFinder)
        self._looking: dict[int, Future[CellsOutcome[int]]] = {}
        self._unsaved_cells: list[tuple[int, Sequence[NewCell]]] = []
        self._last_looked = 0

    @property
    def flying(self) -> int:
        """Fields submitted and not yet written down."""
        return len(self._flying) + len(self._unsaved)

    @property
    def unsaved(self) -> bool:
        """Whether results wait that could not be written."""
        return bool(self._unsaved)

    def fill(self) -> int:
        """Claim and submit as many fields as there is room for; return how many."""
        if self.fault is not None:
            return 0
        far = self._executor.ahead if isinstance(self._executor, FarExecutor) else 0
        room = (far or self._executor.threads * self._ahead()) - self.flying
        if room <= 0:
            return 0
        fields = self._case.queue.claim(room, self.model)
        with self._count:
            self._under_way += len(fields)
        for field in fields:
            future = self._executor.submit(field.id, field.path, field.sha256, field.slide_id)
            self._flying[field.id], self._paths[field.id] = future, field.path
            future.add_done_callback(partial(self._arrived, field.id))
        return len(fields)

    def _ahead(self) -> int:
        meanwhile = round(self.rate.per_second() * _HOLD / self._executor.threads)
        return min(_AHEAD + meanwhile, _MOST_AHEAD)

    def _arrived(self, key: int, future: Future[Outcome[int]]) -> None:
        with self._count:
            self._under_way -= 1
            low = self._under_way <= self._executor.threads * (1 + self._reserve)
        if not future.cancelled():
            self._post(_outcome_of(key, future), wake=low)

    @property
    def finds_cells(self) -> bool:
        """Whether cells of fields that were classified before are being looked for."""
        return bool(self._looking)

    @property
    def machines(self) -> tuple[MachineStatus, ...]:
        """Other machines that work on the fields; empty where this one works alone."""
        return self._executor.machines if isinstance(self._executor, FarExecutor) else ()

    def write(self, outcomes: list[Outcome[int]]) -> FieldsWritten:
        """Write results in one transaction; returns the fields they belong to.

        What cannot be written (a full disk) stays here and goes with the next call.

        Raises:
            StationError: If the case cannot be written; nothing is lost.
        """
        for outcome in outcomes:
            self._flying.pop(outcome.key, None)
        self._unsaved += outcomes
        self._put_back_what_the_model_failed()
        done = [(o.key, o.prediction) for o in self._unsaved if o.prediction is not None]
        cells: CellsByField = {
            o.key: o.cells for o in self._unsaved if o.cells is not None or self._cells_later
        }
        errors = {o.key: o.error for o in self._unsaved if o.prediction is None and o.error is not None}
        errors |= self._save(done, cells, errors)
        paths = {outcome.key: self._paths.pop(outcome.key) for outcome in self._unsaved}
        self._unsaved = []
        self.rate.add(len(paths))
        failed = [FieldFailure(key, paths[key], error) for key, error in errors.items()]
        return FieldsWritten(list(paths), failed)

    def fill_cells(self, model_sha256: str) -> int:
        """Let idle threads look for the cells of fields that wait for them; return how many fields.

        Few at a time, as a field that is added meanwhile is classified after them.

        Args:
            model_sha256: The executor's model.
        """
        room = self._executor.threads * _CELLS_AHEAD - len(self._looking)
        finder = self._executor
        if not self._cells_later or room < self._executor.threads or not isinstance(finder, CellFinder):
            return 0
        waiting = self._case.later_cells.waiting(model_sha256, room, after=self._last_looked)
        for one in waiting:
            made = one.field.prediction
            if made is not None:
                self._last_looked = one.prediction_id
                field = one.field
                future = finder.submit_cells(
                    one.prediction_id, field.path, field.sha256, made, field.slide_id
                )
                self._looking[one.prediction_id] = future
                future.add_done_callback(self._cells_arrived)
        return len(waiting)

    def _cells_arrived(self, future: Future[CellsOutcome[int]]) -> None:
        if not future.cancelled():
            self._post(future.result(), wake=True)

    def write_cells(self, found: list[CellsOutcome[int]]) -> list[int]:
        """Write cells in one transaction; returns the fields they belong to.

        Raises:
            StationError: If the case cannot be written; nothing is lost.
        """
        for one in found:
            self._looking.pop(one.key, None)
            if one.error is None:
                self._unsaved_cells.append((one.key, one.cells))
            else:
                _log.info("no cells for prediction %s: %s", one.key, one.error.code)
        if not self._unsaved_cells:
            return []
        fields = self._case.later_cells.save(self._unsaved_cells)
        self._unsaved_cells = []
        return fields

    def _put_back_what_the_model_failed(self) -> None:
        """Take fields that met a problem of the model out of the results; they wait as they did before."""
        failed = {o.key: o.error for o in self._unsaved if isinstance(o.error, ModelError)}
        if not failed:
            return
        self._case.queue.release(failed)
        self.fault = self.fault or next(iter(failed.values()))
        for key in failed:
            del self._paths[key]
        self._unsaved = [outcome for outcome in self._unsaved if outcome.key not in failed]

    def _save(
        self, done: list[tuple[int, Prediction]], cells: CellsByField, failed: dict[int, StationError]
    ) -> dict[int, StationError]:
        """Write predictions and failures; returns which predictions could not be written, and why."""
        unwritable = self._case.queue.save_or_fail(done, cells) if done else {}
        for key, error in failed.items():
            self._case.queue.fail(key, error.code, error.sentence)
        return unwritable

    def stop(self) -> list[int]:
        """Take back what has not begun, wait for the rest, and return the fields taken back."""
        for looking in self._looking.values():
            looking.cancel()
        taken_back = [key for key, future in self._flying.items() if future.cancel()]
        for key in taken_back:
            del self._flying[key]
        self._executor.close()
        return taken_back
