"""Runs functions on other threads and brings their results back to the thread that asked.

Connect ``done`` and ``failed`` of a task to methods of QObjects, right after :meth:`Workers.run`: they are
emitted through the asking thread's event loop, and never to a receiver that is gone by then.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from PySide6.QtCore import QMetaMethod, QObject, QRunnable, Qt, QThreadPool, Signal, Slot


class Task(QObject):
    """Function under way on another thread.

    Signals:
        done: What it returned.
        failed: The exception it raised; if nobody takes it, it is raised on the asking thread.
    """

    done = Signal(object)
    failed = Signal(object)

    _ended = Signal(object, object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def end(self, result: object, error: Exception | None) -> None:
        """Bring back what became of the function. Called on the thread it ran on."""
        with suppress(RuntimeError):  # the asker was destroyed meanwhile
            self._ended.emit(result, error)

    @Slot(object, object)
    def _deliver(self, result: object, error: Exception | None) -> None:
        self.deleteLater()
        if error is None:
            self.done.emit(result)
        elif self.isSignalConnected(QMetaMethod.fromSignal(self.failed)):
            self.failed.emit(error)
        else:
            raise error


class _Call(QRunnable):
    def __init__(self, task: Task, function: Callable[[], object]) -> None:
        super().__init__()
        self._task = task
        self._function = function

    def run(self) -> None:
        """Run on a thread of the pool."""
        result, error = None, None
        try:
            result = self._function()
        except Exception as caught:  # noqa: BLE001 - the asker gets it
            error = caught
        self._task.end(result, error)


class Workers(QObject):
    """A few threads of one owner, which must :meth:`close` or :meth:`finish` them before it goes.

    Args:
        parent: Owner.
        threads: Functions that run at a time.
    """

    def __init__(self, parent: QObject | None = None, *, threads: int = 1) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(threads)

    def run(self, function: Callable[[], object], *, priority: int = 0) -> Task:
        """Run a function on one of the threads; those of a higher priority begin first."""
        task = Task(self)
        self._pool.start(_Call(task, function), priority)
        return task

    def close(self, milliseconds: int = -1) -> bool:
        """Drop what has not begun and wait for the rest; returns whether it ended in time."""
        self._pool.clear()
        return self.finish(milliseconds)

    def finish(self, milliseconds: int = -1) -> bool:
        """Wait for everything that was asked for; returns whether it ended in time."""
        return self._pool.waitForDone(milliseconds)


class Serial(Workers):
    """Serial executor: one thread runs functions in the order of submission."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent, threads=1)


class LatestOnly(QObject):
    """Latest-only executor: one function at a time; only the newest is answered.

    Signals:
        done: What the newest function returned.
        failed: The exception it raised.
    """

    done = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._serial = Serial(self)
        self._next: Callable[[], object] | None = None
        self._running = self._wanted = False

    @property
    def running(self) -> bool:
        """Whether a function is under way."""
        return self._running

    def run(self, function: Callable[[], object]) -> None:
        """Run a function as soon as the one under way has ended, whose answer is no longer wanted."""
        self._next, self._wanted = function, False
        if not self._running:
            self._begin()

    def drop(self) -> None:
        """Want no answer any more."""
        self._next, self._wanted = None, False

    def close(self, milliseconds: int = -1) -> bool:
        """Want no answer any more, and wait for what is under way; returns whether it ended in time."""
        self.drop()
        return self._serial.close(milliseconds)

    def _begin(self) -> None:
        function, self._next = self._next, None
        self._running = self._wanted = function is not None
        if function is not None:
            task = self._serial.run(function)
            task.done.connect(self._done)
            task.failed.connect(self._failed)

    @Slot(object)
    def _done(self, result: object) -> None:
        wanted = self._wanted
        self._begin()
        if wanted:
            self.done.emit(result)

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        wanted = self._wanted
        self._begin()
        if wanted:
            self.failed.emit(error)
