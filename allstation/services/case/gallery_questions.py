"""Questions of the gallery: a list of cells with its headings and counts, and where fields lie."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from allstation.core.cell_types import CellType
from allstation.core.cells import CellCounts, CellFilter, CellGroup
from allstation.services.case.cell_questions import CellQuery, cells_in_order
from allstation.services.case.questions import Answer, Question
from allstation.services.images.crop_loader import FieldPlace
from allstation.store.case import Case

MOST_GROUPS: Final = 5_000
"""More fields than this stand without headings: nobody looks for one of them so."""


@dataclass(frozen=True, slots=True)
class GalleryListing:
    """Answer to a query of the gallery.

    Attributes:
        query: The query.
        ids: Cells in order.
        listed: Counts of these cells.
        counts: Counts that stand in the list of types: of the cells that would be listed without the
            condition on their type.
        groups: Key and size of each group, in order; empty where nothing is grouped, by type, or where
            there are more than :data:`MOST_GROUPS`.
        types: The case's list of types.
        typed: Whether any cell of the case has a type by a person.
    """

    query: CellQuery
    ids: array[int]
    listed: CellCounts
    counts: CellCounts
    groups: tuple[tuple[int | str, int], ...]
    types: tuple[CellType, ...]
    typed: bool


@dataclass(frozen=True)
class ListGallery(Question):
    """Cells of a query with headings and counts, answered with ``gallery_listed``.

    Attributes:
        query: What is listed.
        counted: Cells that the list of types counts.
        group: What stands over the cells.
    """

    query: CellQuery
    counted: CellFilter
    group: CellGroup | None = None

    def answer(self, case: Case, generation: int) -> Answer:
        cells, query = case.cells, self.query
        groups: list[tuple[int | str, int]] = []
        if self.group is not None:
            groups = cells.groups(query.where, self.group, descending=query.descending)
            groups = groups if len(groups) <= MOST_GROUPS else []
        ids = cells_in_order(case, query)
        listed = cells.counts_by_type(query.where)
        counts = listed if self.counted == query.where else cells.counts_by_type(self.counted)
        typed = bool(counts.typed) or cells.count(CellFilter(typed=True)) > 0
        return generation, GalleryListing(query, ids, listed, counts, tuple(groups), cells.types(), typed)


@dataclass(frozen=True, slots=True)
class CountStart:
    """Answer to :class:`StartCount`.

    Attributes:
        ids: Cells without a type by this person, in the order of fields.
        before: Cells that this person typed, by type.
        types: The case's list of types.
        typed: Whether any cell of the case has a type by a person.
    """

    ids: array[int]
    before: CellCounts
    types: tuple[CellType, ...]
    typed: bool


@dataclass(frozen=True)
class StartCount(Question):
    """Cells that a person can count, and what they typed before, as ``count_started``.

    Attributes:
        where: The cells; its reviewer is the person.
    """

    where: CellFilter

    def answer(self, case: Case, generation: int) -> Answer:
        cells = case.cells
        ids = cells.ids(replace(self.where, typed=False))
        typed = cells.count(CellFilter(typed=True)) > 0
        return generation, CountStart(ids, cells.counts_by_type(self.where), cells.types(), typed)


@dataclass(frozen=True)
class ReadCountCells(Question):
    """Cells that a person counts, with the files of their fields by id, as ``count_cells_read``."""

    ids: list[int]
    reviewer: str

    def answer(self, case: Case, generation: int) -> Answer:
        records = case.cells.records(self.ids, reviewer=self.reviewer)
        return generation, records, _places(case, sorted({record.field_id for record in records}))


@dataclass(frozen=True, slots=True)
class OtherCount:
    """Count of another reader.

    Attributes:
        reader: Who.
        counts: Cells by the key of the type.
        pairs: Cells that both named: the asking reader's key, the other one's, to their number.
    """

    reader: str
    counts: Mapping[str, int]
    pairs: Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class ReadOtherCounts(Question):
    """Counts of the same cells by others, as ``other_counts_read``.

    Attributes:
        where: The cells; its reviewer is the person who asks.
    """

    where: CellFilter

    def answer(self, case: Case, generation: int) -> Answer:
        cells, me = case.cells, self.where.reviewer or ""
        everyone = replace(self.where, reviewer=None)
        mine = cells.typed_by(me, everyone)
        found = []
        for reader in cells.reviewers():
            if reader != me:
                other = cells.typed_by(reader, everyone)
                pairs = Counter((mine[cell], kind) for cell, kind in other.items() if cell in mine)
                found.append(OtherCount(reader, Counter(other.values()), pairs))
        return generation, found


@dataclass(frozen=True)
class ReadFieldFiles(Question):
    """Files of fields and the hashes of the bytes that were added, by id, as ``field_files_read``."""

    ids: list[int]

    def answer(self, case: Case, generation: int) -> Answer:
        return generation, _places(case, self.ids)


def _places(case: Case, ids: list[int]) -> dict[int, FieldPlace]:
    return {record.id: FieldPlace(record.path, record.sha256) for record in case.fields.records(ids)}
