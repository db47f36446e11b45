"""Batch queue of the fields, stored in the case so that it survives a crash."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from allstation.core.errors import UNEXPECTED, StationError, unexpected
from allstation.core.records import FieldRecord, FieldState, Prediction
from allstation.core.text import storable
from allstation.store.audit.contents import CONTENT, predictions_content, predictions_digest
from allstation.store.cells.later import LaterCells
from allstation.store.cells.saving import CELLS, CELLS_LATER, save_cells
from allstation.store.connection import CaseConnection, Repository, field_sha256
from allstation.store.fields import Fields
from allstation.store.prediction_saving import NO_CELLS, CellsByField, insert_prediction
from allstation.store.rows import Row

_log = logging.getLogger(__name__)
_MAX_ATTEMPTS = 2
CRASHED_TWICE = "crashed-twice"
UNEXPECTED_TWICE: Final = "unexpected-twice"
LEFT_OUT: Final = frozenset({CRASHED_TWICE, UNEXPECTED_TWICE})
"""Why a field is not tried again unless a person asks for it."""
_CRASHED = (
    "The program ended twice while it worked on this field, so the field is left out. "
    "Look at the file, and use Retry if you trust it."
)
_RUNNING: Final = (
    "SELECT attempts FROM fields INDEXED BY fields_by_state WHERE state = 'running' AND removed = 0 "
    "UNION ALL "
    "SELECT attempts FROM fields INDEXED BY fields_removed WHERE state = 'running' AND removed = 1"
)
"""Attempts of what is under way. Either index has one half of the fields; without them every claim would read
every field of the case."""
_TWICE: Final = "{sentence} It failed so twice, so it is left out until you use Retry."


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """Outcome of recovering a queue after a program that ended without closing the case.

    Attributes:
        queued_again: Fields that were under way and will be tried once more.
        failed: Fields that were under way for the second time.
    """

    queued_again: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class QueuedSlide:
    """Queued fields of one slide.

    Attributes:
        model_sha256: Hash of the bundle they are queued for, empty for the model in use.
        slide_id: The slide.
        name: Its shown name.
        fields: How many are queued.
    """

    model_sha256: str
    slide_id: int
    name: str
    fields: int


class Queue(Repository):
    """Repository of the states of fields: queued, running, done, failed, cancelled.

    Args:
        connection: The case's connection.
        fields: The fields, on the same connection.
        later: Is told of predictions whose cells follow.
    """

    def __init__(self, connection: CaseConnection, fields: Fields, later: LaterCells) -> None:
        super().__init__(connection)
        self._fields = fields
        self._later = later

    def counts(self) -> dict[FieldState, int]:
        """Return the number of fields in every state."""
        with self._connection.read() as db:
            query = "SELECT state, sum(1) FROM fields WHERE removed = 0 GROUP BY state"
            numbers = dict(db.execute(query).fetchall())
        return {state: numbers.get(state.value, 0) for state in FieldState}

    def claim(self, number: int, model: str = "") -> list[FieldRecord]:
        """Take up to ``number`` queued fields and mark them running.

        Args:
            number: At most this many.
            model: Only fields that wait for this model (hash); empty for the model in use.

        Prioritised fields come first (:meth:`prioritise`), then the order of adding. Fields
        that were under way when the program died come last and strictly alone, so that a second
        death names the one field that caused it. While such a field runs, or waits for others to
        finish, the answer is empty although :meth:`counts` still shows queued fields: finish
        what is running and ask again.
        """
        with self._connection.write() as db:
            rows = db.execute(
                "SELECT id, attempts FROM fields INDEXED BY fields_queued WHERE state = 'queued' "
                "AND removed = 0 AND for_model = ? ORDER BY attempts, priority DESC, id LIMIT ?",
                (model, number),
            ).fetchall()
            ids = _without_suspects(db, rows)
            db.executemany(
                "UPDATE fields SET state = 'running', attempts = attempts + 1 WHERE id = ?",
                [(i,) for i in ids],
            )
            return self._fields.records(ids)

    def save_prediction(self, field_id: int, prediction: Prediction, cells: CellsByField = NO_CELLS) -> None:
        """Save one prediction; see :meth:`save_predictions`."""
        self.save_predictions([(field_id, prediction)], cells)

    def save_predictions(
        self, batch: Sequence[tuple[int, Prediction]], cells: CellsByField = NO_CELLS
    ) -> None:
        """Save predictions with their cells, mark the fields done and add one audit entry, all or nothing.

        The entry carries the range of prediction ids and one digest over what was predicted for
        which bytes, and digests of the cells. :meth:`AuditLog.verify` computes them again from the stored
        rows.

        Args:
            batch: Fields and their predictions.
            cells: What was found in each field; a field that is not named keeps the cells it has.

        Raises:
            StationError: ``unknown-field``, ``unknown-model``, or what the disk answered.
        """
        if not batch:
            return
        with self._connection.write() as db:
            models: dict[str, int] = {}
            now = self._connection.now()
            saved = [insert_prediction(db, one, models, now, cells) for one in batch]
            first, last = saved[0].prediction_id, saved[-1].prediction_id
            content = predictions_content(db, first, last)
            details = {"fields": len(saved), "first": first, "last": last, CONTENT: content}
            found = save_cells(db, saved)
            if found:
                details[CELLS] = found
            follow = [one.prediction_id for one in saved if one.cells_follow]
            if follow:
                details[CELLS_LATER] = len(follow)
            model = batch[0][1].model_sha256 if len(models) == 1 else ""
            digest = predictions_digest(db, first, last)
            self._connection.audit(
                "fields-classified",
                f"predictions {first} to {last}",
                details,
                model=model,
                input_hash=digest,
            )
        if follow:
            self._later.began(follow[0])

    def save_or_fail(
        self, batch: Sequence[tuple[int, Prediction]], cells: CellsByField = NO_CELLS
    ) -> dict[int, StationError]:
        """Save predictions; one that cannot be saved fails its own field and no other.

        Returns:
            Why, by field id, for those that failed.

        Raises:
            StationError: What the disk answered; see :meth:`save_predictions`.
        """
        try:
            self.save_predictions(batch, cells)
        except StationError:
            raise
        except Exception:  # noqa: BLE001 - found again and named one by one
            _log.exception("predictions are saved one by one")
        else:
            return {}
        return {number: error for number, made in batch if (error := self._save_or_fail(number, made, cells))}

    def _save_or_fail(
        self, field_id: int, prediction: Prediction, cells: CellsByField
    ) -> StationError | None:
        try:
            self.save_prediction(field_id, prediction, cells)
        except StationError:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to its field
            _log.exception("the prediction of field %s cannot be saved", field_id)
            why = unexpected(f"number {field_id}", error)
            self.fail(field_id, why.code, why.sentence)
            return why
        return None

    def fail(self, field_id: int, code: str, sentence: str) -> None:
        """Mark a field failed, with a code and a sentence for the user.

        An unexpected failure keeps its attempts: after the second the field counts as left out.
        """
        with self._connection.write() as db:
            sha256 = field_sha256(db, field_id)
            kept = 0
            if code == UNEXPECTED:
                query = "SELECT attempts FROM fields WHERE id = ?"
                kept = int(db.execute(query, (field_id,)).fetchone()[0])
            if kept >= _MAX_ATTEMPTS:
                code, sentence, kept = UNEXPECTED_TWICE, _TWICE.format(sentence=sentence), 0
            db.execute(
                "UPDATE fields SET state = ?, error_code = ?, error = ?, attempts = ?, priority = 0 "
                "WHERE id = ?",
                (FieldState.FAILED, storable(code), storable(sentence), kept, field_id),
            )
            details = {"code": storable(code), "sentence": storable(sentence)}
            self._connection.audit(
                f"field-{FieldState.FAILED}", f"field {field_id}", details, input_hash=sha256
            )

    def requeue(self, ids: Iterable[int] | None = None, *, keep_attempts: bool = False) -> int:
        """Put fields back into the queue: these for the model in use, or all that failed for theirs.

        A field that already has a prediction keeps it as the current one until the new one is saved.
        Returns how many were put back.

        Args:
            ids: The fields, or None for all that failed.
            keep_attempts: No person asked for it: an unexpected failure goes on counting.
        """
        reset = "state = 'queued', error_code = '', error = ''"
        reset += "" if keep_attempts else ", attempts = 0"
        with self._connection.write() as db:
            if ids is None:
                query = f"UPDATE fields SET {reset} WHERE removed = 0 AND state = 'failed'"  # noqa: S608
                number = db.execute(query).rowcount
            else:
                query = (
                    f"UPDATE fields SET {reset}, for_model = '' "  # noqa: S608 - constant above
                    "WHERE id = ? AND removed = 0 AND state NOT IN ('queued', 'running')"
                )
                number = db.executemany(query, [(number,) for number in ids]).rowcount
            if number:
                self._connection.audit("fields-queued-again", "queue", {"fields": number})
        return max(number, 0)

    def cancel(self, slide_id: int | None = None, model: str | None = None) -> int:
        """Cancel queued fields; returns how many that were.

        A field that waited for another model than the one in use goes back to what it was.

        Args:
            slide_id: Only fields of this slide.
            model: Only fields that wait for this model; empty for the one in use.
        """
        chosen = {"slide_id": slide_id, "for_model": model}
        also = "".join(f" AND {name} = :{name}" for name, value in chosen.items() if value is not None)
        with self._connection.write() as db:
            number = db.execute(
                "UPDATE fields SET attempts = 0, priority = 0, state = CASE "  # noqa: S608 - names above
                "WHEN for_model <> '' AND prediction_id IS NOT NULL THEN 'done' ELSE 'cancelled' END, "
                f"for_model = '' WHERE state = 'queued' AND removed = 0{also}",
                chosen,
            ).rowcount
            if number:
                self._connection.audit("queue-cancelled", "queue", {"fields": number})
        return number

    def prioritise(self, ids: Iterable[int]) -> None:
        """Let these queued fields be claimed next, in the given order, before those prioritised earlier."""
        chosen = list(ids)
        with self._connection.write() as db:
            row = db.execute(
                "SELECT priority FROM fields INDEXED BY fields_queued WHERE state = 'queued' AND removed = 0 "
                "AND for_model = (SELECT for_model FROM fields WHERE id = ?) AND attempts = 0 "
                "ORDER BY priority DESC LIMIT 1",
                (chosen[0] if chosen else 0,),
            ).fetchone()
            top = int(row[0]) if row else 0
            steps = [(top + len(chosen) - index, number) for index, number in enumerate(chosen)]
            db.executemany("UPDATE fields SET priority = ? WHERE id = ? AND state = 'queued'", steps)

    def release(self, ids: Iterable[int] | None = None) -> None:
        """Put running fields (these, or all) back into the queue without counting the attempt.

        For a stop that somebody wanted, or a disk that is full; see :meth:`release_suspects` for a fault.
        """
        back = "UPDATE fields SET state = 'queued', attempts = max(attempts - 1, 0) WHERE state = 'running'"
        with self._connection.write() as db:
            if ids is None:
                db.execute(back)
            else:
                db.executemany(f"{back} AND id = ?", [(number,) for number in ids])

    def release_suspects(self, error: Exception) -> None:
        """Put back what was running when a fault stopped the work, and count it as an attempt.

        Each runs alone next time; one that is there when it happens again is left out.
        """
        why = unexpected("that was being worked on", error)
        with self._connection.write() as db:
            running = db.execute("SELECT id, attempts FROM fields WHERE state = 'running'").fetchall()
            db.execute("UPDATE fields SET state = 'queued' WHERE state = 'running'")
            for number, attempts in running:
                if attempts >= _MAX_ATTEMPTS:
                    self.fail(number, why.code, why.sentence)

    def recover(self) -> RecoveryReport:
        """Put what was running when the program died back into the queue, once.

        Opening a case for writing does this; call it only when no worker is running.
        """
        report = RecoveryReport()
        with self._connection.write() as db:
            for number, attempts in db.execute(
                "SELECT id, attempts FROM fields WHERE state = 'running'"
            ).fetchall():
                (report.failed if attempts >= _MAX_ATTEMPTS else report.queued_again).append(number)
            db.execute(
                "UPDATE fields SET state = 'queued' WHERE state = 'running' AND attempts < ?",
                (_MAX_ATTEMPTS,),
            )
            for number in report.failed:
                self.fail(number, CRASHED_TWICE, _CRASHED)
            if report.queued_again:
                self._connection.audit("queue-recovered", "queue", {"fields": report.queued_again})
        return report

    def has_queued(self, model: str) -> bool:
        """Return whether any field is queued for this model; empty for the one in use."""
        query = (
            "SELECT 1 FROM fields INDEXED BY fields_queued "
            "WHERE state = 'queued' AND removed = 0 AND for_model = ? LIMIT 1"
        )
        with self._connection.read() as db:
            return db.execute(query, (model,)).fetchone() is not None

    def slides(self) -> list[QueuedSlide]:
        """Return the slides with queued fields, in the order in which they will be claimed."""
        query = (
            "SELECT for_model, slide_id, count(*) FROM fields INDEXED BY fields_queued "
            "WHERE state = 'queued' AND removed = 0 GROUP BY for_model, slide_id "
            "ORDER BY for_model, max(priority) DESC, min(id)"
        )
        with self._connection.consistent_read() as db:
            rows = db.execute(query).fetchall()
            names = dict(db.execute("SELECT id, name FROM slides").fetchall())
        return [QueuedSlide(model, slide, names[slide], fields) for model, slide, fields in rows]

    def order_slides(self, slides: Sequence[int], model: str = "") -> None:
        """Prioritise the queued fields of these slides, in the order of the slides."""
        steps = [(len(slides) - index, slide, model) for index, slide in enumerate(slides)]
        with self._connection.write() as db:
            db.execute("UPDATE fields SET priority = 0 WHERE state = 'queued' AND for_model = ?", (model,))
            db.executemany(
                "UPDATE fields SET priority = ? WHERE state = 'queued' AND slide_id = ? AND for_model = ?",
                steps,
            )
            self._connection.audit("slides-ordered", "queue", {"slides": list(slides)}, model=model)


def _without_suspects(db: sqlite3.Connection, rows: Sequence[Row]) -> list[int]:
    """Return the ids that may run now: any number of fields that never crashed, or one suspect alone."""
    fresh = [number for number, attempts in rows if attempts == 0]
    running = [attempts for (attempts,) in db.execute(_RUNNING)]
    if any(attempts > 1 for attempts in running):
        return []
    if fresh or not rows:
        return fresh
    return [] if running else [rows[0][0]]
