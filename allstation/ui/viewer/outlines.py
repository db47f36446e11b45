"""Finds the white cells of a field on a worker thread, for the layer that draws their outlines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal, Slot

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits

Finder = Callable[[Path, tuple[int, int]], "list[NDArray[np.float64]]"]

NETWORK_SIZE: Final = (224, 224)
"""Height and width until a model says at which size its predictions count cells; outlines use the same."""


@dataclass(frozen=True, slots=True)
class Outlines:
    """The outlines of one field.

    Attributes:
        path: The field.
        polygons: (N, 2) arrays; x and y as shares of width and height, 0 to 1.
        error: Sentence when they could not be found.
    """

    path: Path
    polygons: tuple[NDArray[np.float64], ...]
    error: str = ""

    @property
    def count(self) -> int:
        """White cells found."""
        return len(self.polygons)


def find_outlines(
    path: Path, size: tuple[int, int], limits: DecodeLimits | None = None
) -> list[NDArray[np.float64]]:
    """Segment a field at the network's size; outlines as shares of width and height."""
    from allstation.imaging.cells import segment_cells
    from allstation.imaging.decode import decode_reduced

    height, width = size
    found = segment_cells(decode_reduced(path, size, limits or DecodeLimits())).outlines()
    return [(outline + 0.5) / (width, height) for outline in found]


class _Job(QRunnable):
    def __init__(self, owner: OutlineFinder, path: Path, *, size: tuple[int, int], finder: Finder) -> None:
        super().__init__()
        self._owner = owner
        self._path = path
        self._size = size
        self._finder = finder

    def run(self) -> None:
        """Runs on the pool's thread."""
        try:
            result = Outlines(self._path, tuple(self._finder(self._path, self._size)))
        except StationError as error:
            result = Outlines(self._path, (), error.sentence)
        self._owner.job_done.emit(result)


class OutlineFinder(QObject):
    """One field at a time; only the newest answer is passed on.

    Signals:
        found: Outlines of the newest request.
        job_done: For the worker; comes back to this thread through the event queue.
    """

    found = Signal(object)
    job_done = Signal(object)

    def __init__(self, parent: QObject | None = None, *, finder: Finder = find_outlines) -> None:
        super().__init__(parent)
        self.size = NETWORK_SIZE
        self._finder = finder
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._newest: Path | None = None
        self._running: tuple[Path, tuple[int, int]] | None = None
        self.job_done.connect(self._take)

    def request(self, path: Path | None) -> None:
        """Ask for a field's outlines; None drops the last request."""
        self._newest = path
        if self._running is None:
            self._next()

    def close(self) -> None:
        """Drop the request and wait for the work in flight."""
        self._newest = None
        self._pool.waitForDone()

    def _next(self) -> None:
        self._running = (self._newest, self.size) if self._newest is not None else None
        if self._running is not None:
            path, size = self._running
            self._pool.start(_Job(self, path, size=size, finder=self._finder))

    @Slot(object)
    def _take(self, result: Outlines) -> None:
        done, self._running = self._running, None
        if done == (self._newest, self.size):
            self.found.emit(result)
        elif self._newest is not None:
            self._next()
