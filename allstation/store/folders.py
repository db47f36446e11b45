"""Folders of a case's fields, stored so that moving the case or its fields together loses nothing.

Every folder is stored twice: relative to the case, if it is near, and absolute. On reading, the
relative path wins if it exists. The disk is asked once a folder, not once a field.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from allstation.core.text import escape_name, fold, natural_key, unescape_name
from allstation.store.audit_contents import Place, place_of

Move = tuple[int, Place, Place]
"""Field, and its place before and now."""
_STEPS_UP: Final = 2
"""Near means under the folder two above the case; farther relations rarely survive a move."""


def near_path(folder: Path, case_folder: Path) -> str | None:
    """Return a folder's path relative to the case, with forward slashes, or None if it is not near."""
    try:
        relative = Path(os.path.relpath(folder, case_folder))
    except ValueError:  # another drive on Windows
        return None
    if relative.parts[: _STEPS_UP + 1].count("..") > _STEPS_UP:
        return None
    return escape_name(relative.as_posix())


class Folders:
    """The folders table of one connection, resolved to where each folder is now."""

    def __init__(self, case_folder: Path) -> None:
        self._case_folder = case_folder
        self._known: dict[int, Path] = {}

    def path(self, db: sqlite3.Connection, folder_id: int) -> Path:
        """Return where a folder is now; if it is nowhere, where it was."""
        found = self._known.get(folder_id)
        if found is None:
            row = db.execute("SELECT relative, absolute FROM folders WHERE id = ?", (folder_id,)).fetchone()
            found = self._known[folder_id] = self._resolve(row[0], row[1])
        return found

    def _resolve(self, relative: str | None, absolute: str) -> Path:
        kept = Path(unescape_name(absolute))
        if relative is None:
            return kept
        near = Path(os.path.normpath(self._case_folder / unescape_name(relative)))
        return near if near == kept or near.is_dir() or not kept.is_dir() else kept

    def forget(self) -> None:
        """Drop the cache, so that the disk is asked again on the next reading: a drive may be back."""
        self._known.clear()

    def remember(self, db: sqlite3.Connection, folder: Path) -> int:
        """Return the id of a folder, entering it if it is new. Needs an open write transaction."""
        place = Path(os.path.abspath(folder))  # noqa: PTH100 - symlinks stay as the user chose them
        relative, absolute = near_path(place, self._case_folder), escape_name(place.as_posix())
        row = db.execute("SELECT id FROM folders WHERE absolute = ?", (absolute,)).fetchone()
        if row is None and relative is not None:
            row = db.execute("SELECT id FROM folders WHERE relative = ?", (relative,)).fetchone()
        if row is None:
            added = db.execute("INSERT INTO folders (relative, absolute) VALUES (?, ?)", (relative, absolute))
            return int(added.lastrowid or 0)
        self._known.pop(int(row[0]), None)
        return int(row[0])


def set_path(db: sqlite3.Connection, folders: Folders, field_id: int, path: Path) -> Move:
    """Point a field to another file; returns the move for the audit log. Needs an open write transaction."""
    before = place_of(db, field_id)
    folder, name = folders.remember(db, path.parent), escape_name(path.name)
    db.execute(
        "UPDATE fields SET folder_id = ?, name = ?, name_key = ?, search = ? WHERE id = ?",
        (folder, name, natural_key(name), fold(name), field_id),
    )
    return field_id, before, place_of(db, field_id)
