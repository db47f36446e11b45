"""Reads a case for the window on a thread of its own: lists, pages, counts."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.processing.status_types import Problem
from allstation.services.case import (
    cell_questions,
    gallery_questions,
    patient_requests,
    questions,
    share_questions,
    slide_requests,
    slide_size_requests,
)
from allstation.store.case import Case


class CaseReader(QObject):
    """Answers the window's questions from a read-only connection.

    Signals:
        listed: A :class:`Listing`.
        page_read: Generation of the case, and a list of :class:`FieldRecord`, in the order asked for.
        overview_read: Generation of the case, and an :class:`Overview`.
        tally_read: Generation of the case, a slide's id or None, and its :class:`Tally`.
        failures_read: Records of failed fields.
        known_read: A folder, and names and sizes of the files of it that the case has.
        predictions_read: Id of a field, and its predictions with their model's name, the newest first.
        history_read: Id of a field and all its reviews that count, the oldest first.
        unreviewed_found: Id of the next unreviewed field, or None when every one is reviewed.
        site_read: Generation of the case, and its :class:`Site` or None.
        slide_sizes_read: Generation of the case, and :class:`SlideSizes` of the slides that have their own.
        details_read: Generation of the case, and the texts about patient, request and specimen.
        free_text_read: Generation of the case, and its free text by kind.
        cells_listed: Generation of the case, and a :class:`CellListing`.
        cell_page_read: Generation of the case, and a list of :class:`CellRecord`, in the order asked for.
        cell_counts_read: Generation of the case, a :class:`CellFilter` and its :class:`CellCounts`.
        field_cells_read: Generation of the case, id of a field, and its cells.
        cell_features_read: Generation of the case, cells and their features.
        gallery_listed: Generation of the case, and a :class:`GalleryListing`.
        count_started: Generation of the case, and a :class:`CountStart`.
        count_cells_read: Generation of the case, cells to count, and where their fields lie, by id.
        other_counts_read: Generation of the case, and a list of :class:`OtherCount`.
        field_files_read: Generation of the case, and where fields lie, by id.
        patients_proposed: Generation of the case, what was given, and a :class:`PatientProposal` or a
            :class:`Problem`.
        shares_read: Generation of the case, a slide's id or None, and :class:`PlaceShares`.
        slide_fields_read: Generation of the case, a slide's id, and its fields as :class:`SlideFieldMark`.
        slide_file_read: Generation of the case, a slide's id, and its :class:`SlideFile` or None.
        problem: A :class:`Problem`.
        finished: The connection is closed; the thread may end.
    """

    listed = Signal(object)
    page_read = Signal(int, list)
    overview_read = Signal(int, object)
    tally_read = Signal(int, object, object)
    failures_read = Signal(list)
    unreviewed_found = Signal(object)
    history_read = Signal(int, list)
    known_read = Signal(object, object)
    predictions_read = Signal(int, list)
    details_read = Signal(int, object)
    site_read = Signal(int, object)
    slide_sizes_read = Signal(int, object)
    free_text_read = Signal(int, object)
    cells_listed = Signal(int, object)
    cell_page_read = Signal(int, list)
    cell_counts_read = Signal(int, object, object)
    field_cells_read = Signal(int, int, list)
    cell_features_read = Signal(int, object, object)
    gallery_listed = Signal(int, object)
    field_files_read = Signal(int, object)
    count_started = Signal(int, object)
    other_counts_read = Signal(int, list)
    count_cells_read = Signal(int, list, object)
    patients_proposed = Signal(int, str, object)
    shares_read = Signal(int, object, object)
    slide_fields_read = Signal(int, int, list)
    slide_file_read = Signal(int, int, object)
    problem = Signal(object)
    finished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._case: Case | None = None
        self._generation = 0
        self.newest_ticket = 0
        """Set by the asker's thread; older queries are passed over unread."""
        self.newest_gallery = 0
        """The same for the cells of the gallery."""
        self._signals = {
            questions.ListFields: self.listed,
            questions.ReadPage: self.page_read,
            questions.ReadOverview: self.overview_read,
            questions.ReadTally: self.tally_read,
            questions.ReadFailures: self.failures_read,
            questions.ReadKnownFiles: self.known_read,
            questions.ReadDetails: self.details_read,
            questions.ReadSite: self.site_read,
            questions.ReadFreeText: self.free_text_read,
            questions.ReadPredictions: self.predictions_read,
            questions.ReadHistory: self.history_read,
            questions.FindUnreviewed: self.unreviewed_found,
            patient_requests.ProposePatients: self.patients_proposed,
            share_questions.ReadShares: self.shares_read,
            slide_size_requests.ReadSlideSizes: self.slide_sizes_read,
            slide_requests.SlideFields: self.slide_fields_read,
            slide_requests.SlideFileOf: self.slide_file_read,
            cell_questions.CellIds: self.cells_listed,
            cell_questions.CellPage: self.cell_page_read,
            cell_questions.CellCountsOf: self.cell_counts_read,
            cell_questions.CellsOfField: self.field_cells_read,
            cell_questions.CellFeatures: self.cell_features_read,
            gallery_questions.ListGallery: self.gallery_listed,
            gallery_questions.ReadFieldFiles: self.field_files_read,
            gallery_questions.StartCount: self.count_started,
            gallery_questions.ReadOtherCounts: self.other_counts_read,
            gallery_questions.ReadCountCells: self.count_cells_read,
        }

    @Slot(object, int)
    def open_case(self, folder: Path, generation: int) -> None:
        """Read another case from now on; its generation comes back with pages and counts."""
        self.close_case()
        self._generation = generation
        try:
            self._case = Case.open(folder, read_only=True)
        except StationError as error:
            self.problem.emit(Problem.of(error, folder.name))

    @Slot()
    def close_case(self) -> None:
        """Let go of the case."""
        if self._case is not None:
            self._case.close()
            self._case = None

    @Slot()
    def stop(self) -> None:
        """Close for good."""
        self.close_case()
        self.finished.emit()

    @Slot(object)
    def answer(self, question: questions.Question) -> None:
        """Answer one question, unless it is a query that a newer one has replaced."""
        if self._case is None:
            return
        if self._is_replaced(question):
            return
        try:
            answer = question.answer(self._case, self._generation)
        except StationError as error:
            self.problem.emit(Problem.of(error))
            return
        self._signals[type(question)].emit(*answer)

    def _is_replaced(self, question: questions.Question) -> bool:
        if isinstance(question, questions.ListFields):
            return question.query.ticket < self.newest_ticket
        if isinstance(question, gallery_questions.ListGallery):
            return question.query.ticket < self.newest_gallery
        return False
