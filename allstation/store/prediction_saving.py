"""Saving of one prediction: its row, and the copy of it that its field holds."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from allstation.core.cells import NewCell
from allstation.core.errors import StationError
from allstation.core.records import Prediction
from allstation.store.cells.saving import SavedField
from allstation.store.connection import unknown_field
from allstation.store.rows import Row, prediction_row, reasons_text

CellsByField = Mapping[int, Sequence[NewCell] | None]
"""Cells by the field that they were found in; None for a field whose cells follow."""
NO_CELLS: Final[CellsByField] = MappingProxyType({})
_DONE = "state = 'done', error_code = '', error = '', attempts = 0, priority = 0, for_model = ''"
_COPY = (
    "prediction_id = ?, model_id = ?, decision = ?, reasons = ?, probability = ?, margin = ?, novelty = ?, "
    "sharpness = ?, cells = ?"
)


def insert_prediction(
    db: sqlite3.Connection,
    made: tuple[int, Prediction],
    models: dict[str, int],
    now: str,
    cells: CellsByField,
) -> SavedField:
    """Insert one prediction and mark its field done; a field of another model keeps what it shows.

    Args:
        db: In a transaction.
        made: Field and its prediction.
        models: Ids of the models met so far, by hash; one that is met for the first time is added.
        now: Time of the transaction.
        cells: What was found in each field.

    Raises:
        StationError: ``unknown-field``, ``unknown-model``.
    """
    field_id, prediction = made
    if prediction.model_sha256 not in models:
        models[prediction.model_sha256] = _model_id(db, prediction.model_sha256)
    model_id = models[prediction.model_sha256]
    query = "SELECT for_model, prediction_id FROM fields WHERE id = ?"
    field_row = db.execute(query, (field_id,)).fetchone()
    if field_row is None:
        raise unknown_field(field_id)
    for_model, shown = field_row
    secondary = for_model != ""
    row = prediction_row(prediction)
    added = db.execute(
        "INSERT INTO predictions (field_id, model_id, at, probabilities, class_name, reasons, novelty, "
        "cells, sharpness, brightness, clipped, cell_area, evidence_shape, evidence, milliseconds, "
        "beside) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (field_id, model_id, now, *row, secondary),
    )
    number = int(added.lastrowid or 0)
    kept = bool(secondary and shown)
    if kept:
        db.execute(f"UPDATE fields SET {_DONE} WHERE id = ?", (field_id,))  # noqa: S608 - constant above
    else:
        copy = (number, model_id, *shown_copy(prediction))
        db.execute(f"UPDATE fields SET {_DONE}, {_COPY} WHERE id = ?", (*copy, field_id))  # noqa: S608
    follow = cells.get(field_id, ()) is None
    return SavedField(field_id, number, row[-3], not kept, cells.get(field_id), cells_follow=follow)


def shown_copy(prediction: Prediction) -> Row:
    """Return the copy of a prediction that ``fields`` holds, from ``decision`` to ``cells``.

    Probabilities that mean nothing are left out, so that no list is sorted or filtered by them.
    """
    valid = prediction.probabilities_valid
    return (
        prediction.decision.name,
        reasons_text(prediction.decision.reasons),
        float(prediction.top_probability) if valid else None,
        float(prediction.margin) if valid else None,
        _finite(prediction.novelty),
        _finite(prediction.quality.sharpness),
        int(prediction.cell_count),
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _model_id(db: sqlite3.Connection, sha256: str) -> int:
    row = db.execute("SELECT id FROM models WHERE sha256 = ?", (sha256,)).fetchone()
    if row is None:
        raise StationError(
            "unknown-model", "This case does not know the model of the prediction: add the model first."
        )
    return int(row[0])
