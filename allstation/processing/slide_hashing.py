"""Hashes the files of whole slides in the background, a piece at a time, so that it goes on after any end.

What is read comes back through the owner's queue of results; the owner keeps each piece before the next
start of the program would ask for it again.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from allstation.core.errors import StationError
from allstation.core.slide_file import PIECE, SlideFile
from allstation.core.text import shown_name

_log = logging.getLogger(__name__)
_BLOCK: Final = 1 << 20
_REST: Final = 1.0
"""Times as long as a block took that is waited after it: fields are read from the same disk."""


@dataclass(frozen=True, slots=True)
class HashedPiece:
    """Piece of a slide's file: its slide, its number from 0, and the SHA-256 of its bytes."""

    slide_id: int
    number: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class HashedFile:
    """End of a slide's file, which has so many pieces and the fingerprint that it was added with."""

    slide_id: int
    pieces: int


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """Slide whose file is another one now: its pieces hold no longer."""

    slide_id: int


class SlideHashing:
    """Hashes one file after the other on a thread of low priority.

    Args:
        post: Takes pieces and ends on any thread.
    """

    def __init__(self, post: Callable[[object], None]) -> None:
        self._post = post
        self._stopping = threading.Event()
        self._executor: ThreadPoolExecutor | None = None
        self._known: set[int] = set()

    def add(self, file: SlideFile) -> None:
        """Hash what is missing of a file; once is enough."""
        if file.slide_id in self._known or self._stopping.is_set():
            return
        self._known.add(file.slide_id)
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="hash", initializer=_begin)
        self._executor.submit(self._hash, file)

    def stop(self) -> None:
        """End it after the block in hand and wait for the thread."""
        self._stopping.set()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def _hash(self, file: SlideFile) -> None:
        from allstation.imaging.readers import slide_files

        try:
            if not self._is_same(file):
                return
            for number, digest in self._pieces(slide_files(file.path), file.pieces):
                self._post(HashedPiece(file.slide_id, number, digest))
            if not self._stopping.is_set() and self._is_same(file):
                self._post(HashedFile(file.slide_id, _count(slide_files(file.path))))
        except (StationError, OSError) as error:
            _log.info("the file of slide %s is not hashed: %s", file.slide_id, type(error).__name__)
        except Exception:  # noqa: BLE001 - a fault in one file must not end the thread
            _log.exception("the file of a slide could not be hashed")

    def _is_same(self, file: SlideFile) -> bool:
        from allstation.imaging.slides.identity import fingerprint

        if fingerprint(file.path) == file.identity.fingerprint:
            return True
        self._post(ChangedFile(file.slide_id))
        return False

    def _pieces(self, files: tuple[Path, ...], done: int) -> Iterator[tuple[int, bytes]]:
        """Yield number and SHA-256 of the pieces that are not done yet, until it is stopped."""
        number = 0
        for path in files:
            with path.open("rb") as opened:
                for place in range(0, max(path.stat().st_size, 1), PIECE):
                    if number >= done:
                        opened.seek(place)
                        digest = self._piece(opened)
                        if digest is None:
                            return
                        yield number, digest
                    number += 1

    def _piece(self, opened: BinaryIO) -> bytes | None:
        """Return the SHA-256 of the next piece; None if it is stopped."""
        digest, left = hashlib.sha256(), PIECE
        while left > 0:
            if self._stopping.is_set():
                return None
            began = time.monotonic()
            block = opened.read(min(_BLOCK, left))
            if not block:
                break
            digest.update(block)
            left -= len(block)
            self._stopping.wait(_REST * (time.monotonic() - began))
        return digest.digest()


def whole_hash(path: Path) -> str:
    """Return the hash of a slide's files as a case keeps it, by reading every byte of them.

    Raises:
        StationError: If a file is not there or cannot be read.
    """
    from allstation.imaging.readers import slide_files
    from allstation.imaging.slides.identity import stamp

    files = slide_files(path)
    stamp(path, files)
    whole = hashlib.sha256()
    try:
        for file in files:
            with file.open("rb") as opened:
                for _ in range(0, max(file.stat().st_size, 1), PIECE):
                    digest, left = hashlib.sha256(), PIECE
                    while left and (block := opened.read(min(_BLOCK, left))):
                        digest.update(block)
                        left -= len(block)
                    whole.update(digest.digest())
    except OSError as error:
        reason = error.strerror or str(error)
        sentence = f"The slide {shown_name(path.name)} cannot be read ({reason}). Check the file and retry."
        raise StationError("unreadable-slide", sentence) from error
    return whole.hexdigest()


def _count(files: tuple[Path, ...]) -> int:
    return sum(-(-max(path.stat().st_size, 1) // PIECE) for path in files)


def _begin() -> None:
    from allstation.inference.workers import lower_thread_priority

    lower_thread_priority()
