"""The panel with the real training program as its child: from a dropped folder to a classified case, and
what a child does that is killed, has no disk, no folder, no memory, or whose window closes."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtWidgets import QComboBox, QLineEdit, QPushButton, QTableWidget
from pytestqt.qtbot import QtBot

from allstation.core.events import PHASES
from allstation.core.records import FieldState
from allstation.frozen import training_command
from allstation.imaging.synthetic import write_demo
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.recipe_files import write_recipe
from allstation.services.case.requests import AddPaths, OpenCase, UseModel
from allstation.services.training.history import read_summary
from allstation.services.training.job_lines import JobState
from allstation.services.training.runs import TrainingRuns
from allstation.store.case import Case
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.training.activation import ActivationDialog
from allstation.ui.training.panel import TrainingPanel
from tests.ui.named import label_texts, named
from tests.ui.training.conftest import Seen
from tests.ui.training.test_panel import drop

PATIENCE = 120_000
LEARNS_TINY = {
    "method": {"kind": "nadim", "options": {"filters": 2, "blocks": 2}},
    "input": {"height": 32, "width": 32},
    "fit": {"epochs": 400, "batch": 8},
}
tensorflow = pytest.mark.tensorflow
pytestmark = [
    pytest.mark.xdist_group("tensorflow"),
    pytest.mark.qt_log_ignore("does not support raise", extend=True),
]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smears")
    write_demo(folder, fields=28, labelled=True)
    return folder


@pytest.fixture
def until(qtbot: QtBot) -> Callable[[Callable[[], bool]], None]:
    return lambda condition: qtbot.waitUntil(condition, timeout=PATIENCE)


def button(panel: TrainingPanel, text: str) -> QPushButton:
    return next(each for each in panel.findChildren(QPushButton) if each.text() == text)


@tensorflow
def test_a_dropped_folder_becomes_a_model_that_classifies_a_case(
    window: Workbench, labelled: Path, tmp_path: Path, until
):
    window.context.session.submit(UseModel(default_bundle_path()))
    window.context.session.submit(OpenCase(tmp_path / "New.allcase", create=True))
    until(lambda: window.context.selection.model is not None)
    window.actions_table["model.train"].trigger()
    panel = window.training_controller.panel
    until(lambda: panel.recipe.method == "finetune")

    drop(panel, labelled)
    until(lambda: panel.report is not None)
    assert panel.report["fields"] == 28
    button(panel, "Go On to the Recipe").click()
    assert panel.pages.currentWidget() is panel.recipe

    method = named(panel.recipe, QComboBox, "Method")
    method.setCurrentIndex(method.findData("nadim"))
    method.activated.emit(method.currentIndex())
    values = {("options", "filters"): 2, ("options", "blocks"): 2, ("input", "height"): 32,
              ("input", "width"): 32, ("fit", "epochs"): 2, ("fit", "batch"): 16}  # fmt: skip
    for (section, key), value in values.items():
        panel.recipe.form.editor(section, key).setValue(value)
    named(panel.recipe, QLineEdit, "Name of the run").setText("Tiny")
    button(panel, "Start Training").click()
    until(lambda: "Finished." in label_texts(panel.run))
    assert "Finished. Test accuracy" in label_texts(panel.run)
    assert [row["epoch"] for row in panel.run.curves.rows] == [1.0, 2.0]

    until(lambda: any(run.bundle for run in panel.summaries.values()))
    (run,) = panel.summaries.values()
    panel.pages.setCurrentWidget(panel.past)
    panel.past.select(run.folder)
    button(panel, "Evaluate and Compare").click()
    until(lambda: len(panel.compare.figures) == 2)
    assert "ALL Station" in label_texts(panel.compare)

    button(panel, "Activate…").click()
    dialog = panel.past.findChild(ActivationDialog)
    until(lambda: dialog.is_compared)
    assert named(dialog, QTableWidget, "Both models on the same fields").rowCount() == 3
    assert "ALL Station" in label_texts(dialog)
    assert dialog.keep.isDefault(), "two epochs on 28 drawn fields are no better than the shipped model"
    dialog.name.setText("Tiny of June")
    dialog.activate.click()
    until(
        lambda: (
            window.context.selection.model is not None
            and window.context.selection.model.record.name == "Tiny of June"
        )
    )

    window.context.session.submit(AddPaths([labelled / "Pro"]))
    with Case.open(tmp_path / "New.allcase", read_only=True) as case:
        until(lambda: case.queue.counts().get(FieldState.DONE, 0) == 7)
        made = ModelBundle.open(window.context.selection.model.path)
        predictions = [case.fields.predictions(row)[-1] for row in range(1, 8)]
        assert {one.model_sha256 for one in predictions} == {made.sha256}
        assert set(predictions[0].probabilities) == {"Benign", "Early", "Pre", "Pro"}


class Real:
    """A queue whose children are the real training program.

    Attributes:
        runs: The queue.
        seen: What it told.
    """

    def __init__(self, base: Path, labelled: Path, program: list[str] | None = None) -> None:
        self.base = base
        self.runs = TrainingRuns(program or training_command())
        self.seen = Seen(self.runs)
        self._labelled = labelled

    def fit(self, name: str = "run", **recipe: Any) -> Path:
        """Queue a run; fine-tuning unless the recipe says otherwise."""
        data = {
            "name": name,
            "data": str(self._labelled),
            "export": True,
            "method": {"kind": "finetune", "options": {"copies": 0}},
            "split": {"kind": "image-random", "train": 0.6, "validation": 0.2},
        }
        path = self.base / f"{name}.toml"
        write_recipe(path, data | recipe)
        self.runs.fit(path, self.base / name, title=name)
        return self.base / name


@pytest.fixture
def start(qapp: object, tmp_path: Path, labelled: Path) -> Iterator[Callable[..., Real]]:
    made: list[Real] = []

    def make(program: list[str] | None = None, data: Path = labelled) -> Real:
        made.append(Real(tmp_path, data, program))
        return made[-1]

    yield make
    for real in made:
        real.runs.close()


def family_of(real: Real) -> list[psutil.Process]:
    parent = psutil.Process(real.runs.current_pid)
    return [parent, *parent.children(recursive=True)]


def gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


@pytest.mark.parametrize("phase", PHASES)
def test_closing_in_every_phase_leaves_no_process(start: Callable[..., Real], until, phase: str):
    real = start()
    folder = real.fit()
    until(lambda: real.runs.phase == phase or bool(real.seen.endings))
    assert real.runs.phase == phase, real.seen.endings
    if phase == "exporting":
        until(lambda: len(family_of(real)) > 1)
    family = family_of(real)
    real.runs.close()
    until(lambda: gone(family))
    summary = read_summary(folder)
    assert summary.state == "interrupted"
    assert summary.can_resume
    assert summary.bundle is None, "what no new process has verified cannot be activated"


def test_a_killed_child_is_said_and_its_run_resumed(start: Callable[..., Real], until):
    real = start()
    earlier = real.fit("earlier", export=False)
    until(lambda: len(real.seen.endings) == 1)
    before = {path: path.read_bytes() for path in earlier.iterdir()}
    folder = real.fit("killed", export=False)
    until(lambda: real.runs.phase == "preparing")
    os.kill(real.runs.current_pid, signal.SIGKILL)
    until(lambda: len(real.seen.endings) == 2)
    assert (real.seen.endings[1].state, real.seen.endings[1].code) == (JobState.FAILED, "killed")
    assert read_summary(folder).can_resume
    assert {path: path.read_bytes() for path in earlier.iterdir()} == before
    real.runs.resume(folder, title="again")
    until(lambda: len(real.seen.endings) == 3)
    assert real.seen.endings[2].state is JobState.FINISHED


def test_a_full_disk_is_said_in_the_childs_own_words(start: Callable[..., Real], until):
    limited = ["/bin/bash", "-c", 'ulimit -f 8; exec "$@"', "limited", *training_command()]
    real = start(limited)
    folder = real.fit("full")
    until(lambda: bool(real.seen.endings))
    ending = real.seen.endings[0]
    assert (ending.state, ending.code) == (JobState.FAILED, "disk-full"), ending
    assert "Free some space" in ending.sentence
    assert not list(folder.glob("*.part"))


def test_a_folder_that_vanishes_while_its_run_waits(
    start: Callable[..., Real], until, labelled: Path, tmp_path: Path
):
    copied = tmp_path / "copied"
    shutil.copytree(labelled, copied)
    real = start(data=copied)
    real.fit("first", export=False)
    real.fit("second", export=False)
    until(lambda: real.runs.phase == "preparing")
    copied.rename(tmp_path / "elsewhere")
    until(lambda: len(real.seen.endings) == 2)
    ending = real.seen.endings[1]
    assert (ending.state, ending.code) == (JobState.FAILED, "no-folder"), ending
    assert "'copied'" in ending.sentence


@tensorflow
def test_a_loss_that_is_no_number(start: Callable[..., Real], until):
    real = start()
    method = {"kind": "zhang", "options": {"blocks": 2, "padding": "same"}}
    fit = {"epochs": 50, "batch": 8, "optimiser": "sgd", "learning_rate": 10.0}
    real.fit("nan", method=method, fit=fit, input={"height": 32, "width": 32, "scaling": "bytes"})
    until(lambda: bool(real.seen.endings))
    assert real.seen.endings[0].code == "nan-loss", real.seen.endings[0]
    assert "learning rate below 10" in real.seen.endings[0].sentence


@tensorflow
@pytest.mark.skipif(sys.platform != "linux", reason="limits another process's memory by prlimit")
def test_a_child_without_memory_is_said(start: Callable[..., Real], until):
    real = start()
    real.fit("hungry", **LEARNS_TINY)
    until(lambda: "Epoch" in real.seen.kinds())
    child = psutil.Process(real.runs.current_pid)
    child.rlimit(psutil.RLIMIT_AS, (64 * 2**20, 64 * 2**20))
    until(lambda: bool(real.seen.endings))
    ending = real.seen.endings[0]
    assert ending.state is JobState.FAILED
    assert ending.code in {"out-of-memory", "killed", "crashed"}, ending
    assert "Earlier runs and the active model are untouched" in ending.sentence or "memory" in ending.sentence


@tensorflow
def test_stop_keeps_the_best_weights_of_a_real_run(start: Callable[..., Real], until):
    real = start()
    folder = real.fit("stopped", **LEARNS_TINY, export=False)
    until(lambda: "Epoch" in real.seen.kinds())
    real.runs.stop_current()
    until(lambda: bool(real.seen.endings))
    assert real.seen.endings[0].state is JobState.STOPPED
    assert read_summary(folder).is_evaluated
