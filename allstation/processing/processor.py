"""Processes one open case: import, queue, turns of models, results, writing.

The window's worker and the command line drive the same loop. Walking, hashing and inference happen on
other threads and come back through a queue of results; the owner's thread writes them in small
transactions and only then emits an event.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation.core.errors import ModelError, StationError
from allstation.core.records import FieldState
from allstation.processing import events
from allstation.processing.batch import Batch, FieldExecutor
from allstation.processing.case_import import CaseImport, locate_fields
from allstation.processing.importer import ImportBatch, ImportFinished, ImportOptions
from allstation.processing.model_scheduler import BundleLoaded, ModelRequest, ModelScheduler, read_request
from allstation.processing.result_queue import ResultQueue, split_results
from allstation.processing.slide_import import SlideOptions
from allstation.processing.status_types import Problem, QueuePhase, QueueStatus
from allstation.store.case import Case
from allstation.store.field_files import LocateReport

if TYPE_CHECKING:
    from allstation.inference.bundle import ModelBundle
    from allstation.inference.pipeline import CellsOutcome, Outcome

_REPORT_EVERY: Final = 0.2
"""Seconds between two reports of what changed."""
_HURRY: Final = 4
"""Times as often when nothing more is under way."""
_COLLECT_EVERY: Final = 0.2
"""Seconds between two looks at results that nobody was woken for."""
_COUNTING_SHARE: Final = 20
"""Counting 100,000 fields takes a while: at most a twentieth of the time is spent on it."""


class CaseProcessor:
    """The loop over one case that is open for writing. Used on its owner's thread only.

    The owner calls :meth:`process` when it was woken and when :meth:`seconds_to_next` have passed.

    Args:
        case: The writer's connection; it stays the owner's to close.
        emit: Takes events, on the owner's thread.
        wake: Makes the owner call :meth:`process` soon; called on any thread.
        executor: Makes what classifies the fields of a model.
        background: Runs slow preparations.
        imports: How files are read.
        skipped: Models whose fields go on waiting in the queue.
        chosen: Models that a person named just now, which are used whoever made them.
        paused: No field is claimed until :meth:`pause`.
        reserve: Fields a thread has left when the owner is woken for more; costs more and smaller writes.
        cells_later: The executor brings no cells with its predictions; they are found when no field waits.
    """

    def __init__(
        self,
        case: Case,
        emit: Callable[[events.Event], None],
        *,
        wake: Callable[[], None],
        executor: Callable[[ModelBundle], FieldExecutor],
        background: Executor,
        imports: ImportOptions | None = None,
        skipped: Collection[str] = (),
        chosen: Collection[str] = (),
        paused: bool = False,
        reserve: int = 0,
        cells_later: bool = False,
    ) -> None:
        self.case = case
        self.emit = emit
        self._make_executor = executor
        self._background = background
        self._results = ResultQueue(wake)
        self._import = CaseImport(case, emit, self._results.put, imports)
        self._scheduler = ModelScheduler(case, self._in_background, skipped, chosen)
        self._batch: Batch | None = None
        self._batch_sha256 = ""
        self._bundle: ModelBundle | None = None
        self._paused = paused
        self._reserve = reserve
        self._cells_later = cells_later
        self._giving_up = False
        self._changed: list[int] = []
        self._collect_at = math.inf
        self._report_at = math.inf
        self._reported = -math.inf
        self._report_every = _REPORT_EVERY
        self._import.resume()

    # The loop

    @property
    def busy(self) -> bool:
        """Whether anything is being imported or classified, or a model is being read for it."""
        flying = self._batch is not None and self._batch.flying > 0
        return flying or self._import.running or self._scheduler.reading

    def seconds_to_next(self) -> float | None:
        """Return when :meth:`process` is to be called even if nothing wakes the owner; None for never."""
        due = min(self._collect_at, self._report_at)
        return None if due == math.inf else max(0.0, due - time.monotonic())

    def process(self) -> None:
        """Write what other threads brought, hand out more work, and report what changed if that is due."""
        now = time.monotonic()
        if now >= self._collect_at:
            self._collect_at = now + _COLLECT_EVERY
            self._receive(self._results.take_all())
        elif self._results.awake:
            self._receive(self._results.take_all())
        if now >= self._report_at:
            self.report()

    def stop(self, fault: Exception | None = None) -> None:
        """End import and classification and write what was finished; nothing waits for another call.

        Args:
            fault: What ended the work although nobody wanted it: the fields that were being worked on are
                suspected of it, and tried one by one from then on.
        """
        self._import.stop()
        if fault is not None:
            self.case.queue.release_suspects(fault)
            self._batch, batch = None, self._batch
            if batch is not None:
                batch.stop()
        self._stop_batch()

    def _receive(self, items: list[object]) -> None:
        if not items:
            return
        outcomes, found, others = split_results(items)
        self._write(outcomes)
        self._write_cells(found)
        for item in others:
            if isinstance(item, ImportBatch):
                if self._import.add(item):
                    self._report_soon()
            elif isinstance(item, ImportFinished):
                self._import.finished(item)
            elif isinstance(item, Future):
                self._prepared(item.result())
            else:
                self._take_slide(item)
        self._go_on()

    def _take_slide(self, item: object) -> None:
        try:
            self._import.take(item)
        except StationError as error:
            self._halt(error)

    def _in_background(self, work: Callable[[], object]) -> None:
        self._background.submit(work).add_done_callback(self._results.put)

    def _prepared(self, result: object) -> None:
        if isinstance(result, ModelRequest):
            if isinstance(result.found, Problem):
                self.emit(events.ProblemRaised(result.found))
            else:
                self.queue_model(result.found, result.ids)
        elif isinstance(result, BundleLoaded):
            self._bundle_loaded(result)
        elif isinstance(result, LocateReport):
            self.emit(events.FieldsLocated(result))
            self.emit(events.QueueEdited())
        elif isinstance(result, Problem):
            self.emit(events.ProblemRaised(result))
            self.report()

    # Import

    def add_paths(self, paths: Sequence[Path], slides: SlideOptions | None = None) -> None:
        """Look at files and folders and add the fields among them.

        Args:
            paths: Files and folders.
            slides: What is wanted of whole slides; None for the usual.
        """
        self._import.add_paths(paths, slides)

    def cancel_import(self) -> None:
        """Look at no more files and slides; what was added stays, a slide that has no fields yet does not."""
        self._import.cancel()

    def go_on_with_slide(self, slide_id: int) -> None:
        """Go on with the proposed fields of a slide that are not in the case yet."""
        self._import.go_on_with(slide_id)

    def locate(self, folder: Path) -> None:
        """Search a folder, in the background, for fields that are not where they were."""
        self._in_background(partial(locate_fields, self.case, folder))

    # Models

    def use_model(self, bundle: ModelBundle | None) -> None:
        """Classify with this model from now on."""
        self._stop_batch()
        self._bundle = bundle
        if self.case.read_only:
            return
        if bundle is not None:
            try:
                self.case.models.add(bundle.record())
            except StationError as error:
                self._halt(error)
                return
            self._work_with(bundle, "")
        self._go_on()

    def sizes_changed(self) -> None:
        """Go on with another executor, or pixel sizes and site as they are; what is in flight is finished."""
        if self._batch is not None and self._bundle is not None and not self._batch.model:
            self._work_with(self._bundle, "")
            self._go_on()

    def read_model(self, path: Path, ids: Sequence[int] = ()) -> None:
        """Read a bundle in the background, then let it classify these fields, or all, as well."""
        self._in_background(partial(read_request, path, tuple(ids)))

    def queue_model(self, bundle: ModelBundle, ids: Sequence[int] = ()) -> None:
        """Let another model classify these fields, or all, after the one in use."""
        self.edit_queue(lambda _case: self._scheduler.request(bundle, ids))

    def _work_with(self, bundle: ModelBundle, model: str) -> None:
        self._stop_batch()
        executor = self._make_executor(bundle)
        self._batch = Batch(
            self.case,
            executor,
            self._results.put,
            model=model,
            reserve=self._reserve,
            cells_later=self._cells_later,
        )
        self._batch_sha256 = bundle.sha256

    def _give_way(self) -> None:
        """Let the model in use work as soon as there is anything for it."""
        if self._batch is not None and self._batch.model and self._bundle and self.case.queue.has_queued(""):
            self._work_with(self._bundle, "")

    def _next_turn(self) -> None:
        """Let the next model work, as the one at work has nothing left."""
        model = self._scheduler.next(in_use=self._bundle is not None)
        if model is None:
            return
        if self._batch is not None and model == self._batch.model:
            if self._scheduler.begin(model):
                self._go_on()
        elif model:
            self._scheduler.read(model)
        elif self._bundle is not None:
            self._work_with(self._bundle, "")
            self._go_on()

    def _bundle_loaded(self, read: BundleLoaded) -> None:
        found = self._scheduler.loaded(read)
        if isinstance(found, Problem):
            self.emit(events.ProblemRaised(found))
            return
        self._work_with(found, read.model_sha256)
        self._scheduler.begin(read.model_sha256)
        self.emit(events.ModelStarted(read.model_sha256))
        self.emit(events.QueueEdited())

    def _stop_batch(self) -> None:
        if self._batch is None:
            return
        self._batch.stop()
        outcomes, found, others = split_results(self._results.take_all())
        self._write(outcomes)
        self._write_cells(found)
        for item in others:
            self._results.put(item)
        self._batch = None
        self._collect_at = math.inf
        try:
            self.case.queue.release()
        except StationError as error:
            # They stay marked as running; the next opening of the case puts them back.
            self._halt(error)

    def _give_up_model(self, model: str, fault: ModelError) -> None:
        """Stop working with a model that cannot be used, and say so once; the queue goes on with others."""
        self._giving_up = True
        try:
            self._stop_batch()
        finally:
            self._giving_up = False
        if model:
            self._scheduler.give_up(model)
        else:
            self._bundle = None
        self.emit(events.ModelFailed(model, fault))
        self.emit(events.QueueEdited())
        self._report_soon(hurry=True)

    # The queue

    def pause(self, paused: bool) -> None:
        """Stop claiming fields, or go on."""
        self._paused = paused
        if self._batch is not None:
            self._batch.rate.reset()
            if not paused and self._batch.unsaved:
                self._write_with(self._batch, [])
        self._go_on()
        self.report()

    def prioritise(self, ids: Sequence[int]) -> None:
        """Classify these queued fields next, in this order.

        Raises:
            StationError: If the case cannot be written.
        """
        if not self.case.read_only and self._batch is not None and ids:
            self.case.queue.prioritise(ids)

    def edit_queue(self, change: Callable[[Case], object]) -> None:
        """Change what waits; a change that fails is a problem to read, and the queue goes on."""
        try:
            change(self.case)
        except StationError as error:
            self.emit(events.ProblemRaised(Problem.of(error)))
        self._scheduler.changed()
        self.emit(events.QueueEdited())
        self._go_on()
        self.report()

    def _halt(self, error: StationError) -> None:
        """Pause, as the case cannot be written or read now, and say why."""
        self._paused = True
        self.emit(events.QueueHalted(error))

    def _go_on(self) -> None:
        if self._paused or self.case.read_only:
            return
        claimed = 0
        try:
            self._give_way()
            claimed = self._batch.fill() if self._batch is not None else 0
            if not claimed and (self._batch is None or not self._batch.flying):
                self._next_turn()
            idle = not claimed and not self._import.running  # what is being added is classified first
            free = self._batch if self._batch is not None and not self._batch.flying else None
            if idle and free is not None and free.fill_cells(self._batch_sha256):
                self._report_soon()
        except StationError as error:
            self._halt(error)
        if claimed:
            self._collect_at = time.monotonic() + _COLLECT_EVERY
        if claimed or self._paused:
            self._report_soon()

    def _write(self, outcomes: list[Outcome[int]]) -> None:
        if self._batch is not None and outcomes:
            self._write_with(self._batch, outcomes)

    def _write_cells(self, found: list[CellsOutcome[int]]) -> None:
        if self._batch is None or not found:
            return
        try:
            self._changed += self._batch.write_cells(found)
        except StationError as error:
            self._halt(error)
        self._report_soon()

    def _write_with(self, batch: Batch, outcomes: list[Outcome[int]]) -> None:
        try:
            written = batch.write(outcomes)
        except StationError as error:
            self._halt(error)
        else:
            self._changed += written.ids
            self.emit(written)
            if batch.fault is not None and batch is self._batch and not self._giving_up:
                self._give_up_model(batch.model, batch.fault)
                return
        idle = not batch.flying
        if idle:
            self._collect_at = math.inf
        self._report_soon(hurry=idle)

    # Reports

    def _report_soon(self, *, hurry: bool = False) -> None:
        """Report now what changed, or, if there was a report just now, a moment later.

        Args:
            hurry: Nothing more is under way: whoever dropped a single field waits for this.
        """
        if hurry or self._report_at == math.inf:
            pause = self._report_every / _HURRY if hurry else self._report_every
            self._report_at = max(time.monotonic(), self._reported + pause)

    def report(self) -> None:
        """Emit which fields changed, and how queue and import stand."""
        self._report_at = math.inf
        if self._changed:
            changed, self._changed = self._changed, []
            self.emit(events.FieldsChanged(changed))
        began = time.monotonic()
        try:
            status = self._status()
        except StationError as error:
            self._halt(error)
            return
        self.emit(events.QueueChanged(status))
        self._reported = time.monotonic()
        self._report_every = max(_REPORT_EVERY, _COUNTING_SHARE * (self._reported - began))
        self._import.report()

    def _status(self) -> QueueStatus:
        counts = self.case.queue.counts()
        states = {FieldState(state): number for state, number in counts.items() if number}
        flying = self._batch.flying if self._batch is not None else 0
        waiting = states.get(FieldState.QUEUED, 0) + states.get(FieldState.RUNNING, 0)
        if self._bundle is None and (self._batch is None or (waiting and not flying)):
            phase = QueuePhase.NO_MODEL
        elif self._paused and (waiting or flying):
            phase = QueuePhase.PAUSED
        else:
            phase = QueuePhase.RUNNING if waiting and self._batch is not None else QueuePhase.IDLE
        jobs = self._scheduler.jobs(busy=phase is QueuePhase.RUNNING)
        if self._batch is None:
            return QueueStatus(phase, states, jobs=jobs)
        model = self._scheduler.name(self._batch.model)
        rate, machines = self._batch.rate.per_second(), self._batch.machines
        cells = self.case.later_cells.count() if self._batch.finds_cells else 0
        return QueueStatus(phase, states, rate, model=model, jobs=jobs, machines=machines, cells=cells)
