"""Runs a commissioning on a thread of its own: which cells next, how good by now, the test, the bundle."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.processing.status_types import Problem
from allstation.services.case.commissioning_requests import (
    ChooseCommissioning,
    FreezeTest,
    NoteBundle,
    OpenTest,
    SaveCurve,
)
from allstation.services.case.session import CaseSession
from allstation.services.tasks import Serial

if TYPE_CHECKING:
    from allstation.commissioning.commission import Commissioned
    from allstation.services.site.bundle_choice import SavedSite, SiteComparison
    from allstation.services.site.commissioning_cells import (
        AskedCells,
        CaseCells,
        CommissioningCells,
        Measured,
    )
    from allstation.store.site.commissioning_record import CommissioningRecord


@dataclass(frozen=True, eq=False, slots=True)
class Tested:
    """Outcome of a test, and what its report prints.

    Attributes:
        found: Accepted or refused.
        report: As the bundle holds it.
    """

    found: Commissioned
    report: dict[str, Any]

    @property
    def is_accepted(self) -> bool:
        """Whether a model was accepted."""
        return bool(self.report["accepted"])


class CommissioningService(QObject):
    """Answers come in the order of asking; those of a session that was left are dropped.

    What is written to the case goes through the session's writer: a test part is on disk before its first
    cell is shown, and an outcome before anybody reads it.

    Signals:
        counted: A :class:`CaseCells`.
        begun: The :class:`CommissioningRecord` of the session that has begun.
        asked: An :class:`AskedCells`.
        measured: A :class:`Measured`.
        drawn: Cells of the test part that is being written.
        tested: A :class:`Tested` that is being written.
        saved: A :class:`SavedSite`.
        compared: A :class:`SiteComparison`.
        problem: A :class:`Problem`.
    """

    counted = Signal(object)
    begun = Signal(object)
    asked = Signal(object)
    measured = Signal(object)
    drawn = Signal(list)
    tested = Signal(object)
    saved = Signal(object)
    compared = Signal(object)
    problem = Signal(object)

    def __init__(self, session: CaseSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._serial = Serial(self)
        self._cells: CommissioningCells | None = None
        self._folder: Path | None = None
        self._number = 0
        session.worker.closed.connect(self.leave)
        session.worker.commissioning_changed.connect(self._take_record)

    @Slot()
    def leave(self) -> None:
        """Want no answer of this session any more; what was typed and written stays."""
        self._number += 1
        self._cells = None

    def close(self, milliseconds: int = -1) -> bool:
        """Leave, and wait for the thread; returns whether it ended in time."""
        self.leave()
        return self._serial.close(milliseconds)

    # The case and the session

    def count(self, reviewer: str) -> None:
        """Count what the open case offers; ``counted`` follows."""
        folder = self._open_folder()
        if folder is not None:
            self._run(partial(_counted, folder, reviewer), self._tell_counted)

    def begin(self, reviewer: str, chosen: CommissioningRecord) -> None:
        """Begin a session of the open case, or go on with it; ``begun`` follows."""
        self.leave()
        self._folder = self._open_folder()
        if self._folder is not None:
            self._run(partial(_begun, self._folder, reviewer, chosen), self._keep_begun)

    def refresh(self, cells: Collection[int]) -> None:
        """Take the types of cells as they are written now."""
        if self._cells is not None:
            self._run(partial(self._cells.refresh, list(cells)), None)

    def ask(self, count: int, skipped: Collection[int]) -> None:
        """Ask for the cells to type next; ``asked`` follows."""
        if self._cells is not None:
            self._run(partial(self._cells.ask, count, frozenset(skipped)), self._tell_asked)

    def measure(self) -> None:
        """Cross-validate what is typed; ``measured`` follows."""
        if self._cells is not None:
            self._run(self._cells.measure, self._keep_measured)

    def freeze(self) -> None:
        """Draw a test part and have it written; ``drawn`` and the writer's news follow."""
        if self._cells is not None:
            self._run(self._cells.draw_test, self._keep_drawn)

    def finish(self) -> None:
        """Open the test part; ``tested`` follows, and the writer's news."""
        if self._cells is not None:
            self._run(partial(_finished, self._cells), self._keep_tested)

    # The bundle

    def save(self, tested: Tested, *, base: Path, folder: Path, name: str) -> None:
        """Write the site bundle of an accepted outcome to a folder; ``saved`` follows.

        Args:
            tested: What was accepted.
            base: Bundle of the model in use.
            folder: Of the user's models.
            name: Of the new model.
        """
        self._run(partial(_saved, tested, base, folder, name), self._keep_saved)

    def compare(self, saved: SavedSite, active: Path) -> None:
        """Hold a site bundle against the model in use, on the cells of the test; ``compared`` follows."""
        if self._cells is not None:
            self._run(partial(_compared, self._cells, saved, active), self._tell_compared)

    # On the asking thread

    def _open_folder(self) -> Path | None:
        return self._session.info.folder if self._session.info is not None else None

    def _run(self, function: Callable[[], object], done: Callable[[Any], None] | None) -> None:
        task = self._serial.run(partial(_numbered, self._number, function))
        if done is not None:
            task.done.connect(done)
        task.failed.connect(self._failed)

    def _is_late(self, number: int) -> bool:
        return number != self._number

    @Slot(object)
    def _take_record(self, record: CommissioningRecord) -> None:
        if self._cells is not None:
            self._run(partial(self._cells.take_record, record), None)

    @Slot(object)
    def _tell_counted(self, answer: tuple[int, CaseCells]) -> None:
        if not self._is_late(answer[0]):
            self.counted.emit(answer[1])

    @Slot(object)
    def _keep_begun(self, answer: tuple[int, CommissioningCells]) -> None:
        if self._is_late(answer[0]) or self._folder is None:
            return
        self._cells = answer[1]
        record = self._cells.record
        if record.frozen is None:
            self._session.submit(ChooseCommissioning(folder=self._folder, chosen=record))
        self.begun.emit(record)

    @Slot(object)
    def _tell_asked(self, answer: tuple[int, AskedCells]) -> None:
        if not self._is_late(answer[0]):
            self.asked.emit(answer[1])

    @Slot(object)
    def _keep_measured(self, answer: tuple[int, Measured]) -> None:
        if not self._is_late(answer[0]) and self._folder is not None:
            self._session.submit(SaveCurve(folder=self._folder, points=answer[1].curve))
            self.measured.emit(answer[1])

    @Slot(object)
    def _keep_drawn(self, answer: tuple[int, tuple[list[int], list[str]]]) -> None:
        if not self._is_late(answer[0]) and self._folder is not None:
            cells, groups = answer[1]
            self._session.submit(FreezeTest(folder=self._folder, cells=cells, groups=groups))
            self.drawn.emit(cells)

    @Slot(object)
    def _keep_tested(self, answer: tuple[int, Tested]) -> None:
        if not self._is_late(answer[0]) and self._folder is not None:
            report = answer[1].report
            figures = {key: report[key] for key in _AUDITED if key in report}
            self._session.submit(
                OpenTest(
                    folder=self._folder,
                    accepted=bool(report["accepted"]),
                    reason=str(report["reason"]),
                    figures=figures,
                )
            )
            self.tested.emit(answer[1])

    @Slot(object)
    def _keep_saved(self, answer: tuple[int, SavedSite]) -> None:
        if not self._is_late(answer[0]) and self._folder is not None:
            saved = answer[1]
            self._session.submit(NoteBundle(folder=self._folder, sha256=saved.sha256, name=saved.name))
            self.saved.emit(saved)

    @Slot(object)
    def _tell_compared(self, answer: tuple[int, SiteComparison]) -> None:
        if not self._is_late(answer[0]):
            self.compared.emit(answer[1])

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        self.problem.emit(Problem.of(error))


_AUDITED = ("wanted", "balanced_accuracy", "auroc", "lower_limit", "learned", "tested", "split", "patients")
"""Parts of the report that stand in the audit entry."""


def _numbered(number: int, function: Callable[[], object]) -> tuple[int, object]:
    return number, function()


def _counted(folder: Path, reviewer: str) -> CaseCells:
    from allstation.services.site.commissioning_cells import look_at

    return look_at(folder, reviewer)


def _begun(folder: Path, reviewer: str, chosen: CommissioningRecord) -> CommissioningCells:
    from allstation.services.site.commissioning_cells import CommissioningCells

    return CommissioningCells(folder, reviewer, chosen)


def _finished(cells: CommissioningCells) -> Tested:
    found = cells.finish()
    return Tested(found, found.to_json())


def _saved(tested: Tested, base: Path, folder: Path, name: str) -> SavedSite:
    from allstation.services.site.bundle_choice import save_site

    return save_site(tested.found, base=base, folder=folder, name=name)


def _compared(cells: CommissioningCells, saved: SavedSite, active: Path) -> SiteComparison:
    from allstation.services.site.bundle_choice import compare_sites

    return compare_sites(cells, saved, active)
