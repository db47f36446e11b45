"""The one writer of a case: an object on a thread of its own that never waits for slow work.

Walking, hashing and inference happen on other threads and come back through a mailbox; this object
writes them down in small transactions and only then tells the window.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.records import UNPACKED, Review
from allstation.services import demo, reporting, taking_in
from allstation.services.intake_book import IntakeBook
from allstation.services.log_check import LogCheck
from allstation.services.messages import CaseInfo, Problem
from allstation.services.queue_worker import QueueWorker, sorted_out
from allstation.services.removal_book import Removal, RemovalBook
from allstation.services.review_book import ReviewBook
from allstation.services.turns import ModelWish, TurnReady, Turns
from allstation.store.case import Case
from allstation.store.database import DATABASE
from allstation.store.field_files import LocateReport

if TYPE_CHECKING:
    from allstation.inference.bundle import ModelBundle
    from allstation.services.reporting import MadeReport

_log = logging.getLogger(__name__)


class CaseWorker(QueueWorker):
    """Opens, fills, classifies and reviews one case at a time.

    Signals, besides those of the queue:
        opened: A :class:`CaseInfo`.
        closed: The case was closed and everything written.
        finished: Nothing runs any more; the thread may end.
        intake_changed: An :class:`IntakeStatus`.
        fields_added: Ids of new fields, written.
        located: What a search for moved fields found (``store.field_files.LocateReport``).
        recovered: What opening found after a program that died (``store.queue.RecoveryReport``).
        fields_removed: Ids of fields that are out of the case now.
        fields_restored: Ids of removed fields that are in the case again.
        review_saved: Token of the request and the stored :class:`Review`.
        details_changed: The case data as stored now, by key.
        case_renamed: The case's name as stored now.
        slide_renamed: Id of a slide that has another name now.
        report_kept: A :class:`MadeReport` and the :class:`ReportRecord` it is in the trail by.
        report_refused: The :class:`MadeReport` and a :class:`Problem`.
    """

    opened = Signal(object)
    closed = Signal()
    finished = Signal()
    intake_changed = Signal(object)
    fields_added = Signal(list)
    fields_removed = Signal(list)
    fields_restored = Signal(list)
    review_saved = Signal(int, object)
    located = Signal(object)
    recovered = Signal(object)
    details_changed = Signal(object)
    case_renamed = Signal(str)
    slide_renamed = Signal(int)
    report_kept = Signal(object, object)
    report_refused = Signal(object, object)

    def __init__(self, *, threads: int | None = None, limits: DecodeLimits | None = None) -> None:
        super().__init__(threads=threads, limits=limits)
        self._book = IntakeBook()
        self._reviews: ReviewBook | None = None
        self._removals: RemovalBook | None = None

    @Slot()
    def start(self) -> None:
        """Make what must live on this thread. Connected to the thread's start."""
        self._start_threads(self._receive)
        self._intake = taking_in.Intake(self._mail.post, limits=self._limits)
        self._tell.timeout.connect(self._tell_intake)
        self._log_check = LogCheck(self._mail.post)

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
        self._removals = RemovalBook(case)
        self._turns = Turns(case, self._do_aside)
        self._intake = taking_in.Intake(self._mail.post, case.folder / UNPACKED, limits=self._limits)
        _log.info("case opened, read only: %s", case.read_only)
        self.opened.emit(CaseInfo(case.folder, case.name, case.read_only, case.why_read_only))
        if case.recovered.queued_again or case.recovered.failed:
            self.recovered.emit(case.recovered)
        self._start_batch()
        self._tell_changes()
        if not create:
            self._log_check.start(case.folder)

    @Slot()
    def close_case(self) -> None:
        """Finish what is in flight, write it, close the case."""
        self._close_case()
        self.closed.emit()

    @Slot()
    def stop(self) -> None:
        """Close the case and every thread of this object."""
        self._close_case()
        self._log_check.shutdown()
        self._intake.stop()
        self._aside.shutdown(wait=True, cancel_futures=True)
        self._tell.stop()
        self.finished.emit()

    def _close_case(self) -> None:
        if self._case is None:
            return
        self._log_check.cancel()
        self._intake.stop()
        self._stop_batch()
        self._case.close()
        # Fields found for this case must not be added to the next one; models are still welcome.
        for item in self._mail.take_all():
            if isinstance(item, Future):
                self._mail.post(item)
        self._case = None
        self._reviews = None
        self._removals = None
        self._turns = None
        self._book = IntakeBook()
        self._changed = []
        self._paused = False

    # The model

    @Slot(object)
    def open_demo(self, base: Path) -> None:
        """Draw synthetic fields aside, then open a new case with them in its queue."""
        self._do_aside(partial(demo.prepare, base))

    def _prepared(
        self, result: ModelBundle | demo.Demo | LocateReport | ModelWish | TurnReady | Problem | None
    ) -> None:
        if result is None:  # the log holds
            return
        if isinstance(result, ModelWish):
            self._wished(result)
        elif isinstance(result, TurnReady):
            self._turn_ready(result)
        elif isinstance(result, demo.Demo):
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

    def _take(self, batch: taking_in.FolderPart) -> None:
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

    @Slot()
    def _tell_intake(self) -> None:
        if self._intake.running:
            self.intake_changed.emit(self._book.status(running=True))

    def _walk_ended(self, end: taking_in.WalkEnd) -> None:
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
            self._do_aside(partial(_locate, self._case, folder))

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

    # Taking out

    @Slot(int, object)
    def remove_fields(self, token: int, wanted: Removal) -> None:
        """Take fields out of the case, or bring them back; the token names it for undo."""
        if self._removals is not None:
            self._on_fields(partial(self._removals.do, token, wanted))

    @Slot(int)
    def undo_removal(self, token: int) -> None:
        """Take back what was done under a token."""
        if self._removals is not None:
            self._on_fields(partial(self._removals.undo, token))

    def _on_fields(self, change: Callable[[], Removal]) -> None:
        """Change which fields are in the case, and with them what waits and what counts."""

        def change_and_tell(_case: Case) -> None:
            done = change()
            ids = list(done.ids)
            (self.fields_restored if done.back else self.fields_removed).emit(ids)
            self.fields_changed.emit(ids)

        self._on_queue(change_and_tell)

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

    @Slot(str)
    def rename_case(self, name: str) -> None:
        """Give the case another shown name; its folder keeps the name it has."""
        if self._case is None:
            return
        try:
            self._case.rename(name)
        except StationError as error:
            self.problem.emit(Problem.of(error))
            return
        self.case_renamed.emit(self._case.name)

    @Slot(int, str)
    def rename_slide(self, slide_id: int, name: str) -> None:
        """Give a slide another shown name; its folder keeps the name it has."""
        if self._case is None:
            return
        try:
            self._case.slides.rename(slide_id, name)
        except StationError as error:
            self.problem.emit(Problem.of(error))
            return
        self.slide_renamed.emit(slide_id)

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
        outcomes, others = sorted_out(items)
        self._write_outcomes(outcomes)
        for item in others:
            if isinstance(item, taking_in.FolderPart):
                self._take(item)
            elif isinstance(item, taking_in.WalkEnd):
                self._walk_ended(item)
            elif isinstance(item, Future):
                self._prepared(item.result())
        self._go_on()


def holds_case(folder: Path) -> bool:
    """Tell whether there is a case to open, before the open one is given up for it."""
    return folder.name == DATABASE or (folder / DATABASE).is_file()


def _locate(case: Case, folder: Path) -> LocateReport | Problem:
    try:
        return case.files.locate_in(folder)
    except StationError as error:
        return Problem.of(error, folder.name)
