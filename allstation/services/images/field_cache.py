"""Cache of the fields read last: viewer, thumbnails and outlines share one reading and one decoding."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation.core.limits import DecodeLimits

if TYPE_CHECKING:
    from allstation.imaging.fields.file import FieldFile

_BYTES: Final = 32 * 1024**2
"""About 12 fields of 1024x768 with their pixels."""

_Stamp = tuple[int, int]


class FieldCache:
    """Reads fields on any thread and keeps the last ones, within a number of bytes.

    An entry is used as long as size and time of its file stay what they were.

    Args:
        limits: Limits of file size, header and pixels.
        max_bytes: Bytes kept at most, the pixels counted whether they are decoded yet or not.
    """

    def __init__(self, limits: DecodeLimits | None = None, *, max_bytes: int = _BYTES) -> None:
        self.limits = limits or DecodeLimits()
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[Path, tuple[_Stamp, FieldFile, int]] = OrderedDict()

    def read(self, path: Path, sha256: str = "", *, keep: bool = True) -> FieldFile:
        """Return a field's file, from memory if it was read before.

        Args:
            path: The file.
            sha256: Hash of the bytes that were added to the case; empty to accept any.
            keep: Keep it for others; without it one that is kept is only used.

        Raises:
            StationError: As :func:`allstation.imaging.fields.file.read_field`.
        """
        # Here, on a worker's thread: the decoder takes longer to load than the whole window.
        from allstation.imaging.fields.file import check_same, read_field

        stamp = _stamp(path)
        with self._lock:
            kept = self._entries.get(path)
            if kept is not None and kept[0] == stamp:
                self._entries.move_to_end(path)
                check_same(kept[1], sha256)
                return kept[1]
        file = read_field(path, self.limits, sha256=sha256)
        if keep and stamp is not None:
            self._keep(path, stamp, file)
        return file

    def _keep(self, path: Path, stamp: _Stamp, file: FieldFile) -> None:
        size = file.held_bytes
        with self._lock:
            self._entries.pop(path, None)
            self._entries[path] = (stamp, file, size)
            while sum(entry[2] for entry in self._entries.values()) > self._max_bytes:
                self._entries.popitem(last=False)


def _stamp(path: Path) -> _Stamp | None:
    """Return size and time of a field's file, or of the slide that it is a part of."""
    from allstation.imaging.formats.suffixes import field_file

    try:
        status = field_file(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns
