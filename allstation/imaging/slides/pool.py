"""Pool of open slides: fields of the same slide share its reader; few slides are open at once."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from allstation.core.limits import DecodeLimits
from allstation.imaging.readers import SlideReader, open_slide, slide_files
from allstation.imaging.slides.identity import Stamp, fingerprint_of, stamp

_OPEN: Final = 2
"""Slides that stay open: their children hold some 100 MB each."""
_CHILDREN: Final = max(2, min(4, (os.cpu_count() or 2) // 2))
"""Children that read one slide at once."""


@dataclass(slots=True)
class _Entry:
    """Slide of the pool.

    Attributes:
        lock: Held while it is opened.
        stamp: Sizes and times of its files when it was.
        users: Threads that use it.
        gone: Whether it left the pool, and is closed by its last user.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    files: tuple[Path, ...] = ()
    stamp: Stamp = ()
    fingerprint: str = ""
    reader: SlideReader | None = None
    users: int = 0
    gone: bool = False


@dataclass(frozen=True, slots=True)
class OpenSlide:
    """Slide that is open.

    Attributes:
        reader: Reads it; not to be closed.
        fingerprint: Of its files as they are now.
        stamp: Sizes and times of its files by which that is known.
    """

    reader: SlideReader
    fingerprint: str
    stamp: Stamp

    def is_unchanged(self) -> bool:
        """Whether its files are still those of the fingerprint; asked after pixels were read.

        Raises:
            StationError: As :func:`allstation.imaging.slides.identity.stamp` does.
        """
        return stamp(self.reader.path, [Path(name) for name, *_ in self.stamp]) == self.stamp


class SlidePool:
    """Open slides by path and limits, the last ones used; any thread may ask.

    Args:
        most: Slides that stay open while nobody uses them.
    """

    def __init__(self, most: int = _OPEN) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[Path, DecodeLimits], _Entry] = OrderedDict()

    @contextmanager
    def opened(self, path: Path, limits: DecodeLimits) -> Iterator[OpenSlide]:
        """Give a slide, opened if it is not, and anew if its files changed.

        Raises:
            StationError: As :func:`allstation.imaging.readers.open_slide` and
                :func:`allstation.imaging.slides.identity.fingerprint` do.
        """
        entry = self._entry(path, limits)
        try:
            with entry.lock:
                slide = _ready(entry, path, limits)
            yield slide
        finally:
            self._give_back(entry)

    def close(self) -> None:
        """Close every slide that nobody uses; the others are closed by their last user."""
        with self._lock:
            dropped = self._dropped(0)
        _close(dropped)

    def _entry(self, path: Path, limits: DecodeLimits) -> _Entry:
        with self._lock:
            entry = self._entries.setdefault((path, limits), _Entry())
            entry.users += 1
            self._entries.move_to_end((path, limits))
            dropped = self._dropped(self._most)
        _close(dropped)
        return entry

    def _dropped(self, most: int) -> list[_Entry]:
        """Take the oldest out of the pool; return those that nobody uses."""
        dropped = []
        while len(self._entries) > most:
            _, entry = self._entries.popitem(last=False)
            entry.gone = True
            dropped.append(entry)
        return [entry for entry in dropped if not entry.users]

    def _give_back(self, entry: _Entry) -> None:
        with self._lock:
            entry.users -= 1
            last = entry.gone and not entry.users
        if last:
            _close([entry])


def _ready(entry: _Entry, path: Path, limits: DecodeLimits) -> OpenSlide:
    """Open or reopen the slide of an entry whose lock is held."""
    if entry.reader is None or stamp(path, entry.files) != entry.stamp:
        files = slide_files(path)
        before = stamp(path, files)
        reader = open_slide(path, limits, children=_CHILDREN)
        try:
            found = fingerprint_of(path, files)
        except BaseException:
            reader.close()
            raise
        # Another thread may still read by the old one, which ends with its last request.
        entry.files, entry.stamp, entry.fingerprint, entry.reader = files, before, found, reader
    return OpenSlide(entry.reader, entry.fingerprint, entry.stamp)


def _close(entries: list[_Entry]) -> None:
    for entry in entries:
        if entry.reader is not None:
            entry.reader.close()
            entry.reader = None


@cache
def slide_pool() -> SlidePool:
    """Return the pool of this process."""
    return SlidePool()
