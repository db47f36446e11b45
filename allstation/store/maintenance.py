"""Maintenance of cases from the command line: verify the audit log, repair.

Every function takes a case folder and returns plain data with a ``text()`` for the terminal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from allstation.core.audit import ChainBreak
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.core.times import Clock, stamp, utc_clock
from allstation.files import write_atomically
from allstation.store.audit.anchors import Anchor
from allstation.store.case import Case
from allstation.store.database import DATABASE, plain_errors, remove_file
from allstation.store.lock import CaseLock
from allstation.store.provenance import SealedRun, unkeyed
from allstation.store.salvage import (
    REPAIR_ACTION,
    REPAIRED,
    TABLES,
    case_problems,
    exchange,
    salvage_into,
)

_LONGEST_ANCHOR: Final = 16 * 1024
_MOST_RUNS: Final = 20
"""Sealed runs that are printed: a case seldom moves more often, one from elsewhere may claim anything."""


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """Outcome of verifying a case's audit log.

    Attributes:
        name: The case's name.
        entries: Number of entries in the log.
        head: Hash of the last one; a report printed from the case names an earlier head.
        broken: The first place where the log does not match the case, or None.
        remark: That a clock was set back between two entries; empty if it was not.
        sealed: Which station sealed which entries.
        older: That a later trail of the case was seen; empty if not.
    """

    name: str
    entries: int
    head: str
    broken: ChainBreak | None
    remark: str = ""
    sealed: tuple[SealedRun, ...] = ()
    older: str = ""

    @property
    def intact(self) -> bool:
        """Whether the whole log matches the case, and no later one was seen."""
        return self.broken is None and not self.older

    def text(self) -> str:
        """Return the outcome for the terminal."""
        lines = [f"{shown_name(self.name)}: {self.entries} entries, head {shown_name(self.head)}"]
        if self.broken is None:
            lines.append("The trail is intact in itself." if self.older else "The trail is intact.")
        else:
            sentence = shown_name(self.broken.sentence)
            lines.append(f"The trail is broken at entry {self.broken.entry_id}. {sentence}")
        lines += [run.text() for run in self.sealed[-_MOST_RUNS:]]
        if len(self.sealed) > _MOST_RUNS:
            lines.append(f"Before these, {len(self.sealed) - _MOST_RUNS} more runs of entries were sealed.")
        if number := unkeyed(self.sealed, self.entries):
            which = "No entry bears" if number == self.entries else f"Entries 1 to {number} do not bear"
            lines.append(f"{which} a key: whoever can write the file could have made them.")
        return "\n".join([*lines, *(text for text in (self.older, self.remark) if text)])


@dataclass(frozen=True, slots=True)
class RepairReport:
    """Outcome of a repair.

    Attributes:
        problems: What was wrong with the file; empty when nothing was, and nothing was touched then.
        salvaged: Rows carried over, per table.
        lost: Rows that were readable but referred to something that was not, per table.
        kept: Where the damaged file is kept; None when nothing was touched.
        broken: First place where the log does not match the repaired case, or None.
    """

    problems: tuple[str, ...]
    salvaged: dict[str, int]
    lost: dict[str, int]
    kept: Path | None
    broken: ChainBreak | None

    def text(self) -> str:
        """Return the outcome for the terminal."""
        if self.kept is None and self.broken is not None:
            return (
                f"The case file can be read, but its trail is broken at entry {self.broken.entry_id}. "
                f"{shown_name(self.broken.sentence)} Nothing was changed: what was lost or altered can only "
                "come back from a backup."
            )
        if self.kept is None:
            return "The case file is sound: nothing was changed."
        lines = [f"Damage: {problem}" for problem in self.problems[:5]]
        lines += [f"{name}: {self.salvaged[name]} rows saved, {self.lost[name]} given up" for name in TABLES]
        lines.append(f"The damaged file is kept as {shown_name(self.kept)}.")
        if self.broken is None:
            lines.append("The audit trail is intact: nothing it speaks of is missing.")
        else:
            lines.append(f"Audit trail, entry {self.broken.entry_id}: {self.broken.sentence}")
        return "\n".join(lines)


def audit_case(folder: Path) -> AuditFinding:
    """Verify the audit log of a case without changing anything.

    Raises:
        StationError: If the case cannot be read.
    """
    with Case.open(folder, read_only=True) as case:
        log = case.audit
        broken, older = log.verify(), case.provenance.conflict(shared=True)
        sealed = case.provenance.sealed_by()
        return AuditFinding(case.name, log.length(), log.head(), broken, log.set_back(), sealed, older)


@dataclass(frozen=True, slots=True)
class AnchorComparison:
    """Outcome of comparing a case with an anchor that was kept elsewhere.

    Attributes:
        holds: Whether the case still holds what the anchor says of it.
        text: The outcome as a sentence.
    """

    holds: bool
    text: str


def write_anchor(folder: Path, target: Path) -> str:
    """Write the head of a case's audit log, signed by this station, to be kept where the case is not.

    Returns:
        What was written, as a sentence.

    Raises:
        StationError: ``not-written``, or if the case cannot be read.
    """
    with Case.open(folder, read_only=True) as case:
        anchor = case.provenance.anchor()
    try:
        write_atomically(target, anchor.text().encode() + b"\n")
    except OSError as error:
        reason = error.strerror or error
        sentence = f"{shown_name(target)} cannot be written ({reason}): choose another place."
        raise StationError("not-written", sentence) from error
    return f"written: {shown_name(str(target))}, anchor of {anchor.length} entries, head {anchor.head[:16]}"


def compare_with_anchor(folder: Path, path: Path) -> AnchorComparison:
    """Compare a case with an anchor that :func:`write_anchor` wrote.

    Raises:
        StationError: ``bad-anchor`` if the file is none or was changed, or if the case cannot be read.
    """
    try:
        with path.open("rb") as file:
            anchor = Anchor.from_json(file.read(_LONGEST_ANCHOR))
    except OSError as error:
        raise StationError("bad-anchor", f"{shown_name(path)} cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        sentence = f"{shown_name(path)} is no anchor, or was changed: take one that was written from a case."
        raise StationError("bad-anchor", sentence) from error
    with Case.open(folder, read_only=True) as case:
        difference, length = case.provenance.difference(anchor), case.audit.length()
    which = f"the anchor of {anchor.at} ({shown_name(anchor.station)}, key {anchor.public.fingerprint})"
    if difference:
        return AnchorComparison(False, f"The case does not hold {which}. {difference}")
    added = length - anchor.length
    return AnchorComparison(True, f"The case holds {which}: {anchor.length} entries, {added} added since.")


def repair_case(folder: Path, *, clock: Clock = utc_clock) -> RepairReport:
    """Salvage a damaged case file into a fresh one and keep the damaged one in the case folder.

    A sound case is left alone. A repair that was itself interrupted is taken up again.

    Raises:
        StationError: ``no-case``, ``case-held`` while somebody has the case open, or what the disk answered.
    """
    path = folder / DATABASE
    if not path.is_file() and not (folder / REPAIRED).is_file():
        raise StationError(
            "no-case", f"There is no case in {shown_name(folder)}: choose a folder with {DATABASE}."
        )
    lock = CaseLock.take(folder, since=stamp(clock()))
    if not isinstance(lock, CaseLock):
        held = "the folder is read-only" if lock is None else f"it is open at {lock}"
        raise StationError("case-held", f"The case cannot be repaired now ({held}): close it there first.")
    try:
        with plain_errors():
            return _repair(folder, clock)
    finally:
        lock.release()


def _repair(folder: Path, clock: Clock) -> RepairReport:
    path = folder / DATABASE
    problems = case_problems(path)
    if not problems:
        remove_file(folder / REPAIRED)
        with Case.open(folder, read_only=True) as case:
            return RepairReport((), {}, {}, None, case.audit.verify())
    if not (folder / REPAIRED).is_file():
        with TemporaryDirectory(prefix="allstation-", dir=folder) as place:
            salvage_into(Path(place), folder, problems=problems, clock=clock)
    kept = exchange(folder, stamp(clock()))
    with Case.open(folder, read_only=True) as case:
        entry = next(entry for entry in reversed(case.audit.entries()) if entry.action == REPAIR_ACTION)
        rows = json.loads(entry.details)["rows"]
        broken = case.audit.verify()
    saved, lost = ({table: numbers[index] for table, numbers in rows.items()} for index in (0, 1))
    return RepairReport(problems, saved, lost, kept, broken)
