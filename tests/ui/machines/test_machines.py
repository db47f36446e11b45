"""Laboratory machines in the window: named once, tested, shown at work, and told when they are gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QTreeWidget
from pytestqt.qtbot import QtBot

from allstation.core.records import FieldState
from allstation.imaging.synthetic import write_demo
from allstation.inference.bundle import default_bundle_path
from allstation.keys import cluster_certificates
from allstation.processing.cluster.serve import Hub, WorkerOptions, WorkerProcesses
from allstation.processing.status_types import MachineStatus, QueuePhase, QueueStatus
from allstation.services.case.requests import AddPaths, OpenCase
from allstation.ui.machines.controller import MachinesController, state_sentence
from allstation.ui.machines.dialog import MachinesDialog
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.queue.panel import QueuePanel
from tests import cluster_makers
from tests.ui.named import named
from tests.ui.training.conftest import WORKER

PATIENCE = round(1000 * cluster_makers.PATIENCE)
"""Milliseconds."""


@pytest.fixture
def controller(window: Workbench) -> MachinesController:
    return window.machines_controller


@pytest.fixture
def dialog(window: Workbench, controller: MachinesController) -> MachinesDialog:
    window.actions_table["machines.open"].trigger()
    assert controller.dialog is not None
    return controller.dialog


def test_machines_at_work_stand_in_the_queue_panel_and_go_when_it_is_alone(qtbot: QtBot) -> None:
    panel = QueuePanel()
    qtbot.addWidget(panel)
    rows = named(panel, QTreeWidget, "Machines that work on the queue")
    assert rows.isHidden()
    machines = (
        MachineStatus("lab-1", 12.34, 300 * 2**20),
        MachineStatus("lab-2\u202e", 0.0, 10 * 2**20, used=False),
    )
    panel.show_status(QueueStatus(QueuePhase.RUNNING, {FieldState.QUEUED: 3}, machines=machines))
    assert not rows.isHidden()
    shown = [[rows.topLevelItem(row).text(column) for column in range(3)] for row in range(2)]
    assert shown[0] == ["lab-1", "12", "300 MB"]
    assert shown[1][1] == "other version"
    assert "\u202e" not in shown[1][0]
    panel.show_status(QueueStatus())
    assert rows.isHidden()


def test_nothing_is_asked_for_without_an_address(
    dialog: MachinesDialog, controller: MachinesController
) -> None:
    assert not dialog.test.isEnabled()
    assert not dialog.used.isEnabled()
    assert dialog.message.text() == state_sentence(controller.state) == "This machine works alone."
    dialog.address.setText("tls://10.0.0.1:8786")
    assert dialog.test.isEnabled()
    assert dialog.used.isEnabled()


def test_a_wrong_address_is_told_and_nothing_stops(dialog: MachinesDialog, qtbot: QtBot) -> None:
    dialog.address.setText("tcp://10.0.0.1:8786")
    dialog.test.click()
    qtbot.waitUntil(lambda: "not encrypted" in dialog.message.text(), timeout=PATIENCE)
    assert dialog.test.isEnabled()


def test_a_join_file_gives_address_and_certificates_and_the_stick_can_go(
    dialog: MachinesDialog, window: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    file = tmp_path / "here.alljoin"
    cluster_certificates.write_join_file(file, address="tls://10.0.0.9:8786", machine="here")
    dialog.join_chosen.emit(str(file))
    qtbot.waitUntil(lambda: dialog.address.text() == "tls://10.0.0.9:8786", timeout=PATIENCE)
    file.unlink()
    stored = window.context.settings.value
    assert stored.cluster_address == "tls://10.0.0.9:8786"
    assert (Path(stored.cluster_certificates) / "key.pem").is_file()
    assert not stored.cluster_used
    dialog.join_chosen.emit(str(tmp_path / "none.alljoin"))
    qtbot.waitUntil(lambda: "cannot be read" in dialog.message.text(), timeout=PATIENCE)


def test_a_folder_of_training_runs_must_be_one(
    dialog: MachinesDialog, window: Workbench, tmp_path: Path
) -> None:
    dialog.runs_chosen.emit(str(tmp_path / "none"))
    assert "is no folder" in dialog.message.text()
    assert window.context.settings.value.cluster_runs == ""
    dialog.runs_chosen.emit(str(tmp_path))
    assert window.context.settings.value.cluster_runs == str(tmp_path)


@pytest.mark.qt_log_ignore("does not support raise", extend=True)
def test_queue_and_training_work_on_a_cluster_and_go_on_here_when_it_is_gone(
    window: Workbench, dialog: MachinesDialog, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allstation.ui.training.controller.training_command", lambda: WORKER)
    fields = tmp_path / "Slide"
    write_demo(fields, fields=4, seed=5)
    hub = Hub()
    processes = WorkerProcesses(WorkerOptions(1).command(hub.url), 1, quiet=True).start()
    told: list[str] = []
    window.context.session.worker.machines.noted.connect(told.append)
    statuses: list[QueueStatus] = []
    window.context.session.worker.queue_changed.connect(statuses.append)
    try:
        qtbot.waitUntil(lambda: bool(hub.workers), timeout=PATIENCE)
        dialog.address.setText(hub.url)
        dialog.used.click()
        qtbot.waitUntil(lambda: dialog.message.text() == "Connected: 1 worker", timeout=PATIENCE)
        window.context.use_model(default_bundle_path())
        window.context.session.submit(OpenCase(tmp_path / "one.allcase", create=True))
        window.context.session.submit(AddPaths([fields]))
        qtbot.waitUntil(
            lambda: bool(statuses) and statuses[-1].counts.get(FieldState.DONE) == 4, timeout=PATIENCE
        )
        assert any(status.machines for status in statuses)
        window.actions_table["model.train"].trigger()
        panel = window.training_controller.panel
        assert panel is not None
        assert panel.runs.uses_machines
        machines = window.context.session.worker.machines
        assert machines.connection is not None
        machines.connection.lose("The laboratory machines do not answer any more.")
        qtbot.waitUntil(lambda: any("goes on alone" in sentence for sentence in told), timeout=PATIENCE)
        write_demo(tmp_path / "More", fields=2, seed=6)
        window.context.session.submit(AddPaths([tmp_path / "More"]))
        qtbot.waitUntil(lambda: statuses[-1].counts.get(FieldState.DONE) == 6, timeout=PATIENCE)
        assert statuses[-1].machines == ()
        assert not panel.runs.uses_machines
    finally:
        processes.close()
        hub.close()
