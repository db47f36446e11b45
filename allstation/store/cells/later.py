"""Cells that are found after a prediction was saved: which fields wait for them, and how they are saved."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from allstation.core.cells import NewCell
from allstation.core.records import FieldRecord
from allstation.store.cells.rows import support_content
from allstation.store.cells.saving import CELLS, CELLS_FOUND, CELLS_LATER, RUNS, SavedField, save_cells
from allstation.store.connection import CaseConnection, Repository
from allstation.store.fields import Fields

_WAITING: Final = (
    "SELECT p.id, f.id FROM predictions p JOIN models m ON m.id = p.model_id "
    "JOIN fields f ON f.id = p.field_id AND f.prediction_id = p.id "
    "LEFT JOIN prediction_cells c ON c.id = p.id "
    "WHERE p.id > ? AND c.id IS NULL AND f.removed = 0 AND m.sha256 = ? ORDER BY p.id LIMIT ?"
)

_COUNT: Final = (
    "SELECT count(*) FROM predictions p JOIN fields f ON f.id = p.field_id AND f.prediction_id = p.id "
    "LEFT JOIN prediction_cells c ON c.id = p.id WHERE p.id >= ? AND c.id IS NULL AND f.removed = 0"
)


@dataclass(frozen=True, slots=True)
class WaitingField:
    """Field that waits for its cells.

    Attributes:
        prediction_id: The prediction that they belong to.
        field: The field, with that prediction.
    """

    prediction_id: int
    field: FieldRecord


class LaterCells(Repository):
    """Repository of the fields whose cells are found after their predictions.

    Args:
        connection: Of the case.
        fields: Reads the fields.
    """

    def __init__(self, connection: CaseConnection, fields: Fields) -> None:
        super().__init__(connection)
        self._fields = fields
        self._first: int | None = None
        self._looked = False

    def began(self, prediction_id: int) -> None:
        """Note a prediction that was saved without its cells."""
        self._first = prediction_id if self._first is None else min(self._first, prediction_id)

    def waiting(self, model_sha256: str, count: int, *, after: int = 0) -> list[WaitingField]:
        """Return fields that show a prediction of a model and wait for its cells, the earliest first.

        Predictions of versions that looked for no cells wait for none.

        Args:
            model_sha256: The model.
            count: How many at most.
            after: Id of the prediction that was handed out last.
        """
        with self._connection.consistent_read() as db:
            if not self._looked:
                self._looked = True
                first = _first_later(db)
                if first is not None:
                    self.began(first)
            if self._first is None:
                return []
            rows = db.execute(_WAITING, (max(after, self._first - 1), model_sha256, count)).fetchall()
        records = {field.id: field for field in self._fields.records([row[1] for row in rows])}
        return [WaitingField(number, records[field]) for number, field in rows if field in records]

    def count(self) -> int:
        """Return how many fields wait for their cells, those among them in which none could be looked for."""
        with self._connection.consistent_read() as db:
            first = self._first if self._first is not None else _first_later(db)
            return int(db.execute(_COUNT, (first,)).fetchone()[0]) if first is not None else 0

    def save(self, found: Sequence[tuple[int, Sequence[NewCell]]]) -> list[int]:
        """Save cells with an audit entry, all or nothing; returns the fields that they were found in.

        Args:
            found: Prediction and its cells; a prediction that has cells by now is passed over.

        Raises:
            StationError: What the disk answered.
        """
        with self._connection.write() as db:
            saved = [one for number, cells in sorted(found, key=lambda one: one[0])
                     if (one := _saved_field(db, number, cells)) is not None]  # fmt: skip
            if not saved:
                return []
            details = dict(save_cells(db, saved))
            runs = _runs([one.prediction_id for one in saved])
            details["found"] = [support_content(db, first, last) for first, last in runs]
            entry = {"fields": len(saved), RUNS: runs, CELLS: details}
            self._connection.audit(CELLS_FOUND, f"cells of {len(saved)} fields", entry)
        return [one.field_id for one in saved]


def _saved_field(db: sqlite3.Connection, number: int, cells: Sequence[NewCell]) -> SavedField | None:
    row = db.execute(
        "SELECT p.field_id, p.evidence_shape, f.prediction_id = p.id FROM predictions p "
        "JOIN fields f ON f.id = p.field_id "
        "WHERE p.id = ? AND NOT EXISTS (SELECT 1 FROM prediction_cells c WHERE c.id = p.id)",
        (number,),
    ).fetchone()
    return None if row is None else SavedField(row[0], number, row[1], bool(row[2]), cells)


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Return first and last of each run of numbers that follow one another."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return runs


def _first_later(db: sqlite3.Connection) -> int | None:
    """Return the first prediction whose cells follow."""
    row = db.execute(
        "SELECT details FROM audit WHERE action = 'fields-classified' AND instr(details, ?) "
        "ORDER BY id LIMIT 1",
        (f'"{CELLS_LATER}"',),
    ).fetchone()
    return None if row is None else int(json.loads(row[0])["first"])
