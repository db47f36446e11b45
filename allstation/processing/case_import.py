"""Import of files into one open case: looked at on other threads, written and told on the owner's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from allstation.core.errors import StationError
from allstation.core.records import UNPACKED
from allstation.processing import events
from allstation.processing.import_progress import ImportProgress
from allstation.processing.importer import ImportBatch, Importer, ImportFinished, ImportOptions
from allstation.processing.status_types import Problem
from allstation.store.case import Case
from allstation.store.field_files import LocateReport

_log = logging.getLogger(__name__)


class CaseImport:
    """Looks through files and folders, and writes the fields among them. Used on its owner's thread only.

    Args:
        case: The writer's connection.
        emit: Takes events.
        put: Takes what other threads found; called on any thread. The owner hands it to :meth:`add` and
            :meth:`finished`.
        options: How files are read.
    """

    def __init__(
        self,
        case: Case,
        emit: Callable[[events.Event], None],
        put: Callable[[object], None],
        options: ImportOptions | None,
    ) -> None:
        self._case = case
        self._emit = emit
        self._importer = Importer(put, case.folder / UNPACKED, options=options)
        self._progress = ImportProgress()

    @property
    def running(self) -> bool:
        """Whether more is being looked at."""
        return self._importer.running

    def stop(self) -> None:
        """End it and wait for its thread."""
        self._importer.stop()

    def report(self) -> None:
        """Tell how far it is, while it runs."""
        if self._importer.running:
            self._emit(events.ImportProgressed(self._progress.status(running=True)))

    def add_paths(self, paths: Sequence[Path]) -> None:
        """Look at files and folders and add the fields among them."""
        if not paths:
            return
        if not self._importer.running:
            self._progress = ImportProgress()
        self._importer.add(paths)
        self._emit(events.ImportProgressed(self._progress.status(running=True)))

    def add(self, batch: ImportBatch) -> bool:
        """Write a batch into the case; returns whether that gave it fields."""
        try:
            added = self._progress.add(self._case, batch)
        except StationError as error:
            self._emit(events.ProblemRaised(Problem.of(error)))
            return False
        finally:
            self._importer.written()
        self._emit(events.BatchImported(batch))
        if added:
            self._emit(events.FieldsAdded(added))
        return bool(added)

    def finished(self, end: ImportFinished) -> None:
        """Take note that everything was looked at, and say so."""
        self._importer.finished()
        if end.error is not None:
            _log.error("import failed: %s", type(end.error).__name__)
            sentence = "Looking through the dropped files stopped unexpectedly. Try again with fewer of them."
            self._emit(events.ProblemRaised(Problem("intake-failed", sentence)))
        self._emit(events.ImportProgressed(self._progress.status(running=self._importer.running)))


def locate_fields(case: Case, folder: Path) -> LocateReport | Problem:
    """Search a folder for fields that are not where they were."""
    try:
        return case.files.locate_in(folder)
    except StationError as error:
        return Problem.of(error, folder.name)
