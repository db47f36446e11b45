"""Queue of further models: which of them still have fields to classify, and in which order.

The model in use comes first. Further models follow, each over the fields it was queued for; their
predictions are stored as secondary ones, so that what a field shows does not depend on the order
of the models. All of it survives a restart.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from allstation.core.text import escape_name, unescape_name
from allstation.store.connection import CaseConnection, Repository
from allstation.store.queue import Queue

_ORDER = "plan-order"
_BUNDLE = "bundle of "


@dataclass(frozen=True, slots=True)
class QueuedModel:
    """Further model with fields to classify.

    Attributes:
        model_sha256: Hash of the bundle.
        fields: How many fields wait for it.
    """

    model_sha256: str
    fields: int


class ModelQueue(Repository):
    """Repository of the fields that are queued for further models.

    Args:
        connection: The case's connection.
        queue: The fields' queue, on the same connection.
    """

    def __init__(self, connection: CaseConnection, queue: Queue) -> None:
        super().__init__(connection)
        self._queue = queue

    def add(self, model_sha256: str, ids: Iterable[int], bundle: Path | None = None) -> int:
        """Queue fields for a further model; returns how many were not queued for it yet.

        Args:
            model_sha256: Hash of the bundle; the case need not know the model yet.
            ids: The fields.
            bundle: Where the bundle file is, to find it again after a restart.
        """
        pairs = [(model_sha256, number) for number in ids]
        with self._connection.write() as db:
            query = "INSERT INTO plans (model_sha256, field_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
            number = max(db.executemany(query, pairs).rowcount, 0)
            if bundle is not None:
                self._connection.set_info(_BUNDLE + model_sha256, escape_name(str(bundle)))
            if number:
                self._connection.audit("model-planned", "queue", {"fields": number}, model=model_sha256)
        return number

    def bundle_path(self, model_sha256: str) -> Path | None:
        """Return where the bundle of a queued model was, if that is known."""
        stored = self._connection.info(_BUNDLE + model_sha256)
        return Path(unescape_name(stored)) if stored else None

    def all(self) -> list[QueuedModel]:
        """Return the models with queued fields, in their order."""
        query = (
            "SELECT p.model_sha256, count(*) FROM plans p JOIN fields f ON f.id = p.field_id "
            "WHERE f.removed = 0 GROUP BY p.model_sha256 ORDER BY min(p.id)"
        )
        with self._connection.consistent_read() as db:
            models = [QueuedModel(*row) for row in db.execute(query)]
            return sorted(models, key=self._rank)

    def reorder(self, models: Sequence[str]) -> None:
        """Set the order of the models; those not named come last."""
        self._connection.set_info(_ORDER, json.dumps(list(models)))

    def _rank(self, model: QueuedModel) -> int:
        order = json.loads(self._connection.info(_ORDER, "[]"))
        return order.index(model.model_sha256) if model.model_sha256 in order else len(order)

    def next_model(self, absent: Collection[str] = ()) -> str | None:
        """Return the model to run now: empty for the one in use, None if no field is queued for any.

        Args:
            absent: Models whose bundle cannot be read; they are skipped and stay queued.
        """
        query = (
            "SELECT DISTINCT for_model FROM fields INDEXED BY fields_queued "
            "WHERE state = 'queued' AND removed = 0"
        )
        with self._connection.consistent_read() as db:
            started = sorted(row[0] for row in db.execute(query))
            models = [*started, *(model.model_sha256 for model in self.all())]
        return next((model for model in models if model not in absent), None)

    def start(self, model_sha256: str) -> int:
        """Move the fields of a further model into the fields' queue; returns how many.

        Fields that are running or queued there stay behind for a later start.
        """
        with self._connection.write() as db:
            rows = db.execute(
                "SELECT p.field_id FROM plans p JOIN fields f ON f.id = p.field_id "
                "WHERE p.model_sha256 = ? AND f.removed = 0 AND f.state NOT IN ('queued', 'running') "
                "ORDER BY p.id",
                (model_sha256,),
            ).fetchall()
            pairs = [(model_sha256, row[0]) for row in rows]
            db.executemany("DELETE FROM plans WHERE model_sha256 = ? AND field_id = ?", pairs)
            db.executemany(
                "UPDATE fields SET state = 'queued', error_code = '', error = '', attempts = 0, "
                "for_model = ? WHERE id = ?",
                pairs,
            )
            if pairs:
                self._connection.audit("model-begun", "queue", {"fields": len(pairs)}, model=model_sha256)
        return len(pairs)

    def drop(self, model_sha256: str) -> None:
        """Remove a further model with its fields from both queues."""
        with self._connection.write() as db:
            dropped = db.execute("DELETE FROM plans WHERE model_sha256 = ?", (model_sha256,)).rowcount
            dropped += self._queue.cancel(model=model_sha256)
            if dropped:
                self._connection.audit("model-plan-dropped", "queue", {}, model=model_sha256)
