"""Imports files and folders: walks, checks and hashes them on other threads, never far ahead of the writer.

Decoders are loaded by the functions that use them, on those threads: the window does not wait for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.records import NewField
from allstation.core.slide_file import SlideFile
from allstation.processing.slide_import import (
    ImportStoppedError,
    KnownSlides,
    NewSlide,
    SlideBatch,
    SlideOptions,
    SlideSearch,
    SlideStep,
    plan_batches,
    slide_batches,
)

if TYPE_CHECKING:
    from allstation.imaging.formats.foreign import PassedOver
    from allstation.imaging.intake import FieldPath, Refused, SlidePath

_BATCHES_AHEAD: Final = 8
"""Batches read ahead of the writer."""
_STEP: Final = 0.01
"""Share of a slide after which it is told again how far it is looked through."""
_FILES_AHEAD: Final = 32
"""Files opened ahead of their batch, per reader."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Limits and options for reading files.

    Attributes:
        limits: What a field may be.
        readers: Threads that open and hash files.
        batch: Fields per transaction.
        slides: What is wanted of whole slides.
    """

    limits: DecodeLimits = field(default_factory=DecodeLimits)
    readers: int = 1
    batch: int = 64
    slides: SlideOptions = field(default_factory=SlideOptions)


@dataclass(frozen=True, slots=True)
class ImportBatch:
    """Fields of one folder, ready to be added, and what was refused or passed over on the way.

    Attributes:
        folder: The folder, or the file of a whole slide.
        fields: The fields.
        refused: What is no field, and why.
        passed: Pictures of other kinds; of the last batch only.
        slide: Step through the proposed fields of a whole slide; None for files.
    """

    folder: Path | None
    fields: tuple[NewField, ...]
    refused: tuple[Refused, ...]
    passed: PassedOver | None = None
    slide: SlideStep | None = None


@dataclass(frozen=True, slots=True)
class ImportFinished:
    """End of a walk; ``error`` is the reason if it failed."""

    error: BaseException | None = None


class Importer:
    """Runs one walk after the other.

    Args:
        post: Takes batches, slides and how far they are looked through, on any thread.
        unpack_to: Where archives are unpacked, or None to refuse them.
        options: Limits and options for reading files.
        known: Whole slides of the case.
    """

    def __init__(
        self,
        post: Callable[[object], None],
        unpack_to: Path | None = None,
        *,
        options: ImportOptions | None = None,
        known: KnownSlides | None = None,
    ) -> None:
        self._known = known
        self._options = options or ImportOptions()
        self._post = post
        self._unpack_to = unpack_to
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="import")
        self._room = threading.Semaphore(_BATCHES_AHEAD)
        self._stopping = threading.Event()
        self._waiting = 0
        self._reported = SlideSearch("", 0.0)

    @property
    def running(self) -> bool:
        """Whether a walk is under way or waits."""
        return self._waiting > 0

    def add(self, given: Sequence[Path], slides: SlideOptions | None = None) -> None:
        """Begin to look at files and folders.

        Args:
            given: Files and folders.
            slides: What is wanted of whole slides; None for the usual.
        """
        self._waiting += 1
        options = self._options if slides is None else replace(self._options, slides=slides)
        walk = self._executor.submit(self._walk, tuple(given), options, self._stopping)
        walk.add_done_callback(self._ended)

    def resume(self, file: SlideFile) -> None:
        """Go on with the proposed fields of a slide that are not in the case yet."""
        self._waiting += 1
        self._executor.submit(self._go_on, file, self._stopping).add_done_callback(self._ended)

    def written(self) -> None:
        """Make room for another batch or slide, as one was written."""
        self._room.release()

    def finished(self) -> None:
        """Count a walk whose end was noticed."""
        self._waiting -= 1

    def cancel(self) -> int:
        """End the walk under way soon, and those that wait; later ones are not touched.

        Returns:
            How many walks will end; what they still post is not to be written.
        """
        self._stopping, stopped = threading.Event(), self._stopping
        stopped.set()
        return self._waiting

    def stop(self) -> None:
        """End the walk after the files in hand and wait for the threads."""
        self._stopping.set()
        self._room.release()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _ended(self, future: Future[None]) -> None:
        if not future.cancelled():
            self._post(ImportFinished(future.exception()))

    def _walk(self, given: tuple[Path, ...], options: ImportOptions, stopping: threading.Event) -> None:
        found = batches(
            given,
            stopping,
            unpack_to=self._unpack_to,
            options=options,
            known=self._known,
            progress=partial(self._looking, stopping),
        )
        self._post_all(found, stopping)

    def _go_on(self, file: SlideFile, stopping: threading.Event) -> None:
        if self._known is not None and not stopping.is_set():
            steps = plan_batches(file, self._known, size=self._options.batch)
            self._post_all(map(_slide_batch, steps), stopping)

    def _post_all(self, items: Iterable[ImportBatch | NewSlide], stopping: threading.Event) -> None:
        with suppress(ImportStoppedError):
            for item in items:
                self._room.acquire()
                if stopping.is_set():
                    self._room.release()
                    return
                self._post(item)

    def _looking(self, stopping: threading.Event, search: SlideSearch) -> None:
        if stopping.is_set():
            raise ImportStoppedError
        # At each read, which is often; told is each hundredth, and that a slide is begun.
        if not search.share or search.share >= self._reported.share + _STEP:
            self._reported = search
            self._post(search)


def batches(
    given: Sequence[Path],
    stopping: threading.Event,
    *,
    unpack_to: Path | None = None,
    options: ImportOptions | None = None,
    known: KnownSlides | None = None,
    progress: Callable[[SlideSearch], None] = lambda _: None,
) -> Iterator[ImportBatch | NewSlide]:
    """Yield what lies in files, folders and archives, a folder's fields together, in natural order.

    A whole slide comes before its fields. The last batch says what was passed over.
    """
    from allstation.imaging.formats.foreign import PassedOver
    from allstation.imaging.intake import FieldPath, Refused, SlidePath

    chosen = options or ImportOptions()
    folder: Path | None = None
    fields: list[NewField] = []
    refused: list[Refused] = []
    passed = PassedOver()
    for found, judged in _judged(given, chosen, unpack_to=unpack_to, passed=passed):
        if stopping.is_set():
            return
        if isinstance(found, SlidePath):
            if fields or refused:
                yield ImportBatch(folder, tuple(fields), tuple(refused))
            fields, refused = [], []
            yield from _slide(found.path, chosen, known, progress)
            continue
        here = found.folder if isinstance(found, FieldPath) else folder
        if here != folder or len(fields) + len(refused) >= chosen.batch:
            if fields or refused:
                yield ImportBatch(folder, tuple(fields), tuple(refused))
            folder, fields, refused = here, [], []
        if isinstance(judged, Refused):
            refused.append(judged)
        elif judged is not None:
            fields.append(judged)
    if fields or refused or passed.counts:
        yield ImportBatch(folder, tuple(fields), tuple(refused), passed)


def _slide(
    path: Path,
    options: ImportOptions,
    known: KnownSlides | None,
    progress: Callable[[SlideSearch], None],
) -> Iterator[ImportBatch | NewSlide]:
    """Yield a slide and its fields, or that it is refused."""
    from allstation.imaging.intake import Refused

    steps = slide_batches(
        path, options.slides, limits=options.limits, known=known, size=options.batch, progress=progress
    )
    try:
        for step in steps:
            yield step if isinstance(step, NewSlide) else _slide_batch(step)
    except StationError as error:
        yield ImportBatch(None, (), (Refused(path, error),))


def _slide_batch(step: SlideBatch) -> ImportBatch:
    from allstation.imaging.intake import Refused

    refused = tuple(Refused(path, error) for path, error in step.refused)
    return ImportBatch(step.path, step.fields, refused, slide=step.step)


def _judged(
    given: Sequence[Path], options: ImportOptions, *, unpack_to: Path | None, passed: PassedOver
) -> Iterator[tuple[FieldPath | SlidePath | Refused, NewField | Refused | None]]:
    """Yield what is found with what it is, in order; files are opened a bounded number ahead."""
    from allstation.imaging.intake import Refused, SlidePath, find_fields, new_field
    from allstation.imaging.readers import pages_of
    from allstation.inference.workers import in_order

    def judge(
        found: FieldPath | SlidePath | Refused,
    ) -> tuple[FieldPath | SlidePath | Refused, NewField | Refused | None]:
        if isinstance(found, Refused):
            return found, found
        if isinstance(found, SlidePath):
            return found, None
        if options.slides.pages and pages_of(found.path) > 1:
            return SlidePath(found.path, frozenset({found.path})), None
        try:
            return found, new_field(found.path, options.limits)
        except StationError as error:
            return found, Refused(found.path, error)

    with ThreadPoolExecutor(options.readers, thread_name_prefix="import-reader") as readers:
        found_fields = find_fields(given, unpack_to=unpack_to, passed=passed, slides=True)
        submitted = (readers.submit(judge, found) for found in found_fields)
        yield from in_order(submitted, ahead=options.readers * _FILES_AHEAD)
