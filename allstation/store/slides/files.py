"""Files of whole slides of a case: identity, proposed fields, hash of the whole file, place on disk."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation.core.errors import StationError
from allstation.core.known_sizes import KnownSizes
from allstation.core.records import FieldState, NewField, Slide
from allstation.core.slide_file import (
    PIECE,
    SlideFieldMark,
    SlideFile,
    SlideIdentity,
    SlidePlanRecord,
    part_field,
)
from allstation.core.slide_info import SlideInfo, SlideMetadata
from allstation.core.slide_part import SlidePart, parse_part
from allstation.core.text import shown_name
from allstation.store.audit.contents import CONTENT
from allstation.store.connection import CaseConnection, Repository
from allstation.store.database import damaged
from allstation.store.field_query import cells_in_case
from allstation.store.folders import has_slide_files, move_file
from allstation.store.rows import Row
from allstation.store.site.case_site import CaseSite
from allstation.store.slides.repository import Slides
from allstation.store.slides.rows import info_of, info_text
from allstation.store.slides.verify import (
    ADDED,
    FOLDER,
    HASHED,
    LOCATED,
    PLACE,
    PLANNED,
    WANTED,
    file_content,
    plan_content,
)

if TYPE_CHECKING:
    from allstation.core.limits import DecodeLimits

_DIGEST: Final = 32
"""Bytes of a piece's SHA-256."""
_COLUMNS: Final = (
    "id, folder_id, fingerprint, bytes, mtime_ns, info, length(pieces), full_hash, wanted, proposed, added"
)


class SlideFiles(Repository):
    """Repository of the files of whole slides.

    Args:
        connection: The case's connection.
        slides: The slides, on the same connection.
    """

    def __init__(self, connection: CaseConnection, slides: Slides) -> None:
        super().__init__(connection)
        self._slides = slides

    def all(self) -> list[SlideFile]:
        """Return the files of all whole slides, in the order they were added."""
        with self._connection.consistent_read() as db:
            if not has_slide_files(db):
                return []
            rows = db.execute(f"SELECT {_COLUMNS} FROM slide_files ORDER BY id").fetchall()  # noqa: S608
            return [self._record(db, row) for row in rows]

    def known_sizes(self) -> KnownSizes:
        """Return what slides, case data and site say of pixel sizes."""
        return CaseSite(self._connection).known_sizes()

    def of(self, slide_id: int) -> SlideFile | None:
        """Return the file of a slide; None of one that is a folder of fields."""
        return self._one("id", slide_id)

    def known(self, fingerprint: str) -> SlideFile | None:
        """Return the slide file that has this fingerprint; None if the case has none."""
        return self._one("fingerprint", fingerprint)

    def _one(self, column: str, value: int | str) -> SlideFile | None:
        query = f"SELECT {_COLUMNS} FROM slide_files WHERE {column} = ?"  # noqa: S608 - constants
        with self._connection.consistent_read() as db:
            if not has_slide_files(db):
                return None
            row = db.execute(query, (value,)).fetchone()
            return None if row is None else self._record(db, row)

    def _record(self, db: sqlite3.Connection, row: Row) -> SlideFile:
        number, folder, fingerprint, size, mtime, info, pieces, full_hash, wanted, proposed, added = row
        return SlideFile(
            slide_id=number,
            path=self._connection.folders.path(db, folder),
            identity=SlideIdentity(fingerprint=fingerprint, bytes=size, mtime_ns=mtime),
            info=info_of(info),
            pieces=pieces // _DIGEST,
            full_hash=full_hash,
            wanted=wanted,
            proposed=proposed,
            added=added,
        )

    def _require(self, slide_id: int) -> SlideFile:
        found = self.of(slide_id)
        if found is None:
            sentence = f"Slide number {slide_id} of this case is no whole slide of a scanner."
            raise StationError("unknown-slide", sentence)
        return found

    def folders(self) -> set[int]:
        """Return the ids of the folders that are files of slides."""
        with self._connection.read() as db:
            return {row[0] for row in db.execute("SELECT folder_id FROM slide_files")}

    def in_folder(self, folder: Path) -> list[SlideFile]:
        """Return the files that lie directly in a folder."""
        return [file for file in self.all() if file.path.parent == folder]

    # Adding

    def add(self, name: str, path: Path, identity: SlideIdentity, info: SlideInfo) -> SlideFile:
        """Add the file of a slide, or return the one with this fingerprint if the case has it.

        A known file that is no longer where it was, is remembered at the place given.

        Args:
            name: Name for the slide.
            path: The file.
            identity: By which it is known again.
            info: Facts of the slide; those of patient and specimen are not stored.

        Raises:
            StationError: ``changed-field`` if another slide was added from this very place.
        """
        with self._connection.write() as db:
            known = self.known(identity.fingerprint)
            if known is not None:
                return self._located_at(known, path)
            folder = self._connection.folders.remember(db, path)
            row = db.execute("SELECT id FROM slides WHERE folder_id = ?", (folder,)).fetchone()
            if row is not None:
                raise StationError("changed-field", _changed_sentence(path))
            slide = self._slides.add(name, path)
            stored = info_text(info)
            db.execute(
                "INSERT INTO slide_files (id, folder_id, fingerprint, bytes, mtime_ns, info) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (slide.id, folder, identity.fingerprint, identity.bytes, identity.mtime_ns, stored),
            )
            self._connection.folders.forget()  # from now on this folder is known as the file of a slide
            details = {"bytes": identity.bytes, CONTENT: file_content(db, slide.id)}
            self._connection.audit(ADDED, f"slide {slide.id}", details, input_hash=identity.fingerprint)
            return self._require(slide.id)

    def refuse_other(self, path: Path, fingerprint: str) -> None:
        """Refuse a file in the place of another slide of the case: it was changed, or exchanged.

        Raises:
            StationError: ``changed-field``.
        """
        place = Path(os.path.abspath(path))  # noqa: PTH100 - as folders are remembered
        if any(one.path == place and one.identity.fingerprint != fingerprint for one in self.all()):
            raise StationError("changed-field", _changed_sentence(path))

    def known_at(self, fingerprint: str, path: Path) -> SlideFile:
        """Return the slide file that has a fingerprint, found at this place if it is no longer at its own.

        Raises:
            StationError: ``unknown-slide``.
        """
        known = self.known(fingerprint)
        if known is None:
            raise StationError("unknown-slide", f"{shown_name(path)} is no slide of this case. Add it again.")
        return self._located_at(known, path)

    def _located_at(self, known: SlideFile, path: Path) -> SlideFile:
        place = Path(os.path.abspath(path))  # noqa: PTH100 - as folders are remembered
        return known if place == known.path or known.path.exists() else self._move(known, place)

    def slide(self, file: SlideFile) -> Slide:
        """Return the slide of a file."""
        with self._connection.read() as db:
            row = db.execute("SELECT name FROM slides WHERE id = ?", (file.slide_id,)).fetchone()
        return Slide(id=file.slide_id, name=row[0], folder=file.path, fingerprint=file.identity.fingerprint)

    def new_fields(self, slide_id: int, parts: Sequence[SlidePart]) -> list[NewField]:
        """Return parts of a slide as fields to be added to it; the file is not read.

        Args:
            slide_id: The slide.
            parts: Rectangles or pages of it.

        Raises:
            StationError: ``unknown-slide``, or ``bad-region`` for one that is not inside the slide.
        """
        file = self._require(slide_id)
        return [part_field(file.path, file.identity.fingerprint, file.info, part) for part in parts]

    # Proposed fields

    def plan(self, slide_id: int) -> SlidePlanRecord | None:
        """Return the proposed fields of a slide; None if nothing was proposed yet."""
        with self._connection.consistent_read() as db:
            file = self.of(slide_id)
            if file is None or not file.wanted:
                return None
            row = db.execute("SELECT parts FROM slide_plans WHERE id = ?", (slide_id,)).fetchone()
        if row is None:  # lost with a damaged page: it is proposed again
            return None
        return SlidePlanRecord(
            slide_id=slide_id, wanted=file.wanted, parts=_parts_of(row[0]), added=file.added
        )

    def set_plan(self, slide_id: int, wanted: str, parts: Sequence[SlidePart]) -> None:
        """Keep what is proposed for a slide, before any of it is added; a new plan replaces an earlier one.

        Args:
            slide_id: The slide.
            wanted: What was asked for, see :attr:`SlideFile.wanted`.
            parts: The best first.

        Raises:
            StationError: ``unknown-slide``.
        """
        with self._connection.write() as db:
            self._require(slide_id)
            stored = "\n".join(part.name for part in parts)
            db.execute("INSERT OR REPLACE INTO slide_plans VALUES (?, ?)", (slide_id, stored))
            db.execute(
                "UPDATE slide_files SET wanted = ?, proposed = ?, added = 0 WHERE id = ?",
                (wanted, len(parts), slide_id),
            )
            details = {WANTED: wanted, "proposed": len(parts), CONTENT: plan_content(stored)}
            self._connection.audit(PLANNED, f"slide {slide_id}", details)

    def advance(self, slide_id: int, added: int) -> None:
        """Note how many of the proposed fields, from the first, were brought into the case."""
        with self._connection.write() as db:
            db.execute("UPDATE slide_files SET added = max(added, ?) WHERE id = ?", (added, slide_id))

    def unfinished(self) -> list[SlideFile]:
        """Return the slides of which proposed fields are still to be added."""
        return [file for file in self.all() if file.wanted and not file.is_complete]

    # Hash of the whole file

    def unhashed(self) -> list[SlideFile]:
        """Return the files that are not hashed as a whole yet."""
        return [file for file in self.all() if not file.full_hash]

    def add_piece(self, slide_id: int, number: int, digest: bytes) -> bool:
        """Keep the hash of one piece of a file, if it is the next one.

        Args:
            slide_id: The slide.
            number: Of the piece, from 0.
            digest: SHA-256 of its bytes, 32 bytes.

        Returns:
            Whether it was the next one.
        """
        with self._connection.write() as db:
            row = db.execute("SELECT pieces FROM slide_files WHERE id = ?", (slide_id,)).fetchone()
            if row is None or len(row[0]) != number * _DIGEST:
                return False
            db.execute("UPDATE slide_files SET pieces = ? WHERE id = ?", (row[0] + digest, slide_id))
            return True

    def forget_pieces(self, slide_id: int) -> None:
        """Begin again with the hash of a file: it was changed and came back, or moved."""
        with self._connection.write() as db:
            db.execute("UPDATE slide_files SET pieces = x'' WHERE id = ? AND full_hash = ''", (slide_id,))

    def finish_hash(self, slide_id: int) -> str:
        """Enter the hash of the whole file, made of those of its pieces, into case and audit log; return it.

        Raises:
            StationError: ``unknown-slide``.
        """
        with self._connection.write() as db:
            file = self._require(slide_id)
            if not file.full_hash:
                (pieces,) = db.execute("SELECT pieces FROM slide_files WHERE id = ?", (slide_id,)).fetchone()
                full_hash = hashlib.sha256(pieces).hexdigest()
                db.execute("UPDATE slide_files SET full_hash = ? WHERE id = ?", (full_hash, slide_id))
                details = {"pieces": file.pieces, "piece_bytes": PIECE}
                self._connection.audit(HASHED, f"slide {slide_id}", details, input_hash=full_hash)
            return self._require(slide_id).full_hash

    # Place on disk

    def missing(self) -> list[SlideFile]:
        """Return the files that are not at their place."""
        return [file for file in self.all() if not file.path.exists()]

    def locate(self, slide_id: int, path: Path, fingerprint: str) -> SlideFile:
        """Remember where the file of a slide is now, after its fingerprint was compared.

        Args:
            slide_id: The slide.
            path: The file.
            fingerprint: Of the file at that place.

        Raises:
            StationError: ``unknown-slide``, or ``other-field`` if it is another file.
        """
        file = self._require(slide_id)
        if fingerprint != file.identity.fingerprint:
            sentence = (
                f"{shown_name(path)} is not the slide that was added as {shown_name(file.path)}: its bytes "
                "differ. Choose the file that was added."
            )
            raise StationError("other-field", sentence)
        return self._move(file, path)

    def _move(self, file: SlideFile, path: Path) -> SlideFile:
        query = "SELECT folder_id FROM slide_files WHERE id = ?"
        with self._connection.write() as db:
            (folder,) = db.execute(query, (file.slide_id,)).fetchone()
            stored = move_file(db, self._connection.folders, folder, path)
            details = {FOLDER: folder, PLACE: list(stored)}
            self._connection.audit(
                LOCATED, f"slide {file.slide_id}", details, input_hash=file.identity.fingerprint
            )
            return self._require(file.slide_id)

    # Fields and what the file says

    def fields(self, slide_id: int) -> list[SlideFieldMark]:
        """Return the fields of a slide that are in the case, as its overview draws them."""
        query = (
            f"SELECT id, name, state, final, needs_review, {cells_in_case('fields')} FROM fields "  # noqa: S608
            "WHERE slide_id = ? AND removed = 0 ORDER BY id"
        )
        with self._connection.read() as db:
            rows = db.execute(query, (slide_id,)).fetchall()
        parts = ((row, parse_part(row[1])) for row in rows)
        return [
            SlideFieldMark(row[0], part, FieldState(row[2]), row[3], bool(row[4]), row[5])
            for row, part in parts
            if part is not None
        ]

    def parts(self, slide_id: int) -> list[SlidePart]:
        """Return the parts of a slide that are fields of the case."""
        return [mark.part for mark in self.fields(slide_id)]

    def untouched(self, slide_id: int) -> list[int]:
        """Return the fields of a slide that wait and of which nothing is known: no class, review or cell."""
        query = (
            "SELECT f.id FROM fields f WHERE f.slide_id = ? AND f.removed = 0 "
            "AND f.state IN ('queued', 'cancelled') "
            "AND NOT EXISTS (SELECT 1 FROM predictions WHERE field_id = f.id) "
            "AND NOT EXISTS (SELECT 1 FROM reviews WHERE field_id = f.id) "
            "AND NOT EXISTS (SELECT 1 FROM cell_list WHERE field_id = f.id) ORDER BY f.id"
        )
        with self._connection.read() as db:
            return [row[0] for row in db.execute(query, (slide_id,)).fetchall()]

    def metadata(self, slide_id: int, limits: DecodeLimits | None = None) -> SlideMetadata:
        """Read what the file states about patient, specimen and scan; nothing of it is stored.

        Raises:
            StationError: ``unknown-slide``, or why the file cannot be read.
        """
        from allstation.core.limits import DecodeLimits as Limits
        from allstation.imaging.readers import open_slide

        with open_slide(self._require(slide_id).path, limits=limits or Limits()) as reader:
            return reader.info.metadata


def _changed_sentence(path: Path) -> str:
    return (
        f"{shown_name(path)} is another file than the slide that this case holds from that place. Nothing "
        "was added. Give it another name or put it into another folder, then add it again."
    )


def _parts_of(stored: str) -> tuple[SlidePart, ...]:
    found = tuple(map(parse_part, stored.split("\n") if stored else ()))
    if None in found:
        raise damaged("the proposed fields of a slide cannot be understood")
    return tuple(part for part in found if part is not None)
