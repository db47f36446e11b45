"""Hash chain of the audit log: every entry includes the hash of the one before it.

A changed, removed, inserted or reordered entry breaks the chain at that place. What the chain
alone cannot show is a tail cut off whole; the head's hash is therefore printed in every report
and kept with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

GENESIS: Final = "0" * 64
"""What the first entry names as the hash before it."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Entry of the audit log.

    Attributes:
        id: Place in the trail, 1 for the first, without gaps.
        at: ISO 8601 UTC time with seconds.
        who: Name of the person, as set in the program.
        app: Version of the program.
        action: Short stable word, for example ``"review-added"``.
        object: What it was done to, for example ``"field 12"``.
        details: Canonical JSON text.
        model: Hash of the model bundle, or empty.
        input: Hash of what was worked on (a field's bytes, a batch's digest), or empty.
        previous: Hash of the entry before.
        hash: Hash of this entry, which covers all of the above.
    """

    id: int
    at: str
    who: str
    app: str
    action: str
    object: str
    details: str
    model: str
    input: str
    previous: str
    hash: str

    def seal(self) -> str:
        """Return the hash this entry should carry."""
        parts = (
            self.id,
            self.at,
            self.who,
            self.app,
            self.action,
            self.object,
            self.details,
            self.model,
            self.input,
            self.previous,
        )
        return hashlib.sha256(canonical(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """The first place where an audit trail does not hold.

    Attributes:
        entry_id: Id of the entry that does not fit.
        sentence: What is wrong with it.
    """

    entry_id: int
    sentence: str


def canonical(value: object) -> str:
    """Return JSON that is the same for equal values on every machine.

    Raises:
        ValueError: If the value holds NaN or infinity, which JSON cannot say.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def details_text(details: Mapping[str, object]) -> str:
    """Return an entry's details as the canonical text that is stored and sealed."""
    return canonical(dict(details))


def first_broken(entries: Iterable[AuditEntry]) -> ChainBreak | None:
    """Walk a trail from its start and return the first entry that does not fit, or None.

    Args:
        entries: In the order of their ids; read one at a time, so a long trail needs no memory.
    """
    previous, expected = GENESIS, 1
    for entry in entries:
        problem = _problem(entry, expected, previous)
        if problem:
            return ChainBreak(entry.id, problem)
        previous, expected = entry.hash, expected + 1
    return None


def clock_set_back(entries: Iterable[AuditEntry]) -> str:
    """Return a sentence on the first entry that is dated before an earlier one; empty if there is none.

    Args:
        entries: In the order of their ids.
    """
    latest: AuditEntry | None = None
    for entry in entries:
        # A damaged file may hold something else than a text; that is told by the verification.
        if latest is not None and str(entry.at) < str(latest.at):
            return (
                f"Entry {entry.id} is dated {entry.at}, before entry {latest.id} of {latest.at}: the clock "
                "of a computer was set back. Do not rely on these times."
            )
        latest = entry
    return ""


def _problem(entry: AuditEntry, expected: int, previous: str) -> str:
    if entry.id != expected:
        return f"Entry {expected} is missing: the next one is {entry.id}."
    if entry.previous != previous:
        return f"Entry {entry.id} does not follow the entry before it: one was changed or exchanged."
    if entry.seal() != entry.hash:
        return f"Entry {entry.id} was changed after it was written."
    return ""


def rows_digest(rows: Iterable[tuple[object, ...]]) -> str:
    """Return one SHA-256 over rows of plain values, in the given order."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(canonical(row).encode())
        digest.update(b"\n")
    return digest.hexdigest()
