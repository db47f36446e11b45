"""What waits in a case, for which model, and in which order.

The model in use comes first. Other models take their turn afterwards, over the fields they were
queued for; what they predict is kept beside, so that what a field shows does not depend on the
order of the turns. All of it survives a restart.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from allstation.core.records import FieldRecord
from allstation.core.text import escape_name, unescape_name
from allstation.store.queue import QueuePart
from allstation.store.rows import PREDICTION_COLUMNS, prediction_of

_ORDER = "plan-order"
_BUNDLE = "bundle of "


@dataclass(frozen=True, slots=True)
class Plan:
    """Fields that wait for the turn of a model.

    Attributes:
        model_sha256: Hash of the bundle.
        fields: How many fields wait for it.
    """

    model_sha256: str
    fields: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Fields of one slide in the queue.

    Attributes:
        model_sha256: Hash of the bundle they wait for, empty for the model in use.
        slide_id: The slide.
        name: Its shown name.
        fields: How many wait.
    """

    model_sha256: str
    slide_id: int
    name: str
    fields: int


class PlanPart(QueuePart):
    """The order of slides and models."""

    def plan(self, model_sha256: str, ids: Iterable[int], bundle: Path | None = None) -> int:
        """Let fields wait for a model; returns how many did not already.

        Args:
            model_sha256: Hash of the bundle; the case need not know the model yet.
            ids: The fields.
            bundle: Where the bundle file is, to find it again after a restart.
        """
        pairs = [(model_sha256, number) for number in ids]
        with self._write() as db:
            query = "INSERT INTO plans (model_sha256, field_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
            number = max(db.executemany(query, pairs).rowcount, 0)
            if bundle is not None:
                self._set_info(_BUNDLE + model_sha256, escape_name(str(bundle)))
            if number:
                self._audit("model-planned", "queue", {"fields": number}, model=model_sha256)
        return number

    def bundle_of(self, model_sha256: str) -> Path | None:
        """Return where the bundle of a queued model was, if that is known."""
        stored = self._info(_BUNDLE + model_sha256)
        return Path(unescape_name(stored)) if stored else None

    def plans(self) -> list[Plan]:
        """Return which models are waited for, in the order of their turns."""
        query = (
            "SELECT p.model_sha256, count(*) FROM plans p JOIN fields f ON f.id = p.field_id "
            "WHERE f.removed = 0 GROUP BY p.model_sha256 ORDER BY min(p.id)"
        )
        with self._still() as db:
            found = [Plan(*row) for row in db.execute(query)]
            return sorted(found, key=self._place)

    def order_plans(self, models: Sequence[str]) -> None:
        """Give the models that wait another order of turns; models not named come last."""
        self._set_info(_ORDER, json.dumps(list(models)))

    def _place(self, plan: Plan) -> int:
        order = json.loads(self._info(_ORDER, "[]"))
        return order.index(plan.model_sha256) if plan.model_sha256 in order else len(order)

    def next_model(self, absent: Collection[str] = ()) -> str | None:
        """Return for which model the queue waits now: empty for the one in use, None if nothing waits.

        Args:
            absent: Models whose bundle cannot be read; they are passed over and go on waiting.
        """
        query = (
            "SELECT DISTINCT for_model FROM fields INDEXED BY fields_queued "
            "WHERE state = 'queued' AND removed = 0"
        )
        with self._still() as db:
            begun = sorted(row[0] for row in db.execute(query))
            turns = [*begun, *(plan.model_sha256 for plan in self.plans())]
        return next((model for model in turns if model not in absent), None)

    def waits_for(self, model: str) -> bool:
        """Tell whether any field waits for this model now; empty for the one in use."""
        query = (
            "SELECT 1 FROM fields INDEXED BY fields_queued "
            "WHERE state = 'queued' AND removed = 0 AND for_model = ? LIMIT 1"
        )
        with self._read() as db:
            return db.execute(query, (model,)).fetchone() is not None

    def unpredicted(self, model_sha256: str) -> list[int]:
        """Return the fields that have no prediction by a model yet."""
        query = (
            "SELECT id FROM fields WHERE removed = 0 AND id NOT IN (SELECT p.field_id FROM predictions p "
            "JOIN models m ON m.id = p.model_id WHERE m.sha256 = ?) ORDER BY id"
        )
        with self._read() as db:
            return [row[0] for row in db.execute(query, (model_sha256,))]

    def _fields_by(self, model_sha256: str | None, ids: Sequence[int]) -> list[FieldRecord]:
        """Return fields as they are shown, or with a model's newest prediction, or none, in its place."""
        fields = self.fields_of(ids)
        if model_sha256 is None:
            return fields
        marks = ",".join("?" * len(ids))
        query = (
            f"SELECT {PREDICTION_COLUMNS}, p.field_id FROM predictions p "  # noqa: S608 - constant, marks
            f"JOIN models m ON m.id = p.model_id WHERE m.sha256 = ? AND p.field_id IN ({marks}) ORDER BY p.id"
        )
        with self._read() as db:
            found = {row[-1]: prediction_of(row[:-1]) for row in db.execute(query, [model_sha256, *ids])}
        return [replace(field, prediction=found.get(field.id)) for field in fields]

    def _models_of(self, model_sha256: str | None) -> set[str]:
        """Return the models that made what the fields show, or this one if it made anything."""
        made = "SELECT DISTINCT m.sha256 FROM predictions p JOIN models m ON m.id = p.model_id"
        in_case = " WHERE f.removed = 0"
        with self._read() as db:
            if model_sha256 is None:
                found = db.execute(f"{made} JOIN fields f ON f.prediction_id = p.id{in_case}").fetchall()
            else:
                of_model = f"{made} JOIN fields f ON f.id = p.field_id{in_case} AND m.sha256 = ?"
                found = db.execute(of_model, (model_sha256,)).fetchall()
        return {row[0] for row in found}

    def begin_plan(self, model_sha256: str) -> int:
        """Move the fields that wait for this model into the queue; returns how many.

        Fields that are running or queued are left waiting.
        """
        with self._write() as db:
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
                self._audit("model-begun", "queue", {"fields": len(pairs)}, model=model_sha256)
        return len(pairs)

    def drop_plan(self, model_sha256: str) -> None:
        """Wait for this model no longer."""
        with self._write() as db:
            dropped = db.execute("DELETE FROM plans WHERE model_sha256 = ?", (model_sha256,)).rowcount
            dropped += self.cancel_queued(model=model_sha256)
            if dropped:
                self._audit("model-plan-dropped", "queue", {}, model=model_sha256)

    def waiting(self) -> list[Waiting]:
        """Return the slides with queued fields, in the order in which they come."""
        query = (
            "SELECT for_model, slide_id, count(*) FROM fields INDEXED BY fields_queued "
            "WHERE state = 'queued' AND removed = 0 GROUP BY for_model, slide_id "
            "ORDER BY for_model, max(priority) DESC, min(id)"
        )
        with self._still() as db:
            rows = db.execute(query).fetchall()
            names = {slide.id: slide.name for slide in self.slides()}
        return [Waiting(model, slide, names[slide], fields) for model, slide, fields in rows]

    def order_slides(self, slides: Sequence[int], model: str = "") -> None:
        """Let the queued fields of these slides come in the order of the slides, before all others."""
        steps = [(len(slides) - index, slide, model) for index, slide in enumerate(slides)]
        with self._write() as db:
            db.execute("UPDATE fields SET priority = 0 WHERE state = 'queued' AND for_model = ?", (model,))
            db.executemany(
                "UPDATE fields SET priority = ? WHERE state = 'queued' AND slide_id = ? AND for_model = ?",
                steps,
            )
            self._audit("slides-ordered", "queue", {"slides": list(slides)}, model=model)
