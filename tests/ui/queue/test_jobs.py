"""The list of what waits: its order can be changed among equals, and anything can be taken out."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QFileDialog, QTreeWidget
from pytestqt.qtbot import QtBot

from allstation.core.records import FieldState
from allstation.processing.status_types import QueueJob, QueuePhase, QueueStatus
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.queue.jobs import JobList
from allstation.ui.queue.panel import sentence
from tests.ui.named import button, named

JOBS = (
    QueueJob("", "", 30, 1, "Slide 1"),
    QueueJob("", "", 20, 2, "Slide\u202e2"),
    QueueJob("b" * 64, "Other 2", 50),
    QueueJob("c" * 64, "Third 1", 50),
)


@pytest.fixture
def jobs(qtbot: QtBot) -> JobList:
    made = JobList()
    qtbot.addWidget(made)
    made.show_jobs(JOBS)
    return made


def choose(jobs: JobList, row: int) -> None:
    rows = named(jobs, QTreeWidget, "Folders and models that wait")
    rows.setCurrentItem(rows.topLevelItem(row))


def test_rows_name_folder_model_and_fields(jobs: JobList) -> None:
    shown = named(jobs, QTreeWidget, "Folders and models that wait")
    rows = [shown.topLevelItem(row) for row in range(4)]
    assert [rows[0].text(column) for column in range(3)] == ["Slide 1", "in use", "30"]
    assert rows[2].text(1) == "Other 2"
    assert "\u202e" not in rows[1].text(0)


def test_folders_change_places_among_themselves(jobs: JobList, qtbot: QtBot) -> None:
    choose(jobs, 1)
    assert (button(jobs, "Earlier").isEnabled(), button(jobs, "Later").isEnabled()) == (True, False)
    heard: list[object] = []
    jobs.slides_ordered.connect(lambda *said: heard.append(said))
    button(jobs, "Earlier").click()
    assert heard == [("", [2, 1])]


def test_models_change_places_among_themselves(jobs: JobList) -> None:
    choose(jobs, 2)
    heard: list[object] = []
    jobs.models_ordered.connect(heard.append)
    button(jobs, "Later").click()
    assert heard == [["c" * 64, "b" * 64]]


def test_a_row_stays_chosen_while_counts_change_and_can_be_taken_out(jobs: JobList) -> None:
    choose(jobs, 3)
    jobs.show_jobs((QueueJob("", "", 29, 1, "Slide 1"), *JOBS[1:]))
    heard: list[object] = []
    jobs.job_dropped.connect(lambda *said: heard.append(said))
    button(jobs, "Take out").click()
    assert heard == [("c" * 64, 0)]


def test_the_line_names_the_model_at_work_and_the_memory() -> None:
    counts = {FieldState.DONE: 1, FieldState.QUEUED: 6}
    line = sentence(
        QueueStatus(QueuePhase.RUNNING, counts, 2.0, memory=300 * 2**20, model="Other 2", jobs=JOBS)
    )
    for part in ("2.0 fields/s", "left", "model Other 2", "100 later for other models", "300 MB of memory"):
        assert part in line


def test_another_model_is_asked_for_in_a_dialog(window: Workbench, qtbot: QtBot) -> None:
    window.queue_controller.ask_model()
    dialog = window.shell.findChild(QFileDialog)
    assert dialog is not None
    assert "allmodel" in dialog.nameFilters()[0]
    dialog.reject()
