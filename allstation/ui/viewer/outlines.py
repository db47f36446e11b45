"""Finds the white cells of a field on a worker thread, for the layer that draws their outlines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.services.images.field_cache import FieldCache
from allstation.services.tasks import Serial

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
    from allstation.imaging.cells.segmentation import segment_cells

    height, width = size
    rgb = (files or FieldCache()).read(path, sha256).reduced(size)
    return [(outline + 0.5) / (width, height) for outline in segment_cells(rgb).outlines()]


@dataclass(frozen=True, slots=True)
class _Request:
    """One field at one size: file, SHA-256 of the bytes that were added, height and width."""

    path: Path
    sha256: str
    size: tuple[int, int]


class OutlineFinder(QObject):
    """Outline finder: one field at a time; only the newest answer is passed on.

    Signals:
        found: Outlines of the newest request.
    """

    found = Signal(object)

    def __init__(self, parent: QObject | None = None, *, finder: Finder = find_outlines) -> None:
        super().__init__(parent)
        self.size = NETWORK_SIZE
        self._finder = finder
        self._serial = Serial(self)
        self._newest: tuple[Path, str] | None = None
        self._running: _Request | None = None

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
        self._serial.close()

    def _wanted(self) -> _Request | None:
        return _Request(*self._newest, self.size) if self._newest is not None else None

    def _next(self) -> None:
        self._running = self._wanted()
        if self._running is not None:
            self._serial.run(partial(self._find, self._running)).done.connect(self._take)

    def _find(self, asked: _Request) -> Outlines:
        """Find the outlines of a field. Runs on another thread."""
        try:
            return Outlines(asked.path, tuple(self._finder(asked.path, asked.sha256, asked.size)))
        except StationError as error:
            return Outlines(asked.path, (), error.sentence)

    @Slot(object)
    def _take(self, result: Outlines) -> None:
        done, self._running = self._running, None
        if done == self._wanted():
            self.found.emit(result)
        elif self._newest is not None:
            self._next()
