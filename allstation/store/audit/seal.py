"""Seals of the audit log: signatures of the stations that appended to it.

One seal covers a run of entries: those that one station appended before another went on. It is made anew
with each transaction, over the head, so that a trail whose end was cut off has no seal that fits.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from allstation.core.audit import AuditEntry, ChainBreak
from allstation.core.text import shown_name
from allstation.keys.signing import PublicKey, SignatureError, SigningKey
from allstation.keys.station import station_key

STATION_CHANGED: Final = "station-changed"
"""Action of the entry with which a station goes on with what another one, or an earlier version, wrote."""
KEY: Final = "key"
"""Key of the station's fingerprint in the details of that entry and of ``case-created``."""
LONGEST_NAME: Final = 60
"""Characters of a station's name that are shown; a case from elsewhere may hold any."""
_REPAIRED: Final = "case-repaired"
_PURPOSE: Final = "audit seal"
_COLUMNS: Final = "id, first, last, head, station, key, signature"


@dataclass(frozen=True, slots=True)
class Seal:
    """Signature over a run of entries.

    Attributes:
        id: Place among the seals.
        first: First entry of the run.
        last: Last entry of the run.
        head: Hash of that entry.
        station: What the station calls itself; covered by the signature.
        key: Public key in base64.
        signature: In base64.
    """

    id: int
    first: int
    last: int
    head: str
    station: str
    key: str
    signature: str

    @property
    def public(self) -> PublicKey:
        """The station's key.

        Raises:
            SignatureError: If the text is none.
        """
        return PublicKey.from_text(self.key)

    def holds(self, case_id: str) -> bool:
        """Tell whether the signature is of this run of this case."""
        try:
            signature = base64.b64decode(self.signature, validate=True)
            value = _signed(case_id, first=self.first, last=self.last, head=self.head, station=self.station)
            return self.public.verifies(signature, _PURPOSE, value)
        except (SignatureError, ValueError):
            return False


class Sealer:
    """Seals what one connection appends to the audit log. One transaction at a time.

    After the first transaction nothing is read again: the connection is the only writer, and a head that is
    not the one it sealed last begins a run of its own.
    """

    def __init__(self) -> None:
        self._case_id = ""
        self._first: AuditEntry | None = None
        self._last: AuditEntry | None = None
        self._run: Seal | None = None
        self._made: Seal | None = None

    def takes_over(self, db: sqlite3.Connection) -> bool:
        """Tell whether this transaction's first entry is to say that another station goes on.

        A run of this station is continued only if its seal fits: another seal over what was altered
        meanwhile would make it look sound.
        """
        if self._last is not None or self._run is not None or not has_seal_table(db):
            return False
        end = db.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
        if end is None:
            return False
        row = db.execute(f"SELECT {_COLUMNS} FROM seals ORDER BY id DESC LIMIT 1").fetchone()  # noqa: S608
        seal = Seal(*row) if row is not None else None
        own = seal is not None and (seal.last, seal.head, seal.key) == (*end, station_key().public.text)
        if seal is None or not own or not seal.holds(_case_id(db)):
            return True
        self._run = seal
        return False

    def appended(self, entry: AuditEntry) -> None:
        """Take an entry of the open transaction."""
        self._first = self._first or entry
        self._last = entry

    def seal(self, db: sqlite3.Connection) -> AuditEntry | None:
        """Seal the entries of the open transaction; returns the last one, None if there is none."""
        first, last, run = self._first, self._last, self._run
        if first is None or last is None:
            return None
        if run is not None and run.head != first.previous:
            run = None
        if run is not None or has_seal_table(db):
            self._case_id = self._case_id or _case_id(db)
            begin = first.id if run is None else run.first
            self._made = _write(db, station_key(), run, first=begin, entry=last, case_id=self._case_id)
        return last

    def committed(self) -> None:
        """The transaction was written."""
        self._run = self._made or self._run
        self._first = self._last = self._made = None

    def forget(self) -> None:
        """The transaction was not written; what was read in it is read again."""
        self._first = self._last = self._made = self._run = None
        self._case_id = ""


def _write(
    db: sqlite3.Connection, key: SigningKey, run: Seal | None, *, first: int, entry: AuditEntry, case_id: str
) -> Seal:
    value = _signed(case_id, first=first, last=entry.id, head=entry.hash, station=key.name)
    signature = base64.b64encode(key.sign(_PURPOSE, value)).decode()
    if run is not None:
        changed = (entry.id, entry.hash, key.name, signature, run.id)
        db.execute("UPDATE seals SET last = ?, head = ?, station = ?, signature = ? WHERE id = ?", changed)
        number = run.id
    else:
        values = (first, entry.id, entry.hash, key.name, key.public.text, signature)
        columns = _COLUMNS.removeprefix("id, ")
        added = db.execute(f"INSERT INTO seals ({columns}) VALUES (?, ?, ?, ?, ?, ?)", values)  # noqa: S608
        number = int(added.lastrowid or 0)
    return Seal(number, first, entry.id, entry.hash, key.name, key.public.text, signature)


def has_seal_table(db: sqlite3.Connection) -> bool:
    """Tell whether a case file has the table of seals; one of an earlier version has not."""
    found = db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'seals'").fetchone()
    return found is not None


def read_seal_table(db: sqlite3.Connection) -> list[Seal]:
    """Return the seals, the oldest run first."""
    if not has_seal_table(db):
        return []
    return [Seal(*row) for row in db.execute(f"SELECT {_COLUMNS} FROM seals ORDER BY id")]  # noqa: S608


def broken_seal(db: sqlite3.Connection, entries: Iterable[AuditEntry]) -> ChainBreak | None:
    """Return the first place where the seals do not fit the audit log, or None.

    Whose keys they are is another question: a case that comes from elsewhere bears seals of stations that
    nobody here knows.

    Args:
        db: The case file.
        entries: The log from its start.
    """
    try:
        return _broken_seal(db, entries)
    except sqlite3.OperationalError as error:
        if (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF != sqlite3.SQLITE_ERROR:
            raise
        return ChainBreak(0, f"The case file does not answer as a case does ({error}).")


def _broken_seal(db: sqlite3.Connection, entries: Iterable[AuditEntry]) -> ChainBreak | None:
    seals, case_id = read_seal_table(db), _case_id(db)
    expected, repaired = _named_keys(entries)
    for before, seal in zip([None, *seals], seals, strict=False):
        (found,) = db.execute("SELECT max(hash) FROM audit WHERE id = ?", (seal.last,)).fetchone()
        follows = before is None or seal.first == before.last + 1
        if found != seal.head or not follows or not seal.holds(case_id):
            name = shown_name(seal.station)[:LONGEST_NAME]
            sentence = f"The entries {seal.first} to {seal.last} are not those that “{name}” sealed."
            return ChainBreak(seal.last, sentence)
    (length,) = db.execute("SELECT coalesce(max(id), 0) FROM audit").fetchone()
    if seals and seals[-1].last != length:
        return ChainBreak(length, f"Entries from {seals[-1].last + 1} on bear no seal.")
    found = [seal.public.fingerprint for seal in seals]
    return _missing_seal(found, expected, length, repaired=repaired)


def _named_keys(entries: Iterable[AuditEntry]) -> tuple[list[str], bool]:
    """Return the keys that the log names, in their order, and whether some may be lost to damage."""
    keys: list[str] = []
    repaired = False
    for entry in entries:
        if entry.action == _REPAIRED:
            keys, repaired = [], True
        elif entry.action in (STATION_CHANGED, "case-created"):
            keys += _named_key(entry.details)
    return keys, repaired


def _named_key(details: str) -> list[str]:
    """Return the key that an entry names, if it does; a forged entry may hold anything."""
    try:
        named = json.loads(details).get(KEY)
    except (ValueError, AttributeError, RecursionError):
        return []
    return [str(named)] if named is not None else []


def _missing_seal(
    found: Sequence[str], expected: Sequence[str], length: int, *, repaired: bool
) -> ChainBreak | None:
    compared = found[len(found) - len(expected) :] if repaired else found
    if list(compared) == list(expected):
        return None
    sentence = f"The trail names {len(expected)} stations, the case bears {len(found)} seals that fit them."
    return ChainBreak(length, f"{sentence} Seals were removed or added.")


def _case_id(db: sqlite3.Connection) -> str:
    row = db.execute("SELECT value FROM info WHERE key = 'case_id'").fetchone()
    return str(row[0]) if row is not None else ""


def _signed(case_id: str, *, first: int, last: int, head: str, station: str) -> dict[str, str | int]:
    return {"case": case_id, "first": first, "last": last, "head": head, "station": station}
