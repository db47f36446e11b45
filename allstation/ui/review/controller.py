"""Review controller: stores reviews by key or button, undoably; keeps reviewer, blind mode and history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QUndoCommand

from allstation import paths
from allstation.core.records import FieldRecord, Review
from allstation.processing.status_types import CaseInfo, ModelInfo
from allstation.services.case.field_requests import RestoreReview, SaveReview, WithdrawReview
from allstation.services.case.questions import Overview, ReadHistory
from allstation.services.case.session import CaseSession
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common.actions import Action
from allstation.ui.common.docks import raise_dock
from allstation.ui.common.formatting import field_name, short_name
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext
from allstation.ui.review.guard import ReviewGuard
from allstation.ui.review.panel import ReviewPanel
from allstation.ui.viewer.pane import ViewerPane

CLASS_PREFIX: Final = "review.class."
_KEYS: Final = 9
_NAME: Final = 28


class _ReviewCommand(QUndoCommand):
    """Undo command of a review: undo withdraws it, redo lets it count again."""

    def __init__(self, session: CaseSession, token: int, review: Review, text: str) -> None:
        super().__init__(text)
        self._session = session
        self._token = token
        self._review = review
        self._stored = False

    def redo(self) -> None:
        """Store the review, or restore it."""
        if self._stored:
            self._session.submit(RestoreReview(self._token))
        else:
            self._stored = True
            self._session.submit(SaveReview(self._token, self._review))

    def undo(self) -> None:
        """Withdraw the review."""
        self._session.submit(WithdrawReview(self._token))


class _RemarkCommand(QUndoCommand):
    """Undo command of a comment without a decision; undo restores the earlier text as a new remark."""

    def __init__(
        self, session: CaseSession, tokens: Iterator[int], remark: Review, *, before: str, text: str
    ) -> None:
        super().__init__(text)
        self._session = session
        self._tokens = tokens
        self._remark = remark
        self._before = replace(remark, comment=before)

    def redo(self) -> None:
        """Store the comment."""
        self._session.submit(SaveReview(next(self._tokens), self._remark))

    def undo(self) -> None:
        """Store the former comment, or that there is none."""
        self._session.submit(SaveReview(next(self._tokens), self._before))


class ReviewController(QObject):
    """Review controller: stores reviews of the current field and of selected ones.

    Args:
        context: Services and state.
        panel: The review panel.
        browser: Knows what is selected; its thumbnails count as shown.
        viewer: Its canvas says how long a picture has been on the screen.
    """

    def __init__(
        self, context: AppContext, panel: ReviewPanel, *, browser: BrowserPanel, viewer: ViewerPane
    ) -> None:
        super().__init__(panel)
        self._context = context
        self._session = context.session
        self._selection = context.selection
        self._browser = browser
        self._panel = panel
        settings = context.settings
        self._guard = ReviewGuard(
            viewer.main.canvas, browser, limit=lambda: settings.value.seconds_on_screen, parent=self
        )
        self._guard.refused.connect(self._refuse)
        self._tokens = count(1)
        self.advance = settings.value.advance
        panel.set_guard(self._guard.allows)
        panel.reviewed.connect(self.store)
        panel.next_asked.connect(browser.go_to_unreviewed)
        panel.reviewer_changed.connect(self._reviewer_changed)
        panel.blind_changed.connect(self._blind_changed)
        viewer.confirm_asked.connect(self.confirm)
        self._connect_case()
        panel.set_writable(on=False)
        self.set_reviewer(settings.value.reviewer or paths.login_name("reviewer"))

    def _connect_case(self) -> None:
        session = self._session
        session.opened.connect(self._case_opened)
        session.worker.closed.connect(self._case_closed)
        session.worker.review_saved.connect(self._review_saved)
        session.reader.overview_read.connect(self._overview_read)
        session.reader.history_read.connect(self._history_read)
        self._selection.field_changed.connect(self._field_changed)
        self._selection.model_changed.connect(self._model_changed)

    def actions(self) -> tuple[Action, ...]:
        """Offer reviewing."""
        review = self._context.can_review
        # fmt: off
        return (
            Action("review.confirm", "&Confirm Decision", self.confirm, "Space",
                   "Agree with the network's decision", "confirm",
                   menu="&Review", place=110, toolbar=410, field_menu=110, enabled_when=self._can_confirm),
            Action("review.look", "&Needs Another Look", self.another_look, "R",
                   "Mark the field for another look", "another-look",
                   menu="&Review", place=130, toolbar=420, field_menu=130, enabled_when=review),
            Action("review.comment", "Co&mment", self.comment, "C", "Write a comment for this field",
                   "comment", menu="&Review", place=140, toolbar=430, field_menu=140, enabled_when=review),
            Action("review.advance", "&Advance After Review", self.set_advance, "",
                   "Go to the next field when a key has set a class",
                   menu="&Review", place=210, checked_when=lambda: self.advance),
        )
        # fmt: on

    def class_actions(self) -> tuple[Action, ...]:
        """Offer the classes of the model in use, with the keys 1 to 9."""
        return tuple(
            Action(
                f"{CLASS_PREFIX}{index}",
                tr("Set {name}", name=name),
                partial(self._set_class, name),
                str(index + 1) if index < _KEYS else "",
                tr("Review the field as {name} and keep the prediction beside it", name=name),
                menu="&Review/Set C&lass",
                place=100 + index + 1,
                field_menu=120,
                enabled_when=self._context.can_review,
            )
            for index, name in enumerate(self._panel.classes)
        )

    def _can_confirm(self) -> bool:
        field = self._selection.field
        return self._context.can_review() and field is not None and field.prediction is not None

    def view_state(self) -> dict[str, object]:
        """Return the choices to remember for the next start."""
        return {"advance": self.advance}

    # Reviewing

    def _set_class(self, name: str) -> None:
        if not self._on_many(name) and self._panel.set_class(name):
            self._go_on()

    @Slot()
    def confirm(self) -> None:
        """Agree with the decision of the current field."""
        record = self._browser.current_record()
        if record is None or record.prediction is None:
            self._refuse(tr("This field has no decision yet. Wait for the queue, or set a class."))
        elif self._browser.model.is_hidden(record):
            self._refuse(tr("Predictions are hidden until you have decided. Set a class with its key."))
        elif record.prediction.decision.class_name is None:
            self._refuse(
                tr("The model named no class for this field. Set one yourself, or ask for another look.")
            )
        elif self._panel.confirm():
            self._go_on()

    @Slot()
    def another_look(self) -> None:
        """Mark the field for someone else's eyes, or one's own later."""
        if not self._on_many(None) and self._panel.ask_for_another_look():
            self._go_on()

    @Slot()
    def comment(self) -> None:
        """Let the person write a comment."""
        raise_dock(self._panel)
        self._panel.write_comment()

    @Slot(object)
    def store(self, review: Review) -> None:
        """Store a review of one field; undo takes it back."""
        record = self._browser.model.record(review.field_id)
        self._push(record, review, _words(record, review))

    @Slot(bool)
    def set_advance(self, on: bool) -> None:
        """Go on to the next field after a review by key, or stay."""
        self.advance = on
        self._context.changed.emit()

    @Slot(str)
    def _refuse(self, text: str) -> None:
        """Say why nothing was reviewed: one message, however often a key is pressed."""
        self._context.notifier.warn(text, topic="review")

    def _go_on(self) -> None:
        if self.advance:
            self._browser.step(1)

    def _on_many(self, class_name: str | None) -> bool:
        """Review all selected fields if there are several; tell whether that was so."""
        ids = self._browser.selected_ids()
        if len(ids) <= 1:
            return False
        if not self._panel.reviewer:
            self._refuse(tr("Reviews need a name. Write yours below the review panel."))
            return True
        shown = self._guard.shown_before(ids)
        if len(shown) < len(ids):
            self._guard.refuse_many(len(ids) - len(shown), len(ids))
        if shown:
            self._review_many(shown, class_name)
        return True

    def _review_many(self, ids: Sequence[int], class_name: str | None) -> None:
        words = tr("Set {name}", name=class_name) if class_name else tr("Ask for another look")
        self._context.undo.beginMacro(tr("{what} on {n} fields", what=words, n=len(ids)))
        for field_id in ids:
            review = Review(field_id=field_id, reviewer=self._panel.reviewer, class_name=class_name)
            self._push(self._browser.model.record(field_id), review, words)
        self._context.undo.endMacro()

    def _push(self, record: FieldRecord | None, review: Review, words: str) -> None:
        name = short_name(field_name(record.path), _NAME) if record is not None else ""
        text = tr("{what} on {name}", what=words, name=name) if name else words
        if review.is_remark:
            command: QUndoCommand = _RemarkCommand(
                self._session, self._tokens, review, before=self._panel.remark, text=text
            )
        else:
            command = _ReviewCommand(self._session, next(self._tokens), review, text)
        self._context.undo.push(command)

    # Who reviews, and what was decided before

    def set_reviewer(self, name: str) -> None:
        """Fill in who reviews."""
        self._panel.set_reviewer(name)
        self._selection.set_reviewer(self._panel.reviewer)

    @Slot(str)
    def _reviewer_changed(self, name: str) -> None:
        self._context.settings.change(reviewer=name)
        self._selection.set_reviewer(name)

    @Slot(bool)
    def _blind_changed(self, on: bool) -> None:
        if self._selection.reviewer != self._panel.reviewer:
            self._selection.set_reviewer(self._panel.reviewer)
        self._selection.set_blind(on)

    @Slot(object)
    def _case_opened(self, info: CaseInfo) -> None:
        self._panel.set_writable(not info.read_only)

    @Slot()
    def _case_closed(self) -> None:
        self._panel.set_writable(on=False)

    @Slot(object)
    def _model_changed(self, model: ModelInfo) -> None:
        self._panel.set_classes(model.record.classes)
        self._panel.set_model(model.record)

    @Slot(object)
    def _field_changed(self, record: FieldRecord | None) -> None:
        self._panel.show_field(record)
        if record is not None:
            self._session.ask(ReadHistory(record.id))

    @Slot(int, object)
    def _overview_read(self, _generation: int, overview: Overview) -> None:
        counts = overview.counts.values()
        done = sum(c.reviewed for c in counts) if overview.own is None else overview.own
        self._panel.set_progress(done, sum(c.total for c in counts))

    @Slot(int, object)
    def _review_saved(self, _token: int, review: Review) -> None:
        """Read remarks again: they change nothing of the field's record."""
        if review.is_remark and review.field_id == self._shown:
            self._session.ask(ReadHistory(self._shown))

    @Slot(int, list)
    def _history_read(self, field_id: int, reviews: list[Review]) -> None:
        if field_id == self._shown:
            self._panel.set_history(reviews)

    @property
    def _shown(self) -> int:
        field = self._selection.field
        return field.id if field is not None else 0


def _words(record: FieldRecord | None, review: Review) -> str:
    before = record.review if record is not None else None
    if review.is_remark:
        return tr("Comment")
    if before is not None and before.class_name == review.class_name and before.comment != review.comment:
        return tr("Comment")
    return tr("Set {name}", name=review.class_name) if review.class_name else tr("Ask for another look")
