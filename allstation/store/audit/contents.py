"""Contents of a case that its audit log holds beside the first digests: names, places, figures, copies.

Entries of version 0.1.0 lack these details. What they do not hold is not compared.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from allstation.core.audit import AuditEntry, canonical, rows_digest
from allstation.core.classes import NEEDS_REVIEW
from allstation.core.decision import WITHOUT_PROBABILITIES
from allstation.core.reports import ReportStatus, decisions_digest
from allstation.store.rows import Row

CONTENT: Final = "content"
"""Key of the digest of contents in an entry's details."""
BEFORE: Final = "before"
"""Key of the digest of what an entry replaced: a forged value must not become part of the trail with it."""
SITE: Final = "site"
"""Key in ``info``: the case's site as JSON."""
SLIDE_SIZES: Final = "slide_pixel_sizes"
"""Key in ``info``: pixel sizes of single slides as JSON."""
MOVED: Final = "moved"
"""Key of ``[field, place before, place now]`` triples in the details of an entry that may move fields."""
CONTROL: Final = "control_releases"
"""Key in ``info`` of the releases of control days."""
REPORTS_FOLDER: Final = "reports"
"""Folder inside the case for the reports that were signed or sent."""

_HELD: Final = {
    "site-changed": "site was",
    "slide-sizes-changed": "pixel sizes of slides were",
    "control-released": "releases of control days were",
    "patients-changed": "patients of the slides were",
}
"""What an action is about, in a sentence."""

Place = tuple[str | None, str, str]
"""Relative and absolute folder and file name of a field, as stored."""

_FIELDS: Final = (
    "SELECT f.id, f.sha256, f.slide_id, f.bytes, f.width, f.height, f.added, d.relative, d.absolute, f.name "
    "FROM fields f JOIN folders d ON d.id = f.folder_id WHERE f.id BETWEEN ? AND ? ORDER BY f.id"
)
_PREDICTIONS: Final = (
    "SELECT id, field_id, beside, sharpness, brightness, clipped, cell_area, milliseconds, evidence_shape, "
    "evidence FROM predictions WHERE id BETWEEN ? AND ? ORDER BY id"
)
_INVALID: Final = " OR ".join(f"instr(f.reasons, '|{reason}|')" for reason in sorted(WITHOUT_PROBABILITIES))
_TOP: Final = "SELECT value FROM json_each(p.probabilities) ORDER BY value DESC LIMIT 1"
_UNREADABLE: Final = "EXISTS (SELECT 1 FROM json_each(p.probabilities) WHERE type = 'null')"
_CERTAINTY: Final = f"""
CASE WHEN {_INVALID} OR {_UNREADABLE} THEN f.probability IS NOT NULL OR f.margin IS NOT NULL
ELSE f.probability IS NULL OR f.margin IS NULL OR abs(f.probability - ({_TOP})) > 1e-9
OR abs(f.probability - f.margin - coalesce(({_TOP} OFFSET 1), 0.0)) > 1e-9 END
"""
_OTHER_PREDICTION: Final = """
CASE WHEN m.id IS NOT NULL THEN f.prediction_id IS NOT m.id
ELSE (p.id IS NULL) <> (m.field_id IS NULL) OR (p.id IS NOT NULL AND p.field_id <> f.id) END
"""
_OTHER_VALUES: Final = f"""
p.id IS NOT NULL AND (f.model_id IS NOT p.model_id OR f.reasons IS NOT p.reasons OR f.cells IS NOT p.cells
OR f.decision IS NOT coalesce(p.class_name, '{NEEDS_REVIEW}')
OR f.sharpness IS NOT nullif(p.sharpness, -1.0) AND NOT (f.sharpness IS NULL AND abs(p.sharpness) > 1e308)
OR f.novelty IS NOT nullif(p.novelty, -1.0) AND NOT (f.novelty IS NULL AND abs(p.novelty) > 1e308)
OR ({_CERTAINTY}))
"""
_OTHER_REVIEW: Final = """
f.review_id IS NOT (SELECT max(r.id) FROM reviews r WHERE r.field_id = f.id AND r.withdrawn = 0)
OR f.review_class IS NOT (SELECT r.class_name FROM reviews r WHERE r.id = f.review_id)
OR f.final IS NOT coalesce(f.review_class, f.decision) OR f.reviewed <> (f.review_id IS NOT NULL)
OR f.needs_review <> (f.review_class IS NULL AND (f.review_id IS NOT NULL OR f.decision IS NOT NULL AND
f.decision = 'needs review'))
"""
_OTHER_COPY: Final = f"""
SELECT f.id FROM fields f JOIN slides s ON s.id = f.slide_id LEFT JOIN predictions p ON p.id = f.prediction_id
LEFT JOIN (SELECT field_id, max(iif(beside, NULL, id)) AS id FROM predictions GROUP BY field_id) m
ON m.field_id = f.id
WHERE f.slide_key <> s.name_key OR f.state = 'done' AND f.prediction_id IS NULL
OR {_OTHER_PREDICTION} OR {_OTHER_VALUES} OR {_OTHER_REVIEW} ORDER BY f.id LIMIT 1
"""  # noqa: S608 - constants above


def other_copy(db: sqlite3.Connection) -> str:
    """Return a sentence on the first field whose row differs from its prediction and reviews; else empty."""
    row = db.execute(_OTHER_COPY).fetchone()
    if row is None:
        return ""
    return f"Field {row[0]} is listed with another result, review or slide than the case holds for it."


def place_of(db: sqlite3.Connection, field_id: int) -> Place:
    """Return where a field's file is, as stored."""
    query = (
        "SELECT d.relative, d.absolute, f.name FROM fields f JOIN folders d ON d.id = f.folder_id "
        "WHERE f.id = ?"
    )
    relative, absolute, name = db.execute(query, (field_id,)).fetchone()
    return relative, absolute, name


def fields_digest(db: sqlite3.Connection, first: int, last: int) -> str:
    """Return the digest of which bytes were added under which ids."""
    return rows_digest(
        db.execute("SELECT id, sha256 FROM fields WHERE id BETWEEN ? AND ? ORDER BY id", (first, last))
    )


def predictions_digest(db: sqlite3.Connection, first: int, last: int) -> str:
    """Return the digest of what was predicted for which bytes by which model."""
    return rows_digest(
        db.execute(
            "SELECT p.id, f.sha256, m.sha256, p.at, p.probabilities, p.class_name, p.reasons, "
            "p.novelty, p.cells FROM predictions p JOIN fields f ON f.id = p.field_id "
            "JOIN models m ON m.id = p.model_id "
            "WHERE p.id BETWEEN ? AND ? ORDER BY p.id",
            (first, last),
        )
    )


def fields_content(db: sqlite3.Connection, first: int, last: int, before: Mapping[int, Place]) -> str:
    """Return the digest of fields as they were added: slide, size, name and folder.

    Args:
        db: The case.
        first: First field.
        last: Last field.
        before: Places of fields that were moved later, as they were at first.
    """
    rows = db.execute(_FIELDS, (first, last))
    return rows_digest((*row[:-3], *before.get(row[0], row[-3:])) for row in rows)


def predictions_content(db: sqlite3.Connection, first: int, last: int) -> str:
    """Return the digest of the figures, evidence and field of predictions."""
    return rows_digest(_hashed(row) for row in db.execute(_PREDICTIONS, (first, last)))


def _hashed(row: Row) -> Row:
    """Return a row with the hash of its last value, which is bytes or None."""
    return (*row[:-1], None if row[-1] is None else hashlib.sha256(row[-1]).hexdigest())


def model_content(db: sqlite3.Connection, sha256: str) -> str:
    """Return the digest of a model's classes and description."""
    return rows_digest(db.execute("SELECT classes, info FROM models WHERE sha256 = ?", (sha256,)))


def details_content(details: Mapping[str, str]) -> str:
    """Return the digest of the case data; empty where there are none."""
    return hashlib.sha256(canonical(dict(details)).encode()).hexdigest() if details else ""


def text_content(stored: str) -> str:
    """Return the digest of a text in ``info``, as of the site or of releases; empty where there is none."""
    return hashlib.sha256(stored.encode()).hexdigest() if stored else ""


def patients_content(db: sqlite3.Connection) -> str:
    """Return the digest of which slide is of which patient, and how that is known; empty where none is."""
    rows = db.execute("SELECT id, patient, patient_source FROM slides WHERE patient <> '' ORDER BY id")
    found = rows.fetchall()
    return rows_digest(found) if found else ""


def kept_report(folder: Path, status: str, sha256: str) -> Path:
    """Return where a report of a case is kept."""
    return folder / REPORTS_FOLDER / f"{status}-{sha256[:16]}.pdf"


@dataclass(slots=True)
class Contents:
    """Expected contents of a case after replaying its audit log.

    Attributes:
        info: Values of the table ``info``, where the log holds them.
        details: Digest of the case data; None if the log does not hold it.
        slides: Name by slide.
        digests: Digest of the site, of pixel sizes and patients of slides and of the releases of control
            days, by action.
        first: First known place of each field that was moved.
        now: Last known place of each field that was moved.
        unknown: Fields that a version without places may have moved.
        failures: Code and, where the log holds it, sentence of the last failure of each field.
        past: Sentence on the first text that was changed past the trail before an entry replaced it.
        locked: Digest of the decisions of the last final or amended report.
        reports: Status and hash of each report, and whether its file is kept for certain.
    """

    info: dict[str, str] = field(default_factory=dict)
    details: str | None = ""
    slides: dict[int, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    first: dict[int, Place] = field(default_factory=dict)
    now: dict[int, Place] = field(default_factory=dict)
    unknown: set[int] = field(default_factory=set)
    failures: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    past: str = ""
    locked: str = ""
    reports: list[tuple[str, str, bool]] = field(default_factory=list)

    def replay(self, entry: AuditEntry, details: Mapping[str, Any]) -> None:
        """Replay one entry."""
        match entry.action:
            case "case-created":
                self.info.update({key: details[key] for key in ("name", "case_id")})
            case "case-renamed":
                self.info["name"] = details["to"]
            case "details-changed":
                self._compare(details, self.details, "patient's data were")
                self.details = details.get(CONTENT)
            case "slide-added" | "slide-renamed":
                self.slides[_number(entry)] = details["name" if entry.action == "slide-added" else "to"]
            case "patients-changed" | "control-released" | "site-changed" | "slide-sizes-changed":
                self._compare(details, self.digests.get(entry.action, ""), _HELD[entry.action])
                self.digests[entry.action] = details[CONTENT]
            case "field-failed":
                self.failures[_number(entry)] = (details["code"], details.get("sentence"))
            case "field-located" | "fields-located" | "fields-restored":
                self._move(entry, details)
            case "report-made":
                self.reports.append((details["status"], entry.input, details.get("kept") is True))
                if ReportStatus(details["status"]).locks:
                    self.locked = details["decisions"]

    def _compare(self, details: Mapping[str, Any], known: str | None, what: str) -> None:
        if not self.past and known is not None and details.get(BEFORE, known) != known:
            self.past = f"The {what} changed past the trail."

    def _move(self, entry: AuditEntry, details: Mapping[str, Any]) -> None:
        if MOVED not in details:
            self.unknown.update(_fields_of(entry, details))
        for number, before, now in details.get(MOVED, ()):
            self.first.setdefault(number, tuple(before))
            self.now[number] = tuple(now)

    def other_info(self, db: sqlite3.Connection) -> str:
        """Return a sentence on the first text that the log holds otherwise; empty if there is none."""
        if self.past:
            return self.past
        info = dict(db.execute("SELECT key, value FROM info"))
        for key, value in self.info.items():
            if info.get(key) != value:
                return f"The case's {key.replace('_', ' ')} was changed past the trail."
        if self.details not in (None, details_content(json.loads(info.get("details", "{}")))):
            return "The patient's data were changed past the trail."
        for number, name in db.execute("SELECT id, name FROM slides ORDER BY id"):
            if self.slides.get(number) != name:
                return f"The name of slide {number} was changed past the trail."
        held = (
            ("site-changed", text_content(info.get(SITE, ""))),
            ("slide-sizes-changed", text_content(info.get(SLIDE_SIZES, ""))),
            ("control-released", text_content(info.get(CONTROL, ""))),
            ("patients-changed", patients_content(db)),
        )
        changed = (_HELD[action] for action, digest in held if digest != self.digests.get(action, ""))
        return next((f"The {what} changed past the trail." for what in changed), "")

    def other_field(self, db: sqlite3.Connection) -> str:
        """Return a sentence on the first field with another place, failure or locked result; else empty."""
        for number, place in self.now.items():
            if number not in self.unknown and place_of(db, number) != place:
                return f"The file of field {number} was exchanged past the trail."
        failed = "SELECT id, error_code, error FROM fields WHERE state = 'failed' ORDER BY id"
        for number, code, sentence in db.execute(failed):
            known = self.failures.get(number)
            if known is None or known[0] != code or known[1] not in (None, sentence):
                return f"The failure of field {number} was changed past the trail."
        locked = "SELECT sha256, locked_name FROM fields WHERE locked_name IS NOT NULL"
        if self.locked and decisions_digest(db.execute(locked)) != self.locked:
            return "The results that the last signed report holds were changed past the trail."
        return other_copy(db)

    def other_report(self, folder: Path) -> str:
        """Return a sentence on the first kept report that is missing or changed; empty if there is none."""
        for status, sha256, certain in self.reports:
            path = kept_report(folder, status, sha256)
            try:
                same = hashlib.sha256(path.read_bytes()).hexdigest() == sha256
            except FileNotFoundError:
                same = not certain
            except OSError:
                same = False
            if not same:
                return f"The kept report {path.name} is missing from “{REPORTS_FOLDER}” or was changed."
        return ""


def _number(entry: AuditEntry) -> int:
    """Return the row that an entry's object names, as ``field 12``."""
    return int(entry.object.rsplit(" ", 1)[1])


def _fields_of(entry: AuditEntry, details: Mapping[str, Any]) -> Iterator[int]:
    if entry.action == "field-located":
        yield _number(entry)
    yield from details.get("fields", ()) if entry.action == "fields-located" else ()
    for first, last in details.get("ranges", ()):
        yield from range(first, min(last, first + 10_000_000) + 1)
