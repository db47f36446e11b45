"""Files of the fields: which are missing, and where moved ones are now.

The file of a whole slide is looked for once for all of its fields, by its fingerprint.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from allstation.core.errors import StationError
from allstation.core.records import FieldRecord
from allstation.core.slide_file import SlideFile
from allstation.core.slide_part import parse_part
from allstation.core.text import shown_name, unescape_name
from allstation.store.audit.contents import MOVED
from allstation.store.connection import CaseConnection, Repository
from allstation.store.fields import Fields
from allstation.store.folders import set_path
from allstation.store.rows import Row, json_list
from allstation.store.slides.files import SlideFiles

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
        slides: The files of whole slides, on the same connection.
    """

    def __init__(self, connection: CaseConnection, fields: Fields, slides: SlideFiles) -> None:
        super().__init__(connection)
        self._fields = fields
        self._slides = slides

    def in_folder(self, folder: Path) -> dict[str, int]:
        """Return name and size of every field and slide of the case that lies directly in a folder."""
        place = Path(os.path.abspath(folder))  # noqa: PTH100 - as the folder was remembered
        with self._connection.consistent_read() as db:
            numbers = [row[0] for row in db.execute("SELECT id FROM folders")]
            same = [number for number in numbers if self._connection.folders.path(db, number) == place]
            marks = ",".join(map(str, same))
            rows = db.execute(f"SELECT name, bytes FROM fields WHERE folder_id IN ({marks})").fetchall()  # noqa: S608
            slides = {file.path.name: file.identity.bytes for file in self._slides.in_folder(place)}
        return {unescape_name(name): size for name, size in rows} | slides

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
            scanned = self._slides.folders()
        whole = {number: places[number].exists() for number in scanned & places.keys()}
        names = {number: _names_in(place) for number, place in places.items() if number not in whole}
        return sorted(
            number
            for folder, name, number in rows
            if not (whole[folder] if folder in whole else unescape_name(name) in names[folder])
        )

    def locate(self, field_id: int, new_path: Path) -> FieldRecord:
        """Set the path of a field whose file moved, after comparing the bytes.

        Args:
            field_id: The field.
            new_path: Its file; for a part of a whole slide the slide's file, which is set for all of them.

        Raises:
            StationError: ``unknown-field``, ``unreadable-field``, or ``other-field`` if the bytes differ.
        """
        record = self._fields.get(field_id)
        if record.part is not None:
            self._slides.locate(record.slide_id, new_path, _fingerprint(new_path))
            return self._fields.get(field_id)
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
        """Search a folder and what is in it for all missing fields, by size first and then by hash.

        Files of whole slides are searched by their kind, then by size or name, then by their fingerprint.
        """
        lost = set(self.missing())
        for file, path in _search_slides(folder, self._slides.missing()):
            self._slides.locate(file.slide_id, path, file.identity.fingerprint)
        still = set(self.missing())
        with self._connection.read() as db:
            rows = db.execute(
                "SELECT bytes, sha256, id, name FROM fields WHERE id IN (SELECT value FROM json_each(?))",
                (json_list(still),),
            ).fetchall()
        found = _search(folder, [row[:3] for row in rows if parse_part(row[3]) is None])
        with self._connection.write() as db:
            moved = [set_path(db, self._connection.folders, number, path) for number, path in found.items()]
            if found:
                details = {"fields": sorted(found), MOVED: moved}
                self._connection.audit("fields-located", "case", details)
        gone = still - set(found)
        return LocateReport(sorted(lost - gone), sorted(gone))


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


def _fingerprint(path: Path) -> str:
    from allstation.imaging.slides.identity import fingerprint

    return fingerprint(path)


def _search_slides(folder: Path, lost: Sequence[SlideFile]) -> Iterator[tuple[SlideFile, Path]]:
    """Yield lost files of slides with where they are found below a folder."""
    wanted = {file.identity.fingerprint: file for file in lost}
    if not wanted:
        return
    for place, _, names in os.walk(folder):
        for path in (Path(place) / name for name in names):
            if not any(_may_be(path, file) for file in wanted.values()):
                continue
            with suppress(StationError):
                found = wanted.pop(_fingerprint(path), None)
                if found is not None:
                    yield found, path


def _may_be(path: Path, file: SlideFile) -> bool:
    if path.suffix.lower() != file.path.suffix.lower():
        return False
    try:
        return path.name == file.path.name or path.stat().st_size == file.identity.bytes
    except OSError:
        return False


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
