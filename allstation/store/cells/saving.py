"""Saving of found cells with the predictions that found them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from allstation.core.cells import CellGeometry, NewCell
from allstation.store.cells.rows import (
    GEOMETRY,
    GEOMETRY_WIDTH,
    cells_content,
    classes_of,
    geometry_row,
    list_support,
    support_blob,
    support_bytes,
    support_content,
    supports_of,
)
from allstation.store.rows import Row

CELLS: Final = "cells"
"""Key of the cells in the details of an entry of saved predictions."""
CELLS_LATER: Final = "cells_later"
"""Key, in the details of an entry of saved predictions, that says that their cells follow."""
CELLS_FOUND: Final = "cells-found"
"""Action of an entry of cells that followed."""
RUNS: Final = "predictions"
"""Key of the runs of predictions, first and last of each, in the details of that entry."""
_SAME_PLACE: Final = 0.5
"""Overlap of two boxes, intersection over union, from which a found cell is one that a person has changed."""
_INSERT: Final = (
    f"INSERT INTO cells (id, field_id, prediction_id, number, made_by, {GEOMETRY}) "  # noqa: S608 - constant
    f"VALUES (?, ?, ?, ?, ?{', ?' * GEOMETRY_WIDTH})"
)
_LIST: Final = (
    "INSERT INTO cell_list (id, field_id, slide_id, number, at_edge, area, unmeasured, size, support_class, "
    "support, margin, found, by_hand, field_removed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_KNOWN: Final = (
    "SELECT c.id, c.box_left, c.box_top, c.box_width, c.box_height, c.mask_left, c.mask_top, c.mask_width, "
    "c.mask_height, c.picture_width, c.picture_height, c.runs, c.made_by <> '' OR c.removed = 1 OR "
    "EXISTS (SELECT 1 FROM cell_types t WHERE t.cell_id = c.id) FROM cells c WHERE c.field_id = ?"
)


@dataclass(frozen=True, slots=True)
class SavedField:
    """Field whose prediction was just stored.

    Attributes:
        field_id: The field.
        prediction_id: Its new prediction.
        shape: Stored shape of that prediction's evidence map.
        shown: Whether the field shows this prediction now.
        cells: What was found; None where nobody looked.
        cells_follow: Somebody will look later.
    """

    field_id: int
    prediction_id: int
    shape: str
    shown: bool
    cells: Sequence[NewCell] | None
    cells_follow: bool = False


@dataclass(slots=True)
class _Batch:
    """Rows to insert.

    Attributes:
        next_id: Id of the next cell.
        cells: Rows of ``cells``.
        listed: Rows of ``cell_list``.
        found: Rows of ``prediction_cells``.
        support: Support of cells that were there before, for ``cell_list``.
    """

    next_id: int
    cells: list[Row] = field(default_factory=list)
    listed: list[Row] = field(default_factory=list)
    found: list[Row] = field(default_factory=list)
    support: list[Row] = field(default_factory=list)


def save_cells(db: sqlite3.Connection, saved: Iterable[SavedField]) -> Mapping[str, object]:
    """Store the cells of predictions. Needs the open write transaction of the predictions.

    A cell that is there already, found by an earlier prediction in the same pixels, keeps its id, and with it
    what people said of it. What people typed, removed or made by hand stays, and a found cell at the same
    place is the same cell. Where nobody looked the field keeps its cells, without support; where they follow
    it has those that people typed or made, until then.

    Returns:
        Details for the audit entry: how many cells are new, and digests of them and of what was found.
    """
    batch = _Batch(next_cell(db))
    first = batch.next_id
    for one in saved:
        if one.cells_follow:
            if one.shown:
                _list_none(db, one.field_id)
            continue
        if one.cells is None:
            _keep(db, one, batch)
        else:
            _collect(db, one, one.cells, batch)
    if not batch.found:
        return {}
    db.executemany(_INSERT, batch.cells)
    db.executemany(_LIST, batch.listed)
    db.executemany("INSERT INTO prediction_cells (id, found) VALUES (?, ?)", batch.found)
    db.executemany(
        "UPDATE cell_list SET found = 1, support_class = ?, support = ?, margin = ? WHERE id = ?",
        batch.support,
    )
    last = batch.next_id - 1
    return {
        "added": len(batch.cells),
        "first": first,
        "last": last,
        "content": cells_content(db, first, last),
        "predictions": len(batch.found),
        "found": support_content(db, batch.found[0][0], batch.found[-1][0]),
    }


def next_cell(db: sqlite3.Connection) -> int:
    """Return the id of the next cell: none is given twice."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'cells'").fetchone()
    return int(row[0]) + 1 if row else 1


def _keep(db: sqlite3.Connection, saved: SavedField, batch: _Batch) -> None:
    """Let a prediction that looked for no cells stand for those that the field has."""
    query = "SELECT id FROM cell_list WHERE field_id = ? AND found = 1 ORDER BY id"
    known = [row[0] for row in db.execute(query, (saved.field_id,))]
    if known:
        nothing = bytes(len(classes_of(saved.shape)))
        batch.found.append((saved.prediction_id, support_blob((number, nothing) for number in known)))
        if saved.shown:
            batch.support += [("", 0, 0, number) for number in known]


def _collect(db: sqlite3.Connection, saved: SavedField, cells: Sequence[NewCell], batch: _Batch) -> None:
    known = db.execute(_KNOWN, (saved.field_id,)).fetchall()
    if known and saved.shown:
        _list_none(db, saved.field_id)
    classes = classes_of(saved.shape)
    exact = {tuple(row[5:12]): row[0] for row in known}
    touched = [row for row in known if row[12]]
    slide_id, removed = _field(db, saved.field_id)
    number = next_number(db, saved.field_id) if known else 1
    found: dict[int, bytes] = {}
    for cell in cells:
        row, support = geometry_row(cell), support_bytes(cell, classes)
        same = exact.get(row[10:]) or next((old[0] for old in touched if _overlap(old[1:5], row[:4])), None)
        if same is not None:
            if same not in found:
                found[same] = support
                if saved.shown:
                    batch.support.append((*list_support(support, classes), same))
            continue
        found[batch.next_id] = support
        batch.cells.append((batch.next_id, saved.field_id, saved.prediction_id, number, "", *row))
        copy = list_row(batch.next_id, saved.field_id, slide_id, number, cell)
        marks = (*list_support(support, classes), int(saved.shown), 0, removed)
        if not saved.shown:
            marks = ("", 0, 0, *marks[3:])
        batch.listed.append((*copy, *marks))
        batch.next_id += 1
        number += 1
    batch.found.append((saved.prediction_id, support_blob(found.items())))


def _list_none(db: sqlite3.Connection, field_id: int) -> None:
    """List no cell of a field as one that its prediction found; typed and hand-made ones stay."""
    db.execute(
        "UPDATE cell_list SET found = 0, support_class = '', support = 0, margin = 0 WHERE field_id = ?",
        (field_id,),
    )


def _field(db: sqlite3.Connection, field_id: int) -> tuple[int, int]:
    slide_id, removed = db.execute(
        "SELECT slide_id, removed FROM fields WHERE id = ?", (field_id,)
    ).fetchone()
    return slide_id, removed


def next_number(db: sqlite3.Connection, field_id: int) -> int:
    """Return the number of a field's next cell."""
    query = "SELECT coalesce(max(number), 0) + 1 FROM cells WHERE field_id = ?"
    return int(db.execute(query, (field_id,)).fetchone()[0])


def list_row(number: int, field_id: int, slide_id: int, count: int, cell: CellGeometry) -> Row:
    """Return what ``cell_list`` repeats of a cell's geometry, from ``id`` to ``size``."""
    area = cell.area_um2
    measured = (int(area is None), float(cell.area_px if area is None else area))
    return (number, field_id, slide_id, count, int(cell.at_edge), float(cell.area_px), *measured)


def insert_by_hand(
    db: sqlite3.Connection, field_id: int, cells: Sequence[CellGeometry], reviewer: str
) -> list[int]:
    """Store cells that a person made; returns their ids, which follow one another."""
    slide_id, removed = _field(db, field_id)
    number, first = next_number(db, field_id), next_cell(db)
    for index, cell in enumerate(cells):
        values = (first + index, field_id, None, number + index, reviewer, *geometry_row(cell))
        db.execute(_INSERT, values)
        copy = list_row(first + index, field_id, slide_id, number + index, cell)
        db.execute(_LIST, (*copy, "", 0, 0, 0, 1, removed))
    return list(range(first, first + len(cells)))


def _overlap(one: Row, other: Row) -> bool:
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right = min(one[0] + one[2], other[0] + other[2])
    bottom = min(one[1] + one[3], other[1] + other[3])
    common = max(0, right - left) * max(0, bottom - top)
    both = one[2] * one[3] + other[2] * other[3] - common
    return bool(both > 0 and common / both >= _SAME_PLACE)


def shown_support(db: sqlite3.Connection, field_id: int) -> tuple[tuple[str, ...], dict[int, bytes]]:
    """Return the classes and the found cells, with support, of the prediction that a field shows."""
    row = db.execute(
        "SELECT p.evidence_shape, s.found FROM fields f JOIN predictions p ON p.id = f.prediction_id "
        "LEFT JOIN prediction_cells s ON s.id = p.id WHERE f.id = ?",
        (field_id,),
    ).fetchone()
    if row is None:
        return (), {}
    classes = classes_of(row[0])
    return classes, supports_of(row[1], len(classes))
