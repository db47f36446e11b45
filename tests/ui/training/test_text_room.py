"""What is found, tried, mapped and sorted fits 1280 x 720 at every size of text: scrolled, never cut off."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from allstation import paths
from allstation.inference.bundle import default_bundle_path
from allstation.ui.common import window_size
from allstation.ui.common.theme import Theme
from allstation.ui.training.controller import TrainingWindow
from allstation.ui.training.labelling.classes_dialog import ClassesDialog
from allstation.ui.training.panel import TrainingPanel
from tests.ui.named import button, label_texts
from tests.ui.pixels import write_mosaic
from tests.ui.text_fit import clipped
from tests.ui.training.conftest import Bench

SCREEN = QSize(1280, 720)
TIMEOUT = 60_000
CLASSES = ("Benign", "Early", "Pre", "Pro")
pytestmark = pytest.mark.qt_log_ignore("does not support raise", extend=True)


@pytest.fixture
def theme(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Theme]:
    monkeypatch.setattr(window_size, "available", lambda _window: SCREEN)
    made = Theme(qapp)
    yield made
    made.set_scale(1.0)
    made.deleteLater()


@pytest.fixture
def smears(tmp_path: Path) -> Path:
    for place, name in enumerate(CLASSES):
        for number in range(1, 6):
            path = tmp_path / "smears of June, second microscope" / name / f"field {number}.png"
            write_mosaic(path, 5 * place + number)
    return tmp_path / "smears of June, second microscope"


@pytest.fixture
def window(
    qtbot: QtBot, bench: Bench, tmp_path: Path, theme: Theme, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TrainingWindow]:
    """The training window with a finished run whose bundle is the shipped one."""
    monkeypatch.setenv(paths.PROFILE_VARIABLE, str(tmp_path / "profile"))
    run = bench.base / "runs" / "good"
    run.mkdir(parents=True)
    shutil.copyfile(default_bundle_path(), run / "good.allmodel")
    (run / "run.json").write_text(json.dumps({"name": "Good run", "state": "finished"}), "utf-8")
    owner = QWidget()
    qtbot.addWidget(owner)
    panel = TrainingPanel(bench.runs, bench.base / "runs")
    made = TrainingWindow(panel, owner)
    made.show()
    qtbot.waitUntil(lambda: run in panel.summaries and bool(panel.recipe.method), timeout=TIMEOUT)
    yield made
    bench.runs.close()
    panel.close_workers()


def filled(panel: TrainingPanel, smears: Path, until: Callable[[Callable[[], bool]], None]) -> None:
    """Check a folder, make its map, try a picture, begin to sort."""
    panel.set_folder(smears)
    until(lambda: panel.report is not None)
    button(panel.map, "Make the Map").click()
    until(lambda: "axes hold" in label_texts(panel.map))
    panel.map.legend.clicked.emit("Early")
    panel.try_run(next(iter(panel.summaries)))
    panel.trial.pictures_given.emit([smears / "Pro" / "field 1.png"])
    until(lambda: "Being" not in label_texts(panel.trial) and panel.trial.current is not None)
    panel.labelling.open_folder(smears)
    until(lambda: panel.labelling.window is not None and panel.labelling.window.isVisible())
    until(lambda: panel.labelling.window.view.canvas.scene.picture is not None)
    QTest.keyClick(panel.labelling.window, Qt.Key.Key_2)


def faults(top: QWidget, place: str) -> list[str]:
    for _ in range(3):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
    found = [
        f"{place}: {text!r} needs {needed.toTuple()}, has {given.toTuple()} in {type(widget).__name__}"
        for widget, text, needed, given in clipped(top)
    ]
    if SCREEN.boundedTo(top.size()) != top.size():
        found.append(f"{place}: the window is {top.width()} x {top.height()}")
    return found


def test_every_page_fits_when_it_is_filled(
    window: TrainingWindow, smears: Path, theme: Theme, qtbot: QtBot
) -> None:
    panel = window.findChild(TrainingPanel)
    filled(panel, smears, lambda condition: qtbot.waitUntil(condition, timeout=TIMEOUT))
    sorting = panel.labelling.window
    sorting.panel.show_problem("This field is not on the screen yet. Wait for it, or skip it.")
    found: list[str] = []
    for scale in (1.0, 1.5, 2.0):
        theme.set_scale(scale)
        for top in (window, sorting):
            top.resize(SCREEN)
        for index in range(panel.pages.count()):
            panel.pages.setCurrentIndex(index)
            found += faults(window, f"{panel.pages.tabText(index)} at {scale}")
        found += faults(sorting, f"labelling at {scale}")
        sorting.panel.show_progress(3, 20, 75.0)
        found += faults(sorting, f"saving at {scale}")
        dialog = ClassesDialog(CLASSES, sorting)
        dialog.show()
        found += faults(dialog, f"classes at {scale}")
        dialog.reject()
        dialog.deleteLater()
    assert not found, "\n".join(found)
