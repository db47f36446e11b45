"""Undo log of the rectangles of slides that were added or moved, by the tokens of the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from allstation.core.errors import StationError
from allstation.core.slide_part import Region
from allstation.store.case import Case


@dataclass(frozen=True, slots=True)
class RegionEdit:
    """Change of the fields of a slide.

    Attributes:
        token: Of the request.
        slide_id: The slide.
        added: Ids of fields that are new in the case.
        restored: Ids of fields that are in it again.
        removed: Ids of fields that are out of it.
    """

    token: int
    slide_id: int
    added: tuple[int, ...] = ()
    restored: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()


class RegionUndoLog:
    """Added and moved rectangles of one case by token.

    Args:
        case: The writer's connection.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._edits: dict[int, RegionEdit] = {}

    def add(self, token: int, slide_id: int, regions: Sequence[Region]) -> RegionEdit:
        """Add rectangles as fields of a slide.

        Raises:
            StationError: ``unknown-slide``, or ``bad-region`` for one outside the slide; nothing is added.
        """
        new = self._case.slide_files.new_fields(slide_id, regions)
        report = self._case.fields.add(slide_id, new)
        edit = RegionEdit(token, slide_id, tuple(report.added), tuple(report.restored))
        self._edits[token] = edit
        return edit

    def move(self, token: int, field_id: int, region: Region) -> RegionEdit:
        """Take a field out of the case and add another rectangle of its slide.

        Raises:
            StationError: ``unknown-field``, ``bad-region``, or ``same-region`` if the case holds a field
                there; nothing is changed.
        """
        record = self._case.fields.get(field_id)
        with self._case.connection.write():
            new = self._case.slide_files.new_fields(record.slide_id, [region])
            report = self._case.fields.add(record.slide_id, new)
            if report.duplicates:
                sentence = "The case holds a field at this very place already, so nothing was moved."
                raise StationError("same-region", sentence)
            removed = tuple(self._case.fields.remove([field_id]))
        edit = RegionEdit(token, record.slide_id, tuple(report.added), tuple(report.restored), removed)
        self._edits[token] = edit
        return edit

    def undo(self, token: int) -> RegionEdit:
        """Take back what was done under a token, and nothing that was done apart from it.

        Raises:
            StationError: ``unknown-removal`` if nothing was.
        """
        done = self._edits.get(token)
        if done is None:
            sentence = "These fields were neither added nor moved, so there is nothing to undo."
            raise StationError("unknown-removal", sentence)
        with self._case.connection.write():
            removed = self._case.fields.remove([*done.added, *done.restored])
            restored = self._case.fields.restore(done.removed)
        return RegionEdit(token, done.slide_id, (), tuple(restored), tuple(removed))
