"""Cells of a case on their way through a commissioning: read from the case, handed to the session.

Plain Python; :class:`~allstation.services.site.commissioning.CommissioningService` calls it on its own
thread.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.commissioning.acceptance import Wanted
from allstation.commissioning.commission import Commissioned, Plan
from allstation.commissioning.rounds import cells_to_test, divided
from allstation.commissioning.session import CommissioningSession, Standing
from allstation.commissioning.typed_cells import TypedCells
from allstation.core.cell_types import CellType
from allstation.core.cells import CellFilter, CellGroup, CellRecord
from allstation.core.classes import NEEDS_REVIEW
from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.core.metrics import Figure
from allstation.core.statistics import Interval
from allstation.services.images.crop_loader import FieldPlace
from allstation.store.case import Case
from allstation.store.site.commissioning_record import CommissioningRecord, CommissioningRecords, CurvePoint

_EVERY_CELL: Final = 2**31 - 1
_WHOLE: Final = CellFilter(at_edge=False)
"""Cells that are cut by the edge of their field take no part: nobody sees the whole of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseCells:
    """Counts of what a case offers to a commissioning.

    Attributes:
        cells: Whole cells.
        measured: Of them with features.
        slides: Slides with whole cells.
        later: Fields that were read and wait for their cells.
        typed: Whole cells by the type that a person gave, by key.
        types: The case's list of types.
        has_types: Whether any cell has a type by a person, so that the case's list is in use.
        record: What was chosen, frozen and opened before.
        curve: Learning curve so far.
        test_typed: Cells of the frozen test part that the reviewer typed.
    """

    cells: int
    measured: int
    slides: int
    later: int
    typed: Mapping[str, int]
    types: tuple[CellType, ...]
    has_types: bool
    record: CommissioningRecord
    curve: tuple[CurvePoint, ...]
    test_typed: int


@dataclass(frozen=True, slots=True)
class AskedCells:
    """Cells that a person should type next, the most useful first, with the files of their fields by id."""

    records: Sequence[CellRecord]
    places: Mapping[int, FieldPlace]


@dataclass(frozen=True, eq=False, slots=True)
class TestCells:
    """Cells of a test part that were typed as one of the types that are told apart.

    Attributes:
        features: (n, f).
        types: Key of the type of each.
        groups: Slide or patient of each.
    """

    __test__ = False

    features: NDArray[np.float64]
    types: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """Progress of the session, with its learning curve."""

    standing: Standing
    curve: tuple[CurvePoint, ...]


def look_at(folder: Path, reviewer: str) -> CaseCells:
    """Count what a case offers.

    Raises:
        StationError: ``altered-commissioning``, or what the disk answered.
    """
    with Case.open(folder, read_only=True) as case:
        records = CommissioningRecords(case.connection)
        record, ids = records.read(), case.cells.ids(_WHOLE)
        missing = set(case.cells.without_features(case.cells.network_sha256))
        frozen = set(record.frozen.cells) if record.frozen is not None else set()
        mine = case.cells.typed_by(reviewer) if frozen else {}
        typed = case.cells.counts_by_type(_WHOLE).typed
        return CaseCells(
            cells=len(ids),
            measured=sum(number not in missing for number in ids),
            slides=len(case.cells.groups(_WHOLE, CellGroup.SLIDE)),
            later=case.later_cells.count(),
            typed=typed,
            types=case.cells.types(),
            has_types=bool(typed) or case.cells.count(CellFilter(typed=True)) > 0,
            record=record,
            curve=tuple(records.curve()),
            test_typed=len(frozen & mine.keys()),
        )


class CommissioningCells:
    """Session of the cells of one case.

    Args:
        folder: Of the case.
        reviewer: Who types; the test counts this person's types only.
        chosen: Types and what is wanted; what was frozen and opened before is read from the case.

    Attributes:
        record: The record, with the division into slides that are learned from and tested.
        measured: Cells that take part.

    Raises:
        StationError: ``too-few-groups`` if no slide is left for the test; ``other-network`` without features.
    """

    def __init__(self, folder: Path, reviewer: str, chosen: CommissioningRecord) -> None:
        self.folder = folder
        self._reviewer = reviewer
        with Case.open(folder, read_only=True) as case:
            records = CommissioningRecords(case.connection)
            before, self._curve = records.read(), records.curve()
            cells, self._cells = _measured_cells(case)
        if not cells:
            sentence = "No cell of this case is measured yet. Wait until its fields are read and measured."
            raise StationError("no-features", sentence)
        self._ids = [cell.id for cell in cells]
        self._row = {number: row for row, number in enumerate(self._ids)}
        self._groups = lasting_groups(self._cells.slides, self._cells.patients, before)
        self.record = self._divided(before, chosen, [cell.type for cell in cells])
        self._session = CommissioningSession(
            self._cells.features,
            self._groups,
            network_sha256=self._cells.network_sha256,
            learning=self._learning(),
            patients=self._cells.patients_text,
        )
        self._wanted = Wanted(lowest_balanced=self.record.lowest_balanced, error_rate=self.record.error_rate)
        self._balanced: Figure | None = None
        for cell in cells:
            self._take(cell)
        if self.record.frozen is not None:
            self._session.begin_test(_EVERY_CELL)
            self.refresh(self.record.frozen.cells)

    def _divided(
        self, before: CommissioningRecord, chosen: CommissioningRecord, types: Sequence[str]
    ) -> CommissioningRecord:
        """Return the record with every slide on one side; nothing moves while a test is frozen."""
        if before.frozen is not None:
            return before
        typed = {group for group, kind in zip(self._groups, types, strict=True) if kind}
        division = divided(
            self._groups,
            learning=before.learning,
            apart=before.apart,
            tested=before.used_groups,
            typed=typed,
        )
        return replace(chosen, learning=division.learning, apart=division.apart, tests=before.tests)

    def _learning(self) -> set[str]:
        kept = set(self.record.apart)
        if self.record.frozen is not None:
            kept |= set(self.record.frozen.groups)
        return set(self._groups) - kept

    @property
    def measured(self) -> int:
        """Cells that take part."""
        return len(self._ids)

    @property
    def _units(self) -> str:
        return "patients" if self._cells.patients_known else "slides"

    @property
    def can_test(self) -> bool:
        """Whether there are slides that no test has opened."""
        return bool(set(self.record.apart) - self.record.used_groups)

    def take_record(self, record: CommissioningRecord) -> None:
        """Take the record as it is written now: from the freezing of a test on, only its cells are taken."""
        self.record = record

    # Learning

    def refresh(self, cells: Collection[int]) -> None:
        """Take the types of cells as they are written now."""
        known = [number for number in cells if number in self._row]
        frozen = self.record.frozen
        with Case.open(self.folder, read_only=True) as case:
            if frozen is None:
                for cell in case.cells.records(known):
                    self._take(cell)
                return
            mine = set(frozen.cells)
            for cell in case.cells.records([one for one in known if one in mine], reviewer=self._reviewer):
                self._take(cell)

    def _take(self, cell: CellRecord) -> None:
        row, frozen = self._row[cell.id], self.record.frozen
        tested = row is not None and self._groups[row] in self.record.apart
        if tested and (frozen is None or cell.id not in frozen.cells):
            return
        if cell.type in self.record.types:
            self._session.set_type(row, cell.type)
        else:
            self._session.withdraw(row)

    def ask(self, count: int, skipped: Collection[int]) -> AskedCells:
        """Return the cells to type next; in a test those of its part that this person has not typed.

        Args:
            count: How many.
            skipped: Cells that are not to be asked for again.
        """
        frozen = self.record.frozen
        with Case.open(self.folder, read_only=True) as case:
            if frozen is not None:
                mine = case.cells.typed_by(self._reviewer)
                ids = [cell for cell in frozen.cells if cell not in mine and cell not in skipped]
            else:
                typed_otherwise = self._named_otherwise(case)
                left_out = set(skipped) | typed_otherwise
                rows = self._session.next_cells(count + len(left_out))
                ids = [self._ids[row] for row in rows if self._ids[row] not in left_out]
            records = case.cells.records(ids[:count], reviewer=self._reviewer)
            fields = case.fields.records(sorted({record.field_id for record in records}))
            places = {one.id: FieldPlace(one.path, one.sha256) for one in fields}
        return AskedCells(records, places)

    def _named_otherwise(self, case: Case) -> set[int]:
        """Return cells that have a type which is not told apart: to the session they are untyped."""
        typed = case.cells.records(case.cells.ids(CellFilter(typed=True, at_edge=False)))
        return {cell.id for cell in typed if cell.type not in self.record.types}

    def measure(self) -> Measured:
        """Cross-validate what is typed, slides or patients kept apart."""
        standing = self._session.standing()
        self._balanced = balanced = standing.balanced
        if balanced is not None and math.isfinite(balanced.value):
            interval: Interval | None = balanced.interval
            is_known = interval is not None and math.isfinite(interval.low + interval.high)
            low, high = (interval.low, interval.high) if interval is not None and is_known else (None, None)
            point = CurvePoint(standing.typed, balanced.value, low, high)
            self._curve = [one for one in self._curve if one.cells < point.cells] + [point]
        return Measured(standing, tuple(self._curve))

    # Testing

    def draw_test(self) -> tuple[list[int], list[str]]:
        """Return the cells of a test part, and their slides: cells that nobody typed, at random.

        Raises:
            StationError: ``too-few-cells`` if nothing can be fitted yet; ``test-opened`` if every slide that
                was kept apart was tested already.
        """
        if not self.can_test:
            sentence = (
                f"All {self._units} that were kept apart were tested already, and a second look would prove "
                f"nothing. Add at least 2 further {self._units} to the case, then freeze another test part."
            )
            raise StationError("test-opened", sentence)
        rows = self._session.begin_test(_EVERY_CELL)
        with Case.open(self.folder, read_only=True) as case:
            cells = {cell.id: cell for cell in case.cells.records([self._ids[row] for row in rows])}
        known, wanted = self._balanced, self._wanted.lowest_balanced
        value, types = known.value if known is not None else wanted, len(self.record.types)
        count = cells_to_test(value, lowest=wanted, types=types)
        drawn = [row for row in rows if not cells[self._ids[row]].type][:count]
        if not drawn:
            sentence = (
                f"Every cell of the {self._units} that were kept apart has a type already, and was not typed "
                f"blind. Add at least 2 further {self._units} to the case, then freeze a test part."
            )
            raise StationError("no-untyped-cells", sentence)
        return [self._ids[row] for row in drawn], sorted({self._groups[row] for row in drawn})

    def finish(self) -> Commissioned:
        """Open the test part."""
        return Commissioned(
            outcome=self._session.finish(self._wanted),
            cells=self._cells,
            plan=Plan(wanted=self._wanted),
            learned_groups=tuple(sorted(self._learning())),
        )

    def test_cells(self) -> TestCells:
        """Return the typed cells of the latest test part, as this person typed them."""
        part = self.record.tests[-1].cells if self.record.tests else ()
        with Case.open(self.folder, read_only=True) as case:
            mine = case.cells.typed_by(self._reviewer)
        ids = [cell for cell in part if mine.get(cell, "") in self.record.types and cell in self._row]
        rows = [self._row[cell] for cell in ids]
        return TestCells(
            np.asarray(self._cells.features[rows], np.float64),
            tuple(mine[cell] for cell in ids),
            tuple(self._groups[row] for row in rows),
        )

    def decided_by(self, model_sha256: str) -> tuple[int, int]:
        """Return how many fields of the case a model was asked about, and how many it named."""
        with Case.open(self.folder, read_only=True) as case:
            asked = case.fields.count(FieldFilter(model_sha256=model_sha256))
            left = case.fields.count(FieldFilter(model_sha256=model_sha256, decision=NEEDS_REVIEW))
        return asked, asked - left


def lasting_groups(
    slides: Sequence[str], patients: Sequence[str], record: CommissioningRecord
) -> tuple[str, ...]:
    """Return what keeps each cell apart, by a name that stays when slides get patients later.

    It is the slide; of a patient one of their slides, for all. A patient with a slide that was kept apart or
    tested is so as a whole, whenever the patient became known.

    Args:
        slides: Slide of each cell.
        patients: Patient of each cell, empty where nobody said.
        record: Of the commissioning: what it keeps apart and has tested.
    """
    apart = {*record.apart, *(group for part in record.tests for group in part.groups)}
    names: dict[str, str] = {}
    for slide, patient in zip(slides, patients, strict=True):
        known = names.setdefault(patient, slide)
        if slide in apart and known not in apart:
            names[patient] = slide
    return tuple(
        names[patient] if patient else slide for slide, patient in zip(slides, patients, strict=True)
    )


def _measured_cells(case: Case) -> tuple[list[CellRecord], TypedCells]:
    """Return the whole cells that have features, typed or not.

    Cells without a known pixel size are left out where others have one: their crops have another scale.
    """
    known, features = case.cells.features(case.cells.ids(_WHOLE))
    cells = case.cells.records(known)
    is_scaled = [cell.pixel_size is not None for cell in cells]
    rows = [row for row, scaled in enumerate(is_scaled) if scaled or not any(is_scaled)]
    kept = [cells[row] for row in rows]
    patients = {slide.id: slide.patient for slide in case.slides.all()}
    fields = {one.id: one for one in case.fields.records({cell.field_id for cell in kept})}
    sizes = {cell.pixel_size for cell in kept}
    return kept, TypedCells(
        features=np.asarray(features, np.float32)[rows],
        types=tuple(cell.type for cell in kept),
        patients=tuple(patients.get(cell.slide_id, "") for cell in kept),
        slides=tuple(f"slide {cell.slide_id}" for cell in kept),
        files=tuple(fields[cell.field_id].path.name for cell in kept),
        pictures=tuple(fields[cell.field_id].sha256 for cell in kept),
        network_sha256=case.cells.network_sha256,
        unfound=(),
        pixel_size=None,
        pixel_size_source="",
        from_fields=any(is_scaled),
        field_pixel_size=sizes.pop() if len(sizes) == 1 else None,
    )
