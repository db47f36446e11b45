"""Which fields go into the next task, and which workers may get it. Plain rules; nothing is sent here."""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allstation.core.known_sizes import NO_SLIDE
from allstation.inference.pipeline import Outcome
from allstation.processing.cluster.shares import root_of

WINDOW: Final = 3
"""Tasks in flight a worker: two at work and one that waits for them."""
LARGEST: Final = 512
"""Fields of a task, at most."""
SETTLED: Final = 0.02
"""Seconds without a new field after which a task may be smaller than others."""
_TARGET_SECONDS: Final = 1.5
_FIRST_SIZE: Final = 8
_MOST_BYTES: Final = 16 << 20
"""Bytes of a task whose worker cannot read the files."""


@dataclass(slots=True)
class WaitingField:
    """A field that somebody waits for.

    Attributes:
        number: Unique in one executor.
        key: What its outcome comes back under.
        path: The file.
        sha256: Of the bytes.
        future: Who waits.
        slide: Id of its slide.
        deaths: Workers that ended while they had it.
    """

    number: int
    key: int
    path: Path
    sha256: str
    future: Future[Outcome[int]]
    slide: int = NO_SLIDE
    deaths: int = 0

    def begin(self) -> bool:
        """Tell whether it is still wanted; from then on it cannot be taken back."""
        return self.future.running() or self.future.set_running_or_notify_cancel()

    def answer(self, outcome: Outcome[int]) -> None:
        """Give an outcome to who waits, under the field's key; a second one is dropped."""
        with contextlib.suppress(Exception):  # answered already
            self.future.set_result(Outcome(self.key, outcome.prediction, outcome.error, outcome.cells))


@dataclass(frozen=True, slots=True)
class Task:
    """Fields that go to one worker.

    Attributes:
        fields: The fields.
        careful: One of them may have ended a worker.
        by_bytes: Their bytes go along, as the worker cannot read the files.
        workers: Addresses that may get it; empty for any.
    """

    fields: tuple[WaitingField, ...]
    careful: bool = False
    by_bytes: bool = False
    workers: tuple[str, ...] = ()


class TaskPlan:
    """Fields that wait to be sent, and the size of tasks as it was learned. Used under its owner's lock."""

    def __init__(self) -> None:
        self.waiting: deque[WaitingField] = deque()
        self.suspects: deque[tuple[WaitingField, ...]] = deque()
        self._last = 0.0
        self._size = float(_FIRST_SIZE)

    @property
    def size(self) -> int:
        """Fields of a task, so that it takes about a second and a half."""
        return max(1, min(LARGEST, round(self._size)))

    def learn(self, fields: int, seconds: float) -> None:
        """Let the next tasks take about as long as they should; a small one says nothing of larger ones.

        Args:
            fields: Of a task that was done.
            seconds: That it took.
        """
        factor = min(2.0, max(0.5, _TARGET_SECONDS / max(seconds, 1e-4)))
        if fields >= self._size / 2 or factor < 1:
            self._size = min(float(LARGEST), max(1.0, self._size * factor))

    def add(self, field: WaitingField) -> None:
        """Let a new field wait."""
        self.waiting.append(field)
        self._last = time.monotonic()

    def put_back(self, fields: Iterable[WaitingField], *, careful: bool = False) -> None:
        """Let fields wait again, before all others."""
        fields = tuple(fields)
        if careful and fields:
            self.suspects.append(fields)
        else:
            self.waiting.extendleft(reversed(fields))

    def suspect(self, task: Task) -> None:
        """Let the fields of a lost task be looked at carefully, in halves if they were so already."""
        middle = len(task.fields) // 2 if task.careful else 0
        for part in (task.fields[:middle], task.fields[middle:]):
            if part:
                self.put_back(part, careful=True)

    def suspects_as_waiting(self) -> None:
        """Let suspects wait as all others."""
        while self.suspects:
            self.put_back(self.suspects.pop())

    def is_due(self, *, workers: int, flying: int) -> bool:
        """Tell whether a task should be sent now.

        Args:
            workers: That may be used.
            flying: Tasks in flight.
        """
        if not (self.waiting or self.suspects) or not workers or flying >= workers * WINDOW:
            return False
        settled = time.monotonic() - self._last > SETTLED
        return bool(self.suspects) or settled or len(self.waiting) >= self.size

    def root(self) -> str:
        """Return where the first field lies; empty if there is none."""
        first = self.suspects[0][0] if self.suspects else next(iter(self.waiting), None)
        return "" if first is None else root_of(first.path)

    def take(
        self, at_work: Sequence[str], lacking: set[str], *, open_to_all: bool, by_path: int
    ) -> Task | None:
        """Take the fields of the next task.

        Args:
            at_work: Workers that may be used.
            lacking: Those among them that do not see the files of :meth:`root`.
            open_to_all: No worker is refused.
            by_path: Tasks in flight whose workers read the files themselves.
        """
        seeing = [address for address in at_work if address not in lacking]
        by_bytes = not seeing or (bool(lacking) and by_path >= WINDOW * len(seeing))
        workers = sorted(lacking) if by_bytes else [] if open_to_all and not lacking else seeing
        careful = bool(self.suspects)
        if careful:
            fields = self.suspects.popleft()
        else:
            fields = tuple(self._next_fields(len(at_work), by_bytes=by_bytes))
        return Task(fields, careful, by_bytes, tuple(workers)) if fields else None

    def _next_fields(self, workers: int, *, by_bytes: bool) -> list[WaitingField]:
        """Take waiting fields of one place; at the end of the queue each worker gets its share."""
        size, root = self.size, self.root()
        if len(self.waiting) < size * workers:
            size = max(1, min(size, math.ceil(len(self.waiting) / max(workers, 1))))
        fields: list[WaitingField] = []
        held = 0
        while self.waiting and len(fields) < size and held < _MOST_BYTES:
            if root_of(self.waiting[0].path) != root:
                break
            one = self.waiting.popleft()
            if not one.begin():
                continue
            fields.append(one)
            if by_bytes:
                with contextlib.suppress(OSError):
                    held += one.path.stat().st_size
        return fields
