"""Requests of a view that scrolls: the last is worked on first, those scrolled past are dropped."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Request = TypeVar("Request")

MOST: Final = 400
"""Requests kept; older ones were scrolled past and are forgotten."""


class NewestFirst(Generic[Key, Request]):
    """Bounded stack of requests by key, used by several threads.

    Args:
        most: Requests kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: OrderedDict[Key, Request] = OrderedDict()
        self._running: dict[Key, Request] = {}

    def add(self, key: Key, request: Request) -> bool:
        """Put a request on top; return whether it needs a worker of its own.

        One that is being worked on right now is not asked for again; of the same key, another one is.
        """
        with self._lock:
            if self._running.get(key) == request:
                return False
            is_new = key not in self._waiting
            self._waiting[key] = request
            self._waiting.move_to_end(key)
            if len(self._waiting) > self._most:
                self._waiting.popitem(last=False)
            return is_new

    def take(self, *, alike: Callable[[Request], object] | None = None, most: int = 1) -> dict[Key, Request]:
        """Take the newest request, and others that belong to it; empty if none waits.

        Args:
            alike: Requests for which this returns the same as for the newest are taken with it.
            most: Requests taken at most.
        """
        with self._lock:
            if not self._waiting:
                return {}
            first = next(reversed(self._waiting))
            keys = [first]
            if alike is not None:
                wanted = alike(self._waiting[first])
                keys = [key for key in reversed(self._waiting) if alike(self._waiting[key]) == wanted][:most]
            taken = {key: self._waiting.pop(key) for key in keys}
            self._running.update(taken)
            return taken

    def done(self, keys: Iterable[Key]) -> None:
        """Let keys be asked for again, as the work on them has ended."""
        with self._lock:
            for key in keys:
                self._running.pop(key, None)

    def clear(self) -> None:
        """Drop what waits."""
        with self._lock:
            self._waiting.clear()
