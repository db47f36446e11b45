"""Imports files and folders: walks, checks and hashes them on other threads, never far ahead of the writer.

Decoders are loaded by the functions that use them, on those threads: the window does not wait for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.records import NewField

if TYPE_CHECKING:
    from allstation.imaging.foreign import PassedOver
    from allstation.imaging.intake import FieldPath, Refused

_BATCHES_AHEAD: Final = 8
"""Batches read ahead of the writer."""
_FILES_AHEAD: Final = 32
"""Files opened ahead of their batch, per reader."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Limits and options for reading files.

    Attributes:
        limits: What a field may be.
        readers: Threads that open and hash files.
        batch: Fields per transaction.
    """

    limits: DecodeLimits = field(default_factory=DecodeLimits)
    readers: int = 1
    batch: int = 64


@dataclass(frozen=True, slots=True)
class ImportBatch:
    """Fields of one folder, ready to be added, and what was refused or passed over on the way."""

    folder: Path | None
    fields: tuple[NewField, ...]
    refused: tuple[Refused, ...]
    passed: PassedOver | None = None


@dataclass(frozen=True, slots=True)
class ImportFinished:
    """End of a walk; ``error`` is the reason if it failed."""

    error: BaseException | None = None


class Importer:
    """Runs one walk after the other.

    Args:
        post: Takes batches on any thread.
        unpack_to: Where archives are unpacked, or None to refuse them.
        options: Limits and options for reading files.
    """

    def __init__(
        self,
        post: Callable[[object], None],
        unpack_to: Path | None = None,
        *,
        options: ImportOptions | None = None,
    ) -> None:
        self._options = options or ImportOptions()
        self._post = post
        self._unpack_to = unpack_to
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="import")
        self._room = threading.Semaphore(_BATCHES_AHEAD)
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
        """Make room for another batch, as one was written."""
        self._room.release()

    def finished(self) -> None:
        """Count a walk whose end was noticed."""
        self._waiting -= 1

    def stop(self) -> None:
        """End the walk after the files in hand and wait for the threads."""
        self._stopping.set()
        self._room.release()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _ended(self, future: Future[None]) -> None:
        if not future.cancelled():
            self._post(ImportFinished(future.exception()))

    def _walk(self, given: tuple[Path, ...]) -> None:
        for batch in batches(given, self._stopping, unpack_to=self._unpack_to, options=self._options):
            self._room.acquire()
            if self._stopping.is_set():
                return
            self._post(batch)


def batches(
    given: Sequence[Path],
    stopping: threading.Event,
    *,
    unpack_to: Path | None = None,
    options: ImportOptions | None = None,
) -> Iterator[ImportBatch]:
    """Yield what lies in files, folders and archives, a folder's fields together, in natural order.

    The last one says what was passed over.
    """
    from allstation.imaging.foreign import PassedOver
    from allstation.imaging.intake import FieldPath, Refused

    chosen = options or ImportOptions()
    folder: Path | None = None
    fields: list[NewField] = []
    refused: list[Refused] = []
    passed = PassedOver()
    for found, judged in _judged(given, chosen, unpack_to=unpack_to, passed=passed):
        if stopping.is_set():
            return
        here = found.folder if isinstance(found, FieldPath) else folder
        if here != folder or len(fields) + len(refused) >= chosen.batch:
            if fields or refused:
                yield ImportBatch(folder, tuple(fields), tuple(refused))
            folder, fields, refused = here, [], []
        if isinstance(judged, Refused):
            refused.append(judged)
        else:
            fields.append(judged)
    if fields or refused or passed.counts:
        yield ImportBatch(folder, tuple(fields), tuple(refused), passed)


def _judged(
    given: Sequence[Path], options: ImportOptions, *, unpack_to: Path | None, passed: PassedOver
) -> Iterator[tuple[FieldPath | Refused, NewField | Refused]]:
    """Yield what is found with what it is, in order; files are opened a bounded number ahead."""
    from allstation.imaging.intake import Refused, find_fields, new_field
    from allstation.inference.workers import in_order

    def judge(found: FieldPath | Refused) -> tuple[FieldPath | Refused, NewField | Refused]:
        if isinstance(found, Refused):
            return found, found
        try:
            return found, new_field(found.path, options.limits)
        except StationError as error:
            return found, Refused(found.path, error)

    with ThreadPoolExecutor(options.readers, thread_name_prefix="import-reader") as readers:
        found_fields = find_fields(given, unpack_to=unpack_to, passed=passed)
        submitted = (readers.submit(judge, found) for found in found_fields)
        yield from in_order(submitted, ahead=options.readers * _FILES_AHEAD)
