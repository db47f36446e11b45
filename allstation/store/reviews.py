"""Reviews of fields by named people: added, withdrawn, restored, never deleted."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from allstation.core.errors import StationError
from allstation.core.records import Review
from allstation.core.text import storable
from allstation.store.connection import Repository, field_sha256
from allstation.store.rows import REVIEW_COLUMNS, review_of


class Reviews(Repository):
    """Repository of the reviews. The latest of a field that is not withdrawn counts."""

    def add(self, review: Review) -> Review:
        """Save a review and return it with its id and time.

        A remark (a review without a class) is stored as withdrawn: it never counts.

        Raises:
            StationError: ``unknown-field``, ``empty-name`` without a reviewer, or what the disk answered.
        """
        reviewer = storable(review.reviewer).strip()
        if not reviewer:
            raise StationError(
                "empty-name", "A review needs the reviewer's name: type it in the review panel."
            )
        stored = replace(
            review,
            reviewer=reviewer,
            comment=storable(review.comment),
            at=review.at or self._connection.now(),
        )
        with self._connection.write() as db:
            sha256 = field_sha256(db, review.field_id)
            added = db.execute(
                "INSERT INTO reviews (field_id, reviewer, class_name, comment, at, withdrawn) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    stored.field_id,
                    stored.reviewer,
                    stored.class_name,
                    stored.comment,
                    stored.at,
                    int(stored.is_remark),
                ),
            )
            stored = replace(stored, id=int(added.lastrowid or 0))
            self._recount(db, stored.field_id)
            details = {
                "review": stored.id,
                "class": stored.class_name,
                "comment": stored.comment,
                "at": stored.at,
            }
            self._connection.audit(
                "review-added", f"field {stored.field_id}", details, input_hash=sha256, who=stored.reviewer
            )
        return stored

    def withdraw(self, review_id: int, reviewer: str | None = None) -> None:
        """Withdraw a review (undo): it stays in the history and no longer counts.

        Args:
            review_id: The review.
            reviewer: Who withdraws it; only its author may. By default the user of the case.

        Raises:
            StationError: ``unknown-review``, ``not-your-review``, or what the disk answered.
        """
        self._mark(review_id, reviewer or self._connection.user, withdrawn=True)

    def restore(self, review_id: int, reviewer: str | None = None) -> None:
        """Let a withdrawn review count again (redo)."""
        self._mark(review_id, reviewer or self._connection.user, withdrawn=False)

    def _mark(self, review_id: int, reviewer: str, *, withdrawn: bool) -> None:
        with self._connection.write() as db:
            row = db.execute(
                "SELECT field_id, reviewer, withdrawn, class_name FROM reviews WHERE id = ?", (review_id,)
            ).fetchone()
            if row is None:
                raise StationError("unknown-review", f"This case has no review number {review_id}.")
            if row[1] != storable(reviewer).strip():
                raise StationError(
                    "not-your-review",
                    f"This review is by {row[1]}, who alone can take it back. Add your own review instead.",
                )
            if bool(row[2]) == withdrawn or row[3] == "":
                return
            db.execute("UPDATE reviews SET withdrawn = ? WHERE id = ?", (int(withdrawn), review_id))
            self._recount(db, row[0])
            action = "review-withdrawn" if withdrawn else "review-restored"
            sha256 = field_sha256(db, row[0])
            self._connection.audit(
                action, f"field {row[0]}", {"review": review_id}, input_hash=sha256, who=row[1]
            )

    def of_field(self, field_id: int, *, withdrawn: bool = False) -> list[Review]:
        """Return the reviews and remarks of a field, the oldest first.

        Args:
            field_id: The field.
            withdrawn: Whether to list the withdrawn ones as well.
        """
        with self._connection.read() as db:
            rows = db.execute(
                f"SELECT {REVIEW_COLUMNS} FROM reviews r "  # noqa: S608
                "WHERE r.field_id = ? AND (r.withdrawn <= ? OR r.class_name = '') ORDER BY r.id",
                (field_id, int(withdrawn)),
            ).fetchall()
        return [review_of(row) for row in rows]

    def counting(self) -> list[Review]:
        """Return all reviews that count of fields in the case, the oldest first."""
        query = (
            f"SELECT {REVIEW_COLUMNS} FROM reviews r WHERE r.withdrawn = 0 "  # noqa: S608
            "AND r.field_id NOT IN (SELECT id FROM fields WHERE removed = 1) ORDER BY r.id"
        )
        with self._connection.read() as db:
            return [review_of(row) for row in db.execute(query)]

    def reviewers(self) -> list[str]:
        """Return the names of everyone whose reviews count, in alphabetical order."""
        with self._connection.read() as db:
            rows = db.execute(
                "SELECT DISTINCT reviewer FROM reviews WHERE withdrawn = 0 ORDER BY 1"
            ).fetchall()
        return [row[0] for row in rows]

    def _recount(self, db: sqlite3.Connection, field_id: int) -> None:
        db.execute(
            "UPDATE fields SET (review_id, review_class) = (SELECT r.id, r.class_name FROM reviews r "
            "WHERE r.field_id = fields.id AND r.withdrawn = 0 ORDER BY r.id DESC LIMIT 1) WHERE id = ?",
            (field_id,),
        )
