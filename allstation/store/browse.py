"""Looking through the fields of a case: filtered, sorted, counted, a page at a time."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, overload

from allstation.core.decision import Reason
from allstation.core.filters import FieldFilter, FieldGroup, FieldSort
from allstation.core.records import FieldRecord, FieldState, Prediction, Slide
from allstation.core.text import fold, unescape_name
from allstation.store.base import CaseFile, unknown_field
from allstation.store.rows import PREDICTION_COLUMNS, REVIEW_COLUMNS, Row, prediction_of, review_of

_FIELD_COLUMNS: Final = (
    "f.id, f.slide_id, f.folder_id, f.name, f.sha256, f.width, f.height, f.state, f.error_code, f.error, "
    "f.added, f.removed"
)
_RECORDS: Final = f"""
SELECT {_FIELD_COLUMNS}, {PREDICTION_COLUMNS}, {REVIEW_COLUMNS}
FROM fields f
LEFT JOIN predictions p ON p.id = f.prediction_id
LEFT JOIN models m ON m.id = p.model_id
LEFT JOIN reviews r ON r.id = {{review}}
"""  # noqa: S608 - column lists are constants
_COUNTING_REVIEW: Final = "f.review_id"
_OWN_REVIEW: Final = (
    "(SELECT max(o.id) FROM reviews o WHERE o.reviewer = ? AND o.field_id = f.id AND o.withdrawn = 0)"
)
_FIELD_WIDTH: Final = 12
_PREDICTION_WIDTH: Final = 13

_ORDERS: Final = {
    FieldSort.SLIDE: "slide_key {0}, slide_id {0}, name_key {0}, id {0}",
    FieldSort.NAME: "name_key {0}, id {0}",
    FieldSort.DECISION: "decision {0}, id {0}",
    FieldSort.FINAL: "final {0}, id {0}",
    FieldSort.PROBABILITY: "probability {0}, id {0}",
    FieldSort.MARGIN: "margin {0}, id {0}",
    FieldSort.NOVELTY: "novelty {0}, id {0}",
    FieldSort.SHARPNESS: "sharpness {0}, id {0}",
    FieldSort.CELLS: "cells {0}, id {0}",
    FieldSort.REVIEWED: "reviewed {0}, id {0}",
    FieldSort.STATE: "state {0}, id {0}",
    FieldSort.SIZE: "bytes {0}, id {0}",
    FieldSort.ADDED: "id {0}",
}
_GROUPS: Final = {FieldGroup.SLIDE: "slide_key, slide_id", FieldGroup.DECISION: "final IS NULL, final"}
"""What comes before the order when fields stand under headings; fields without a decision last."""
_GROUP_KEYS: Final = {FieldGroup.SLIDE: "slide_id", FieldGroup.DECISION: "final"}
_POOR: Final = (
    f"(instr(reasons, '|{Reason.BLURRED}|') OR instr(reasons, '|{Reason.NO_WHITE_CELLS}|') "
    f"OR state = '{FieldState.FAILED}')"
)
_CHUNK: Final = 500
IN_CASE: Final = "removed = 0"
"""What the indexes of ``fields`` say too: SQLite uses them only where a query repeats it."""
_SHOWN_SLIDE: Final = (
    "(EXISTS (SELECT 1 FROM fields INDEXED BY fields_counts WHERE slide_id = slides.id AND removed = 0) "
    "OR NOT EXISTS (SELECT 1 FROM fields INDEXED BY fields_removed "
    "WHERE slide_id = slides.id AND slide_key = slides.name_key AND removed = 1))"
)


@dataclass(frozen=True, slots=True)
class SlideCounts:
    """How the fields of one slide stand.

    Attributes:
        slide_id: The slide.
        total: Fields on it.
        states: Fields per place in the queue.
        decisions: Fields per decision of the model.
        finals: Fields per final name (reviewed class, else decision).
        reviewed: Fields with a review that counts.
        needs_review: Fields a person should look at.
    """

    slide_id: int
    total: int = 0
    states: dict[FieldState, int] = field(default_factory=dict)
    decisions: dict[str, int] = field(default_factory=dict)
    finals: dict[str, int] = field(default_factory=dict)
    reviewed: int = 0
    needs_review: int = 0


class StoredFields(Sequence[FieldRecord]):
    """Fields of a case in their order, read a few hundred at a time whenever somebody goes through them.

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


class BrowsePart(CaseFile):
    """Reading slides and fields."""

    def slides(self) -> list[Slide]:
        """Return the slides in natural order, without those whose fields were all removed."""
        query = f"SELECT id, name, folder_id FROM slides WHERE {_SHOWN_SLIDE} ORDER BY name_key, id"  # noqa: S608
        with self._still() as db:
            rows = db.execute(query).fetchall()
            return [
                Slide(id=row[0], name=row[1], folder=self._folders.path(db, row[2]) if row[2] else None)
                for row in rows
            ]

    def count(self, where: FieldFilter | None = None) -> int:
        """Return how many fields meet the filter."""
        condition, values = conditions(where)
        with self._read() as db:
            return int(db.execute(f"SELECT count(*) FROM fields WHERE {condition}", values).fetchone()[0])  # noqa: S608

    def field_ids(
        self,
        where: FieldFilter | None = None,
        sort: FieldSort = FieldSort.SLIDE,
        *,
        descending: bool = False,
        group: FieldGroup = FieldGroup.NONE,
    ) -> array[int]:
        """Return the ids of all fields that meet the filter, in order: 8 bytes a field.

        With it a view knows its length and asks for the records it shows by :meth:`fields_of`.
        The order holds within each group.
        """
        condition, values = conditions(where)
        order = _order(sort, descending)
        if group is not FieldGroup.NONE:
            order = f"{_GROUPS[group]}, {order}"
        query = f"SELECT id FROM fields WHERE {condition} ORDER BY {order}"  # noqa: S608
        with self._read() as db:
            return array("q", [row[0] for row in db.execute(query, values)])

    def field_groups(
        self, where: FieldFilter | None, group: FieldGroup
    ) -> list[tuple[int | str | None, int]]:
        """Return the groups of the fields that meet the filter, in order, each with its number of fields.

        A group is a slide's id, or a final name (None for fields that have none yet).
        """
        if group is FieldGroup.NONE:
            return []
        condition, values = conditions(where)
        query = (
            f"SELECT {_GROUP_KEYS[group]}, count(*) FROM fields WHERE {condition} "  # noqa: S608
            f"GROUP BY {_GROUP_KEYS[group]} ORDER BY {_GROUPS[group]}"
        )
        with self._read() as db:
            return [(row[0], int(row[1])) for row in db.execute(query, values)]

    def fields(
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
        order = _order(sort, descending)
        query = f"SELECT id FROM fields WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
        with self._still() as db:
            limit = -1 if limit is None else limit
            ids = [row[0] for row in db.execute(query, [*values, limit, offset])]
            return self._records(db, ids, reviewer)

    def fields_of(self, ids: Iterable[int], *, reviewer: str | None = None) -> list[FieldRecord]:
        """Return the fields with these ids, in the order of the ids; unknown ids are left out."""
        with self._still() as db:
            return self._records(db, list(ids), reviewer)

    def field(self, field_id: int, *, reviewer: str | None = None) -> FieldRecord:
        """Return one field.

        Raises:
            StationError: ``unknown-field`` if the case has none with this id.
        """
        found = self.fields_of([field_id], reviewer=reviewer)
        if not found:
            raise unknown_field(field_id)
        return found[0]

    def predictions(self, field_id: int) -> list[Prediction]:
        """Return all predictions of a field, the newest first, whatever model made them.

        The newest need not be the one that the field shows: another model may have worked beside.
        """
        query = (
            f"SELECT {PREDICTION_COLUMNS} FROM predictions p JOIN models m ON m.id = p.model_id "  # noqa: S608
            "WHERE p.field_id = ? ORDER BY p.id DESC"
        )
        with self._read() as db:
            return [prediction_of(row) for row in db.execute(query, (field_id,))]

    def counts_by_slide(self) -> dict[int, SlideCounts]:
        """Return the counts of every slide, in natural order, from one walk along an index."""
        query = (
            "SELECT slide_id, state, decision, final, sum(reviewed), sum(needs_review), count(*) "
            "FROM fields WHERE removed = 0 GROUP BY slide_id, state, decision, final"
        )
        with self._still() as db:
            ids = [slide.id for slide in self.slides()]
            groups: dict[int, list[Row]] = {number: [] for number in ids}
            for row in db.execute(query):
                groups[row[0]].append(row[1:])
        return {number: _slide_counts(number, rows) for number, rows in groups.items()}

    def _records(self, db: sqlite3.Connection, ids: Sequence[int], reviewer: str | None) -> list[FieldRecord]:
        query = _RECORDS.format(review=_COUNTING_REVIEW if reviewer is None else _OWN_REVIEW)
        whose = [] if reviewer is None else [reviewer]
        found: dict[int, FieldRecord] = {}
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            marks = ",".join("?" * len(chunk))
            for row in db.execute(f"{query} WHERE f.id IN ({marks})", [*whose, *chunk]):
                found[row[0]] = self._record(db, row)
        return [found[number] for number in ids if number in found]

    def _record(self, db: sqlite3.Connection, row: Row) -> FieldRecord:
        number, slide_id, folder_id, name, sha256, width, height, state, code, error, added, removed = row[
            :_FIELD_WIDTH
        ]
        prediction = row[_FIELD_WIDTH : _FIELD_WIDTH + _PREDICTION_WIDTH]
        review = row[_FIELD_WIDTH + _PREDICTION_WIDTH :]
        return FieldRecord(
            id=number,
            slide_id=slide_id,
            path=self._folders.path(db, folder_id) / unescape_name(name),
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
        )


def _order(sort: FieldSort, descending: bool) -> str:
    return _ORDERS[sort].format("DESC" if descending else "ASC")


def conditions(where: FieldFilter | None) -> tuple[str, list[object]]:
    """Return a filter as SQL with its values; removed fields meet only a filter that asks for them."""
    if where is None:
        return IN_CASE, []
    parts: list[tuple[str, list[object]]] = [
        (sql, [value])
        for sql, value in (
            ("slide_id = ?", where.slide_id),
            ("decision = ?", where.decision),
            ("final = ?", where.final),
            ("needs_review = ?", where.needs_review),
            ("reviewed = ?", where.reviewed if where.reviewer is None else None),
            ("instr(reasons, ?)", None if where.reason is None else f"|{where.reason}|"),
            ("state = ?", where.state),
            ("sharpness <= ?", where.max_sharpness),
            ("probability <= ?", where.max_probability),
            ("margin <= ?", where.max_margin),
            ("model_id = (SELECT id FROM models WHERE sha256 = ?)", where.model_sha256),
        )
        if value is not None
    ]
    parts += _text_condition(where.text) + _reviewer_condition(where)
    if where.poor_quality is not None:
        parts.append((_POOR if where.poor_quality else f"NOT {_POOR}", []))
    parts.append(("removed = 1" if where.removed else IN_CASE, []))
    return " AND ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def _text_condition(text: str) -> list[tuple[str, list[object]]]:
    wanted = fold(text).strip()
    if not wanted:
        return []
    slides = "slide_id IN (SELECT id FROM slides WHERE instr(search, ?))"
    return [(f"(instr(search, ?) OR {slides})", [wanted, wanted])]


def _reviewer_condition(where: FieldFilter) -> list[tuple[str, list[object]]]:
    if where.reviewer is None:
        return []
    known = "" if where.reviewed is not False else "NOT "
    sql = f"id {known}IN (SELECT field_id FROM reviews WHERE reviewer = ? AND withdrawn = 0)"  # noqa: S608
    return [(sql, [where.reviewer])]


def _slide_counts(slide_id: int, rows: Iterable[Row]) -> SlideCounts:
    states: dict[FieldState, int] = {}
    decisions: dict[str, int] = {}
    finals: dict[str, int] = {}
    total = reviewed = needing = 0
    for state, decision, final, seen, needs, number in rows:
        states[FieldState(state)] = states.get(FieldState(state), 0) + number
        for counts, name in ((decisions, decision), (finals, final)):
            if name is not None:
                counts[name] = counts.get(name, 0) + number
        total, reviewed, needing = total + number, reviewed + seen, needing + needs
    return SlideCounts(slide_id, total, states, decisions, finals, reviewed, needing)
