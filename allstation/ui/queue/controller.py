"""Queue controller: shows the queue's state, and asks for pauses, retries, other models and another order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog

from allstation.core.records import FieldState
from allstation.processing.status_types import ImportStatus, Problem, QueuePhase, QueueStatus
from allstation.services.case.questions import ReadFailures
from allstation.services.case.requests import (
    CancelQueue,
    ClassifyAgain,
    DropJob,
    OrderModels,
    OrderSlides,
    Pause,
    QueueModel,
    RequeueCancelled,
    RetryFailed,
)
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number, short_name
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification
from allstation.ui.context import AppContext
from allstation.ui.queue.notes_dialog import NotesDialog
from allstation.ui.queue.panel import QueuePanel, cancelled_sentence, finished_sentence, intake_sentence

_NAMED: Final = 3
"""Slides that a message names; all of them stand in its list."""


class QueueController(QObject):
    """Connects the queue panel with the case.

    Args:
        context: Services and state.
        panel: Shows the queue.
        browser: Knows which fields are selected.

    Attributes:
        status: State of the queue.
    """

    def __init__(self, context: AppContext, panel: QueuePanel, *, browser: BrowserPanel) -> None:
        super().__init__(panel)
        self._context = context
        self._session = context.session
        self._panel = panel
        self._browser = browser
        self.status = QueueStatus()
        self._is_adding = False
        self._notes: Sequence[Problem] = ()
        session = context.session
        session.opened.connect(self._case_opened)
        session.worker.closed.connect(panel.clear)
        session.worker.queue_changed.connect(self._queue_changed)
        session.worker.import_changed.connect(self._intake_changed)
        session.reader.failures_read.connect(panel.show_failures)
        panel.pause_asked.connect(self.pause)
        panel.cancel_asked.connect(self.cancel)
        panel.retry_asked.connect(self.retry)
        panel.field_chosen.connect(browser.go_to_field)
        panel.model_asked.connect(self.ask_model)
        panel.slides_ordered.connect(self._order_slides)
        panel.models_ordered.connect(self._order_models)
        panel.job_dropped.connect(self._drop_job)

    def actions(self) -> tuple[Action, ...]:
        """Offer what the queue can do."""
        write_fields = self._context.can_write_fields
        # fmt: off
        return (
            Action("queue.pause", "&Pause Queue", self.pause, "Ctrl+P",
                   "Stop after the fields in flight; go on later", "pause", menu="&Queue", place=110,
                   enabled_when=self._is_busy, checked_when=lambda: self.status.phase is QueuePhase.PAUSED),
            Action("queue.cancel", "&Cancel Queue", self.cancel, "Ctrl+Shift+X",
                   "Drop the fields that still wait, and look at no more files and slides", "cancel",
                   menu="&Queue", place=120, enabled_when=lambda: self._is_busy() or self._is_adding),
            Action("queue.resume", "Classify &Waiting Fields", self.resume, "Ctrl+R",
                   "Put cancelled fields back into the queue", "play", menu="&Queue", place=130,
                   enabled_when=lambda: self._can_requeue(FieldState.CANCELLED)),
            Action("queue.retry", "&Retry Failed Fields", self.retry, "Ctrl+Shift+R",
                   "Try the failed fields once more", "retry", menu="&Queue", place=140,
                   enabled_when=lambda: self._can_requeue(FieldState.FAILED)),
            Action("queue.again", "Classify A&gain", self.classify_again, "F5",
                   "Classify the selected fields, or all, with the model in use", "model",
                   menu="&Queue", place=210, field_menu=310, enabled_when=write_fields),
            Action("queue.model", "Classify with Another &Model Too…", self.ask_model, "",
                   "Queue another model over the selected fields, or all; both predictions are kept",
                   menu="&Queue", place=220, enabled_when=write_fields),
        )
        # fmt: on

    def _is_busy(self) -> bool:
        return self.status.phase in {QueuePhase.RUNNING, QueuePhase.PAUSED}

    def _can_requeue(self, state: FieldState) -> bool:
        return self._context.can_write() and self.status.counts.get(state, 0) > 0

    @Slot()
    def _case_opened(self) -> None:
        self._panel.clear()
        self._session.ask(ReadFailures())

    @Slot(object)
    def _queue_changed(self, status: QueueStatus) -> None:
        before, self.status = self.status, status
        self._panel.show_status(status)
        self._context.changed.emit()
        if status.failed != before.failed:
            self._session.ask(ReadFailures())
        if before.phase is QueuePhase.RUNNING and status.phase is QueuePhase.IDLE and status.total:
            level = Level.WARNING if status.failed else Level.OK
            self._context.notifier.post(Notification(level, finished_sentence(status)))

    @Slot(object)
    def _intake_changed(self, status: ImportStatus) -> None:
        self._panel.show_intake(status)
        before, self._is_adding = self._is_adding, status.running and not status.cancelled
        if before != self._is_adding:
            self._context.changed.emit()
        if status.running:
            return
        mixed = [problem for problem in status.same if problem.code == "same-picture"]
        problems = (*mixed, *status.refused, *status.passed)
        notifier = self._context.notifier
        if status.notes:
            self._tell_notes(status.notes)
        if status.notes and not problems:
            return
        if status.cancelled and not problems:
            notifier.info(cancelled_sentence(status))
        elif not problems and not status.added and not status.duplicates:
            notifier.warn(
                tr("No field images were found. Fields are JPEG, PNG, TIFF, BMP, WebP or JPEG 2000 files.")
            )
        elif problems:
            details = "\n".join(f"{p.name}\t{p.code}\t{p.sentence}" for p in problems)
            notifier.post(Notification(Level.WARNING, intake_sentence(status), details=details))
        elif status.duplicates or status.paged:
            notifier.info(intake_sentence(status))

    def _tell_notes(self, notes: Sequence[Problem]) -> None:
        """Say what was noted about slides that were added together: at once of one, in a list of several."""
        if len(notes) == 1:
            self._context.notifier.info(notes[0].sentence)
            return
        self._notes = notes
        details = "\n".join(f"{note.name}\t{note.sentence}" for note in notes)
        names = ", ".join(short_name(note.name) for note in notes[:_NAMED])
        more = "…" if len(notes) > _NAMED else ""
        words = tr("Notes on {n} slides: {names}", n=number(len(notes)), names=f"{names}{more}")
        self._context.notifier.post(
            Notification(Level.INFO, words, tr("Show the list"), self.show_notes, details=details)
        )

    @Slot()
    def show_notes(self) -> None:
        """List what was noted about the slides that were added last."""
        NotesDialog(self._notes, self._panel.window()).open()

    @Slot(bool)
    def pause(self, paused: bool) -> None:
        """Pause the queue, or resume it."""
        self._session.submit(Pause(paused))

    @Slot()
    def cancel(self) -> None:
        """Drop what is queued."""
        self._session.submit(CancelQueue())

    @Slot()
    def resume(self) -> None:
        """Queue cancelled fields again."""
        self._session.submit(RequeueCancelled())

    @Slot()
    def retry(self) -> None:
        """Queue failed fields again."""
        self._session.submit(RetryFailed())

    @Slot(str, list)
    def _order_slides(self, model: str, slides: list[int]) -> None:
        self._session.submit(OrderSlides(model, slides))

    @Slot(list)
    def _order_models(self, models: list[str]) -> None:
        self._session.submit(OrderModels(models))

    @Slot(str, int)
    def _drop_job(self, model: str, slide_id: int) -> None:
        self._session.submit(DropJob(model, slide_id))

    def classify_again(self) -> None:
        """Classify the selected fields again, or all."""
        self._session.submit(ClassifyAgain(self._several_selected()))

    @Slot()
    def ask_model(self) -> None:
        """Ask for a bundle that also classifies the selected fields, or all."""
        dialog = QFileDialog(self._panel.window(), tr("Choose another model bundle"))
        dialog.setNameFilter(tr("Model bundles (*.allmodel)"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.queue_model)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def queue_model(self, name: str) -> None:
        """Let a bundle classify the selected fields, or all, after the model in use."""
        self._session.submit(QueueModel(Path(name), self._several_selected()))

    def _several_selected(self) -> list[int]:
        selected = self._browser.selected_ids()
        return selected if len(selected) > 1 else []
