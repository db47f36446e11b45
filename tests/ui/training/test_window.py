"""Training stands in a window of its own that costs nothing until it is asked for."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from allstation import paths
from allstation.core.errors import StationError
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.services.case.requests import OpenCase, UseModel
from allstation.services.training.activation import (
    ACTIVATED,
    TAKEN_BACK,
    activate,
    read_journal,
    take_back,
)
from allstation.store.case import Case
from allstation.ui.main_window.workbench import Workbench
from tests.ui.named import button

LONG = 60_000
pytestmark = pytest.mark.qt_log_ignore("does not support raise", extend=True)


def test_it_is_made_when_first_asked_for_and_ends_with_the_program(window: Workbench, qtbot: QtBot) -> None:
    assert window.training_controller.window is None
    before = set(sys.modules)  # a worker that also runs training tests has TensorFlow loaded
    window.actions_table["model.train"].trigger()
    made = window.training_controller.window
    assert made is not None
    assert made.isVisible()
    made.close()
    window.actions_table["model.train"].trigger()
    assert window.training_controller.window is made
    assert "tensorflow" not in set(sys.modules) - before


def test_a_finished_model_is_kept_with_the_users_and_used(window: Workbench, qtbot: QtBot) -> None:
    window.actions_table["model.train"].trigger()
    window.training_controller.panel.activation_asked.emit(default_bundle_path(), "Ours / June")
    kept = paths.data_folder() / "models" / "Ours _ June.allmodel"
    qtbot.waitUntil(
        lambda: window.context.selection.model is not None and window.context.selection.model.path == kept,
        timeout=LONG,
    )
    bundle, shipped = ModelBundle.open(kept), ModelBundle.open(default_bundle_path())
    assert bundle.name == "Ours / June"
    assert bundle.members == shipped.members
    assert window.context.settings.value.model == str(kept)


def test_an_activation_can_be_taken_back_and_is_in_every_trail(
    window: Workbench, qtbot: QtBot, tmp_path: Path
) -> None:
    window.viewer.set_network_size(64, 64)
    window.context.session.submit(UseModel(default_bundle_path()))
    qtbot.waitUntil(lambda: window.context.selection.model is not None, timeout=LONG)
    assert window.viewer.finder.size == ModelBundle.open(default_bundle_path()).preprocessing.size
    window.context.session.submit(OpenCase(tmp_path / "New.allcase", create=True))
    window.actions_table["model.train"].trigger()
    panel = window.training_controller.panel
    back = button(panel.past, "Take Back Activation")
    assert back.isHidden()
    for name in ("First", "Second"):
        panel.activation_asked.emit(default_bundle_path(), name)
        qtbot.waitUntil(lambda name=name: window.context.selection.model.record.name == name, timeout=LONG)
    qtbot.waitUntil(lambda: not back.isHidden() and "Second" in back.toolTip())
    back.click()
    qtbot.waitUntil(lambda: window.context.selection.model.record.name == "First", timeout=LONG)
    back.click()
    shipped = ModelBundle.open(default_bundle_path())
    qtbot.waitUntil(lambda: window.context.selection.model.record.sha256 == shipped.sha256, timeout=LONG)
    qtbot.waitUntil(back.isHidden)
    assert window.context.settings.value.model == ""
    journal = read_journal(paths.data_folder() / "models")
    assert [entry.action for entry in journal] == [ACTIVATED, ACTIVATED, TAKEN_BACK, TAKEN_BACK]
    with Case.open(tmp_path / "New.allcase", read_only=True) as case:

        def used() -> list[str]:
            entries = [entry for entry in case.audit.entries() if entry.action.startswith("model-")]
            return [json.loads(entry.details)["name"] for entry in entries]

        # The window hears of the model before the case's trail is written.
        qtbot.waitUntil(lambda: len(used()) >= 5, timeout=LONG)
        assert used() == [shipped.name, "First", "Second", "First", shipped.name]
        assert case.audit.verify() is None


def test_a_changed_list_of_activations_is_refused(tmp_path: Path) -> None:
    activate(tmp_path, default_bundle_path(), "One", before=None, who="Ada")
    kept = activate(tmp_path, default_bundle_path(), "One", before=None, who="Ada")
    assert kept.at == read_journal(tmp_path)[-1].at
    assert kept.bundle.name == "One 2.allmodel"
    journal = tmp_path / "activations.jsonl"
    journal.write_text(journal.read_text("utf-8").replace("Ada", "Eve", 1), "utf-8")
    with pytest.raises(StationError, match="changed"):
        take_back(tmp_path, who="Ada")


def test_a_bundle_exchanged_in_its_runs_folder_is_not_activated(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    signed = activate(tmp_path / "made", default_bundle_path(), "Made here", before=None, who="Ada")
    bundle = Path(shutil.copyfile(signed.bundle, run / "model.allmodel"))
    own = hashlib.sha256(bundle.read_bytes()).hexdigest()
    (run / "run.json").write_text(json.dumps({"bundle_sha256": "0" * 64}))
    with pytest.raises(StationError, match="is not the model that the run run verified") as refused:
        activate(tmp_path / "models", bundle, "Ours", before=None, who="Ada")
    assert refused.value.code == "other-bundle"
    assert not (tmp_path / "models").exists()
    (run / "run.json").write_text(json.dumps({"bundle_sha256": own}))
    assert activate(tmp_path / "models", bundle, "Ours", before=None, who="Ada").bundle.is_file()


def test_a_bundle_that_is_gone_is_a_sentence(window: Workbench, qtbot: QtBot, tmp_path: Path) -> None:
    window.actions_table["model.train"].trigger()
    window.training_controller.panel.activation_asked.emit(tmp_path / "gone.allmodel", "x")
    notifications = window.training_controller.window.notifications
    qtbot.waitUntil(lambda: any("cannot be read" in text for text in notifications.texts()), timeout=LONG)
    assert window.context.settings.value.model == ""
