"""Connection that all repositories of a case share: transactions, inner lock, new audit entries."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from threading import RLock

import allstation
from allstation.core.audit import GENESIS, AuditEntry, details_text
from allstation.core.errors import StationError
from allstation.core.text import storable
from allstation.core.times import Clock, stamp
from allstation.keys.station import station_key
from allstation.store.audit.anchors import AnchorRecorder
from allstation.store.audit.seal import STATION_CHANGED, Sealer
from allstation.store.database import plain_errors
from allstation.store.folders import Folders
from allstation.store.lock import CaseLock


@dataclass(frozen=True, slots=True)
class CaseContext:
    """Open-time context of a case: folder, clock, user, write lock.

    Attributes:
        folder: The case folder.
        clock: Source of times.
        user: Name for entries of the audit log.
        lock: The write lock, or None.
        why_read_only: A sentence when there is no right to write, else empty.
        remembered: The profile keeps the heads of the audit log; not those of a case that is soon gone.
    """

    folder: Path
    clock: Clock
    user: str
    lock: CaseLock | None = None
    why_read_only: str = ""
    remembered: bool = True


@dataclass(frozen=True, slots=True)
class AuditNote:
    """Content of an audit entry before it is chained to the entry before; see :class:`AuditEntry`."""

    at: str
    who: str
    action: str
    object: str
    details: str
    model: str = ""
    input: str = ""


def append_entry(db: sqlite3.Connection, note: AuditNote) -> AuditEntry:
    """Chain a note as the next entry of the audit log and return it. Needs an open write transaction."""
    last = db.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone() or (0, GENESIS)
    entry = AuditEntry(
        id=last[0] + 1,
        at=note.at,
        who=note.who,
        app=allstation.__version__,
        action=note.action,
        object=note.object,
        details=note.details,
        model=note.model,
        input=note.input,
        previous=last[1],
        hash="",
    )
    chained = replace(entry, hash=entry.seal())
    db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(chained))
    return chained


def field_sha256(db: sqlite3.Connection, field_id: int) -> str:
    """Return the hash of a field's bytes.

    Raises:
        StationError: ``unknown-field`` if the case has none with this id.
    """
    row = db.execute("SELECT sha256 FROM fields WHERE id = ?", (field_id,)).fetchone()
    if row is None:
        raise unknown_field(field_id)
    return str(row[0])


def unknown_field(field_id: int) -> StationError:
    """Return the error for a field that the case does not have."""
    sentence = f"This case has no field number {field_id}: look at the list of its fields again."
    return StationError("unknown-field", sentence)


class CaseConnection:
    """Open connection to one case file, with the context it was opened in.

    Any thread may use it; an inner lock lets one through at a time. A window that must never wait
    for a write uses a second, read-only connection from :meth:`Case.reader`.

    Attributes:
        db: The SQLite connection.
        context: What the case was opened with.
        folders: Where the folders of the fields are now.
        lock: Held during every statement and transaction; re-entrant.
        recorder: Takes every new head of the audit log; None where heads are not to be remembered.
        closed: Whether :meth:`close` was called.
    """

    def __init__(self, db: sqlite3.Connection, context: CaseContext) -> None:
        self.db = db
        self.context = context
        self.folders = Folders(context.folder)
        self.lock = RLock()
        self.closed = False
        self.recorder: AnchorRecorder | None = None
        self._sealer = Sealer()

    @property
    def read_only(self) -> bool:
        """Whether this connection cannot write."""
        return self.context.lock is None

    @property
    def user(self) -> str:
        """Name for entries of the audit log and, unless another is given, for reviews."""
        return self.context.user

    @user.setter
    def user(self, name: str) -> None:
        self.context = replace(self.context, user=storable(name).strip() or self.context.user)

    def now(self) -> str:
        """Return the current time as it is stored."""
        return stamp(self.context.clock())

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lock the connection for one statement.

        Raises:
            StationError: ``closed-case``, or what the disk answered.
        """
        with self.lock, plain_errors():
            if self.closed:
                raise StationError("closed-case", "This case was closed: open it again.")
            yield self.db

    @contextmanager
    def consistent_read(self) -> Iterator[sqlite3.Connection]:
        """Open one read transaction: everything read in it belongs together. May be nested."""
        with self.read() as db:
            if db.in_transaction:
                yield db
                return
            db.execute("BEGIN")
            try:
                yield db
            finally:
                if db.in_transaction:
                    db.execute("COMMIT")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Open one write transaction: all of it is saved, or nothing. May be nested.

        Raises:
            StationError: ``read-only-case``, or what the disk answered.
        """
        if self.read_only:
            raise StationError("read-only-case", self.context.why_read_only)
        with self.read() as db:
            if db.in_transaction:
                yield db
                return
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                entry = self._sealer.seal(db)
                db.execute("COMMIT")
            except BaseException:
                self._sealer.forget()
                if db.in_transaction:  # a full disk ends the transaction by itself
                    db.execute("ROLLBACK")
                raise
            self._sealer.committed()
            if entry is not None and self.recorder is not None:
                self.recorder.note(entry.id, entry.hash, entry.at)

    def audit(
        self,
        action: str,
        target: str,
        details: Mapping[str, object],
        *,
        model: str = "",
        input_hash: str = "",
        who: str = "",
    ) -> None:
        """Append an entry to the audit log. Needs the open write transaction that it describes."""
        self.begin_entries()
        by = storable(who) or self.user
        note = AuditNote(self.now(), by, action, target, details_text(details), model, input_hash)
        self._sealer.appended(append_entry(self.db, note))

    def begin_entries(self) -> None:
        """Enter that this station goes on with a trail that another one wrote, if that is so.

        Whoever needs the head before the next entry calls this first. Needs an open write transaction.
        """
        if not self._sealer.takes_over(self.db):
            return
        key = station_key()
        details = details_text({"station": key.name, "key": key.public.fingerprint})
        note = AuditNote(self.now(), self.user, STATION_CHANGED, "case", details)
        self._sealer.appended(append_entry(self.db, note))

    def info(self, key: str, default: str = "") -> str:
        """Return a value of the key-value table, or the default."""
        with self.read() as db:
            row = db.execute("SELECT value FROM info WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else default

    def set_info(self, key: str, value: str) -> None:
        """Set a value of the key-value table."""
        with self.write() as db:
            db.execute(
                "INSERT INTO info VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                (key, value),
            )

    def close(self) -> None:
        """Close the file, then give up the write lock."""
        self.closed = True
        if self.recorder is not None:
            self.recorder.close()
        self.db.close()
        if self.context.lock is not None:
            self.context.lock.release()


class Repository:
    """Base of the repositories of a case: tables of one responsibility on the shared connection."""

    def __init__(self, connection: CaseConnection) -> None:
        self._connection = connection
