"""Results of any thread on their way to the one thread that may write them to the case."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from allstation.inference.pipeline import CellsOutcome, Outcome


class ResultQueue:
    """Collects items from any thread and wakes the owner's thread once for many of them.

    The owner takes everything that waits each time, so a thousand quick results cost a few
    wake-ups and are written in a few transactions.

    Args:
        wake: Lets the owner's thread look soon; called on any thread.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._items: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._awake = False

    @property
    def awake(self) -> bool:
        """Whether the owner was woken and has not taken the items yet."""
        return self._awake

    def put(self, item: object, *, wake: bool = True) -> None:
        """Leave an item; may be called on any thread, never blocks.

        Args:
            item: What the owner gets.
            wake: Wake the owner; otherwise the item waits for the next one that does, or until the owner
                looks by itself.
        """
        self._items.put(item)
        if not wake:
            return
        with self._lock:
            if self._awake:
                return
            self._awake = True
        self._wake()

    def take_all(self) -> list[object]:
        """Return and remove what waits. Called on the owner's thread."""
        with self._lock:
            self._awake = False
        items: list[object] = []
        while True:
            try:
                items.append(self._items.get_nowait())
            except queue.Empty:
                return items


def split_results(items: list[object]) -> tuple[list[Outcome[int]], list[CellsOutcome[int]], list[object]]:
    """Return the outcomes, the cells that followed and everything else, each in their order."""
    from allstation.inference.pipeline import CellsOutcome, Outcome

    outcomes = [item for item in items if isinstance(item, Outcome)]
    found = [item for item in items if isinstance(item, CellsOutcome)]
    return outcomes, found, [item for item in items if not isinstance(item, Outcome | CellsOutcome)]
