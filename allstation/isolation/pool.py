"""Pool of isolated children that threads share: those that died or are worn are replaced unnoticed."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from allstation.isolation.child import Budget, Child, ChildError, ChildGoneError, close_children
from allstation.isolation.frames import Header, Part


class PoolClosedError(ChildError):
    """A pool was asked after it was closed."""

    def __init__(self) -> None:
        super().__init__("the pool is closed")


class ChildPool:
    """Children of one kind, started when they are needed and asked by one thread each.

    Args:
        command: Starts one (:func:`allstation.frozen.child_command`).
        budget: Limits of each.
        first: What each is told before it is confined.
        most_children: Children that work at once, for further threads wait; None for as many as there are
            threads that ask.
    """

    def __init__(
        self,
        command: Sequence[str],
        budget: Budget,
        *,
        first: Mapping[str, object] | None = None,
        most_children: int | None = None,
    ) -> None:
        self._command = command
        self._budget = budget
        self._first = first
        self._free: AbstractContextManager[object] = (
            nullcontext() if most_children is None else threading.BoundedSemaphore(most_children)
        )
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._busy: set[Child] = set()
        self._closed = False
        self._end = weakref.finalize(self, close_children, self._idle)

    def ask(
        self, header: Mapping[str, object], *parts: Part, seconds: float, most: int
    ) -> tuple[Header, bytearray]:
        """Ask a child that waits, or a new one, and wait for its answer.

        Args:
            header: The request.
            parts: Bytes that follow it.
            seconds: Wall time until the answer must be complete; the child is ended then.
            most: Bytes of the answer.

        Raises:
            PoolClosedError: If the pool was closed.
            ChildStartError: If no child can be started.
            ChildDiedError: If it died of the request, or answered what makes no sense.
            ChildTooSlowError: If it took too long.
        """
        with self._free:
            while True:
                child = self._take()
                try:
                    answer = child.ask(header, *parts, seconds=seconds, most=most)
                except ChildGoneError:  # it ended while it waited: no fault of this request
                    self._drop(child)
                    continue
                except ChildError as error:
                    self._drop(child)
                    if self._closed:
                        raise PoolClosedError from error
                    raise
                except BaseException:
                    self._drop(child)
                    raise
                self._give_back(child)
                return answer

    def applied(self) -> set[str]:
        """Return the limits that the system enforces on a child, of ``confine.EVERYTHING``.

        Raises:
            PoolClosedError: If the pool was closed.
            ChildStartError: If none can be started.
        """
        with self._free:
            child = self._take()
            self._give_back(child)
            return child.applied

    def close(self) -> None:
        """End the children that wait, and those that work after their answer; asking again is an error."""
        with self._lock:
            self._closed = True
            close_children(self._idle)

    def end(self) -> None:
        """End all children now; who waits for an answer gets :class:`PoolClosedError`."""
        self.close()
        with self._lock:
            for child in self._busy:
                child.kill()

    def _take(self) -> Child:
        with self._lock:
            if self._closed:
                raise PoolClosedError
            if self._idle:
                child = self._idle.pop()
                self._busy.add(child)
                return child
        child = Child(self._command, self._budget, first=self._first)
        with self._lock:
            self._busy.add(child)
            if not self._closed:
                return child
        self._drop(child)
        raise PoolClosedError

    def _drop(self, child: Child) -> None:
        with self._lock:  # never killed once its process number may be another's
            self._busy.discard(child)
        child.close()

    def _give_back(self, child: Child) -> None:
        with self._lock:
            self._busy.discard(child)
            if not self._closed and not child.worn:
                self._idle.append(child)
                return
        child.close()
