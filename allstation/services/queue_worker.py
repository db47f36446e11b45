"""The batch queue of a case on its worker's thread: which model works, on which fields, and how far it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.core.limits import DecodeLimits
from allstation.core.records import FieldState
from allstation.services.batch import Batch
from allstation.services.mailbox import Mailbox
from allstation.services.status_types import ModelInfo, Problem, QueuePhase, QueueStatus
from allstation.services.turns import ModelWish, TurnReady, Turns, memory_in_use, read_bundle, read_wish
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.inference.bundle import ModelBundle
    from allstation.inference.pipeline import Outcome

_TELL_EVERY: Final = 200
"""Milliseconds between two lists of changed fields."""
_HURRY: Final = 4
"""Times as often when nothing more is under way."""
_COLLECT_EVERY: Final = 200
"""Milliseconds between two looks at results that nobody was woken for."""


class QueueWorker(QObject):
    """Classifies the queued fields of the case that a :class:`CaseWorker` has open.

    Signals:
        problem: A :class:`Problem` a person should read.
        fields_changed: Ids of fields with a new state, prediction or review, written.
        queue_edited: Many fields changed their place in the queue at once.
        queue_changed: A :class:`QueueStatus`.
        model_changed: A :class:`ModelInfo`.
    """

    problem = Signal(object)
    fields_changed = Signal(list)
    queue_edited = Signal()
    queue_changed = Signal(object)
    model_changed = Signal(object)

    def __init__(self, *, threads: int | None = None, limits: DecodeLimits | None = None) -> None:
        super().__init__()
        self._threads = threads
        self._limits = limits or DecodeLimits()
        self._case: Case | None = None
        self._turns: Turns | None = None
        self._batch: Batch | None = None
        self._bundle: ModelBundle | None = None
        self._paused = False
        self._changed: list[int] = []

    def _start_threads(self, receive: Callable[[list[object]], None]) -> None:
        """Make what must live on the worker's thread.

        Args:
            receive: Takes what other threads brought, on this thread.
        """
        self._mail = Mailbox(receive, self)
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="aside")
        self._tell = QTimer(self, singleShot=True)
        self._tell.timeout.connect(self._tell_changes)
        self._tell_every = _TELL_EVERY
        self._told = -math.inf
        self._collect = QTimer(self, interval=_COLLECT_EVERY)
        self._collect.timeout.connect(self._mail.drain)

    # The model

    def use_model(self, path: Path) -> None:
        """Read and verify a bundle aside, then work with it."""
        self._do_aside(partial(read_bundle, path))

    def queue_model(self, path: Path, ids: list[int]) -> None:
        """Let these fields, or all if the list is empty, also be classified by another model."""
        if self._case is not None:
            self._do_aside(partial(read_wish, path, tuple(ids)))

    def _do_aside(self, work: Callable[[], object]) -> None:
        self._aside.submit(work).add_done_callback(self._mail.post)

    def _model_ready(self, opened: ModelBundle) -> None:
        self._stop_batch()
        self._bundle = opened
        self.model_changed.emit(ModelInfo(opened.record(), opened.path, opened.preprocessing.size))
        self._start_batch()

    def _wished(self, wish: ModelWish) -> None:
        if isinstance(wish.found, Problem):
            self.problem.emit(wish.found)
        elif self._turns is not None:
            self._on_queue(partial(self._turns.wish, wish.found, wish.ids))

    def _start_batch(self) -> None:
        if self._case is None or self._case.read_only:
            return
        if self._bundle is not None:
            try:
                self._case.models.add(self._bundle.record())
            except StationError as error:
                self._halt(error)
                return
            self._work_with(self._bundle, "")
        self._go_on()

    def _halt(self, error: StationError) -> None:
        """Pause, as the case cannot be written or read now, and say why."""
        self._paused = True
        self.problem.emit(Problem.of(error))

    def _work_with(self, bundle: ModelBundle, model: str) -> None:
        from allstation.inference.pipeline import Pipeline

        self._stop_batch()
        if self._case is not None:
            pipeline = Pipeline(bundle, threads=self._threads, limits=self._limits, low_priority=True)
            self._batch = Batch(self._case, pipeline, self._mail.post, model=model)

    def _give_way(self, case: Case) -> None:
        """Let the model in use work as soon as there is anything for it."""
        if self._batch is not None and self._batch.model and self._bundle and case.queue.has_queued(""):
            self._work_with(self._bundle, "")

    def _next_turn(self, turns: Turns) -> None:
        """Let the next model work, as the one at work has nothing left."""
        model = turns.next(in_use=self._bundle is not None)
        if model is None:
            return
        if self._batch is not None and model == self._batch.model:
            if turns.begin(model):
                self._go_on()
        elif model:
            turns.read(model)
        elif self._bundle is not None:
            self._work_with(self._bundle, "")
            self._go_on()

    def _turn_ready(self, turn: TurnReady) -> None:
        if self._turns is None:
            return
        found = self._turns.ready(turn)
        if isinstance(found, Problem):
            self.problem.emit(found)
            return
        self._work_with(found, turn.model_sha256)
        self._turns.begin(turn.model_sha256)
        self.queue_edited.emit()

    def _stop_batch(self) -> None:
        if self._batch is None:
            return
        taken_back = self._batch.stop()
        outcomes, others = sorted_out(self._mail.take_all())
        self._write_outcomes(outcomes)
        for item in others:
            self._mail.post(item)
        self._batch = None
        self._collect.stop()
        if taken_back and self._case is not None:
            try:
                self._case.queue.release(taken_back)
            except StationError as error:
                # They stay marked as running; the next opening of the case puts them back.
                self._halt(error)

    # The queue

    def pause(self, paused: bool) -> None:
        """Stop claiming fields, or go on."""
        self._paused = paused
        if self._batch is not None:
            self._batch.rate.reset()
        self._go_on()
        self._tell_changes()

    def cancel(self) -> None:
        """Drop what waits, for any model; what is in flight is finished."""
        self._on_queue(_cancel_all)

    def drop_job(self, model: str, slide_id: int) -> None:
        """Take a slide's fields, or a model whose turn has not come, out of the queue."""
        self._on_queue(partial(_drop, model=model, slide_id=slide_id))

    def order_slides(self, model: str, slides: list[int]) -> None:
        """Do the waiting slides in this order."""
        self._on_queue(partial(_order_slides, model=model, slides=slides))

    def order_models(self, models: list[str]) -> None:
        """Let the waiting models take their turns in this order."""
        self._on_queue(partial(_reorder_models, models=models))

    def resume_cancelled(self) -> None:
        """Put cancelled fields back."""
        self._on_queue(_requeue_cancelled)

    def retry_failed(self) -> None:
        """Put failed fields back."""
        self._on_queue(_retry_failed)

    def classify_again(self, ids: list[int]) -> None:
        """Queue these fields again, or all fields if the list is empty; predictions stay until then."""
        self._on_queue(partial(_requeue, ids=ids))

    def prioritise(self, ids: list[int]) -> None:
        """Do these waiting fields next, in this order."""
        if self._case is None or self._case.read_only or self._batch is None or not ids:
            return
        try:
            self._case.queue.prioritise(ids)
        except StationError as error:
            self.problem.emit(Problem.of(error))

    def _on_queue(self, change: Callable[[Case], object]) -> None:
        if self._case is None:
            return
        try:
            change(self._case)
        except StationError as error:
            self.problem.emit(Problem.of(error))
        if self._turns is not None:
            self._turns.changed()
        self.queue_edited.emit()
        self._go_on()
        self._tell_changes()

    def _go_on(self) -> None:
        if self._case is None or self._turns is None or self._paused or self._case.read_only:
            return
        claimed = 0
        try:
            self._give_way(self._case)
            claimed = self._batch.fill() if self._batch is not None else 0
            if not claimed and (self._batch is None or not self._batch.flying):
                self._next_turn(self._turns)
        except StationError as error:
            self._halt(error)
        if claimed:
            self._collect.start()
        if claimed or self._paused:
            self._tell_soon()

    def _write_outcomes(self, outcomes: list[Outcome[int]]) -> None:
        if self._batch is None or not outcomes:
            return
        try:
            self._changed += self._batch.write_down(outcomes)
        except StationError as error:
            self._halt(error)
        dry = not self._batch.flying
        if dry:
            self._collect.stop()
        self._tell_soon(hurry=dry)

    # Telling

    def _tell_soon(self, *, hurry: bool = False) -> None:
        """Tell now what changed, or, if something was told just now, a moment later.

        Args:
            hurry: Nothing more is under way: whoever dropped a single field waits for this.
        """
        if hurry or not self._tell.isActive():
            since = (time.monotonic() - self._told) * 1000
            pause = self._tell_every / _HURRY if hurry else self._tell_every
            self._tell.start(round(max(0.0, pause - since)))

    @Slot()
    def _tell_changes(self) -> None:
        if self._changed:
            changed, self._changed = self._changed, []
            self.fields_changed.emit(changed)
        began = time.monotonic()
        try:
            status = self._status()
        except StationError as error:
            self._halt(error)
            return
        self.queue_changed.emit(status)
        # Counting 100,000 fields takes a while: spend at most a twentieth of the time on it.
        self._told = time.monotonic()
        self._tell_every = max(_TELL_EVERY, round(20_000 * (self._told - began)))

    def _status(self) -> QueueStatus:
        counts = {} if self._case is None else self._case.queue.counts()
        states = {FieldState(state): number for state, number in counts.items() if number}
        flying = self._batch.flying if self._batch is not None else 0
        waiting = states.get(FieldState.QUEUED, 0) + states.get(FieldState.RUNNING, 0)
        if self._bundle is None and (self._batch is None or (waiting and not flying)):
            phase = QueuePhase.NO_MODEL
        elif self._paused and (waiting or flying):
            phase = QueuePhase.PAUSED
        else:
            phase = QueuePhase.RUNNING if waiting and self._batch is not None else QueuePhase.IDLE
        jobs = self._turns.jobs(busy=phase is QueuePhase.RUNNING) if self._turns is not None else ()
        if self._batch is None or self._turns is None:
            return QueueStatus(phase, states, memory=memory_in_use(), jobs=jobs)
        rate, at_work = self._batch.rate.per_second(), self._turns.name(self._batch.model)
        return QueueStatus(phase, states, rate, memory_in_use(), at_work, jobs)


def _cancel_all(case: Case) -> None:
    for plan in case.model_queue.all():
        case.model_queue.drop(plan.model_sha256)
    case.queue.cancel()


def _drop(case: Case, *, model: str, slide_id: int) -> None:
    if slide_id:
        case.queue.cancel(slide_id, model)
    else:
        case.model_queue.drop(model)


def _order_slides(case: Case, *, model: str, slides: list[int]) -> None:
    case.queue.order_slides(slides, model)


def _reorder_models(case: Case, *, models: list[str]) -> None:
    case.model_queue.reorder(models)


def _retry_failed(case: Case) -> int:
    return case.queue.requeue()


def _requeue_cancelled(case: Case) -> int:
    return case.queue.requeue(case.fields.ids(FieldFilter(state=FieldState.CANCELLED)))


def _requeue(case: Case, *, ids: list[int]) -> int:
    return case.queue.requeue(ids or case.fields.ids())


def sorted_out(items: list[object]) -> tuple[list[Outcome[int]], list[object]]:
    """Return the pipeline's outcomes and everything else, both in their order."""
    from allstation.inference.pipeline import Outcome

    outcomes = [item for item in items if isinstance(item, Outcome)]
    return outcomes, [item for item in items if not isinstance(item, Outcome)]
