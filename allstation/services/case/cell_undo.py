"""Undo log of cells: reviews and corrections by the tokens of the window, so that undo need not wait."""

from __future__ import annotations

from collections.abc import Sequence

from allstation.core.errors import StationError
from allstation.store.case import Case
from allstation.store.cells.edits import CellChange


class CellUndoLog:
    """Types and corrections of the cells of one case by token.

    Args:
        case: The writer's connection.
    """

    def __init__(self, case: Case) -> None:
        self._cells = case.cells
        self._types: dict[int, list[int]] = {}
        self._changes: dict[int, CellChange] = {}

    def save_types(self, token: int, cell_ids: Sequence[int], kind: str, reviewer: str) -> list[int]:
        """Store one person's type of many cells; returns the cells."""
        self._types[token] = self._cells.set_type(cell_ids, kind, reviewer)
        return list(cell_ids)

    def withdraw_types(self, token: int) -> list[int]:
        """Let types no longer count; they stay in the history. Returns their cells."""
        return self._cells.withdraw_type(self._reviews(token))

    def restore_types(self, token: int) -> list[int]:
        """Let withdrawn types count again; returns their cells."""
        return self._cells.restore_type(self._reviews(token))

    def keep(self, token: int, change: CellChange) -> CellChange:
        """Remember a correction under its token."""
        self._changes[token] = change
        return change

    def undo_change(self, token: int, reviewer: str) -> CellChange:
        """Undo a correction; another call with the token does it again."""
        if token not in self._changes:
            sentence = "These cells were not changed, so there is nothing to undo or redo."
            raise StationError("unknown-change", sentence)
        done = self._cells.change(self._changes[token].inverse, reviewer)
        self._changes[token] = done
        return done

    def _reviews(self, token: int) -> list[int]:
        if token not in self._types:
            sentence = "These types were not saved, so there is nothing to undo or redo."
            raise StationError("unknown-review", sentence)
        return self._types[token]
