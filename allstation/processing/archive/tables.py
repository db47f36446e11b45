"""Streams the slides of an archive through an executor into their tables; memory does not grow with them."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation.core.errors import ModelError
from allstation.core.limits import DecodeLimits
from allstation.processing.archive.cases import Trouble
from allstation.processing.archive.manifest import SlideEntry
from allstation.processing.archive.parquet import SlideTable, Waiting
from allstation.processing.archive.slides import ArchiveSlide
from allstation.processing.batch import FarExecutor, FieldExecutor
from allstation.processing.importer import ImportOptions, batches
from allstation.processing.slide_import import NewSlide, SlideOptions

if TYPE_CHECKING:
    from allstation.inference.pipeline import Outcome

_READERS: Final = 2
_CHUNK: Final = 512
"""Files of a slide that are looked at together."""
_AHEAD: Final = 8


class TableStream:
    """Writes the tables of slides as their results come, those of the next slide under way meanwhile.

    Args:
        out: The archive's folder.
        classes: Of the model.
        executor: Works on all slides.
        limits: Of a field.
        finished: Takes what the manifest says of a slide that is whole.
        progressed: Takes how many fields were finished.
        trouble: Takes what was refused or failed.
        slides: What is wanted of whole slides.
    """

    def __init__(
        self,
        out: Path,
        classes: Iterable[str],
        executor: FieldExecutor,
        *,
        limits: DecodeLimits,
        finished: Callable[[SlideEntry], None],
        progressed: Callable[[int], None],
        trouble: Trouble,
        slides: SlideOptions | None = None,
    ) -> None:
        self._out = out
        self._classes = tuple(classes)
        self._executor = executor
        self._options = ImportOptions(
            limits=limits, readers=_READERS, batch=_CHUNK, slides=slides or SlideOptions()
        )
        self._finished = finished
        self._progressed = progressed
        self._trouble = trouble
        self._waiting: deque[Waiting] = deque()
        self._tables: list[SlideTable] = []
        self._number = 0
        self._stopping = threading.Event()

    def run(self, slides: Iterable[ArchiveSlide]) -> None:
        """Write the tables of all slides.

        Raises:
            ModelError: If the model cannot be used.
            StationError: ``cannot-write``.
        """
        try:
            for slide in slides:
                self._begin(slide)
            while self._waiting:
                self._take_oldest()
        finally:
            for table in self._tables:
                with contextlib.suppress(OSError):
                    table.drop()

    def _begin(self, slide: ArchiveSlide) -> None:
        table = SlideTable(self._out, slide, self._classes)
        self._tables.append(table)
        for first in range(0, len(slide.files), _CHUNK):
            paths = [slide.folder / name for name in slide.files[first : first + _CHUNK]]
            for batch in batches(paths, self._stopping, options=self._options):
                if isinstance(batch, NewSlide):
                    continue  # its fields follow
                for refused in batch.refused:
                    table.refused += 1
                    self._trouble(slide.key, refused.path, refused.error.code, refused.error.sentence)
                    self._progressed(1)
                for field in batch.fields:
                    self._make_room()
                    self._number += 1
                    table.open += 1
                    future = self._executor.submit(self._number, field.path, field.sha256)
                    self._waiting.append((table, field, future))
        table.read = True
        self._end_if_whole(table)

    def _make_room(self) -> None:
        ahead = self._executor.ahead if isinstance(self._executor, FarExecutor) else 0
        while len(self._waiting) >= (ahead or self._executor.threads * _AHEAD):
            self._take_oldest()

    def _take_oldest(self) -> None:
        table, field, future = self._waiting.popleft()
        outcome: Outcome[int] = future.result()
        if isinstance(outcome.error, ModelError):
            raise outcome.error
        table.add(field, outcome)
        table.open -= 1
        if outcome.prediction is None and outcome.error is not None:
            self._trouble(table.slide.key, field.path, outcome.error.code, outcome.error.sentence)
        self._progressed(1)
        self._end_if_whole(table)

    def _end_if_whole(self, table: SlideTable) -> None:
        if table.read and not table.open:
            self._finished(table.finish())
            self._tables.remove(table)
