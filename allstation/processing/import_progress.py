"""Progress of an import, counted while it runs."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

from allstation.core.records import FieldCopy, NewField, Slide
from allstation.core.text import shown_name
from allstation.processing.importer import ImportBatch
from allstation.processing.status_types import ImportStatus, Problem
from allstation.store.case import Case

_KEPT: Final = 200
"""Problems kept in full; beyond them only their number."""


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

    def add(self, case: Case, batch: ImportBatch) -> list[int]:
        """Write one batch and return the ids of the fields that are new, or in the case again.

        Raises:
            StationError: If the case cannot be written.
        """
        added: list[int] = []
        if batch.fields:
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
        )
