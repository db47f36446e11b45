"""Questions about the shares of slides and patients."""

from __future__ import annotations

from dataclasses import dataclass

from allstation.core.place_shares import PlaceCounts
from allstation.services.case.questions import Answer, Question
from allstation.store.case import Case


@dataclass(frozen=True)
class ReadShares(Question):
    """Shares of a slide and its patient, or (None) of the case and its patients, as ``shares_read``.

    Attributes:
        slide_id: The slide, or None.
        classes: Classes in the order they are shown.
    """

    slide_id: int | None
    classes: tuple[str, ...]

    def answer(self, case: Case, generation: int) -> Answer:
        """Return the slide, then its patient; or the case, then every patient."""
        slides = case.slides.all()
        chosen = next((slide for slide in slides if slide.id == self.slide_id), None)
        patient = chosen.patient if chosen is not None else ""
        kept = slides
        if chosen is not None:
            kept = [one for one in slides if one.id == chosen.id or (patient and one.patient == patient)]
        counts = PlaceCounts(
            slides=kept,
            finals={number: one.finals for number, one in case.slides.counts().items()},
            cells=case.cells.typed_by_slide(),
            classes=self.classes,
            types=case.cells.types(),
        )
        if chosen is None:
            return generation, None, (counts.of_case(), *counts.by_patient())
        own = next(made for slide, made in zip(kept, counts.by_slide(), strict=True) if slide.id == chosen.id)
        return generation, chosen.id, (own, *counts.by_patient())
