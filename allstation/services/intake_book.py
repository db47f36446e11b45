"""What one round of adding files did, counted while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from allstation.core.records import NewField
from allstation.core.text import shown_name
from allstation.services.messages import IntakeStatus, Problem
from allstation.services.taking_in import FolderPart
from allstation.store.case import Case

_KEPT: Final = 200
"""Problems kept in full; beyond them only their number."""


class IntakeBook:
    """Adds batches to a case and remembers what became of them."""

    def __init__(self) -> None:
        self._added = 0
        self._duplicates = 0
        self._same: list[Problem] = []
        self._paged = 0
        self._refused: list[Problem] = []
        self._refused_count = 0

    def add(self, case: Case, batch: FolderPart) -> list[int]:
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
        self._added += len(added)
        self._duplicates += len(batch.fields) - len(added)
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

    def status(self, *, running: bool) -> IntakeStatus:
        """Return the counts so far."""
        return IntakeStatus(
            added=self._added,
            duplicates=self._duplicates,
            same=tuple(self._same),
            paged=self._paged,
            refused=tuple(self._refused),
            refused_count=self._refused_count,
            running=running,
        )
