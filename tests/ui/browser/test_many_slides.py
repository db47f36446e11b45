"""A thousand slides: the tree keeps its place, and neither it nor the headings stop the window."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from allstation.core.records import Slide
from allstation.services.questions import Overview
from allstation.store.slides import SlideCounts
from allstation.ui.browser.model import FieldModel
from allstation.ui.browser.sections import Section
from allstation.ui.browser.slide_model import Place
from allstation.ui.browser.slides import SlideTree
from allstation.ui.browser.table import FieldTable

SLIDES, FIELDS = 1000, 100_000
LONG = 0.2
"""Seconds of processor time that none of these steps may take even on a busy machine; it was up to 17."""


def overview(pro: int, numbers: range = range(1, SLIDES + 1)) -> Overview:
    finals = {"Benign": 60, "Pro": pro} if pro else {"Benign": 60}
    counts = {number: SlideCounts(number, 100, finals=finals, reviewed=7) for number in numbers}
    return Overview(tuple(Slide(id=n, name=f"Smear {n}", folder=Path("/smears")) for n in numbers), counts)


@pytest.fixture
def tree(qtbot: QtBot) -> SlideTree:
    made = SlideTree()
    qtbot.addWidget(made)
    made.resize(300, 400)
    made.show()
    made.show_overview(overview(40))
    return made


def busy(step: Callable[[], None]) -> float:
    began = time.process_time()
    step()
    return time.process_time() - began


def test_other_counts_cost_next_to_nothing(tree: SlideTree, qtmodeltester: ModelTester) -> None:
    assert busy(lambda: tree.show_overview(overview(39))) < LONG
    assert tree.slides.index_of(Place(1000, "Pro"), 1).data() == "39"
    assert tree.slides.index_of(Place(None, "Pro"), 1).data() == QLocale().toString(39_000)
    qtmodeltester.check(tree.slides)


def test_what_is_chosen_and_open_stays_when_slides_and_classes_come(tree: SlideTree, qtbot: QtBot) -> None:
    tree.expand(tree.slides.index_of(Place(500)))
    tree.choose(Place(500, "Pro"))
    before = tree.verticalScrollBar().value()
    told: list[Place] = []
    tree.chosen.connect(told.append)
    more = overview(40, range(1, SLIDES + 2))
    more.counts[500] = SlideCounts(500, 100, finals={"Benign": 50, "Early": 10, "Pro": 40})
    assert busy(lambda: tree.show_overview(more)) < LONG
    assert tree.current_place() == Place(500, "Pro")
    assert tree.isExpanded(tree.slides.index_of(Place(500)))
    assert not tree.isExpanded(tree.slides.index_of(Place(499)))
    assert tree.verticalScrollBar().value() == before > 0
    assert not told


def test_a_class_that_was_there_stays_with_none(tree: SlideTree) -> None:
    tree.show_overview(overview(0))
    assert tree.slides.index_of(Place(3, "Pro"), 1).data() == "0"


def test_blind_review_takes_the_chosen_class_back_to_its_slide(tree: SlideTree) -> None:
    tree.choose(Place(5, "Pro"))
    told: list[Place] = []
    tree.chosen.connect(told.append)
    tree.set_blind(True)
    assert told == [Place(5)]
    assert tree.current_place() == Place(5)
    assert not tree.has(Place(5, "Pro"))
    tree.show_overview(overview(40))
    assert not tree.has(Place(5, "Pro"))


def test_a_slide_says_everything_to_tips_and_screen_readers(tree: SlideTree) -> None:
    index = tree.slides.index_of(Place(2))
    assert index.data(3) == "100 fields, 7 reviewed\nBenign 60, Pro 40"
    assert index.data(11) == "Smear 2: 100 fields, 7 reviewed. Benign 60, Pro 40"


def test_headings_over_the_table(qtbot: QtBot) -> None:
    model, table = FieldModel(), FieldTable()
    qtbot.addWidget(table)
    table.setModel(model)
    model.sections_changed.connect(table.regroup)
    table.resize(600, 400)
    table.show()
    model.relist(array("q", range(1, FIELDS + 1)))
    each = FIELDS // SLIDES
    sections = [Section(number * each, f"Smear {number}", each) for number in range(SLIDES)]
    plain = table.rowHeight(0)
    assert busy(lambda: model.set_sections(sections)) < LONG
    assert [table.rowHeight(row) for row in (0, 1, each, each + 1, (SLIDES - 1) * each)] == [
        *(2 * plain, plain) * 2,
        2 * plain,
    ]
    assert table.verticalHeader().length() == (FIELDS + SLIDES) * plain
    assert busy(lambda: model.set_sections(())) < LONG
    assert table.verticalHeader().length() == FIELDS * plain
