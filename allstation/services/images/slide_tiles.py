"""Tiles of an open whole slide, loaded off the window's thread; what is no longer in view is not read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, Signal, Slot

from allstation.core.errors import StationError
from allstation.services.images.slide_pixels import SharedSlide, SlideSource, read_base
from allstation.services.images.tile_grid import TileGrid, TileKey
from allstation.services.tasks import Serial, Task, Workers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CACHE_BYTES: Final = 256 * 1024**2
_THREADS: Final = 2
Opener = Callable[[Path], SlideSource]


class SlideTiles(QObject):
    """Opens one slide at a time and loads the tiles that are wanted now, within a number of bytes.

    Args:
        parent: Owner.
        opener: Opens a slide's file; default: the program's readers.
        max_bytes: Memory that the tiles may take.

    Signals:
        opened: The :class:`TileGrid` of the slide, when its tiles can be read.
        failed: Path and a sentence: the slide cannot be opened or read.
        loaded: A tile, or (None) the picture of the whole slide, has come.
    """

    opened = Signal(object)
    failed = Signal(object, str)
    loaded = Signal(object)

    _arrived = Signal(int, object, str)

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        opener: Opener | None = None,
        max_bytes: int = CACHE_BYTES,
    ) -> None:
        super().__init__(parent)
        self._opener = opener or _open
        self._serial = Serial(self)
        self._workers = Workers(self, threads=_THREADS)
        self._lock = threading.Lock()
        self._cache = _TileCache(max_bytes)
        self._waiting: OrderedDict[TileKey, None] = OrderedDict()
        self._reading: set[TileKey] = set()
        self._runners = 0
        self._generation = 0
        self._shared: SharedSlide | None = None
        self._stopped = self._failure_reported = False
        self.path: Path | None = None
        self.grid: TileGrid | None = None
        self.base: NDArray[np.uint8] | None = None
        self._arrived.connect(self._take, Qt.ConnectionType.QueuedConnection)

    # Slides

    def open(self, path: Path | None) -> None:
        """Open another slide in place of the one that is open; None closes it."""
        if self._stopped or (path == self.path and path is not None):
            return
        with self._lock:
            self._generation += 1
            self._waiting.clear()
            self._cache.clear()
            shared, self._shared = self._shared, None
        self.path, self.grid, self.base, self._failure_reported = path, None, None, False
        if shared is not None:
            self._serial.run(shared.close)
        if path is not None:
            task = self._serial.run(_Opening(self, path, self._generation))
            task.done.connect(self._opened)
            task.failed.connect(self._not_opened)

    def run(self, function: Callable[[SlideSource], object]) -> Task | None:
        """Run a function with the open slide on another thread; None while no slide is open."""
        with self._lock:
            shared = self._shared
        if shared is None or self._stopped:
            return None
        return self._serial.run(_WithSlide(shared, function))

    def stop(self) -> None:
        """Read nothing more, wait for the threads and close the slide."""
        self._stopped = True
        with self._lock:
            self._generation += 1
            self._waiting.clear()
            shared, self._shared = self._shared, None
        self._workers.close()
        self._serial.close()
        if shared is not None:
            shared.close()

    def is_current(self, generation: int) -> bool:
        """Tell whether the slide that was asked for under a number is still the one wanted. Any thread."""
        with self._lock:
            return generation == self._generation

    def open_source(self, path: Path) -> SlideSource:
        """Open a slide's file. Any thread."""
        return self._opener(path)

    @Slot(object)
    def _opened(self, found: _OpenSlide | None) -> None:
        if found is None or not self.is_current(found.generation):
            if found is not None:
                self._serial.run(found.shared.close)
            return
        with self._lock:
            self._shared = found.shared
        self.grid = TileGrid(found.shared.source.info)
        task = self._serial.run(_ReadBase(self, found))
        task.done.connect(self._base_read)
        task.failed.connect(self._not_opened)
        self.opened.emit(self.grid)

    @Slot(object)
    def _base_read(self, read: tuple[int, NDArray[np.uint8] | None]) -> None:
        generation, base = read
        if base is not None and self.is_current(generation):
            self.base = base
            self.loaded.emit(None)

    @Slot(object)
    def _not_opened(self, error: Exception) -> None:
        if self.path is not None:
            self.failed.emit(self.path, _sentence(error, self.path))

    # Tiles

    def tile(self, key: TileKey) -> NDArray[np.uint8] | None:
        """Return a tile that is in memory: uint8 (height, width, 4), blue, green, red, 255."""
        with self._lock:
            return self._cache.get(key)

    def want(self, keys: Sequence[TileKey]) -> None:
        """Load these tiles, the first ones first; what was wanted before and is not among them is dropped."""
        if self._stopped:
            return
        with self._lock:
            if self._shared is None:
                return
            self._waiting = OrderedDict(
                (key, None) for key in keys if key not in self._cache and key not in self._reading
            )
            begin = min(_THREADS - self._runners, len(self._waiting))
            self._runners += begin
        for _ in range(begin):
            self._workers.run(self._read_waiting)

    @property
    def bytes(self) -> int:
        """Memory that the tiles take."""
        with self._lock:
            return self._cache.bytes

    @property
    def is_idle(self) -> bool:
        """Whether everything that is wanted has come."""
        with self._lock:
            return not self._waiting and not self._runners

    def _read_waiting(self) -> None:
        """Read tile after tile until none is wanted. Runs on another thread."""
        while True:
            with self._lock:
                shared = self._shared
                if not self._waiting or shared is None:
                    self._runners -= 1
                    return
                key, _ = self._waiting.popitem(last=False)
                self._reading.add(key)
                generation = self._generation
            pixels, problem = shared.tile(key)
            with self._lock:
                self._reading.discard(key)
                wanted = generation == self._generation
                if wanted:
                    self._cache.put(key, pixels)
            if wanted:
                self._arrived.emit(generation, key, problem)

    @Slot(int, object, str)
    def _take(self, generation: int, key: TileKey, problem: str) -> None:
        if self._stopped or not self.is_current(generation):
            return
        if problem and not self._failure_reported and self.path is not None:
            self._failure_reported = True
            self.failed.emit(self.path, problem)
        self.loaded.emit(key)


class _TileCache:
    """Tiles in memory, those that were not drawn for longest go first. Not thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._tiles: OrderedDict[TileKey, NDArray[np.uint8] | None] = OrderedDict()
        self.bytes = 0

    def __contains__(self, key: TileKey) -> bool:
        return key in self._tiles

    def get(self, key: TileKey) -> NDArray[np.uint8] | None:
        pixels = self._tiles.get(key)
        if pixels is not None:
            self._tiles.move_to_end(key)
        return pixels

    def put(self, key: TileKey, pixels: NDArray[np.uint8] | None) -> None:
        """Keep a tile, or that there is none: what cannot be read is not asked for again and again."""
        self._tiles[key] = pixels
        self.bytes += pixels.nbytes if pixels is not None else 0
        while self.bytes > self._max_bytes:
            _, oldest = self._tiles.popitem(last=False)
            self.bytes -= oldest.nbytes if oldest is not None else 0

    def clear(self) -> None:
        self._tiles.clear()
        self.bytes = 0


class _OpenSlide:
    def __init__(self, shared: SharedSlide, generation: int) -> None:
        self.shared = shared
        self.generation = generation


class _Opening:
    """Opens a slide. Runs on another thread."""

    def __init__(self, tiles: SlideTiles, path: Path, generation: int) -> None:
        self._tiles = tiles
        self._path = path
        self._generation = generation

    def __call__(self) -> _OpenSlide | None:
        if not self._tiles.is_current(self._generation):
            return None
        return _OpenSlide(SharedSlide(self._tiles.open_source(self._path)), self._generation)


class _ReadBase:
    """Reads a slide as one picture, unless it is closed meanwhile. Runs on another thread."""

    def __init__(self, tiles: SlideTiles, slide: _OpenSlide) -> None:
        self._tiles = tiles
        self._slide = slide

    def __call__(self) -> tuple[int, NDArray[np.uint8] | None]:
        shared, generation = self._slide.shared, self._slide.generation
        if not shared.enter():
            return generation, None
        try:
            return generation, read_base(shared.source, partial(self._tiles.is_current, generation))
        finally:
            shared.leave()


class _WithSlide:
    """Runs a function with a slide that is kept open meanwhile."""

    def __init__(self, shared: SharedSlide, function: Callable[[SlideSource], object]) -> None:
        self._shared = shared
        self._function = function

    def __call__(self) -> object:
        if not self._shared.enter():
            return None
        try:
            return self._function(self._shared.source)
        finally:
            self._shared.leave()


def _open(path: Path) -> SlideSource:
    from allstation.imaging.readers import open_slide

    return open_slide(path)


def _sentence(error: Exception, path: Path) -> str:
    if isinstance(error, StationError):
        return error.sentence
    return f"The slide {path.name} could not be read: {error}"
