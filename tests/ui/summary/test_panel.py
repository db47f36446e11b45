"""The summary: right figures in words and bars, reached by keyboard, and a click shows the fields behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit
from pytestqt.qtbot import QtBot

from allstation.core.records import ModelRecord, NewField, Review
from allstation.core.statistics import clopper_pearson
from allstation.core.summary import Tally
from allstation.services.case.field_requests import SaveReview
from allstation.services.case.questions import ReadOverview
from allstation.services.case.requests import OpenCase
from allstation.store.case import Case
from allstation.ui.browser.slide_model import Place
from allstation.ui.common.formatting import percent
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.summary.panel import SummaryPanel
from allstation.ui.summary.share_bars import BarButton
from tests.makers import numbered
from tests.ui.named import named

CLASSES = ("Benign", "Early", "Pre", "Pro")
FIELDS = 40


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("summary")
    folder = tmp_path / "Two.allcase"
    with Case.create(folder) as made:
        made.models.add(ModelRecord(sha256="ab" * 32, name="m", version="1", classes=CLASSES, info={}))
        for number in (1, 2):
            slide = made.slides.add(f"Smear {number}", tmp_path / f"Smear {number}")
            made.fields.add(
                slide.id,
                [
                    NewField(
                        path=tmp_path / f"Smear {number}" / f"f{i}.jpg",
                        sha256=f"{number}{i:063d}",
                        bytes=10,
                        width=1024,
                        height=768,
                    )
                    for i in range(FIELDS // 2)
                ],
            )
        claimed = made.queue.claim(FIELDS)
        made.queue.save_predictions([(field.id, numbered(field.id, cell_count=10)) for field in claimed[:-2]])
        made.queue.fail(claimed[-1].id, "broken", "It broke.")
    return folder


@pytest.fixture
def opened(window: Workbench, template: Path, tmp_path: Path, qtbot: QtBot) -> Workbench:
    case = Path(shutil.copytree(template, tmp_path / template.name))
    window.context.session.submit(OpenCase(case))
    qtbot.waitUntil(lambda: window.browser.current_record() is not None, timeout=20_000)
    qtbot.waitUntil(lambda: window.browser.tree.slides.rowCount() == 3)
    window.actions_table["browse.summary"].trigger()
    qtbot.waitUntil(lambda: bool(bars(window)))
    return window


def bars(window: Workbench) -> dict[str, BarButton]:
    found = window.summary.findChildren(BarButton)
    return {button.bar.name: button for button in found if not button.isHidden()}


def test_counts_fractions_and_intervals_are_those_of_the_case(opened: Workbench) -> None:
    pro = bars(opened)["Pro"]
    expected = sum(i % 4 == 3 and i % 5 != 0 for i in range(1, FIELDS - 1))
    assert (pro.bar.count, pro.bar.n) == (expected, FIELDS - 2)
    interval = clopper_pearson(expected, FIELDS - 2)
    assert pro.bar.interval == interval
    for part in (str(expected), percent(expected / (FIELDS - 2)), percent(interval.low)):
        assert part in pro.accessibleName()
    text = "\n".join(opened.summary.texts())
    assert f"{(FIELDS - 2) * 10} white cells counted" in text
    assert "Exact 95 % intervals" in text
    assert "Could not be read" in bars(opened)


def test_a_bar_filters_the_browser_by_mouse_and_by_keyboard(opened: Workbench, qtbot: QtBot) -> None:
    pro = bars(opened)["Pro"]
    qtbot.mouseClick(pro, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: opened.browser.model.rowCount() == pro.bar.count)
    assert opened.browser.tree.current_place() == Place(None, "Pro")
    blurred = bars(opened)["Blurred"]
    blurred.setFocus()
    assert opened.shell.focusWidget() is blurred
    qtbot.keyClick(blurred, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: opened.browser.model.rowCount() == blurred.bar.count)
    assert opened.browser.query().where.final is None


def test_it_stays_in_front_after_full_screen(opened: Workbench, qtbot: QtBot) -> None:
    opened.actions_table["view.full_screen"].trigger()
    qtbot.waitUntil(lambda: not opened.summary.is_seen)
    opened.actions_table["view.full_screen"].trigger()
    qtbot.waitUntil(lambda: opened.summary.is_seen)
    qtbot.waitUntil(lambda: opened.docks["review"].visibleRegion().isEmpty())


def test_its_key_brings_the_keyboard_to_the_first_bar(opened: Workbench, qtbot: QtBot) -> None:
    """Else the next Space would confirm a field instead of choosing a bar."""
    opened.docks["review"].raise_()
    opened.browser.grid.setFocus()
    opened.actions_table["browse.summary"].trigger()
    qtbot.waitUntil(lambda: isinstance(opened.shell.focusWidget(), BarButton))
    assert opened.shell.focusWidget().bar.name == "Benign"


def test_it_follows_the_slide_that_is_chosen(opened: Workbench, qtbot: QtBot) -> None:
    slide = next(p for p in opened.browser.tree.slides.places() if p.slide_id is not None and p.final is None)
    opened.browser.tree.choose(slide)
    qtbot.waitUntil(lambda: opened.summary.texts()[0] == "Smear 1")
    assert bars(opened)["Pro"].bar.n == FIELDS // 2


def test_agreement_with_kappa_is_told_by_reviewer(opened: Workbench, qtbot: QtBot) -> None:
    ids = [number for number in range(1, 30) if number % 5]
    for token, number in enumerate(ids):
        choice = CLASSES[number % 4] if token else "Pro" if CLASSES[number % 4] != "Pro" else "Pre"
        opened.context.session.submit(
            SaveReview(token, Review(field_id=number, reviewer="Ada", class_name=choice))
        )
    opened.context.session.submit(
        SaveReview(99, Review(field_id=ids[0], reviewer="Bob", class_name="Benign"))
    )
    n = len(ids)

    def told() -> str:
        return "\n".join(opened.summary.texts())

    qtbot.waitUntil(lambda: f"agree on {n - 1} of {n} fields" in told(), timeout=10_000)
    assert "Ada and the model" in told()
    qtbot.waitUntil(lambda: "Ada and Bob" in told(), timeout=10_000)
    assert "kappa 0.9" in told()


def test_blind_review_hides_the_figures(opened: Workbench, qtbot: QtBot) -> None:
    opened.review.set_reviewer("Ada")
    opened.review.set_blind(True)
    qtbot.waitUntil(lambda: not bars(opened))
    assert "blind" in opened.summary.texts()[0]
    opened.review.set_blind(False)
    qtbot.waitUntil(lambda: bool(bars(opened)))


def test_nothing_is_counted_while_nobody_looks(opened: Workbench, qtbot: QtBot) -> None:
    opened.docks["review"].raise_()
    qtbot.waitUntil(lambda: not opened.summary.is_seen)
    with qtbot.assertNotEmitted(opened.context.session.reader.tally_read, wait=300):
        opened.context.session.ask(ReadOverview(None))


@pytest.mark.parametrize(
    ("tally", "words"),
    [
        (Tally(fields=3), "nothing to count"),
        (Tally(fields=3, finals={"Pro": 3}, cells=40), "Too few fields: 3 fields read (fewer than 10)"),
        (Tally(fields=30, finals={"Pro": 30}, cells=40), "40 white cells found (fewer than 100)"),
        (Tally(fields=30, finals={"Pro": 30}, cells=400), ""),
    ],
)
def test_too_few_fields_are_said_in_words(qtbot: QtBot, tally: Tally, words: str) -> None:
    panel = SummaryPanel()
    qtbot.addWidget(panel)
    panel.show_tally("All fields", tally)
    told = "\n".join(panel.texts()).replace("\N{NO-BREAK SPACE}", " ")
    assert words in told
    if not words:
        assert "fewer than" not in told


def test_a_comment_is_typed_into_its_box_even_if_the_summary_was_in_front(
    opened: Workbench, qtbot: QtBot
) -> None:
    opened.actions_table["browse.summary"].trigger()
    assert opened.summary.isVisible()
    opened.actions_table["review.comment"].trigger()
    assert opened.review.isVisible()
    qtbot.waitUntil(lambda: isinstance(opened.shell.focusWidget(), QPlainTextEdit))
    qtbot.keyClicks(opened.shell.focusWidget(), "r4")
    assert opened.shell.focusWidget().toPlainText() == "r4"
    assert opened.context.undo.count() == 0
    qtbot.keyClick(opened.shell.focusWidget(), Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert not isinstance(QApplication.focusWidget(), QPlainTextEdit)
    qtbot.waitUntil(lambda: opened.context.undo.count() == 1)


def test_find_brings_the_browser_back(opened: Workbench) -> None:
    opened.docks["browser"].hide()
    opened.actions_table["browse.find"].trigger()
    assert opened.browser.isVisible()
    assert opened.shell.focusWidget() is named(
        opened.browser.filters, QLineEdit, "Find fields by name or slide"
    )


def test_fields_that_need_a_person_are_told_from_those_without_a_class(qtbot: QtBot) -> None:
    """Reasons add up to more than the fields, and marks come on top of what the model named no class."""
    panel = SummaryPanel()
    qtbot.addWidget(panel)
    several = {"low confidence": 3, "blurred": 4}
    panel.show_tally(
        "A", Tally(fields=9, finals={"needs review": 5}, open=6, open_reasons=several, another_look=1)
    )
    said = "\n".join(panel.texts())
    assert "6 fields need a person: 5 that the model named no class, 1 marked for another look" in said
    assert "Why fields need a person (a field may have several reasons)" in said
    panel.show_tally("A", Tally(fields=9, finals={"needs review": 1}, open=1, open_reasons={"blurred": 1}))
    said = "\n".join(panel.texts())
    assert "1 field needs a person\n" in said
    assert "several reasons" not in said
