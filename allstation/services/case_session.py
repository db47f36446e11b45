"""The window's one door to a case: sends requests to the writer and the reader, passes on answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from allstation.core.limits import DecodeLimits
from allstation.core.records import Review
from allstation.services.case_reader import CaseReader, Query
from allstation.services.case_worker import CaseWorker
from allstation.services.status_types import CaseInfo

if TYPE_CHECKING:
    from allstation.services.removal_book import Removal
    from allstation.services.reporting import MadeReport


class CaseSession(QObject):
    """Owns the writer's and the reader's thread. Lives on the window's thread; never waits.

    Signals:
        stopped: Both threads have ended.
        opened: A case is open and can be read (:class:`CaseInfo`).
        renamed: The open case has another name (:class:`CaseInfo`).

    The signals of the worker and the reader are reached as ``session.worker`` and ``session.reader``;
    connect them to methods of QObjects only.
    """

    opened = Signal(object)
    stopped = Signal()
    renamed = Signal(object)

    _open = Signal(object, bool)
    _close = Signal()
    _stop = Signal()
    _use_model = Signal(object)
    _queue_model = Signal(object, list)
    _drop_job = Signal(str, int)
    _order_slides = Signal(str, list)
    _order_models = Signal(list)
    _demo = Signal(object)
    _add_paths = Signal(list)
    _pause = Signal(bool)
    _cancel = Signal()
    _resume = Signal()
    _retry = Signal()
    _again = Signal(list)
    _prioritise = Signal(list)
    _locate = Signal(object)
    _save_review = Signal(int, object)
    _withdraw = Signal(int)
    _restore = Signal(int)
    _set_details = Signal(object)
    _rename_case = Signal(str)
    _rename_slide = Signal(int, str)
    _remove = Signal(int, object)
    _undo_removal = Signal(int)
    _keep_report = Signal(object, str)
    _details = Signal()
    _read_case = Signal(object, int)
    _list = Signal(object)
    _page = Signal(list, object)
    _overview = Signal(object)
    _tally = Signal(object)
    _predictions = Signal(int)
    _failures = Signal(int)
    _unreviewed = Signal(object, int)
    _history = Signal(int)
    _known = Signal(object)

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        threads: int | None = None,
        limits: DecodeLimits | None = None,
    ) -> None:
        super().__init__(parent)
        self.worker = CaseWorker(threads=threads, limits=limits)
        self.reader = CaseReader()
        self.info: CaseInfo | None = None
        self._opening = False
        self.generation = 0
        self.reviewer: str | None = None
        """Whose reviews records carry; None for those that count. Set while predictions are hidden."""
        self._tickets = 0
        self._stopping = False
        self._threads = tuple(self._start(service) for service in (self.worker, self.reader))
        self._connect()

    def _start(self, service: CaseWorker | CaseReader) -> QThread:
        thread = QThread(self)
        thread.setObjectName(type(service).__name__)
        service.moveToThread(thread)
        if isinstance(service, CaseWorker):
            thread.started.connect(service.start)
        # Direct: quit() may be called from the ending thread, and must not wait for this one.
        service.finished.connect(thread.quit, Qt.ConnectionType.DirectConnection)
        thread.finished.connect(self._thread_ended)
        thread.start()
        return thread

    def _connect(self) -> None:
        worker, reader = self.worker, self.reader
        for request, slot in (
            (self._open, worker.open_case),
            (self._close, worker.close_case),
            (self._stop, worker.stop),
            (self._use_model, worker.use_model),
            (self._queue_model, worker.queue_model),
            (self._drop_job, worker.drop_job),
            (self._order_slides, worker.order_slides),
            (self._order_models, worker.order_models),
            (self._demo, worker.open_demo),
            (self._add_paths, worker.add_paths),
            (self._pause, worker.pause),
            (self._cancel, worker.cancel),
            (self._resume, worker.resume_cancelled),
            (self._retry, worker.retry_failed),
            (self._again, worker.classify_again),
            (self._prioritise, worker.prioritise),
            (self._locate, worker.locate),
            (self._save_review, worker.save_review),
            (self._withdraw, worker.withdraw_review),
            (self._restore, worker.restore_review),
            (self._set_details, worker.set_details),
            (self._rename_case, worker.rename_case),
            (self._rename_slide, worker.rename_slide),
            (self._remove, worker.remove_fields),
            (self._undo_removal, worker.undo_removal),
            (self._keep_report, worker.keep_report),
            (self._details, reader.read_details),
            (self._read_case, reader.open_case),
            (self._close, reader.close_case),
            (self._stop, reader.stop),
            (self._list, reader.list_fields),
            (self._page, reader.read_page),
            (self._overview, reader.read_overview),
            (self._tally, reader.read_tally),
            (self._predictions, reader.read_predictions),
            (self._failures, reader.read_failures),
            (self._unreviewed, reader.find_unreviewed),
            (self._history, reader.read_history),
            (self._known, reader.read_known),
        ):
            request.connect(slot, Qt.ConnectionType.QueuedConnection)
        worker.opened.connect(self._case_opened)
        worker.closed.connect(self._case_closed)
        worker.case_renamed.connect(self._case_renamed)
        worker.problem.connect(self._problem)

    @property
    def has_case(self) -> bool:
        """Whether a case is open or on its way, so that fields can be added."""
        return self.info is not None or self._opening

    # Requests

    def open(self, folder: Path, *, create: bool = False) -> None:
        """Open a case folder, or create it first."""
        self._opening = True
        self._open.emit(folder, create)

    def close_case(self) -> None:
        """Close the case that is open."""
        self._close.emit()

    def use_model(self, bundle: Path) -> None:
        """Classify with this bundle from now on."""
        self._use_model.emit(bundle)

    def queue_model(self, bundle: Path, ids: list[int] | None = None) -> None:
        """Let these fields, or all, also be classified by another model, after the one in use."""
        self._queue_model.emit(bundle, ids or [])

    def drop_job(self, model: str, slide_id: int) -> None:
        """Take a slide's fields, or a model whose turn has not come, out of the queue."""
        self._drop_job.emit(model, slide_id)

    def order_slides(self, model: str, slides: list[int]) -> None:
        """Do the waiting slides in this order."""
        self._order_slides.emit(model, slides)

    def order_models(self, models: list[str]) -> None:
        """Let the waiting models take their turns in this order."""
        self._order_models.emit(models)

    def open_demo(self, base: Path) -> None:
        """Make a demo case below a folder and open it."""
        self._opening = True
        self._demo.emit(base)

    def add_paths(self, paths: list[Path]) -> None:
        """Add files and folders; nothing is looked at on this thread."""
        self._add_paths.emit(paths)

    def pause(self, paused: bool) -> None:
        """Pause or resume the queue."""
        self._pause.emit(paused)

    def cancel(self) -> None:
        """Drop waiting fields."""
        self._cancel.emit()

    def resume_cancelled(self) -> None:
        """Put cancelled fields back."""
        self._resume.emit()

    def retry_failed(self) -> None:
        """Try failed fields again."""
        self._retry.emit()

    def classify_again(self, ids: list[int] | None = None) -> None:
        """Queue these fields, or all, for the model in use."""
        self._again.emit(ids or [])

    def prioritise(self, ids: list[int]) -> None:
        """Do these waiting fields next."""
        self._prioritise.emit(ids)

    def locate(self, folder: Path) -> None:
        """Search a folder for fields that are not where they were."""
        self._locate.emit(folder)

    def save_review(self, token: int, review: Review) -> None:
        """Store a review under a token."""
        self._save_review.emit(token, review)

    def withdraw_review(self, token: int) -> None:
        """Take back the review of a token."""
        self._withdraw.emit(token)

    def restore_review(self, token: int) -> None:
        """Let the review of a token count again."""
        self._restore.emit(token)

    def set_details(self, details: Mapping[str, str]) -> None:
        """Store the texts about patient, request and specimen."""
        self._set_details.emit(dict(details))

    def rename_case(self, name: str) -> None:
        """Give the case another shown name."""
        self._rename_case.emit(name)

    def rename_slide(self, slide_id: int, name: str) -> None:
        """Give a slide another shown name."""
        self._rename_slide.emit(slide_id, name)

    def remove_fields(self, token: int, wanted: Removal) -> None:
        """Take fields out of the case, or bring them back, under a token."""
        self._remove.emit(token, wanted)

    def undo_removal(self, token: int) -> None:
        """Take back what was removed or brought back under a token."""
        self._undo_removal.emit(token)

    def read_details(self) -> None:
        """Ask for the texts about patient, request and specimen."""
        self._details.emit()

    def keep_report(self, made: MadeReport, file: str) -> None:
        """Keep a report in the case and enter it into the trail.

        Args:
            made: The report.
            file: Name of the file it is written to as well.
        """
        self._keep_report.emit(made, file)

    def list_fields(self, query: Query) -> Query:
        """Ask for the ids of a query; returns it with its ticket."""
        self._tickets += 1
        asked = replace(query, ticket=self._tickets)
        self.reader.newest_ticket = self._tickets
        self._list.emit(asked)
        return asked

    def read_page(self, ids: list[int]) -> None:
        """Ask for records."""
        self._page.emit(ids, self.reviewer)

    def read_overview(self) -> None:
        """Ask for slides and counts."""
        self._overview.emit(self.reviewer)

    def read_predictions(self, field_id: int) -> None:
        """Ask what every model said about a field."""
        self._predictions.emit(field_id)

    def read_tally(self, slide_id: int | None) -> None:
        """Ask for the counts of a slide, or of the case."""
        self._tally.emit(slide_id)

    def read_failures(self, limit: int = 500) -> None:
        """Ask for failed fields."""
        self._failures.emit(limit)

    def find_unreviewed(self, query: Query, *, after: int) -> None:
        """Ask for the next unreviewed field after one."""
        self._unreviewed.emit(query, after)

    def read_known(self, folder: Path) -> None:
        """Ask which files of a folder the case has."""
        self._known.emit(folder)

    def read_history(self, field_id: int) -> None:
        """Ask for every review of a field."""
        self._history.emit(field_id)

    def stop(self) -> None:
        """End both threads after everything in flight is written; ``stopped`` follows."""
        if not self._stopping:
            self._stopping = True
            self._stop.emit()

    def wait(self, milliseconds: int = 30_000) -> bool:
        """Block until both threads have ended. For the very end of the program only."""
        self.stop()
        return all(thread.wait(milliseconds) for thread in self._threads)

    @Slot(object)
    def _case_opened(self, info: CaseInfo) -> None:
        self.info = info
        self._opening = False
        self.generation += 1
        self._read_case.emit(info.folder, self.generation)
        self.opened.emit(info)

    @Slot(str)
    def _case_renamed(self, name: str) -> None:
        if self.info is not None:
            self.info = replace(self.info, name=name)
            self.renamed.emit(self.info)

    @Slot()
    def _case_closed(self) -> None:
        self.info = None
        self._opening = False

    @Slot(object)
    def _problem(self, _problem: object) -> None:
        self._opening = False

    @Slot()
    def _thread_ended(self) -> None:
        if all(thread.isFinished() for thread in self._threads):
            self.stopped.emit()
