"""Trying a finished run: dropped pictures get the answers of its own bundle, in their own pixels."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QComboBox, QListWidget
from pytestqt.qtbot import QtBot

from allstation.imaging.synthetic import write_demo
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.pipeline import Pipeline
from allstation.ui.common.formatting import percent
from allstation.ui.training.panel import TrainingPanel
from allstation.ui.training.picture_drop import PictureDrop
from allstation.ui.training.plots.bar_chart import BarChart
from tests.ui.named import button, label_texts, named
from tests.ui.pixels import canvas_share, cut, write_mosaic
from tests.ui.training.conftest import Bench

TIMEOUT = 60_000
Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def run(bench: Bench) -> Path:
    """A finished run whose bundle is the shipped one."""
    folder = bench.base / "runs" / "good"
    folder.mkdir(parents=True)
    shutil.copyfile(default_bundle_path(), folder / "good.allmodel")
    info = {"name": "Good run", "state": "finished", "recipe": {"method": {"kind": "finetune"}}}
    (folder / "run.json").write_text(json.dumps(info), "utf-8")
    return folder


@pytest.fixture
def panel(qtbot: QtBot, bench: Bench, run: Path) -> Iterator[TrainingPanel]:
    made = TrainingPanel(bench.runs, bench.base / "runs")
    made.resize(1060, 700)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: run in made.summaries, timeout=TIMEOUT)
    yield made
    bench.runs.close()
    made.close_workers()


@pytest.fixture
def until(qtbot: QtBot) -> Until:
    return lambda condition: qtbot.waitUntil(condition, timeout=TIMEOUT)


def drop(panel: TrainingPanel, *paths: Path | str) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(one)) if isinstance(one, Path) else QUrl(one) for one in paths])
    event = QDropEvent(
        QPointF(10, 10),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    panel.trial.findChild(PictureDrop).dropEvent(event)


def lines(panel: TrainingPanel) -> list[str]:
    listed = named(panel.trial, QListWidget, "Tried pictures")
    return [listed.item(row).text() for row in range(listed.count())]


def answered(panel: TrainingPanel, count: int) -> bool:
    said = lines(panel)
    return len(said) == count and not any("being classified" in line for line in said)


def test_a_finished_run_says_of_dropped_pictures_what_its_bundle_says(
    panel: TrainingPanel, run: Path, until: Until, tmp_path: Path
) -> None:
    write_demo(tmp_path / "demo", fields=3, labelled=False)
    fields = sorted((tmp_path / "demo").rglob("*.jpg"))[:3]
    panel.past.select(run)
    button(panel.past, "Try It").click()
    assert panel.pages.currentWidget() is panel.trial
    assert named(panel.trial, QComboBox, "Run to try").currentText() == "Good run"
    drop(panel, *fields[:2])
    until(lambda: answered(panel, 2))
    drop(panel, fields[2])
    until(lambda: answered(panel, 3))
    with Pipeline(ModelBundle.open(run / "good.allmodel"), threads=1) as pipeline:
        expected = [pipeline.classify(path) for path in fields]
    assert lines(panel) == [
        f"{path.name}\n{made.decision.name}" for path, made in zip(fields, expected, strict=True)
    ]
    listed, canvas = named(panel.trial, QListWidget, "Tried pictures"), panel.trial.view.canvas
    for row, made in enumerate(expected):
        listed.setCurrentRow(row)
        said = named(panel.trial, BarChart, "Probabilities").accessibleDescription()
        until(lambda row=row: canvas.scene.picture is not None and panel.trial.current == fields[row])
        for name, share in made.probabilities.items():
            assert not made.probabilities_valid or f"{name} {percent(share)}" in said
        for reason in made.decision.reasons:
            assert str(reason).split(maxsplit=1)[0].casefold() in label_texts(panel.trial).casefold()


def test_evidence_is_drawn_over_the_pictures_own_pixels(
    panel: TrainingPanel, run: Path, until: Until, tmp_path: Path
) -> None:
    mosaic = write_mosaic(tmp_path / "a mosaic.png", 7)
    panel.try_run(run)
    drop(panel, mosaic)
    until(lambda: answered(panel, 1))
    canvas = panel.trial.view.canvas
    until(lambda: canvas_share(canvas, mosaic) == 1.0)
    plain = cut(canvas, canvas.view.image_rect())
    named(panel.trial, BarChart, "Probabilities").clicked.emit("Pro")
    evidence = named(panel.trial, QComboBox, "Evidence")
    assert evidence.currentText() == "Of Pro"
    made = panel.trial.view.record.prediction
    if np.frombuffer(made.evidence.values, np.uint8).any():
        assert (cut(canvas, canvas.view.image_rect()) != plain).any()
    evidence.setCurrentIndex(0)
    evidence.activated.emit(0)
    assert (cut(canvas, canvas.view.image_rect()) == plain).all()


def test_bad_pictures_get_one_sentence_each_and_the_good_one_its_answer(
    panel: TrainingPanel, run: Path, until: Until, tmp_path: Path
) -> None:
    panel.try_run(run)
    (tmp_path / "notes.png").write_text("This is not a picture.", "utf-8")
    good = write_mosaic(tmp_path / "z good.png", 3)
    drop(panel, tmp_path / "notes.png", good, tmp_path / "gone.txt", "https://example.org/a.png")
    until(lambda: answered(panel, 2))
    assert lines(panel)[0] == "notes.png\ncannot be classified"
    assert "cannot be classified" not in lines(panel)[1]
    assert "gone.txt is neither a file nor a folder" in label_texts(panel.trial)
    panel.trial.findChild(QListWidget).setCurrentRow(0)
    assert "notes.png" in label_texts(panel.trial)
    (tmp_path / "empty").mkdir()
    drop(panel, tmp_path / "empty")
    until(lambda: "empty holds no pictures" in label_texts(panel.trial))


def test_a_bundle_exchanged_after_the_run_gives_no_answers(
    panel: TrainingPanel, run: Path, until: Until, tmp_path: Path
) -> None:
    info = json.loads((run / "run.json").read_text("utf-8"))
    (run / "run.json").write_text(json.dumps(info | {"bundle_sha256": "0" * 64}), "utf-8")
    panel.try_run(run)
    until(lambda: "is not the model that the run good verified" in label_texts(panel.trial))
    drop(panel, write_mosaic(tmp_path / "a mosaic.png", 7))
    until(lambda: lines(panel) == ["a mosaic.png\ncannot be classified"])


def test_a_damaged_bundle_is_a_sentence_and_another_run_answers_for_the_same_pictures(
    panel: TrainingPanel, bench: Bench, run: Path, until: Until, tmp_path: Path
) -> None:
    bad = bench.base / "runs" / "bad"
    shutil.copytree(run, bad)
    (bad / "good.allmodel").write_bytes(b"bundle")
    panel.refresh()
    until(lambda: bad in panel.summaries)
    mosaic = write_mosaic(tmp_path / "a mosaic.png", 7)
    panel.try_run(bad)
    until(lambda: "bundle" in label_texts(panel.trial))
    drop(panel, mosaic)
    until(lambda: lines(panel) == ["a mosaic.png\ncannot be classified"])
    panel.try_run(run)
    until(lambda: answered(panel, 1) and "cannot be" not in lines(panel)[0])
