"""The tour, the session after a crash, pixel size and two models side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox, QLabel
from pytestqt.qtbot import QtBot

from allstation.core.records import ModelRecord, Prediction
from allstation.imaging.synthetic import write_demo
from allstation.services.case.requests import AddPaths, CloseCase, OpenCase
from allstation.store.case import Case
from allstation.ui.main_window.tour import STOPS
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.review.comment import CommentEdit
from allstation.ui.review.history import HistoryList
from allstation.ui.viewer.pixel_size_controller import PixelSizeController
from allstation.ui.viewer.pixel_size_dialog import PixelSizeDialog
from tests.makers import prediction
from tests.ui.named import label_texts
from tests.ui.pixel_sizes import answer

LONG = 30_000
CLASSES = ("Benign", "Early", "Pre", "Pro")


def said(model: str, name: str) -> Prediction:
    return prediction(name, model_sha256=model)


@pytest.fixture
def case(tmp_path: Path, window: Workbench, qtbot: QtBot) -> Path:
    folder = tmp_path / "Session.allcase"
    write_demo(tmp_path / "Slide", fields=4)
    window.context.session.submit(OpenCase(folder, create=True))
    window.context.session.submit(AddPaths([tmp_path / "Slide"]))
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 4, timeout=LONG)
    qtbot.waitUntil(lambda: window.viewer.record is not None, timeout=LONG)
    return folder


def test_the_first_demo_case_starts_the_tour_once(window: Workbench, qtbot: QtBot) -> None:
    before = window.shell.focusWidget()
    window.actions_table["case.demo"].trigger()
    qtbot.waitUntil(lambda: window.tour.is_on, timeout=LONG)
    assert window.tour.card.isVisible()
    assert not window.tour.card.isAncestorOf(window.shell.focusWidget() or before or window)
    for number in range(len(STOPS)):
        assert f"{number + 1} of {len(STOPS)}" in window.tour.card.step.text()
        qtbot.mouseClick(window.tour.card.next, Qt.MouseButton.LeftButton)
    assert not window.tour.is_on
    assert window.context.settings.value.tour_done
    window.actions_table["case.demo"].trigger()
    with qtbot.waitSignal(window.context.session.opened, timeout=LONG):
        pass
    assert not window.tour.is_on


def test_the_tour_can_be_skipped_and_taken_again_by_keyboard(
    window: Workbench, qtbot: QtBot, case: Path
) -> None:
    assert not window.tour.is_on, "only the demo case starts it unasked"
    window.actions_table["help.tour"].trigger()
    assert window.shell.focusWidget() is window.tour.card.next
    qtbot.keyClick(window.tour.card.next, Qt.Key.Key_Space)
    assert "2 of" in window.tour.card.step.text()
    qtbot.mouseClick(window.tour.card.skip, Qt.MouseButton.LeftButton)
    assert not window.tour.card.isVisible()
    assert window.context.settings.value.tour_done


def test_escape_leaves_the_tour(window: Workbench, qtbot: QtBot, case: Path) -> None:
    window.actions_table["help.tour"].trigger()
    qtbot.keyClick(window.tour.card.next, Qt.Key.Key_Escape)
    assert not window.tour.is_on


def test_the_card_of_the_tour_stays_inside_the_window(window: Workbench, qtbot: QtBot, case: Path) -> None:
    window.actions_table["help.tour"].trigger()
    for _ in STOPS:
        assert window.shell.rect().contains(window.tour.card.geometry())
        window.shell.resize(window.shell.width() - 60, window.shell.height() - 20)
        assert window.shell.rect().contains(window.tour.card.geometry())
        window.tour.card.next.click()
    assert not window.tour.is_on


def test_the_field_that_was_looked_at_is_shown_again(window: Workbench, qtbot: QtBot, case: Path) -> None:
    """Noted down while working: nothing is asked of a program that is killed."""
    window.browser.go_to_row(2)
    wanted = window.browser.model.ids()[2]
    stored = window.context.settings
    qtbot.waitUntil(lambda: stored.value.last_field == wanted, timeout=LONG)
    assert stored.value.last_case == str(case)
    # As a fresh start: no field has been shown yet when the case opens.
    window.context.session.submit(CloseCase())
    qtbot.waitUntil(
        lambda: window.context.selection.field is None and window.context.session.info is None, timeout=LONG
    )
    window.context.session.submit(OpenCase(case))
    qtbot.waitUntil(
        lambda: (r := window.browser.current_record()) is not None and r.id == wanted, timeout=LONG
    )


def test_the_pixel_size_is_kept_for_the_case_and_shown_as_a_bar(
    window: Workbench, qtbot: QtBot, case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[PixelSizeDialog] = []
    monkeypatch.setattr(PixelSizeDialog, "open", lambda dialog: asked.append(dialog))  # noqa: PLW0108
    window.actions_table["view.pixel_size"].trigger()
    answer(asked[0], 0.125)
    qtbot.waitUntil(lambda: window.viewer.main.canvas.scene.pixel_size() == 0.125, timeout=LONG)
    window.context.session.submit(OpenCase(case.with_name("Other.allcase"), create=True))
    qtbot.waitUntil(lambda: window.viewer.main.canvas.scene.pixel_size() is None, timeout=LONG)
    window.context.session.submit(OpenCase(case))
    qtbot.waitUntil(lambda: window.viewer.main.canvas.scene.pixel_size() == 0.125, timeout=LONG)
    qtbot.waitUntil(window.actions_table["view.pixel_size"].isEnabled, timeout=LONG)
    window.actions_table["view.pixel_size"].trigger()
    assert asked[1].length.value() == 0.125


def test_the_pixel_size_is_one_line_of_the_case_data(
    window: Workbench, qtbot: QtBot, case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed in the viewer or beside the objective: the same line, stored, audited and undoable."""
    asked: list[PixelSizeDialog] = []
    monkeypatch.setattr(PixelSizeDialog, "open", lambda dialog: asked.append(dialog))  # noqa: PLW0108

    def shown() -> float | None:
        return window.viewer.main.canvas.scene.pixel_size()

    window.report_controller.show_data()
    data = window.report_controller.data
    assert data is not None
    data.boxes["objective"].setText("100x oil")
    data.boxes["pixel_size"].setText("100 nm")
    data.buttons.button(QDialogButtonBox.StandardButton.Save).click()
    qtbot.waitUntil(lambda: shown() == pytest.approx(0.1), timeout=LONG)
    window.actions_table["view.pixel_size"].trigger()
    assert asked[0].length.value() == pytest.approx(0.1)
    answer(asked[0], 0.25)
    qtbot.waitUntil(lambda: shown() == 0.25, timeout=LONG)
    with Case.open(case, read_only=True) as stored:
        assert stored.details() == {"objective": "100x oil", "pixel_size": "0.1 µm; 0.25 µm at 1024x768"}
        changes = [entry for entry in stored.audit.entries() if entry.action == "details-changed"]
    assert len(changes) == 2
    window.actions_table["review.undo"].trigger()
    qtbot.waitUntil(lambda: shown() == pytest.approx(0.1), timeout=LONG)
    window.shell.findChild(PixelSizeController).set(0.0)
    qtbot.waitUntil(lambda: shown() is None, timeout=LONG)


def test_a_pixel_size_that_is_no_length_is_said_and_shows_no_bar(
    window: Workbench, qtbot: QtBot, case: Path
) -> None:
    window.report_controller.show_data()
    data = window.report_controller.data
    assert data is not None
    data.boxes["pixel_size"].setText("as delivered")
    assert any("scale bar" in label.text() for label in data.findChildren(QLabel) if label.isVisible())
    data.buttons.button(QDialogButtonBox.StandardButton.Save).click()

    def stored() -> dict[str, str]:
        with Case.open(case, read_only=True) as kept:
            return dict(kept.details())

    qtbot.waitUntil(lambda: stored() == {"pixel_size": "as delivered"}, timeout=LONG)
    assert window.viewer.main.canvas.scene.pixel_size() is None


def test_a_comment_alone_is_kept_and_the_field_stays_unreviewed(
    window: Workbench, qtbot: QtBot, case: Path
) -> None:
    window.review.set_reviewer("A. Example")
    window.browser.go_to_row(0)
    qtbot.waitUntil(lambda: window.browser.current_record() is not None, timeout=LONG)
    number = window.browser.current_record().id
    edit = window.review.findChild(CommentEdit)

    def history() -> list[str]:
        return window.review.findChild(HistoryList).texts()

    edit.setPlainText("smudge cells")
    edit.finish()
    qtbot.waitUntil(lambda: len(history()) == 1 and history()[0].startswith("Comment"), timeout=LONG)
    window.browser.go_to_row(1)
    qtbot.waitUntil(lambda: edit.toPlainText() == "", timeout=LONG)
    window.browser.go_to_row(0)
    qtbot.waitUntil(lambda: edit.toPlainText() == "smudge cells", timeout=LONG)
    with Case.open(case, read_only=True) as stored:
        assert [(one.class_name, one.comment) for one in stored.reviews.of_field(number)] == [
            ("", "smudge cells")
        ]
        assert stored.snapshot().reviews == ()
        assert all(one.review is None for one in stored.snapshot().fields)
        assert stored.audit.verify() is None
    window.context.undo.undo()
    qtbot.waitUntil(lambda: edit.toPlainText() == "", timeout=LONG)
    window.context.undo.redo()
    qtbot.waitUntil(lambda: edit.toPlainText() == "smudge cells", timeout=LONG)
    with Case.open(case, read_only=True) as stored:
        assert all(one.review is None for one in stored.snapshot().fields)
        assert stored.audit.verify() is None


def test_two_models_stand_side_by_side_and_follow_the_field(
    window: Workbench, qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "Models.allcase"
    files = write_demo(tmp_path / "Slide", fields=2)
    window.context.session.submit(OpenCase(folder, create=True))
    window.context.session.submit(AddPaths([tmp_path / "Slide"]))
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == len(files), timeout=LONG)
    window.context.session.submit(CloseCase())
    qtbot.waitUntil(lambda: window.context.session.info is None, timeout=LONG)
    with Case.open(folder) as made:
        for key, name in (("aa" * 32, "Old"), ("bb" * 32, "New")):
            made.models.add(ModelRecord(sha256=key, name=name, version="1", classes=CLASSES, info={}))
            ids = [field.id for field in made.queue.claim(9)]
            made.queue.save_predictions(
                [(number, said(key, "Pre" if name == "Old" else "Pro")) for number in ids]
            )
            made.queue.requeue(ids) if name == "Old" else None
    window.context.session.submit(OpenCase(folder))
    qtbot.waitUntil(lambda: window.viewer.main.canvas.scene.picture is not None, timeout=LONG)
    window.actions_table["view.models"].trigger()
    viewer = window.viewer
    qtbot.waitUntil(lambda: viewer.pinned.record is not None, timeout=LONG)
    assert viewer.main.record.prediction.top_class == "Pro"
    assert viewer.pinned.record.prediction.top_class == "Pre"
    assert (label_texts(viewer.main), label_texts(viewer.pinned)) == ("New 1", "Old 1")
    window.actions_table["go.next"].trigger()
    qtbot.waitUntil(lambda: viewer.pinned.record.id == window.browser.model.ids()[1], timeout=LONG)
    window.actions_table["view.models"].trigger()
    assert not viewer.pinned.isVisible()


def test_with_one_model_there_is_nothing_to_compare(window: Workbench, qtbot: QtBot, case: Path) -> None:
    qtbot.waitUntil(lambda: window.viewer.record is not None, timeout=LONG)
    window.actions_table["view.models"].trigger()
    qtbot.waitUntil(lambda: not window.actions_table["view.models"].isChecked(), timeout=LONG)
    assert "Only one model" in window.notifications.texts()[-1]
