"""Rectangles of a slide are added, moved and taken back; its overview hears of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Slot
from pytestqt.qtbot import QtBot

from allstation.core.classes import CLASS_NAMES
from allstation.core.errors import StationError
from allstation.core.records import ModelRecord, Review
from allstation.core.slide_file import CANCELLED, EVERYTHING, SlideFieldMark, SlideFile, SlideIdentity
from allstation.core.slide_info import Level, SlideInfo
from allstation.core.slide_part import Region
from allstation.processing.import_progress import ImportProgress
from allstation.processing.importer import ImportBatch
from allstation.processing.slide_import import SlideStep
from allstation.processing.status_types import Problem
from allstation.services.case.region_undo import RegionUndoLog
from allstation.services.case.requests import OpenCase
from allstation.services.case.session import CaseSession
from allstation.services.case.slide_requests import (
    AddRegions,
    MoveRegion,
    SlideFields,
    SlideFileOf,
    UndoRegions,
)
from allstation.store.case import Case
from allstation.store.removal import RemovedCounts
from tests.makers import MODEL_SHA, prediction

INFO = SlideInfo(format="TIFF", vendor="generic", width=4000, height=3000, levels=(Level(4000, 3000, 1.0),))


def region(x: int, y: int = 0) -> Region:
    return Region(level=0, x=x, y=y, width=300, height=225)


def filled(folder: Path) -> Path:
    """A case with a slide of two fields."""
    path = folder / "p.svs"
    path.write_text("a slide")
    with Case.create(folder / "c.allcase") as case:
        identity = SlideIdentity(fingerprint="ab" * 32, bytes=7, mtime_ns=1)
        file = case.slide_files.add("p", path, identity, INFO)
        new = case.slide_files.new_fields(file.slide_id, [region(0), region(300)])
        case.fields.add(file.slide_id, new)
    return folder / "c.allcase"


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with Case.open(filled(tmp_path)) as case:
        yield case


def places(case: Case) -> set[int]:
    return {mark.part.x for mark in case.slide_files.fields(1)}


def test_adding_is_undone_and_done_again(case: Case) -> None:
    log = RegionUndoLog(case)
    first = log.add(1, 1, [region(600), region(900), region(0)])
    assert len(first.added) == 2, "one is there already"
    assert places(case) == {0, 300, 600, 900}
    assert set(log.undo(1).removed) == set(first.added)
    assert places(case) == {0, 300}
    again = log.add(1, 1, [region(600), region(900), region(0)])
    assert (again.added, set(again.restored)) == ((), set(first.added))
    assert places(case) == {0, 300, 600, 900}
    log.undo(1)
    assert places(case) == {0, 300}
    assert case.audit.verify() is None


def test_moving_keeps_the_first_field_and_is_undone(case: Case) -> None:
    log = RegionUndoLog(case)
    moved = log.move(1, 1, region(1200, 450))
    assert places(case) == {300, 1200}
    assert moved.removed == (1,)
    assert log.undo(1).restored == (1,)
    assert places(case) == {0, 300}
    assert log.move(1, 1, region(1200, 450)).restored == moved.added, "the same field again"
    assert case.audit.verify() is None


@pytest.mark.parametrize(
    ("target", "code"),
    [(region(300), "same-region"), (region(3900), "bad-region"), (region(0), "same-region")],
)
def test_a_move_that_cannot_be_changes_nothing(case: Case, target: Region, code: str) -> None:
    log = RegionUndoLog(case)
    with pytest.raises(StationError) as caught:
        log.move(1, 1, target)
    assert caught.value.code == code
    assert places(case) == {0, 300}
    with pytest.raises(StationError):
        log.undo(1)


class Heard(QObject):
    """Collects what worker and reader say, on the test's thread."""

    def __init__(self, session: CaseSession) -> None:
        super().__init__()
        self.edits: list[tuple[int, int, list[int], list[int]]] = []
        self.marks: list[SlideFieldMark] = []
        self.file: SlideFile | None = None
        self.problems: list[Problem] = []
        session.worker.regions_edited.connect(self._edited)
        session.worker.problem.connect(self._problem)
        session.reader.slide_fields_read.connect(self._fields)
        session.reader.slide_file_read.connect(self._file)

    @Slot(int, int, list, list)
    def _edited(self, token: int, slide: int, added: list[int], removed: list[int]) -> None:
        self.edits.append((token, slide, added, removed))

    @Slot(object)
    def _problem(self, problem: Problem) -> None:
        self.problems.append(problem)

    @Slot(int, int, list)
    def _fields(self, _generation: int, _slide: int, marks: list[SlideFieldMark]) -> None:
        self.marks = marks

    @Slot(int, int, object)
    def _file(self, _generation: int, _slide: int, file: SlideFile | None) -> None:
        self.file = file


def test_the_window_adds_moves_and_takes_back(tmp_path: Path, qtbot: QtBot) -> None:
    session = CaseSession()
    heard = Heard(session)
    with qtbot.waitSignal(session.opened):
        session.submit(OpenCase(filled(tmp_path)))
    session.submit(AddRegions(1, [region(600)], token=5))
    session.submit(MoveRegion(1, region(900), token=6))
    session.submit(UndoRegions(5))
    session.submit(MoveRegion(2, region(3900), token=7))
    qtbot.waitUntil(lambda: len(heard.edits) == 3 and len(heard.problems) == 1)
    assert heard.edits == [(5, 1, [3], []), (6, 1, [4], [1]), (5, 1, [], [3])]
    assert heard.problems[0].code == "bad-region"
    session.ask(SlideFields(1))
    session.ask(SlideFileOf(1))
    qtbot.waitUntil(lambda: heard.file is not None)
    assert {mark.part.x for mark in heard.marks} == {300, 900}
    assert heard.file.path == tmp_path / "p.svs"
    assert session.wait()


def classify(case: Case, *ids: int) -> None:
    case.models.add(ModelRecord(sha256=MODEL_SHA, name="m", version="1", classes=CLASS_NAMES, info={}))
    case.queue.save_predictions([(number, prediction()) for number in ids])


def planned(case: Case, *, added: int, proposed: int) -> None:
    """Give the case's slide a plan of fields side by side, some of which are in the case."""
    parts = [region(300 * n) for n in range(proposed)]
    case.slide_files.set_plan(1, EVERYTHING, parts)
    case.fields.add(1, case.slide_files.new_fields(1, parts[2:added]))  # two are there
    case.slide_files.advance(1, added)


def test_a_smaller_number_takes_back_the_last_proposed_fields_that_nobody_looked_at(case: Case) -> None:
    planned(case, added=6, proposed=6)
    case.fields.add(1, case.slide_files.new_fields(1, [region(0, 900)]))  # placed by a person
    classify(case, 6)
    case.reviews.add(Review(field_id=4, reviewer="Ada", class_name="Pre"))
    log = RegionUndoLog(case)
    cut = log.keep_best(-1, 1, 4)
    assert (cut.removed, cut.taken_back, places(case)) == ((2, 3, 5), 3, {0, 900, 1500})
    assert case.fields.removed_counts() == RemovedCounts(by_hand=0, taken_back=3)
    assert log.keep_best(-2, 1, 1).removed == (1,), "the others were read, or placed by hand"
    assert log.undo(-2).restored == (1,)
    assert log.undo(-1).restored == (2, 3, 5)
    assert case.fields.removed_counts() == RemovedCounts(by_hand=0)
    assert case.audit.verify() is None


def test_the_rest_of_everything_is_cancelled_and_goes_on_when_that_is_undone(case: Case) -> None:
    planned(case, added=5, proposed=9)
    classify(case, 1, 3)
    log = RegionUndoLog(case)
    cut = log.cancel_rest(-1, 1)
    assert (cut.removed, cut.taken_back, places(case)) == ((2, 4, 5), 7, {0, 600})
    file = case.slide_files.of(1)
    assert (file.wanted, file.is_complete, case.slide_files.unfinished()) == (CANCELLED, True, [])
    late = SlideStep(file.identity.fingerprint, 6)
    batch = ImportBatch(file.path, tuple(case.slide_files.new_fields(1, [region(1500)])), (), slide=late)
    assert ImportProgress().add(case, batch) == [], "what was on its way is not added any more"
    assert log.undo(-1).restored == (2, 4, 5)
    plan = case.slide_files.plan(1)
    assert (plan.wanted, len(plan.parts), plan.added) == (EVERYTHING, 9, 5)
    assert case.audit.verify() is None


def test_cancelling_the_queue_lets_no_more_proposed_fields_come(case: Case) -> None:
    planned(case, added=3, proposed=5)
    RegionUndoLog(case).stop_adding(1)
    assert case.slide_files.unfinished() == []
    assert places(case) == {0, 300, 600}, "those that it has stay"
    assert case.fields.removed_counts() == RemovedCounts(by_hand=0)


def test_a_moved_field_is_none_that_was_removed_by_hand(case: Case) -> None:
    log = RegionUndoLog(case)
    moved = log.move(1, 1, region(1200))
    log.move(2, moved.added[0], region(1500))
    assert case.fields.removed_counts() == RemovedCounts(by_hand=0, moved=1), "moved twice"
    log.undo(2)
    log.undo(1)
    assert places(case) == {0, 300}
    assert case.fields.removed_counts() == RemovedCounts(by_hand=0)
    log.add(3, 1, [region(2000)])
    log.undo(3)
    case.fields.remove([2])
    shown = case.snapshot()
    assert (shown.removed, shown.moved, shown.taken_back) == (1, 0, 0)
    assert case.audit.verify() is None
