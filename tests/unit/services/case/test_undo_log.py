"""Undo of a removal touches what that removal changed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.core.records import NewField
from allstation.services.case.undo_log import Removal, UndoLog
from allstation.store.case import Case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    with Case.create(tmp_path / "a.allcase") as case:
        slide = case.slides.add("one", tmp_path)
        case.fields.add(
            slide.id,
            [
                NewField(path=tmp_path / f"{n}.jpg", sha256=f"{n:064d}", bytes=1, width=8, height=8)
                for n in range(1, 5)
            ],
        )
        yield case


def in_case(case: Case) -> list[int]:
    return case.fields.ids().tolist()


def test_undo_of_a_slide_leaves_out_what_was_removed_before(case: Case) -> None:
    log = UndoLog(case)
    log.remove(1, Removal((2,)))
    assert log.remove(2, Removal(slide_id=1)).ids == (1, 3, 4)
    assert in_case(case) == []
    assert log.undo_removal(2) == Removal((1, 3, 4), back=True)
    assert in_case(case) == [1, 3, 4]
    assert log.undo_removal(1) == Removal((2,), back=True)
    assert in_case(case) == [1, 2, 3, 4]


def test_bringing_back_can_be_undone_and_done_again(case: Case) -> None:
    log = UndoLog(case)
    log.remove(1, Removal((1, 2)))
    assert log.remove(2, Removal((2, 3), back=True)) == Removal((2,), back=True)
    assert log.undo_removal(2) == Removal((2,))
    assert in_case(case) == [3, 4]
    assert log.remove(2, Removal((2, 3), back=True)).ids == (2,)
    assert in_case(case) == [2, 3, 4]


def test_what_was_never_done_cannot_be_undone(case: Case) -> None:
    with pytest.raises(StationError, match="nothing to undo") as caught:
        UndoLog(case).undo_removal(7)
    assert caught.value.code == "unknown-removal"
