"""Requests about the fields of a whole slide: added, moved, undone, and what its overview shows.

A field is removed as any other (:class:`~allstation.services.case.field_requests.RemoveFields`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allstation.core.slide_part import Region
from allstation.processing import events
from allstation.processing.slide_import import SlideOptions
from allstation.services.case import case_events
from allstation.services.case.questions import Answer, Question
from allstation.services.case.region_undo import RegionEdit
from allstation.services.case.requests import CaseRequest

if TYPE_CHECKING:
    from allstation.services.case.worker import OpenedCase
    from allstation.store.case import Case


@dataclass(frozen=True)
class AddRegions(CaseRequest):
    """Add rectangles of a slide as fields, or bring them back; the token names it for undo.

    Applied again under its token it does again what was undone.
    """

    slide_id: int
    regions: Sequence[Region]
    token: int = 0

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(
            lambda _case: _emit(target, target.regions.add(self.token, self.slide_id, self.regions))
        )


@dataclass(frozen=True)
class MoveRegion(CaseRequest):
    """Take a field of a slide out of the case and add another rectangle instead.

    What was predicted and reviewed stays with the field that is taken out; undo brings it back.
    """

    field_id: int
    region: Region
    token: int = 0

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(
            lambda _case: _emit(target, target.regions.move(self.token, self.field_id, self.region))
        )


@dataclass(frozen=True)
class UndoRegions(CaseRequest):
    """Take back what was added or moved under a token."""

    token: int

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(lambda _case: _emit(target, target.regions.undo(self.token)))


@dataclass(frozen=True)
class SetFieldCount(CaseRequest):
    """Look for so many of the best fields of a slide, or take back the last ones if it has more.

    Only fields that were proposed, and of which nothing is known, are taken back; the token names that for
    undo, and is told with how many there were.
    """

    slide_id: int
    count: int
    token: int

    def change(self, target: OpenedCase) -> None:
        files = target.case.slide_files
        file = files.of(self.slide_id)
        if file is None:
            return
        if self.count > len(files.fields(self.slide_id)):
            target.processor.add_paths([file.path], SlideOptions(fields=self.count))
            return
        target.processor.edit_queue(
            lambda _case: _emit_cut(target, target.regions.keep_best(self.token, self.slide_id, self.count))
        )


@dataclass(frozen=True)
class CancelProposed(CaseRequest):
    """Add no more of the proposed fields of a slide, and take back those of which nothing is known."""

    slide_id: int
    token: int

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(
            lambda _case: _emit_cut(target, target.regions.cancel_rest(self.token, self.slide_id))
        )


@dataclass(frozen=True)
class UndoCut(CaseRequest):
    """Bring back what was taken back under a token, and go on with what was still to be added."""

    token: int
    slide_id: int

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(lambda _case: _emit(target, target.regions.undo(self.token)))
        target.processor.go_on_with_slide(self.slide_id)


@dataclass(frozen=True)
class SlideFields(Question):
    """Fields of a slide with their decisions, as ``slide_fields_read``.

    The answer is the generation of the case, the slide's id and a list of
    :class:`~allstation.core.slide_file.SlideFieldMark`.
    """

    slide_id: int

    def answer(self, case: Case, generation: int) -> Answer:
        return generation, self.slide_id, case.slide_files.fields(self.slide_id)


@dataclass(frozen=True)
class SlideFileOf(Question):
    """The file of a slide, as ``slide_file_read``.

    The answer is the generation of the case, the slide's id and a
    :class:`~allstation.core.slide_file.SlideFile`, or None of a slide that is a folder of images.
    """

    slide_id: int

    def answer(self, case: Case, generation: int) -> Answer:
        return generation, self.slide_id, case.slide_files.of(self.slide_id)


def _emit_cut(target: OpenedCase, done: RegionEdit) -> None:
    if done.taken_back:
        _emit(target, done)
    left = len(target.case.slide_files.fields(done.slide_id))
    target.emit(case_events.ProposalCut(done.token, done.slide_id, done.taken_back, left))
    target.emit(events.SlideFileChanged(done.slide_id))


def _emit(target: OpenedCase, done: RegionEdit) -> None:
    added, restored, removed = list(done.added), list(done.restored), list(done.removed)
    if added:
        target.emit(events.FieldsAdded(added))
    if restored:
        target.emit(case_events.FieldsRestored(restored))
    if removed:
        target.emit(case_events.FieldsRemoved(removed))
    target.emit(events.FieldsChanged([*added, *restored, *removed]))
    target.emit(case_events.RegionsEdited(done.token, done.slide_id, [*added, *restored], removed))
