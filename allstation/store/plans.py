"""Other models that wait for their turn with the fields of a case.

The batch queue works with one model at a time. What is planned here survives a restart and is
moved into the queue when the worker has loaded that model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from allstation.store.queue import QueuePart


@dataclass(frozen=True, slots=True)
class Plan:
    """Fields that wait for a model.

    Attributes:
        model_sha256: Hash of the bundle.
        fields: How many fields wait for it.
    """

    model_sha256: str
    fields: int


class PlanPart(QueuePart):
    """Plans of a case, the oldest first."""

    def plan(self, model_sha256: str, ids: Iterable[int]) -> int:
        """Let fields wait for a model; returns how many did not already. The model need not be known yet."""
        pairs = [(model_sha256, number) for number in ids]
        with self._write() as db:
            query = "INSERT INTO plans (model_sha256, field_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
            number = max(db.executemany(query, pairs).rowcount, 0)
            if number:
                self._audit("model-planned", "queue", {"fields": number}, model=model_sha256)
        return number

    def plans(self) -> list[Plan]:
        """Return which models are waited for, in the order they were planned."""
        query = "SELECT model_sha256, count(*) FROM plans GROUP BY model_sha256 ORDER BY min(id)"
        with self._read() as db:
            return [Plan(*row) for row in db.execute(query)]

    def begin_plan(self, model_sha256: str) -> int:
        """Move the fields that wait for this model into the queue; returns how many.

        Call it when the queue is empty and the model is the one that works. Fields that are
        running or queued are left waiting.
        """
        with self._write() as db:
            rows = db.execute(
                "SELECT p.field_id FROM plans p JOIN fields f ON f.id = p.field_id "
                "WHERE p.model_sha256 = ? AND f.state NOT IN ('queued', 'running') ORDER BY p.id",
                (model_sha256,),
            ).fetchall()
            db.executemany(
                "DELETE FROM plans WHERE model_sha256 = ? AND field_id = ?",
                [(model_sha256, row[0]) for row in rows],
            )
            return self.requeue(row[0] for row in rows)

    def drop_plan(self, model_sha256: str) -> None:
        """Wait for this model no longer."""
        with self._write() as db:
            if db.execute("DELETE FROM plans WHERE model_sha256 = ?", (model_sha256,)).rowcount:
                self._audit("model-plan-dropped", "queue", {}, model=model_sha256)
