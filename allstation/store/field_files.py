"""Files of the fields: which are missing, and where moved ones are now."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from allstation.core.errors import StationError
from allstation.core.records import FieldRecord
from allstation.core.text import shown_name, unescape_name
from allstation.store.audit_contents import MOVED
from allstation.store.connection import CaseConnection, Repository
from allstation.store.fields import Fields
from allstation.store.folders import set_path
from allstation.store.rows import Row

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class LocateReport:
    """Outcome of a search for missing fields.

    Attributes:
        found: Ids of fields that were found by their hash and now point to the new place.
        missing: Ids of fields that are still nowhere.
    """

    found: list[int]
    missing: list[int]


class FieldFiles(Repository):
    """Repository of the field files on disk.

    Args:
        connection: The case's connection.
        fields: The fields, on the same connection.
    """

    def __init__(self, connection: CaseConnection, fields: Fields) -> None:
        super().__init__(connection)
        self._fields = fields

    def in_folder(self, folder: Path) -> dict[str, int]:
        """Return name and size of every field of the case that lies directly in a folder."""
        place = Path(os.path.abspath(folder))  # noqa: PTH100 - as the folder was remembered
        with self._connection.consistent_read() as db:
            numbers = [row[0] for row in db.execute("SELECT id FROM folders")]
            same = [number for number in numbers if self._connection.folders.path(db, number) == place]
            marks = ",".join(map(str, same))
            rows = db.execute(f"SELECT name, bytes FROM fields WHERE folder_id IN ({marks})").fetchall()  # noqa: S608
        return {unescape_name(name): size for name, size in rows}

    def refresh(self) -> None:
        """Look up the folders of the case on disk again: a drive may be back, or gone."""
        with self._connection.read():
            self._connection.folders.forget()

    def missing(self) -> list[int]:
        """Return the ids of fields whose file is not at its path, reading each folder once."""
        self.refresh()
        with self._connection.consistent_read() as db:
            rows = db.execute(
                "SELECT folder_id, name, id FROM fields WHERE removed = 0 ORDER BY folder_id"
            ).fetchall()
            places = {row[0]: self._connection.folders.path(db, row[0]) for row in rows}
        names = {number: _names_in(place) for number, place in places.items()}
        return sorted(row[2] for row in rows if unescape_name(row[1]) not in names[row[0]])

    def locate(self, field_id: int, new_path: Path) -> FieldRecord:
        """Set the path of a field whose file moved, after comparing the bytes.

        Raises:
            StationError: ``unknown-field``, ``unreadable-field``, or ``other-field`` if the bytes differ.
        """
        record = self._fields.get(field_id)
        if hash_file(new_path) != record.sha256:
            raise StationError(
                "other-field",
                f"{shown_name(new_path)} is not the field that was added as {shown_name(record.path)}: "
                "its bytes differ. Choose the file that was added.",
            )
        with self._connection.write() as db:
            details = {MOVED: [set_path(db, self._connection.folders, field_id, new_path)]}
            self._connection.audit("field-located", f"field {field_id}", details, input_hash=record.sha256)
        return self._fields.get(field_id)

    def locate_in(self, folder: Path) -> LocateReport:
        """Search a folder and what is in it for all missing fields, by size first and then by hash."""
        lost = self.missing()
        with self._connection.read() as db:
            marks = ",".join(map(str, lost))
            rows = db.execute(f"SELECT bytes, sha256, id FROM fields WHERE id IN ({marks})").fetchall()  # noqa: S608
        found = _search(folder, rows)
        with self._connection.write() as db:
            moved = [set_path(db, self._connection.folders, number, path) for number, path in found.items()]
            if found:
                details = {"fields": sorted(found), MOVED: moved}
                self._connection.audit("fields-located", "case", details)
        return LocateReport(sorted(found), sorted(set(lost) - set(found)))


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


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - names, not paths: ten times faster for 100,000
    except OSError:
        return frozenset()


def _search(folder: Path, rows: Iterable[Row]) -> dict[int, Path]:
    """Return the paths of ``(bytes, sha256, id)`` rows that are found below a folder."""
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
