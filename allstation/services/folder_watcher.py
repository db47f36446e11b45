"""Watches a folder for new fields, on a thread of its own: a network drive may take its time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from allstation.core.file_settling import FileSettling

_EVERY: Final = 1000
"""Milliseconds between two looks."""


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """How the watching stands.

    Attributes:
        folder: The watched folder, or None.
        reachable: It could be read at the last look.
        waiting: Files seen that are not complete yet.
    """

    folder: Path | None = None
    reachable: bool = True
    waiting: int = 0


class _Looker(QObject):
    ready = Signal(list)
    status_changed = Signal(object)
    finished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._folder: Path | None = None
        self._watch = FileSettling()
        self._status = WatchStatus()

    @Slot()
    def start(self) -> None:
        """Make what must live on this thread."""
        self._timer = QTimer(self, interval=_EVERY)
        self._timer.timeout.connect(self._look)

    @Slot(object, object)
    def watch(self, folder: Path | None, known: Mapping[str, int]) -> None:
        """Watch a folder from now on, or none."""
        self._folder = folder
        self._watch = FileSettling(known)
        self._tell(WatchStatus(folder))
        if folder is None:
            self._timer.stop()
        else:
            self._timer.start()
            self._look()

    @Slot()
    def stop(self) -> None:
        """End for good."""
        self._timer.stop()
        self.finished.emit()

    @Slot()
    def _look(self) -> None:
        if self._folder is None:
            return
        # Here, on this thread: it brings the decoder along, for which the window must not wait.
        from allstation.imaging.scan_folder import scan_folder

        found = scan_folder(self._folder)
        names = self._watch.see(found, time.monotonic())
        if names:
            self.ready.emit([self._folder / name for name in names])
        self._tell(WatchStatus(self._folder, found is not None, self._watch.waiting))

    def _tell(self, status: WatchStatus) -> None:
        if status != self._status:
            self._status = status
            self.status_changed.emit(status)


class FolderWatcher(QObject):
    """Watches at most one folder.

    Signals:
        ready: Complete new files, each once.
        status_changed: A :class:`WatchStatus`.
        stopped: The thread has ended.
    """

    ready = Signal(list)
    status_changed = Signal(object)
    stopped = Signal()

    _watch = Signal(object, object)
    _stop = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._looker = _Looker()
        self._thread = QThread(self)
        self._thread.setObjectName("FolderWatcher")
        self._looker.moveToThread(self._thread)
        self._watch.connect(self._looker.watch, Qt.ConnectionType.QueuedConnection)
        self._stop.connect(self._looker.stop, Qt.ConnectionType.QueuedConnection)
        self._looker.ready.connect(self.ready)
        self._looker.status_changed.connect(self.status_changed)
        # Direct: the ending thread itself calls quit().
        self._looker.finished.connect(self._thread.quit, Qt.ConnectionType.DirectConnection)
        self._thread.started.connect(self._looker.start)
        self._thread.finished.connect(self.stopped)
        self._thread.start()

    def watch(self, folder: Path | None, known: Mapping[str, int] | None = None) -> None:
        """Watch a folder, or none.

        Args:
            folder: The folder; its sub-folders are not watched.
            known: Names and sizes of files taken before; they are not taken again.
        """
        self._watch.emit(folder, dict(known or {}))

    def stop(self) -> None:
        """End the thread; ``stopped`` follows."""
        self._stop.emit()

    def wait(self, milliseconds: int = 10_000) -> bool:
        """Block until the thread has ended. For the very end of the program only."""
        self.stop()
        return self._thread.wait(milliseconds)
