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
from allstation.processing.slide_hashing import ChangedFile, HashedFile, HashedPiece, SlideHashing
from allstation.processing.slide_import import NewSlide, SlideOptions, SlideSearch
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
        self._options = options or ImportOptions()
        self._importer = Importer(put, case.folder / UNPACKED, options=self._options, known=case.slide_files)
        self._hashing = SlideHashing(put)
        self._progress = ImportProgress()
        self._cancelled = 0

    @property
    def running(self) -> bool:
        """Whether more is being looked at."""
        return self._importer.running

    def stop(self) -> None:
        """End it and wait for its threads."""
        self._hashing.stop()
        self._importer.stop()

    def cancel(self) -> None:
        """End what is being looked at, soon; nothing of it is written from now on, what was written stays."""
        if self._importer.running:
            self._cancelled = self._importer.cancel()
            self._progress.cancel()
            self.report()

    def resume(self) -> None:
        """Go on with proposed fields of slides that are not added yet, and with hashes of whole files."""
        if self._case.read_only:
            return
        try:
            unfinished, unhashed = self._case.slide_files.unfinished(), self._case.slide_files.unhashed()
        except StationError as error:
            self._emit(events.ProblemRaised(Problem.of(error)))
            return
        for file in unfinished:
            self._importer.resume(file)
        if self._options.slides.hashed:
            for file in unhashed:
                self._hashing.add(file)

    def go_on_with(self, slide_id: int) -> None:
        """Go on with the proposed fields of a slide that are not in the case yet."""
        file = self._case.slide_files.of(slide_id)
        if file is not None and file.wanted and not file.is_complete:
            self._importer.resume(file)

    def take(self, item: object) -> None:
        """Take something about a whole slide that another thread found.

        Raises:
            StationError: If the case cannot be written.
        """
        match item:
            case SlideSearch():
                if not self._cancelled:
                    self._progress.searching(item)
                self.report()
            case NewSlide() if self._cancelled:
                self._importer.written()
            case NewSlide():
                self._add_slide(item)
            case HashedPiece(slide_id, number, digest):
                self._case.slide_files.add_piece(slide_id, number, digest)
            case HashedFile(slide_id, pieces):
                file = self._case.slide_files.of(slide_id)
                if file is not None and file.pieces == pieces:
                    self._case.slide_files.finish_hash(slide_id)
                    self._emit(events.SlideFileChanged(slide_id))
            case ChangedFile(slide_id):
                self._case.slide_files.forget_pieces(slide_id)

    def _add_slide(self, found: NewSlide) -> None:
        try:
            file = self._progress.add_slide(self._case, found)
        except StationError as error:
            self._emit(events.ProblemRaised(Problem.of(error, found.path.name)))
            return
        finally:
            self._importer.written()
        self._emit(events.SlideFileChanged(file.slide_id))
        if self._options.slides.hashed and not file.full_hash:
            self._hashing.add(file)
        self.report()

    def report(self) -> None:
        """Tell how far it is, while it runs."""
        if self._importer.running:
            self._emit(events.ImportProgressed(self._progress.status(running=True)))

    def add_paths(self, paths: Sequence[Path], slides: SlideOptions | None = None) -> None:
        """Look at files and folders and add the fields among them.

        Args:
            paths: Files and folders.
            slides: What is wanted of whole slides; None for the usual.
        """
        if not paths:
            return
        if not self._importer.running:
            self._progress = ImportProgress()
        self._importer.add(paths, slides)
        self._emit(events.ImportProgressed(self._progress.status(running=True)))

    def add(self, batch: ImportBatch) -> bool:
        """Write a batch into the case; returns whether that gave it fields."""
        if self._cancelled:
            self._importer.written()
            return False
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
        self._cancelled = max(0, self._cancelled - 1)
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
