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
from allstation.services.field_cache import FieldCache

Finder = Callable[[Path, str, tuple[int, int]], "list[NDArray[np.float64]]"]
"""File, SHA-256 of the bytes that were added, height and width -> outlines."""

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
    path: Path, sha256: str, size: tuple[int, int], files: FieldCache | None = None
) -> list[NDArray[np.float64]]:
    """Segment a field at the network's size; outlines as shares of width and height.

    Raises:
        StationError: If the file cannot be read, or holds other bytes than were added.
    """
    from allstation.imaging.cells import segment_cells

    height, width = size
    rgb = (files or FieldCache()).read(path, sha256).reduced(size)
    return [(outline + 0.5) / (width, height) for outline in segment_cells(rgb).outlines()]


@dataclass(frozen=True, slots=True)
class _Request:
    """One field at one size: file, SHA-256 of the bytes that were added, height and width."""

    path: Path
    sha256: str
    size: tuple[int, int]


class _Job(QRunnable):
    def __init__(self, owner: OutlineFinder, request: _Request, *, finder: Finder) -> None:
        super().__init__()
        self._owner = owner
        self._request = request
        self._finder = finder

    def run(self) -> None:
        """Runs on the pool's thread."""
        asked = self._request
        try:
            result = Outlines(asked.path, tuple(self._finder(asked.path, asked.sha256, asked.size)))
        except StationError as error:
            result = Outlines(asked.path, (), error.sentence)
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
        self._newest: tuple[Path, str] | None = None
        self._running: _Request | None = None
        self.job_done.connect(self._take)

    def request(self, path: Path | None, sha256: str = "") -> None:
        """Ask for a field's outlines; None drops the last request.

        Args:
            path: The field's file.
            sha256: Of the bytes that were added; others are not outlined. Empty to accept any.
        """
        self._newest = (path, sha256) if path is not None else None
        if self._running is None:
            self._next()

    def close(self) -> None:
        """Drop the request and wait for the work in flight."""
        self._newest = None
        self._pool.waitForDone()

    def _wanted(self) -> _Request | None:
        return _Request(*self._newest, self.size) if self._newest is not None else None

    def _next(self) -> None:
        self._running = self._wanted()
        if self._running is not None:
            self._pool.start(_Job(self, self._running, finder=self._finder))

    @Slot(object)
    def _take(self, result: Outlines) -> None:
        done, self._running = self._running, None
        if done == self._wanted():
            self.found.emit(result)
        elif self._newest is not None:
            self._next()
