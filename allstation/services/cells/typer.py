"""Fits the cell typer of a case on a thread of its own and has its proposals kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.cells import CellFilter
from allstation.core.errors import StationError
from allstation.core.no_proposal import NoProposal
from allstation.core.patients import patients_text
from allstation.core.typer.model import Typer, TyperFigures, cross_validate, fit_typer
from allstation.core.typer.statistics import FloatArray
from allstation.processing.status_types import Problem
from allstation.services.case.cell_requests import SaveCellProposals
from allstation.services.case.session import CaseSession
from allstation.services.tasks import LatestOnly
from allstation.store.case import Case

_BLOCK: Final = 20_000
"""Cells proposed for at once: 18 MB of features."""


class RefusedCells:
    """Cells without a proposal, and why; two arrays, for there may be a million.

    Args:
        ids: Parts of the ids.
        reasons: Their reasons, values of :class:`NoProposal`.
    """

    def __init__(self, ids: Sequence[NDArray[np.int64]], reasons: Sequence[NDArray[np.uint8]]) -> None:
        every = np.concatenate([np.zeros(0, np.int64), *ids])
        order = np.argsort(every)
        self._ids = every[order]
        self._reasons = np.concatenate([np.zeros(0, np.uint8), *reasons])[order]

    def reason(self, cell_id: int) -> NoProposal:
        """Return why a cell has none; ``NONE`` for any other."""
        place = int(self._ids.searchsorted(cell_id))
        there = place < len(self._ids) and self._ids[place] == cell_id
        return NoProposal(int(self._reasons[place])) if there else NoProposal.NONE


@dataclass(frozen=True, eq=False, slots=True)
class FittedTyper:
    """A typer with what it is worth and what it says of the case.

    Attributes:
        typer: The typer.
        data: Its file.
        figures: By cross-validation on the typed cells; None where nothing could be measured.
        unmeasured: Why, in a sentence; empty where figures are there.
        proposals: Cell, type and probability of each proposal.
        typed: Typed cells that it learned from.
        without_features: Typed cells that have no features yet, and were left out.
        refused: Cells without a proposal, and why.
    """

    typer: Typer
    data: bytes
    figures: TyperFigures | None
    unmeasured: str
    proposals: list[tuple[int, str, float]]
    typed: int
    without_features: int
    refused: RefusedCells = field(default_factory=lambda: RefusedCells([], []))

    @property
    def sha256(self) -> str:
        """Hash of its file."""
        return hashlib.sha256(self.data).hexdigest()


class CellTypingService(QObject):
    """Learns from the types that people gave and proposes types for the other cells.

    Proposals are written through the session; nothing counts them as a person's.

    Signals:
        fitted: A :class:`FittedTyper`; its proposals are being written.
        problem: A :class:`Problem`, such as too few typed cells.
    """

    fitted = Signal(object)
    problem = Signal(object)

    def __init__(self, session: CaseSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._folder: Path | None = None
        self._latest = LatestOnly(self)
        self._latest.done.connect(self._fitted)
        self._latest.failed.connect(self._failed)
        session.worker.closed.connect(self._latest.drop)

    @property
    def running(self) -> bool:
        """Whether a typer is being fitted."""
        return self._latest.running

    def fit(self, *, reviewer: str | None = None) -> None:
        """Fit a typer to the open case's typed cells; a fit under way is no longer wanted.

        Args:
            reviewer: Learn from this person's types instead of the latest of anyone.
        """
        if self._session.info is not None:
            self._folder = self._session.info.folder
            self._latest.run(partial(learn, self._folder, reviewer=reviewer))

    def use(self, data: bytes) -> None:
        """Propose with a typer that was saved elsewhere.

        Args:
            data: Its file.
        """
        if self._session.info is not None:
            self._folder = self._session.info.folder
            self._latest.run(partial(apply_typer, self._folder, data))

    def close(self, milliseconds: int = -1) -> bool:
        """Want no answer any more and wait for the thread; returns whether it ended in time."""
        return self._latest.close(milliseconds)

    @Slot(object)
    def _fitted(self, found: FittedTyper) -> None:
        self._session.submit(SaveCellProposals(found.proposals, found.sha256, self._folder))
        self.fitted.emit(found)

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        self.problem.emit(Problem.of(error))


def learn(folder: Path, *, reviewer: str | None = None) -> FittedTyper:
    """Fit a typer to the typed cells of a case, measure it and propose types for the others.

    Args:
        folder: Of the case.
        reviewer: Learn from this person's types instead of the latest of anyone.

    Raises:
        StationError: ``too-few-cells`` if too few typed cells have features.
    """
    with Case.open(folder, read_only=True) as case:
        ids = case.cells.ids(CellFilter(typed=True, reviewer=reviewer))
        records = {record.id: record for record in case.cells.records(ids, reviewer=reviewer)}
        known, features = case.cells.features(ids)
        values = np.asarray(features, np.float64)
        types = [records[number].type for number in known]
        slides = [records[number].slide_id for number in known]
        groups, patients = kept_apart(case, slides)
        network = case.cells.network_sha256
        typer = fit_typer(
            values.reshape(len(known), -1) if len(known) else np.zeros((0, 1)),
            types,
            groups=groups,
            network_sha256=network,
        )
        figures, why = _measured(values, types, groups, patients)
        proposals, refused = _proposed(case, typer, reviewer=reviewer)
    left_out = len(ids) - len(known)
    return FittedTyper(typer, typer.to_bytes(), figures, why, proposals, len(known), left_out, refused)


def apply_typer(folder: Path, data: bytes) -> FittedTyper:
    """Propose types for the cells of a case with a saved typer.

    Raises:
        StationError: ``bad-typer`` if the file is none; ``other-network`` if the case's features were made by
            another network.
    """
    typer = Typer.from_bytes(data)
    with Case.open(folder, read_only=True) as case:
        network = case.cells.network_sha256
        if typer.network_sha256 != network:
            sentence = (
                "This typer was fitted with another cell network than the one that measured the cells of "
                "this case. Fit a typer in this case, or measure its cells again."
            )
            raise StationError("other-network", sentence)
        proposals, refused = _proposed(case, typer, reviewer=None)
    why = "It was fitted elsewhere; nothing was measured on cells of this case."
    return FittedTyper(typer, data, None, why, proposals, typer.statistics.cells, 0, refused)


def kept_apart(case: Case, slides: Sequence[int]) -> tuple[list[str], str]:
    """Return what keeps cells apart, the patient or else the slide, and how many patients in words.

    Cells of a slide without a patient could be of any of the others: then patients are unknown.
    """
    patient = {slide.id: slide.patient for slide in case.slides.all()}
    groups = [f"patient {patient[one]}" if patient.get(one) else f"slide {one}" for one in slides]
    return groups, patients_text(patient.get(one, "") for one in slides)


def _measured(
    values: FloatArray, types: Sequence[str], groups: Sequence[str], patients: str
) -> tuple[TyperFigures | None, str]:
    try:
        return cross_validate(values, types, groups, patients=patients), ""
    except StationError as error:
        return None, error.sentence


def _proposed(
    case: Case, typer: Typer, *, reviewer: str | None
) -> tuple[list[tuple[int, str, float]], RefusedCells]:
    """Return proposals for the untyped cells, and why others have none."""
    ids = case.cells.ids(CellFilter(typed=False, reviewer=reviewer))
    proposals: list[tuple[int, str, float]] = []
    refused: list[NDArray[np.int64]] = []
    reasons: list[NDArray[np.uint8]] = []
    for begin in range(0, len(ids), _BLOCK):
        block = ids[begin : begin + _BLOCK]
        known, stored = case.cells.features(block)
        if len(known) < len(block):
            refused.append(np.setdiff1d(np.asarray(block, np.int64), known))
            reasons.append(np.full(len(refused[-1]), NoProposal.UNMEASURED, np.uint8))
        if not len(known):
            continue
        features = np.asarray(stored, np.float64)
        names, shares = typer.propose(features)
        proposals += [
            (number, str(name), float(share))
            for number, name, share in zip(known, names.tolist(), shares.tolist(), strict=True)
            if name
        ]
        why = typer.why_none(features, names)
        refused.append(np.asarray(known, np.int64)[why > 0])
        reasons.append(why[why > 0])
    return proposals, RefusedCells(refused, reasons)
