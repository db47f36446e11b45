"""Undo log of the rectangles of slides that were added or moved, by the tokens of the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from allstation.core.errors import StationError
from allstation.core.slide_file import CANCELLED, SlidePlanRecord
from allstation.core.slide_part import Region, SlidePart
from allstation.store.case import Case
from allstation.store.removal import RemovalReason


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
    plan: SlidePlanRecord | None = None
    """Proposed fields as they were before, where they were cancelled."""

    @property
    def taken_back(self) -> int:
        """Fields that were taken back, of those in the case and those still to be added."""
        return len(self.removed) + (len(self.plan.parts) - self.plan.added if self.plan is not None else 0)


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
            new_id = (*report.added, *report.restored)[0]
            removed = tuple(self._case.fields.remove([field_id], RemovalReason.MOVED, to=new_id))
        edit = RegionEdit(token, record.slide_id, tuple(report.added), tuple(report.restored), removed)
        self._edits[token] = edit
        return edit

    def keep_best(self, token: int, slide_id: int, count: int) -> RegionEdit:
        """Take back the last of the proposed fields of a slide, until it has so many fields.

        Fields that were classified, reviewed or hold cells, and those that a person placed, stay.
        """
        plan = self._case.slide_files.plan(slide_id)
        ranks = {part: rank for rank, part in enumerate(plan.parts)} if plan is not None else {}
        marks = self._case.slide_files.fields(slide_id)
        untouched = set(self._case.slide_files.untouched(slide_id))
        ranked = [
            (ranks[mark.part], mark.field_id)
            for mark in marks
            if mark.part in ranks and mark.field_id in untouched
        ]
        ranked.sort(reverse=True)
        last = [field_id for _, field_id in ranked[: max(0, len(marks) - count)]]
        return self._cut(token, slide_id, last, plan)

    def cancel_rest(self, token: int, slide_id: int) -> RegionEdit:
        """Add no more of the proposed fields of a slide, and take back those of which nothing is known."""
        plan = self._case.slide_files.plan(slide_id)
        proposed = set(plan.parts) if plan is not None else set()
        parts = {mark.field_id: mark.part for mark in self._case.slide_files.fields(slide_id)}
        waiting = [one for one in self._case.slide_files.untouched(slide_id) if parts.get(one) in proposed]
        return self._cut(token, slide_id, waiting, plan)

    def _cut(self, token: int, slide_id: int, ids: Sequence[int], plan: SlidePlanRecord | None) -> RegionEdit:
        """Take fields back, and add none that is still to be added."""
        with self._case.connection.write():
            removed = self._case.fields.remove(ids, RemovalReason.TAKEN_BACK)
            before = self._stop(plan)
        self._edits[token] = RegionEdit(token, slide_id, removed=tuple(removed), plan=before)
        return self._edits[token]

    def _stop(self, plan: SlidePlanRecord | None) -> SlidePlanRecord | None:
        """Cut a plan off after what was added; returns it as it was, None if nothing was left of it."""
        if plan is None or plan.added >= len(plan.parts):
            return None
        self._set_plan(CANCELLED, plan.parts[: plan.added], plan)
        return plan

    def stop_adding(self, slide_id: int) -> None:
        """Add no more of the proposed fields of a slide; those that it has stay."""
        with self._case.connection.write():
            self._stop(self._case.slide_files.plan(slide_id))

    def _set_plan(self, wanted: str, parts: Sequence[SlidePart], plan: SlidePlanRecord) -> None:
        self._case.slide_files.set_plan(plan.slide_id, wanted, parts)
        self._case.slide_files.advance(plan.slide_id, plan.added)

    def _undo_added(self, slide_id: int, ids: Sequence[int]) -> list[int]:
        """Take out fields that were added; a classified or reviewed one counts as taken out by hand."""
        untouched = set(self._case.slide_files.untouched(slide_id)) if ids else set()
        removed = self._case.fields.remove([one for one in ids if one not in untouched])
        undone = self._case.fields.remove([one for one in ids if one in untouched], RemovalReason.UNDONE)
        return sorted([*removed, *undone])

    def undo(self, token: int) -> RegionEdit:
        """Take back what was done under a token, and nothing that was done apart from it.

        Raises:
            StationError: ``unknown-removal`` if nothing was.
        """
        done = self._edits.get(token)
        if done is None:
            sentence = "These fields were neither added nor moved, so there is nothing to undo."
            raise StationError("unknown-removal", sentence)
        new = [*done.added, *done.restored]
        with self._case.connection.write():
            restored = self._case.fields.restore(done.removed)
            if new and done.removed:
                removed = self._case.fields.remove(new, RemovalReason.UNDONE)
            else:
                removed = self._undo_added(done.slide_id, new)
            if done.plan is not None:
                self._set_plan(done.plan.wanted, done.plan.parts, done.plan)
        return RegionEdit(token, done.slide_id, (), tuple(restored), tuple(removed))
