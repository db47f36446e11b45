"""A thousand slides: the tree keeps its place, and neither it nor the headings stop the window."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest
from PySide6.QtCore import QAbstractItemModel, QLocale, Qt
from PySide6.QtTest import QSignalSpy
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from allstation.core.records import Slide
from allstation.services.case.questions import Overview
from allstation.store.slides.repository import SlideCounts
from allstation.ui.browser.model import FieldModel
from allstation.ui.browser.sections import Section
from allstation.ui.browser.slide_model import Place
from allstation.ui.browser.slides import SlideTree
from allstation.ui.browser.table import FieldTable
from tests.makers import overview_of

SLIDES, FIELDS = 1000, 100_000
"""Their processor time has a budget in ``tests/benchmarks/budgets.py``; this counts what makes it long."""


@pytest.fixture
def tree(qtbot: QtBot) -> SlideTree:
    made = SlideTree()
    qtbot.addWidget(made)
    made.resize(300, 400)
    made.show()
    made.show_overview(overview_of(SLIDES, pro=40))
    return made


class Changes:
    """Counts what a model tells its views: they lay out anew after each."""

    def __init__(self, model: QAbstractItemModel) -> None:
        self.resets = QSignalSpy(model.modelReset)
        self.rows = [
            QSignalSpy(each) for each in (model.rowsInserted, model.rowsRemoved, model.layoutChanged)
        ]
        self.data = QSignalSpy(model.dataChanged)

    def counts(self) -> tuple[int, int, int]:
        return self.resets.count(), sum(spy.count() for spy in self.rows), self.data.count()


def test_other_counts_cost_next_to_nothing(tree: SlideTree, qtmodeltester: ModelTester) -> None:
    changes = Changes(tree.slides)
    tree.show_overview(overview_of(SLIDES, pro=39))
    assert changes.counts() == (0, 0, 1)
    assert tree.slides.index_of(Place(1000, "Pro"), 1).data() == "39"
    assert tree.slides.index_of(Place(None, "Pro"), 1).data() == QLocale().toString(39_000)
    qtmodeltester.check(tree.slides)


def test_slides_of_one_name_are_told_apart_by_their_folders(tree: SlideTree) -> None:
    found = (("smear", "ward 3"), ("smear", "ward 4"), ("other", "ward 4"))
    slides = tuple(
        Slide(id=n, name=name, folder=Path("/scans") / ward / "smear.svs")
        for n, (name, ward) in enumerate(found, start=1)
    )
    tree.show_overview(Overview(slides, {}))
    rows = [tree.slides.index_of(Place(n)) for n in (1, 2, 3)]
    assert [row.data() for row in rows] == ["smear · ward 3", "smear · ward 4", "other"]
    assert rows[0].data(Qt.ItemDataRole.EditRole) == "smear", (
        "the folder is no part of the name that is typed"
    )
    assert "ward 4" in rows[1].data(Qt.ItemDataRole.ToolTipRole)


def test_what_is_chosen_and_open_stays_when_slides_and_classes_come(tree: SlideTree, qtbot: QtBot) -> None:
    tree.expand(tree.slides.index_of(Place(500)))
    tree.choose(Place(500, "Pro"))
    before = tree.verticalScrollBar().value()
    told: list[Place] = []
    tree.chosen.connect(told.append)
    more = overview_of(SLIDES + 1, pro=40)
    more.counts[500] = SlideCounts(500, 100, finals={"Benign": 50, "Early": 10, "Pro": 40})
    changes = Changes(tree.slides)
    tree.show_overview(more)
    assert changes.counts() == (1, 0, 0)
    assert tree.current_place() == Place(500, "Pro")
    assert tree.isExpanded(tree.slides.index_of(Place(500)))
    assert not tree.isExpanded(tree.slides.index_of(Place(499)))
    assert tree.verticalScrollBar().value() == before > 0
    assert not told


def test_a_class_that_was_there_stays_with_none(tree: SlideTree) -> None:
    tree.show_overview(overview_of(SLIDES))
    assert tree.slides.index_of(Place(3, "Pro"), 1).data() == "0"


def test_blind_review_takes_the_chosen_class_back_to_its_slide(tree: SlideTree) -> None:
    tree.choose(Place(5, "Pro"))
    told: list[Place] = []
    tree.chosen.connect(told.append)
    tree.set_blind(True)
    assert told == [Place(5)]
    assert tree.current_place() == Place(5)
    assert not tree.has(Place(5, "Pro"))
    tree.show_overview(overview_of(SLIDES, pro=40))
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
    painting: list[bool] = []
    header = table.verticalHeader()
    header.sectionResized.connect(lambda *_: painting.append(header.updatesEnabled()))
    model.set_sections(sections)
    # While it may be painted, each new height lays out all 100,000 rows.
    assert painting == [False] * SLIDES
    assert [table.rowHeight(row) for row in (0, 1, each, each + 1, (SLIDES - 1) * each)] == [
        *(2 * plain, plain) * 2,
        2 * plain,
    ]
    assert table.verticalHeader().length() == (FIELDS + SLIDES) * plain
    model.set_sections(())
    assert painting == [False] * 2 * SLIDES
    assert table.verticalHeader().length() == FIELDS * plain
