"""Audit log of a case: reading it, and verifying that it still matches the case."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from allstation.core.audit import GENESIS, AuditEntry, ChainBreak, clock_set_back, first_broken
from allstation.store import schema
from allstation.store.audit.seal import broken_seal
from allstation.store.connection import Repository
from allstation.store.rows import AUDIT_COLUMNS, audit_of
from allstation.store.schema_match import schema_difference


class AuditLog(Repository):
    """Repository of the audit log; :meth:`CaseConnection.audit` appends to it.

    A batch of predictions makes one entry with a digest over its rows, not one entry a field: an
    entry costs as much room as the prediction it speaks of (tests/benchmarks/store.py has the
    figures), and who classified a field when with what is in the prediction's own row, which the
    digest seals just as well.
    """

    def head(self) -> str:
        """Return the hash of the last entry."""
        with self._connection.read() as db:
            row = db.execute("SELECT hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
        return str(row[0]) if row else GENESIS

    def last_at(self) -> str:
        """Return the time of the last entry; empty where there is none."""
        with self._connection.read() as db:
            row = db.execute("SELECT at FROM audit ORDER BY id DESC LIMIT 1").fetchone()
        return str(row[0]) if row else ""

    def length(self) -> int:
        """Return the number of entries."""
        with self._connection.read() as db:
            return int(db.execute("SELECT count(*) FROM audit").fetchone()[0])

    def entries(self, *, last: int | None = None) -> list[AuditEntry]:
        """Return the entries, the oldest first.

        Args:
            last: Only this many of the newest.
        """
        query = f"SELECT {AUDIT_COLUMNS} FROM audit ORDER BY id DESC LIMIT ?"  # noqa: S608
        with self._connection.read() as db:
            rows = db.execute(query, (-1 if last is None else last,)).fetchall()
        return [audit_of(row) for row in reversed(rows)]

    def verify(self) -> ChainBreak | None:
        """Return the first place where the log does not match the case, or None.

        Verified are the chain of hashes and the signatures of the stations that wrote it; that fields,
        predictions, reviews, models, reports, names and case data are what their entries hold, none fewer
        and none more; that what the lists show is what predictions and reviews say; and that the file holds
        the tables and triggers of a case, no others.
        """
        from allstation.store.audit.verify import first_mismatch

        folder = self._connection.context.folder
        with self._connection.consistent_read() as db:
            return (
                first_broken(self._walk())
                or first_mismatch(db, folder, self._walk)
                or broken_seal(db, self._walk())
                or self._foreign_schema(db)
            )

    def set_back(self) -> str:
        """Return a sentence on the first entry dated before an earlier one; empty if there is none."""
        with self._connection.consistent_read():
            return clock_set_back(self._walk())

    def _foreign_schema(self, db: sqlite3.Connection) -> ChainBreak | None:
        found = schema_difference(db, schema.STEPS)
        if not found:
            return None
        return ChainBreak(0, f"The protection of the history in the case file was altered: {found}.")

    def _walk(self) -> Iterator[AuditEntry]:
        for row in self._connection.db.execute(f"SELECT {AUDIT_COLUMNS} FROM audit ORDER BY id"):  # noqa: S608
            yield audit_of(row)
