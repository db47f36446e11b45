"""Worker threads with a time limit for each job.

A decoder is a C function: nothing can stop it from outside but the end of its process. A thread that is kept
too long is therefore given up: its field fails with a sentence, another thread takes its place, and what it
may return one day is dropped. All threads are daemons, so that none can keep the program from ending.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Result = TypeVar("Result")
_NICENESS: Final = 10
"""Niceness of threads of low priority, of 0 to 19."""
_LOOKS: Final = 4
"""Looks at the clock within the limit: a field is given up at most a quarter of the limit late."""


@dataclass(frozen=True, slots=True)
class _Job(Generic[Result]):
    """Job with its future and what to return when it is given up.

    Attributes:
        future: Who waits for it.
        task: Does it.
        given_up: Says what to answer when it took too long.
    """

    future: Future[Result]
    task: Callable[[], Result]
    given_up: Callable[[], Result]


class _Worker(Generic[Result]):
    """Worker thread and its current job."""

    def __init__(
        self,
        jobs: queue.SimpleQueue[_Job[Result] | None],
        name: str,
        *,
        low_priority: bool = False,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._jobs = jobs
        self._prepare = prepare
        self._low_priority = low_priority
        self._lock = threading.Lock()
        self._job: _Job[Result] | None = None
        self._since = 0.0
        self.gone = False
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        if self._low_priority:
            lower_thread_priority()
        while (job := self._jobs.get()) is not None:
            if not job.future.set_running_or_notify_cancel():
                continue
            if self._prepare is not None:
                self._prepare()
                self._prepare = None
            with self._lock:
                self._job, self._since = job, time.monotonic()
            try:
                result, error = job.task(), None
            except Exception as caught:  # noqa: BLE001 - whoever waits for the future gets it
                result, error = None, caught
            with self._lock:
                self._job = None
                if self.gone:
                    return
            if error is not None:
                job.future.set_exception(error)
            elif result is not None:
                job.future.set_result(result)

    def give_up(self, limit: float) -> _Job[Result] | None:
        """Return the job that has taken more than ``limit`` seconds, if any, and abandon this thread."""
        with self._lock:
            if self._job is None or time.monotonic() - self._since <= limit:
                return None
            self.gone = True
            # Taken away, as two threads may look at the same time: a future is answered once.
            job, self._job = self._job, None
            return job


def lower_thread_priority() -> None:
    """Let every other thread go first that wants the processor. Only Linux has this for single threads.

    A window drawn beside threads that fill every processor waits for them at each of its small steps; with
    this its gaps were a third (99th percentile 430 ms against 150 ms, a machine with five times its load).
    """
    if sys.platform == "linux":
        try:
            own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), max(own, _NICENESS))
        except OSError:
            return


def in_order(futures: Iterable[Future[Result]], *, ahead: int) -> Iterator[Result]:
    """Yield results in the order of their futures, which are asked for a bounded number ahead.

    Args:
        futures: Made as they are asked for: whoever makes them submits the work.
        ahead: Most that are waited for at a time; those left when the caller stops are cancelled.
    """
    waiting: deque[Future[Result]] = deque()
    try:
        for future in futures:
            waiting.append(future)
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


class Workers(Generic[Result]):
    """A fixed number of threads that work, whatever single jobs do.

    Args:
        count: Threads.
        limit: Seconds that one job may take.
        name: Begins the names of the threads.
        low_priority: They work beside a window, which goes first.
        prepare: Done by each thread before its first job, outside of the job's limit; has one of its own
            and raises nothing.
    """

    def __init__(
        self,
        count: int,
        *,
        limit: float,
        name: str,
        low_priority: bool = False,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._low_priority = low_priority
        self._prepare = prepare
        self._jobs: queue.SimpleQueue[_Job[Result] | None] = queue.SimpleQueue()
        self._limit = limit
        self._name = name
        self._closing = threading.Event()
        self._workers = [self._start(number) for number in range(count)]
        self.given_up = 0
        self._watch = threading.Thread(target=self._look, name=f"{name}-limit", daemon=True)
        self._watch.start()

    def _start(self, number: int) -> _Worker[Result]:
        name = f"{self._name}_{number}"
        return _Worker(self._jobs, name, low_priority=self._low_priority, prepare=self._prepare)

    def submit(self, task: Callable[[], Result], given_up: Callable[[], Result]) -> Future[Result]:
        """Run a task on one of the threads.

        Args:
            task: What to do; must not return None.
            given_up: What the future holds if it takes longer than the limit.
        """
        future: Future[Result] = Future()
        self._jobs.put(_Job(future, task, given_up))
        return future

    def _look(self) -> None:
        while not self._closing.wait(self._limit / _LOOKS):
            self._replace_the_slow()

    def _replace_the_slow(self) -> None:
        for number, worker in enumerate(self._workers):
            job = worker.give_up(self._limit)
            if job is not None:
                self.given_up += 1
                self._workers[number] = self._start(number)
                job.future.set_result(job.given_up())

    def close(self) -> None:
        """Cancel what has not begun, and wait for the rest, at most as long as the limit."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is not None:
                job.future.cancel()
        for _ in self._workers:
            self._jobs.put(None)
        while any(worker.thread.is_alive() for worker in self._workers):
            self._replace_the_slow()
            for worker in list(self._workers):
                worker.thread.join(self._limit / _LOOKS)
        self._closing.set()
        self._watch.join()
