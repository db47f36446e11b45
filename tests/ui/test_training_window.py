"""Training stands in a window of its own that costs nothing until it is asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from allstation import paths
from allstation.inference.bundle import default_bundle_path
from allstation.ui.main_window import MainWindow

LONG = 60_000
pytestmark = pytest.mark.qt_log_ignore("does not support raise", extend=True)


def test_it_is_made_when_first_asked_for_and_ends_with_the_program(window: MainWindow, qtbot: QtBot) -> None:
    assert window.training._training is None
    before = set(sys.modules)  # a worker that also runs training tests has TensorFlow loaded
    window.actions_table["model.train"].trigger()
    made = window.training._training
    assert made is not None
    assert made.isVisible()
    made.close()
    window.actions_table["model.train"].trigger()
    assert window.training._training is made
    assert "tensorflow" not in set(sys.modules) - before


def test_a_finished_model_is_kept_with_the_users_and_used(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table["model.train"].trigger()
    window.training._panel.activation_asked.emit(default_bundle_path(), "Ours / June")
    kept = paths.data_folder() / "models" / "Ours _ June.allmodel"
    assert kept.read_bytes() == default_bundle_path().read_bytes()
    qtbot.waitUntil(lambda: window.model is not None and window.model.path == kept, timeout=LONG)
    assert window.services.settings.value.model == str(kept)


def test_a_bundle_that_is_gone_is_a_sentence(window: MainWindow, tmp_path: Path) -> None:
    window.actions_table["model.train"].trigger()
    window.training._panel.activation_asked.emit(tmp_path / "gone.allmodel", "x")
    assert "could not be copied" in window.training._training.notices.texts()[0]
