"""Models that made the predictions of a case."""

from __future__ import annotations

import sqlite3

from allstation.core.audit import canonical
from allstation.core.records import ModelRecord
from allstation.core.text import storable
from allstation.store.audit.contents import CONTENT, model_content
from allstation.store.connection import Repository
from allstation.store.rows import model_of


class Models(Repository):
    """Repository of the models a case knows."""

    def add(self, model: ModelRecord) -> None:
        """Register a model; needed once before its predictions are saved.

        A change of the model in use is entered in the audit log, also when the case knew that model
        already: when an activation was taken back.
        """
        with self._connection.write() as db:
            added = db.execute(
                "INSERT INTO models (sha256, name, version, classes, info, added) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (sha256) DO NOTHING",
                (
                    model.sha256,
                    storable(model.name),
                    storable(model.version),
                    canonical(list(model.classes)),
                    canonical(dict(model.info)),
                    self._connection.now(),
                ),
            )
            if added.rowcount:
                content = model_content(db, model.sha256)
                details = {"name": model.name, "version": model.version, CONTENT: content}
                self._connection.audit("model-added", "model", details, model=model.sha256)
            elif _model_in_use(db) != model.sha256:
                details = {"name": model.name, "version": model.version}
                self._connection.audit("model-used", "model", details, model=model.sha256)

    def all(self) -> list[ModelRecord]:
        """Return the models this case knows, the oldest first."""
        with self._connection.read() as db:
            rows = db.execute(
                "SELECT sha256, name, version, classes, info FROM models ORDER BY id"
            ).fetchall()
        return [model_of(row) for row in rows]

    def used(self, model_sha256: str | None = None) -> set[str]:
        """Return hashes of the models behind the shown predictions, or this one if it predicted any field."""
        predicted_by = "SELECT DISTINCT m.sha256 FROM predictions p JOIN models m ON m.id = p.model_id"
        in_case = " WHERE f.removed = 0"
        with self._connection.read() as db:
            if model_sha256 is None:
                rows = db.execute(
                    f"{predicted_by} JOIN fields f ON f.prediction_id = p.id{in_case}"
                ).fetchall()
            else:
                of_model = f"{predicted_by} JOIN fields f ON f.id = p.field_id{in_case} AND m.sha256 = ?"
                rows = db.execute(of_model, (model_sha256,)).fetchall()
        return {row[0] for row in rows}


def _model_in_use(db: sqlite3.Connection) -> str:
    """Return the hash of the model in use, the last one that the audit log names; empty before the first."""
    query = "SELECT model FROM audit WHERE action IN ('model-added', 'model-used') ORDER BY id DESC LIMIT 1"
    row = db.execute(query).fetchone()
    return str(row[0]) if row is not None else ""
