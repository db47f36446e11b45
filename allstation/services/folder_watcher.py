"""Watches a folder for new fields; looks into it on another thread, as a network drive may take its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from allstation.core.file_settling import FileSettling, Sighting
from allstation.services.tasks import LatestOnly

_EVERY: Final = 1000
"""Milliseconds between two looks."""


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """State of the folder watcher.

    Attributes:
        folder: The watched folder, or None.
        reachable: It could be read at the last look.
        waiting: Files seen that are not complete yet.
    """

    folder: Path | None = None
    reachable: bool = True
    waiting: int = 0


class FolderWatcher(QObject):
    """Watches at most one folder.

    Args:
        parent: Owner.
        clock: Seconds that never go back, read once after each look.
        every: Milliseconds between two looks.

    Signals:
        ready: Complete new files, each once.
        status_changed: A :class:`WatchStatus`.
        stopped: Nothing is looked at any more.
    """

    ready = Signal(list)
    status_changed = Signal(object)
    stopped = Signal()

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        every: int = _EVERY,
    ) -> None:
        super().__init__(parent)
        self._clock = clock
        self._folder: Path | None = None
        self._settling = FileSettling()
        self._status = WatchStatus()
        self._looks = LatestOnly(self)
        self._looks.done.connect(self._take)
        self._is_stopped = False
        self._timer = QTimer(self, interval=every)
        self._timer.timeout.connect(self._look)

    @property
    def status(self) -> WatchStatus:
        """Which folder is watched, and how that goes."""
        return self._status

    def watch(self, folder: Path | None, known: Mapping[str, int] | None = None) -> None:
        """Watch a folder, or none.

        Args:
            folder: The folder; its sub-folders are not watched.
            known: Names and sizes of files taken before; they are not taken again.
        """
        self._looks.drop()
        self._folder = folder
        self._settling = FileSettling(known)
        self._set_status(WatchStatus(folder))
        if folder is None:
            self._timer.stop()
        else:
            self._timer.start()
            self._looks.run(partial(_look, folder))

    def stop(self) -> None:
        """Look no more; ``stopped`` follows."""
        self._timer.stop()
        self._looks.drop()
        if not self._is_stopped:
            self._is_stopped = True
            self.stopped.emit()

    def wait(self, milliseconds: int = 10_000) -> bool:
        """Block until the look under way has ended. For the very end of the program only."""
        self.stop()
        return self._looks.close(milliseconds)

    @Slot()
    def _look(self) -> None:
        if self._folder is not None and not self._looks.running:
            self._looks.run(partial(_look, self._folder))

    @Slot(object)
    def _take(self, found: dict[str, Sighting] | None) -> None:
        if self._folder is None:
            return
        names = self._settling.see(found, self._clock())
        if names:
            self.ready.emit([self._folder / name for name in names])
        self._set_status(WatchStatus(self._folder, found is not None, self._settling.waiting))

    def _set_status(self, status: WatchStatus) -> None:
        if status != self._status:
            self._status = status
            self.status_changed.emit(status)


def _look(folder: Path) -> dict[str, Sighting] | None:
    # Imported on the other thread: it brings the decoder along, for which the window must not wait.
    from allstation.imaging.scan_folder import scan_folder

    return scan_folder(folder)
