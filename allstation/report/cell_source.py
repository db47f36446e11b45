"""Source of cells for exports: a case's cells with their fields, read as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from allstation.core.cell_types import CellType
from allstation.core.cells import CellRecord
from allstation.core.records import FieldRecord


@dataclass(frozen=True, slots=True)
class CellsOfFields:
    """Cells of a case, read as they are asked for.

    Attributes:
        case_id: Stable id of the case.
        types: Its list of types.
        slides: Names of the slides by id.
        fields: Reads the records of some fields, by id.
        cells: Yields the cells by field.
        anonymised: Numbers stand for names, and codes for hashes.
    """

    case_id: str
    types: tuple[CellType, ...]
    slides: dict[int, str]
    fields: Callable[[list[int]], list[FieldRecord]]
    cells: Callable[[], Iterable[CellRecord]]
    anonymised: bool = False

    def by_field(self) -> Iterator[tuple[FieldRecord, list[CellRecord]]]:
        """Yield each field that has cells, with them."""
        for field_id, cells in groupby(self.cells(), key=lambda cell: cell.field_id):
            yield self.fields([field_id])[0], list(cells)
