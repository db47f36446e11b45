"""Taking fields out of a case and bringing them back; what is known of them stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from allstation.store.connection import CaseFile

REMOVED: Final = "fields-removed"
RESTORED: Final = "fields-restored"
"""Actions in the trail. Their details name the fields as ``ranges``, so that no field leaves unseen."""
_CHUNK: Final = 500


class RemovingPart(CaseFile):
    """Fields that do not belong to the case: a wrong folder, another patient's slide.

    A removed field is listed, counted, classified and reported nowhere. Its file is not touched, its
    predictions and reviews stay, and the trail says who took it out.
    """

    def remove_fields(self, ids: Iterable[int]) -> list[int]:
        """Take fields out of the case; returns those that were in it, ascending."""
        return self._set_removed(ids, removed=True)

    def restore_fields(self, ids: Iterable[int]) -> list[int]:
        """Bring removed fields back as they were; returns those that had been removed, ascending."""
        return self._set_removed(ids, removed=False)

    def _set_removed(self, ids: Iterable[int], *, removed: bool) -> list[int]:
        with self._write() as db:
            changed = sorted(_with_mark(db, list(ids), not removed))
            if changed:
                marks = [(removed, number) for number in changed]
                db.executemany("UPDATE fields SET removed = ? WHERE id = ?", marks)
                details = {"fields": len(changed), "ranges": ranges_of(changed)}
                self._audit(REMOVED if removed else RESTORED, "case", details)
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
