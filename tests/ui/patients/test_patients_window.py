"""Patients in the window: typed, given by a pattern or table, undone, and offered after adding."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QFileDialog, QLineEdit
from pytestqt.qtbot import QtBot

from allstation.core.records import NewField
from allstation.services.case.requests import AddPaths, OpenCase, Pause
from allstation.store.case import Case
from allstation.ui.browser.slide_model import Place, SlideModel
from allstation.ui.common.notifications import Notification
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.patients.controller import PatientsController


@pytest.fixture
def opened(window: Workbench, tmp_path: Path, qtbot: QtBot) -> Workbench:
    folder = tmp_path / "Two.allcase"
    with Case.create(folder) as case:
        for number, place in enumerate(("P1/a", "P1/b", "P2/a")):
            slide = case.slides.add(f"slide {number}", tmp_path / place)
            path = tmp_path / place / "f.jpg"
            new = NewField(path=path, sha256=f"{number:064d}", bytes=10, width=10, height=7)
            case.fields.add(slide.id, [new])
    window.context.session.submit(Pause(True))
    window.context.session.submit(OpenCase(folder))
    qtbot.waitUntil(lambda: window.browser.tree.slides.rowCount() == 4, timeout=20_000)
    qtbot.waitUntil(window.actions_table["case.patients"].isEnabled)
    return window


def patients(opened: Workbench) -> list[str]:
    return [opened.browser.tree.slides.patient_of(number)[0] for number in (1, 2, 3)]


def stored(folder: Path) -> list[tuple[str, str]]:
    with Case.open(folder, read_only=True) as case:
        assert case.audit.verify() is None
        return [(slide.patient, slide.patient_source) for slide in case.slides.all()]


def controller(opened: Workbench) -> PatientsController:
    return next(one for one in opened.features if isinstance(one, PatientsController))


def test_a_patient_is_typed_in_the_tree_undone_and_redone(opened: Workbench, tmp_path, qtbot: QtBot) -> None:
    tree = opened.browser.tree
    assert tree.header().isSectionHidden(SlideModel.PATIENT)
    tree.choose(Place(2))
    opened.actions_table["slide.patient"].trigger()
    (line,) = tree.findChildren(QLineEdit)
    assert line.accessibleName() == "Patient of the slide"
    qtbot.keyClicks(line, "P-14")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: patients(opened) == ["", "P-14", ""])
    assert not tree.header().isSectionHidden(SlideModel.PATIENT)
    assert tree.slides.index_of(Place(2), SlideModel.PATIENT).data() == "P-14"
    assert "patient P-14" in tree.slides.index_of(Place(2)).data(Qt.ItemDataRole.AccessibleTextRole)
    assert stored(tmp_path / "Two.allcase")[1] == ("P-14", "typed")
    opened.actions_table["review.undo"].trigger()
    qtbot.waitUntil(lambda: patients(opened) == ["", "", ""])
    opened.actions_table["review.redo"].trigger()
    qtbot.waitUntil(lambda: patients(opened) == ["", "P-14", ""])


def test_a_pattern_shows_what_it_would_give_and_gives_it(opened: Workbench, tmp_path, qtbot: QtBot) -> None:
    opened.actions_table["case.patients"].trigger()
    dialog = controller(opened).dialog
    dialog.pattern.setText("{patient")
    qtbot.waitUntil(lambda: "neither" in dialog.message.text())
    assert not dialog.apply.isEnabled()
    dialog.pattern.setText("P{patient}/{slide}")
    qtbot.waitUntil(dialog.apply.isEnabled)
    rows = [dialog.preview.topLevelItem(row) for row in range(dialog.preview.topLevelItemCount())]
    assert [(row.text(1), row.text(2)) for row in rows] == [("", "1"), ("", "1"), ("", "2")]
    assert "3 of 3 slides" in dialog.message.text()
    assert patients(opened) == ["", "", ""]
    qtbot.mouseClick(dialog.apply, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: patients(opened) == ["1", "1", "2"])
    assert opened.context.settings.value.patient_pattern == "P{patient}/{slide}"
    assert {source for _, source in stored(tmp_path / "Two.allcase")} == {"folder pattern"}
    opened.actions_table["review.undo"].trigger()
    qtbot.waitUntil(lambda: patients(opened) == ["", "", ""])


def test_a_table_gives_patients(opened: Workbench, tmp_path, qtbot: QtBot) -> None:
    table = tmp_path / "p.csv"
    table.write_text("slide,patient\nslide 0,X\nslide 2,Y\nnone,Z\n", encoding="utf-8")
    opened.actions_table["case.patients"].trigger()
    dialog = controller(opened).dialog
    qtbot.mouseClick(dialog.table, Qt.MouseButton.LeftButton)
    asked = opened.shell.findChild(QFileDialog)
    asked.fileSelected.emit(str(table))
    asked.close()
    qtbot.waitUntil(dialog.apply.isEnabled)
    assert "1 slides stay without" in dialog.message.text()
    assert "1 rows of the table" in dialog.message.text()
    qtbot.mouseClick(dialog.apply, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: patients(opened) == ["X", "", "Y"])


class Notes(QObject):
    """Collects the buttons of notifications."""

    def __init__(self) -> None:
        super().__init__()
        self.actions: list[str] = []

    @Slot(object)
    def take(self, posted: Notification) -> None:
        self.actions.append(posted.action)


def test_patients_are_offered_after_folders_below_several_others_were_added(
    opened: Workbench, tmp_path, qtbot: QtBot
) -> None:
    notes = Notes()
    opened.context.notifier.posted.connect(notes.take)
    for number, place in enumerate(("A/s", "B/s")):
        (tmp_path / "new" / place).mkdir(parents=True)
        picture = np.full((40, 60, 3), 200 + number, np.uint8)
        cv2.imwrite(str(tmp_path / "new" / place / "f.png"), picture)
    opened.context.session.submit(AddPaths([tmp_path / "new"]))
    qtbot.waitUntil(lambda: "Patients…" in notes.actions, timeout=10_000)
    assert notes.actions.count("Patients…") == 1
