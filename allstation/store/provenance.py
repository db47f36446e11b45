"""Trail of a case: who sealed its audit log, and whether this station has seen a later one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from allstation.core.audit import GENESIS
from allstation.core.errors import StationError
from allstation.core.text import shown_name, storable
from allstation.keys.signing import SignatureError
from allstation.keys.station import station_key
from allstation.keys.trust_store import TrustStore
from allstation.store.audit.anchors import (
    Anchor,
    AnchorRecorder,
    own_anchors,
    place_of_case,
    shared_anchors,
)
from allstation.store.audit.seal import LONGEST_NAME, Seal, read_seal_table
from allstation.store.connection import Repository

ACCEPTED: Final = "trail-accepted"
"""Action of the entry with which a person goes on with a trail that is not the latest one seen."""
OLDER_TRAIL: Final = "older-trail"
"""Code of the problem with such a trail."""
_SHORTEST_REASON: Final = 5


@dataclass(frozen=True, slots=True)
class SealedRun:
    """Entries that one station sealed.

    Attributes:
        first: First entry.
        last: Last entry.
        station: What it calls itself, or the name it is trusted under.
        fingerprint: Of its key.
        known: ``this station``, ``trusted`` or ``unknown here``.
    """

    first: int
    last: int
    station: str
    fingerprint: str
    known: str

    def text(self) -> str:
        """Return the run as one line."""
        name = shown_name(self.station)[:LONGEST_NAME]
        return f"Entries {self.first} to {self.last}: {name} ({self.known}, key {self.fingerprint})"


class Provenance(Repository):
    """Repository of seals and anchors.

    Attributes:
        remark: A sentence when this station has seen a later trail of the case, else empty; set by
            :meth:`start`.
    """

    remark: str = ""

    def start(self, *, created: bool = False) -> None:
        """Compare with what this station has seen, and remember heads from now on unless they differ.

        Args:
            created: The case is new, whatever was in its folder before.
        """
        context = self._connection.context
        if not context.remembered:
            return
        case = self._connection.info("case_id")
        self.remark = "" if created else self.conflict()
        if self._connection.read_only or self.remark:
            return
        recorder = AnchorRecorder(case, context.folder)
        self._connection.recorder = recorder
        now = self.head()
        if now.length:
            seen, place = _quiet_last("case", case), place_of_case(context.folder)
            if seen is None or (seen.length, seen.place) != (now.length, place):
                recorder.note(now.length, now.head, now.at, now=True)

    def head(self) -> Anchor:
        """Return the head of the audit log, unsigned."""
        with self._connection.read() as db:
            row = db.execute("SELECT id, hash, at FROM audit ORDER BY id DESC LIMIT 1").fetchone()
        length, head, at = row or (0, GENESIS, "")
        return Anchor(self._connection.info("case_id"), int(length), str(head), str(at))

    def conflict(self, *, shared: bool = False) -> str:
        """Return a sentence if a later or another trail of this case was seen, or another case here.

        Args:
            shared: Look also into the folder that stations share; it may take its time.
        """
        found = self._conflicts(shared=shared)
        return found[0][1] if found else ""

    def _conflicts(self, *, shared: bool) -> list[tuple[Anchor, str]]:
        """Return the anchors that the audit log does not agree with, and was not accepted in spite of."""
        case, place = self._connection.info("case_id"), place_of_case(self._connection.context.folder)
        own = _quiet_last("case", case)
        seen = [own] if own is not None else []
        if shared:
            with suppress(OSError):
                seen += shared_anchors(case)
        found = [(one, sentence) for one in seen if (sentence := self.difference(one))]
        here = _quiet_last("place", place)
        if here is not None and here.case != case:
            there = _quiet_last("case", here.case)
            if there is not None and there.place == place:  # that case was not seen elsewhere since
                sentence = (
                    f"On {here.at} another case was in this folder: its file was exchanged, or folders were "
                    "moved."
                )
                found.append((here, sentence))
        accepted = self._accepted() if found else frozenset()
        return [(one, sentence) for one, sentence in found if _short(one) not in accepted]

    def _accepted(self) -> frozenset[str]:
        """Return the anchors in spite of which somebody went on."""
        query = "SELECT details FROM audit WHERE action = ?"
        with self._connection.read() as db:
            rows = db.execute(query, (ACCEPTED,)).fetchall()
        found: set[str] = set()
        for (text,) in rows:
            with suppress(ValueError, TypeError, KeyError):
                found.update(map(str, json.loads(text)["seen"]))
        return frozenset(found)

    def difference(self, seen: Anchor) -> str:
        """Return a sentence if the audit log does not hold a head that was seen; empty if it does.

        Args:
            seen: An anchor of this or another case.
        """
        if seen.case != self._connection.info("case_id"):
            return f"The anchor is of another case ({shown_name(seen.case)})."
        who = "This station" if seen.key == station_key().public.text else _name_of(seen)
        length = self.head().length
        if length < seen.length:
            return (
                f"{who} has seen a longer trail of this case: {seen.length} entries on {seen.at}, here are "
                f"{length}. An older copy was put back, or its end was cut off."
            )
        with self._connection.read() as db:
            row = db.execute("SELECT hash FROM audit WHERE id = ?", (seen.length,)).fetchone()
        if row is None or row[0] != seen.head:
            return (
                f"{who} has seen another trail of this case: entry {seen.length} of {seen.at} is not the one "
                "in this file. Its history was rewritten, or two copies were worked on."
            )
        return ""

    def sealed_by(self) -> tuple[SealedRun, ...]:
        """Return which station sealed which entries; entries before the first run bear no key."""
        store, own = TrustStore.load(), station_key()
        with self._connection.read() as db:
            seals = read_seal_table(db)
        return tuple(_run(seal, store, own.public.text) for seal in seals)

    def anchor(self) -> Anchor:
        """Return the head of the audit log, signed by this station, to be kept somewhere else."""
        return self.head().signed()

    def accept(self, reason: str) -> None:
        """Go on with this trail although another one was seen; the audit log says who did so and why.

        Args:
            reason: Why.

        Raises:
            StationError: ``reason-needed``, or what the disk answered.
        """
        why = storable(reason).strip()
        if len(why) < _SHORTEST_REASON:
            sentence = "Say in a few words why this copy of the case is the one to go on with."
            raise StationError("reason-needed", sentence)
        connection = self._connection
        case = connection.info("case_id")
        found = self._conflicts(shared=True)
        details = {
            "reason": why,
            "conflicts": [sentence for _, sentence in found],
            "seen": [_short(one) for one, _ in found],
        }
        if connection.recorder is None and connection.context.remembered:
            connection.recorder = AnchorRecorder(case, connection.context.folder)
        with connection.write():
            connection.audit(ACCEPTED, "case", details)
        self.remark = ""
        if connection.recorder is not None:
            now = self.head()
            connection.recorder.note(now.length, now.head, now.at, now=True)


def unkeyed(runs: Iterable[SealedRun], length: int) -> int:
    """Return how many entries at the beginning bear no key."""
    return min((run.first - 1 for run in runs), default=length)


def _run(seal: Seal, store: TrustStore, own: str) -> SealedRun:
    try:
        key = seal.public
    except SignatureError:
        return SealedRun(seal.first, seal.last, seal.station, "none", "not a key")
    trusted = store.find(key)
    known = "this station" if seal.key == own else "trusted" if trusted is not None else "unknown here"
    name = trusted.name if trusted is not None else seal.station
    return SealedRun(seal.first, seal.last, name, key.fingerprint, known)


def _short(seen: Anchor) -> str:
    return f"{seen.case} {seen.length} {seen.head}"


def _name_of(seen: Anchor) -> str:
    return f"The station “{shown_name(seen.station)[:LONGEST_NAME]}”"


def _quiet_last(field: str, value: str) -> Anchor | None:
    """Return the newest anchor of the profile; None also where the profile does not answer."""
    with suppress(OSError):
        return own_anchors().last(field, value)
    return None
