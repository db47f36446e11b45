"""Reviewing by keyboard: set a class, confirm, ask for another look, undo and redo by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QUndoCommand, QUndoStack

from allstation.core.records import FieldRecord, Review
from allstation.core.text import shown_name
from allstation.services.desk import CaseDesk
from allstation.ui.actions import ActionSpec, ActionTable, Need
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.text import short_name, tr

CLASS_PREFIX: Final = "review.class."
_KEYS: Final = 9
_NEEDS: Final = Need.CASE | Need.WRITABLE | Need.FIELD


class _ReviewCommand(QUndoCommand):
    """One stored review; undo withdraws it, redo lets it count again."""

    def __init__(self, desk: CaseDesk, token: int, review: Review, text: str) -> None:
        super().__init__(text)
        self._desk = desk
        self._token = token
        self._review = review
        self._stored = False

    def redo(self) -> None:
        """Store the review, or restore it."""
        if self._stored:
            self._desk.restore_review(self._token)
        else:
            self._stored = True
            self._desk.save_review(self._token, self._review)

    def undo(self) -> None:
        """Withdraw the review."""
        self._desk.withdraw_review(self._token)


class ReviewActions(QObject):
    """Turns keys and buttons into reviews.

    Signals:
        refused: A sentence that says why nothing was reviewed.
    """

    refused = Signal(str)

    def __init__(self, desk: CaseDesk, browser: BrowserPanel, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self._browser = browser
        self._tokens = count(1)
        self.reviewer = ""
        self.advance = True
        self.stack = QUndoStack(self)

    def add_class_actions(self, table: ActionTable, names: Sequence[str]) -> None:
        """Offer the classes of a model as actions with the keys 1 to 9."""
        table.remove(CLASS_PREFIX)
        for index, name in enumerate(names):
            key = (str(index + 1),) if index < _KEYS else ()
            tip = tr("Review the field as {name} and keep the prediction beside it", name=name)
            spec = ActionSpec(f"{CLASS_PREFIX}{index}", tr("Set {name}", name=name), key, tip, "", _NEEDS)
            table.add(spec, partial(self._set_class, name))

    def _set_class(self, name: str, _checked: bool = False) -> None:
        self._judge(name, tr("Set {name}", name=name))

    @Slot()
    def confirm(self) -> None:
        """Agree with the decision of the current field."""
        record = self._browser.current_record()
        if record is None or record.prediction is None:
            self.refused.emit(tr("This field has no decision yet. Wait for the queue, or set a class."))
        elif record.prediction.decision.class_name is None:
            self.refused.emit(
                tr("The model named no class for this field. Set one yourself, or ask for another look.")
            )
        else:
            self._judge(record.prediction.decision.class_name, tr("Confirm"))

    @Slot()
    def another_look(self) -> None:
        """Mark the field for someone else's eyes, or one's own later."""
        self._judge(None, tr("Ask for another look"))

    @Slot(object)
    def take(self, review: Review) -> None:
        """Store a review made in the review panel."""
        record = self._browser.model.record(review.field_id)
        words = tr("Set {name}", name=review.class_name) if review.class_name else tr("Ask for another look")
        if record is not None and record.review is not None and record.review.class_name == review.class_name:
            words = tr("Comment")
        self._push(record, review, words)

    @Slot(bool)
    def set_advance(self, on: bool) -> None:
        """Go on to the next field after a review by key, or stay."""
        self.advance = on

    def clear(self) -> None:
        """Forget what could be undone: another case."""
        self.stack.clear()

    def _judge(self, class_name: str | None, words: str) -> None:
        records = self._chosen()
        if not records:
            return
        if len(records) > 1:
            self.stack.beginMacro(tr("{what} on {n} fields", what=words, n=len(records)))
        for record in records:
            comment = record.review.comment if record.review is not None else ""
            self._push(record, Review(record.id, self.reviewer, class_name, comment), words)
        if len(records) > 1:
            self.stack.endMacro()
        elif self.advance:
            self._browser.step(1)

    def _chosen(self) -> list[FieldRecord]:
        ids = self._browser.selected_ids()
        current = self._browser.current_record()
        if len(ids) <= 1:
            return [current] if current is not None else []
        records = [self._browser.model.record(field_id) for field_id in ids]
        if None in records:
            self.refused.emit(
                tr("Not every selected field is loaded yet. Scroll over them, or select fewer.")
            )
            return []
        return [record for record in records if record is not None]

    def _push(self, record: FieldRecord | None, review: Review, words: str) -> None:
        name = short_name(shown_name(record.path.name), 28) if record is not None else ""
        text = tr("{what} on {name}", what=words, name=name) if name else words
        self.stack.push(_ReviewCommand(self._desk, next(self._tokens), review, text))
