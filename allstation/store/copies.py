"""Files with the same bytes as a field of the case, at other places.

They are no fields: a picture that lies in two folders counts once. The audit log keeps where they lie,
so that every list can name them and a mix-up of slides is seen.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from allstation.core.records import UNPACKED, UNPACKED_FROM, FieldCopy, NewField
from allstation.core.text import escape_name, natural_key, unescape_name
from allstation.store.connection import Repository

NOTED: Final = "copies-noted"
"""Action in the trail. Its details name the slide, and field, folder and file name of each copy."""

_Place = tuple[int, int, str]
"""Field, folder and escaped name of a copy."""


class Copies(Repository):
    """Copies of the fields of a case."""

    def all(self) -> list[FieldCopy]:
        """Return the copies of fields that are in the case, by slide and name.

        One that a person took away since then is left out; where a whole folder is gone, its drive may be.
        """
        with self._connection.consistent_read() as db:
            order = {row[0]: (row[1], row[0]) for row in db.execute("SELECT id, name_key FROM slides")}
            found = [
                (
                    order[slide],
                    natural_key(name),
                    FieldCopy(field_id=field, slide_id=slide, path=self._path(db, folder, name)),
                )
                for slide, (field, folder, name) in self._noted(db)
                if slide in order and _in_case(db, field)
            ]
        kept = [one for one in found if _is_there(one[2].path)]
        return [copy for *_, copy in sorted(kept, key=lambda one: one[:2])]

    def _path(self, db: sqlite3.Connection, folder: int, name: str) -> Path:
        return self._connection.folders.path(db, folder) / unescape_name(name)

    def _noted(self, db: sqlite3.Connection) -> list[tuple[int, _Place]]:
        """Return slide and place of every copy that the trail names."""
        rows = db.execute("SELECT details FROM audit WHERE action = ? ORDER BY id", (NOTED,)).fetchall()
        entries = [json.loads(row[0]) for row in rows]
        return [
            (int(entry["slide"]), (int(field), int(folder), str(name)))
            for entry in entries
            for field, folder, name in entry["copies"]
        ]

    def note(self, db: sqlite3.Connection, slide_id: int, same: Sequence[NewField]) -> list[FieldCopy]:
        """Enter those of these files that are new copies of fields; needs an open write transaction."""
        known: set[_Place] = {place for _, place in self._noted(db)} if same else set()
        folders = {
            parent: self._connection.folders.remember(db, parent)
            for parent in {one.path.parent for one in same}
        }
        new: list[_Place] = []
        for item in same:
            place = self._copy_of(db, item, folders[item.path.parent])
            if place is not None and place not in known:
                known.add(place)
                new.append(place)
        if new:
            details = {"slide": slide_id, "copies": [list(place) for place in new]}
            self._connection.audit(NOTED, f"slide {slide_id}", details)
        return [
            FieldCopy(field_id=field, slide_id=slide_id, path=self._path(db, folder, name))
            for field, folder, name in new
        ]

    def _copy_of(self, db: sqlite3.Connection, item: NewField, folder: int) -> _Place | None:
        """Return field and place of a copy; None if it is the field's own file, by whichever way."""
        query = "SELECT id, folder_id, name FROM fields WHERE sha256 = ? AND removed = 0"
        row = db.execute(query, (item.sha256,)).fetchone()
        if row is None:
            return None
        name = escape_name(item.path.name)
        first = self._path(db, row[1], row[2])
        if (folder, name) == (row[1], row[2]) or _same_file(first, item.path):
            return None
        return (
            None
            if _same_archive(first, item.path, self._connection.context.folder / UNPACKED)
            else (row[0], folder, name)
        )


def _is_there(path: Path) -> bool:
    return path.exists() or not path.parent.is_dir()


def _in_case(db: sqlite3.Connection, field_id: int) -> bool:
    query = "SELECT 1 FROM fields WHERE id = ? AND removed = 0"
    return db.execute(query, (field_id,)).fetchone() is not None


def _same_file(first: Path, other: Path) -> bool:
    """Tell whether a file is the first one itself: by another way to the same folder, or after a move."""
    try:
        found = first.stat()
        return not other.is_symlink() and found.st_nlink == 1 and os.path.samestat(found, other.stat())
    except OSError:
        return True


def _same_archive(first: Path, other: Path, unpacked: Path) -> bool:
    """Tell whether both came out of one archive that was added twice, from the same place in it."""
    try:
        one, two = first.relative_to(unpacked).parts, other.relative_to(unpacked).parts
        sources = [(unpacked / parts[0] / UNPACKED_FROM).read_bytes() for parts in (one, two)]
    except (OSError, ValueError, IndexError):
        return False
    return one[1:] == two[1:] and one[0] != two[0] and sources[0] == sources[1]
