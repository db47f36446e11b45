"""Requests to the writer of a case about its fields: reviews and removal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allstation.core.records import Review
from allstation.processing import events
from allstation.services.case import case_events
from allstation.services.case.requests import CaseRequest
from allstation.services.case.undo_log import Removal

if TYPE_CHECKING:
    from allstation.services.case.worker import OpenedCase


@dataclass(frozen=True)
class SaveReview(CaseRequest):
    """Store a review; the token names it for undo."""

    token: int
    review: Review

    def change(self, target: OpenedCase) -> None:
        _emit_review(target, self.token, target.undo.save_review(self.token, self.review))


@dataclass(frozen=True)
class WithdrawReview(CaseRequest):
    """Withdraw the review that was stored under a token."""

    token: int

    def change(self, target: OpenedCase) -> None:
        _emit_review(target, self.token, target.undo.withdraw_review(self.token))


@dataclass(frozen=True)
class RestoreReview(CaseRequest):
    """Let a withdrawn review count again."""

    token: int

    def change(self, target: OpenedCase) -> None:
        _emit_review(target, self.token, target.undo.restore_review(self.token))


@dataclass(frozen=True)
class RemoveFields(CaseRequest):
    """Take fields out of the case, or bring them back; the token names it for undo."""

    token: int
    removal: Removal

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(
            lambda _case: _emit_removal(target, target.undo.remove(self.token, self.removal))
        )


@dataclass(frozen=True)
class UndoRemoval(CaseRequest):
    """Take back what was removed or brought back under a token."""

    token: int

    def change(self, target: OpenedCase) -> None:
        target.processor.edit_queue(lambda _case: _emit_removal(target, target.undo.undo_removal(self.token)))


def _emit_review(target: OpenedCase, token: int, stored: Review) -> None:
    target.emit(case_events.ReviewSaved(token, stored))
    target.emit(events.FieldsChanged([stored.field_id]))


def _emit_removal(target: OpenedCase, done: Removal) -> None:
    ids = list(done.ids)
    target.emit(case_events.FieldsRestored(ids) if done.back else case_events.FieldsRemoved(ids))
    target.emit(events.FieldsChanged(ids))
