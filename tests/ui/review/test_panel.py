"""Reviewing: the panel says what was decided and emits what the person decides; it writes nothing."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QProgressBar, QPushButton
from pytestqt.qtbot import QtBot

from allstation.core.decision import DecisionRule, Reason
from allstation.core.records import ModelRecord, Review
from allstation.ui.review.bars import ProbabilityBars
from allstation.ui.review.history import HistoryList
from allstation.ui.review.panel import ReviewPanel
from allstation.ui.viewer.card_content import REASON_TEXTS
from allstation.ui.viewer.reasons import explained_reasons
from tests import makers
from tests.ui.field_records import CLASSES, field, prediction
from tests.ui.named import label_texts


@pytest.fixture
def panel(qtbot: QtBot) -> ReviewPanel:
    made = ReviewPanel()
    made.set_reviewer("A. Example")
    made.resize(300, 640)
    qtbot.addWidget(made)
    made.show()
    return made


def button(panel: ReviewPanel, start: str) -> QPushButton:
    return next(b for b in panel.findChildren(QPushButton) if b.text().strip().startswith(start))


def test_confirming_emits_the_decision_with_the_reviewers_name(qtbot: QtBot, panel: ReviewPanel):
    panel.show_field(field(7, made=prediction()))
    with qtbot.waitSignal(panel.reviewed) as reviewed:
        button(panel, "Confirm Early").click()
    assert reviewed.args == [Review(field_id=7, reviewer="A. Example", class_name="Early")]


def test_a_class_button_emits_its_class(qtbot: QtBot, panel: ReviewPanel):
    panel.show_field(field(7, made=prediction()))
    with qtbot.waitSignal(panel.reviewed) as reviewed:
        button(panel, "Pro").click()
    assert reviewed.args[0].class_name == "Pro"


def test_the_button_of_a_class_shows_what_is_stored_not_what_was_clicked(panel: ReviewPanel):
    panel.show_field(field(7, made=prediction()))
    button(panel, "Pro").click()
    assert not button(panel, "Pro").isChecked()
    panel.show_field(
        field(7, made=prediction(), review=Review(field_id=7, reviewer="A. Example", class_name="Pro"))
    )
    assert button(panel, "Pro").isChecked()
    assert "✓" in button(panel, "Pro").text()


def test_another_look_has_no_class(qtbot: QtBot, panel: ReviewPanel):
    panel.show_field(field(7, made=prediction()))
    with qtbot.waitSignal(panel.reviewed) as reviewed:
        button(panel, "Needs another look").click()
    assert reviewed.args[0].class_name is None


def test_a_field_that_needs_review_cannot_be_confirmed(panel: ReviewPanel):
    panel.show_field(field(made=prediction(0.3, 0.3, 0.3, 0.1, reasons=(Reason.LOW_CONFIDENCE,))))
    assert not button(panel, "Confirm").isEnabled()
    assert button(panel, "Pre").isEnabled()


def test_the_comment_goes_with_the_review(qtbot: QtBot, panel: ReviewPanel):
    panel.show_field(field(7, made=prediction()))
    panel.findChild(QPlainTextEdit).setPlainText("  Smudge cells  ")
    with qtbot.waitSignal(panel.reviewed) as reviewed:
        panel.set_class("Pre")
    assert reviewed.args[0] == Review(
        field_id=7, reviewer="A. Example", class_name="Pre", comment="Smudge cells"
    )


def test_a_comment_alone_keeps_the_class_that_was_set(qtbot: QtBot, panel: ReviewPanel):
    panel.show_field(
        field(7, made=prediction(), review=Review(field_id=7, reviewer="A. Example", class_name="Pro"))
    )
    panel.write_comment()
    edit = panel.findChild(QPlainTextEdit)
    qtbot.keyClicks(edit, "thick smear")
    with qtbot.waitSignal(panel.reviewed) as reviewed:
        edit.finish()
    assert reviewed.args[0] == Review(
        field_id=7, reviewer="A. Example", class_name="Pro", comment="thick smear"
    )


@pytest.mark.parametrize(
    "review", [None, Review(field_id=7, reviewer="B. Other", class_name="Pro", comment="theirs")]
)
def test_a_comment_alone_decides_nothing(qtbot: QtBot, panel: ReviewPanel, review: Review | None):
    panel.show_field(field(7, made=prediction(), review=review))
    edit = panel.findChild(QPlainTextEdit)
    edit.setPlainText("smudge cells")
    with qtbot.waitSignal(panel.reviewed) as reviewed:
        edit.finish()
    assert reviewed.args == [Review(field_id=7, reviewer="A. Example", class_name="", comment="smudge cells")]


def test_anothers_comment_is_never_stored_under_ones_own_name(qtbot: QtBot, panel: ReviewPanel):
    panel.show_field(
        field(
            7,
            made=prediction(),
            review=Review(field_id=7, reviewer="Someone Else", class_name="Pro", comment="their words"),
        )
    )
    assert panel.findChild(QPlainTextEdit).toPlainText() == ""
    assert any("their words" in line for line in panel.findChild(HistoryList).texts())
    with qtbot.waitSignal(panel.reviewed) as reviewed:
        panel.set_class("Pre")
    assert reviewed.args[0] == Review(field_id=7, reviewer="A. Example", class_name="Pre", comment="")


def test_escape_drops_what_was_typed(qtbot: QtBot, panel: ReviewPanel):
    panel.show_field(
        field(
            7,
            made=prediction(),
            review=Review(field_id=7, reviewer="A. Example", class_name="Pro", comment="old"),
        )
    )
    edit = panel.findChild(QPlainTextEdit)
    panel.write_comment()
    qtbot.keyClicks(edit, "new")
    with qtbot.assertNotEmitted(panel.reviewed):
        qtbot.keyClick(edit, Qt.Key.Key_Escape)
    assert edit.toPlainText() == "old"


def test_going_to_another_field_keeps_the_comment_with_the_first(qtbot: QtBot, panel: ReviewPanel):
    panel.show_field(field(7, made=prediction()))
    panel.findChild(QPlainTextEdit).setPlainText("blurred corner")
    with qtbot.waitSignal(panel.reviewed) as reviewed:
        panel.show_field(field(8, made=prediction()))
    assert reviewed.args[0].field_id == 7
    assert reviewed.args[0].comment == "blurred corner"
    assert panel.findChild(QPlainTextEdit).toPlainText() == ""


def test_blind_review_shows_nothing_before_the_decision_and_all_after(panel: ReviewPanel):
    panel.set_blind(True)
    other = Review(field_id=7, reviewer="Someone Else", class_name="Pro")
    panel.show_field(field(7, made=prediction(), review=other))
    assert not panel.findChild(ProbabilityBars).isVisible()
    assert not panel.findChild(HistoryList).isVisible()
    assert not button(panel, "Confirm").isEnabled()
    assert not any(b.isChecked() for b in panel.findChildren(QPushButton))
    panel.show_field(
        field(7, made=prediction(), review=Review(field_id=7, reviewer="A. Example", class_name="Pre"))
    )
    assert panel.findChild(ProbabilityBars).isVisible()
    assert panel.findChild(HistoryList).isVisible()


def test_probabilities_are_there_as_text(panel: ReviewPanel):
    panel.show_field(field(7, made=prediction()))
    assert panel.findChild(ProbabilityBars).accessibleDescription() == (
        "Benign 1.0 %, Early 90.0 %, Pre 5.0 %, Pro 4.0 %"
    )


def test_the_history_names_every_reviewer_newest_first(panel: ReviewPanel):
    panel.show_field(field(7, made=prediction()))
    panel.set_history(
        [
            Review(
                field_id=7, reviewer="B. Other", class_name="Pre", comment="edge", at="2026-11-22T10:00:00Z"
            ),
            Review(field_id=7, reviewer="A. Example", class_name=None, at="2026-11-22T11:00:00Z"),
        ]
    )
    lines = panel.findChild(HistoryList).texts()
    assert lines[0].startswith("? needs another look · A. Example")
    assert lines[1].startswith("P Pre · B. Other")
    assert "“edge”" in lines[1]


def test_progress_is_said_in_words_and_as_a_bar(panel: ReviewPanel):
    panel.set_progress(3, 12)
    assert panel.findChild(QProgressBar).value() == 3
    assert "3 of 12 fields reviewed" in label_texts(panel).splitlines()


def test_the_class_buttons_follow_confirm_in_the_order_of_tab(panel: ReviewPanel) -> None:
    panel.set_classes(["Blast", "Normal"])
    at, order = button(panel, "Confirm"), []
    for _ in range(2):
        at = at.nextInFocusChain()
        order.append(at.text())
    assert order == [" Blast  (1)", " Normal  (2)"]


def class_buttons(panel: ReviewPanel) -> list[str]:
    buttons = [one for one in panel.findChildren(QPushButton) if one.accessibleName().startswith("Set ")]
    return [one.text().strip() for one in buttons]


def test_other_classes_bring_other_buttons(qtbot: QtBot, panel: ReviewPanel):
    panel.set_classes(("Blast", "Normal"))
    panel.show_field(field(7))
    qtbot.waitUntil(lambda: class_buttons(panel) == ["Blast  (1)", "Normal  (2)"])
    panel.set_classes(CLASSES)
    qtbot.waitUntil(lambda: len(class_buttons(panel)) == 4)


def test_a_case_that_is_only_looked_at_cannot_be_reviewed(qtbot: QtBot, panel: ReviewPanel):
    panel.set_writable(False)
    panel.show_field(field(7, made=prediction()))
    assert not button(panel, "Pro").isEnabled()
    with qtbot.assertNotEmitted(panel.reviewed):
        panel.confirm()
        panel.set_class("Pro")


def test_the_reviewers_name_is_told(qtbot: QtBot, panel: ReviewPanel):
    edit = panel.findChild(QLineEdit)
    edit.clear()
    with qtbot.waitSignal(panel.reviewer_changed) as changed:
        qtbot.keyClicks(edit, " B. New ")
        qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert changed.args == ["B. New"]


def test_every_control_has_a_name(panel: ReviewPanel):
    for control in panel.findChildren(QPushButton):
        assert control.text().strip() or control.accessibleName()


RULE = {"min_probability": 0.83, "max_novelty": 1.0, "min_sharpness": 45.0, "min_cells": 1}


def model(sha256: str) -> ModelRecord:
    return ModelRecord(
        sha256=sha256, name="cells", version="1", classes=tuple(CLASSES), info={"decision": RULE}
    )


@pytest.mark.parametrize(
    ("reason", "changes", "told"),
    [
        (Reason.LOW_CONFIDENCE, {}, "Low confidence: 52.5 % Early, 43.8 % Pre, limit 83 %"),
        (Reason.UNLIKE_TRAINING, {"novelty": 1.5}, "novelty 1.50, limit 1.00"),
        (Reason.NO_WHITE_CELLS, {"cell_count": 0}, "No white cells found: 0, at least 1"),
    ],
)
def test_a_reason_stands_with_its_figure_and_the_limit_of_the_model_that_decided(
    panel: ReviewPanel, reason: Reason, changes: dict[str, float], told: str
):
    shares = {"Benign": 0.02, "Early": 0.525, "Pre": 0.438, "Pro": 0.017}
    made = makers.prediction(shares, reasons=(reason,), **changes)
    panel.set_model(model(made.model_sha256))
    panel.show_field(field(7, made=made))
    assert told in label_texts(panel)
    panel.set_model(model("f" * 64))
    assert told not in label_texts(panel), "another model's limits say nothing about this decision"


def test_every_reason_has_its_words() -> None:
    rule = DecisionRule(min_probability=0.5)
    for reason in Reason:
        made = makers.prediction("Early", reasons=(reason,))
        assert explained_reasons(made, rule)[0].startswith(REASON_TEXTS[reason])
