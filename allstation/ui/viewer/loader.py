"""Reads fields on worker threads: the newest request wins, neighbours wait ready, memory is bounded."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal, Slot

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.picture import FieldPicture

Decoder = Callable[[Path], NDArray[np.uint8]]

DEFAULT_BYTES: Final = 384 * 1024 * 1024
"""About 90 fields of 1024x768 with their halved copies."""

_THREADS: Final = 2
_NOW, _LATER = 10, 0


def decode_field(path: Path, limits: DecodeLimits | None = None) -> NDArray[np.uint8]:
    """Decode with the project's decoder, loaded on first use to keep the window's start short."""
    from allstation.imaging.decode import decode

    return decode(path, limits or DecodeLimits())


def _described(picture: FieldPicture, path: Path) -> FieldPicture:
    """Return a picture with what its file says besides: the size of a pixel, how many pages, which bytes."""
    from allstation.imaging.decode import probe
    from allstation.imaging.stated_size import stated_pixel_size

    try:
        pages = probe(path).frames
    except StationError:
        pages = 1
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return replace(picture, pixel_size=stated_pixel_size(path), pages=pages, sha256=digest)


@dataclass(frozen=True, slots=True)
class _Loaded:
    path: Path
    picture: FieldPicture | None
    error: str
    is_missing: bool = False


class _Wanted:
    """The paths still wanted, shared with the workers; a path that fell out is not decoded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: frozenset[Path] = frozenset()

    def replace(self, paths: Sequence[Path]) -> None:
        with self._lock:
            self._paths = frozenset(paths)

    def __contains__(self, path: object) -> bool:
        with self._lock:
            return path in self._paths


class _Job(QRunnable):
    """Decodes one field, if it is still wanted when its turn comes."""

    def __init__(self, loader: FieldLoader, path: Path, *, decoder: Decoder, wanted: _Wanted) -> None:
        super().__init__()
        self._loader = loader
        self._path = path
        self._decoder = decoder
        self._wanted = wanted

    def run(self) -> None:
        """Runs on a pool thread."""
        result = _Loaded(self._path, None, "")
        if self._path in self._wanted:
            result = self._decode()
        self._loader.job_done.emit(result)

    def _decode(self) -> _Loaded:
        try:
            rgb = self._decoder(self._path)
            return _Loaded(self._path, _described(FieldPicture.from_rgb(rgb), self._path), "")
        except StationError as error:
            return _Loaded(self._path, None, error.sentence, is_missing=error.code == "not-found")
        except (OSError, ValueError, MemoryError) as error:
            sentence = tr("The field could not be read: {error}", error=error)
            return _Loaded(self._path, None, sentence)


class PictureCache:
    """The most recently used pictures, within a number of bytes.

    Args:
        limit: Bytes kept at most; one picture is always kept, however large.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pictures: OrderedDict[Path, FieldPicture] = OrderedDict()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """Bytes held."""
        return self._bytes

    def __contains__(self, path: object) -> bool:
        return path in self._pictures

    def get(self, path: Path) -> FieldPicture | None:
        """Return a picture and remember that it was used."""
        picture = self._pictures.get(path)
        if picture is not None:
            self._pictures.move_to_end(path)
        return picture

    def put(self, path: Path, picture: FieldPicture) -> None:
        """Keep a picture; the least recently used make room."""
        self.drop(path)
        self._pictures[path] = picture
        self._bytes += picture.bytes
        while self._bytes > self._limit and len(self._pictures) > 1:
            _, dropped = self._pictures.popitem(last=False)
            self._bytes -= dropped.bytes

    def drop(self, path: Path) -> None:
        """Forget a picture, for example because its file was replaced."""
        picture = self._pictures.pop(path, None)
        if picture is not None:
            self._bytes -= picture.bytes

    def clear(self) -> None:
        """Forget everything."""
        self._pictures.clear()
        self._bytes = 0


class FieldLoader(QObject):
    """Decodes fields away from the window's thread.

    Args:
        decoder: Path to uint8 RGB array (H, W, 3); may raise StationError.
        limit: Bytes of pictures kept.

    Signals:
        ready: Path and FieldPicture of the newest request, never of an older one.
        failed: Path and sentence of the newest request.
        missing: Path of the newest request, which is not there.
        job_done: For the workers; comes back to this thread through the event queue.
    """

    ready = Signal(object, object)
    failed = Signal(object, str)
    missing = Signal(object)
    job_done = Signal(object)

    def __init__(
        self, parent: QObject | None = None, *, decoder: Decoder = decode_field, limit: int = DEFAULT_BYTES
    ) -> None:
        super().__init__(parent)
        self._decoder = decoder
        self._cache = PictureCache(limit)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(_THREADS)
        self._wanted = _Wanted()
        self._running: set[Path] = set()
        self._newest: Path | None = None
        self._neighbours: tuple[Path, ...] = ()
        self.job_done.connect(self._take)

    @property
    def cache(self) -> PictureCache:
        """What is kept ready."""
        return self._cache

    def request(self, path: Path) -> FieldPicture | None:
        """Ask for a field.

        Returns:
            The picture if it is ready at once; else None, and ``ready`` or ``failed`` follows,
            unless another field is asked for first.
        """
        self._newest = path
        self._want()
        picture = self._cache.get(path)
        if picture is None:
            self._start(path, _NOW)
        return picture

    def preload(self, neighbours: Sequence[Path]) -> None:
        """Get fields ready that may be asked for next, nearest first."""
        self._neighbours = tuple(neighbours)
        self._want()
        for path in self._neighbours:
            if path not in self._cache:
                self._start(path, _LATER)

    def forget(self, path: Path) -> None:
        """Read this file again next time."""
        self._cache.drop(path)

    def clear(self) -> None:
        """Drop every request and picture."""
        self._newest = None
        self._neighbours = ()
        self._want()
        self._cache.clear()

    def close(self) -> None:
        """Drop every request and wait for the reads in flight."""
        self.clear()
        self._pool.waitForDone()

    def _want(self) -> None:
        newest = () if self._newest is None else (self._newest,)
        self._wanted.replace((*newest, *self._neighbours))

    def _start(self, path: Path, priority: int) -> None:
        if path in self._running:
            return
        self._running.add(path)
        self._pool.start(_Job(self, path, decoder=self._decoder, wanted=self._wanted), priority)

    @Slot(object)
    def _take(self, result: _Loaded) -> None:
        self._running.discard(result.path)
        if result.picture is not None:
            if result.path in self._wanted:
                self._cache.put(result.path, result.picture)
            if result.path == self._newest:
                self.ready.emit(result.path, result.picture)
        elif result.error:
            if result.path == self._newest:
                self.failed.emit(result.path, result.error)
                if result.is_missing:
                    self.missing.emit(result.path)
        elif result.path in self._wanted:
            self._start(result.path, _NOW if result.path == self._newest else _LATER)
