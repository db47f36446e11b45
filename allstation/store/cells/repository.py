"""Cells of a case: listed, counted, read, typed, corrected; features and proposals."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.cell_types import (
    SHIPPED_TYPES,
    CellExample,
    CellSummary,
    CellType,
    types_from_json,
    types_json,
)
from allstation.core.cells import (
    CellCounts,
    CellFilter,
    CellGeometry,
    CellGroup,
    CellOrder,
    CellRecord,
    CellReview,
)
from allstation.core.errors import StationError
from allstation.store.cells import edits, features, types
from allstation.store.cells.edits import CellChange
from allstation.store.cells.groups import cell_groups, typed_by_slide
from allstation.store.cells.query import conditions, order_parts
from allstation.store.cells.rows import (
    CELL_REVIEW_COLUMNS,
    RECORD_COLUMNS,
    cell_of,
    cell_review_of,
)
from allstation.store.connection import Repository
from allstation.store.rows import first_column, json_list
from allstation.store.site.case_site import CaseSite

ALL: Final = CellFilter()
TYPES_CHANGED: Final = "cell-types-changed"
_TYPES = "cell_types"
"""Keys of the table ``info`` and of the case data."""
_CHUNK: Final = 500
_EXAMPLES: Final = 8
"""Cells of a type that a report shows."""
_LATEST: Final = "l.review_id"
_OWN: Final = "(SELECT t.review_id FROM cell_types t WHERE t.reviewer = ? AND t.cell_id = l.id)"
_RECORDS: Final = f"""
SELECT {RECORD_COLUMNS} FROM cell_list l JOIN cells c ON c.id = l.id JOIN fields f ON f.id = l.field_id
LEFT JOIN cell_reviews r ON r.id = {{review}}
LEFT JOIN predictions p ON p.id = f.prediction_id LEFT JOIN prediction_cells s ON s.id = p.id
"""  # noqa: S608 - column lists are constants
_THESE: Final = "WHERE l.id IN (SELECT value FROM json_each(?))"
_BY_FIELD: Final = (
    "SELECT c.id FROM fields f CROSS JOIN cell_list c WHERE c.field_id = f.id AND f.removed = 0 AND {0} "
    "ORDER BY f.slide_key {1}, f.slide_id {1}, f.name_key {1}, f.id {1}, c.number {1}"
)


class Cells(Repository):
    """Repository of the cells. The latest type that is not withdrawn counts, of anyone or of one person."""

    # Lists

    def ids(
        self,
        where: CellFilter = ALL,
        order: CellOrder = CellOrder.FIELD,
        *,
        descending: bool = False,
        types: Sequence[str] = (),
    ) -> array[int]:
        """Return the ids of all cells that meet the filter, in order: 8 bytes a cell.

        Args:
            where: Conditions.
            order: What to sort by; ties by id.
            descending: Largest first.
            types: For :attr:`CellOrder.TYPE`: keys in the order wanted; types that are not named follow in
                alphabetical order, cells without a type are last.
        """
        condition, values = conditions(where)
        with self._connection.consistent_read() as db:
            if order is CellOrder.FIELD:
                query = _BY_FIELD.format(condition, "DESC" if descending else "ASC")
                return first_column(db.execute(query, values))
            named = self._type_order(db, where, types) if order is CellOrder.TYPE else ()
            found = array("q")
            for part in order_parts(order, descending=descending, reviewer=where.reviewer, types=named):
                query = (
                    f"SELECT c.id FROM cell_list c WHERE {condition} AND {part.condition} "  # noqa: S608
                    f"ORDER BY {part.order}"
                )
                found.extend(first_column(db.execute(query, [*values, *part.values])))
            return found

    def groups(
        self, where: CellFilter, by: CellGroup, *, descending: bool = False
    ) -> list[tuple[int | str, int]]:
        """Return the groups of a list in its order, with their sizes."""
        return cell_groups(self._connection, where, by, descending=descending)

    def page(
        self,
        where: CellFilter = ALL,
        order: CellOrder = CellOrder.FIELD,
        offset: int = 0,
        limit: int | None = None,
        *,
        descending: bool = False,
        types: Sequence[str] = (),
    ) -> list[CellRecord]:
        """Return a page of cells, with the types of the filter's reviewer if it names one.

        A view that scrolls asks for :meth:`ids` once and for the :meth:`records` that it shows.
        """
        with self._connection.consistent_read():
            ids = self.ids(where, order, descending=descending, types=types)
            end = None if limit is None else offset + limit
            return self.records(ids[offset:end], reviewer=where.reviewer)

    def records(self, ids: Iterable[int], *, reviewer: str | None = None) -> list[CellRecord]:
        """Return the cells with these ids, in the order of the ids; unknown ids are left out.

        Args:
            ids: The cells.
            reviewer: Show this person's types instead of the latest of anyone.
        """
        wanted = list(ids)
        query = _RECORDS.format(review=_LATEST if reviewer is None else _OWN) + _THESE
        whose = [] if reviewer is None else [reviewer]
        records: dict[int, CellRecord] = {}
        with self._connection.consistent_read() as db:
            known = CaseSite(self._connection).known_sizes()
            for start in range(0, len(wanted), _CHUNK):
                chunk = json_list(wanted[start : start + _CHUNK])
                rows = db.execute(query, [*whose, chunk])
                for row in rows:
                    record = cell_of(row, known)
                    records[record.id] = record
        return [records[number] for number in wanted if number in records]

    def get(self, cell_id: int, *, reviewer: str | None = None) -> CellRecord:
        """Return one cell.

        Raises:
            StationError: ``unknown-cell``.
        """
        records = self.records([cell_id], reviewer=reviewer)
        if not records:
            sentence = f"This case has no cell number {cell_id}: look at the list of its cells again."
            raise StationError("unknown-cell", sentence)
        return records[0]

    def of_field(
        self, field_id: int, *, removed: bool = False, reviewer: str | None = None
    ) -> list[CellRecord]:
        """Return the cells of a field by their number; those that were taken out by hand only on demand."""
        with self._connection.consistent_read():
            ids = list(self.ids(CellFilter(field_id=field_id)))
            if removed:
                ids += self.ids(CellFilter(field_id=field_id, removed=True))
            return sorted(self.records(ids, reviewer=reviewer), key=lambda cell: cell.number)

    # Counts

    def count(self, where: CellFilter = ALL) -> int:
        """Return how many cells meet the filter."""
        condition, values = conditions(where)
        with self._connection.read() as db:
            query = f"SELECT count(*) FROM cell_list c WHERE {condition}"  # noqa: S608
            return int(db.execute(query, values).fetchone()[0])

    def counts_by_type(self, where: CellFilter = ALL, reviewer: str | None = None) -> CellCounts:
        """Return how many cells that meet the filter have each type.

        Args:
            where: Conditions.
            reviewer: Whose types; by default the filter's reviewer, else the latest of anyone.
        """
        with self._connection.consistent_read() as db:
            return self._counts(db, where, reviewer or where.reviewer)

    def typed_by(self, reviewer: str, where: CellFilter = ALL) -> dict[int, str]:
        """Return the type that a person gave to each cell that meets the filter, by id."""
        condition, values = conditions(where)
        query = (
            "SELECT t.cell_id, t.type FROM cell_types t JOIN cell_list c ON c.id = t.cell_id "  # noqa: S608
            f"WHERE t.reviewer = ? AND {condition}"
        )
        with self._connection.read() as db:
            return dict(db.execute(query, [reviewer, *values]))

    def reviewers(self) -> list[str]:
        """Return the names of everyone whose types count, in alphabetical order."""
        with self._connection.read() as db:
            return [row[0] for row in db.execute("SELECT DISTINCT reviewer FROM cell_types ORDER BY 1")]

    def reviews(self, cell_id: int, *, withdrawn: bool = False) -> list[CellReview]:
        """Return the reviews of a cell, the oldest first.

        Args:
            cell_id: The cell.
            withdrawn: Whether to list the withdrawn ones as well.
        """
        query = (
            f"SELECT {CELL_REVIEW_COLUMNS} FROM cell_reviews r "  # noqa: S608 - constant
            "WHERE r.cell_id = ? AND r.withdrawn <= ? ORDER BY r.id"
        )
        with self._connection.read() as db:
            return [cell_review_of(row) for row in db.execute(query, (cell_id, int(withdrawn)))]

    def summary(self) -> CellSummary:
        """Return the types that people gave, per person and for every two people, and the proposed ones."""
        by_reader = (
            "SELECT t.reviewer, t.type, count(*) FROM cell_types t JOIN cell_list c ON c.id = t.cell_id "
            "WHERE c.listed = 1 GROUP BY 1, 2 ORDER BY 1, 2"
        )
        pairs = (
            "SELECT a.reviewer, b.reviewer, a.type, b.type, count(*) FROM cell_types a "
            "JOIN cell_types b ON b.cell_id = a.cell_id AND a.reviewer < b.reviewer "
            "JOIN cell_list c ON c.id = a.cell_id WHERE c.listed = 1 GROUP BY 1, 2, 3, 4"
        )
        with self._connection.consistent_read() as db:
            named: dict[str, dict[str, int]] = {}
            for reader, kind, number in db.execute(by_reader):
                named.setdefault(reader, {})[kind] = number
            both: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
            for one, other, first, second, number in db.execute(pairs):
                both.setdefault((one, other), {})[first, second] = number
            counts = self._counts(db, ALL, None)
            return CellSummary(
                types=self.types(),
                total=counts.total,
                by_reader=named,
                proposed=counts.proposed,
                pairs=both,
                typer_sha256=self.typer_sha256,
                examples=tuple(self._examples(db, counts.typed)),
                by_slide=typed_by_slide(db),
            )

    def typed_by_slide(self) -> dict[int, dict[str, int]]:
        """Return how many cells of each slide have which type, by the type that a person gave last."""
        with self._connection.read() as db:
            return typed_by_slide(db)

    def _examples(self, db: sqlite3.Connection, typed: Iterable[str]) -> Iterator[CellExample]:
        """Yield a few whole cells of each type, as far apart in the case as there are cells."""
        ids = (
            "SELECT id FROM cell_list WHERE listed = 1 AND shown_type = ? AND type = ? AND at_edge = 0 "
            "ORDER BY id"
        )
        boxes = "SELECT field_id, number, box_left, box_top, box_width, box_height FROM cells WHERE id = ?"
        for kind in sorted(typed):
            found = [row[0] for row in db.execute(ids, (kind, kind))]
            step = max(1, len(found) // _EXAMPLES)
            for number in found[::step][:_EXAMPLES]:
                field_id, count, *box = db.execute(boxes, (number,)).fetchone()
                yield CellExample(field_id=field_id, number=count, type=kind, box=tuple(box))

    # Types

    def types(self) -> tuple[CellType, ...]:
        """Return the list of types of this case: the one that was in use when cells were typed."""
        stored = self._connection.info(_TYPES)
        return types_from_json(stored) if stored else SHIPPED_TYPES

    def set_types(self, types: Sequence[CellType]) -> None:
        """Keep a laboratory's list of types in the case, so that it reads the same at another station."""
        text = types_json(types)
        with self._connection.write():
            if text == (self._connection.info(_TYPES) or types_json(SHIPPED_TYPES)):
                return
            types_from_json(text)
            self._connection.set_info(_TYPES, text)
            self._connection.audit(TYPES_CHANGED, "case", {"types": json.loads(text)})

    def set_type(self, cell_ids: Sequence[int], kind: str, reviewer: str, *, at: str = "") -> list[int]:
        """Store one person's type of many cells; see :func:`allstation.store.cells.types.save_types`."""
        return types.save_types(self._connection, cell_ids, kind, reviewer, at=at)

    def withdraw_type(self, review_ids: Sequence[int], reviewer: str | None = None) -> list[int]:
        """Withdraw reviews of cells (undo); they stay in the history. Returns ids of their cells."""
        return types.mark_types(self._connection, review_ids, withdrawn=True, reviewer=reviewer)

    def restore_type(self, review_ids: Sequence[int], reviewer: str | None = None) -> list[int]:
        """Let withdrawn reviews of cells count again (redo). Returns ids of their cells."""
        return types.mark_types(self._connection, review_ids, withdrawn=False, reviewer=reviewer)

    # Corrections by hand

    def add(self, field_id: int, cell: CellGeometry, reviewer: str) -> CellChange:
        """Store a cell that a person made."""
        return edits.add_cell(self._connection, field_id, cell, reviewer)

    def remove(self, cell_ids: Sequence[int], reviewer: str | None = None) -> CellChange:
        """Take cells out: they stay in the file, and count and show nowhere."""
        who = reviewer or self._connection.user
        return edits.mark_cells(self._connection, cell_ids, who, removed=True)

    def restore(self, cell_ids: Sequence[int], reviewer: str | None = None) -> CellChange:
        """Bring cells back that were taken out."""
        who = reviewer or self._connection.user
        return edits.mark_cells(self._connection, cell_ids, who, removed=False)

    def join(self, cell_ids: Sequence[int], reviewer: str | None = None) -> CellChange:
        """Take cells of one field out and store one in their place."""
        return edits.join_cells(self._connection, cell_ids, reviewer or self._connection.user)

    def part(self, cell_id: int, reviewer: str | None = None) -> CellChange:
        """Take a cell out and store two in its place."""
        return edits.part_cell(self._connection, cell_id, reviewer or self._connection.user)

    def change(self, change: CellChange, reviewer: str | None = None) -> CellChange:
        """Undo or redo a correction: give its :attr:`CellChange.inverse`, or the change itself again."""
        return edits.apply_change(self._connection, change, reviewer or self._connection.user)

    # Features and proposals

    def save_features(self, rows: Iterable[tuple[int, NDArray[np.floating]]], network_sha256: str) -> None:
        """Keep the appearance features (f,) of cells; see :func:`.features.save_features`."""
        features.save_features(self._connection, rows, network_sha256)

    def features(
        self, cell_ids: Iterable[int], network_sha256: str = ""
    ) -> tuple[array[int], NDArray[np.float16]]:
        """Return which cells have features, and those; see :func:`.features.features_of`."""
        return features.features_of(self._connection, cell_ids, network_sha256)

    def without_features(self, network_sha256: str) -> array[int]:
        """Return the cells that count and have no features by this network yet, by field."""
        return features.without_features(self._connection, network_sha256)

    def save_proposals(self, rows: Iterable[tuple[int, str, float]], typer_sha256: str) -> int:
        """Replace all proposals by those of a typer: cell, type, probability. Returns how many there are."""
        return features.save_proposals(self._connection, rows, typer_sha256)

    def clear_proposals(self) -> int:
        """Drop all proposals; returns how many there were."""
        return features.clear_proposals(self._connection)

    @property
    def network_sha256(self) -> str:
        """The cell network that made the features of the case; empty for none."""
        return self._connection.info(features.NETWORK)

    @property
    def typer_sha256(self) -> str:
        """The typer whose proposals the case holds; empty for none."""
        return self._connection.info(features.TYPER)

    def _type_order(self, db: sqlite3.Connection, where: CellFilter, types: Sequence[str]) -> list[str]:
        counts = self._counts(db, where, where.reviewer)
        there = counts.typed.keys() | counts.proposed.keys()
        return [*(one for one in types if one in there), *sorted(there.difference(types))]

    def _counts(self, db: sqlite3.Connection, where: CellFilter, reviewer: str | None) -> CellCounts:
        condition, values = conditions(where)
        if reviewer is None:
            query = f"SELECT type, shown_type, count(*) FROM cell_list c WHERE {condition} GROUP BY 2, 1"  # noqa: S608
            rows = db.execute(query, values).fetchall()
        else:
            query = (
                "SELECT coalesce(t.type, ''), coalesce(t.type, c.proposed), count(*) FROM cell_list c "  # noqa: S608
                "LEFT JOIN cell_types t ON t.reviewer = ? AND t.cell_id = c.id "
                f"WHERE {condition} GROUP BY 2, 1"
            )
            rows = db.execute(query, [reviewer, *values]).fetchall()
        typed = {kind: number for kind, _, number in rows if kind}
        proposed = {shown: number for kind, shown, number in rows if shown and not kind}
        untyped = sum(number for kind, shown, number in rows if not kind and not shown)
        return CellCounts(typed, proposed, untyped)
