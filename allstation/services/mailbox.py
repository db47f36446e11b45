"""How results of worker threads reach the one thread that may write them down."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal


class Mailbox(QObject):
    """Collects items from any thread and calls its owner's thread once for many of them.

    The owner drains everything that waits on each call, so a thousand quick results cost a few
    events and are written in a few transactions.

    Args:
        deliver: Called on the thread this object lives in.
    """

    _woken = Signal()

    def __init__(self, deliver: Callable[[list[object]], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._deliver = deliver
        self._items: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._awake = False
        self._woken.connect(self._drain, Qt.ConnectionType.QueuedConnection)

    def post(self, item: object) -> None:
        """Leave an item; may be called on any thread, never blocks."""
        self._items.put(item)
        with self._lock:
            if self._awake:
                return
            self._awake = True
        self._woken.emit()

    def take_all(self) -> list[object]:
        """Return and remove what waits."""
        items: list[object] = []
        while True:
            try:
                items.append(self._items.get_nowait())
            except queue.Empty:
                return items

    def _drain(self) -> None:
        with self._lock:
            self._awake = False
        if items := self.take_all():
            self._deliver(items)
