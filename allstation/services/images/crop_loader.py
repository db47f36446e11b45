"""Crops of cells cut on a small pool: all that wait of one field are cut from one reading of its file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.cells import CellOutline
from allstation.core.errors import StationError
from allstation.services.images.field_cache import FieldCache
from allstation.services.images.newest_first import NewestFirst
from allstation.services.tasks import Workers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TOGETHER: Final = 24
"""Crops cut in one go: a field with hundreds of cells must not hold up what is visible now."""
_THREADS: Final = max(1, min(2, (os.cpu_count() or 1) - 1))
"""One processor stays free for the window's own thread."""


@dataclass(frozen=True, slots=True)
class CropKey:
    """Crop of one cell at one size.

    Attributes:
        cell_id: The cell.
        x: Middle of the crop, in pixels of the file.
        y: Middle of the crop, from the top.
        side: Width and height, in pixels of the file.
        pixels: Width and height of the crop on the screen, in device pixels.
        corner: Radius of its corners, in device pixels.
    """

    cell_id: int
    x: float
    y: float
    side: float
    pixels: int
    corner: float = 0.0


@dataclass(frozen=True, slots=True)
class FieldPlace:
    """File of a field, and the hash of the bytes that were added."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    place: FieldPlace
    outline: CellOutline | None


@dataclass(frozen=True, slots=True)
class Crop:
    """Crop of a cell, or the sentence that says why there is none.

    Attributes:
        key: What was asked for.
        pixels: uint8 (pixels, pixels, 4), blue, green, red and alpha, premultiplied; None if the field
            cannot be read, or holds other bytes.
        outline: (N, 2) x and y of the cell's outline, as shares of the crop; None without one.
        problem: The sentence.
        changed: The file holds other bytes than were added.
    """

    key: CropKey
    pixels: NDArray[np.uint8] | None
    outline: NDArray[np.float64] | None = None
    problem: str = ""
    changed: bool = False


class CropLoader(QObject):
    """Cuts crops of cells; what was asked for last comes first.

    Args:
        files: Reads the fields; shared with the viewer, so that a field shown there is not read again.
        threads: Fields read at a time.

    Signals:
        loaded: A list of :class:`Crop`, all of one field.
    """

    loaded = Signal(list)

    def __init__(
        self, parent: QObject | None = None, *, files: FieldCache | None = None, threads: int = _THREADS
    ) -> None:
        super().__init__(parent)
        self._files = files or FieldCache()
        self._workers = Workers(self, threads=threads)
        self._waiting: NewestFirst[CropKey, _Wanted] = NewestFirst()
        self._stopped = False

    def request(self, key: CropKey, place: FieldPlace, outline: CellOutline | None = None) -> None:
        """Ask for a crop; asking again moves it to the front."""
        if not self._stopped and self._waiting.add(key, _Wanted(place, outline)):
            self._workers.run(self._cut_newest).done.connect(self._cut)

    def forget(self) -> None:
        """Drop what waits, for example when another case is opened."""
        self._waiting.clear()

    def stop(self) -> None:
        """Drop what waits, wait for the threads, and take no more requests."""
        self._stopped = True
        self.forget()
        self._workers.close()

    def _cut_newest(self) -> list[Crop]:
        """Read one field and cut its crops. Runs on another thread."""
        taken = self._waiting.take(alike=lambda wanted: wanted.place, most=_TOGETHER)
        return _cut_all(self._files, taken) if taken else []

    @Slot(object)
    def _cut(self, crops: list[Crop]) -> None:
        self._waiting.done(crop.key for crop in crops)
        if crops and not self._stopped:
            self.loaded.emit(crops)


def _cut_all(files: FieldCache, wanted: Mapping[CropKey, _Wanted]) -> list[Crop]:
    """Cut crops that are all of one field."""
    place = next(iter(wanted.values())).place
    try:
        rgb = files.read(place.path, place.sha256).pixels
        return [_cut_one(rgb, key, one.outline) for key, one in wanted.items()]
    except StationError as error:
        changed = error.code == "changed-field"
        return [Crop(key, None, problem=error.sentence, changed=changed) for key in wanted]
    except (OSError, ValueError, MemoryError) as error:
        sentence = f"The field {place.path.name} could not be read: {error}"
        return [Crop(key, None, problem=sentence) for key in wanted]


def _cut_one(rgb: NDArray[np.uint8], key: CropKey, outline: CellOutline | None) -> Crop:
    # Here, on a worker's thread: OpenCV takes longer to load than the whole window.
    from allstation.imaging.cells.views import Window, cut_view, outline_in, outline_shares, rounded

    window = Window(key.x, key.y, key.side)
    line = None if outline is None else outline_in(window, outline_shares(outline), rgb.shape[:2])
    view = cut_view(rgb, window, pixels=key.pixels)
    return Crop(key, rounded(view, key.corner), outline=line)
