"""Browsing: what is listed, shown, chosen and hidden, over a real case read by the real reader."""

from __future__ import annotations

import shutil
from array import array
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QComboBox, QLineEdit, QProgressBar, QToolButton
from pytestqt.qtbot import QtBot

from allstation.core.filters import FieldFilter, FieldGroup, FieldSort
from allstation.core.records import FieldRecord, FieldState, ModelRecord, NewField, Prediction, Review, Slide
from allstation.services.case.field_requests import SaveReview
from allstation.services.case.questions import Listing, Overview, Query
from allstation.services.case.requests import OpenCase
from allstation.store.case import Case
from allstation.store.slides.repository import SlideCounts
from allstation.ui.browser import cells
from allstation.ui.browser.filters import FilterBar
from allstation.ui.browser.footer import TELLING
from allstation.ui.browser.grid import FieldGrid
from allstation.ui.browser.model import Column, FieldModel
from allstation.ui.browser.slide_model import Place
from allstation.ui.browser.slides import SlideTree
from allstation.ui.browser.thumbs import Thumbnails
from allstation.ui.common.record_pages import PAGE
from allstation.ui.main_window.workbench import Workbench
from tests.makers import field, numbered, quality
from tests.ui.named import label_texts, named

CLASSES = ("Benign", "Early", "Pre", "Pro")
FIELDS = 300


def prediction(index: int) -> Prediction:
    return numbered(index, cell_count=index % 7, quality=quality(sharpness=float(index)))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed case of two slides whose files were never there: browsing must not need them."""
    tmp_path = tmp_path_factory.mktemp("template")
    folder = tmp_path / "Big.allcase"
    with Case.create(folder) as made:
        made.models.add(ModelRecord(sha256="ab" * 32, name="m", version="1", classes=CLASSES, info={}))
        for number in (1, 2):
            slide = made.slides.add(f"Smear {number}", tmp_path / f"Smear {number}")
            new = [
                NewField(
                    path=tmp_path / f"Smear {number}" / f"f{i}.jpg",
                    sha256=f"{number}{i:063d}",
                    bytes=10,
                    width=1024,
                    height=768,
                )
                for i in range(FIELDS // 2)
            ]
            made.fields.add(slide.id, new)
        while claimed := made.queue.claim(500):
            made.queue.save_predictions([(field.id, prediction(field.id)) for field in claimed])
    return folder


@pytest.fixture
def case(template: Path, tmp_path: Path) -> Path:
    """A copy of the case for one test."""
    return Path(shutil.copytree(template, tmp_path / template.name))


@pytest.fixture
def opened(window: Workbench, case: Path, qtbot: QtBot) -> Workbench:
    """The window with that case open and its first field shown."""
    window.context.session.submit(OpenCase(case))
    qtbot.waitUntil(lambda: window.browser.current_record() is not None, timeout=20_000)
    return window


def wait_count(qtbot: QtBot, window: Workbench, count: int) -> None:
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == count, timeout=10_000)


def test_all_fields_are_listed_in_natural_order(opened: Workbench, qtbot: QtBot) -> None:
    model = opened.browser.model
    assert model.rowCount() == FIELDS
    qtbot.waitUntil(lambda: model.record_at(10) is not None)
    assert [model.record_at(row).path.name for row in (0, 1, 2, 10)] == [
        "f0.jpg",
        "f1.jpg",
        "f2.jpg",
        "f10.jpg",
    ]


def test_only_pages_that_are_looked_at_are_read(opened: Workbench) -> None:
    model = opened.browser.model
    assert model.record(model.ids()[0]) is not None
    assert model.record(model.ids()[-1]) is None, "the end of the list was read before anyone looked at it"


def test_arrow_keys_go_from_field_to_field(opened: Workbench, qtbot: QtBot) -> None:
    ids = opened.browser.model.ids()
    for key, row in (
        ("go.next", 1),
        ("go.next", 2),
        ("go.previous", 1),
        ("go.last", FIELDS - 1),
        ("go.first", 0),
    ):
        opened.actions_table[key].trigger()
        qtbot.waitUntil(
            lambda row=row: (r := opened.browser.current_record()) is not None and r.id == ids[row]
        )


def test_up_and_down_move_by_a_line_of_tiles(opened: Workbench, qtbot: QtBot) -> None:
    grid = opened.browser.grid
    columns = grid.columns()
    grid.setFocus()
    qtbot.keyClick(grid, Qt.Key.Key_Down)
    assert grid.currentIndex().row() == columns
    qtbot.keyClick(grid, Qt.Key.Key_Up)
    assert grid.currentIndex().row() == 0


def test_a_click_chooses_the_tile_under_it(opened: Workbench, qtbot: QtBot) -> None:
    grid = opened.browser.grid
    rect = grid.visualRect(opened.browser.model.index(3, 0))
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    assert grid.currentIndex().row() == 3


def test_shift_selects_everything_between(opened: Workbench, qtbot: QtBot) -> None:
    grid, model = opened.browser.grid, opened.browser.model
    first, last = (grid.visualRect(model.index(row, 0)).center() for row in (1, 4))
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=first)
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, pos=last)
    assert opened.browser.selected_ids() == list(model.ids()[1:5])


def test_every_place_of_a_tile_leads_back_to_it(opened: Workbench) -> None:
    grid, model = opened.browser.grid, opened.browser.model
    for row in grid.visible_rows():
        rect = grid.visualRect(model.index(row, 0))
        for point in (rect.topLeft() + QPoint(2, 2), rect.center(), rect.bottomRight() - QPoint(2, 2)):
            assert grid.indexAt(point).row() == row


def test_scrolling_to_the_end_shows_the_last_field_whole(opened: Workbench) -> None:
    grid, model = opened.browser.grid, opened.browser.model
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum())
    rect = grid.visualRect(model.index(FIELDS - 1, 0))
    assert grid.viewport().rect().contains(rect.center())
    assert rect.bottom() <= grid.viewport().height()


def test_a_filter_shows_only_what_meets_it(opened: Workbench, qtbot: QtBot) -> None:
    filters = opened.browser.filters
    named(filters, QComboBox, "Filter by reason or state").setCurrentText("blurred")
    filters.changed.emit()
    wait_count(qtbot, opened, FIELDS // 5)
    opened.actions_table["browse.clear"].trigger()
    wait_count(qtbot, opened, FIELDS)


@pytest.mark.parametrize("empty", ["clear", "choose"])
def test_an_emptied_text_box_offers_nothing_to_clear(opened: Workbench, qtbot: QtBot, empty: str) -> None:
    filters = opened.browser.filters
    text = named(filters, QLineEdit, "Find fields by name or slide")
    (cross,) = (button for button in text.findChildren(QToolButton) if button.isHidden())
    told = QSignalSpy(filters.changed)
    text.setText("nothing is called this")
    qtbot.waitUntil(lambda: cross.isVisible() and told.count() == 1)
    filters.clear() if empty == "clear" else filters.choose(FieldFilter())
    qtbot.waitUntil(lambda: not cross.isVisible())
    qtbot.waitUntil(lambda: not any(timer.isActive() for timer in filters.findChildren(QTimer)))
    assert told.count() == 2  # once for the text, once for its end


def test_text_finds_fields_by_name(opened: Workbench, qtbot: QtBot) -> None:
    opened.actions_table["browse.find"].trigger()
    qtbot.keyClicks(named(opened.browser.filters, QLineEdit, "Find fields by name or slide"), "f149")
    wait_count(qtbot, opened, 2)


def test_a_filter_that_hides_everything_says_so(opened: Workbench, qtbot: QtBot) -> None:
    named(opened.browser.filters, QLineEdit, "Find fields by name or slide").setText("no such field")
    wait_count(qtbot, opened, 0)
    assert opened.shell.start.isVisible()
    assert "filter" in label_texts(opened.shell.start)


def test_the_tree_counts_and_filters(opened: Workbench, qtbot: QtBot) -> None:
    tree = opened.browser.tree
    qtbot.waitUntil(lambda: tree.slides.rowCount() == 3)
    totals = [tree.slides.index(row, 1).data() for row in range(3)]
    assert totals == ["300", "150", "150"]
    slide = next(
        place for place in tree.slides.places() if place.slide_id is not None and place.final is None
    )
    tree.choose(slide)
    wait_count(qtbot, opened, FIELDS // 2)
    tree.choose(Place(slide.slide_id, "Pre"))
    qtbot.waitUntil(lambda: 0 < opened.browser.model.rowCount() < FIELDS // 2)
    qtbot.waitUntil(lambda: opened.browser.model.record_at(0) is not None)
    assert opened.browser.model.record_at(0).final_name == "Pre"
    tree.choose(Place())
    wait_count(qtbot, opened, FIELDS)


def _classes_below(tree: SlideTree, place: Place) -> list[str]:
    above = tree.slides.index_of(place)
    return [tree.slides.index(row, 0, above).data() for row in range(tree.slides.rowCount(above))]


def test_a_class_that_comes_later_stands_in_the_models_order(opened: Workbench, qtbot: QtBot) -> None:
    tree = opened.browser.tree
    qtbot.waitUntil(lambda: tree.slides.rowCount() == 3)
    qtbot.waitUntil(lambda: len(_classes_below(tree, Place())) == 5)
    assert _classes_below(tree, Place()) == [*CLASSES, "needs review"]
    slides = Overview(
        (Slide(id=9, name="New", folder=None),), {9: SlideCounts(9, 3, finals={"Pro": 1, "needs review": 1})}
    )
    tree.show_overview(slides)
    more = SlideCounts(9, 3, finals={"Early": 1, "Pro": 1, "needs review": 1})
    tree.show_overview(Overview(slides.slides, {9: more}))
    assert _classes_below(tree, Place(9)) == ["Early", "Pro", "needs review"]


def test_tree_and_class_box_never_contradict_each_other(opened: Workbench, qtbot: QtBot) -> None:
    tree, filters = opened.browser.tree, opened.browser.filters
    qtbot.waitUntil(lambda: tree.slides.rowCount() == 3)
    slide = next(
        place for place in tree.slides.places() if place.slide_id is not None and place.final is None
    )
    tree.choose(Place(slide.slide_id, "Pre"))
    assert named(filters, QComboBox, "Filter by decision").currentText() == "Pre"
    classes = named(filters, QComboBox, "Filter by decision")
    classes.setCurrentText("Pro")
    classes.activated.emit(classes.currentIndex())
    assert tree.current_place() == slide
    tree.choose(Place(slide.slide_id, "Pre"))
    opened.actions_table["browse.clear"].trigger()
    assert tree.current_place() == Place()
    wait_count(qtbot, opened, FIELDS)


def test_sorting_by_a_column_header(opened: Workbench, qtbot: QtBot) -> None:
    opened.actions_table["browse.table"].trigger()
    opened.browser.table.horizontalHeader().sectionClicked.emit(int(Column.QUALITY))
    qtbot.waitUntil(lambda: opened.browser.model.ids()[0] == 1)
    opened.browser.table.horizontalHeader().sectionClicked.emit(int(Column.QUALITY))
    qtbot.waitUntil(lambda: opened.browser.model.ids()[0] == FIELDS)


def test_next_unreviewed_skips_what_was_reviewed(opened: Workbench, qtbot: QtBot) -> None:
    ids = list(opened.browser.model.ids()[:3])
    for token, field_id in enumerate(ids[1:], start=900):
        opened.context.session.submit(
            SaveReview(token, Review(field_id=field_id, reviewer="Ada", class_name="Pro"))
        )
    qtbot.waitUntil(lambda: (r := opened.browser.model.record_at(2)) is not None and r.review is not None)
    opened.actions_table["go.unreviewed"].trigger()
    qtbot.waitUntil(lambda: opened.browser.grid.currentIndex().row() == 3)


def test_blind_review_hides_predictions_until_decided(opened: Workbench, qtbot: QtBot) -> None:
    model = opened.browser.model
    opened.review.set_reviewer("Ada")
    opened.review.set_blind(True)
    index = model.index(1, int(Column.DECISION))
    assert model.data(index) == "hidden"
    assert "91" not in model.data(model.index(1, 0), int(Qt.ItemDataRole.ToolTipRole))
    opened.context.session.submit(
        SaveReview(1, Review(field_id=model.ids()[1], reviewer="Ada", class_name="Pro"))
    )
    qtbot.waitUntil(lambda: model.data(index) != "hidden")


def test_blind_review_leaves_nothing_that_tells_a_prediction(opened: Workbench, qtbot: QtBot) -> None:
    """Order, filters, groups, tree: everything on screen must look the same whatever the model said."""
    browser = opened.browser
    plain = list(browser.model.ids())
    browser.tree.choose(Place(None, "Pre"))
    named(browser.filters, QComboBox, "Filter by reason or state").setCurrentText("blurred")
    browser.footer.set_group(FieldGroup.DECISION)
    browser.footer.sort_by(FieldSort.PROBABILITY)
    qtbot.waitUntil(lambda: browser.model.rowCount() < FIELDS)
    opened.review.set_reviewer("Ada")
    opened.review.set_blind(True)
    wait_count(qtbot, opened, FIELDS)
    assert list(browser.model.ids()) == plain
    assert browser.model.sections() == ()
    qtbot.waitUntil(lambda: not _classes_below(browser.tree, Place()))
    for sort in FieldSort:
        browser.footer.set_sort(sort, descending=True)
        query = browser.query()
        assert query.sort not in TELLING
        assert query.where == FieldFilter()
    reasons = named(browser.filters, QComboBox, "Filter by reason or state")
    for reason in range(reasons.count()):
        reasons.setCurrentIndex(reason)
        assert browser.query().where.reason is None
        assert browser.query().where.poor_quality is None
    assert not named(browser.filters, QComboBox, "Filter by decision").isEnabled()
    opened.review.set_blind(False)
    qtbot.waitUntil(lambda: len(_classes_below(browser.tree, Place())) > 0)
    assert named(browser.filters, QComboBox, "Filter by decision").isEnabled()


def test_a_second_reviewer_is_blind_to_the_first_and_keeps_what_is_theirs(
    opened: Workbench, qtbot: QtBot
) -> None:
    browser, session = opened.browser, opened.context.session
    first, second = list(browser.model.ids()[:2])
    session.submit(SaveReview(1, Review(field_id=first, reviewer="Bob", class_name="Pro")))
    session.submit(SaveReview(2, Review(field_id=first, reviewer="Ada", class_name="Pre")))
    session.submit(SaveReview(3, Review(field_id=second, reviewer="Ada", class_name="Early")))
    opened.review.set_reviewer("Bob")
    opened.review.set_blind(True)
    # Ada came later, yet Bob sees his own decision and not hers.
    qtbot.waitUntil(lambda: (r := browser.model.shown_at(0)) is not None and r.review is not None)
    assert browser.model.shown_at(0).review.class_name == "Pro"
    assert browser.model.shown_at(1).review is None
    assert browser.model.shown_at(1).prediction is None
    qtbot.waitUntil(lambda: named(opened.review, QProgressBar, "Progress of the review").value() == 1)
    browser.go_to_row(0)
    opened.actions_table["go.unreviewed"].trigger()
    qtbot.waitUntil(lambda: browser.grid.currentIndex().row() == 1)
    opened.review.set_blind(False)
    qtbot.waitUntil(lambda: browser.model.record_at(0).review.reviewer == "Ada")
    qtbot.waitUntil(lambda: named(opened.review, QProgressBar, "Progress of the review").value() == 2)


@pytest.mark.parametrize("group", [FieldGroup.SLIDE, FieldGroup.DECISION])
def test_groups_have_headings_in_grid_and_table(opened: Workbench, qtbot: QtBot, group: FieldGroup) -> None:
    browser = opened.browser
    browser.footer.set_group(group)
    qtbot.waitUntil(lambda: len(browser.model.sections()) > 1)
    sections = browser.model.sections()
    titles = [section.title for section in sections]
    expected = ["Smear 1", "Smear 2"] if group is FieldGroup.SLIDE else [*CLASSES, "needs review"]
    assert titles == expected
    assert sum(section.count for section in sections) == FIELDS
    last = sections[-1].start
    browser.grid.scrollTo(browser.model.index(last, 0))
    assert last in browser.grid.visible_rows()
    rect = browser.grid.visualRect(browser.model.index(last, 0))
    assert not browser.grid.indexAt(rect.topLeft() - QPoint(-4, 4)).isValid(), "a heading is no field"
    opened.actions_table["browse.table"].trigger()
    table = browser.table
    assert table.rowHeight(last) == 2 * table.rowHeight(last + 1)
    browser.footer.set_group(FieldGroup.NONE)
    qtbot.waitUntil(lambda: browser.model.sections() == ())
    assert table.rowHeight(last) == table.rowHeight(last + 1)


def test_a_group_can_be_walked_into_with_the_arrow_keys(opened: Workbench, qtbot: QtBot) -> None:
    browser = opened.browser
    browser.footer.set_group(FieldGroup.SLIDE)
    qtbot.waitUntil(lambda: len(browser.model.sections()) == 2)
    second = browser.model.sections()[1].start
    browser.go_to_row(second)
    browser.grid.setFocus()
    qtbot.keyClick(browser.grid, Qt.Key.Key_Up)
    assert browser.grid.currentIndex().row() < second
    qtbot.keyClick(browser.grid, Qt.Key.Key_Down)
    assert browser.grid.currentIndex().row() == second


def test_quality_problems_are_a_filter(opened: Workbench, qtbot: QtBot) -> None:
    opened.browser.filters.choose(FieldFilter(poor_quality=True))
    wait_count(qtbot, opened, FIELDS // 5)
    assert (
        named(opened.browser.filters, QComboBox, "Filter by reason or state").currentText()
        == "quality problem"
    )


def test_the_table_says_when_a_field_was_added(opened: Workbench, qtbot: QtBot) -> None:
    model = opened.browser.model
    qtbot.waitUntil(lambda: model.record_at(0) is not None)
    assert model.data(model.index(0, int(Column.ADDED)))
    opened.browser.table.horizontalHeader().sectionClicked.emit(int(Column.ADDED))
    assert opened.browser.query().sort is FieldSort.ADDED


def test_many_fields_are_reviewed_and_undone_at_once(opened: Workbench, qtbot: QtBot, case: Path) -> None:
    opened.review.set_reviewer("Ada")
    grid, model = opened.browser.grid, opened.browser.model
    first, last = (grid.visualRect(model.index(row, 0)).center() for row in (0, 2))
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=first)
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, pos=last)
    # As if their thumbnails had been looked at for a second: the files were never there.
    grid.visibility.clock = lambda: 0.0
    grid.visibility.painted(model.ids()[:3])
    grid.visibility.clock = lambda: 1.0
    opened.actions_table["review.class.3"].trigger()
    qtbot.waitUntil(lambda: (r := model.record_at(2)) is not None and r.review is not None)
    assert "3 fields" in opened.actions_table["review.undo"].text()
    opened.actions_table["review.undo"].trigger()
    qtbot.waitUntil(
        lambda: all((r := model.record_at(row)) is not None and r.review is None for row in range(3))
    )
    with Case.open(case, read_only=True) as kept:
        assert [kept.fields.get(field_id).review for field_id in model.ids()[:3]] == [None] * 3


# The model by itself


def record(field_id: int, name: str = "") -> FieldRecord:
    return field(field_id, Path("/fields") / (name or f"{field_id}.jpg"), state=FieldState.QUEUED)


@pytest.fixture
def model(qtbot: QtBot) -> FieldModel:
    return FieldModel()


def test_a_hundred_thousand_rows_ask_for_one_page(model: FieldModel, qtbot: QtBot) -> None:
    model.relist(array("q", range(1, 100_001)))
    with qtbot.waitSignal(model.page_wanted) as asked:
        assert model.record_at(50_000) is None
    assert len(asked.args[0]) == PAGE
    assert 50_001 in asked.args[0]


def test_a_page_is_asked_for_once(model: FieldModel, qtbot: QtBot) -> None:
    model.relist(array("q", range(1, 1000)))
    pages: list[list[int]] = []
    model.page_wanted.connect(pages.append)
    for row in range(100):
        model.record_at(row)
    qtbot.waitUntil(lambda: len(pages) == 1)
    model.record_at(5)
    qtbot.wait(20)
    assert len(pages) == 1


def test_an_outdated_record_is_shown_until_the_new_one_comes(model: FieldModel, qtbot: QtBot) -> None:
    model.relist(array("q", [7]))
    model.take_page([record(7, "old.jpg")])
    model.outdate([7])
    with qtbot.waitSignal(model.page_wanted) as asked:
        assert model.record_at(0).path.name == "old.jpg"
    assert asked.args[0] == [7]
    model.take_page([record(7, "new.jpg")])
    assert model.record_at(0).path.name == "new.jpg"


def test_fields_added_at_the_end_keep_what_is_shown(model: FieldModel, qtbot: QtBot) -> None:
    model.relist(array("q", [1, 2]))
    resets: list[None] = []
    model.modelReset.connect(lambda: resets.append(None))
    with qtbot.waitSignal(model.rowsInserted):
        model.relist(array("q", [1, 2, 3]))
    assert resets == []


def test_memory_of_records_is_bounded(model: FieldModel) -> None:
    count = 20_000
    model.relist(array("q", range(count)))
    for start in range(0, count, 1000):
        model.take_page([record(number) for number in range(start, start + 1000)])
    assert sum(model.record(number) is not None for number in range(count)) <= 40 * PAGE


def test_a_late_answer_to_an_older_question_is_dropped(opened: Workbench) -> None:
    before = list(opened.browser.model.ids())
    stale = Listing(Query(0, opened.browser.query().where), array("q", [1]))
    opened.context.session.reader.listed.emit(stale)
    assert list(opened.browser.model.ids()) == before


def test_an_answer_about_another_case_is_dropped(opened: Workbench) -> None:
    """Numbers of fields begin anew with each case, so a late page would show the wrong pictures."""
    model, session = opened.browser.model, opened.context.session
    field_id = model.ids()[0]
    stale = record(field_id, "of another case.jpg")
    session.reader.page_read.emit(session.generation - 1, [stale])
    assert model.record(field_id) != stale
    session.reader.page_read.emit(session.generation, [stale])
    assert model.record(field_id) == stale


def test_a_name_cannot_disguise_itself() -> None:
    shown = cells.text(record(1, "a\u202egpj.exe\n.jpg"), Column.NAME)
    assert "\u202e" not in shown
    assert "\n" not in shown


def test_filter_boxes_take_more_rows_where_their_words_would_be_cut_off(qtbot: QtBot) -> None:
    bar = FilterBar()
    qtbot.addWidget(bar)
    bar.setStyleSheet("* { font-size: 24pt; }")  # at a usual size they fit the narrowest bar
    bar.show()
    words = max(bar.fontMetrics().horizontalAdvance(box.currentText()) for box in bar.findChildren(QComboBox))
    for width, rows in ((3000, 1), (2 * words + 140, 2), (180, 3), (3000, 1)):
        bar.resize(width, 200)
        qtbot.waitUntil(lambda rows=rows: len({b.y() for b in bar.findChildren(QComboBox)}) == rows)


@pytest.mark.parametrize(
    ("key", "kept"), [(Qt.Key.Key_Return, True), (Qt.Key.Key_Down, True), (Qt.Key.Key_Escape, False)]
)
def test_from_the_text_box_a_key_leads_to_what_was_found(
    opened: Workbench, qtbot: QtBot, key: Qt.Key, kept: bool
) -> None:
    opened.actions_table["browse.find"].trigger()
    box = named(opened.browser.filters, QLineEdit, "Find fields by name or slide")
    qtbot.keyClicks(box, "f1.")
    qtbot.waitUntil(lambda: 0 < opened.browser.model.rowCount() < FIELDS)
    qtbot.keyClick(box, key)
    assert opened.shell.focusWidget() is opened.browser.grid
    assert bool(box.text()) is kept
    wait_count(qtbot, opened, opened.browser.model.rowCount() if kept else FIELDS)


def test_the_shown_field_stays_in_view_when_the_shape_of_fields_becomes_known(qtbot: QtBot) -> None:
    """After a start the grid scrolls before the first record tells how high the rows are."""
    thumbnails, model = Thumbnails(), FieldModel()
    grid = FieldGrid(thumbnails)
    qtbot.addWidget(grid)
    grid.setModel(model)
    model.relist(array("q", range(1, 201)))
    grid.resize(300, 400)
    grid.show()
    grid.setCurrentIndex(model.index(150, 0))
    model.take_page([field(1, Path("/a.png"), width=100, height=140)])
    shown = grid.visualRect(grid.currentIndex())
    assert grid.viewport().rect().contains(shown.center())
    thumbnails.stop()


def test_tab_goes_through_the_filters_as_they_are_seen_and_then_to_the_fields(window: Workbench) -> None:
    at = named(window.browser, QLineEdit, "Find fields by name or slide")
    order = []
    while at is not window.browser.grid:
        if at.focusPolicy() & Qt.FocusPolicy.TabFocus and not at.isHidden():
            order.append(at.accessibleName())
        at = at.nextInFocusChain()
    filters = ["Filter by decision", "Filter by review", "Filter by reason or state"]
    assert order == ["Find fields by name or slide", *filters]
