"""Cells for exports: those of a case with their fields, read as they are asked for, and their table rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from allstation.core.cell_types import CellType
from allstation.core.cells import CellRecord
from allstation.core.records import FieldRecord

COLUMNS: Final = (
    "field",
    "cell",
    "x",
    "y",
    "width",
    "height",
    "area_px",
    "area_um2",
    "edge",
    "type",
    "proposed",
    "probability",
    "typed_by",
    "made_by",
    "left",
    "top",
    "nucleus_share",
    "support_class",
    "support",
    "slide",
    "folder",
    "sha256",
)
_ROUND: Final = 4


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
        source: Reads a field with its own file and hash where ``fields`` hides them; None for the same.
    """

    case_id: str
    types: tuple[CellType, ...]
    slides: dict[int, str]
    fields: Callable[[list[int]], list[FieldRecord]]
    cells: Callable[[], Iterable[CellRecord]]
    anonymised: bool = False
    source: Callable[[int], FieldRecord] | None = None

    def file_of(self, field: FieldRecord) -> FieldRecord:
        """Return the field with the place of its file and the hash of its bytes."""
        return field if self.source is None else self.source(field.id)

    def by_field(self) -> Iterator[tuple[FieldRecord, list[CellRecord]]]:
        """Yield each field that has cells, with them."""
        for field_id, cells in groupby(self.cells(), key=lambda cell: cell.field_id):
            yield self.fields([field_id])[0], list(cells)


def columns(cells: CellsOfFields) -> tuple[str, ...]:
    """Return the titles of the columns; of an anonymised table the last one holds codes."""
    return (*COLUMNS[:-1], "code") if cells.anonymised else COLUMNS


CellValue = str | bool | int | float | None


def cell_row(cells: CellsOfFields, field: FieldRecord, cell: CellRecord) -> list[CellValue]:
    """Return the values of a cell in the order of :func:`columns`; None where there is nothing."""
    kind = cell.support_class
    return [
        field.path.name,
        cell.number,
        _number(cell.x),
        _number(cell.y),
        cell.width,
        cell.height,
        _number(cell.area_px),
        _number(cell.area_um2),
        cell.at_edge,
        cell.type,
        cell.proposed,
        _number(cell.probability),
        cell.typed_by,
        cell.made_by,
        cell.left,
        cell.top,
        _number(cell.nucleus_share),
        kind,
        _number(cell.support.get(kind)),
        cells.slides.get(cell.slide_id, ""),
        "" if cells.anonymised else str(field.path.parent),
        field.sha256,
    ]


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, _ROUND)
