"""Requests to the writer of a case about its cells: types, corrections by hand, features, proposals.

A token is a number of the asker's: it names what was stored for the request that undoes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from allstation.core.cell_types import CellType
from allstation.core.cells import CellGeometry
from allstation.services.case import case_events
from allstation.services.case.requests import CaseRequest
from allstation.store.cells.edits import CellChange

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from allstation.services.case.worker import OpenedCase


@dataclass(frozen=True)
class TypeCells(CaseRequest):
    """Give cells a type; an empty one takes this person's types back. Answered with ``cells_changed``.

    Attributes:
        token: Names the types for undo.
        cell_ids: The cells.
        type: Key of the type.
        reviewer: Who gives it.
        types: The laboratory's list, which is kept in the case with the types; empty to leave the case's.
    """

    token: int
    cell_ids: list[int]
    type: str
    reviewer: str
    types: tuple[CellType, ...] = ()

    def change(self, target: OpenedCase) -> None:
        if self.types and self.types != target.case.cells.types():
            target.case.cells.set_types(self.types)
            target.emit(case_events.CellTypeListChanged(self.types))
        _tell(target, target.cell_undo.save_types(self.token, self.cell_ids, self.type, self.reviewer))


@dataclass(frozen=True)
class WithdrawCellTypes(CaseRequest):
    """Withdraw the types that were given under a token."""

    token: int

    def change(self, target: OpenedCase) -> None:
        _tell(target, target.cell_undo.withdraw_types(self.token))


@dataclass(frozen=True)
class RestoreCellTypes(CaseRequest):
    """Let the withdrawn types of a token count again."""

    token: int

    def change(self, target: OpenedCase) -> None:
        _tell(target, target.cell_undo.restore_types(self.token))


@dataclass(frozen=True)
class AddCell(CaseRequest):
    """Add a cell by hand. Answered, as all corrections are, with ``cells_edited``."""

    token: int
    field_id: int
    cell: CellGeometry
    reviewer: str

    def change(self, target: OpenedCase) -> None:
        _edited(target, self.token, target.case.cells.add(self.field_id, self.cell, self.reviewer))


@dataclass(frozen=True)
class RemoveCells(CaseRequest):
    """Take cells out: they stay in the file, and count and show nowhere."""

    token: int
    cell_ids: list[int]
    reviewer: str

    def change(self, target: OpenedCase) -> None:
        _edited(target, self.token, target.case.cells.remove(self.cell_ids, self.reviewer))


@dataclass(frozen=True)
class RestoreCells(CaseRequest):
    """Bring cells back that were taken out."""

    token: int
    cell_ids: list[int]
    reviewer: str

    def change(self, target: OpenedCase) -> None:
        _edited(target, self.token, target.case.cells.restore(self.cell_ids, self.reviewer))


@dataclass(frozen=True)
class JoinCells(CaseRequest):
    """Take cells of one field out and put one in their place."""

    token: int
    cell_ids: list[int]
    reviewer: str

    def change(self, target: OpenedCase) -> None:
        _edited(target, self.token, target.case.cells.join(self.cell_ids, self.reviewer))


@dataclass(frozen=True)
class PartCell(CaseRequest):
    """Take a cell out and put two in its place."""

    token: int
    cell_id: int
    reviewer: str

    def change(self, target: OpenedCase) -> None:
        _edited(target, self.token, target.case.cells.part(self.cell_id, self.reviewer))


@dataclass(frozen=True)
class UndoCellChange(CaseRequest):
    """Undo the correction of a token; sent again, do it again."""

    token: int
    reviewer: str

    def change(self, target: OpenedCase) -> None:
        done = target.cell_undo.undo_change(self.token, self.reviewer)
        target.emit(case_events.CellsEdited(self.token, done))


@dataclass(frozen=True)
class SaveCellFeatures(CaseRequest):
    """Keep the appearance features of cells.

    Attributes:
        cell_ids: The cells.
        features: (n, f), in the order of the cells; stored as float16.
        network_sha256: The network that made them.
        folder: Case that the cells are of; in another one nothing is kept. None is whichever is open.
    """

    cell_ids: list[int]
    features: NDArray[np.floating]
    network_sha256: str
    folder: Path | None = None

    def change(self, target: OpenedCase) -> None:
        if self.folder not in (None, target.case.folder):
            return
        rows = zip(self.cell_ids, self.features, strict=True)
        target.case.cells.save_features(rows, self.network_sha256)
        target.emit(case_events.CellFeaturesSaved(self.cell_ids))


@dataclass(frozen=True)
class SaveCellProposals(CaseRequest):
    """Replace all proposals by those of a typer. Answered with ``proposals_changed``.

    Attributes:
        rows: Cell, type and its probability.
        typer_sha256: The typer.
        folder: Case that the cells are of; in another one nothing is kept. None is whichever is open.
    """

    rows: list[tuple[int, str, float]]
    typer_sha256: str
    folder: Path | None = None

    def change(self, target: OpenedCase) -> None:
        if self.folder not in (None, target.case.folder):
            return
        number = target.case.cells.save_proposals(self.rows, self.typer_sha256)
        target.emit(case_events.ProposalsChanged(number))


@dataclass(frozen=True)
class ClearCellProposals(CaseRequest):
    """Drop all proposals."""

    def change(self, target: OpenedCase) -> None:
        target.case.cells.clear_proposals()
        target.emit(case_events.ProposalsChanged(0))


@dataclass(frozen=True)
class SetCellTypes(CaseRequest):
    """Keep a laboratory's list of types in the case."""

    types: tuple[CellType, ...]

    def change(self, target: OpenedCase) -> None:
        target.case.cells.set_types(self.types)
        target.emit(case_events.CellTypeListChanged(target.case.cells.types()))


def _tell(target: OpenedCase, cells: list[int]) -> None:
    target.emit(case_events.CellsChanged(cells))


def _edited(target: OpenedCase, token: int, change: CellChange) -> None:
    target.emit(case_events.CellsEdited(token, target.cell_undo.keep(token, change)))
