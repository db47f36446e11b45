"""Fields of a case: listed with filters and orders, read, added, removed and brought back."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, overload

from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter, FieldGroup, FieldSort
from allstation.core.records import FieldCopy, FieldRecord, FieldState, NewField, Prediction
from allstation.core.slide_part import PART_SUFFIX, parse_part
from allstation.core.text import escape_name, fold, natural_key, unescape_name
from allstation.store import removal
from allstation.store.audit.contents import CONTENT, MOVED, fields_content, fields_digest
from allstation.store.connection import CaseConnection, Repository, unknown_field
from allstation.store.copies import Copies
from allstation.store.field_query import GROUP_KEYS, GROUP_ORDERS, cells_in_case, conditions
from allstation.store.field_query import order as order_by
from allstation.store.folders import Move, set_path
from allstation.store.removal import RemovalReason
from allstation.store.rows import PREDICTION_COLUMNS, REVIEW_COLUMNS, Row, prediction_of, review_of

_FIELD_COLUMNS: Final = (
    f"{cells_in_case('f')}, "
    "f.id, f.slide_id, f.folder_id, f.name, f.sha256, f.width, f.height, f.state, f.error_code, f.error, "
    "f.added, f.removed"
)
_RECORDS: Final = f"""
SELECT {_FIELD_COLUMNS}, ({{remark}}), {PREDICTION_COLUMNS}, {REVIEW_COLUMNS}
FROM fields f
LEFT JOIN predictions p ON p.id = f.prediction_id
LEFT JOIN models m ON m.id = p.model_id
LEFT JOIN reviews r ON r.id = {{review}}
"""  # noqa: S608 - column lists are constants
_COUNTING_REVIEW: Final = "f.review_id"
_OWN_REVIEW: Final = (
    "(SELECT max(o.id) FROM reviews o WHERE o.reviewer = ? AND o.field_id = f.id AND o.withdrawn = 0)"
)
_REMARK: Final = (
    "SELECT n.comment FROM reviews n WHERE n.field_id = f.id AND n.class_name = '' {0}"
    "ORDER BY n.id DESC LIMIT 1"
)
_FIELD_WIDTH: Final = 14
_PREDICTION_WIDTH: Final = 13
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class AddReport:
    """Outcome of adding fields.

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


class StoredFields(Sequence[FieldRecord]):
    """Lazy sequence of fields that reads a few hundred at a time when iterated.

    Args:
        ids: The fields.
        read: Returns the records of some of them, in the order of the ids. What is read belongs together
            only inside one read transaction.
    """

    def __init__(self, ids: Sequence[int], read: Callable[[Sequence[int]], list[FieldRecord]]) -> None:
        self._ids = ids
        self._read = read

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[FieldRecord]:
        for start in range(0, len(self._ids), _CHUNK):
            yield from self._read(self._ids[start : start + _CHUNK])

    @overload
    def __getitem__(self, place: int) -> FieldRecord: ...

    @overload
    def __getitem__(self, place: slice) -> list[FieldRecord]: ...

    def __getitem__(self, place: int | slice) -> FieldRecord | list[FieldRecord]:
        if isinstance(place, slice):
            return self._read(self._ids[place])
        return self._read([self._ids[place]])[0]


class Fields(Repository):
    """Repository of the fields.

    Args:
        connection: The case's connection.
        copies: Enters the copies of fields that are added again.
    """

    def __init__(self, connection: CaseConnection, copies: Copies) -> None:
        super().__init__(connection)
        self._copies = copies

    def hold(self, hashes: Collection[str]) -> bool:
        """Tell whether all of these bytes (SHA-256) were added to the case, also if they were removed."""
        query = "SELECT 1 FROM fields WHERE sha256 = ?"
        with self._connection.consistent_read() as db:
            return all(db.execute(query, (one,)).fetchone() is not None for one in hashes)

    def hashes(self) -> list[str]:
        """Return the SHA-256 of every field, of removed ones too, in the order they were added."""
        with self._connection.read() as db:
            return [row[0] for row in db.execute("SELECT sha256 FROM fields ORDER BY id")]

    def count(self, where: FieldFilter | None = None) -> int:
        """Return how many fields meet the filter."""
        condition, values = conditions(where)
        with self._connection.read() as db:
            return int(db.execute(f"SELECT count(*) FROM fields WHERE {condition}", values).fetchone()[0])  # noqa: S608

    def ids(
        self,
        where: FieldFilter | None = None,
        sort: FieldSort = FieldSort.SLIDE,
        *,
        descending: bool = False,
        group: FieldGroup = FieldGroup.NONE,
    ) -> array[int]:
        """Return the ids of all fields that meet the filter, in order: 8 bytes a field.

        With it a view knows its length and asks for the records it shows by :meth:`records`.
        The order holds within each group.
        """
        condition, values = conditions(where)
        order = order_by(sort, descending)
        if group is not FieldGroup.NONE:
            order = f"{GROUP_ORDERS[group]}, {order}"
        query = f"SELECT id FROM fields WHERE {condition} ORDER BY {order}"  # noqa: S608
        with self._connection.read() as db:
            return array("q", [row[0] for row in db.execute(query, values)])

    def groups(self, where: FieldFilter | None, group: FieldGroup) -> list[tuple[int | str | None, int]]:
        """Return the groups of the fields that meet the filter, in order, each with its number of fields.

        A group is a slide's id, or a final name (None for fields that have none yet).
        """
        if group is FieldGroup.NONE:
            return []
        condition, values = conditions(where)
        query = (
            f"SELECT {GROUP_KEYS[group]}, count(*) FROM fields WHERE {condition} "  # noqa: S608
            f"GROUP BY {GROUP_KEYS[group]} ORDER BY {GROUP_ORDERS[group]}"
        )
        with self._connection.read() as db:
            return [(row[0], int(row[1])) for row in db.execute(query, values)]

    def page(
        self,
        where: FieldFilter | None = None,
        sort: FieldSort = FieldSort.SLIDE,
        offset: int = 0,
        limit: int | None = None,
        *,
        descending: bool = False,
        reviewer: str | None = None,
    ) -> list[FieldRecord]:
        """Return a page of fields with their current prediction and the review that counts.

        Args:
            where: Conditions, or None for all fields.
            sort: What to sort by; ties by id.
            offset: Fields to pass over.
            limit: At most this many, or None for all that follow.
            descending: Largest first.
            reviewer: Show this person's reviews instead of the latest of anyone.
        """
        condition, values = conditions(where)
        order = order_by(sort, descending)
        query = f"SELECT id FROM fields WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
        with self._connection.consistent_read() as db:
            limit = -1 if limit is None else limit
            ids = [row[0] for row in db.execute(query, [*values, limit, offset])]
            return self._records(db, ids, reviewer)

    def records(self, ids: Iterable[int], *, reviewer: str | None = None) -> list[FieldRecord]:
        """Return the fields with these ids, in the order of the ids; unknown ids are left out."""
        with self._connection.consistent_read() as db:
            return self._records(db, list(ids), reviewer)

    def get(self, field_id: int, *, reviewer: str | None = None) -> FieldRecord:
        """Return one field.

        Raises:
            StationError: ``unknown-field`` if the case has none with this id.
        """
        records = self.records([field_id], reviewer=reviewer)
        if not records:
            raise unknown_field(field_id)
        return records[0]

    def predictions(self, field_id: int) -> list[Prediction]:
        """Return all predictions of a field, the newest first, whatever model made them.

        The newest need not be the one that the field shows: it may be by a further model.
        """
        query = (
            f"SELECT {PREDICTION_COLUMNS} FROM predictions p JOIN models m ON m.id = p.model_id "  # noqa: S608
            "WHERE p.field_id = ? ORDER BY p.id DESC"
        )
        with self._connection.read() as db:
            return [prediction_of(row) for row in db.execute(query, (field_id,))]

    def unpredicted(self, model_sha256: str) -> list[int]:
        """Return the fields that have no prediction by a model yet."""
        query = (
            "SELECT id FROM fields WHERE removed = 0 AND id NOT IN (SELECT p.field_id FROM predictions p "
            "JOIN models m ON m.id = p.model_id WHERE m.sha256 = ?) ORDER BY id"
        )
        with self._connection.read() as db:
            return [row[0] for row in db.execute(query, (model_sha256,))]

    def predicted_by(self, model_sha256: str | None, ids: Sequence[int]) -> list[FieldRecord]:
        """Return fields as they are shown, or with the newest prediction (or none) of one model instead."""
        fields = self.records(ids)
        if model_sha256 is None:
            return fields
        marks = ",".join("?" * len(ids))
        query = (
            f"SELECT {PREDICTION_COLUMNS}, p.field_id FROM predictions p "  # noqa: S608 - constant, marks
            f"JOIN models m ON m.id = p.model_id WHERE m.sha256 = ? AND p.field_id IN ({marks}) ORDER BY p.id"
        )
        with self._connection.read() as db:
            predictions = {
                row[-1]: prediction_of(row[:-1]) for row in db.execute(query, [model_sha256, *ids])
            }
        return [replace(field, prediction=predictions.get(field.id)) for field in fields]

    def add(self, slide_id: int, new: Sequence[NewField]) -> AddReport:
        """Add fields to a slide in one transaction; bytes the case already holds are reported, not added.

        A removed field that is added again is restored with all that is known of it, on its old slide
        and with the path of the file that was added now.

        Raises:
            StationError: ``unknown-slide``, or what the disk answered (nothing is added then).
        """
        with self._connection.write() as db:
            slide = db.execute("SELECT name_key FROM slides WHERE id = ?", (slide_id,)).fetchone()
            if slide is None:
                raise StationError("unknown-slide", f"This case has no slide number {slide_id}.")
            moved: list[Move] = []
            report = self._insert(db, slide_id, slide[0], new, moved)
            if report.added:
                first, last = report.added[0], report.added[-1]
                details = {
                    "added": len(report.added),
                    "first": first,
                    "last": last,
                    "duplicates": len(report.duplicates),
                    CONTENT: fields_content(db, first, last, {}),
                }
                self._connection.audit(
                    "fields-added", f"slide {slide_id}", details, input_hash=fields_digest(db, first, last)
                )
            report.copies.extend(self._copies.note(db, slide_id, report.duplicates))
            self._restore(report.restored, moved)
            if report.replaced:
                report.replaced[:] = self.remove(report.replaced)
        return report

    def _insert(
        self,
        db: sqlite3.Connection,
        slide_id: int,
        slide_key: str,
        new: Sequence[NewField],
        moved: list[Move],
    ) -> AddReport:
        report = AddReport([], [], [], [])
        folders: dict[Path, int] = {}
        now = self._connection.now()
        for item in new:
            parent = item.path.parent
            if parent not in folders:
                folders[parent] = self._connection.folders.remember(db, parent)
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
                moved.append(set_path(db, self._connection.folders, removed, item.path))
                report.restored.append(removed)
            else:
                report.duplicates.append(item)
        return report

    def remove(self, ids: Iterable[int], why: RemovalReason | None = None, *, to: int = 0) -> list[int]:
        """Remove fields from the case; returns those that were in it, ascending.

        A removed field is listed, counted, classified and reported nowhere. Its file is not touched, its
        predictions and reviews stay, and the audit log says who removed it.

        Args:
            ids: The fields.
            why: The reason, other than that a person took them out.
            to: The field that stands for a moved one.
        """
        if why is None:
            return removal.set_removed(self._connection, ids, removed=True)
        return removal.remove_because(self._connection, ids, why, to=to)

    def removed_counts(self) -> removal.RemovedCounts:
        """Return how many fields are out of the case, by reason."""
        with self._connection.read() as db:
            return removal.removed_counts(db)

    def restore(self, ids: Iterable[int]) -> list[int]:
        """Bring removed fields back as they were; returns those that had been removed, ascending."""
        return self._restore(ids, [])

    def _restore(self, ids: Iterable[int], moved: Sequence[Move]) -> list[int]:
        return removal.set_removed(self._connection, ids, removed=False, more={MOVED: moved})

    def _records(self, db: sqlite3.Connection, ids: Sequence[int], reviewer: str | None) -> list[FieldRecord]:
        query = _RECORDS.format(
            review=_COUNTING_REVIEW if reviewer is None else _OWN_REVIEW,
            remark=_REMARK.format("" if reviewer is None else "AND n.reviewer = ? "),
        )
        whose = [] if reviewer is None else [reviewer, reviewer]
        records: dict[int, FieldRecord] = {}
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            marks = ",".join("?" * len(chunk))
            for row in db.execute(f"{query} WHERE f.id IN ({marks})", [*whose, *chunk]):
                record = self._record(db, row)
                records[record.id] = record
        return [records[number] for number in ids if number in records]

    def _record(self, db: sqlite3.Connection, row: Row) -> FieldRecord:
        cells, number, slide_id, folder_id, name, sha256, width, height, *rest = row[:_FIELD_WIDTH]
        state, code, error, added, removed, remark = rest
        prediction = row[_FIELD_WIDTH : _FIELD_WIDTH + _PREDICTION_WIDTH]
        review = row[_FIELD_WIDTH + _PREDICTION_WIDTH :]
        return FieldRecord(
            id=number,
            slide_id=slide_id,
            path=self._connection.folders.path(db, folder_id) / unescape_name(name),
            sha256=sha256,
            width=width,
            height=height,
            state=FieldState(state),
            error_code=code,
            error=error,
            prediction=None if prediction[0] is None else prediction_of(prediction),
            review=None if review[0] is None else review_of(review),
            added=added,
            removed=bool(removed),
            remark=remark or "",
            cells=cells,
            part=parse_part(name) if name.endswith(PART_SUFFIX) else None,
        )


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
