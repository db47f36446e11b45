"""Requests and questions about cells through a real session: written first, told second, undone by token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from allstation.core.cell_types import SHIPPED_TYPES
from allstation.core.cells import CellFilter, CellOrder
from allstation.core.records import ModelRecord
from allstation.services.case.cell_questions import (
    CellCountsOf,
    CellFeatures,
    CellIds,
    CellPage,
    CellQuery,
    CellsOfField,
)
from allstation.services.case.cell_requests import (
    AddCell,
    ClearCellProposals,
    JoinCells,
    PartCell,
    RemoveCells,
    RestoreCells,
    RestoreCellTypes,
    SaveCellFeatures,
    SaveCellProposals,
    SetCellTypes,
    TypeCells,
    UndoCellChange,
    WithdrawCellTypes,
)
from allstation.services.case.questions import Question
from allstation.services.case.requests import OpenCase
from allstation.services.case.session import CaseSession
from allstation.store.case import Case
from tests import makers


@pytest.fixture
def session(qtbot: QtBot, tmp_path: Path, nothing_left_running: None) -> Iterator[CaseSession]:
    """A session with a case of one field and three cells."""
    folder = tmp_path / "a.allcase"
    with Case.create(folder) as case:
        classes = ("Benign", "Early", "Pre", "Pro")
        case.models.add(ModelRecord(sha256=makers.MODEL_SHA, name="m", version="1", classes=classes, info={}))
        slide = case.slides.add("slide", tmp_path / "slide").id
        case.fields.add(slide, [makers.new_field(tmp_path / "slide" / "a.jpg", "ab" * 32)])
        cells = {1: [makers.new_cell(number) for number in (1, 5, 9)]}
        case.queue.save_predictions([(1, makers.prediction())], cells)
    made = CaseSession(threads=1)
    with qtbot.waitSignal(made.opened):
        made.submit(OpenCase(folder))
    yield made
    assert made.wait()


class Listener(QObject):
    """Collects a signal's values on this thread: a plain function would run on the other one."""

    def __init__(self, signal: object) -> None:
        super().__init__()
        self.all: list[list[object]] = []
        signal.connect(self.take)

    def take(self, *values: object) -> None:
        self.all.append(list(values))


def told(qtbot: QtBot, session: CaseSession, signal: object, request: object) -> list[object]:
    """Submit a request, or ask a question, and return what the signal brings."""
    listener = Listener(signal)
    (session.ask if isinstance(request, Question) else session.submit)(request)
    qtbot.waitUntil(lambda: bool(listener.all))
    return listener.all[0]


asked = told


def test_types_by_token(qtbot, session):
    worker, reader = session.worker, session.reader
    query = CellQuery(7, CellFilter(), CellOrder.TYPE, types=("monocyte", "blast"))
    given = TypeCells(3, [2, 3], "blast", "Ada", SHIPPED_TYPES[:3])
    changed = Listener(worker.cell_types_changed)
    assert told(qtbot, session, worker.cells_changed, given) == [[2, 3]]
    assert changed.all == [[SHIPPED_TYPES[:3]]]
    generation, listing = asked(qtbot, session, reader.cells_listed, CellIds(query))
    assert (generation, list(listing.ids), listing.query.ticket) == (1, [2, 3, 1], 7)
    assert listing.counts.typed == {"blast": 2}
    assert listing.types == SHIPPED_TYPES[:3]
    assert told(qtbot, session, worker.cells_changed, WithdrawCellTypes(3)) == [[2, 3]]
    assert asked(qtbot, session, reader.cell_counts_read, CellCountsOf())[2].typed == {}
    told(qtbot, session, worker.cells_changed, RestoreCellTypes(3))
    page = asked(qtbot, session, reader.cell_page_read, CellPage([3, 1]))[1]
    assert [(cell.id, cell.type, cell.typed_by) for cell in page] == [(3, "blast", "Ada"), (1, "", "")]
    own = asked(qtbot, session, reader.cell_page_read, CellPage([3], "Bob"))[1]
    assert own[0].type == ""
    problem = told(qtbot, session, worker.problem, WithdrawCellTypes(99))[0]
    assert problem.code == "unknown-review"


@pytest.mark.parametrize(
    ("change", "now"),
    [
        (AddCell(1, 1, makers.new_cell(30), "Ada"), [1, 2, 3, 4]),
        (RemoveCells(1, [1, 3], "Ada"), [2]),
        (JoinCells(1, [1, 2], "Ada"), [3, 4]),
        (PartCell(1, 2, "Ada"), [1, 3, 4, 5]),
    ],
    ids=["add", "remove", "join", "part"],
)
def test_corrections_by_token(qtbot, session, change, now):
    edited, reader = session.worker.cells_edited, session.reader.field_cells_read

    def there() -> list[int]:
        return [cell.id for cell in asked(qtbot, session, reader, CellsOfField(1))[2]]

    told(qtbot, session, edited, change)
    assert there() == now
    assert told(qtbot, session, edited, UndoCellChange(1, "Ada"))[0] == 1
    assert there() == [1, 2, 3]
    told(qtbot, session, edited, UndoCellChange(1, "Ada"))
    assert there() == now
    assert told(qtbot, session, session.worker.problem, UndoCellChange(9, "Ada"))[0].code == "unknown-change"


def test_removed_cells_are_brought_back(qtbot, session):
    edited = session.worker.cells_edited
    told(qtbot, session, edited, RemoveCells(1, [1], "Ada"))
    token, change = told(qtbot, session, edited, RestoreCells(2, [1], "Ada"))
    assert (token, change.added) == (2, (1,))


def test_features_and_proposals(qtbot, session):
    worker, reader = session.worker, session.reader
    features = np.arange(8, dtype=np.float32).reshape(2, 4)
    saved = told(qtbot, session, worker.cell_features_saved, SaveCellFeatures([3, 1], features, "n" * 64))
    assert saved == [[3, 1]]
    _, ids, back = asked(qtbot, session, reader.cell_features_read, CellFeatures([1, 2, 3]))
    assert list(ids) == [1, 3]
    assert np.array_equal(back, features[::-1].astype(np.float16))
    rows = [(1, "blast", 0.7), (2, "monocyte", 0.6)]
    assert told(qtbot, session, worker.proposals_changed, SaveCellProposals(rows, "t" * 64)) == [2]
    where = CellFilter(proposed=True)
    assert asked(qtbot, session, reader.cell_counts_read, CellCountsOf(where))[1:] == [
        where,
        asked(qtbot, session, reader.cell_counts_read, CellCountsOf(where))[2],
    ]
    assert told(qtbot, session, worker.proposals_changed, ClearCellProposals()) == [0]
    assert told(qtbot, session, worker.cell_types_changed, SetCellTypes(SHIPPED_TYPES[:2])) == [
        SHIPPED_TYPES[:2]
    ]
