"""How results of worker threads reach the one thread that may write them down."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal, Slot


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
        self._woken.connect(self.drain, Qt.ConnectionType.QueuedConnection)

    def post(self, item: object, *, wake: bool = True) -> None:
        """Leave an item; may be called on any thread, never blocks.

        Args:
            item: What the owner gets.
            wake: Call the owner; otherwise it waits for the next item that does, or for :meth:`drain`.
        """
        self._items.put(item)
        if not wake:
            return
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

    @Slot()
    def drain(self) -> None:
        """Deliver what waits. Called on the owner's thread."""
        with self._lock:
            self._awake = False
        if items := self.take_all():
            self._deliver(items)
