"""Conversion between rows of ``case.sqlite`` and the records of the core."""

from __future__ import annotations

import json
import math
import sqlite3
from array import array
from collections.abc import Iterable, Mapping
from typing import Any, Final

from allstation.core.audit import AuditEntry
from allstation.core.decision import Decision, Reason
from allstation.core.errors import StationError
from allstation.core.records import EvidenceMap, ModelRecord, Prediction, Quality, Review
from allstation.core.text import storable
from allstation.store.database import damaged

Row = tuple[Any, ...]
_NOT_MEASURED: Final = -1.0
"""What stands in a column for a figure that was not finite: SQLite knows no NaN."""
_PART: Final = 2_000
"""Rows read while other threads wait."""

PREDICTION_COLUMNS: Final = (
    "m.sha256, p.probabilities, p.class_name, p.reasons, p.novelty, p.cells, p.sharpness, p.brightness, "
    "p.clipped, p.cell_area, p.evidence_shape, p.evidence, p.milliseconds"
)
REVIEW_COLUMNS: Final = "r.field_id, r.reviewer, r.class_name, r.comment, r.at, r.id"
AUDIT_COLUMNS: Final = "id, at, who, app, action, object, details, model, input, previous, hash"


def reasons_text(reasons: tuple[Reason, ...]) -> str:
    """Return reasons as ``|one|two|``, so that a search for ``|one|`` finds exactly that reason."""
    return "|" + "|".join(reasons) + "|" if reasons else ""


def decision_of(class_name: str | None, reasons: str) -> Decision:
    """Return the decision that was stored as a class name or as reasons."""
    return Decision(class_name, tuple(Reason(part) for part in reasons.strip("|").split("|") if part))


def prediction_row(prediction: Prediction) -> Row:
    """Return a prediction as it is stored, from ``probabilities`` to ``milliseconds``."""
    quality, evidence = prediction.quality, prediction.evidence
    probabilities = {name: _json_number(value) for name, value in prediction.probabilities.items()}
    shape = "" if evidence is None else json.dumps([evidence.rows, evidence.columns, list(evidence.classes)])
    return (
        json.dumps(probabilities, allow_nan=False, separators=(",", ":")),
        prediction.decision.class_name,
        reasons_text(prediction.decision.reasons),
        _number(prediction.novelty),
        int(prediction.cell_count),
        _number(quality.sharpness),
        _number(quality.brightness),
        _number(quality.clipped),
        _number(quality.cell_area),
        shape,
        None if evidence is None else bytes(evidence.values),
        float(prediction.milliseconds),
    )


def probabilities_of(text: str) -> dict[str, float]:
    """Return stored class probabilities; null stands for one that was not finite."""
    stored = json.loads(text)
    return {name: math.nan if value is None else value for name, value in stored.items()}


def _json_number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _number(value: float) -> float:
    """Return a figure as its column holds it, which is never null: no figure is negative by itself."""
    return float(value) if math.isfinite(value) else _NOT_MEASURED


def _measured(stored: float) -> float:
    return math.nan if stored == _NOT_MEASURED else stored


def prediction_of(row: Row) -> Prediction:
    """Return the prediction from a row of :data:`PREDICTION_COLUMNS`.

    Raises:
        StationError: ``damaged-case`` if the row makes no sense.
    """
    try:
        return _prediction_of(row)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise damaged("a prediction cannot be understood") from error


def _prediction_of(row: Row) -> Prediction:
    model, probabilities, class_name, reasons, novelty, cells, *measured, shape, evidence, milliseconds = row
    sharpness, brightness, clipped, cell_area = measured
    return Prediction(
        model_sha256=model,
        probabilities=probabilities_of(probabilities),
        decision=decision_of(class_name, reasons),
        novelty=_measured(novelty),
        cell_count=cells,
        quality=Quality(
            sharpness=_measured(sharpness),
            brightness=_measured(brightness),
            clipped=_measured(clipped),
            cell_area=_measured(cell_area),
        ),
        evidence=_evidence_of(shape, evidence),
        milliseconds=milliseconds,
    )


def _evidence_of(shape: str, values: bytes | None) -> EvidenceMap | None:
    if values is None or not shape:
        return None
    rows, columns, classes = json.loads(shape)
    return EvidenceMap(rows=rows, columns=columns, classes=tuple(classes), values=values)


def review_of(row: Row) -> Review:
    """Return the review from a row of :data:`REVIEW_COLUMNS`."""
    field_id, reviewer, class_name, comment, at, number = row
    return Review(
        field_id=field_id, reviewer=reviewer, class_name=class_name, comment=comment, at=at, id=number
    )


def audit_of(row: Row) -> AuditEntry:
    """Return the entry from a row of :data:`AUDIT_COLUMNS`."""
    return AuditEntry(*row)


def model_of(row: Row) -> ModelRecord:
    """Return the model from a row of ``sha256, name, version, classes, info``.

    Raises:
        StationError: ``damaged-case`` if the row makes no sense.
    """
    sha256, name, version, classes, info = row
    try:
        known, about = tuple(json.loads(classes)), dict(json.loads(info))
    except (ValueError, TypeError, RecursionError) as error:
        raise damaged("a model's description cannot be understood") from error
    return ModelRecord(sha256=sha256, name=name, version=version, classes=known, info=about)


def json_list(values: Iterable[int | str]) -> str:
    """Return numbers or names as one value for ``json_each``: a query then takes any number of them."""
    return json.dumps(list(values), allow_nan=False)


def texts(values: Mapping[str, object]) -> dict[str, str]:
    """Return optional free texts as they are stored; empty ones are left out."""
    pairs = {storable(str(key)): storable(str(value)) for key, value in values.items() if value is not None}
    return {key: value for key, value in pairs.items() if value}


def required_name(name: str, what: str) -> str:
    """Return a name as it is stored.

    Raises:
        StationError: ``empty-name``.
    """
    text = storable(name).strip()
    if not text:
        raise StationError("empty-name", f"A {what} needs a name: type at least one letter.")
    return text


def first_column(rows: sqlite3.Cursor) -> array[int]:
    """Return the first column, a part at a time: an array made of a million at once stops other threads."""
    found = array("q")
    while part := rows.fetchmany(_PART):
        found.extend([row[0] for row in part])
    return found
