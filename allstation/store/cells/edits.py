"""Corrections of found cells by hand: added, removed, brought back, joined, parted; nothing is deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from allstation.core.cells import CellGeometry
from allstation.core.errors import StationError
from allstation.imaging.cells import shapes
from allstation.store.cells.rows import GEOMETRY, cells_content, geometry_of
from allstation.store.cells.saving import insert_by_hand
from allstation.store.cells.types import require_cells, reviewer_name
from allstation.store.connection import CaseConnection, field_sha256
from allstation.store.removal import ranges_of
from allstation.store.rows import json_list

CELLS_ADDED: Final = "cells-added"
CELLS_REMOVED: Final = "cells-removed"
CELLS_RESTORED: Final = "cells-restored"
CELLS_JOINED: Final = "cells-joined"
CELL_PARTED: Final = "cell-parted"
EDITS: Final = frozenset({CELLS_ADDED, CELLS_REMOVED, CELLS_RESTORED, CELLS_JOINED, CELL_PARTED})
"""Actions in the audit log. Their details name new cells by ``first`` and ``last`` with the digest
``content``, and cells that were taken out, or brought back, by ``ranges``."""
_IDS: Final = "(SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class CellChange:
    """Outcome of a correction by hand.

    Attributes:
        added: Cells that count now and did not before: new ones, or ones that were brought back.
        removed: Cells that counted before and are taken out now.
    """

    added: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()

    @property
    def inverse(self) -> CellChange:
        """The change that undoes this one."""
        return CellChange(self.removed, self.added)


def add_cell(connection: CaseConnection, field_id: int, cell: CellGeometry, reviewer: str) -> CellChange:
    """Store a cell that a person made.

    Raises:
        StationError: ``empty-name``, ``unknown-field``, or what the disk answered.
    """
    return _change(connection, CELLS_ADDED, field_id, [cell], gone=(), reviewer=reviewer)


def join_cells(connection: CaseConnection, cells: Sequence[int], reviewer: str) -> CellChange:
    """Take cells of one field out and store one cell in their place.

    Raises:
        StationError: ``cells-apart`` for fewer than two cells, or of several fields; ``unknown-cell``.
    """
    with connection.write() as db:
        found = _geometries(db, cells)
        fields = {field_id for field_id, _ in found}
        if len(found) < 2 or len(fields) > 1:  # noqa: PLR2004
            raise StationError("cells-apart", "Choose two or more cells of one field to join them.")
        joined = shapes.join_cells([cell for _, cell in found], _size(db, found[0][0]))
        return _change(connection, CELLS_JOINED, found[0][0], [joined], gone=cells, reviewer=reviewer)


def part_cell(connection: CaseConnection, cell: int, reviewer: str) -> CellChange:
    """Take a cell out and store two in its place, cut at its waist.

    Raises:
        StationError: ``cell-too-small``, ``unknown-cell``.
    """
    with connection.write() as db:
        [(field_id, geometry)] = _geometries(db, [cell])
        parts = shapes.part_cell(geometry, _size(db, field_id))
        return _change(connection, CELL_PARTED, field_id, parts, gone=[cell], reviewer=reviewer)


def mark_cells(
    connection: CaseConnection, cells: Sequence[int], reviewer: str, *, removed: bool
) -> CellChange:
    """Take cells out by hand, or bring them back, with one audit entry.

    Raises:
        StationError: ``empty-name``, ``unknown-cell``, or what the disk answered.
    """
    name = reviewer_name(reviewer)
    with connection.write() as db:
        require_cells(db, cells)
        changed = _mark(db, cells, removed=removed)
        if changed:
            details = {"cells": len(changed), "ranges": ranges_of(changed)}
            action = CELLS_REMOVED if removed else CELLS_RESTORED
            connection.audit(action, "cells", details, who=name)
    return CellChange(removed=tuple(changed)) if removed else CellChange(added=tuple(changed))


def apply_change(connection: CaseConnection, change: CellChange, reviewer: str) -> CellChange:
    """Take cells out and bring others back in one transaction: the undo or redo of a correction."""
    with connection.write():
        gone = mark_cells(connection, change.removed, reviewer, removed=True) if change.removed else None
        back = mark_cells(connection, change.added, reviewer, removed=False) if change.added else None
    return CellChange(back.added if back else (), gone.removed if gone else ())


def _change(
    connection: CaseConnection,
    action: str,
    field_id: int,
    new: Sequence[CellGeometry],
    *,
    gone: Sequence[int],
    reviewer: str,
) -> CellChange:
    name = reviewer_name(reviewer)
    with connection.write() as db:
        sha256 = field_sha256(db, field_id)
        added = insert_by_hand(db, field_id, new, name)
        removed = _mark(db, gone, removed=True)
        details: dict[str, object] = {
            "first": added[0],
            "last": added[-1],
            "content": cells_content(db, added[0], added[-1]),
        }
        if removed:
            details["ranges"] = ranges_of(removed)
        connection.audit(action, f"field {field_id}", details, input_hash=sha256, who=name)
    return CellChange(tuple(added), tuple(removed))


def _mark(db: sqlite3.Connection, cells: Sequence[int], *, removed: bool) -> list[int]:
    """Set or clear the mark; returns the cells whose mark changed, ascending."""
    rows = db.execute(
        f"SELECT id FROM cells WHERE removed = ? AND id IN {_IDS} ORDER BY id",  # noqa: S608 - constant
        (int(not removed), json_list(cells)),
    ).fetchall()
    marks = [(int(removed), row[0]) for row in rows]
    db.executemany("UPDATE cells SET removed = ? WHERE id = ?", marks)
    db.executemany("UPDATE cell_list SET removed = ? WHERE id = ?", marks)
    return [row[0] for row in rows]


def _geometries(db: sqlite3.Connection, cells: Sequence[int]) -> list[tuple[int, CellGeometry]]:
    require_cells(db, cells)
    rows = db.execute(
        f"SELECT field_id, {GEOMETRY} FROM cells WHERE id IN {_IDS} ORDER BY id",  # noqa: S608 - constants
        (json_list(cells),),
    )
    return [(row[0], geometry_of(row[1:])) for row in rows]


def _size(db: sqlite3.Connection, field_id: int) -> tuple[int, int]:
    """Return width and height of a field's file."""
    width, height = db.execute("SELECT width, height FROM fields WHERE id = ?", (field_id,)).fetchone()
    return width, height
