"""Table of the shares of slides and patients, as CSV and as a sheet of the workbook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from allstation.report.content.place_types import PlaceRow, PlacesBlock, PlaceShare
from allstation.report.tables.schema import TableColumn, Value

SHARE_COLUMNS: Final = (
    TableColumn("level", wide=10),
    TableColumn("name", wide=24),
    TableColumn("patient", wide=24),
    TableColumn("slides", "int", 8),
    TableColumn("counted", wide=10),
    TableColumn("class_or_type", wide=24),
    TableColumn("number", "int", 10),
    TableColumn("of", "int", 10),
    TableColumn("share", "share", 10),
    TableColumn("low_95", "share", 10),
    TableColumn("high_95", "share", 10),
    TableColumn("statement", wide=60),
)
SHARES_NOTE: Final = (
    "shares of the fields read and of the white cells that people typed, with exact 95 % intervals, which "
    "describe counting only."
)


def share_rows(block: PlacesBlock) -> Iterator[list[Value]]:
    """Yield the lines of the table: every class of the fields and every type of the cells of each place."""
    for row in block.rows:
        yield from _lines(row, "fields", row.read, row.fields)
        yield from _lines(row, "cells", row.typed, row.cells)


def _lines(row: PlaceRow, counted: str, of: int, found: Sequence[PlaceShare]) -> Iterator[list[Value]]:
    said = next((text for text in row.statements if counted in text), None)
    for one in found:
        yield [
            row.level,
            row.name,
            row.patient or None,
            row.slides,
            counted,
            one.name,
            one.count,
            of,
            one.share,
            one.low,
            one.high,
            said,
        ]
