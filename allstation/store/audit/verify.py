"""Verification of a case against its audit log: digests, counts and marks of the sealed rows."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from allstation.core.audit import AuditEntry, ChainBreak
from allstation.core.errors import StationError
from allstation.store.audit.contents import (
    CONTENT,
    Contents,
    fields_content,
    fields_digest,
    model_content,
    predictions_content,
    predictions_digest,
)
from allstation.store.cells.verify import CellContents
from allstation.store.removal import REMOVED, RESTORED
from allstation.store.rows import Row
from allstation.store.slides.verify import SlideContents

Details = Mapping[str, Any]
_UNREADABLE: Final = (KeyError, IndexError, TypeError, ValueError, AttributeError, sqlite3.ProgrammingError)
"""Errors of details that lack a key or have another type: a forged chain may hold anything."""


def first_mismatch(
    db: sqlite3.Connection, folder: Path, entries: Callable[[], Iterable[AuditEntry]]
) -> ChainBreak | None:
    """Return the first entry whose rows are not what it sealed, or rows that no entry sealed.

    Args:
        db: The case file.
        folder: The case folder, with the kept reports.
        entries: Reads the log from its start, each time it is called.
    """
    try:
        return _first_mismatch(db, folder, entries)
    except sqlite3.OperationalError as error:
        if (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF != sqlite3.SQLITE_ERROR:
            raise
        return ChainBreak(0, f"The case file does not answer as a case does ({error}).")


def _first_mismatch(
    db: sqlite3.Connection, folder: Path, entries: Callable[[], Iterable[AuditEntry]]
) -> ChainBreak | None:
    counted: Counter[str] = Counter()
    marks = _Marks(int(db.execute("SELECT coalesce(max(id), 0) FROM fields").fetchone()[0]))
    contents, cells, slides, last = Contents(), CellContents(), SlideContents(), 0
    for entry in entries():
        last = entry.id
        try:
            details = json.loads(entry.details)
            marks.replay(entry, details)
            contents.replay(entry, details)
            slides.replay(entry, details)
            table, number, problem = _check_entry(db, entry, details)
            problem = problem or cells.replay(db, entry, details)
        except _UNREADABLE:
            problem = f"Entry {entry.id} does not say what such an entry says."
        if problem:
            return ChainBreak(entry.id, problem)
        counted[table] += number
    return (
        _uncounted_rows(db, counted, last)
        or _mark_mismatch(db, marks, last)
        or _content_mismatch(db, folder, contents, entries, last)
        or _other_mismatch(db, cells, slides, last)
    )


def _other_mismatch(
    db: sqlite3.Connection, cells: CellContents, slides: SlideContents, last: int
) -> ChainBreak | None:
    try:
        problem = slides.other(db) or cells.other(db)
    except (*_UNREADABLE, StationError):
        problem = "The case holds cells or slides that cannot be read."
    return ChainBreak(last, problem) if problem else None


def _content_mismatch(
    db: sqlite3.Connection,
    folder: Path,
    contents: Contents,
    entries: Callable[[], Iterable[AuditEntry]],
    last: int,
) -> ChainBreak | None:
    """Compare the contents that the log holds; fields come last, when all moves are known."""
    for entry in entries():
        if entry.action == "fields-added" and not _same_places(db, contents, json.loads(entry.details)):
            sentence = f"Names, slides or files of the fields that entry {entry.id} added were changed."
            return ChainBreak(entry.id, sentence)
    try:
        problem = contents.other_info(db) or contents.other_field(db) or contents.other_report(folder)
    except _UNREADABLE:
        problem = "The case holds texts that cannot be read."
    return ChainBreak(last, problem) if problem else None


def _same_places(db: sqlite3.Connection, contents: Contents, details: Details) -> bool:
    first, last = details["first"], details["last"]
    if CONTENT not in details or any(first <= number <= last for number in contents.unknown):
        return True
    return fields_content(db, first, last, contents.first) == str(details[CONTENT])


@dataclass(slots=True)
class _Marks:
    """Expected withdrawn and removed marks after replaying the audit log.

    Attributes:
        fields: Largest id of a field; a forged entry may speak of any number of them.
        withdrawn: By review.
        removed: Fields that are out of the case.
    """

    fields: int
    withdrawn: dict[int, bool] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)

    def replay(self, entry: AuditEntry, details: Details) -> None:
        """Replay one entry."""
        if "review" in details:
            # A remark, a review whose class is empty, never counts: it is stored as withdrawn.
            remark = details.get("class") == ""
            self.withdrawn[int(details["review"])] = remark or entry.action == "review-withdrawn"
        if entry.action in (REMOVED, RESTORED):
            change = self.removed.update if entry.action == REMOVED else self.removed.difference_update
            for first, last in details["ranges"]:
                change(range(max(first, 1), min(last, self.fields) + 1))


def _check_entry(db: sqlite3.Connection, entry: AuditEntry, details: Details) -> tuple[str, int, str]:
    """Return which table an entry speaks of, how many of its rows, and what is wrong with them."""
    table, check = _CHECKS.get(entry.action, ("", None))
    number, problem = (0, "") if check is None else check(db, entry, details)
    return table, number, problem


def _check_fields(db: sqlite3.Connection, entry: AuditEntry, details: Details) -> tuple[int, str]:
    same = fields_digest(db, details["first"], details["last"]) == entry.input
    return details["added"], "" if same else f"Fields that entry {entry.id} added were changed or removed."


def _check_predictions(db: sqlite3.Connection, entry: AuditEntry, details: Details) -> tuple[int, str]:
    first, last = details["first"], details["last"]
    same = predictions_digest(db, first, last) == entry.input and (
        CONTENT not in details or predictions_content(db, first, last) == details[CONTENT]
    )
    return details[
        "fields"
    ], "" if same else f"Predictions that entry {entry.id} saved were changed or removed."


def _check_review(db: sqlite3.Connection, entry: AuditEntry, details: Details) -> tuple[int, str]:
    query = "SELECT class_name, comment, at, reviewer, 'field ' || field_id FROM reviews WHERE id = ?"
    sealed = (details["class"], details["comment"], details["at"], entry.who, entry.object)
    return 1, _compare(
        db.execute(query, (details["review"],)).fetchone(), sealed, f"The review of entry {entry.id}"
    )


def _check_report(db: sqlite3.Connection, entry: AuditEntry, details: Details) -> tuple[int, str]:
    query = "SELECT status, sha256, decisions_sha256, reason, by, audit_head FROM reports WHERE id = ?"
    sealed = (
        details["status"],
        entry.input,
        details["decisions"],
        details["reason"],
        entry.who,
        entry.previous,
    )
    return 1, _compare(
        db.execute(query, (details["report"],)).fetchone(), sealed, f"The report of entry {entry.id}"
    )


def _check_model(db: sqlite3.Connection, entry: AuditEntry, details: Details) -> tuple[int, str]:
    row = db.execute("SELECT name, version FROM models WHERE sha256 = ?", (entry.model,)).fetchone()
    what = f"The model of entry {entry.id}"
    if CONTENT in details and model_content(db, entry.model) != details[CONTENT]:
        return 1, f"{what} was changed."
    return 1, _compare(row, (details["name"], details["version"]), what)


def _compare(stored: Row | None, sealed: Row, what: str) -> str:
    if stored is None:
        return f"{what} was removed."
    return "" if tuple(stored) == sealed else f"{what} was changed."


_CHECKS: Final[
    dict[str, tuple[str, Callable[[sqlite3.Connection, AuditEntry, Details], tuple[int, str]]]]
] = {
    "fields-added": ("fields", _check_fields),
    "fields-classified": ("predictions", _check_predictions),
    "review-added": ("reviews", _check_review),
    "report-made": ("reports", _check_report),
    "model-added": ("models", _check_model),
}


def _uncounted_rows(db: sqlite3.Connection, counted: Counter[str], last: int) -> ChainBreak | None:
    for table in ("fields", "predictions", "reviews", "reports", "models"):
        rows = int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - constants above
        if rows != counted[table]:
            sentence = (
                f"The case holds {rows} {table}, the trail speaks of {counted[table]}: "
                "its end was cut off, or rows were added past it."
            )
            return ChainBreak(last, sentence)
    return None


def _mark_mismatch(db: sqlite3.Connection, marks: _Marks, last: int) -> ChainBreak | None:
    for number, mark in db.execute("SELECT id, withdrawn FROM reviews ORDER BY id"):
        if bool(mark) != marks.withdrawn.get(number, False):
            return ChainBreak(last, f"Review {number} was withdrawn or restored past the trail.")
    removed = {row[0] for row in db.execute("SELECT id FROM fields WHERE removed = 1")}
    for number in sorted(removed ^ marks.removed)[:1]:
        return ChainBreak(last, f"Field {number} was removed or brought back past the trail.")
    return None
