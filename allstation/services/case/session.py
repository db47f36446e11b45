"""Client of an open case for the window: sends requests to the writer and questions to the reader."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from allstation.core.limits import DecodeLimits
from allstation.processing.status_types import CaseInfo
from allstation.services.case.questions import ListFields, Query, Question
from allstation.services.case.reader import CaseReader
from allstation.services.case.requests import CloseCase, OpenCase, OpenDemo, Request
from allstation.services.case.worker import CaseWorker


class CaseSession(QObject):
    """Owns the writer's and the reader's thread. Lives on the window's thread; never waits.

    Signals:
        stopped: Both threads have ended.
        opened: A case is open and can be read (:class:`CaseInfo`).
        renamed: The open case has another name (:class:`CaseInfo`).

    What changed comes with the signals of ``session.worker``, answers with those of ``session.reader``;
    connect them to methods of QObjects only.
    """

    opened = Signal(object)
    stopped = Signal()
    renamed = Signal(object)

    _submitted = Signal(object)
    _asked = Signal(object)
    _read_case = Signal(object, int)
    _close_reader = Signal()
    _stop = Signal()

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
        for request, slot in (
            (self._submitted, self.worker.handle),
            (self._stop, self.worker.stop),
            (self._asked, self.reader.answer),
            (self._read_case, self.reader.open_case),
            (self._close_reader, self.reader.close_case),
            (self._stop, self.reader.stop),
        ):
            request.connect(slot, Qt.ConnectionType.QueuedConnection)
        self.worker.opened.connect(self._case_opened)
        self.worker.closed.connect(self._case_closed)
        self.worker.case_renamed.connect(self._case_renamed)
        self.worker.problem.connect(self._problem)

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

    @property
    def has_case(self) -> bool:
        """Whether a case is open or on its way, so that fields can be added."""
        return self.info is not None or self._opening

    def submit(self, request: Request) -> None:
        """Send a request to the writer; they are applied one by one in the order of submitting."""
        if isinstance(request, OpenCase | OpenDemo):
            self._opening = True
        elif isinstance(request, CloseCase):
            self._close_reader.emit()
        self._submitted.emit(request)

    def ask(self, question: Question) -> None:
        """Send a question to the reader."""
        self._asked.emit(question)

    def list_fields(self, query: Query) -> Query:
        """Ask for the ids of a query, which takes the place of earlier ones; returns it with its ticket."""
        self._tickets += 1
        newest = replace(query, ticket=self._tickets)
        self.reader.newest_ticket = self._tickets
        self.ask(ListFields(newest))
        return newest

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
