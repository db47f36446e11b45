"""Reviewing: keys and buttons become stored reviews that can be undone and redone by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QUndoCommand, QUndoStack

from allstation.core.records import FieldRecord, Review
from allstation.core.text import shown_name
from allstation.services.desk import CaseDesk
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common.actions import ActionSpec, ActionTable, Need
from allstation.ui.common.formatting import short_name
from allstation.ui.common.i18n import tr
from allstation.ui.review.guard import ReviewGuard
from allstation.ui.review.panel import ReviewPanel

CLASS_PREFIX: Final = "review.class."
_KEYS: Final = 9
_NAME: Final = 28
_NEEDS: Final = Need.CASE | Need.WRITABLE | Need.FIELD | Need.IN_CASE


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


class _RemarkCommand(QUndoCommand):
    """A comment without a decision; undo says again what was said before, for nothing is ever deleted."""

    def __init__(
        self, desk: CaseDesk, tokens: Iterator[int], remark: Review, *, before: str, text: str
    ) -> None:
        super().__init__(text)
        self._desk = desk
        self._tokens = tokens
        self._remark = remark
        self._before = replace(remark, comment=before)

    def redo(self) -> None:
        """Store the comment."""
        self._desk.save_review(next(self._tokens), self._remark)

    def undo(self) -> None:
        """Store the former comment, or that there is none."""
        self._desk.save_review(next(self._tokens), self._before)


class ReviewActions(QObject):
    """Takes what the panel says about one field, and what keys say about one or many.

    Signals:
        refused: A sentence that says why nothing was reviewed.
    """

    refused = Signal(str)

    def __init__(
        self,
        desk: CaseDesk,
        browser: BrowserPanel,
        panel: ReviewPanel,
        *,
        guard: ReviewGuard,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._desk = desk
        self._browser = browser
        self._panel = panel
        self._guard = guard
        panel.set_guard(guard.allows)
        guard.refused.connect(self.refused)
        self._tokens = count(1)
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
        if not self._on_many(name) and self._panel.set_class(name):
            self._go_on()

    @Slot()
    def confirm(self) -> None:
        """Agree with the decision of the current field."""
        record = self._browser.current_record()
        if record is None or record.prediction is None:
            self.refused.emit(tr("This field has no decision yet. Wait for the queue, or set a class."))
        elif self._browser.model.is_hidden(record):
            self.refused.emit(tr("Predictions are hidden until you have decided. Set a class with its key."))
        elif record.prediction.decision.class_name is None:
            self.refused.emit(
                tr("The model named no class for this field. Set one yourself, or ask for another look.")
            )
        elif self._panel.confirm():
            self._go_on()

    @Slot()
    def another_look(self) -> None:
        """Mark the field for someone else's eyes, or one's own later."""
        if not self._on_many(None) and self._panel.ask_for_another_look():
            self._go_on()

    @Slot(object)
    def take(self, review: Review) -> None:
        """Store a review of one field; undo takes it back."""
        record = self._browser.model.record(review.field_id)
        self._push(record, review, _words(record, review))

    @Slot(bool)
    def set_advance(self, on: bool) -> None:
        """Go on to the next field after a review by key, or stay."""
        self.advance = on

    def clear(self) -> None:
        """Forget what could be undone: another case."""
        self.stack.clear()

    def _go_on(self) -> None:
        if self.advance:
            self._browser.step(1)

    def _on_many(self, class_name: str | None) -> bool:
        """Review all selected fields if there are several; tell whether that was so."""
        ids = self._browser.selected_ids()
        if len(ids) <= 1:
            return False
        if not self._panel.reviewer:
            self.refused.emit(tr("Reviews need a name. Write yours below the review panel."))
            return True
        shown = self._guard.shown_before(ids)
        if len(shown) < len(ids):
            self._guard.refuse_many(len(ids) - len(shown), len(ids))
        if shown:
            self._review_many(shown, class_name)
        return True

    def _review_many(self, ids: Sequence[int], class_name: str | None) -> None:
        words = tr("Set {name}", name=class_name) if class_name else tr("Ask for another look")
        self.stack.beginMacro(tr("{what} on {n} fields", what=words, n=len(ids)))
        for field_id in ids:
            review = Review(field_id=field_id, reviewer=self._panel.reviewer, class_name=class_name)
            self._push(self._browser.model.record(field_id), review, words)
        self.stack.endMacro()

    def _push(self, record: FieldRecord | None, review: Review, words: str) -> None:
        name = short_name(shown_name(record.path.name), _NAME) if record is not None else ""
        text = tr("{what} on {name}", what=words, name=name) if name else words
        if review.is_remark:
            command: QUndoCommand = _RemarkCommand(
                self._desk, self._tokens, review, before=self._panel.remark, text=text
            )
        else:
            command = _ReviewCommand(self._desk, next(self._tokens), review, text)
        self.stack.push(command)


def _words(record: FieldRecord | None, review: Review) -> str:
    before = record.review if record is not None else None
    if review.is_remark:
        return tr("Comment")
    if before is not None and before.class_name == review.class_name and before.comment != review.comment:
        return tr("Comment")
    return tr("Set {name}", name=review.class_name) if review.class_name else tr("Ask for another look")
