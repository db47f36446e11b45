"""What the training window shows of fields: their pixels, compared with the files on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QListWidget, QTabWidget
from pytestqt.qtbot import QtBot

from allstation.ui.training.field_preview import FieldPeek
from allstation.ui.training.panel import TrainingPanel
from allstation.ui.training.plots.bar_chart import BarChart
from allstation.ui.viewer.canvas import FieldCanvas
from tests.ui.named import named
from tests.ui.pixels import canvas_share, write_mosaic
from tests.ui.training.conftest import Bench

CLASSES = ("Benign", "Early", "Pre", "Pro")
TIMEOUT = 60_000

Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A labelled folder of pictures that no two files share, by the names the stand-in worker uses."""
    counts = iter(range(1, 200))
    for name in CLASSES:
        for stem in ("a", "b", *(f"field {n}" for n in range(1, 41))):
            write_mosaic(tmp_path / "smears" / name / f"{stem}.png", next(counts))
    return tmp_path / "smears"


@pytest.fixture
def panel(qtbot: QtBot, bench: Bench) -> Iterator[TrainingPanel]:
    made = TrainingPanel(bench.runs, bench.base / "runs")
    made.resize(1060, 700)
    qtbot.addWidget(made)
    made.show()
    yield made
    bench.runs.close()
    made.close_workers()


@pytest.fixture
def until(qtbot: QtBot) -> Until:
    return lambda condition: qtbot.waitUntil(condition, timeout=TIMEOUT)


def canvas(peek: FieldPeek) -> FieldCanvas:
    return peek.findChild(FieldCanvas)


def shows(peek: FieldPeek, path: Path) -> bool:
    return canvas_share(canvas(peek), path) == 1.0


def compared(panel: TrainingPanel, bench: Bench, labelled: Path, until: Until) -> None:
    """Train once and open the run on the compare page."""
    until(lambda: bool(panel.recipe.method))
    panel.set_folder(labelled)
    until(lambda: panel.report is not None)
    panel.start(panel.recipe.data() | {"name": "one"})
    until(lambda: any(run.is_evaluated for run in panel.summaries.values()))
    until(lambda: bench.runs.current is None)
    (folder,) = (bench.base / "runs").glob("one-*")
    info = json.loads((folder / "run.json").read_text("utf-8"))
    info["recipe"]["data"] = str(labelled)
    (folder / "run.json").write_text(json.dumps(info), "utf-8")
    panel.compare_runs([folder])
    until(lambda: bool(panel.compare.figures))


def test_the_fields_of_a_finding_and_of_a_class_are_shown_in_their_own_pixels(
    qtbot: QtBot, panel: TrainingPanel, labelled: Path, until: Until
) -> None:
    panel.set_folder(labelled)
    until(lambda: panel.report is not None)
    peek = panel.data.peek
    assert peek.paths == [labelled / "Pro" / "a.png", labelled / "Pro" / "b.png"]
    until(lambda: shows(peek, labelled / "Pro" / "a.png"))
    peek.findChild(QListWidget).setCurrentRow(1)
    until(lambda: shows(peek, labelled / "Pro" / "b.png"))
    assert not shows(peek, labelled / "Pro" / "a.png")
    bars = named(panel.data, BarChart, "Fields per class")
    qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=QPoint(40, round(1.5 * bars.height() / 4)))
    until(lambda: shows(peek, labelled / "Early" / "a.png"))


def test_the_fields_of_a_cell_of_the_matrix_are_shown_in_their_own_pixels(
    panel: TrainingPanel, bench: Bench, labelled: Path, until: Until
) -> None:
    compared(panel, bench, labelled, until)
    peek = panel.compare.peek
    panel.compare.matrix.cellClicked.emit(1, 2)
    until(lambda: shows(peek, labelled / "Early" / "field 20.png"))
    panel.compare.matrix.cellClicked.emit(1, 1)
    until(lambda: shows(peek, labelled / "Early" / "field 11.png"))


def test_the_field_of_a_prediction_is_shown_in_its_own_pixels(
    panel: TrainingPanel, bench: Bench, labelled: Path, until: Until
) -> None:
    compared(panel, bench, labelled, until)
    page = panel.compare.predictions
    panel.compare.findChild(QTabWidget).setCurrentWidget(page)
    for row in (0, 20):
        page.table.setCurrentCell(row, 0)
        (path,) = page.peek.paths
        until(lambda path=path: shows(page.peek, path))


def test_a_field_that_is_not_there_any_more_is_said_to_be_missing(
    panel: TrainingPanel, labelled: Path, until: Until
) -> None:
    panel.set_folder(labelled)
    until(lambda: panel.report is not None)
    peek = panel.data.peek
    until(lambda: shows(peek, labelled / "Pro" / "a.png"))
    (labelled / "Pro" / "b.png").unlink()
    peek.findChild(QListWidget).setCurrentRow(1)
    until(lambda: "b.png" in canvas(peek).message)
    assert canvas_share(canvas(peek), labelled / "Pro" / "a.png") == 0.0
