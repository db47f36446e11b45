"""What every part of a case stands on: one connection, one lock, transactions and the audit trail."""

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
from allstation.store.database import plain_errors
from allstation.store.folders import Folders
from allstation.store.lock import CaseLock


@dataclass(frozen=True, slots=True)
class Desk:
    """What a case was opened with.

    Attributes:
        folder: The case folder.
        clock: Where times come from.
        user: Name that goes to the audit trail.
        lock: The right to write, or None.
        why_read_only: A sentence when there is no right to write, else empty.
    """

    folder: Path
    clock: Clock
    user: str
    lock: CaseLock | None = None
    why_read_only: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What an entry of the audit trail says, before it has its place; see :class:`AuditEntry`."""

    at: str
    who: str
    action: str
    object: str
    details: str
    model: str = ""
    input: str = ""


def append_entry(db: sqlite3.Connection, note: Note) -> None:
    """Seal a note as the next entry of the trail. Needs an open write transaction."""
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
    values = [*astuple(entry)[:-1], entry.seal()]
    db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


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


class CaseFile:
    """One open connection to a case.

    Any thread may call any method; an inner lock lets one through at a time. A window that must
    never wait for a write uses a second, read-only connection from :meth:`Case.reader`.
    """

    def __init__(self, db: sqlite3.Connection, desk: Desk) -> None:
        self._db = db
        self._desk = desk
        self._lock = RLock()
        self._folders = Folders(desk.folder)
        self._closed = False

    @property
    def folder(self) -> Path:
        """The case folder."""
        return self._desk.folder

    @property
    def read_only(self) -> bool:
        """Whether this connection may only look."""
        return self._desk.lock is None

    @property
    def why_read_only(self) -> str:
        """A sentence for the person at the window, empty when the case can be changed."""
        return self._desk.why_read_only

    @property
    def user(self) -> str:
        """The name that goes to the audit trail and, unless another is given, to reviews."""
        return self._desk.user

    @user.setter
    def user(self, name: str) -> None:
        self._desk = replace(self._desk, user=storable(name).strip() or self._desk.user)

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one statement."""
        with self._lock, plain_errors():
            self._require_open()
            yield self._db

    @contextmanager
    def _still(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside one read transaction: everything read belongs together."""
        with self._read() as db:
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
    def _write(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside one write transaction: all of it is saved, or nothing.

        Raises:
            StationError: ``read-only-case``, or what the disk answered.
        """
        if self.read_only:
            raise StationError("read-only-case", self.why_read_only)
        with self._read() as db:
            if db.in_transaction:
                yield db
                return
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # a full disk ends the transaction by itself
                    db.execute("ROLLBACK")
                raise

    def _require_open(self) -> None:
        if self._closed:
            raise StationError("closed-case", "This case was closed: open it again.")

    def _now(self) -> str:
        return stamp(self._desk.clock())

    def _audit(
        self,
        action: str,
        target: str,
        details: Mapping[str, object],
        *,
        model: str = "",
        input_hash: str = "",
        who: str = "",
    ) -> None:
        """Add an entry to the trail. Needs the open write transaction of what it speaks of."""
        by = storable(who) or self.user
        append_entry(
            self._db, Note(self._now(), by, action, target, details_text(details), model, input_hash)
        )

    def _info(self, key: str, default: str = "") -> str:
        with self._read() as db:
            row = db.execute("SELECT value FROM info WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else default

    def _set_info(self, key: str, value: str) -> None:
        with self._write() as db:
            db.execute(
                "INSERT INTO info VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                (key, value),
            )
