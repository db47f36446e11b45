"""Questions to a case about its cells: lists, pages, counts, features."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from allstation.core.cell_types import CellType
from allstation.core.cells import CellCounts, CellFilter, CellOrder
from allstation.services.case.questions import Answer, Question
from allstation.store.case import Case


@dataclass(frozen=True, slots=True)
class CellQuery:
    """Cells that a view shows.

    Attributes:
        ticket: Rises with each query; a late answer to an older one is dropped by whoever asked.
        where: Conditions; its reviewer is whose types count.
        order: Sort order.
        descending: Largest first.
        types: For :attr:`CellOrder.TYPE`: keys in the order wanted.
        like: For :attr:`CellOrder.SIMILARITY`: the cell that others are compared with.
    """

    ticket: int = 0
    where: CellFilter = field(default_factory=CellFilter)
    order: CellOrder = CellOrder.FIELD
    descending: bool = False
    types: tuple[str, ...] = ()
    like: int = 0


@dataclass(frozen=True, slots=True)
class CellListing:
    """Answer to a query: ids in order, counts by type, and the case's list of types."""

    query: CellQuery
    ids: array[int]
    counts: CellCounts
    types: tuple[CellType, ...]


def cells_in_order(case: Case, query: CellQuery) -> array[int]:
    """Return the cells of a query in its order."""
    cells = case.cells
    if query.order is not CellOrder.SIMILARITY:
        return cells.ids(query.where, query.order, descending=query.descending, types=query.types)
    from allstation.services.case.cell_similarity import most_similar

    ids = most_similar(case, cells.ids(query.where), query.like)
    return ids[::-1] if query.descending else ids


@dataclass(frozen=True)
class CellIds(Question):
    """Ids of the cells of a query with their counts, answered with ``cells_listed``."""

    query: CellQuery

    def answer(self, case: Case, generation: int) -> Answer:
        cells, query = case.cells, self.query
        ids = cells_in_order(case, query)
        return generation, CellListing(query, ids, cells.counts_by_type(query.where), cells.types())


@dataclass(frozen=True)
class CellPage(Question):
    """Records of some cells, with this person's types or the latest of anyone, as ``cell_page_read``."""

    ids: list[int]
    reviewer: str | None = None

    def answer(self, case: Case, generation: int) -> Answer:
        return generation, case.cells.records(self.ids, reviewer=self.reviewer)


@dataclass(frozen=True)
class CellCountsOf(Question):
    """Counts by type of the cells that meet a filter, as ``cell_counts_read`` with the filter."""

    where: CellFilter = field(default_factory=CellFilter)

    def answer(self, case: Case, generation: int) -> Answer:
        return generation, self.where, case.cells.counts_by_type(self.where)


@dataclass(frozen=True)
class CellsOfField(Question):
    """Cells of a field, as ``field_cells_read`` with the field's id."""

    field_id: int
    reviewer: str | None = None
    removed: bool = False

    def answer(self, case: Case, generation: int) -> Answer:
        found = case.cells.of_field(self.field_id, removed=self.removed, reviewer=self.reviewer)
        return generation, self.field_id, found


@dataclass(frozen=True)
class CellFeatures(Question):
    """Features of cells, as ``cell_features_read``: the cells that have them, and (n, f) float16."""

    ids: list[int]
    network_sha256: str = ""

    def answer(self, case: Case, generation: int) -> Answer:
        return generation, *case.cells.features(self.ids, self.network_sha256)
