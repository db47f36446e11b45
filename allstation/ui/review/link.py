"""Keeps the review panel, the browser, the viewer and the settings of one mind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from allstation.core.records import FieldRecord, Review
from allstation.services.case_reader import Overview
from allstation.ui.context import Services

if TYPE_CHECKING:
    from allstation.ui.main_window.window import MainWindow


class ReviewLink(QObject):
    """Passes on who reviews, whether blind, how far, and what was decided before."""

    def __init__(self, services: Services, window: MainWindow) -> None:
        super().__init__(window)
        self._services = services
        self._window = window
        self._shown = 0
        panel, reader = window.review, services.desk.reader
        panel.reviewed.connect(window.reviews.take)
        panel.next_asked.connect(window.browser.go_to_unreviewed)
        panel.reviewer_changed.connect(self._reviewer_changed)
        panel.blind_changed.connect(self._blind_changed)
        window.viewer.confirm_asked.connect(window.reviews.confirm)
        reader.overview_read.connect(self._overview_read)
        reader.history_read.connect(self._history_read)
        services.desk.worker.review_saved.connect(self._review_saved)

    def show(self, record: FieldRecord | None) -> None:
        """Show another field in the panel."""
        self._window.review.show_field(record)
        self._shown = record.id if record is not None else 0
        if record is not None:
            self._services.desk.read_history(record.id)

    @Slot(str)
    def _reviewer_changed(self, name: str) -> None:
        self._services.settings.change(reviewer=name)
        self._blind_changed(self._window.review.is_blind)

    @Slot(bool)
    def _blind_changed(self, on: bool) -> None:
        reviewer = self._window.review.reviewer
        self._window.browser.set_blind(reviewer if on else None)
        self._window.viewer.set_blind(on, reviewer)

    @Slot(int, object)
    def _overview_read(self, _generation: int, overview: Overview) -> None:
        counts = overview.counts.values()
        done = sum(c.reviewed for c in counts) if overview.own is None else overview.own
        self._window.review.set_progress(done, sum(c.total for c in counts))

    @Slot(int, object)
    def _review_saved(self, _token: int, review: Review) -> None:
        """Read remarks again: they change nothing of the field's record."""
        if review.is_remark and review.field_id == self._shown:
            self._services.desk.read_history(self._shown)

    @Slot(int, list)
    def _history_read(self, field_id: int, reviews: list[Review]) -> None:
        if field_id == self._shown:
            self._window.review.set_history(reviews)
