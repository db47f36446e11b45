"""Request and question about pixel sizes of single slides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allstation.core.known_sizes import SlideSizes
from allstation.services.case import case_events
from allstation.services.case.questions import Answer, Question
from allstation.services.case.requests import CaseRequest
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.services.case.worker import OpenedCase


@dataclass(frozen=True)
class SetSlideSizes(CaseRequest):
    """Give one slide pixel sizes of its own, or none.

    What is classified from now on is read at them.
    """

    slide: SlideSizes

    def change(self, target: OpenedCase) -> None:
        try:
            target.case.slide_sizes.set(self.slide)
            target.processor.sizes_changed()
        finally:
            target.emit(case_events.SlideSizesChanged(target.case.slide_sizes.all()))


@dataclass(frozen=True)
class ReadSlideSizes(Question):
    """Slides that have pixel sizes of their own, as ``slide_sizes_read``."""

    def answer(self, case: Case, generation: int) -> Answer:
        return generation, case.slide_sizes.all()
