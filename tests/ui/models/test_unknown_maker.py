"""A model whose maker nobody knows is asked about before it works, and *Keep* is the default."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from allstation.inference.bundle import ModelBundle, default_bundle_path, write_bundle
from allstation.keys.station import station_key
from allstation.keys.trust_store import TrustStore
from allstation.ui.common import theme
from allstation.ui.main_window.workbench import Workbench
from tests.faults.damaged_bundle import rebuilt

LONG = 60_000


@pytest.fixture
def shipped(window: Workbench, qtbot: QtBot) -> Workbench:
    """The window with the shipped model in use."""
    with qtbot.waitSignal(window.context.selection.model_changed, timeout=LONG):
        window.context.use_model(None)
    return window


def asked(window: Workbench, qtbot: QtBot, bundle: Path) -> QMessageBox:
    """Choose a model and return the question that comes."""
    window.context.use_model(bundle)
    qtbot.waitUntil(lambda: bool(_boxes(window)), timeout=LONG)
    (box,) = _boxes(window)
    return box


def _boxes(window: Workbench) -> list[QMessageBox]:
    return [box for box in window.shell.findChildren(QMessageBox) if box.isVisible()]


def _button(box: QMessageBox, role: QMessageBox.ButtonRole) -> QPushButton:
    (button,) = [one for one in box.buttons() if box.buttonRole(one) == role]
    return button


def _status(window: Workbench) -> list[str]:
    return [label.text() for label in window.status.findChildren(QLabel) if label.isVisible()]


def version() -> str:
    return ModelBundle.open(default_bundle_path()).version


def test_keep_is_the_default_and_leaves_the_model_in_use(
    shipped: Workbench, qtbot: QtBot, tmp_path: Path
) -> None:
    strange = rebuilt(tmp_path / "s.allmodel")
    box = asked(shipped, qtbot, strange.path)
    assert theme.LIGHT.warning in box.text() or theme.DARK.warning in box.text()
    assert "not signed, unknown maker" in box.informativeText()
    keep = _button(box, QMessageBox.ButtonRole.RejectRole)
    assert box.defaultButton() is keep
    keep.click()
    assert shipped.context.selection.model.path == default_bundle_path()
    assert shipped.context.settings.value.model == ""
    assert TrustStore.load() == TrustStore()


def test_an_accepted_model_works_says_so_and_is_not_asked_about_again(
    shipped: Workbench, qtbot: QtBot, tmp_path: Path
) -> None:
    strange = rebuilt(tmp_path / "s.allmodel")
    box = asked(shipped, qtbot, strange.path)
    with qtbot.waitSignal(shipped.context.selection.model_changed, timeout=LONG):
        _button(box, QMessageBox.ButtonRole.DestructiveRole).click()
    assert f"Rebuilt {version()}: unknown maker" in _status(shipped)
    assert TrustStore.load().accepts(strange.sha256)
    with qtbot.waitSignal(shipped.context.selection.model_changed, timeout=LONG):
        shipped.context.use_model(None)
    assert f"ALL Station cells {version()}" in _status(shipped)
    with qtbot.waitSignal(shipped.context.selection.model_changed, timeout=LONG):
        shipped.context.use_model(strange.path)


def test_an_impostor_is_called_one(shipped: Workbench, qtbot: QtBot, tmp_path: Path) -> None:
    bundle = ModelBundle.open(default_bundle_path())
    info = {key: value for key, value in bundle.info.items() if key not in {"schema", "files"}}
    false = write_bundle(tmp_path / "f.allmodel", {**info, "classes": ["Pro", "Early", "Pre", "Benign"]},
                         bundle.members)  # fmt: skip
    box = asked(shipped, qtbot, false.path)
    assert "not the model that its name says" in box.text()
    assert "IMPOSTOR" in box.informativeText()
    box.close()
    assert shipped.context.selection.model.path == default_bundle_path()


def test_a_model_trained_here_is_not_asked_about(shipped: Workbench, qtbot: QtBot, tmp_path: Path) -> None:
    bundle = ModelBundle.open(default_bundle_path())
    info = {key: value for key, value in bundle.info.items() if key not in {"schema", "files"}}
    own = write_bundle(tmp_path / "o.allmodel", {**info, "name": "Ours"}, bundle.members, key=station_key())
    with qtbot.waitSignal(shipped.context.selection.model_changed, timeout=LONG):
        shipped.context.use_model(own.path)
    assert f"Ours {version()}" in _status(shipped)
    assert shipped.context.selection.model.record.signed_by == "signed by this station"
