"""Reviews by the token the window gave them, so that undo need not wait for the disk."""

from __future__ import annotations

from allstation.core.errors import StationError
from allstation.core.records import Review
from allstation.store.case import Case


class ReviewBook:
    """Stores, withdraws and restores reviews of one case.

    Args:
        case: The writer's connection.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._by_token: dict[int, Review] = {}

    def save(self, token: int, review: Review) -> Review:
        """Store a review and remember it under its token."""
        stored = self._case.reviews.add(review)
        self._by_token[token] = stored
        return stored

    def withdraw(self, token: int) -> Review:
        """Let a review no longer count; it stays in the trail."""
        review = self._known(token)
        self._case.reviews.withdraw(review.id, review.reviewer)
        return review

    def restore(self, token: int) -> Review:
        """Let a withdrawn review count again."""
        review = self._known(token)
        self._case.reviews.restore(review.id, review.reviewer)
        return review

    def _known(self, token: int) -> Review:
        if token not in self._by_token:
            sentence = "This review was not saved, so there is nothing to undo or redo."
            raise StationError("unknown-review", sentence)
        return self._by_token[token]
