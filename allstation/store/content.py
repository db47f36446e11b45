"""Putting slides and fields into a case, naming things, and finding moved files again."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from allstation.core.audit import canonical
from allstation.core.errors import StationError
from allstation.core.records import FieldCopy, FieldRecord, ModelRecord, NewField, Slide
from allstation.core.text import escape_name, fold, natural_key, shown_name, storable, unescape_name
from allstation.store.browse import BrowsePart
from allstation.store.copies import CopiesPart
from allstation.store.removing import RemovingPart
from allstation.store.rows import Row, model_of, texts
from allstation.store.seals import fields_digest

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class AddReport:
    """What became of the fields that were to be added.

    Attributes:
        added: Ids of the new fields, in the order given.
        duplicates: Fields whose bytes the case (or the list itself) already holds.
        restored: Ids of fields with such bytes that had been removed and are in the case again.
        replaced: Ids of fields that were never read and whose file now holds one of the new fields, for
            example when it was taken half written; they are removed.
        copies: Those of the duplicates that are files of their own beside the field's, and were not named
            before.
    """

    added: list[int]
    duplicates: list[NewField]
    restored: list[int]
    replaced: list[int]
    copies: list[FieldCopy] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LocateReport:
    """What a search for missing fields found.

    Attributes:
        found: Ids of fields that were found by their hash and now point to the new place.
        missing: Ids of fields that are still nowhere.
    """

    found: list[int]
    missing: list[int]


class ContentPart(RemovingPart, CopiesPart, BrowsePart):
    """What a case holds, apart from its predictions and reviews."""

    @property
    def case_id(self) -> str:
        """Stable id (UUID) of the case; a copy or a moved case keeps it."""
        return self._info("case_id")

    @property
    def name(self) -> str:
        """Shown name."""
        return self._info("name")

    def rename(self, name: str) -> None:
        """Give the case another shown name; its folder keeps the name it has."""
        new = _required(name, "case")
        with self._write():
            self._audit("case-renamed", "case", {"from": self.name, "to": new})
            self._set_info("name", new)

    def details(self) -> dict[str, str]:
        """Return the optional texts about patient, request and specimen."""
        return dict(json.loads(self._info("details", "{}")))

    def set_details(self, details: Mapping[str, str]) -> None:
        """Replace the optional texts. The trail names the keys that changed, never their texts."""
        with self._write():
            old, new = self.details(), texts(details)
            changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
            if changed:
                self._audit("details-changed", "case", {"keys": changed})
                self._set_info("details", canonical(new))

    def add_slide(self, name: str, folder: Path | None = None) -> Slide:
        """Add a slide, or return the one that already stands for this folder.

        Without a folder (fields dropped one by one) the name decides.
        """
        new = _required(name, "slide")
        with self._write() as db:
            place = None if folder is None else self._folders.remember(db, folder)
            row = db.execute(
                "SELECT id, name FROM slides WHERE folder_id IS ? AND (folder_id IS NOT NULL OR name = ?)",
                (place, new),
            ).fetchone()
            if row is None:
                added = db.execute(
                    "INSERT INTO slides (name, name_key, search, folder_id) VALUES (?, ?, ?, ?)",
                    (new, natural_key(new), fold(new), place),
                )
                row = (int(added.lastrowid or 0), new)
                self._audit("slide-added", f"slide {row[0]}", {"name": new})
            return Slide(row[0], row[1], None if place is None else self._folders.path(db, place))

    def rename_slide(self, slide_id: int, name: str) -> None:
        """Give a slide another shown name.

        Raises:
            StationError: ``unknown-slide``.
        """
        new, key = _required(name, "slide"), natural_key(name)
        with self._write() as db:
            row = db.execute("SELECT name FROM slides WHERE id = ?", (slide_id,)).fetchone()
            if row is None:
                raise StationError("unknown-slide", f"This case has no slide number {slide_id}.")
            self._audit("slide-renamed", f"slide {slide_id}", {"from": row[0], "to": new})
            values = (new, key, fold(new), slide_id)
            db.execute("UPDATE slides SET name = ?, name_key = ?, search = ? WHERE id = ?", values)
            db.execute("UPDATE fields SET slide_key = ? WHERE slide_id = ?", (key, slide_id))

    def add_fields(self, slide_id: int, new: Sequence[NewField]) -> AddReport:
        """Add fields to a slide in one transaction; bytes the case already holds are reported, not added.

        Whoever adds a field that was removed wants it back: it returns to its slide with all that is
        known of it, at the place the file was now taken from.

        Raises:
            StationError: ``unknown-slide``, or what the disk answered (nothing is added then).
        """
        with self._write() as db:
            slide = db.execute("SELECT name_key FROM slides WHERE id = ?", (slide_id,)).fetchone()
            if slide is None:
                raise StationError("unknown-slide", f"This case has no slide number {slide_id}.")
            report = self._insert_fields(db, slide_id, slide[0], new)
            if report.added:
                first, last = report.added[0], report.added[-1]
                details = {
                    "added": len(report.added),
                    "first": first,
                    "last": last,
                    "duplicates": len(report.duplicates),
                }
                self._audit(
                    "fields-added", f"slide {slide_id}", details, input_hash=fields_digest(db, first, last)
                )
            self.restore_fields(report.restored)
            report.copies.extend(self._note_copies(db, slide_id, report.duplicates))
            if report.replaced:
                report.replaced[:] = self.remove_fields(report.replaced)
        return report

    def _insert_fields(
        self, db: sqlite3.Connection, slide_id: int, slide_key: str, new: Sequence[NewField]
    ) -> AddReport:
        report = AddReport([], [], [], [])
        folders: dict[Path, int] = {}
        now = self._now()
        for item in new:
            parent = item.path.parent
            if parent not in folders:
                folders[parent] = self._folders.remember(db, parent)
            name = escape_name(item.path.name)
            shape = (item.sha256, item.bytes, item.width, item.height, now)
            added = db.execute(
                "INSERT INTO fields (slide_id, slide_key, folder_id, name, name_key, search, sha256, bytes, "
                "width, height, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (sha256) DO NOTHING",
                (slide_id, slide_key, folders[parent], name, natural_key(name), fold(name), *shape),
            )
            if added.rowcount:
                report.added.append(int(added.lastrowid or 0))
                report.replaced.extend(_never_read(db, folders[parent], name))
            elif (removed := _removed_like(db, item)) is not None and removed not in report.restored:
                self._move(db, removed, item.path)
                report.restored.append(removed)
            else:
                report.duplicates.append(item)
        return report

    def add_model(self, model: ModelRecord) -> None:
        """Remember a model; needed once before its predictions are saved.

        That work goes on with another model than before stands in the audit trail, also when the case
        knew that model already: when an activation was taken back.
        """
        with self._write() as db:
            added = db.execute(
                "INSERT INTO models (sha256, name, version, classes, info, added) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (sha256) DO NOTHING",
                (
                    model.sha256,
                    storable(model.name),
                    storable(model.version),
                    canonical(list(model.classes)),
                    canonical(dict(model.info)),
                    self._now(),
                ),
            )
            if added.rowcount:
                details = {"name": model.name, "version": model.version}
                self._audit("model-added", "model", details, model=model.sha256)
            elif _model_in_use(db) != model.sha256:
                details = {"name": model.name, "version": model.version}
                self._audit("model-used", "model", details, model=model.sha256)

    def models(self) -> list[ModelRecord]:
        """Return the models this case knows, the oldest first."""
        with self._read() as db:
            rows = db.execute(
                "SELECT sha256, name, version, classes, info FROM models ORDER BY id"
            ).fetchall()
        return [model_of(row) for row in rows]

    def known_files(self, folder: Path) -> dict[str, int]:
        """Return name and size of every field of the case that lies directly in a folder."""
        wanted = Path(os.path.abspath(folder))  # noqa: PTH100 - as the folder was remembered
        with self._still() as db:
            numbers = [row[0] for row in db.execute("SELECT id FROM folders")]
            same = [number for number in numbers if self._folders.path(db, number) == wanted]
            marks = ",".join(map(str, same))
            rows = db.execute(f"SELECT name, bytes FROM fields WHERE folder_id IN ({marks})").fetchall()  # noqa: S608
        return {unescape_name(name): size for name, size in rows}

    def holds(self, hashes: Collection[str]) -> bool:
        """Tell whether all of these bytes (SHA-256) were added to the case, also if they were removed."""
        query = "SELECT 1 FROM fields WHERE sha256 = ?"
        with self._still() as db:
            return all(db.execute(query, (one,)).fetchone() is not None for one in hashes)

    def look_again(self) -> None:
        """Find out anew where the folders of the case are: a drive may be back, or gone."""
        with self._read():
            self._folders.forget()

    def missing(self) -> list[int]:
        """Return the ids of fields whose file is not where it was, reading each folder once."""
        self.look_again()
        with self._still() as db:
            rows = db.execute(
                "SELECT folder_id, name, id FROM fields WHERE removed = 0 ORDER BY folder_id"
            ).fetchall()
            places = {row[0]: self._folders.path(db, row[0]) for row in rows}
        names = {number: _names_in(place) for number, place in places.items()}
        return sorted(row[2] for row in rows if unescape_name(row[1]) not in names[row[0]])

    def locate(self, field_id: int, new_path: Path) -> FieldRecord:
        """Point a field to where its file is now, after comparing the bytes.

        Raises:
            StationError: ``unknown-field``, ``unreadable-field``, or ``other-field`` if the bytes differ.
        """
        record = self.field(field_id)
        if hash_file(new_path) != record.sha256:
            raise StationError(
                "other-field",
                f"{shown_name(new_path)} is not the field that was added as {shown_name(record.path)}: "
                "its bytes differ. Choose the file that was added.",
            )
        with self._write() as db:
            self._move(db, field_id, new_path)
            self._audit("field-located", f"field {field_id}", {}, input_hash=record.sha256)
        return self.field(field_id)

    def locate_in(self, folder: Path) -> LocateReport:
        """Search a folder and what is in it for all missing fields, by size first and then by hash."""
        lost = self.missing()
        with self._read() as db:
            marks = ",".join(map(str, lost))
            rows = db.execute(f"SELECT bytes, sha256, id FROM fields WHERE id IN ({marks})").fetchall()  # noqa: S608
        found = _search(folder, rows)
        with self._write() as db:
            for field_id, path in found.items():
                self._move(db, field_id, path)
            if found:
                self._audit("fields-located", "case", {"fields": sorted(found)})
        return LocateReport(sorted(found), sorted(set(lost) - set(found)))

    def _move(self, db: sqlite3.Connection, field_id: int, path: Path) -> None:
        folder, name = self._folders.remember(db, path.parent), escape_name(path.name)
        db.execute(
            "UPDATE fields SET folder_id = ?, name = ?, name_key = ?, search = ? WHERE id = ?",
            (folder, name, natural_key(name), fold(name), field_id),
        )


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises:
        StationError: ``unreadable-field`` if it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        reason = error.strerror or "the file could not be read"
        raise StationError(
            "unreadable-field", f"{shown_name(path)} could not be read ({reason}): check that it is there."
        ) from error
    return digest.hexdigest()


def _never_read(db: sqlite3.Connection, folder_id: int, name: str) -> list[int]:
    """Return older fields of the same file whose bytes are gone before any model read them."""
    query = (
        "SELECT id FROM fields WHERE folder_id = ? AND name = ? AND prediction_id IS NULL "
        "AND state <> 'running' ORDER BY id DESC LIMIT -1 OFFSET 1"
    )
    return [row[0] for row in db.execute(query, (folder_id, name))]


def _removed_like(db: sqlite3.Connection, item: NewField) -> int | None:
    """Return the removed field that has the same bytes, if there is one."""
    row = db.execute("SELECT id FROM fields WHERE sha256 = ? AND removed = 1", (item.sha256,)).fetchone()
    return int(row[0]) if row else None


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - names, not paths: ten times faster for 100,000
    except OSError:
        return frozenset()


def _search(folder: Path, rows: Iterable[Row]) -> dict[int, Path]:
    """Return where the wanted ``(bytes, sha256, id)`` rows are below a folder."""
    wanted: dict[int, dict[str, int]] = defaultdict(dict)
    for size, sha256, number in rows:
        wanted[size][sha256] = number
    found: dict[int, Path] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            number = _match(path, wanted)
            if number is not None:
                found.setdefault(number, path)
    return found


def _match(path: Path, wanted: Mapping[int, Mapping[str, int]]) -> int | None:
    try:
        size = path.stat().st_size if path.is_file() else -1
        return wanted[size].get(hash_file(path)) if size in wanted else None
    except (OSError, StationError):
        return None


def _required(name: str, what: str) -> str:
    text = storable(name).strip()
    if not text:
        raise StationError("empty-name", f"A {what} needs a name: type at least one letter.")
    return text


def _model_in_use(db: sqlite3.Connection) -> str:
    """The model that the trail names last as the one that works; empty before the first."""
    query = "SELECT model FROM audit WHERE action IN ('model-added', 'model-used') ORDER BY id DESC LIMIT 1"
    row = db.execute(query).fetchone()
    return str(row[0]) if row is not None else ""
