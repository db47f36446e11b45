"""Thumbnails decoded on a small pool, what was asked for last comes first."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.services.images.field_cache import FieldCache
from allstation.services.images.newest_first import NewestFirst
from allstation.services.tasks import Workers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from allstation.imaging.formats.decode import FieldInfo

_THREADS: Final = max(1, min(2, (os.cpu_count() or 1) - 1))
"""One processor stays free for the window's own thread."""


@dataclass(frozen=True, slots=True)
class ThumbnailKey:
    """Key of a thumbnail: file and size.

    Attributes:
        field_id: The field.
        width: Device pixels.
        height: Device pixels.
        keeps_shape: Make it as large as fits into this size, for fields whose own size nobody knows yet; else
            it is squashed to exactly this size.
    """

    field_id: int
    width: int
    height: int
    keeps_shape: bool = False


class ThumbnailLoader(QObject):
    """Decodes small pictures of fields.

    Args:
        files: Reads the fields; shared with the viewer, so that a field shown there is not read again.
        threads: Fields decoded at a time.

    Signals:
        loaded: A :class:`ThumbnailKey` and a uint8 RGB array (height, width, 3), or None when
            the file cannot be read any more.
    """

    loaded = Signal(object, object)

    def __init__(
        self, parent: QObject | None = None, *, files: FieldCache | None = None, threads: int = _THREADS
    ) -> None:
        super().__init__(parent)
        self.files = files or FieldCache()
        self._workers = Workers(self, threads=threads)
        self._waiting: NewestFirst[ThumbnailKey, tuple[Path, str]] = NewestFirst()
        self._stopped = False

    def request(self, key: ThumbnailKey, path: Path, sha256: str) -> None:
        """Ask for a picture; asking again moves it to the front.

        Args:
            key: Field and size.
            path: The field's file.
            sha256: Of the bytes that were added; there is no picture of others. Empty to accept any.
        """
        if not self._stopped and self._waiting.add(key, (path, sha256)):
            self._workers.run(self._decode_newest).done.connect(self._decoded)

    def forget(self) -> None:
        """Drop what waits, for example when another case is opened."""
        self._waiting.clear()

    def stop(self) -> None:
        """Drop what waits, wait for the threads, and take no more requests."""
        # A function begun after this would still run while the pool is deleted, which waits for it with
        # the interpreter in its hand: neither could go on.
        self._stopped = True
        self.forget()
        self._workers.close()

    def _decode_newest(self) -> tuple[ThumbnailKey, NDArray[np.uint8] | None] | None:
        for key, (path, sha256) in self._waiting.take().items():
            return key, _decode(key, self.files, path, sha256)
        return None

    @Slot(object)
    def _decoded(self, found: tuple[ThumbnailKey, NDArray[np.uint8] | None] | None) -> None:
        if found is not None:
            self._waiting.done([found[0]])
            self.loaded.emit(*found)


def _decode(key: ThumbnailKey, files: FieldCache, path: Path, sha256: str) -> NDArray[np.uint8] | None:
    try:
        file = files.read(path, sha256, keep=False)
        return file.thumbnail(_fitting(key, file.header) if key.keeps_shape else (key.height, key.width))
    except (StationError, MemoryError):
        return None


def _fitting(key: ThumbnailKey, field: FieldInfo) -> tuple[int, int]:
    """Return the largest height and width in the shape of a field that fit into a thumbnail's."""
    scale = min(key.width / field.width, key.height / field.height)
    return max(1, round(field.height * scale)), max(1, round(field.width * scale))
