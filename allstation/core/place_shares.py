"""Shares of a slide, a patient or a case: of its fields by class and of its typed cells by type.

Every share has an exact interval (Clopper and Pearson). It answers for counting only: cells of one field, and
fields of one smear, are not independent. Where too little was counted to tell the leading share from one that
lies at least ten points away, a sentence says how much more it takes if the share stays as it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from allstation.core.cell_types import CellType
from allstation.core.classes import NEEDS_REVIEW
from allstation.core.differential import Differential, cells_to_count, differential, stop_sentence
from allstation.core.patients import patients_text
from allstation.core.records import Slide
from allstation.core.summary import Share, Tally, shares

_TEN: Final = 10
_APART: Final = 0.1
_ROUNDING: Final = 1e-9


class Level(StrEnum):
    """Level that shares are pooled to."""

    SLIDE = "slide"
    PATIENT = "patient"
    CASE = "case"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceShares:
    """Shares of one slide, patient or case.

    Attributes:
        level: What it is.
        name: Of the slide; id of the patient; empty for the case.
        patient: Id of the slide's patient; of a case how many patients there are, in words.
        slides: Slides pooled.
        fields: Share of each class, and of *needs review*, among the fields read.
        cells: Differential of the cells that people typed, whoever did; None where they typed none.
    """

    level: Level
    name: str
    patient: str
    slides: int
    fields: tuple[Share, ...]
    cells: Differential | None

    @property
    def read(self) -> int:
        """Fields read."""
        return self.fields[0].n if self.fields else 0

    @property
    def fields_statement(self) -> str:
        """A sentence where too few fields were read; empty otherwise."""
        named = {one.name: one.count for one in self.fields if one.name != NEEDS_REVIEW}
        return too_few_statement(named, self.read, unit="fields")

    @property
    def cells_statement(self) -> str:
        """A sentence where too few cells were typed; empty otherwise."""
        if self.cells is None:
            return ""
        return too_few_statement({one.type.key: one.count for one in self.cells.white}, self.cells.n)


def too_few_statement(counts: Mapping[str, int], n: int, *, unit: str = "cells") -> str:
    """Return what it takes to tell the leading share from one at least ten points away; empty if it is told.

    Args:
        counts: Of each class or type among ``n``.
        n: Counted in all.
        unit: What was counted, in the plural.
    """
    leading = max(counts.values(), default=0)
    if not n or not leading:
        return ""
    other = other_share(leading / n)
    return "" if cells_to_count(leading, n, other) == 0 else stop_sentence(leading, n, other, unit=unit)


def other_share(share: float) -> float:
    """Return the next whole ten per cent at least ten points above a share, below it where that is 100 %."""
    above = math.ceil(_TEN * (share + _APART) - _ROUNDING) / _TEN
    return above if above < 1 else math.floor(_TEN * (share - _APART) + _ROUNDING) / _TEN


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCounts:
    """Counts of a case by slide, to be pooled.

    Attributes:
        slides: Slides, in the order wanted.
        finals: Fields read by slide and final name (reviewed class, else decision).
        cells: Cells by slide and the type that a person gave last.
        classes: Classes in the order they are shown.
        types: List of types of the case.
    """

    slides: Sequence[Slide]
    finals: Mapping[int, Mapping[str, int]]
    cells: Mapping[int, Mapping[str, int]]
    classes: Sequence[str]
    types: Sequence[CellType]

    def by_slide(self) -> tuple[PlaceShares, ...]:
        """Return the shares of each slide."""
        return tuple(self._pooled(Level.SLIDE, one.name, one.patient, [one]) for one in self.slides)

    def by_patient(self) -> tuple[PlaceShares, ...]:
        """Return the shares of each patient, in the order of their first slides.

        Slides without a patient are in none.
        """
        members: dict[str, list[Slide]] = {}
        for slide in self.slides:
            if slide.patient:
                members.setdefault(slide.patient, []).append(slide)
        return tuple(self._pooled(Level.PATIENT, one, one, slides) for one, slides in members.items())

    def of_case(self) -> PlaceShares:
        """Return the shares of the whole case."""
        patients = patients_text(slide.patient for slide in self.slides)
        return self._pooled(Level.CASE, "", patients, self.slides)

    def _pooled(self, level: Level, name: str, patient: str, slides: Sequence[Slide]) -> PlaceShares:
        named: Counter[str] = Counter()
        typed: Counter[str] = Counter()
        for slide in slides:
            named.update(self.finals.get(slide.id, {}))
            typed.update(self.cells.get(slide.id, {}))
        return PlaceShares(
            level=level,
            name=name,
            patient=patient,
            slides=len(slides),
            fields=shares(Tally(finals=named), self.classes),
            cells=differential(typed, self.types, reader="") if typed else None,
        )
