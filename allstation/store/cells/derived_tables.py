"""Denormalised tables ``cell_types`` and ``cell_list``: rebuilt from the other tables, and compared."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from allstation.store.cells.rows import list_support
from allstation.store.cells.saving import shown_support
from allstation.store.rows import Row

_COUNTING: Final = """
SELECT r.reviewer, r.cell_id, r.type, r.id FROM cell_reviews r WHERE r.id IN (
    SELECT max(o.id) FROM cell_reviews o WHERE o.withdrawn = 0 GROUP BY o.cell_id, o.reviewer
) AND r.type <> ''
"""
_TRUTH: Final = """
SELECT c.id, c.field_id, f.slide_id, c.number, c.at_edge, c.area, c.pixel_size IS NULL,
CASE WHEN c.pixel_size IS NULL THEN c.area ELSE c.area * (c.pixel_size * c.pixel_size) END,
coalesce((SELECT t.type FROM cell_types t WHERE t.cell_id = c.id ORDER BY t.review_id DESC LIMIT 1), ''),
(SELECT max(t.review_id) FROM cell_types t WHERE t.cell_id = c.id),
coalesce(p.type, ''), p.probability, c.made_by <> '', c.removed, f.removed{0}
FROM cells c JOIN fields f ON f.id = c.field_id LEFT JOIN cell_proposals p ON p.id = c.id {1}
ORDER BY c.field_id, c.number
"""
_WIDTH: Final = 15
"""Values of a row of truth."""
_COPY: Final = (
    "id, field_id, slide_id, number, at_edge, area, unmeasured, size, type, review_id, proposed, "
    "probability, by_hand, removed, field_removed, support_class, support, margin, found"
)


def rebuild_copies(db: sqlite3.Connection) -> None:
    """Make the copies anew. Needs an open write transaction."""
    db.execute("DELETE FROM cell_types")
    db.execute("DELETE FROM cell_list")
    db.execute(f"INSERT INTO cell_types (reviewer, cell_id, type, review_id) {_COUNTING}")
    marks = ", ".join("?" * len(_COPY.split(", ")))
    db.executemany(f"INSERT INTO cell_list ({_COPY}) VALUES ({marks})", _rebuilt(db))  # noqa: S608


def other_cell_copy(db: sqlite3.Connection) -> str:
    """Return a sentence on the first cell that is listed with something else than the case holds for it."""
    for one, other in (("cell_types", "truth"), ("truth", "cell_types")):
        row = db.execute(
            f"WITH truth AS ({_COUNTING}) SELECT cell_id FROM ("  # noqa: S608 - constants
            f"SELECT reviewer, cell_id, type, review_id FROM {_named(one)} EXCEPT "
            f"SELECT reviewer, cell_id, type, review_id FROM {_named(other)}) LIMIT 1"
        ).fetchone()
        if row is not None:
            return _sentence(row[0])
    rows = int(db.execute("SELECT count(*) FROM cell_list").fetchone()[0])
    copy = "".join(f", l.{name}" for name in _COPY.split(", "))
    number = 0
    for expected, listed in _compared(db, _TRUTH.format(copy, "LEFT JOIN cell_list l ON l.id = c.id")):
        number += 1
        if listed != expected:
            return _sentence(expected[0])
    return "" if rows == number else "More cells are listed than the case holds."


def _named(name: str) -> str:
    if name == "truth":
        return "(SELECT reviewer, cell_id, type, id AS review_id FROM truth)"
    return name


def _sentence(cell: int) -> str:
    return f"Cell {cell} is listed with another type, mark or support than the case holds for it."


def _rebuilt(db: sqlite3.Connection) -> Iterator[Row]:
    """Yield what ``cell_list`` should hold, by field."""
    return (expected for expected, _ in _compared(db, _TRUTH.format("", "")))


def _compared(db: sqlite3.Connection, query: str) -> Iterator[tuple[Row, Row]]:
    """Yield what ``cell_list`` should hold, by field, and what else a query brings with it."""
    field_id = 0
    classes: tuple[str, ...] = ()
    found: dict[int, bytes] = {}
    for row in db.execute(query):
        if row[1] != field_id:
            field_id = row[1]
            classes, found = shown_support(db, field_id)
        support = found.get(row[0])
        copied = (*list_support(support or b"", classes), int(support is not None))
        yield (*row[:_WIDTH], *copied), row[_WIDTH:]
