"""A case of ten slides of painted cells, whose features are two clouds, and a person who types by keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from allstation.core.cells import CellFilter
from allstation.inference.cell_network import CellNetwork
from allstation.services.case.requests import OpenCase
from allstation.store.case import Case
from allstation.ui.commissioning.window import CommissioningWindow, Step
from allstation.ui.main_window.workbench import Workbench
from tests.ui.cells.cell_case import PER_FIELD, cell_case
from tests.ui.cells.conftest import Clock

SLIDES = 10
CELLS = SLIDES * PER_FIELD
LONG = 20_000


def truth(cell: int) -> str:
    """Type of a cell, so that every slide has both."""
    return "blast" if cell % 2 else "lymphocyte"


def painted_case(folder: Path, *, apart: float, typed: int) -> Path:
    """Make the case.

    Args:
        folder: Where.
        apart: Distance of the two clouds of features, in standard deviations.
        typed: Cells that Ada typed before, on slides in turn; none of the last two.
    """
    case = cell_case(folder, SLIDES, slides=SLIDES)
    noise = np.random.default_rng(5).normal(size=(CELLS, 8))
    noise[:, 0] += np.array([apart if truth(cell) == "blast" else 0.0 for cell in range(1, CELLS + 1)])
    with Case.open(case) as made:
        made.cells.save_features(zip(range(1, CELLS + 1), noise, strict=True), CellNetwork().sha256)
        for kind in ("blast", "lymphocyte"):
            made.cells.set_type([cell for cell in before(typed) if truth(cell) == kind], kind, "Ada")
    return case


def before(typed: int) -> list[int]:
    """Return the cells that were typed before, slide after slide."""
    slides = SLIDES - 2
    return [1 + PER_FIELD * (at % slides) + at // slides for at in range(typed)]


class Person:
    """Presses keys in whatever has the keyboard, and counts what is no typing of cells.

    Attributes:
        interactions: Keys and choices beside the typed cells.
        types: What each cell is, as this person sees it.
    """

    def __init__(self, workbench: Workbench, clock: Clock, qtbot: QtBot) -> None:
        self.workbench, self._clock, self._qtbot = workbench, clock, qtbot
        self.interactions = 0
        self.typed = 0
        self.types = {cell: truth(cell) for cell in range(1, CELLS + 1)}

    @property
    def window(self) -> CommissioningWindow:
        """The assistant."""
        window = self.workbench.commissioning.window
        assert window is not None
        return window

    def until(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition, timeout=LONG)

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key where the keyboard is."""
        self.interactions += 1
        target = QApplication.focusWidget()
        assert isinstance(target, QWidget)
        self._qtbot.keyClick(target, key, modifier)

    def open(self) -> None:
        """Press Ctrl+7 in the main window, and wait until the cells are counted."""
        self.until(self.workbench.shell.isActiveWindow)
        self.workbench.browser.focus_view()
        self.press(Qt.Key.Key_7, Qt.KeyboardModifier.ControlModifier)
        self._qtbot.waitExposed(self.window)
        self.window.resize(760, 520)
        self.window.typing.stage.visibility.clock = self._clock
        begin = self.window.prepare.begin
        self.until(lambda: QApplication.focusWidget() is begin and begin.isEnabled())

    def answer(self, kind: type[QDialog], key: Qt.Key = Qt.Key.Key_Return) -> None:
        """Press a key in a dialog, once it has the keyboard."""
        self.until(lambda: isinstance(QApplication.activeWindow(), kind))
        self.press(key)

    def look(self) -> int:
        """Look at the current cell for a second; return it."""
        commissioning, stage = self.workbench.commissioning, self.window.typing.stage

        def shown() -> bool:
            stage.repaint()
            cell = commissioning.current_cell
            return cell is not None and stage.visibility.seconds(cell) is not None

        self.until(shown)
        self._clock.pass_by(1.0)
        cell = commissioning.current_cell
        assert cell is not None
        return cell

    def type_cells(self, count: int, *, wrong: Callable[[int], bool] = lambda _cell: False) -> list[int]:
        """Name the next cells by their keys; return them."""
        done = []
        for _ in range(count):
            cell = self.look()
            is_blast = (self.types[cell] == "blast") != wrong(cell)
            target = QApplication.focusWidget()
            assert target is self.window.typing.stage, "the keyboard is elsewhere"
            self._qtbot.keyClick(target, "b" if is_blast else "l")
            self.typed += 1
            done.append(cell)
        return done

    def type_test(self, *, wrong: Callable[[int], bool] = lambda _cell: False) -> list[int]:
        """Name every cell of the test."""
        done = []
        while not self.window.typing.freeze.isEnabled():
            done += self.type_cells(1, wrong=wrong)
        return done

    def measured(self) -> None:
        """Wait for figures."""
        self.until(lambda: "kept apart" in self.window.typing.standing.sentences())

    def freeze(self) -> None:
        """Press Ctrl+Return, and Return in the question; wait for the test."""
        self.until(self.window.typing.freeze.isEnabled)
        self.press(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        self.answer(QMessageBox)
        self.until(lambda: self.window.step is Step.TEST)

    def open_test(self) -> None:
        """Press Ctrl+Return once everything is typed; wait for the result."""
        self.until(self.window.typing.freeze.isEnabled)
        self.press(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        self.until(lambda: self.window.step is Step.RESULT)


@pytest.fixture
def clock() -> Clock:
    """Seconds that pass only when a test says so."""
    return Clock()


@pytest.fixture
def apart() -> float:
    """Distance of the two clouds; a test may choose another."""
    return 14.0


@pytest.fixture
def typed() -> int:
    """How many cells were typed before; a test may choose others."""
    return 0


@pytest.fixture
def case(tmp_path: Path, apart: float, typed: int) -> Path:
    """The closed case."""
    return painted_case(tmp_path, apart=apart, typed=typed)


@pytest.fixture
def stranger(window: Workbench, clock: Clock, qtbot: QtBot) -> Person:
    """Ada at the window without a case."""
    window.shell.resize(900, 600)
    window.review.set_reviewer("Ada")
    window.context.selection.set_reviewer("Ada")
    return Person(window, clock, qtbot)


@pytest.fixture
def person(stranger: Person, case: Path) -> Person:
    """Ada at the window with the open case."""
    context = stranger.workbench.context
    context.session.submit(OpenCase(case))
    stranger.until(context.has_field)
    return stranger


def typed_in(case: Path) -> dict[int, str]:
    """Return the typed cells as another connection reads them."""
    with Case.open(case, read_only=True) as opened:
        records = opened.cells.records(opened.cells.ids(CellFilter(typed=True)))
        return {record.id: record.type for record in records}
