"""Sorting fields into classes: by key, taken back, gone on with after a restart, saved and trained on."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QLineEdit, QProgressBar
from pytestqt.qtbot import QtBot

from allstation import paths
from allstation.store.case import Case
from allstation.ui.training.labelling.classes_dialog import ClassesDialog
from allstation.ui.training.labelling.window import LabelWindow
from allstation.ui.training.panel import TrainingPanel
from tests.ui.named import button, label_texts, named
from tests.ui.pixels import canvas_share, mosaic_case, write_mosaic
from tests.ui.training.conftest import Bench

TIMEOUT = 60_000
Until = Callable[[Callable[[], bool]], None]
pytestmark = pytest.mark.qt_log_ignore("does not support raise", extend=True)


@pytest.fixture
def smears(tmp_path: Path) -> Path:
    """Twelve fields that no two of which look alike, on two slides."""
    for number in range(12):
        write_mosaic(tmp_path / "smears" / f"slide {number % 2}" / f"f{number:02d}.png", number)
    return tmp_path / "smears"


class Room:
    """The panel, its labelling window, and what the person at it does."""

    def __init__(self, panel: TrainingPanel, until: Until) -> None:
        self.panel = panel
        self.until = until

    @property
    def window(self) -> LabelWindow:
        window = self.panel.labelling.window
        assert window is not None
        return window

    @property
    def on_screen(self) -> Path:
        record = self.window.view.record
        assert record is not None
        return record.path

    def open(self, folder: Path) -> None:
        self.panel.labelling.open_folder(folder)
        self.until(lambda: self.panel.labelling.window is not None and self.window.isVisible())
        self.until(self.is_painted)

    def is_painted(self) -> bool:
        return canvas_share(self.window.view.canvas, self.on_screen) == 1.0

    def press(self, *keys: Qt.Key) -> None:
        for key in keys:
            self.until(self.is_painted)
            QTest.keyClick(self.window, key)

    def progress(self) -> int:
        return named(self.window, QProgressBar, "Fields that have a class").value()


@pytest.fixture
def panel(
    qtbot: QtBot, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TrainingPanel]:
    monkeypatch.setenv(paths.PROFILE_VARIABLE, str(tmp_path / "profile"))
    made = TrainingPanel(bench.runs, bench.base / "runs", who=lambda: "Ada")
    qtbot.addWidget(made)
    made.show()
    yield made
    bench.runs.close()
    made.close_workers()


@pytest.fixture
def room(qtbot: QtBot, panel: TrainingPanel) -> Room:
    return Room(panel, lambda condition: qtbot.waitUntil(condition, timeout=TIMEOUT))


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return {Path(row["path"]).name: row for row in csv.DictReader(file)}


def test_keys_sort_fields_and_the_folder_is_checked_for_training(room: Room, smears: Path) -> None:
    before = {path: path.read_bytes() for path in smears.rglob("*.png")}
    room.open(smears)
    assert room.on_screen.name == "f00.png"
    order = [field.path.name for field in room.window.labelling.fields]
    room.press(Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_1, Qt.Key.Key_3)
    assert room.progress() == 4
    assert "4 of 12" in label_texts(room.window)
    room.press(Qt.Key.Key_Space)
    assert "Skipped: 1" in label_texts(room.window)
    assert room.on_screen.name == order[5], "a skipped field comes again when no other is left"
    QTest.keyClick(room.window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    made = paths.cases_folder() / "Labelled folders" / "smears sorted"
    room.until(lambda: room.panel.report is not None)
    assert room.panel.folder == made
    assert not room.window.isVisible()
    found = rows(made)
    assert {name: row["class"] for name, row in found.items()} == {
        order[0]: "Benign", order[1]: "Early", order[2]: "Benign", order[3]: "Pre",
    }  # fmt: skip
    for name, row in found.items():
        assert row["reviewer"] == "Ada"
        assert row["patient"] == "", "of a folder no patient is known"
        copy = (made / row["path"]).read_bytes()
        assert hashlib.sha256(copy).hexdigest() == row["sha256"]
        assert copy in before.values(), name
    assert {path: path.read_bytes() for path in smears.rglob("*.png")} == before


def test_answers_are_taken_back_changed_and_kept_over_a_restart(
    room: Room, smears: Path, qtbot: QtBot, bench: Bench
) -> None:
    room.open(smears)
    room.press(Qt.Key.Key_1, Qt.Key.Key_2)
    room.press(Qt.Key.Key_Backspace)
    assert room.on_screen.name == room.window.labelling.fields[1].path.name
    assert room.progress() == 1
    room.press(Qt.Key.Key_4, Qt.Key.Key_Space)
    QTest.keyClick(room.window, Qt.Key.Key_Escape)
    assert not room.window.isVisible()
    room.panel.close_workers()
    journal = next((paths.data_folder() / "labelling").glob("*.jsonl"))
    with journal.open("a", encoding="utf-8") as file:
        file.write('{"field": "torn')  # as a killed program leaves it

    again = TrainingPanel(bench.runs, bench.base / "runs")
    qtbot.addWidget(again)
    again.show()
    other = Room(again, room.until)
    menu = again.data.sorting.menu()
    room.until(lambda: any("Go On with smears, 2 of 12" in one.text() for one in menu.actions()))
    next(one for one in menu.actions() if "Go On" in one.text()).trigger()
    room.until(lambda: again.labelling.window is not None and again.labelling.window.isVisible())
    assert other.progress() == 2
    assert "Skipped: 1" in label_texts(other.window)
    assert other.window.labelling.counts() == {"Benign": 1, "Early": 0, "Pre": 0, "Pro": 1}
    other.press(Qt.Key.Key_Backspace)
    assert "Skipped" not in [line for line in label_texts(other.window).splitlines() if line.endswith("1")]
    again.close_workers()


def test_nothing_is_sorted_that_was_not_on_the_screen(room: Room, smears: Path) -> None:
    (smears / "slide 0" / "f00.png").write_text("This is not a picture.", "utf-8")
    room.panel.labelling.open_folder(smears)
    room.until(lambda: room.panel.labelling.window is not None and room.window.isVisible())
    room.until(lambda: "f00.png" in room.window.view.canvas.message)
    QTest.keyClick(room.window, Qt.Key.Key_1)
    assert room.progress() == 0
    assert "not on the screen" in label_texts(room.window)
    QTest.keyClick(room.window, Qt.Key.Key_Space)
    room.press(Qt.Key.Key_1)
    assert room.progress() == 1


def test_own_classes_have_keys_and_one_in_use_does_not_go(room: Room, smears: Path) -> None:
    room.open(smears)
    room.press(Qt.Key.Key_1)

    def change(*names: str) -> ClassesDialog:
        button(room.window, "Change the Classes…").click()
        dialog = room.window.findChildren(ClassesDialog)[-1]
        while len(dialog.findChildren(QLineEdit)) < len(names):
            button(dialog, "Add a Class").click()
        for line, name in zip(dialog.findChildren(QLineEdit), [*names, *[""] * 9], strict=False):
            line.setText(name)
        button(dialog, "OK").click()
        return dialog

    refused = change("", "Early", "Pre", "Pro")
    assert "The class Benign still has fields (1)" in label_texts(refused)
    refused.reject()
    refused = change("Benign", "benign", "", "")
    assert "Two classes are called" in label_texts(refused)
    refused.reject()
    change("Lymphoblast", "Lymphocyte", "Other", "", "Smudge & co")
    assert room.window.labelling.counts() == {
        "Lymphoblast": 1, "Lymphocyte": 0, "Other": 0, "Smudge & co": 0,
    }  # fmt: skip
    room.press(Qt.Key.Key_4, Qt.Key.Key_9)
    assert room.window.labelling.counts()["Smudge & co"] == 1
    assert room.progress() == 2


def test_all_fields_are_gone_through_with_the_arrows_and_zoomed(room: Room, smears: Path) -> None:
    room.open(smears)
    room.press(Qt.Key.Key_1)
    room.press(Qt.Key.Key_Left)
    assert room.on_screen.name != "f00.png", "only fields without a class"
    box = next(one for one in room.window.findChildren(QCheckBox) if "without a class" in one.text())
    box.click()
    room.press(Qt.Key.Key_Left)
    assert room.on_screen.name == "f00.png"
    room.press(Qt.Key.Key_2)
    assert room.window.labelling.counts()["Benign"] == 0
    zoom = room.window.view.canvas.zoom
    QTest.keyClick(room.window, Qt.Key.Key_Plus)
    assert room.window.view.canvas.zoom > zoom


def test_nothing_is_written_over_and_one_class_is_not_saved(room: Room, smears: Path, tmp_path: Path) -> None:
    room.open(smears)
    room.press(Qt.Key.Key_1)
    room.panel.labelling.save(tmp_path / "new")
    room.until(lambda: "only one class has fields" in label_texts(room.window))
    room.press(Qt.Key.Key_2)
    (tmp_path / "taken").mkdir()
    room.panel.labelling.save(tmp_path / "taken")
    room.until(lambda: "nothing is written over" in label_texts(room.window))
    assert not list((tmp_path / "taken").iterdir())
    room.panel.labelling.save(tmp_path / "new")
    room.panel.labelling._store.cancel()
    room.until(lambda: "Nothing was saved" in label_texts(room.window))
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".*"))
    first = smears / "slide 0" / "f00.png"
    write_mosaic(first, 99)
    room.panel.labelling.save(tmp_path / "new")
    room.until(lambda: "Saved as new. Fields: 1. Left out: 1, gone or changed" in label_texts(room.window))


def test_the_fields_of_the_open_case_are_sorted_and_the_case_stays_as_it_is(
    qtbot: QtBot, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(paths.PROFILE_VARIABLE, str(tmp_path / "profile"))
    folder = mosaic_case(tmp_path, 4)
    panel = TrainingPanel(bench.runs, bench.base / "runs", open_case=lambda: folder, who=lambda: "Ada")
    qtbot.addWidget(panel)
    panel.show()
    room = Room(panel, lambda condition: qtbot.waitUntil(condition, timeout=TIMEOUT))
    with Case.open(folder, read_only=True) as case:
        before = [entry.hash for entry in case.audit.entries()]
    action = next(one for one in panel.data.sorting.menu().actions() if "The Open Case" in one.text())
    assert action.text() == "The Open Case, Mosaics"
    action.trigger()
    room.until(lambda: panel.labelling.window is not None and room.window.isVisible())
    room.press(Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3)
    panel.labelling.save(tmp_path / "from the case")
    room.until(lambda: "Saved as from the case" in label_texts(room.window))
    found = rows(tmp_path / "from the case")
    assert {name: row["class"] for name, row in found.items()} == {
        "f00.png": "Benign", "f01.png": "Early", "f02.png": "Pre",
    }  # fmt: skip
    assert len({row["patient"] for row in found.values()} - {""}) == 1, "the case stands for its patient"
    with Case.open(folder, read_only=True) as case:
        assert [entry.hash for entry in case.audit.entries()] == before
        assert not case.snapshot().reviews
    panel.close_workers()
