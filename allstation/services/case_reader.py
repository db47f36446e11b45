"""Reads a case for the window on a thread of its own: lists, pages, counts."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter, FieldGroup, FieldSort
from allstation.core.records import FieldState, Slide
from allstation.services.status_types import Problem
from allstation.store.case import Case
from allstation.store.slides import SlideCounts


@dataclass(frozen=True, slots=True)
class Query:
    """Which fields a view shows.

    Attributes:
        ticket: Rises with each query; a late answer to an older one is dropped.
        where: Conditions.
        sort: Order.
        descending: Largest first.
        group: What stands together under headings.
        reviewer: Whose decisions are missing where a field counts as not reviewed; None for anyone's.
    """

    ticket: int
    where: FieldFilter
    sort: FieldSort = FieldSort.SLIDE
    descending: bool = False
    group: FieldGroup = FieldGroup.NONE
    reviewer: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The answer to a query: ids in order, and the groups they fall into (key and number of fields)."""

    query: Query
    ids: array[int]
    groups: tuple[tuple[int | str | None, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """Slides with their counts.

    Attributes:
        slides: In natural order.
        counts: By slide.
        own: Fields that the person asked about has reviewed; None if nobody was asked about.
    """

    slides: tuple[Slide, ...]
    counts: dict[int, SlideCounts]
    own: int | None = None


class CaseReader(QObject):
    """Answers the window's questions from a read-only connection.

    Signals:
        listed: A :class:`Listing`.
        page_read: Generation of the case, and a list of :class:`FieldRecord`, in the order asked for.
        overview_read: Generation of the case, and an :class:`Overview`.
        tally_read: Generation of the case, a slide's id or None, and its :class:`~core.summary.Tally`.
        failures_read: Records of failed fields.
        known_read: A folder, and names and sizes of the files of it that the case has.
        predictions_read: Id of a field, and its predictions with their model's name, the newest first.
        history_read: Id of a field and all its reviews that count, the oldest first.
        unreviewed_found: Id of the next unreviewed field, or None when every one is reviewed.
        details_read: Generation of the case, and the texts about patient, request and specimen.
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
    problem = Signal(object)
    finished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._case: Case | None = None
        self._generation = 0
        self.newest_ticket = 0
        """Set by the asker's thread; older queries are passed over unread."""

    @Slot(object, int)
    def open_case(self, folder: Path, generation: int) -> None:
        """Read another case from now on.

        Args:
            folder: The case folder.
            generation: Comes back with pages and counts: numbers of fields begin anew with each
                case, and an answer about the last one may still be on its way.
        """
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
    def list_fields(self, query: Query) -> None:
        """Find the ids a query asks for."""
        if self._case is None or query.ticket < self.newest_ticket:
            return
        try:
            ids = self._ids_of(query)
            groups = tuple(self._case.fields.groups(query.where, query.group))
        except StationError as error:
            self.problem.emit(Problem.of(error))
            return
        self.listed.emit(Listing(query, ids, groups))

    def _ids_of(self, query: Query) -> array[int]:
        if self._case is None:
            return array("q")
        return self._case.fields.ids(query.where, query.sort, descending=query.descending, group=query.group)

    @Slot(list, object)
    def read_page(self, ids: list[int], reviewer: str | None) -> None:
        """Read the records of some fields, with this person's reviews or with those that count."""
        if self._case is None:
            return
        try:
            self.page_read.emit(self._generation, self._case.fields.records(ids, reviewer=reviewer))
        except StationError as error:
            self.problem.emit(Problem.of(error))

    @Slot(object)
    def read_overview(self, reviewer: str | None) -> None:
        """Read slides and counts, and how many fields this person has reviewed."""
        if self._case is None:
            return
        try:
            mine = FieldFilter(reviewed=True, reviewer=reviewer)
            own = self._case.fields.count(mine) if reviewer is not None else None
            overview = Overview(tuple(self._case.slides.all()), self._case.slides.counts(), own)
        except StationError as error:
            self.problem.emit(Problem.of(error))
            return
        self.overview_read.emit(self._generation, overview)

    @Slot(object)
    def read_tally(self, slide_id: int | None) -> None:
        """Read the counts behind the summary of a slide, or of the case."""
        if self._case is None:
            return
        try:
            self.tally_read.emit(self._generation, slide_id, self._case.statistics.tally(slide_id))
        except StationError as error:
            self.problem.emit(Problem.of(error))

    @Slot(int)
    def read_failures(self, limit: int) -> None:
        """Read the first failed fields."""
        if self._case is None:
            return
        try:
            found = list(self._case.fields.page(FieldFilter(state=FieldState.FAILED), limit=limit))
        except StationError as error:
            self.problem.emit(Problem.of(error))
            return
        self.failures_read.emit(found)

    @Slot(object)
    def read_known(self, folder: Path) -> None:
        """Read which files of a folder the case has."""
        if self._case is None:
            return
        try:
            self.known_read.emit(folder, self._case.files.in_folder(folder))
        except StationError as error:
            self.problem.emit(Problem.of(error))

    @Slot()
    def read_details(self) -> None:
        """Read the texts about patient, request and specimen."""
        if self._case is None:
            return
        try:
            self.details_read.emit(self._generation, self._case.details())
        except StationError as error:
            self.problem.emit(Problem.of(error))

    @Slot(int)
    def read_predictions(self, field_id: int) -> None:
        """Read what every model said about a field."""
        if self._case is None:
            return
        try:
            names = {model.sha256: f"{model.name} {model.version}" for model in self._case.models.all()}
            made = self._case.fields.predictions(field_id)
        except StationError as error:
            self.problem.emit(Problem.of(error))
            return
        self.predictions_read.emit(field_id, [(names.get(one.model_sha256, ""), one) for one in made])

    @Slot(int)
    def read_history(self, field_id: int) -> None:
        """Read every review of a field."""
        if self._case is None:
            return
        try:
            self.history_read.emit(field_id, self._case.reviews.of_field(field_id))
        except StationError as error:
            self.problem.emit(Problem.of(error))

    @Slot(object, int)
    def find_unreviewed(self, query: Query, after: int) -> None:
        """Find the next field of a query that nobody reviewed, going round at the end."""
        if self._case is None:
            return
        try:
            ids = self._ids_of(query)
            missing = replace(query.where, reviewed=False, reviewer=query.reviewer)
            open_ids = set(self._case.fields.ids(missing))
        except StationError as error:
            self.problem.emit(Problem.of(error))
            return
        start = ids.index(after) + 1 if after in ids else 0
        following = (number for number in (*ids[start:], *ids[:start]) if number in open_ids)
        self.unreviewed_found.emit(next(following, None))
