"""Curves: the best epoch, values on hover, exports, and no Matplotlib before it is needed."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QCheckBox
from pytestqt.qtbot import QtBot

from allstation.ui.training.plots.curves import CurvesView, best_epoch, value_line
from allstation.ui.training.plots.plotting import PlotLoader
from tests.ui.named import label_texts

TIMEOUT = 60_000
ROWS = [
    {"epoch": 1.0, "loss": 1.2, "accuracy": 0.5, "val_loss": 1.3, "val_accuracy": 0.4},
    {"epoch": 2.0, "loss": 0.8, "accuracy": 0.7, "val_loss": 0.9, "val_accuracy": 0.6},
    {"epoch": 3.0, "loss": 0.5, "accuracy": 0.8, "val_loss": 1.1, "val_accuracy": 0.55},
]


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[CurvesView]:
    loader = PlotLoader()
    made = CurvesView(loader)
    made.resize(700, 340)
    qtbot.addWidget(made)
    made.show()
    made.set_rows(ROWS)
    qtbot.waitUntil(lambda: made.area.figure is not None and bool(made.area.figure.axes), timeout=60_000)
    yield made
    loader.close()


def test_the_epoch_that_was_kept_is_marked_where_the_run_says_so():
    rows = [{**row, "kept": float(row["epoch"] == 3)} for row in ROWS]
    assert best_epoch(rows) == 3
    assert value_line(rows, 3).startswith("Epoch 3 (best)")


def test_the_best_epoch_has_the_lowest_validation_loss():
    assert best_epoch(ROWS) == 2
    assert best_epoch([{"epoch": 1.0, "loss": 2.0}, {"epoch": 2.0, "loss": 1.0}]) == 2
    assert best_epoch([{"epoch": 1.0, "loss": math.nan}]) == 0
    assert best_epoch([]) == 0


def test_values_are_written_for_any_epoch():
    assert value_line(ROWS, 2) == (
        "Epoch 2 (best): loss 0.8000, validation loss 0.9000, accuracy 0.7000, validation accuracy 0.6000"
    )
    assert value_line(ROWS, 9) == ""


def test_loss_and_accuracy_are_drawn_for_both_parts(view: CurvesView):
    loss, accuracy = view.area.figure.axes
    assert [line.get_label() for line in loss.lines] == ["Training", "Validation", "Best: 2"]
    assert list(accuracy.lines[1].get_ydata()) == [0.4, 0.6, 0.55]


def test_accuracy_has_its_whole_scale_and_a_line_at_chance(qtbot: QtBot, view: CurvesView):
    view.set_chance(0.25)
    qtbot.waitUntil(
        lambda: any("chance 0.25" in text.get_text() for text in view.area.figure.axes[1].texts),
        timeout=TIMEOUT,
    )
    accuracy = view.area.figure.axes[1]
    assert accuracy.get_ylim()[0] == 0
    assert accuracy.get_ylim()[1] >= 1
    assert any(set(line.get_ydata()) == {0.25} for line in accuracy.lines)


def test_hovering_writes_the_values_of_that_epoch(view: CurvesView):
    view.area.hovered.emit(1.2)
    assert "Epoch 1: loss 1.2000" in label_texts(view)
    view.area.hovered.emit(None)
    assert "Epoch 3" in label_texts(view)


def test_the_pointer_is_translated_to_an_epoch(qtbot: QtBot, view: CurvesView):
    panel = view.area._drawn.panels[0]
    share = panel.box.left() + panel.box.width() * (2 - panel.low) / (panel.high - panel.low)
    at = QPoint(round(share * view.area.width()), round(panel.box.center().y() * view.area.height()))
    qtbot.mouseMove(view.area, at)
    assert "Epoch 2 (best)" in label_texts(view)
    qtbot.mouseMove(view.area, QPoint(2, 2))
    assert "Epoch 3" in label_texts(view)


def test_the_loss_can_be_logarithmic(qtbot: QtBot, view: CurvesView):
    view.findChild(QCheckBox).setChecked(True)
    # A picture asked for before, of another size, may still arrive first.
    qtbot.waitUntil(lambda: view.area.figure.axes[0].get_yscale() == "log", timeout=TIMEOUT)
    assert view.area.figure.axes[1].get_yscale() == "linear"


def test_a_repeated_epoch_replaces_the_old_one(view: CurvesView):
    view.add_epoch(3, {"loss": 0.4, "val_loss": 0.7})
    assert [row["epoch"] for row in view.rows] == [1.0, 2.0, 3.0]
    assert view.rows[-1]["loss"] == 0.4


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_curves_are_exported_as_pictures(
    qtbot: QtBot, view: CurvesView, tmp_path: Path, suffix: str, start: bytes
):
    view.save(tmp_path / f"curves.{suffix}")
    qtbot.waitUntil((tmp_path / f"curves.{suffix}").is_file, timeout=TIMEOUT)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [f"curves.{suffix}"]
    assert (tmp_path / f"curves.{suffix}").read_bytes().startswith(start)


def test_curves_are_exported_as_numbers(view: CurvesView, tmp_path: Path):
    view.save(tmp_path / "curves.csv")
    with (tmp_path / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[1]["val_loss"]) == 0.9
    assert len(rows) == 3


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf", "csv"])
def test_curves_replace_curves_and_nothing_else(qtbot: QtBot, view: CurvesView, tmp_path: Path, suffix: str):
    target = tmp_path / f"curves.{suffix}"
    theirs = b"\x89PNG\r\n\x1a\n a smear"
    target.write_bytes(theirs)
    with qtbot.waitSignal(view.problem, timeout=TIMEOUT) as told:
        view.export_to(str(target))
    assert "is there already" in told.args[0]
    assert target.read_bytes() == theirs
    target.unlink()
    view.export_to(str(target))
    qtbot.waitUntil(target.is_file, timeout=TIMEOUT)
    first = target.stat()
    view.export_to(str(target))
    qtbot.waitUntil(lambda: target.stat().st_mtime_ns > first.st_mtime_ns, timeout=TIMEOUT)
    assert min(first.st_size, target.stat().st_size) > 100


def test_no_figure_gets_a_field_s_suffix(qtbot: QtBot, view: CurvesView, tmp_path: Path):
    with qtbot.waitSignal(view.problem, timeout=TIMEOUT) as told:
        view.export_to(str(tmp_path / "curves.jpg"))
    assert "has the name of a field" in told.args[0]


def test_a_file_that_cannot_be_written_is_said(qtbot: QtBot, view: CurvesView, tmp_path: Path):
    with qtbot.waitSignal(view.problem, timeout=TIMEOUT):
        view.export_to(str(tmp_path / "nowhere" / "curves.png"))


def test_matplotlib_is_not_loaded_with_the_panel():
    code = (
        "import sys; import allstation.ui.training.panel; "
        "sys.exit('matplotlib' in sys.modules or 'tensorflow' in sys.modules or 'training' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
