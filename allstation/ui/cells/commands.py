"""Undo commands of cells: types given, cells added, removed, joined, parted, another list of types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from PySide6.QtGui import QUndoCommand, QUndoStack

from allstation.core.cell_types import CellType
from allstation.core.cells import CellGeometry
from allstation.services.case.cell_requests import (
    AddCell,
    JoinCells,
    PartCell,
    RemoveCells,
    RestoreCells,
    RestoreCellTypes,
    SetCellTypes,
    TypeCells,
    UndoCellChange,
    WithdrawCellTypes,
)
from allstation.services.case.requests import Request
from allstation.services.case.session import CaseSession
from allstation.ui.common.i18n import tr


class CellCommands:
    """Pushes commands about cells on the undo stack, with tokens of their own.

    Args:
        session: The open case.
        undo: The stack.

    Attributes:
        types: The list that cells are typed by; the case keeps it with the types.
    """

    def __init__(self, session: CaseSession, undo: QUndoStack) -> None:
        self.types: tuple[CellType, ...] = ()
        self._session = session
        self._undo = undo
        self._tokens = count(1)

    def type_cells(self, ids: Sequence[int], kind: str, reviewer: str, *, text: str) -> None:
        """Give cells a type; an empty one takes this person's types back."""
        token = next(self._tokens)
        first = TypeCells(token, list(ids), kind, reviewer, self.types)
        self._push(text, first, RestoreCellTypes(token), WithdrawCellTypes(token))

    def type_many(self, parts: Sequence[tuple[Sequence[int], str]], reviewer: str, *, text: str) -> None:
        """Give several groups of cells their types as one step."""
        self._undo.beginMacro(text)
        for ids, kind in parts:
            self.type_cells(ids, kind, reviewer, text=text)
        self._undo.endMacro()

    def add(self, field_id: int, cell: CellGeometry, reviewer: str) -> None:
        """Add a cell by hand."""
        self._correct(tr("Add a cell"), lambda token: AddCell(token, field_id, cell, reviewer), reviewer)

    def remove(self, ids: Sequence[int], reviewer: str, *, text: str) -> None:
        """Take cells out."""
        self._correct(text, lambda token: RemoveCells(token, list(ids), reviewer), reviewer)

    def restore(self, ids: Sequence[int], reviewer: str, *, text: str) -> None:
        """Bring cells back."""
        self._correct(text, lambda token: RestoreCells(token, list(ids), reviewer), reviewer)

    def join(self, ids: Sequence[int], reviewer: str) -> None:
        """Put one cell in the place of several."""
        self._correct(tr("Join cells"), lambda token: JoinCells(token, list(ids), reviewer), reviewer)

    def part(self, cell_id: int, reviewer: str) -> None:
        """Put two cells in the place of one."""
        self._correct(tr("Part a cell"), lambda token: PartCell(token, cell_id, reviewer), reviewer)

    def set_types(self, before: tuple[CellType, ...], after: tuple[CellType, ...]) -> None:
        """Keep another list of types."""
        now, then = SetCellTypes(after), SetCellTypes(before)
        self._push(tr("List of cell types"), now, now, then)

    def _correct(self, text: str, request: Callable[[int], Request], reviewer: str) -> None:
        token = next(self._tokens)
        back = UndoCellChange(token, reviewer)
        self._push(text, request(token), back, back)

    def _push(self, text: str, first: Request, again: Request, back: Request) -> None:
        self._undo.push(_Command(self._session, text, first=first, again=again, back=back))


class _Command(QUndoCommand):
    """Change of cells by a request; undo and redo are requests too."""

    def __init__(
        self, session: CaseSession, text: str, *, first: Request, again: Request, back: Request
    ) -> None:
        super().__init__(text)
        self._session = session
        self._next, self._again, self._back = first, again, back

    def redo(self) -> None:
        """Do it."""
        self._session.submit(self._next)
        self._next = self._again

    def undo(self) -> None:
        """Take it back."""
        self._session.submit(self._back)
