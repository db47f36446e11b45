"""Verification of the files of whole slides: what the audit log holds of them against the tables."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from allstation.core.audit import AuditEntry, rows_digest
from allstation.store.audit.contents import CONTENT
from allstation.store.folders import has_slide_files

ADDED: Final = "slide-file-added"
PLANNED: Final = "slide-planned"
HASHED: Final = "slide-hashed"
LOCATED: Final = "slide-located"
"""Actions in the audit log; their objects are slides."""
PLACE: Final = "place"
FOLDER: Final = "folder"
WANTED: Final = "wanted"
"""Keys of details: place as stored, its folder, and what fields were asked for."""

_FILE: Final = (
    "SELECT f.folder_id, f.fingerprint, f.bytes, f.info, d.relative, d.absolute "
    "FROM slide_files f JOIN folders d ON d.id = f.folder_id WHERE f.id = ?"
)


def file_content(db: sqlite3.Connection, slide_id: int) -> str:
    """Return the digest of the file of a slide as it was added: place, size, fingerprint, facts."""
    return rows_digest(db.execute(_FILE, (slide_id,)))


def plan_content(parts: str) -> str:
    """Return the digest of proposed fields, as stored."""
    return hashlib.sha256(parts.encode()).hexdigest()


@dataclass(slots=True)
class SlideContents:
    """Expected slide files after replaying the audit log.

    Attributes:
        files: Digest by slide.
        plans: What was wanted and the digest of what was proposed, by slide.
        hashes: Hash of the whole file by slide.
        places: Place by folder, of files that were located.
    """

    files: dict[int, str] = field(default_factory=dict)
    plans: dict[int, tuple[str, str]] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)
    places: dict[int, tuple[str | None, str]] = field(default_factory=dict)

    def replay(self, entry: AuditEntry, details: Mapping[str, Any]) -> None:
        """Replay one entry."""
        if entry.action not in (ADDED, PLANNED, HASHED, LOCATED):
            return
        slide = int(entry.object.rsplit(" ", 1)[1])
        match entry.action:
            case "slide-file-added":
                self.files[slide] = str(details[CONTENT])
            case "slide-planned":
                self.plans[slide] = (str(details[WANTED]), str(details[CONTENT]))
            case "slide-hashed":
                self.hashes[slide] = entry.input
            case _:
                relative, absolute = details[PLACE]
                self.places[int(details[FOLDER])] = (relative, absolute)

    def other(self, db: sqlite3.Connection) -> str:
        """Return a sentence on the first file that the log holds otherwise; empty if there is none."""
        if not has_slide_files(db):
            return ""
        rows = db.execute(
            "SELECT f.id, f.full_hash, f.wanted, coalesce(p.parts, '') FROM slide_files f "
            "LEFT JOIN slide_plans p ON p.id = f.id ORDER BY f.id"
        ).fetchall()
        for number, full_hash, wanted, parts in rows:
            if self.files.get(number) != file_content(db, number):
                return f"The file of slide {number} was changed past the trail."
            if self.hashes.get(number, "") != full_hash:
                return f"The hash of the file of slide {number} was changed past the trail."
            plan = (wanted, plan_content(parts)) if wanted else None
            if self.plans.get(number) != plan:
                return f"The proposed fields of slide {number} were changed past the trail."
        if self.files.keys() - {row[0] for row in rows}:
            return "The file of a slide was removed past the trail."
        places = {row[0]: (row[1], row[2]) for row in db.execute("SELECT * FROM moved_folders")}
        return "" if places == self.places else "The file of a slide was exchanged past the trail."
