"""Events of a person's changes to a case: what changed, after it was written.

Those of import and queue are in :mod:`allstation.processing.events`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from allstation.core.cell_types import CellType
from allstation.core.known_sizes import SlideSizes
from allstation.core.records import Review
from allstation.core.site import Site
from allstation.processing.events import Event
from allstation.store.cells.edits import CellChange
from allstation.store.site.commissioning_record import CommissioningRecord


@dataclass(frozen=True, slots=True)
class FieldsRemoved(Event):
    """Fields that are out of the case now."""

    ids: list[int]


@dataclass(frozen=True, slots=True)
class FieldsRestored(Event):
    """Removed fields that are in the case again."""

    ids: list[int]


@dataclass(frozen=True, slots=True)
class RegionsEdited(Event):
    """Rectangles of a slide that were added or moved, with the token of the request.

    Attributes:
        token: Of the request.
        slide_id: The slide.
        added: Ids of fields that are in the case now.
        removed: Ids of fields that are out of it now.
    """

    token: int
    slide_id: int
    added: list[int]
    removed: list[int]


@dataclass(frozen=True, slots=True)
class ProposalCut(Event):
    """Proposed fields of a slide that were taken back, with the token of the request.

    Attributes:
        token: Of the request.
        slide_id: The slide.
        taken_back: How many, of those in the case and those still to be added.
        left: How many fields the slide has in the case now.
    """

    token: int
    slide_id: int
    taken_back: int
    left: int


@dataclass(frozen=True, slots=True)
class ReviewSaved(Event):
    """Review as it is stored, with the token of its request."""

    token: int
    review: Review


@dataclass(frozen=True, slots=True)
class SiteChanged(Event):
    """The case's site is another one now.

    Attributes:
        site: As stored now.
    """

    site: Site | None


@dataclass(frozen=True, slots=True)
class SlideSizesChanged(Event):
    """Slides that have pixel sizes of their own, as stored now."""

    slides: tuple[SlideSizes, ...]


@dataclass(frozen=True, slots=True)
class DetailsChanged(Event):
    """Case data as stored now, by key."""

    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CaseRenamed(Event):
    """Name of the case as stored now."""

    name: str


@dataclass(frozen=True, slots=True)
class SlideRenamed(Event):
    """Slide that has another name now."""

    slide_id: int


@dataclass(frozen=True, slots=True)
class PatientsChanged(Event):
    """Slides that have another patient."""

    ids: list[int]


@dataclass(frozen=True, slots=True)
class ReleasesNoted(Event):
    """The case holds further releases of control days."""


@dataclass(frozen=True, slots=True)
class CellsChanged(Event):
    """Cells with another type."""

    ids: list[int]


@dataclass(frozen=True, slots=True)
class CellsEdited(Event):
    """Cells that count now, or no longer, with the token of the request."""

    token: int
    change: CellChange


@dataclass(frozen=True, slots=True)
class CellFeaturesSaved(Event):
    """Cells that have features now."""

    ids: list[int]


@dataclass(frozen=True, slots=True)
class ProposalsChanged(Event):
    """Number of cells that have a proposed type now."""

    number: int


@dataclass(frozen=True, slots=True)
class CellTypeListChanged(Event):
    """List of types that the case holds now."""

    types: tuple[CellType, ...]


@dataclass(frozen=True, slots=True)
class CommissioningChanged(Event):
    """Record of the commissioning as it is stored now."""

    record: CommissioningRecord
