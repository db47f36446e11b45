"""Removal of fields from a case, and bringing them back: a mark, nothing is deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from allstation.store.connection import CaseConnection

REMOVED: Final = "fields-removed"
RESTORED: Final = "fields-restored"
"""Actions in the audit log. Their details name the fields as ``ranges``: no removal goes unrecorded."""
_CHUNK: Final = 500


def set_removed(
    connection: CaseConnection,
    ids: Iterable[int],
    *,
    removed: bool,
    more: Mapping[str, object] = MappingProxyType({}),
) -> list[int]:
    """Set or clear the mark of removed fields in one transaction with its audit entry.

    Args:
        connection: The case's connection.
        ids: The fields.
        removed: The mark.
        more: Further details of the entry.

    Returns:
        Ids of the fields whose mark changed, ascending.
    """
    with connection.write() as db:
        changed = sorted(_with_mark(db, list(ids), not removed))
        if changed:
            marks = [(removed, number) for number in changed]
            db.executemany("UPDATE fields SET removed = ? WHERE id = ?", marks)
            db.executemany("UPDATE cell_list SET field_removed = ? WHERE field_id = ?", marks)
            details = {"fields": len(changed), "ranges": ranges_of(changed), **more}
            connection.audit(REMOVED if removed else RESTORED, "case", details)
    return changed


def _with_mark(db: sqlite3.Connection, ids: Sequence[int], removed: bool) -> Iterator[int]:
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        marks = ",".join("?" * len(chunk))
        query = f"SELECT id FROM fields WHERE removed = ? AND id IN ({marks})"  # noqa: S608 - marks only
        yield from (row[0] for row in db.execute(query, [removed, *chunk]).fetchall())


def ranges_of(ids: Sequence[int]) -> list[list[int]]:
    """Return ascending ids as ``[first, last]`` pairs: a whole slide is one of them."""
    ranges: list[list[int]] = []
    for number in ids:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges
