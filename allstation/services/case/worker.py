"""Writer of a case: drives its processor on a thread of its own and tells the window what changed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from allstation import paths
from allstation.core.errors import StationError
from allstation.core.known_sizes import NOTHING_KNOWN
from allstation.core.limits import DecodeLimits
from allstation.core.text import shown_name
from allstation.keys.station import station_key
from allstation.keys.trust_store import TrustStore
from allstation.processing import events
from allstation.processing.batch import FieldExecutor
from allstation.processing.importer import ImportOptions
from allstation.processing.model_scheduler import model_info, read_bundle
from allstation.processing.processor import CaseProcessor
from allstation.processing.result_queue import ResultQueue
from allstation.processing.status_types import (
    CaseInfo,
    Problem,
    QueuePhase,
    QueueStatus,
    UnknownModel,
)
from allstation.services import demo
from allstation.services.case import case_events
from allstation.services.case.cell_undo import CellUndoLog
from allstation.services.case.log_check import LogCheck, older_copy_problem
from allstation.services.case.region_undo import RegionUndoLog
from allstation.services.case.undo_log import UndoLog
from allstation.services.machines import Machines, memory_in_use
from allstation.services.reports import reporting
from allstation.store.case import Case
from allstation.store.database import holds_case
from allstation.store.site.library import SiteLibrary

if TYPE_CHECKING:
    from allstation.inference.bundle import ModelBundle
    from allstation.services.reports.reporting import MadeReport

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenedCase:
    """Case that is open for writing.

    Attributes:
        processor: Imports and classifies.
        undo: What was stored under which token.
        cell_undo: The same for types and corrections of cells.
        regions: The same for rectangles of slides.
    """

    processor: CaseProcessor
    undo: UndoLog
    cell_undo: CellUndoLog
    regions: RegionUndoLog

    @property
    def case(self) -> Case:
        """Return the writer's connection."""
        return self.processor.case

    def emit(self, event: events.Event) -> None:
        """Tell the window what changed."""
        self.processor.emit(event)


class Request(Protocol):
    """Request to the writer, as ``services.case.requests`` has them."""

    def apply(self, worker: CaseWorker) -> None:
        """Do what is asked for; a :class:`StationError` becomes a problem that a person reads."""


class CaseWorker(QObject):
    """Opens, fills, classifies and reviews one case at a time.

    Signals:
        opened: A :class:`CaseInfo`.
        closed: The case was closed and everything written.
        finished: Nothing runs any more; the thread may end.
        problem: A :class:`Problem` a person should read.
        model_changed: A :class:`ModelInfo`.
        model_questioned: An :class:`UnknownModel` that is not used unless a person accepts it.
        fields_changed: Ids of fields with a new state, prediction or review, written.
        queue_edited: Many fields changed their place in the queue at once.
        queue_changed: A :class:`QueueStatus`.
        import_changed: An :class:`ImportStatus`.
        fields_added: Ids of new fields, written.
        located: What a search for moved fields found (``store.field_files.LocateReport``).
        recovered: What opening found after a program that died (``store.queue.RecoveryReport``).
        fields_removed: Ids of fields that are out of the case now.
        fields_restored: Ids of removed fields that are in the case again.
        regions_edited: Token of the request, a slide, and ids of its fields that are in the case now and that
            are out of it now.
        proposal_cut: Token of the request, a slide, how many of its proposed fields were taken back, and how
            many fields it has in the case now.
        slide_file_changed: Id of a slide whose file is new, or has a plan, a hash or a place now.
        review_saved: Token of the request and the stored :class:`Review`.
        details_changed: The case data as stored now, by key.
        site_changed: The case's :class:`Site` as stored now, or None.
        slide_sizes_changed: :class:`SlideSizes` of the slides that have their own, as stored now.
        case_renamed: The case's name as stored now.
        slide_renamed: Id of a slide that has another name now.
        patients_changed: Ids of slides that have another patient now.
        releases_noted: The case holds further releases of control days.
        copy_accepted: A person goes on with a case of which a later trail was seen.
        cells_changed: Ids of cells with another type, written.
        cells_edited: Token of the request and the :class:`CellChange`: cells that count now, or no longer.
        cell_features_saved: Ids of cells that have features now.
        proposals_changed: How many cells have a proposed type now.
        cell_types_changed: The case's list of cell types as stored now.
        commissioning_changed: The :class:`CommissioningRecord` as stored now.
        report_kept: A :class:`MadeReport` and the :class:`ReportRecord` it is in the audit log by.
        report_refused: The :class:`MadeReport` and a :class:`Problem`.
    """

    opened = Signal(object)
    closed = Signal()
    finished = Signal()
    problem = Signal(object)
    model_changed = Signal(object)
    model_questioned = Signal(object)
    fields_changed = Signal(list)
    queue_edited = Signal()
    queue_changed = Signal(object)
    import_changed = Signal(object)
    fields_added = Signal(list)
    fields_removed = Signal(list)
    fields_restored = Signal(list)
    regions_edited = Signal(int, int, list, list)
    proposal_cut = Signal(int, int, int, int)
    slide_file_changed = Signal(int)
    review_saved = Signal(int, object)
    located = Signal(object)
    recovered = Signal(object)
    details_changed = Signal(object)
    site_changed = Signal(object)
    slide_sizes_changed = Signal(object)
    case_renamed = Signal(str)
    slide_renamed = Signal(int)
    patients_changed = Signal(list)
    releases_noted = Signal()
    copy_accepted = Signal()
    cells_changed = Signal(list)
    cells_edited = Signal(int, object)
    cell_features_saved = Signal(list)
    proposals_changed = Signal(int)
    cell_types_changed = Signal(object)
    commissioning_changed = Signal(object)
    report_kept = Signal(object, object)
    report_refused = Signal(object, object)

    _woken = Signal()

    def __init__(self, *, threads: int | None = None, limits: DecodeLimits | None = None) -> None:
        super().__init__()
        self._threads = threads
        self._limits = limits or DecodeLimits()
        self._open: OpenedCase | None = None
        self._bundle: ModelBundle | None = None
        self._paused = False
        self.machines = Machines(self)
        self.machines.ready.connect(self._machines_ready)
        self._signals = {
            events.ProblemRaised: self.problem,
            events.ImportProgressed: self.import_changed,
            events.FieldsAdded: self.fields_added,
            events.FieldsChanged: self.fields_changed,
            events.QueueEdited: self.queue_edited,
            events.QueueChanged: self.queue_changed,
            events.FieldsLocated: self.located,
            case_events.FieldsRemoved: self.fields_removed,
            case_events.FieldsRestored: self.fields_restored,
            case_events.RegionsEdited: self.regions_edited,
            case_events.ProposalCut: self.proposal_cut,
            events.SlideFileChanged: self.slide_file_changed,
            case_events.ReviewSaved: self.review_saved,
            case_events.DetailsChanged: self.details_changed,
            case_events.SiteChanged: self.site_changed,
            case_events.SlideSizesChanged: self.slide_sizes_changed,
            case_events.CaseRenamed: self.case_renamed,
            case_events.SlideRenamed: self.slide_renamed,
            case_events.PatientsChanged: self.patients_changed,
            case_events.ReleasesNoted: self.releases_noted,
            case_events.CellsChanged: self.cells_changed,
            case_events.CellsEdited: self.cells_edited,
            case_events.CellFeaturesSaved: self.cell_features_saved,
            case_events.ProposalsChanged: self.proposals_changed,
            case_events.CellTypeListChanged: self.cell_types_changed,
            case_events.CommissioningChanged: self.commissioning_changed,
        }

    @property
    def open_case(self) -> OpenedCase | None:
        """The case that is open."""
        return self._open

    @Slot()
    def start(self) -> None:
        """Make what must live on this thread. Connected to the thread's start."""
        self._background = ThreadPoolExecutor(1, thread_name_prefix="background")
        self._background.submit(station_key)  # made at the first start, where it is not there yet
        self._prepared = ResultQueue(self._woken.emit)
        self._log_check = LogCheck(self._prepared.put)
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._process)
        self._woken.connect(self._process, Qt.ConnectionType.QueuedConnection)

    @Slot(object)
    def handle(self, request: Request) -> None:
        """Apply one request; what is not possible becomes a problem that a person reads."""
        try:
            request.apply(self)
        except StationError as error:
            self.problem.emit(Problem.of(error))
        self._set_timer()

    @Slot()
    def _process(self) -> None:
        for future in self._prepared.take_all():
            if isinstance(future, Future):
                self._take_prepared(future.result())
        if self._open is not None:
            self._open.processor.process()
        self._set_timer()

    def _set_timer(self) -> None:
        seconds = None if self._open is None else self._open.processor.seconds_to_next()
        if seconds is None:
            self._timer.stop()
        else:
            self._timer.start(round(seconds * 1000))

    def _emit(self, event: events.Event) -> None:
        if isinstance(event, events.ModelFailed) and not event.model_sha256:
            self._bundle = None
        if isinstance(event, events.ModelFailed | events.QueueHalted):
            event = events.ProblemRaised(Problem.of(event.error))
        elif isinstance(event, events.QueueChanged):
            event = events.QueueChanged(replace(event.status, memory=memory_in_use()))
        signal = self._signals.get(type(event))
        if signal is not None:
            signal.emit(*(getattr(event, attribute.name) for attribute in fields(event)))

    # Opening and closing

    def open_folder(self, folder: Path, *, create: bool) -> None:
        """Close the open case and open, or create and open, another."""
        if not create and not holds_case(folder):
            sentence = (
                f"There is no case at {folder.name!r} any more. If it was moved, open it at its new place."
            )
            self.problem.emit(Problem("no-case", sentence, folder.name))
            return
        self._close()
        try:
            case = Case.create(folder) if create else Case.open(folder)
        except StationError as error:
            self.problem.emit(Problem.of(error, folder.name))
            self.closed.emit()
            return
        if create:
            self._take_last_site(case)
        processor = CaseProcessor(
            case,
            self._emit,
            wake=self._woken.emit,
            executor=self._executor,
            background=self._background,
            imports=ImportOptions(limits=self._limits),
            paused=self._paused,
            cells_later=True,
        )
        self._open = OpenedCase(processor, UndoLog(case), CellUndoLog(case), RegionUndoLog(case))
        _log.info("case opened, read only: %s", case.read_only)
        self.opened.emit(CaseInfo(case.folder, case.name, case.read_only, case.why_read_only))
        if case.recovered.queued_again or case.recovered.failed:
            self.recovered.emit(case.recovered)
        if case.provenance.remark:
            self.problem.emit(older_copy_problem(case.provenance.remark, shown_name(case.folder)))
        processor.use_model(self._bundle)
        processor.report()
        if not create:
            self._log_check.start(case.folder)

    def _take_last_site(self, case: Case) -> None:
        """Give a new case the site that was used last: a station stands beside one microscope."""
        try:
            case.site.set(SiteLibrary(paths.config_folder()).last_used())
        except StationError as error:
            self.problem.emit(Problem.of(error))

    def close_case(self) -> None:
        """Finish what is in flight, write it, close the case."""
        self._close()
        self.closed.emit()

    @Slot()
    def stop(self) -> None:
        """Close the case and every thread of this object."""
        self._close()
        self._log_check.shutdown()
        self.machines.close()
        self._background.shutdown(wait=True, cancel_futures=True)
        self._timer.stop()
        self.finished.emit()

    def _close(self) -> None:
        if self._open is not None:
            self._log_check.cancel()
            self._open.processor.stop()
            self._open.case.close()
            self._open = None
            self._paused = False

    def _executor(self, bundle: ModelBundle) -> FieldExecutor:
        sizes = NOTHING_KNOWN if self._open is None else self._open.case.site.known_sizes()
        return self.machines.executor(bundle, threads=self._threads, limits=self._limits, sizes=sizes)

    @Slot()
    def _machines_ready(self) -> None:
        if self._open is not None:
            self._open.processor.sizes_changed()

    def use_model(self, path: Path) -> None:
        """Read and verify a bundle in the background, then work with it."""
        self._in_background(partial(read_bundle, path))

    def accept_model(self, asked: UnknownModel) -> None:
        """Enter a bundle of an unknown maker into the trust store, then work with it."""
        TrustStore.load().accepting(asked.sha256, name=asked.title).save()
        self.use_model(asked.path)

    def open_demo(self, base: Path) -> None:
        """Draw synthetic fields in the background, then open a new case with them in its queue."""
        self._in_background(partial(demo.prepare, base))

    def pause(self, paused: bool) -> None:
        """Pause the queue of the open case, or of the next one."""
        self._paused = paused
        if self._open is not None:
            self._open.processor.pause(paused)

    def accept_copy(self, reason: str) -> None:
        """Go on with the open case although a later trail of it was seen.

        Raises:
            StationError: ``reason-needed``, or what the disk answered.
        """
        if self._open is not None:
            self._open.case.provenance.accept(reason)
            self.copy_accepted.emit()

    def keep_report(self, made: MadeReport, file: str, pin: str = "") -> None:
        """Keep a report in the case and enter it into the audit log."""
        try:
            case = None if self._open is None else self._open.case
            record = reporting.keep(case, made, file=file, pin=pin)
        except StationError as error:
            self.report_refused.emit(made, Problem.of(error))
            return
        self.report_kept.emit(made, record)

    def _in_background(self, work: Callable[[], object]) -> None:
        self._background.submit(work).add_done_callback(self._prepared.put)

    def _take_prepared(self, result: ModelBundle | demo.Demo | Problem | None) -> None:
        if result is None:  # the audit log holds
            return
        if isinstance(result, UnknownModel):
            self.model_questioned.emit(result)
            self._report()
        elif isinstance(result, Problem):
            self.problem.emit(result)
            if self._open is None:
                self.closed.emit()
            self._report()
        elif isinstance(result, demo.Demo):
            self.open_folder(result.case, create=True)
            if self._open is not None:
                self._open.processor.add_paths([result.fields])
        else:
            self._bundle = result
            self.model_changed.emit(model_info(result))
            if self._open is not None:
                self._open.processor.use_model(result)

    def _report(self) -> None:
        if self._open is not None:
            self._open.processor.report()
        else:
            phase = QueuePhase.NO_MODEL if self._bundle is None else QueuePhase.IDLE
            self._emit(events.QueueChanged(QueueStatus(phase)))
