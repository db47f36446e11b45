"""Drives the first page: counts the cells of the case, has them measured, keeps what was chosen."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QFileDialog

from allstation.core.cell_types import CellType
from allstation.core.records import FieldState
from allstation.processing.status_types import QueuePhase, QueueStatus
from allstation.services.case.requests import AddPaths
from allstation.services.cells.features import CellFeatureService, FeatureProgress
from allstation.services.site.commissioning import CommissioningService
from allstation.store.site.commissioning_record import CommissioningRecord
from allstation.ui.commissioning.prepare_page import QUICK_TYPES, Preparation, PreparePage
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext

if TYPE_CHECKING:
    from allstation.services.site.commissioning_cells import CaseCells

_PAUSE: Final = 300
_NOTHING: Final = FeatureProgress(0, 0, 0, running=False)


class Preparing(QObject):
    """Shows how far the case is, measures what is missing, and tells what was chosen.

    Args:
        context: Services and state.
        page: The first page.
        service: Counts the cells.
        features: Measures them.
    """

    def __init__(
        self,
        context: AppContext,
        page: PreparePage,
        *,
        service: CommissioningService,
        features: CellFeatureService,
    ) -> None:
        super().__init__(page)
        self._context, self._session, self._page = context, context.session, page
        self._service, self._features = service, features
        self._cells: CaseCells | None = None
        self._queue = QueueStatus()
        self._progress, self._begun_at = _NOTHING, 0.0
        self._done_when_counted = self._cells_at_start = 0
        self._is_paused = False
        self._problem = ""
        self._soon = QTimer(self, singleShot=True, interval=_PAUSE)
        self._soon.timeout.connect(self.count)
        page.measuring_asked.connect(self._set_measuring)
        page.slides_asked.connect(self._ask_slides)
        page.choice_changed.connect(self.show)
        features.progressed.connect(self._measured)
        service.counted.connect(self._counted)
        worker = self._session.worker
        self._session.destroyed.connect(self._soon.stop)
        worker.queue_changed.connect(self._queue_changed)
        for signal in (
            worker.fields_changed,
            worker.cells_edited,
            worker.fields_removed,
            worker.fields_restored,
        ):
            signal.connect(self._count_soon)

    @property
    def types(self) -> tuple[CellType, ...]:
        """The list that cells are typed by: the case's once somebody typed, else the laboratory's."""
        cells = self._cells
        return cells.types if cells is not None and cells.has_types else self._context.settings.value.types

    @property
    def is_counted(self) -> bool:
        """Whether the case was looked at."""
        return self._cells is not None

    @property
    def test_typed(self) -> int:
        """Cells of a frozen test that were typed when the case was looked at."""
        return self._cells.test_typed if self._cells is not None else 0

    def chosen(self) -> CommissioningRecord:
        """Return what was chosen."""
        page = self._page
        return CommissioningRecord(
            types=page.types(), lowest_balanced=page.lowest_balanced(), error_rate=page.error_rate()
        )

    def begin(self) -> None:
        """Look at the case anew and measure what is missing."""
        self._is_paused, self._problem = False, ""
        self._start_measuring()
        self.count()
        self.show()

    def forget(self) -> None:
        """Forget the case."""
        self._soon.stop()
        self._cells, self._progress, self._problem = None, _NOTHING, ""

    def close(self) -> None:
        """Ask no more."""
        self._soon.stop()
        self._soon.blockSignals(True)

    def set_record(self, record: CommissioningRecord) -> None:
        """Take the record as it is written now."""
        if self._cells is not None:
            self._cells = replace(self._cells, record=record)

    def show_problem(self, sentence: str) -> None:
        """Say why typing cannot begin; empty takes that away."""
        self._problem = sentence
        self.show()

    # Counting

    @Slot()
    def count(self) -> None:
        """Look at the case."""
        self._service.count(self._context.selection.reviewer)

    @Slot()
    def _count_soon(self) -> None:
        if self._page.isVisible() and not self._soon.isActive() and not self._soon.signalsBlocked():
            self._soon.start()

    @Slot(object)
    def _counted(self, cells: CaseCells) -> None:
        first, self._cells = self._cells is None, cells
        self._done_when_counted = self._progress.done
        if cells.measured < cells.cells != self._cells_at_start:
            # Cells are found after their fields are read; what cannot be measured is not tried for ever.
            self._start_measuring()
        if first:
            record = cells.record
            self._page.set_choices(
                self.types,
                quick=record.types in ((), QUICK_TYPES),
                lowest=record.lowest_balanced,
                errors=record.error_rate,
            )
        self.show()

    @Slot()
    def show(self) -> None:
        """Show how far the case is."""
        cells = self._cells
        waiting = self._queue.counts.get(FieldState.QUEUED, 0) + (cells.later if cells is not None else 0)
        if cells is None:
            self._page.show_preparation(Preparation(waiting=waiting, problem=self._problem))
            return
        chosen, frozen = self._page.types(), cells.record.frozen
        since = max(0, self._progress.done - self._done_when_counted)
        self._page.show_preparation(
            Preparation(
                cells=cells.cells,
                measured=min(cells.measured + since, cells.cells),
                slides=cells.slides,
                waiting=waiting,
                is_measuring=self._features.running,
                seconds=self._seconds_left(),
                typed=sum(count for kind, count in cells.typed.items() if kind in chosen),
                is_accepted=bool(cells.record.tests) and bool(cells.record.tests[-1].bundle_sha256),
                frozen=len(frozen.cells) if frozen is not None else 0,
                tested=cells.test_typed,
                problem=self._problem,
            )
        )

    @Slot(object)
    def _queue_changed(self, status: QueueStatus) -> None:
        ended = self._queue.phase is QueuePhase.RUNNING and status.phase is QueuePhase.IDLE
        self._queue = status
        if self._page.isVisible():
            if ended:
                self._start_measuring()
            self._count_soon()

    # Measuring

    @Slot(bool)
    def _set_measuring(self, on: bool) -> None:
        self._is_paused = not on
        if on:
            self._start_measuring()
        else:
            self._features.stop()
        self._count_soon()
        self.show()

    def _start_measuring(self) -> None:
        if not self._is_paused and not self._features.running:
            self._progress, self._begun_at = _NOTHING, time.monotonic()
            self._cells_at_start = self._cells.cells if self._cells is not None else 0
            self._done_when_counted = 0
            self._features.start()

    @Slot(object)
    def _measured(self, progress: FeatureProgress) -> None:
        self._progress = progress
        if self._page.isVisible():
            if not progress.running:
                self._count_soon()
            self.show()

    def _seconds_left(self) -> float | None:
        """Return the time that the rest will take, by how long this run took so far."""
        passed, done = time.monotonic() - self._begun_at, self._progress.done
        return self._progress.left * passed / done if self._features.running and done and passed > 1 else None

    # Slides

    @Slot()
    def _ask_slides(self) -> None:
        """Ask for a folder of slides."""
        dialog = QFileDialog(self._page.window(), tr("Add a folder of slides"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self._add_slides)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _add_slides(self, name: str) -> None:
        self._session.submit(AddPaths([Path(name)]))
