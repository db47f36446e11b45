"""Progress of an import, counted while it runs."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

from allstation.core.records import FieldCopy, NewField, Slide
from allstation.core.slide_file import SlideFile
from allstation.core.text import shown_name
from allstation.processing.importer import ImportBatch
from allstation.processing.slide_import import NewSlide, SlideSearch, SlideStep
from allstation.processing.status_types import ImportStatus, Problem
from allstation.store.case import Case

_KEPT: Final = 200
"""Problems kept in full; beyond them only their number."""
_NOTHING: Final = SlideSearch("", 0.0)
"""No slide is looked through."""


class ImportProgress:
    """Adds batches to a case and remembers what became of them."""

    def __init__(self) -> None:
        self._added = 0
        self._ids = array("q")
        self._duplicates = 0
        self._same: list[Problem] = []
        self._paged = 0
        self._refused: list[Problem] = []
        self._refused_count = 0
        self._mix_ups: list[Problem] = []
        self._passed: list[Problem] = []
        self._notes: list[Problem] = []
        self._search = _NOTHING
        self._is_cancelled = False

    def add(self, case: Case, batch: ImportBatch) -> list[int]:
        """Write one batch and return the ids of the fields that are new, or in the case again.

        Raises:
            StationError: If the case cannot be written.
        """
        added: list[int] = []
        self._search = _NOTHING
        if batch.slide is not None:
            added = self._add_parts(case, batch, batch.slide)
        elif batch.fields:
            folder = batch.folder
            slide = case.slides.add(folder.name if folder and folder.name else "fields", folder)
            report = case.fields.add(slide.id, batch.fields)
            added = [*report.added, *report.restored]
            self._note_same(report.duplicates)
            self._note_mix_ups(case, slide, report.copies)
        self._added += len(added)
        self._ids.extend(added)
        self._duplicates += len(batch.fields) - len(added)
        if batch.passed is not None:
            self._passed += [Problem("passed-over", sentence) for sentence in batch.passed.sentences()]
        self._paged += sum(field.pages > 1 for field in batch.fields)
        self._refused_count += len(batch.refused)
        for refused in batch.refused[: max(0, _KEPT - len(self._refused))]:
            self._refused.append(Problem.of(refused.error, refused.path.name))
        return added

    def add_slide(self, case: Case, found: NewSlide) -> SlideFile:
        """Write a whole slide with its proposed fields, before any of these is added.

        Raises:
            StationError: If the case cannot be written, or holds another slide from that place.
        """
        self._search = _NOTHING
        with case.connection.write():
            if found.looked is None:
                return case.slide_files.known_at(found.identity.fingerprint, found.path)
            file = case.slide_files.add(found.name, found.path, found.identity, found.looked.info)
            case.slide_files.set_plan(file.slide_id, found.wanted, found.looked.parts)
            case.slide_files.advance(file.slide_id, found.looked.kept)
        if found.looked.note:
            self._notes.append(Problem("slide-note", found.looked.note, found.path.name))
        return file

    def searching(self, search: SlideSearch) -> None:
        """Take note of how far a slide is looked through."""
        self._search = search

    def cancel(self) -> None:
        """Take note that a person ended it."""
        self._search, self._is_cancelled = _NOTHING, True

    def _add_parts(self, case: Case, batch: ImportBatch, step: SlideStep) -> list[int]:
        """Add fields of a whole slide together with the step through its plan."""
        with case.connection.write():
            file = case.slide_files.known(step.fingerprint)
            if file is None or step.added > file.proposed:  # it could not be written, or was cancelled since
                return []
            report = case.fields.add(file.slide_id, batch.fields)
            case.slide_files.advance(file.slide_id, step.added)
        self._note_same(report.duplicates)
        return [*report.added, *report.restored]

    def _note_same(self, found: Sequence[NewField]) -> None:
        for field in found[: max(0, _KEPT - len(self._same))]:
            name = shown_name(field.path.name)
            sentence = f"{name} has the same bytes as a field of this case, so nothing was added."
            self._same.append(Problem("already-there", sentence, field.path.name))

    def _note_mix_ups(self, case: Case, slide: Slide, copies: Sequence[FieldCopy]) -> None:
        """Name the copies whose field is on another slide."""
        names = {one.id: one.name for one in case.slides.all()} if copies else {}
        for copy in copies:
            first = case.fields.get(copy.field_id)
            if first.slide_id != slide.id:
                here = f"on slide {shown_name(names.get(first.slide_id, ''))} ({shown_name(first.path)})"
                there = f"on slide {shown_name(slide.name)} ({shown_name(copy.path)})"
                sentence = (
                    f"The same picture lies {here} and {there}: that is what a mix-up looks like. "
                    "Look at both slides."
                )
                self._mix_ups.append(Problem("same-picture", sentence, copy.path.name))

    def status(self, *, running: bool) -> ImportStatus:
        """Return the counts so far."""
        return ImportStatus(
            added=self._added,
            duplicates=self._duplicates,
            same=(*self._mix_ups[:_KEPT], *self._same),
            mix_ups=len(self._mix_ups),
            passed=tuple(self._passed),
            paged=self._paged,
            refused=tuple(self._refused),
            refused_count=self._refused_count,
            running=running,
            ids=() if running else self._ids,
            looking=self._search.name if running else "",
            looked=self._search.share if running else 0.0,
            notes=tuple(self._notes),
            cancelled=self._is_cancelled,
        )
