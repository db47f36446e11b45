"""Counting as at a bench counter: by keys only, to a target, by two readers who do not see each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtWidgets import QLineEdit, QSpinBox
from pytestqt.qtbot import QtBot

from allstation.core.cell_count import spread
from allstation.services.case.cell_requests import SaveCellProposals, TypeCells
from allstation.ui.cells.counting import CountingWindow
from allstation.ui.main_window.workbench import Workbench
from tests.ui.cells.cell_case import PER_FIELD, cell_case, colour_of
from tests.ui.cells.conftest import LONG, Clock, stored, types_of
from tests.ui.pixels import cut

FIELDS = 10
CELLS = FIELDS * PER_FIELD


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return cell_case(tmp_path, FIELDS, slides=2)


@pytest.fixture
def fields() -> int:
    return FIELDS


@pytest.fixture
def counting(opened: Workbench, clock: Clock, qtbot: QtBot) -> CountingWindow:
    """The counting window, opened by Ada, its first cell seen."""
    return start(opened, clock, qtbot, "Ada")


def start(window: Workbench, clock: Clock, qtbot: QtBot, reader: str) -> CountingWindow:
    window.review.set_reviewer(reader)
    window.context.selection.set_reviewer(reader)
    window.actions_table["cells.count"].trigger()
    counting = window.cells.counting.window
    counting.stage.visibility.clock = clock
    counting.set_choices(target=100, sound=False)
    counting.target_changed.emit(100)
    qtbot.waitExposed(counting)
    look(window, clock, qtbot)
    return counting


def current(window: Workbench) -> int:
    cell = window.cells.counting.current_cell
    assert cell is not None
    return cell


def look(window: Workbench, clock: Clock, qtbot: QtBot) -> None:
    """Look at the current cell for a second, once its pixels are there."""
    counting = window.cells.counting

    def shown() -> bool:
        stage = counting.window.stage
        stage.repaint()
        cell = counting.current_cell
        return cell is not None and stage.visibility.seconds(cell) is not None

    qtbot.waitUntil(shown, timeout=LONG)
    clock.pass_by(1.0)


def name(window: Workbench, clock: Clock, qtbot: QtBot, key: str) -> None:
    look(window, clock, qtbot)
    counting = window.cells.counting
    before = len(counting._count.done)
    qtbot.keyClick(counting.window.stage, key)
    assert len(counting._count.done) == before + 1, counting.window.sentences()


def count_all(window: Workbench, clock: Clock, qtbot: QtBot, keys: str, number: int) -> None:
    for index in range(number):
        name(window, clock, qtbot, keys[index % len(keys)])


def test_a_cell_is_shown_large_with_its_surroundings(
    opened: Workbench, counting: CountingWindow, clock: Clock, qtbot: QtBot
) -> None:
    stage = counting.stage
    for _ in range(3):
        number = current(opened) - 1
        centre = QPointF(stage.rect().center())
        area = QRectF(centre - QPointF(10, 10), centre + QPointF(10, 10))
        middle = cut(stage, area).reshape(-1, 3).mean(axis=0)
        assert np.abs(middle - colour_of(number)).max() < 6
        name(opened, clock, qtbot, "b")
        look(opened, clock, qtbot)


def test_a_key_names_the_cell_and_the_next_one_comes(
    opened: Workbench, counting: CountingWindow, clock: Clock, qtbot: QtBot
) -> None:
    order = spread(range(1, CELLS + 1))
    assert current(opened) == order[0]
    name(opened, clock, qtbot, "b")
    name(opened, clock, qtbot, "n")
    assert current(opened) == order[2]
    qtbot.waitUntil(lambda: types_of(opened)[order[1] - 1] == "segmented", timeout=LONG)
    assert types_of(opened)[order[0] - 1] == "blast"
    assert "2 of 100" in counting.sentences()
    qtbot.waitUntil(lambda: "Fewer than 100 cells: 2 counted" in counting.sentences(), timeout=LONG)


def test_the_box_of_the_share_shows_its_digits(counting: CountingWindow) -> None:
    box = counting.findChild(QSpinBox)
    box.setValue(99)
    assert box.isVisible(), "laid out"
    room = box.findChild(QLineEdit).contentsRect().width()
    assert room >= box.fontMetrics().horizontalAdvance("99 %"), "the digits are cut off"


def test_shares_have_exact_intervals_and_cells_beside_do_not_count(
    opened: Workbench, counting: CountingWindow, clock: Clock, qtbot: QtBot
) -> None:
    count_all(opened, clock, qtbot, "bbllnxdz", 8)

    def rows() -> dict[str, object]:
        return {row.kind.key: row for row in counting.tally.rows()}

    qtbot.waitUntil(
        lambda: rows()["blast"].share is not None and rows()["blast"].share.share == 0.4, timeout=LONG
    )
    # Clopper and Pearson for 2 of 5, as R's binom.test gives it.
    assert (rows()["blast"].share.interval.low, rows()["blast"].share.interval.high) == pytest.approx(
        (0.05274, 0.85337), abs=1e-5
    )
    assert rows()["nucleated-red-cell"].share.per_hundred == 20.0
    assert rows()["artefact"].count == 1
    assert "5 of 100" in counting.sentences()
    qtbot.waitUntil(lambda: "to tell 40 % from 20 %" in counting.sentences(), timeout=LONG)


def test_a_cell_that_was_hardly_looked_at_is_not_counted(
    opened: Workbench, counting: CountingWindow, clock: Clock, qtbot: QtBot
) -> None:
    name(opened, clock, qtbot, "b")
    second = current(opened)
    counting.stage.repaint()
    qtbot.keyClick(counting.stage, "b")
    assert current(opened) == second
    assert "look at the cell first" in counting.sentences()


def test_one_key_takes_the_latest_back(
    opened: Workbench, counting: CountingWindow, clock: Clock, qtbot: QtBot
) -> None:
    first = current(opened)
    name(opened, clock, qtbot, "b")
    qtbot.waitUntil(lambda: types_of(opened)[first - 1] == "blast", timeout=LONG)
    look(opened, clock, qtbot)
    qtbot.keyClick(counting.stage, Qt.Key.Key_Space)
    qtbot.keyClick(counting.stage, Qt.Key.Key_Backspace)
    qtbot.keyClick(counting.stage, Qt.Key.Key_Backspace)
    assert current(opened) == first
    qtbot.waitUntil(lambda: types_of(opened)[first - 1] == "", timeout=LONG)
    assert "0 of 100" in counting.sentences()
    assert not opened.context.undo.canUndo()


def test_keys_of_the_window_behind_do_nothing_here(
    opened: Workbench, counting: CountingWindow, clock: Clock, qtbot: QtBot
) -> None:
    look(opened, clock, qtbot)
    for key in ("1", "2", Qt.Key.Key_Delete):
        qtbot.keyClick(counting.stage, key)
    assert stored(opened, lambda case: [field.review for field in case.fields.page()]) == [None] * FIELDS
    assert "No type has the key 2" in counting.sentences()
    qtbot.keyClick(counting.stage, Qt.Key.Key_Escape)
    assert not counting.isVisible()


def test_two_readers_count_the_same_hundred_cells_without_seeing_each_other(
    opened: Workbench, counting: CountingWindow, clock: Clock, qtbot: QtBot
) -> None:
    opened.context.session.submit(SaveCellProposals([(n, "monocyte", 0.9) for n in range(1, 60)], "c" * 64))
    count_all(opened, clock, qtbot, "bl", 100)
    qtbot.waitUntil(lambda: types_of(opened).count("") == CELLS - 100, timeout=LONG)
    assert "100 of 100" in counting.sentences()
    assert "100 white cells are counted" in counting.stage.message()
    qtbot.keyClick(counting.stage, "b")
    qtbot.wait(20)
    assert types_of(opened).count("") == CELLS - 100, "counted beyond the target"
    counting.close()
    start(opened, clock, qtbot, "Ben")
    assert current(opened) == spread(range(1, CELLS + 1))[0], "the second reader does not get the same cells"
    assert "0 of 100" in counting.sentences()
    assert "Ada" not in counting.sentences()
    assert all(row.count == 0 for row in counting.tally.rows()), "the first reader's counts are shown"
    for record in opened.cells.counting._records.values():
        assert (record.type, record.proposed) == ("", ""), "the second reader can see what was said"
    # The rest of Ben's hundred in one go: what the window does for each of them was seen above.
    order = spread(range(1, CELLS + 1))
    count_all(opened, clock, qtbot, "bn", 10)
    opened.context.session.submit(TypeCells(9_999, order[10:90], "segmented", "Ben"))
    qtbot.waitUntil(lambda: types_of(opened, "Ben").count("") == CELLS - 90, timeout=LONG)
    counting.close()
    start(opened, clock, qtbot, "Ben")
    # What was on its way to the disk when the window opened is counted once it is there.
    qtbot.waitUntil(lambda: "90 of 100" in counting.sentences(), timeout=LONG)
    count_all(opened, clock, qtbot, "bn", 10)
    qtbot.waitUntil(lambda: types_of(opened, "Ben").count("") == CELLS - 100, timeout=LONG)
    counted = [n for n, kind in enumerate(types_of(opened, "Ben")) if kind]
    assert counted == [n for n, kind in enumerate(types_of(opened, "Ada")) if kind]
    assert types_of(opened, "Ada").count("lymphocyte") == 50
    assert types_of(opened, "Ben").count("segmented") == 90
    qtbot.waitUntil(lambda: "Ada counted 100 white cells" in counting.sentences(), timeout=LONG)
    # Of Ben's 10 blasts and 90 segmented: exact limits 4 to 18 % and 82 to 96 %; Ada has 50 and 50.
    assert "Blast 50 % (limits 4 to 18 %)" in counting.sentences()
    assert "Lymphocyte 50 % (limits 0 to 4 %)" in counting.sentences()
    assert "on 100 cells that both named" in counting.sentences()
    assert stored(opened, lambda case: case.audit.verify()) is None


def test_what_one_typed_before_belongs_to_the_count(opened: Workbench, clock: Clock, qtbot: QtBot) -> None:
    session = opened.context.session
    session.submit(TypeCells(7_001, list(range(1, 100)), "blast", "Ada"))
    session.submit(TypeCells(7_002, list(range(100, 120)), "blast", "Ben"))
    qtbot.waitUntil(lambda: types_of(opened).count("blast") == 119, timeout=LONG)
    counting = start(opened, clock, qtbot, "Ada")
    assert "99 of 100" in counting.sentences()
    name(opened, clock, qtbot, "l")
    assert "100 white cells are counted" in counting.stage.message()


def test_without_a_name_there_is_no_count(opened: Workbench) -> None:
    opened.context.selection.set_reviewer("")
    opened.actions_table["cells.count"].trigger()
    assert opened.cells.counting.window is None
    assert "needs a name" in opened.notifications.texts()[-1]


def test_the_window_closes_with_its_case(opened: Workbench, counting: CountingWindow, qtbot: QtBot) -> None:
    opened.actions_table["case.close"].trigger()
    qtbot.waitUntil(lambda: not counting.isVisible(), timeout=LONG)
