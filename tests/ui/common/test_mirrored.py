"""Where writing runs from right to left: fields, keys and numbers stand the right way round."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QApplication, QWidget
from pytestqt.qtbot import QtBot

from allstation.ui.browser.grid import FieldGrid
from allstation.ui.browser.model import FieldModel
from allstation.ui.browser.thumbs import Thumbnails
from allstation.ui.common import theme
from allstation.ui.common.actions import Action, ActionTable
from allstation.ui.common.formatting import percent, together
from allstation.ui.training.plots.bar_chart import Bar, BarChart
from allstation.ui.training.run_steps import PhaseSteps
from tests.ui.pixels import pixels_of

ISOLATE, END = "\N{LEFT-TO-RIGHT ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


@pytest.fixture
def mirrored(qapp: QApplication) -> Iterator[None]:
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    yield
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


@pytest.fixture
def grid(qtbot: QtBot) -> Iterator[FieldGrid]:
    thumbnails, model = Thumbnails(), FieldModel()
    made = FieldGrid(thumbnails)
    qtbot.addWidget(made)
    made.setModel(model)
    model.relist(array("q", range(1, 21)))
    made.resize(500, 500)
    made.show()
    yield made
    thumbnails.stop()


@pytest.mark.usefixtures("mirrored")
def test_the_first_field_is_at_the_right(grid: FieldGrid) -> None:
    model, columns = grid.model(), grid.columns()
    assert columns >= 3
    first, second, below = (grid.visualRect(model.index(row, 0)) for row in (0, 1, columns))
    assert first.right() >= grid.viewport().width() - 2
    assert second.right() < first.left() + 2
    assert below.x() == first.x()
    assert below.y() > first.y()
    for row in range(20):
        centre = grid.visualRect(model.index(row, 0)).center()
        assert grid.indexAt(centre).row() == row


@pytest.mark.usefixtures("mirrored")
def test_arrow_keys_go_where_they_point(grid: FieldGrid, qtbot: QtBot) -> None:
    grid.setCurrentIndex(grid.model().index(0, 0))
    move = QAbstractItemView.CursorAction
    plain = Qt.KeyboardModifier.NoModifier
    assert grid.moveCursor(move.MoveLeft, plain).row() == 1
    grid.setCurrentIndex(grid.model().index(1, 0))
    assert grid.moveCursor(move.MoveRight, plain).row() == 0


@pytest.mark.usefixtures("mirrored")
def test_a_rubber_band_selects_what_it_touches(grid: FieldGrid, qtbot: QtBot) -> None:
    model = grid.model()
    rect = grid.visualRect(model.index(1, 0)).adjusted(4, 4, -4, -4)
    assert grid._lines_in(rect) == [(1, 1)]


def test_in_english_nothing_is_turned(grid: FieldGrid, qtbot: QtBot) -> None:
    assert grid.visualRect(grid.model().index(0, 0)).topLeft() == QPoint(0, 0)
    assert percent(0.99, digits=0) == "99 %"
    assert together("1024 × 768") == "1024 × 768"


@pytest.mark.usefixtures("mirrored")
def test_a_number_keeps_its_unit_behind_it() -> None:
    assert percent(0.99, digits=0) == f"{ISOLATE}99 %{END}"


@pytest.mark.usefixtures("mirrored")
def test_the_next_field_lies_to_the_left(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    table = ActionTable(window)
    table.add(
        (
            Action("go.next", "Next", window.update, "Right"),
            Action("go.previous", "Previous", window.update, "Left"),
        )
    )
    assert QKeySequence("Left") in table["go.next"].shortcuts()
    assert QKeySequence("Right") in table["go.previous"].shortcuts()


@pytest.mark.usefixtures("mirrored")
def test_the_steps_of_a_run_begin_at_the_right_with_their_numbers_beside_their_words(qtbot: QtBot) -> None:
    steps = PhaseSteps()
    qtbot.addWidget(steps)
    steps.resize(600, 40)
    steps.set_phase("checking")
    shown = pixels_of(steps.grab().toImage()).astype(int)
    accent = QColor(theme.tokens(steps.palette()).accent)
    wanted = (accent.red(), accent.green(), accent.blue())
    _, columns = np.nonzero((np.abs(shown - wanted) <= 3).all(axis=2))
    assert columns.min() > 560


@pytest.mark.usefixtures("mirrored")
def test_the_figures_of_a_bar_are_not_turned_round(qtbot: QtBot) -> None:
    """The same picture as where writing runs from left to right."""
    chart = BarChart()
    qtbot.addWidget(chart)
    chart.set_bars([Bar("! corner", 0.4, "0.463 [0.321, 0.600]", tick=0.25)])
    chart.resize(300, 30)
    mirrored = pixels_of(chart.grab().toImage())
    chart.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    assert np.array_equal(mirrored, pixels_of(chart.grab().toImage()))
