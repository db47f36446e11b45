"""Removal of fields from a case, and bringing them back: a mark, nothing is deleted."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from allstation.store.connection import CaseConnection

REMOVED: Final = "fields-removed"
RESTORED: Final = "fields-restored"
"""Actions in the audit log. Their details name the fields as ``ranges``: no removal goes unrecorded."""
_WHY: Final = "why"
_TO: Final = "to"
"""Keys of details: a :class:`RemovalReason`, and the field that stands for a moved one."""
_CHUNK: Final = 500


class RemovalReason(StrEnum):
    """Reason for which a field of a slide is out of the case, other than that a person took it out.

    It was moved, proposed and taken back before anybody looked at it, or its adding or moving was undone.
    """

    MOVED = "moved"
    TAKEN_BACK = "taken back"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class RemovedCounts:
    """Fields that are out of the case; those that were undone count nowhere.

    Attributes:
        by_hand: A person took them out.
        moved: They stand at another place of their slide now.
        taken_back: They were proposed and taken back before anybody looked at them.
    """

    by_hand: int
    moved: int = 0
    taken_back: int = 0


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


def remove_because(
    connection: CaseConnection, ids: Iterable[int], why: RemovalReason, *, to: int = 0
) -> list[int]:
    """Remove fields for a reason that the audit log keeps; returns those that were in the case, ascending.

    Args:
        connection: The case's connection.
        ids: The fields.
        why: The reason.
        to: The field that stands for a moved one.
    """
    more: dict[str, object] = {_WHY: str(why)} | ({_TO: to} if to else {})
    return set_removed(connection, ids, removed=True, more=more)


def removed_counts(db: sqlite3.Connection) -> RemovedCounts:
    """Return how many fields are out of the case, by the reasons that the audit log holds.

    A field that was moved twice is counted once, and not at all when it was taken out at its last place.
    """
    gone = {row[0] for row in db.execute("SELECT id FROM fields WHERE removed = 1")}
    reasons: dict[int, tuple[str, int]] = {}
    query = "SELECT action, details FROM audit WHERE action IN (?, ?) ORDER BY id"
    for action, stored in db.execute(query, (REMOVED, RESTORED)) if gone else ():
        details = json.loads(stored)
        why = str(details.get(_WHY, "")) if action == REMOVED else ""
        numbers = [number for first, last in details["ranges"] for number in range(first, last + 1)]
        if why in set(RemovalReason):
            reasons |= dict.fromkeys(numbers, (why, int(details.get(_TO, 0))))
        elif reasons:
            for number in numbers:
                reasons.pop(number, None)
    reasons = {number: reason for number, reason in reasons.items() if number in gone}
    taken_back = sum(why == RemovalReason.TAKEN_BACK for why, _ in reasons.values())
    moved = sum(why == RemovalReason.MOVED and to not in gone for why, to in reasons.values())
    return RemovedCounts(len(gone) - len(reasons), moved, taken_back)


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
