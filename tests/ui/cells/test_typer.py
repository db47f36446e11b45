"""Proposals: learned from typed cells, shown apart, measured, accepted, cleared, saved and loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QPushButton
from pytestqt.qtbot import QtBot

from allstation.inference.cell_network import CellNetwork
from allstation.services.case.cell_requests import (
    ClearCellProposals,
    SaveCellFeatures,
    SaveCellProposals,
    TypeCells,
)
from allstation.services.case.requests import OpenCase
from allstation.services.cells.typer import apply_typer
from allstation.store.case import Case
from allstation.ui.cells.bar import Arrangement
from allstation.ui.main_window.workbench import Workbench
from tests.ui.cells.cell_case import PER_FIELD, cell_case
from tests.ui.cells.conftest import LONG, Clock, see_all, stored, types_of

FIELDS = 10
CELLS = FIELDS * PER_FIELD
KINDS = ("blast", "lymphocyte", "monocyte")


def truth(cell: int) -> str:
    return KINDS[cell % 3]


def features_of(cells: list[int]) -> NDArray[np.float32]:
    """Return features of three clouds that lie far apart."""
    noise = np.random.default_rng(7).normal(size=(CELLS + 1, 12)) * 0.3
    centres = np.eye(3, 12) * 4
    return np.array([centres[cell % 3] + noise[cell] for cell in cells], np.float32)


@pytest.fixture
def case(tmp_path: Path, fields: int) -> Path:
    return measured_case(tmp_path, fields)


@pytest.fixture
def fields() -> int:
    return FIELDS


def measured_case(folder: Path, fields: int = FIELDS) -> Path:
    case = cell_case(folder, fields, slides=5)
    with Case.open(case) as made:
        cells = list(range(1, fields * PER_FIELD + 1))
        # As if the network had measured them, so that it is not asked to.
        made.cells.save_features(zip(cells, features_of(cells), strict=True), CellNetwork().sha256)
    return case


def type_some(window: Workbench, qtbot: QtBot, cells: list[int]) -> None:
    for token, kind in enumerate(KINDS, start=8_000):
        mine = [cell for cell in cells if truth(cell) == kind]
        window.context.session.submit(TypeCells(token, mine, kind, "Ada"))
    qtbot.waitUntil(lambda: CELLS - types_of(window).count("") == len(cells), timeout=LONG)


def strip_box(window: Workbench) -> QCheckBox:
    return window.cells.panel.typer.findChild(QCheckBox)


def proposed(window: Workbench) -> dict[int, str]:
    records = stored(window, lambda case: case.cells.records(case.cells.ids()))
    return {record.id: record.proposed for record in records if record.proposed and not record.type}


TYPED = [*range(1, 7), *range(25, 37), *range(49, 61), *range(97, 103)]


def test_proposals_begin_with_thirty_typed_cells(opened: Workbench, qtbot: QtBot) -> None:
    strip = opened.cells.panel.typer
    type_some(opened, qtbot, TYPED[:29])
    qtbot.waitUntil(lambda: "29 of 120 cells typed" in strip.status(), timeout=LONG)
    assert "1 more" in strip.status()
    assert not strip_box(opened).isEnabled()
    type_some(opened, qtbot, TYPED[:30])
    qtbot.waitUntil(strip_box(opened).isEnabled, timeout=LONG)


def test_proposals_are_right_measured_and_apart_from_what_people_said(
    opened: Workbench, qtbot: QtBot
) -> None:
    type_some(opened, qtbot, TYPED)
    qtbot.waitUntil(strip_box(opened).isEnabled, timeout=LONG)
    strip_box(opened).click()
    qtbot.waitUntil(lambda: len(proposed(opened)) > 70, timeout=LONG)
    assert all(kind == truth(cell) for cell, kind in proposed(opened).items())
    strip = opened.cells.panel.typer
    qtbot.waitUntil(lambda: "Right for" in strip.status(), timeout=LONG)
    for words in ("n = 36", "4 slides kept apart", "patients unknown"):
        assert words in strip.status()
    assert types_of(opened).count("") == CELLS - len(TYPED), "a proposal was stored as a person's type"
    counts = stored(opened, lambda case: case.cells.counts_by_type())
    assert sum(counts.typed.values()) == len(TYPED)
    assert sum(counts.proposed.values()) == len(proposed(opened))


def test_a_proposal_is_drawn_otherwise_than_a_type_not_by_its_colour_alone(
    opened: Workbench, qtbot: QtBot
) -> None:
    gallery, model = opened.cells.panel.gallery, opened.cells.panel.model
    type_some(opened, qtbot, TYPED)
    opened.cells.typer.set_on(True)
    qtbot.waitUntil(lambda: len(proposed(opened)) > 70, timeout=LONG)
    qtbot.waitUntil(lambda: (r := model.record(9)) is not None and r.proposed != "", timeout=LONG)
    typed, meant = model.row_of(3), model.row_of(9)
    assert truth(3) == truth(9)
    looks = [gallery._look(row, model.record_at(row), gallery.side()) for row in (typed, meant)]
    assert [look.proposed for look in looks] == [False, True]
    assert looks[0].type == looks[1].type
    image = gallery.viewport().grab().toImage()

    def frame(row: int) -> list[str]:
        rect = gallery.visualRect(model.index(row))
        y = rect.top() + 2 + 6 + 1
        left = rect.center().x() - gallery.side() // 2 + 12
        return [image.pixelColor(x, y).name() for x in range(left, left + gallery.side() - 24)]

    assert len(set(frame(typed))) == 1, "the frame of a person's type has gaps"
    assert len(set(frame(meant))) > 1, "the frame of a proposal is not dashed"


def test_least_sure_first_accept_and_clear(opened: Workbench, clock: Clock, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    type_some(opened, qtbot, TYPED)
    opened.cells.typer.set_on(True)
    qtbot.waitUntil(lambda: len(proposed(opened)) > 70, timeout=LONG)
    buttons = {button.text(): button for button in panel.typer.findChildren(QPushButton)}
    qtbot.waitUntil(buttons["Least sure first"].isVisible, timeout=LONG)
    before = proposed(opened)
    buttons["Least sure first"].click()
    qtbot.waitUntil(lambda: panel.model.rowCount() == len(before), timeout=LONG)
    assert panel.bar.arrangement() is Arrangement.UNCERTAINTY
    records = stored(opened, lambda case: case.cells.records(panel.model.ids()))
    shares = [record.probability for record in records]
    assert shares == sorted(shares)
    see_all(opened, clock, qtbot)

    def all_here() -> bool:
        records = [panel.model.record(number) for number in panel.model.ids()]
        return all(record is not None and record.proposed for record in records)

    qtbot.waitUntil(all_here, timeout=LONG)
    panel.gallery.setFocus()
    opened.actions_table["browse.all"].trigger()
    buttons["Accept selected"].click()
    known = {*TYPED, *before}
    expected = [truth(n) if n in known else "" for n in range(1, CELLS + 1)]
    qtbot.waitUntil(lambda: types_of(opened) == expected, timeout=LONG)
    entries = stored(opened, lambda case: [e for e in case.audit.entries() if e.action == "cells-typed"])
    assert {entry.who for entry in entries} == {"Ada"}
    opened.actions_table["review.undo"].trigger()
    qtbot.waitUntil(lambda: types_of(opened).count("") == CELLS - len(TYPED), timeout=LONG)
    opened.actions_table["cells.clear_proposals"].trigger()
    qtbot.waitUntil(lambda: not proposed(opened), timeout=LONG)
    assert not strip_box(opened).isChecked()


def test_with_ten_more_typed_cells_it_learns_again(opened: Workbench, qtbot: QtBot) -> None:
    type_some(opened, qtbot, TYPED)
    opened.cells.typer.set_on(True)
    strip = opened.cells.panel.typer
    qtbot.waitUntil(lambda: "n = 36" in strip.status(), timeout=LONG)
    type_some(opened, qtbot, [*TYPED, *range(61, 73)])
    qtbot.waitUntil(lambda: "n = 48" in strip.status(), timeout=LONG)


@pytest.mark.parametrize("fields", [5])
def test_cells_are_measured_by_the_network_before_it_learns(
    opened: Workbench, fields: int, qtbot: QtBot
) -> None:
    """The painted cells of one half of the colours get one type, those of the other another one."""

    def kind(cell: int) -> str:
        return "blast" if (cell - 1) % 10 < 5 else "lymphocyte"

    session, typed = opened.context.session, [cell for cell in range(1, fields * PER_FIELD + 1) if cell % 3]
    session.submit(SaveCellFeatures([], np.zeros((0, 12)), "e" * 64))
    for token, name in enumerate(("blast", "lymphocyte"), start=8_000):
        session.submit(TypeCells(token, [cell for cell in typed if kind(cell) == name], name, "Ada"))
    qtbot.waitUntil(lambda: types_of(opened).count("") == fields * PER_FIELD - len(typed), timeout=LONG)
    opened.cells.typer.set_on(True)
    qtbot.waitUntil(lambda: len(proposed(opened)) > 15, timeout=3 * LONG)
    right = [name == kind(cell) for cell, name in proposed(opened).items()]
    assert np.mean(right) > 0.9
    sha = CellNetwork().sha256
    qtbot.waitUntil(
        lambda: not len(stored(opened, lambda case: case.cells.without_features(sha))), timeout=3 * LONG
    )


def test_what_was_measured_for_one_case_is_not_kept_in_the_next(
    opened: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    other = cell_case(tmp_path / "other", FIELDS)
    opened.context.session.submit(OpenCase(other))
    qtbot.waitUntil(lambda: (info := opened.context.info) is not None and info.folder == other, timeout=LONG)
    opened.context.session.submit(SaveCellFeatures([3], np.ones((1, 12)), "e" * 64, tmp_path / "third"))
    opened.context.session.submit(SaveCellProposals([(3, "blast", 0.9)], "f" * 64, tmp_path / "third"))
    opened.context.session.submit(SaveCellFeatures([5], np.ones((1, 12)), "e" * 64, other))
    qtbot.waitUntil(
        lambda: len(stored(opened, lambda case: case.cells.without_features("e" * 64))) < CELLS, timeout=LONG
    )
    missing = stored(opened, lambda case: list(case.cells.without_features("e" * 64)))
    assert set(range(1, CELLS + 1)) - set(missing) == {5}
    assert not proposed(opened)


def test_a_typer_is_saved_and_used_in_another_case(opened: Workbench, tmp_path: Path, qtbot: QtBot) -> None:
    type_some(opened, qtbot, TYPED)
    opened.cells.typer.set_on(True)
    qtbot.waitUntil(opened.actions_table["cells.save_typer"].isEnabled, timeout=LONG)
    file = tmp_path / "mine.alltyper"
    opened.cells.typer.save_to(str(file))
    qtbot.waitUntil(file.exists, timeout=LONG)
    (tmp_path / "other").mkdir()
    other = measured_case(tmp_path / "other")
    made = apply_typer(other, file.read_bytes())
    assert len(made.proposals) > 110
    assert all(kind == truth(cell) for cell, kind, _ in made.proposals)
    opened.context.session.submit(ClearCellProposals())
    qtbot.waitUntil(lambda: not proposed(opened), timeout=LONG)
    opened.cells.typer.load_from(str(file))
    qtbot.waitUntil(lambda: len(proposed(opened)) > 70, timeout=LONG)
    (tmp_path / "odd.alltyper").write_bytes(b"no typer")
    opened.cells.typer.load_from(str(tmp_path / "odd.alltyper"))
    qtbot.waitUntil(lambda: "typer" in opened.cells.panel.typer.status(), timeout=LONG)


def test_blind_review_offers_no_proposals(opened: Workbench, qtbot: QtBot) -> None:
    type_some(opened, qtbot, TYPED)
    opened.review.set_blind(True)
    assert not strip_box(opened).isEnabled()
    assert "blind" in opened.cells.panel.typer.status()
    assert not opened.actions_table["cells.propose"].isEnabled()


def test_similar_cells_come_first_and_one_unlike_all_says_so(opened: Workbench, qtbot: QtBot) -> None:
    panel = opened.cells.panel
    odd = np.full((1, 12), 90.0, np.float32)
    opened.context.session.submit(SaveCellFeatures([CELLS], odd, CellNetwork().sha256))
    assert panel.go_to_cell(5)
    opened.actions_table["cells.similar"].trigger()
    qtbot.waitUntil(lambda: panel.model.ids()[0] == 5, timeout=LONG)
    assert {truth(cell) for cell in panel.model.ids()[: CELLS // 3 - 1]} == {truth(5)}
    assert panel.bar.arrangement() is Arrangement.SIMILARITY
    type_some(opened, qtbot, TYPED)
    opened.cells.typer.set_on(True)
    qtbot.waitUntil(lambda: len(proposed(opened)) > 70, timeout=LONG)
    assert CELLS not in proposed(opened)

    def tip() -> str:
        row = panel.model.row_of(CELLS)
        return str(panel.model.data(panel.model.index(row or 0), Qt.ItemDataRole.ToolTipRole) or "")

    qtbot.waitUntil(lambda: "unlike every typed cell" in tip(), timeout=LONG)
