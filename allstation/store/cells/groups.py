"""Groups of listed cells under one heading: how many there are of each slide, field or class."""

from __future__ import annotations

import sqlite3
from typing import Final

from allstation.core.cells import CellFilter, CellGroup
from allstation.store.cells.query import conditions
from allstation.store.connection import CaseConnection

_FIELDS: Final = (
    "SELECT {0}, count(*) FROM fields f CROSS JOIN cell_list c WHERE c.field_id = f.id AND f.removed = 0 "
    "AND {1} GROUP BY f.slide_key, f.slide_id{2} ORDER BY f.slide_key {3}, f.slide_id {3}{4}"
)


def typed_by_slide(db: sqlite3.Connection) -> dict[int, dict[str, int]]:
    """Return the listed cells that people typed by slide and by the type that was given last."""
    query = (
        "SELECT f.slide_id, c.type, count(*) FROM (SELECT DISTINCT cell_id FROM cell_types) t "
        "JOIN cell_list c ON c.id = t.cell_id JOIN fields f ON f.id = c.field_id "
        "WHERE c.listed = 1 AND c.type <> '' GROUP BY 1, 2 ORDER BY 1, 2"
    )
    found: dict[int, dict[str, int]] = {}
    for slide_id, kind, number in db.execute(query):
        found.setdefault(slide_id, {})[kind] = number
    return found


def cell_groups(
    connection: CaseConnection, where: CellFilter, by: CellGroup, *, descending: bool = False
) -> list[tuple[int | str, int]]:
    """Return the groups of the cells that meet a filter, in the order of the list, with their sizes.

    Args:
        connection: The case's connection.
        where: Conditions.
        by: What stands over them: ids of slides or fields in the order of fields, or classes with most
            support in the order of support.
        descending: As the list.
    """
    condition, values = conditions(where)
    way = "DESC" if descending else "ASC"
    if by is CellGroup.SUPPORT:
        query = (
            f"SELECT c.support_class, count(*) FROM cell_list c WHERE {condition} "  # noqa: S608
            f"GROUP BY c.support_class ORDER BY c.support_class {way}"
        )
    elif by is CellGroup.SLIDE:
        query = _FIELDS.format("f.slide_id", condition, "", way, "")
    else:
        names = f", f.name_key {way}, f.id {way}"
        query = _FIELDS.format("f.id", condition, ", f.name_key, f.id", way, names)
    with connection.read() as db:
        return list(db.execute(query, values))
