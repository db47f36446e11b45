"""Grabs the training window in every phase, light and dark, with the real training program as its child.

Usage: ``python tests/ui/training/screenshots.py OUTDIR``. Synthetic fields only. Needs two to four minutes;
uses the display that QT_QPA_PLATFORM names, else none.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QComboBox, QLineEdit, QTableWidget, QTabWidget

from allstation.sweep import AXES
from allstation.ui.training.panel import TrainingPanel
from allstation.ui.training.plots.bar_chart import BarChart
from tests.ui.named import button, label_texts, named
from tests.ui.story import Step, play

PATIENCE = 180.0
SETTLED = 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(prefix="allstation-shots-") as scratch:
        os.environ["ALLSTATION_PROFILE"] = f"{scratch}/profile"
        return run(options.out, Path(scratch))


def run(out: Path, scratch: Path) -> int:
    """Run the real program once and grab its training window on the way."""
    from PySide6.QtWidgets import QApplication

    from allstation import app as program

    make_folders(scratch)
    qt = QApplication(["allstation"])
    station = program.AppController(qt, program.parse([]))
    station.show()
    station.build()
    window = station.workbench
    story = tell(window, scratch, Grabber(window, out))
    return play(qt, station, story, patience=PATIENCE, name="training")


def make_folders(scratch: Path) -> None:
    """A good labelled folder and one with errors."""
    from allstation.imaging.synthetic import write_demo

    write_demo(scratch / "Smears 2026", fields=60, labelled=True)
    write_demo(scratch / "Smears with errors", fields=16, seed=2, labelled=True)
    whole = next((scratch / "Smears with errors" / "Pro").iterdir())
    (scratch / "Smears with errors" / "Early" / "cut off.jpg").write_bytes(whole.read_bytes()[:20_000])
    (scratch / "Smears with errors" / "Pre" / "copy.jpg").write_bytes(whole.read_bytes())


class Grabber:
    """Writes ``STATE-light.png`` and ``STATE-dark.png``."""

    def __init__(self, window: Any, out: Path) -> None:
        self._window = window
        self._out = out

    def __call__(self, widget: Any, state: str) -> Step:
        looks = ["light", "dark"]
        ready = {"ticks": 0}
        self._window.actions_table["view.light"].trigger()

        def settled() -> bool:
            ready["ticks"] += 1
            if ready["ticks"] < SETTLED:
                return False
            widget.grab().save(str(self._out / f"{state}-{looks.pop(0)}.png"))
            ready["ticks"] = 0
            self._window.actions_table["view.dark" if looks else "view.light"].trigger()
            return not looks

        return settled


def tell(window: Any, scratch: Path, grab: Grabber) -> Iterator[Step]:
    """The phases in the order a technician meets them."""
    yield lambda: window.context.selection.model is not None
    window.actions_table["model.train"].trigger()
    panel, top = window.training_controller.panel, window.training_controller.window
    yield lambda: bool(panel.recipe.method)
    yield grab(top, "t01-empty")
    yield from tell_data(panel, top, scratch, grab)
    yield from tell_recipe(panel, top, grab)
    yield from tell_runs(panel, top, grab)
    yield from tell_comparison(panel, top, grab)
    yield from tell_trial(panel, top, scratch, grab)
    yield from tell_map(panel, top, grab)
    yield from tell_labelling(panel, scratch, grab)
    yield from tell_sweep(panel, top, grab)


def tell_trial(panel: TrainingPanel, top: Any, scratch: Path, grab: Grabber) -> Iterator[Step]:
    panel.try_run(next(run.folder for run in panel.summaries.values() if "Fine" in run.title))
    panel.trial.pictures_given.emit([scratch / "Smears 2026" / "Pro", scratch / "no picture.png"])
    yield lambda: "Decision" in label_texts(panel.trial) or "Needs review" in label_texts(panel.trial)
    named(panel.trial, BarChart, "Probabilities").clicked.emit("Pro")
    yield grab(top, "t16-try")


def tell_map(panel: TrainingPanel, top: Any, grab: Grabber) -> Iterator[Step]:
    panel.pages.setCurrentWidget(panel.map)
    button(panel.map, "Make the Map").click()
    yield grab(top, "t17-mapping")
    yield lambda: "axes hold" in label_texts(panel.map)
    panel.map.view.choose_group("Early")
    panel.map.view.set_current(0)
    yield grab(top, "t18-map")


def tell_labelling(panel: TrainingPanel, scratch: Path, grab: Grabber) -> Iterator[Step]:
    panel.labelling.open_folder(scratch / "Smears 2026")
    yield lambda: panel.labelling.window is not None
    window = panel.labelling.window
    yield lambda: window.view.canvas.scene.picture is not None
    for key in "1223":
        yield lambda: window.view.canvas.scene.picture is not None
        window.key_typed.emit(key)
    yield grab(window, "t19-labelling")
    window.close()


def tell_data(panel: TrainingPanel, top: Any, scratch: Path, grab: Grabber) -> Iterator[Step]:
    panel.set_folder(scratch / "Smears with errors")
    yield grab(top, "t02-checking")
    yield lambda: panel.report is not None
    yield grab(top, "t03-errors")
    panel.set_folder(scratch / "Smears 2026")
    yield lambda: panel.report is not None
    yield grab(top, "t04-checked")


def tell_recipe(panel: TrainingPanel, top: Any, grab: Grabber) -> Iterator[Step]:
    panel.pages.setCurrentWidget(panel.recipe)
    yield lambda: panel.recipe.has_preview and "measured just now" in label_texts(panel.recipe)
    yield grab(top, "t05-recipe")
    method = named(panel.recipe, QComboBox, "Method")
    method.setCurrentIndex(method.findData("compact"))
    panel.recipe.reset()
    panel.recipe.show_preview_text("")
    yield lambda: panel.recipe.has_preview
    yield grab(top, "t06-recipe-network")


def tell_runs(panel: TrainingPanel, top: Any, grab: Grabber) -> Iterator[Step]:
    tiny = {
        "method": {"kind": "nadim", "options": {"filters": 4, "blocks": 3}},
        "input": {"height": 64, "width": 64},
        "fit": {"epochs": 60, "batch": 16, "learning_rate": 0.0005},
    }
    panel.start(panel.recipe.data() | tiny | {"name": "Nadim, small", "augmentation": {}})
    named(panel.recipe, QComboBox, "Method").setCurrentIndex(0)
    panel.recipe.reset()
    panel.start(panel.recipe.data() | {"name": "Fine-tuned, June"})
    yield lambda: len(panel.run.curves.rows) > 8
    yield grab(top, "t07-running")
    yield lambda: panel.runs.current is None
    yield grab(top, "t08-finished")
    missing = {"data": "/nowhere/Smears of July"}
    panel.start(panel.recipe.data() | missing | {"name": "Smears of July"})
    yield lambda: "no labelled folder" in label_texts(panel.run)
    yield grab(top, "t09-failed")
    panel.pages.setCurrentWidget(panel.past)
    yield lambda: len(panel.summaries) == 3
    panel.past.select(next(run.folder for run in panel.summaries.values() if "Nadim" in run.title))
    yield grab(top, "t10-runs")


def tell_comparison(panel: TrainingPanel, top: Any, grab: Grabber) -> Iterator[Step]:
    panel.compare_runs([run.folder for run in panel.summaries.values() if run.is_evaluated])
    yield lambda: len(panel.compare.figures) == 3
    panel.compare.matrix.cellClicked.emit(1, 1)
    yield grab(top, "t11-comparing")
    for tab, state in ((1, "t12-classes"), (2, "t13-curves"), (3, "t14-side-by-side")):
        panel.compare.findChild(QTabWidget).setCurrentIndex(tab)
        yield grab(top, state)


def tell_sweep(panel: TrainingPanel, top: Any, grab: Grabber) -> Iterator[Step]:
    panel.pages.setCurrentWidget(panel.sweep)
    panel.sweep.fill_zhang()
    axis = {key: label for _, key, label in AXES}
    named(panel.sweep, QLineEdit, axis["kind"]).setText("knn-pixels, knn-hog, svm-hog")
    for key in ("epochs", "batch", "loss"):
        named(panel.sweep, QLineEdit, axis[key]).setText("")
    named(panel.sweep, QLineEdit, axis["seed"]).setText("1, 2")
    button(panel.sweep, "Start Sweep").click()
    yield (
        lambda: (
            sum(
                "n =" in named(panel.sweep, QTableWidget, "Runs of the sweep").item(row, 2).text()
                for row in range(6)
            )
            >= 2
        )
    )
    panel.pages.setCurrentWidget(panel.sweep)
    yield grab(top, "t15-sweep")
    panel.runs.cancel_waiting()


if __name__ == "__main__":
    sys.exit(main())
