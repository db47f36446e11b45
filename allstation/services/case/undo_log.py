"""Undo log of a case: its rows by the tokens of the window, so that undo need not wait for the disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.core.records import Review
from allstation.store.case import Case


@dataclass(frozen=True, slots=True)
class Removal:
    """Fields to take out of a case, or to bring back.

    Attributes:
        ids: Fields.
        slide_id: All fields of this slide, instead.
        back: Bring them back.
    """

    ids: tuple[int, ...] = ()
    slide_id: int | None = None
    back: bool = False


class UndoLog:
    """Reviews and removals of one case by token.

    Args:
        case: The writer's connection.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._reviews: dict[int, Review] = {}
        self._removals: dict[int, Removal] = {}

    def save_review(self, token: int, review: Review) -> Review:
        """Store a review under its token."""
        self._reviews[token] = self._case.reviews.add(review)
        return self._reviews[token]

    def withdraw_review(self, token: int) -> Review:
        """Let a review no longer count; it stays in the audit log."""
        review = self._review(token)
        self._case.reviews.withdraw(review.id, review.reviewer)
        return review

    def restore_review(self, token: int) -> Review:
        """Let a withdrawn review count again."""
        review = self._review(token)
        self._case.reviews.restore(review.id, review.reviewer)
        return review

    def _review(self, token: int) -> Review:
        if token not in self._reviews:
            sentence = "This review was not saved, so there is nothing to undo or redo."
            raise StationError("unknown-review", sentence)
        return self._reviews[token]

    def remove(self, token: int, wanted: Removal) -> Removal:
        """Take fields out or bring them back; returns which fields that changed."""
        ids: Iterable[int] = wanted.ids
        if wanted.slide_id is not None:
            ids = self._case.fields.ids(FieldFilter(slide_id=wanted.slide_id, removed=wanted.back))
        self._removals[token] = self._set_removed(ids, back=wanted.back)
        return self._removals[token]

    def undo_removal(self, token: int) -> Removal:
        """Take back what was done under a token, and nothing that was done apart from it.

        Raises:
            StationError: ``unknown-removal`` if nothing was, for example on a full disk.
        """
        if token not in self._removals:
            sentence = "These fields were neither removed nor brought back, so there is nothing to undo."
            raise StationError("unknown-removal", sentence)
        done = self._removals[token]
        return self._set_removed(done.ids, back=not done.back)

    def _set_removed(self, ids: Iterable[int], *, back: bool) -> Removal:
        change = self._case.fields.restore if back else self._case.fields.remove
        return Removal(tuple(change(ids)), back=back)
