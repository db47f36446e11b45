"""The audit trail and the reports of a case."""

from __future__ import annotations

from collections.abc import Iterator

from allstation.core.audit import GENESIS, AuditEntry, BrokenLink, first_broken
from allstation.store.base import CaseFile
from allstation.store.rows import AUDIT_COLUMNS, audit_of


class TrailPart(CaseFile):
    """Reading and verifying the trail."""

    def audit_head(self) -> str:
        """Return the hash of the last entry."""
        with self._read() as db:
            row = db.execute("SELECT hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
        return str(row[0]) if row else GENESIS

    def audit_entries(self, *, last: int | None = None) -> list[AuditEntry]:
        """Return the trail, the oldest first.

        Args:
            last: Only this many of the newest.
        """
        query = f"SELECT {AUDIT_COLUMNS} FROM audit ORDER BY id DESC LIMIT ?"  # noqa: S608
        with self._read() as db:
            rows = db.execute(query, (-1 if last is None else last,)).fetchall()
        return [audit_of(row) for row in reversed(rows)]

    def verify_audit(self) -> BrokenLink | None:
        """Return the first place where the trail does not hold, or None."""
        with self._still():
            return first_broken(self._walk())

    def _walk(self) -> Iterator[AuditEntry]:
        for row in self._db.execute(f"SELECT {AUDIT_COLUMNS} FROM audit ORDER BY id"):  # noqa: S608
            yield audit_of(row)
