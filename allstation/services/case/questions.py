"""Questions to a case: what the window wants to know, as plain values that find their answer.

:meth:`~allstation.services.case.session.CaseSession.ask` brings them to the reader's thread; the answer comes
back with the signal of :class:`~allstation.services.case.reader.CaseReader` that belongs to the question.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from pathlib import Path

from allstation.core.filters import FieldFilter, FieldGroup, FieldSort
from allstation.core.records import FieldState, Slide
from allstation.core.reports import ReportRecord
from allstation.report.content.options import ReportOptions
from allstation.store.case import Case
from allstation.store.slides.repository import SlideCounts

Answer = tuple[object, ...]
"""Arguments of the signal that belongs to a question."""


@dataclass(frozen=True, slots=True)
class Query:
    """Fields that a view shows.

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
    """Answer to a query: ids in order, and the groups they fall into (key and number of fields)."""

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
        signed: The last report that locks decisions, if there is one.
        differs: Whether a decision is another one than in that report.
    """

    slides: tuple[Slide, ...]
    counts: dict[int, SlideCounts]
    own: int | None = None
    signed: ReportRecord | None = None
    differs: bool = False


@dataclass(frozen=True)
class Question:
    """Question to the reader."""

    def answer(self, case: Case, generation: int) -> Answer:
        """Return the answer. Called on the reader's thread.

        Args:
            case: A read-only connection.
            generation: Number of the case: numbers of fields begin anew with each case, and an answer
                about the last one may still be on its way.

        Raises:
            StationError: If the case cannot be read.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class ListFields(Question):
    """Ids of the fields of a query, answered with ``listed``."""

    query: Query

    def answer(self, case: Case, generation: int) -> Answer:
        groups = tuple(case.fields.groups(self.query.where, self.query.group))
        return (Listing(self.query, _ids(case, self.query), groups),)


@dataclass(frozen=True)
class ReadPage(Question):
    """Records of some fields with this person's reviews, or with those that count, as ``page_read``."""

    ids: list[int]
    reviewer: str | None = None

    def answer(self, case: Case, generation: int) -> Answer:
        return generation, case.fields.records(self.ids, reviewer=self.reviewer)


@dataclass(frozen=True)
class ReadOverview(Question):
    """Slides with their counts, and how many fields this person has reviewed, as ``overview_read``."""

    reviewer: str | None = None

    def answer(self, case: Case, generation: int) -> Answer:
        mine = FieldFilter(reviewed=True, reviewer=self.reviewer)
        own = case.fields.count(mine) if self.reviewer is not None else None
        signed = next((report for report in reversed(case.reports.all()) if report.status.locks), None)
        differs = signed is not None and case.reports.amendment_needed
        return generation, Overview(tuple(case.slides.all()), case.slides.counts(), own, signed, differs)


@dataclass(frozen=True)
class ReadTally(Question):
    """Counts behind the summary of a slide, or (None) of the case, as ``tally_read``."""

    slide_id: int | None = None

    def answer(self, case: Case, generation: int) -> Answer:
        return generation, self.slide_id, case.statistics.tally(self.slide_id)


@dataclass(frozen=True)
class ReadFailures(Question):
    """First failed fields, as ``failures_read``."""

    limit: int = 500

    def answer(self, case: Case, generation: int) -> Answer:
        return (list(case.fields.page(FieldFilter(state=FieldState.FAILED), limit=self.limit)),)


@dataclass(frozen=True)
class ReadKnownFiles(Question):
    """Names and sizes of the files of a folder that the case has, as ``known_read``."""

    folder: Path

    def answer(self, case: Case, generation: int) -> Answer:
        return self.folder, case.files.in_folder(self.folder)


@dataclass(frozen=True)
class ReadDetails(Question):
    """Texts about patient, request and specimen, as ``details_read``."""

    def answer(self, case: Case, generation: int) -> Answer:
        return generation, case.details()


@dataclass(frozen=True)
class ReadSite(Question):
    """Site of the case, as ``site_read``."""

    def answer(self, case: Case, generation: int) -> Answer:
        return generation, case.site.get()


@dataclass(frozen=True)
class ReadFreeText(Question):
    """Free text of the case by kind, as ``free_text_read``: what a person sees before any of it goes.

    Attributes:
        report: The report that goes along, for its letterhead.
        most: Texts of one kind that are listed.
    """

    report: ReportOptions = field(default_factory=ReportOptions)
    most: int = 200

    def answer(self, case: Case, generation: int) -> Answer:
        from allstation.report.content.anonymise import free_texts

        with case.reading() as snapshot:
            return generation, free_texts(snapshot, self.report, most=self.most)


@dataclass(frozen=True)
class ReadPredictions(Question):
    """Predictions of a field by every model, the newest first, as ``predictions_read``."""

    field_id: int

    def answer(self, case: Case, generation: int) -> Answer:
        names = {model.sha256: f"{model.name} {model.version}" for model in case.models.all()}
        made = case.fields.predictions(self.field_id)
        return self.field_id, [(names.get(one.model_sha256, ""), one) for one in made]


@dataclass(frozen=True)
class ReadHistory(Question):
    """Reviews of a field that count, the oldest first, as ``history_read``."""

    field_id: int

    def answer(self, case: Case, generation: int) -> Answer:
        return self.field_id, case.reviews.of_field(self.field_id)


@dataclass(frozen=True)
class FindUnreviewed(Question):
    """Next field of a query that nobody reviewed, going round at the end, as ``unreviewed_found``."""

    query: Query
    after: int

    def answer(self, case: Case, generation: int) -> Answer:
        ids = _ids(case, self.query)
        missing = replace(self.query.where, reviewed=False, reviewer=self.query.reviewer)
        unreviewed = set(case.fields.ids(missing))
        start = ids.index(self.after) + 1 if self.after in ids else 0
        following = (number for number in (*ids[start:], *ids[:start]) if number in unreviewed)
        return (next(following, None),)


def _ids(case: Case, query: Query) -> array[int]:
    return case.fields.ids(query.where, query.sort, descending=query.descending, group=query.group)
