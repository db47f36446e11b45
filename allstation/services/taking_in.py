"""Walks, checks and hashes what was dropped, on a thread of its own, never ahead of the writer.

Decoders are loaded by the functions that use them, on that thread: the window does not wait for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.records import NewField

if TYPE_CHECKING:
    from allstation.imaging.foreign import PassedOver
    from allstation.imaging.intake import Found, Refused

_BATCH: Final = 64
"""Fields per transaction."""
_AHEAD: Final = 8
"""Batches read ahead of the writer."""


@dataclass(frozen=True, slots=True)
class FolderPart:
    """Fields of one folder, ready to be added, and what was refused or passed over on the way."""

    folder: Path | None
    fields: tuple[NewField, ...]
    refused: tuple[Refused, ...]
    passed: PassedOver | None = None


@dataclass(frozen=True, slots=True)
class WalkEnd:
    """The walk ended; ``error`` says how if it did not end well."""

    error: BaseException | None = None


class Intake:
    """Runs one walk after the other.

    Args:
        post: Takes batches on any thread.
        unpack_to: Where archives are unpacked, or None to refuse them.
        limits: What a field may be.
    """

    def __init__(
        self,
        post: Callable[[object], None],
        unpack_to: Path | None = None,
        *,
        limits: DecodeLimits | None = None,
    ) -> None:
        self._limits = limits or DecodeLimits()
        self._post = post
        self._unpack_to = unpack_to
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._room = threading.Semaphore(_AHEAD)
        self._stopping = threading.Event()
        self._waiting = 0

    @property
    def running(self) -> bool:
        """Whether a walk is under way or waits."""
        return self._waiting > 0

    def add(self, given: Sequence[Path]) -> None:
        """Begin to look at files and folders."""
        self._waiting += 1
        self._executor.submit(self._walk, tuple(given)).add_done_callback(self._ended)

    def written(self) -> None:
        """Say that one batch was written down, which makes room for another."""
        self._room.release()

    def finished(self) -> None:
        """Say that the end of a walk was noticed."""
        self._waiting -= 1

    def stop(self) -> None:
        """End the walk after the file in hand and wait for the thread."""
        self._stopping.set()
        self._room.release()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _ended(self, future: Future[None]) -> None:
        if not future.cancelled():
            self._post(WalkEnd(future.exception()))

    def _walk(self, given: tuple[Path, ...]) -> None:
        for batch in batches(given, self._stopping, unpack_to=self._unpack_to, limits=self._limits):
            self._room.acquire()
            if self._stopping.is_set():
                return
            self._post(batch)


def batches(
    given: Sequence[Path],
    stopping: threading.Event,
    *,
    unpack_to: Path | None = None,
    limits: DecodeLimits | None = None,
) -> Iterator[FolderPart]:
    """Yield what lies in files, folders and archives, a folder's fields together, in natural order.

    The last one says what was passed over.
    """
    from allstation.imaging.foreign import PassedOver
    from allstation.imaging.intake import Found, Refused, find_fields

    folder: Path | None = None
    fields: list[NewField] = []
    refused: list[Refused] = []
    passed = PassedOver()
    for found in find_fields(given, unpack_to=unpack_to, passed=passed):
        if stopping.is_set():
            return
        here = found.folder if isinstance(found, Found) else folder
        if here != folder or len(fields) + len(refused) >= _BATCH:
            if fields or refused:
                yield FolderPart(folder, tuple(fields), tuple(refused))
            folder, fields, refused = here, [], []
        judged = _judge(found, limits or DecodeLimits())
        if isinstance(judged, Refused):
            refused.append(judged)
        else:
            fields.append(judged)
    if fields or refused or passed.counts:
        yield FolderPart(folder, tuple(fields), tuple(refused), passed)


def _judge(found: Found | Refused, limits: DecodeLimits) -> NewField | Refused:
    from allstation.imaging.intake import Refused, new_field

    if isinstance(found, Refused):
        return found
    try:
        return new_field(found.path, limits)
    except StationError as error:
        return Refused(found.path, error)
