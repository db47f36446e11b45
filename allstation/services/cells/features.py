"""Computes the features of a case's cells in the background, field by field."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.cells import CellRecord
from allstation.core.errors import StationError
from allstation.imaging.fields.file import read_field
from allstation.inference.cell_features import cell_features
from allstation.inference.cell_network import CellNetwork
from allstation.processing.status_types import CaseInfo, Problem
from allstation.services.case.cell_requests import SaveCellFeatures
from allstation.services.case.session import CaseSession
from allstation.services.tasks import Serial, Task
from allstation.store.case import Case

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 64
"""Cells computed between two looks at whether it goes on: about half a second."""


@dataclass(frozen=True, slots=True)
class FeatureProgress:
    """Progress of the features of a case.

    Attributes:
        done: Cells that have features, of this run.
        left: Cells that have none yet.
        failed: Cells whose field could not be read, or that could not be measured; nothing is known of them.
        running: Whether it goes on.
    """

    done: int
    left: int
    failed: int
    running: bool


@dataclass(frozen=True, eq=False)
class _Batch:
    """Features of some cells, the cells that have none for good, and those that come next."""

    ids: list[int]
    features: NDArray[np.float32]
    failed: frozenset[int]
    pending: array[int]


class CellFeatureService(QObject):
    """Computes what is missing when it is asked to, until it is done or stopped.

    What was computed is written through the session before the next cells are begun, so that a stop, a closed
    case or a crash costs at most half a second's work.

    Signals:
        progressed: A :class:`FeatureProgress`.
        problem: A :class:`Problem`: the network cannot be used.
    """

    progressed = Signal(object)
    problem = Signal(object)

    def __init__(
        self, session: CaseSession, parent: QObject | None = None, *, path: Path | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._path = session, path
        self._serial = Serial(self)
        self._network: CellNetwork | None = None
        self._task: Task | None = None
        self._waiting: _Batch | None = None
        self._failed: frozenset[int] = frozenset()
        self._pending: array[int] = array("q")
        self._done = self._lost = 0
        self._folder: Path | None = None
        session.opened.connect(self._case_opened)
        session.worker.closed.connect(self.stop)
        session.worker.cell_features_saved.connect(self._saved)
        session.worker.problem.connect(self._refused)

    @property
    def running(self) -> bool:
        """Whether cells are being computed."""
        return self._folder is not None

    @Slot()
    def start(self) -> None:
        """Compute what is missing in the open case, unless that is under way or nothing can be written."""
        info = self._session.info
        if self._folder is None and info is not None and not info.read_only:
            self._folder = info.folder
            self._lost = 0
            self._done, self._failed, self._pending = 0, frozenset(), array("q")
            self._next()

    @Slot()
    def stop(self) -> None:
        """Stop after the cells under way; they are dropped, what was written stays."""
        if self._folder is not None:
            self._folder = self._waiting = None
            self.progressed.emit(FeatureProgress(self._done, 0, len(self._failed), running=False))

    def close(self, milliseconds: int = -1) -> bool:
        """Stop for good and wait for the thread; returns whether it ended in time."""
        self.stop()
        return self._serial.close(milliseconds)

    def _next(self) -> None:
        if self._folder is None or self._task is not None:
            return
        self._task = self._serial.run(
            partial(self._compute, self._folder, self._failed, self._pending), priority=-1
        )
        self._task.done.connect(self._computed)
        self._task.failed.connect(self._could_not)

    def _compute(self, folder: Path, failed: frozenset[int], pending: array[int]) -> tuple[Path, _Batch]:
        """Compute the features of the next cells; on the service's own thread."""
        if self._network is None:
            self._network = CellNetwork(self._path)
        with Case.open(folder, read_only=True) as case:
            if not pending:
                missing = case.cells.without_features(self._network.sha256)
                pending = array("q", (number for number in missing if number not in failed))
            asked, pending = pending[:_AT_ONCE], pending[_AT_ONCE:]
            cells = case.cells.records(asked)
            fields = {record.id: record for record in case.fields.records({cell.field_id for cell in cells})}
        ids: list[int] = []
        rows: list[NDArray[np.float32]] = []
        for field_id in dict.fromkeys(cell.field_id for cell in cells):
            own = [cell for cell in cells if cell.field_id == field_id]
            found = self._of_field(fields[field_id].path, fields[field_id].sha256, own)
            for cell, row in zip(own, found, strict=True):
                if np.isfinite(row).all():
                    ids.append(cell.id)
                    rows.append(row)
        lost = failed | (set(asked) - set(ids))
        features = np.array(rows, np.float32).reshape(len(rows), self._network.size)
        return folder, _Batch(ids, features, frozenset(lost), pending)

    def _of_field(self, path: Path, sha256: str, cells: Sequence[CellRecord]) -> NDArray[np.float32]:
        assert self._network is not None  # noqa: S101 - made before
        try:
            return cell_features(read_field(path, sha256=sha256).pixels, cells, self._network)
        except StationError as error:
            if error.code == "bad-network":
                raise
            _log.info("no features of %d cells: %s", len(cells), error.sentence)
            return np.full((len(cells), self._network.size), np.nan, np.float32)

    @Slot(object)
    def _computed(self, result: tuple[Path, _Batch]) -> None:
        self._task = None
        folder, batch = result
        if folder != self._folder:  # stopped, or another case meanwhile
            self._next()
            return
        self._failed, self._pending = batch.failed, batch.pending
        if batch.ids and self._network is not None:
            self._waiting = batch
            self._session.submit(SaveCellFeatures(batch.ids, batch.features, self._network.sha256, folder))
        else:
            self._written(batch)

    @Slot(list)
    def _saved(self, ids: list[int]) -> None:
        batch, self._waiting = self._waiting, None
        if batch is None or ids != batch.ids:
            self._waiting = batch
            return
        self._written(batch)

    @Slot(object)
    def _refused(self, _problem: Problem) -> None:
        """Stop if features may not have been written; the problem itself is shown elsewhere."""
        if self._waiting is not None:
            self.stop()

    def _written(self, batch: _Batch) -> None:
        self._done += len(batch.ids)
        # The end is a look at the case that finds nothing: cells may have come meanwhile.
        going_on = bool(batch.pending or batch.ids or len(batch.failed) > self._lost)
        self._lost = len(batch.failed)
        if not going_on:
            self._folder = None
        left = len(batch.pending)
        self.progressed.emit(FeatureProgress(self._done, left, self._lost, running=going_on))
        self._next()

    @Slot(object)
    def _could_not(self, error: Exception) -> None:
        self._task = self._folder = None
        self.progressed.emit(FeatureProgress(self._done, 0, len(self._failed), running=False))
        if not isinstance(error, StationError):
            raise error
        self.problem.emit(Problem.of(error))

    @Slot(object)
    def _case_opened(self, _info: CaseInfo) -> None:
        self.stop()
