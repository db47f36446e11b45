"""Schedules Python's garbage collector on the window's thread, at moments when nobody notices."""

from __future__ import annotations

import gc
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

_EVERY: Final = 100
"""Milliseconds between two looks at how much there is to collect."""
_YOUNG: Final = 2000
"""Objects made since the last collection that make another one worth its while."""
_YOUNG_COLLECTIONS: Final = 5
"""Collections of the youngest objects before those that outlived them are collected, too."""
_CALM: Final = 20
"""Looks at which next to nothing was made before everything is collected: two seconds."""
_STIR: Final = 500
"""Objects made between two looks that count as work going on."""
_LONG_BUSY: Final = 80
"""Collections of the middle generation, half a second apart at least, that interrupt even work."""


class GcScheduler(QObject):
    """Python's garbage collector, from its making until :meth:`stop`.

    Left alone Python collects on whatever thread happens to make one object too many. Here that is nearly
    always a worker: it holds the interpreter meanwhile, a dozen milliseconds while thumbnails are made
    and up to 250 with the 200,000 objects of a long report, and the window stands still. And what is
    collected is destroyed there, widgets and items of the window among it, beside the thread that paints
    them. So the collector is switched off and called by a timer of the window's thread: often for what
    is young, which takes a millisecond, for everything only when the program has come to rest.

    Must be made on the window's thread.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was_enabled = gc.isenabled()
        self._last = self._calm = 0
        gc.disable()
        self._timer = QTimer(self, interval=_EVERY)
        self._timer.timeout.connect(self._look)

    def start(self) -> None:
        """Collect from now on; what is there already stays for good and is not looked through again."""
        gc.freeze()
        self._timer.start()

    def stop(self) -> None:
        """Leave the collector as it was found."""
        self._timer.stop()
        gc.unfreeze()
        if self._was_enabled:
            gc.enable()

    @Slot()
    def _look(self) -> None:
        young, middle, old = gc.get_count()
        stirred = abs(young - self._last) > _STIR
        if young > _YOUNG:
            gc.collect(1 if middle >= _YOUNG_COLLECTIONS else 0)
        self._last = gc.get_count()[0]
        self._calm = 0 if stirred else self._calm + 1
        if (self._calm == _CALM and (middle or old)) or old >= _LONG_BUSY:
            gc.collect()
