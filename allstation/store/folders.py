"""Folders of a case's fields, stored so that moving the case or its fields together loses nothing.

Every folder is stored twice: relative to the case, if it is near, and absolute. On reading, the
relative path wins if it exists. The disk is asked once a folder, not once a field. The file of a whole
slide is the folder of its fields; once it was located elsewhere, that place goes before the first one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from allstation.core.text import escape_name, fold, natural_key, unescape_name
from allstation.store.audit.contents import Place, place_of

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
        self._files: set[int] = set()
        self._version = -1

    def path(self, db: sqlite3.Connection, folder_id: int) -> Path:
        """Return where a folder, or the file of a slide, is now; if it is nowhere, where it was."""
        if folder_id in self._files:
            self._forget_stale_files(db)
        found = self._known.get(folder_id)
        if found is None:
            found = self._known[folder_id] = self._find(db, folder_id)
        return found

    def _forget_stale_files(self, db: sqlite3.Connection) -> None:
        """Ask again for the files of slides once another connection has written: one may be located."""
        version = int(db.execute("PRAGMA data_version").fetchone()[0])
        if version != self._version:
            self._version = version
            for number in self._files:
                self._known.pop(number, None)

    def _find(self, db: sqlite3.Connection, folder_id: int) -> Path:
        query = "SELECT relative, absolute FROM folders WHERE id = ?"
        first = db.execute(query, (folder_id,)).fetchone()
        if not has_slide_files(db):
            return self._resolve([first])
        if db.execute("SELECT 1 FROM slide_files WHERE folder_id = ?", (folder_id,)).fetchone():
            self._files.add(folder_id)
        moved = db.execute(query.replace("folders", "moved_folders"), (folder_id,)).fetchall()
        return self._resolve([*moved, first])

    def _resolve(self, stored: Sequence[tuple[str | None, str]]) -> Path:
        """Return the first of these places that is there, else the first: each as ``relative, absolute``."""
        places: list[Path] = []
        for relative, absolute in stored:
            kept = Path(unescape_name(absolute))
            if relative is not None:
                places.append(Path(os.path.normpath(self._case_folder / unescape_name(relative))))
            places.append(kept)
        if len(set(places)) == 1:
            return places[0]
        return next((place for place in places if _is_there(place)), places[0])

    def forget(self) -> None:
        """Drop the cache, so that the disk is asked again on the next reading: a drive may be back."""
        self._known.clear()

    def near(self, folder: Path) -> str | None:
        """Return a folder's path relative to the case, or None if it is not near."""
        return near_path(folder, self._case_folder)

    def remember(self, db: sqlite3.Connection, folder: Path) -> int:
        """Return the id of a folder, entering it if it is new. Needs an open write transaction."""
        place = Path(os.path.abspath(folder))  # noqa: PTH100 - symlinks stay as the user chose them
        relative, absolute = near_path(place, self._case_folder), escape_name(place.as_posix())
        row = None
        if has_slide_files(db):
            row = db.execute("SELECT id FROM moved_folders WHERE absolute = ?", (absolute,)).fetchone()
        if row is None:
            row = db.execute("SELECT id FROM folders WHERE absolute = ?", (absolute,)).fetchone()
        if row is None and relative is not None:
            row = db.execute("SELECT id FROM folders WHERE relative = ?", (relative,)).fetchone()
        if row is None:
            added = db.execute("INSERT INTO folders (relative, absolute) VALUES (?, ?)", (relative, absolute))
            return int(added.lastrowid or 0)
        self._known.pop(int(row[0]), None)
        return int(row[0])


def has_slide_files(db: sqlite3.Connection) -> bool:
    """Tell whether a case file has the tables of whole slides; one of an earlier version has not."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'moved_folders'"
    return db.execute(query).fetchone() is not None


def _is_there(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:
        return False


def move_file(
    db: sqlite3.Connection, folders: Folders, folder_id: int, place: Path
) -> tuple[str | None, str]:
    """Remember where the file of a slide is now; returns the place as stored. Needs an open transaction."""
    path = Path(os.path.abspath(place))  # noqa: PTH100 - symlinks stay as the user chose them
    stored = folders.near(path), escape_name(path.as_posix())
    db.execute("INSERT OR REPLACE INTO moved_folders VALUES (?, ?, ?)", (folder_id, *stored))
    folders.forget()
    return stored


def set_path(db: sqlite3.Connection, folders: Folders, field_id: int, path: Path) -> Move:
    """Point a field to another file; returns the move for the audit log. Needs an open write transaction."""
    before = place_of(db, field_id)
    folder, name = folders.remember(db, path.parent), escape_name(path.name)
    db.execute(
        "UPDATE fields SET folder_id = ?, name = ?, name_key = ?, search = ? WHERE id = ?",
        (folder, name, natural_key(name), fold(name), field_id),
    )
    return field_id, before, place_of(db, field_id)
