"""Types that people give to cells: saved, withdrawn, counted again; never deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from allstation.core.errors import StationError
from allstation.core.text import storable
from allstation.store.cells.rows import types_content
from allstation.store.connection import CaseConnection
from allstation.store.removal import ranges_of
from allstation.store.rows import json_list

TYPED: Final = "cells-typed"
TYPES_WITHDRAWN: Final = "cell-types-withdrawn"
TYPES_RESTORED: Final = "cell-types-restored"
LONGEST_TYPE: Final = 60
_IDS: Final = "(SELECT value FROM json_each(?))"
_OWN: Final = f"""
INSERT INTO cell_types (reviewer, cell_id, type, review_id)
SELECT r.reviewer, r.cell_id, r.type, r.id FROM cell_reviews r WHERE r.id IN (
    SELECT max(o.id) FROM cell_reviews o WHERE o.cell_id IN {_IDS} AND o.withdrawn = 0
    GROUP BY o.cell_id, o.reviewer
) AND r.type <> ''
"""  # noqa: S608 - constants above
_LATEST: Final = f"""
UPDATE cell_list SET (review_id, type) = (
    SELECT max(t.review_id), coalesce(t.type, '') FROM cell_types t WHERE t.cell_id = cell_list.id
) WHERE id IN {_IDS}
"""  # noqa: S608 - constants above


def save_types(
    connection: CaseConnection, cells: Sequence[int], kind: str, reviewer: str, *, at: str = ""
) -> list[int]:
    """Store one person's type of many cells with one audit entry.

    Args:
        connection: The case's connection.
        cells: The cells.
        kind: Key of the type; empty takes this person's types of the cells back.
        reviewer: Who.
        at: When; by default now.

    Returns:
        Ids of the reviews, in the order of the cells.

    Raises:
        StationError: ``empty-name``, ``unknown-cell``, ``bad-cell-type``, or what the disk answered.
    """
    name, key = reviewer_name(reviewer), storable(kind).strip()
    if len(key) > LONGEST_TYPE:
        raise StationError("bad-cell-type", f"A cell type's key has at most {LONGEST_TYPE} letters.")
    if not cells:
        return []
    with connection.write() as db:
        require_cells(db, cells)
        moment = at or connection.now()
        query = "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'cell_reviews'"
        first = int(db.execute(query).fetchone()[0])
        rows = [(first + index, cell, name, key, moment) for index, cell in enumerate(cells)]
        db.executemany(
            "INSERT INTO cell_reviews (id, cell_id, reviewer, type, at) VALUES (?, ?, ?, ?, ?)", rows
        )
        recount_types(db, cells)
        last = first + len(rows) - 1
        details = {"type": key, "cells": len(rows), "first": first, "last": last}
        digest = types_content(db, first, last)
        connection.audit(TYPED, f"cell reviews {first} to {last}", details, input_hash=digest, who=name)
    return list(range(first, last + 1))


def mark_types(
    connection: CaseConnection, reviews: Sequence[int], *, withdrawn: bool, reviewer: str | None = None
) -> list[int]:
    """Withdraw reviews of cells, or let them count again, with one audit entry.

    Args:
        connection: The case's connection.
        reviews: Ids of the reviews.
        withdrawn: The mark.
        reviewer: Who does it; only their author may. None for the author.

    Returns:
        Ids of their cells.

    Raises:
        StationError: ``unknown-review``, ``not-your-review``, or what the disk answered.
    """
    if not reviews:
        return []
    with connection.write() as db:
        found = db.execute(
            f"SELECT id, cell_id, reviewer, withdrawn FROM cell_reviews WHERE id IN {_IDS}",  # noqa: S608
            (json_list(reviews),),
        ).fetchall()
        if len(found) != len(set(reviews)):
            raise StationError("unknown-review", "This case has not all of these reviews of cells.")
        authors = {row[2] for row in found}
        author = found[0][2] if reviewer is None else reviewer_name(reviewer)
        if authors != {author}:
            other = next(iter(authors - {author}))
            raise StationError(
                "not-your-review",
                f"These types were given by {other}, who alone can take them back. Give your own instead.",
            )
        changed = sorted(row[0] for row in found if bool(row[3]) != withdrawn)
        cells = [row[1] for row in found]
        if changed:
            marks = [(int(withdrawn), number) for number in changed]
            db.executemany("UPDATE cell_reviews SET withdrawn = ? WHERE id = ?", marks)
            recount_types(db, cells)
            details = {"cells": len(changed), "ranges": ranges_of(changed)}
            action = TYPES_WITHDRAWN if withdrawn else TYPES_RESTORED
            connection.audit(action, "cell reviews", details, who=author)
    return cells


def recount_types(db: sqlite3.Connection, cells: Sequence[int]) -> None:
    """Bring ``cell_types`` and ``cell_list`` up to date with the reviews of some cells."""
    ids = json_list(cells)
    db.execute(f"DELETE FROM cell_types WHERE cell_id IN {_IDS}", (ids,))  # noqa: S608 - constant
    db.execute(_OWN, (ids,))
    db.execute(_LATEST, (ids,))


def reviewer_name(reviewer: str) -> str:
    """Return a reviewer's name as it is stored.

    Raises:
        StationError: ``empty-name``.
    """
    name = storable(reviewer).strip()
    if not name:
        raise StationError("empty-name", "A review needs the reviewer's name: type it in the review panel.")
    return name


def require_cells(db: sqlite3.Connection, cells: Sequence[int]) -> None:
    """Refuse cells that the case does not have.

    Raises:
        StationError: ``unknown-cell``.
    """
    query = f"SELECT count(*) FROM cells WHERE id IN {_IDS}"  # noqa: S608 - constant
    if db.execute(query, (json_list(cells),)).fetchone()[0] != len(set(cells)):
        raise StationError(
            "unknown-cell", "This case has not all of these cells: look at the list of its cells again."
        )
