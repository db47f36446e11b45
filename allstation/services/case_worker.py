"""The one writer of a case: an object on a thread of its own that never waits for slow work.

Walking, hashing and inference happen on other threads and come back through a mailbox; this object
writes them down in small transactions and only then tells the window.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.core.records import FieldState, Review
from allstation.services import demo, reporting, taking_in
from allstation.services.batch import Batch
from allstation.services.intake_book import IntakeBook
from allstation.services.mailbox import Mailbox
from allstation.services.messages import CaseInfo, ModelInfo, Problem, QueuePhase, QueueStatus
from allstation.services.review_book import ReviewBook
from allstation.store.case import Case
from allstation.store.content import LocateReport
from allstation.store.database import DATABASE

if TYPE_CHECKING:
    from allstation.inference.bundle import ModelBundle
    from allstation.inference.pipeline import Outcome
    from allstation.services.reporting import MadeReport

_log = logging.getLogger(__name__)
UNPACKED: Final = "unpacked"
"""Folder inside the case for what came in archives."""
_TELL_EVERY: Final = 100
"""Milliseconds between two lists of changed fields."""


class CaseWorker(QObject):
    """Opens, fills, classifies and reviews one case at a time.

    Signals:
        opened: A :class:`CaseInfo`.
        closed: The case was closed and everything written.
        finished: Nothing runs any more; the thread may end.
        problem: A :class:`Problem` a person should read.
        intake_changed: An :class:`IntakeStatus`.
        fields_added: Ids of new fields, written.
        fields_changed: Ids of fields with a new state, prediction or review, written.
        queue_edited: Many fields changed their place in the queue at once.
        queue_changed: A :class:`QueueStatus`.
        model_changed: A :class:`ModelInfo`.
        located: What a search for moved fields found (``store.content.LocateReport``).
        recovered: What opening found after a program that died (``store.queue.RecoveryReport``).
        review_saved: Token of the request and the stored :class:`Review`.
        details_changed: The case data as stored now, by key.
        report_kept: A :class:`MadeReport` and the :class:`ReportRecord` it is in the trail by.
        report_refused: The :class:`MadeReport` and a :class:`Problem`.
    """

    opened = Signal(object)
    closed = Signal()
    finished = Signal()
    problem = Signal(object)
    intake_changed = Signal(object)
    fields_added = Signal(list)
    fields_changed = Signal(list)
    queue_edited = Signal()
    queue_changed = Signal(object)
    model_changed = Signal(object)
    review_saved = Signal(int, object)
    located = Signal(object)
    recovered = Signal(object)
    details_changed = Signal(object)
    report_kept = Signal(object, object)
    report_refused = Signal(object, object)

    def __init__(self, *, threads: int | None = None) -> None:
        super().__init__()
        self._threads = threads
        self._case: Case | None = None
        self._batch: Batch | None = None
        self._bundle: ModelBundle | None = None
        self._paused = False
        self._changed: list[int] = []
        self._book = IntakeBook()
        self._reviews: ReviewBook | None = None

    @Slot()
    def start(self) -> None:
        """Make what must live on this thread. Connected to the thread's start."""
        self._mail = Mailbox(self._receive, self)
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="aside")
        self._intake = taking_in.Intake(self._mail.post)
        self._tell = QTimer(self, singleShot=True, interval=_TELL_EVERY)
        self._tell.timeout.connect(self._tell_changes)

    # Opening and closing

    @Slot(object, bool)
    def open_case(self, folder: Path, create: bool) -> None:
        """Close the open case and open, or create and open, another."""
        if not create and not holds_case(folder):
            sentence = (
                f"There is no case at {folder.name!r} any more. If it was moved, open it at its new place."
            )
            self.problem.emit(Problem("no-case", sentence, folder.name))
            return
        self._close_case()
        try:
            case = Case.create(folder) if create else Case.open(folder)
        except StationError as error:
            self.problem.emit(Problem.of(error, folder.name))
            self.closed.emit()
            return
        self._case = case
        self._reviews = ReviewBook(case)
        self._intake = taking_in.Intake(self._mail.post, case.folder / UNPACKED)
        _log.info("case opened, read only: %s", case.read_only)
        self.opened.emit(CaseInfo(case.folder, case.name, case.read_only, case.why_read_only))
        if case.recovered.queued_again or case.recovered.failed:
            self.recovered.emit(case.recovered)
        self._start_batch()
        self._tell_changes()

    @Slot()
    def close_case(self) -> None:
        """Finish what is in flight, write it, close the case."""
        self._close_case()
        self.closed.emit()

    @Slot()
    def stop(self) -> None:
        """Close the case and every thread of this object."""
        self._close_case()
        self._intake.stop()
        self._aside.shutdown(wait=True, cancel_futures=True)
        self._tell.stop()
        self.finished.emit()

    def _close_case(self) -> None:
        if self._case is None:
            return
        self._intake.stop()
        self._stop_batch()
        self._case.close()
        # Fields found for this case must not be added to the next one; models are still welcome.
        for item in self._mail.take_all():
            if isinstance(item, Future):
                self._mail.post(item)
        self._case = None
        self._reviews = None
        self._book = IntakeBook()
        self._changed = []
        self._paused = False

    # The model

    @Slot(object)
    def use_model(self, path: Path) -> None:
        """Read and verify a bundle aside, then work with it."""
        self._aside.submit(_open_bundle, path).add_done_callback(self._mail.post)

    @Slot(object)
    def open_demo(self, base: Path) -> None:
        """Draw synthetic fields aside, then open a new case with them in its queue."""
        self._aside.submit(demo.prepare, base).add_done_callback(self._mail.post)

    def _prepared(self, result: ModelBundle | demo.Demo | LocateReport | Problem) -> None:
        if isinstance(result, demo.Demo):
            self.open_case(result.case, create=True)
            self.add_paths([result.fields])
        elif isinstance(result, LocateReport):
            self.located.emit(result)
            self.queue_edited.emit()
        elif not isinstance(result, Problem):
            self._model_ready(result)
        else:
            self.problem.emit(result)
            if self._case is None:
                self.closed.emit()
            self._tell_changes()

    def _model_ready(self, opened: ModelBundle) -> None:
        self._stop_batch()
        self._bundle = opened
        self.model_changed.emit(ModelInfo(opened.record(), opened.path))
        self._start_batch()

    def _start_batch(self) -> None:
        if self._case is None or self._bundle is None or self._case.read_only:
            return
        from allstation.inference.pipeline import Pipeline

        self._case.add_model(self._bundle.record())
        self._batch = Batch(self._case, Pipeline(self._bundle, threads=self._threads), self._mail.post)
        self._go_on()

    def _stop_batch(self) -> None:
        if self._batch is None:
            return
        taken_back = self._batch.stop()
        outcomes, others = _sorted_out(self._mail.take_all())
        self._write_outcomes(outcomes)
        for item in others:
            self._mail.post(item)
        if taken_back and self._case is not None:
            self._case.release(taken_back)
        self._batch = None

    # Taking in

    @Slot(list)
    def add_paths(self, paths: list[Path]) -> None:
        """Look at files and folders and add the fields among them."""
        if self._case is None or not paths:
            return
        if not self._intake.running:
            self._book = IntakeBook()
        self._intake.add(paths)
        self.intake_changed.emit(self._book.status(running=True))

    def _take(self, batch: taking_in.Batch) -> None:
        self._intake.written()
        if self._case is None:
            return
        try:
            added = self._book.add(self._case, batch)
        except StationError as error:
            self.problem.emit(Problem.of(error))
            return
        if added:
            self.fields_added.emit(added)
            self._tell_soon()

    def _walk_ended(self, end: taking_in.Finished) -> None:
        self._intake.finished()
        if end.error is not None:
            _log.error("intake failed: %s", type(end.error).__name__)
            sentence = "Looking through the dropped files stopped unexpectedly. Try again with fewer of them."
            self.problem.emit(Problem("intake-failed", sentence))
        self.intake_changed.emit(self._book.status(running=self._intake.running))

    @Slot(object)
    def locate(self, folder: Path) -> None:
        """Search a folder, aside, for fields that are not where they were."""
        if self._case is not None:
            self._aside.submit(_locate, self._case, folder).add_done_callback(self._mail.post)

    # The queue

    @Slot(bool)
    def pause(self, paused: bool) -> None:
        """Stop claiming fields, or go on."""
        self._paused = paused
        if self._batch is not None:
            self._batch.rate.reset()
        self._go_on()
        self._tell_changes()

    @Slot()
    def cancel(self) -> None:
        """Drop what waits; what is in flight is finished."""
        self._on_queue(Case.cancel_queued)

    @Slot()
    def resume_cancelled(self) -> None:
        """Put cancelled fields back."""
        self._on_queue(_requeue_cancelled)

    @Slot()
    def retry_failed(self) -> None:
        """Put failed fields back."""
        self._on_queue(Case.requeue)

    @Slot(list)
    def classify_again(self, ids: list[int]) -> None:
        """Queue these fields again, or all fields if the list is empty; predictions stay until then."""
        self._on_queue(partial(_requeue, ids=ids))

    @Slot(list)
    def prioritise(self, ids: list[int]) -> None:
        """Do these waiting fields next, in this order."""
        if self._case is None or self._case.read_only or self._batch is None or not ids:
            return
        try:
            self._case.set_priority(ids)
        except StationError as error:
            self.problem.emit(Problem.of(error))

    def _on_queue(self, change: Callable[[Case], int]) -> None:
        if self._case is None:
            return
        try:
            change(self._case)
        except StationError as error:
            self.problem.emit(Problem.of(error))
        self.queue_edited.emit()
        self._go_on()
        self._tell_changes()

    def _go_on(self) -> None:
        if self._batch is None or self._paused:
            return
        try:
            claimed = self._batch.fill()
        except StationError as error:
            self._paused = True
            self.problem.emit(Problem.of(error))
            claimed = 0
        if claimed or self._paused:
            self._tell_soon()

    def _write_outcomes(self, outcomes: list[Outcome[int]]) -> None:
        if self._batch is None or not outcomes:
            return
        try:
            self._changed += self._batch.write_down(outcomes)
        except StationError as error:
            self._paused = True
            self.problem.emit(Problem.of(error))
        self._tell_soon()

    # Reviews

    @Slot(int, object)
    def save_review(self, token: int, review: Review) -> None:
        """Store a review; the token names it for undo."""
        self._on_review("save", token, review)

    @Slot(int)
    def withdraw_review(self, token: int) -> None:
        """Take back the review that was stored under a token."""
        self._on_review("withdraw", token)

    @Slot(int)
    def restore_review(self, token: int) -> None:
        """Let a withdrawn review count again."""
        self._on_review("restore", token)

    def _on_review(self, method: str, token: int, *arguments: object) -> None:
        if self._reviews is None:
            return
        try:
            stored: Review = getattr(self._reviews, method)(token, *arguments)
        except StationError as error:
            self.problem.emit(Problem.of(error))
            return
        self.review_saved.emit(token, stored)
        self.fields_changed.emit([stored.field_id])

    # Case data and reports

    @Slot(object)
    def set_details(self, details: Mapping[str, str]) -> None:
        """Store the texts about patient, request and specimen."""
        if self._case is None:
            return
        try:
            self._case.set_details(details)
        except StationError as error:
            self.problem.emit(Problem.of(error))
        self.details_changed.emit(self._case.details())

    @Slot(object, str)
    def keep_report(self, made: MadeReport, file: str) -> None:
        """Keep a report in the case and enter it into the trail."""
        try:
            record = reporting.keep(self._case, made, file=file)
        except StationError as error:
            self.report_refused.emit(made, Problem.of(error))
            return
        self.report_kept.emit(made, record)

    # Coming back from other threads

    def _receive(self, items: list[object]) -> None:
        outcomes, others = _sorted_out(items)
        self._write_outcomes(outcomes)
        for item in others:
            if isinstance(item, taking_in.Batch):
                self._take(item)
            elif isinstance(item, taking_in.Finished):
                self._walk_ended(item)
            elif isinstance(item, Future):
                self._prepared(item.result())
        self._go_on()

    def _tell_soon(self) -> None:
        if not self._tell.isActive():
            self._tell.start()

    def _tell_changes(self) -> None:
        if self._changed:
            changed, self._changed = self._changed, []
            self.fields_changed.emit(changed)
        if self._intake.running:
            self.intake_changed.emit(self._book.status(running=True))
        began = time.monotonic()
        self.queue_changed.emit(self._status())
        # Counting 100,000 fields takes a while: spend at most a twentieth of the time on it.
        cost = round((time.monotonic() - began) * 1000)
        self._tell.setInterval(max(_TELL_EVERY, 20 * cost))

    def _status(self) -> QueueStatus:
        counts = {} if self._case is None else self._case.queue_counts()
        states = {FieldState(state): number for state, number in counts.items() if number}
        flying = self._batch.flying if self._batch is not None else 0
        waiting = states.get(FieldState.QUEUED, 0) + states.get(FieldState.RUNNING, 0)
        if self._bundle is None:
            phase = QueuePhase.NO_MODEL
        elif self._paused and (waiting or flying):
            phase = QueuePhase.PAUSED
        else:
            phase = QueuePhase.RUNNING if waiting and self._batch is not None else QueuePhase.IDLE
        rate = self._batch.rate.per_second() if self._batch is not None else 0.0
        return QueueStatus(phase, states, rate)


def _requeue_cancelled(case: Case) -> int:
    return case.requeue(case.field_ids(FieldFilter(state=FieldState.CANCELLED)))


def _requeue(case: Case, *, ids: list[int]) -> int:
    return case.requeue(ids or case.field_ids())


def holds_case(folder: Path) -> bool:
    """Tell whether there is a case to open, before the open one is given up for it."""
    return folder.name == DATABASE or (folder / DATABASE).is_file()


def _sorted_out(items: list[object]) -> tuple[list[Outcome[int]], list[object]]:
    """Return the pipeline's outcomes and everything else, both in their order."""
    from allstation.inference.pipeline import Outcome

    outcomes = [item for item in items if isinstance(item, Outcome)]
    return outcomes, [item for item in items if not isinstance(item, Outcome)]


def _locate(case: Case, folder: Path) -> LocateReport | Problem:
    try:
        return case.locate_in(folder)
    except StationError as error:
        return Problem.of(error, folder.name)


def _open_bundle(path: Path) -> ModelBundle | Problem:
    # Here, on a thread beside: the model runtime takes longer to load than the whole window.
    from allstation.inference.bundle import ModelBundle

    try:
        return ModelBundle.open(path)
    except StationError as error:
        return Problem.of(error, path.name)
