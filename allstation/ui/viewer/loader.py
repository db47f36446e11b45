"""Reads fields on worker threads: the newest request wins, neighbours wait ready, memory is bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.services.images.field_cache import FieldCache
from allstation.services.tasks import Workers
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.picture import FieldPicture

Reader = Callable[[Path], FieldPicture]

DEFAULT_BYTES: Final = 384 * 1024 * 1024
"""About 90 fields of 1024x768 with their halved copies."""

_THREADS: Final = 2
_NOW, _LATER = 10, 0


def read_picture(path: Path, files: FieldCache | None = None) -> FieldPicture:
    """Read a field once: its pixels, and pages, pixel size and hash of the same bytes.

    Args:
        path: The file.
        files: Reads it, and keeps it for thumbnails and outlines.
    """
    file = (files or FieldCache()).read(path)
    header = file.header
    return replace(
        FieldPicture.from_rgb(file.pixels),
        pixel_size=file.pixel_size,
        pages=header.frames,
        channels_left_out=header.channels_left_out,
        sha256=file.sha256,
    )


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
    """Reads fields on worker threads.

    Args:
        reader: Reads and decodes a field; may raise StationError.
        limit: Bytes of pictures kept.

    Signals:
        ready: Path and FieldPicture of the newest request, never of an older one.
        failed: Path and sentence of the newest request.
        missing: Path of the newest request, which is not there.
    """

    ready = Signal(object, object)
    failed = Signal(object, str)
    missing = Signal(object)

    def __init__(
        self, parent: QObject | None = None, *, reader: Reader = read_picture, limit: int = DEFAULT_BYTES
    ) -> None:
        super().__init__(parent)
        self._reader = reader
        self._cache = PictureCache(limit)
        self._workers = Workers(self, threads=_THREADS)
        self._wanted = _Wanted()
        self._running: set[Path] = set()
        self._newest: Path | None = None
        self._neighbours: tuple[Path, ...] = ()

    @property
    def cache(self) -> PictureCache:
        """Fields kept ready."""
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
        self._workers.finish()

    def _want(self) -> None:
        newest = () if self._newest is None else (self._newest,)
        self._wanted.replace((*newest, *self._neighbours))

    def _start(self, path: Path, priority: int) -> None:
        if path in self._running:
            return
        self._running.add(path)
        self._workers.run(partial(self._read, path), priority=priority).done.connect(self._take)

    def _read(self, path: Path) -> _Loaded:
        """Read a field, if it is still wanted when its turn comes. Runs on another thread."""
        if path not in self._wanted:
            return _Loaded(path, None, "")
        try:
            return _Loaded(path, self._reader(path), "")
        except StationError as error:
            return _Loaded(path, None, error.sentence, is_missing=error.code == "not-found")
        except (OSError, ValueError, MemoryError) as error:
            return _Loaded(path, None, tr("The field could not be read: {error}", error=error))

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
