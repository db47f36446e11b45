"""The training panel as a technician uses it, with the stand-in worker as a real child process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QLineEdit,
    QListWidget,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QTableWidget,
    QWidget,
)
from pytestqt.qtbot import QtBot

from allstation.services.training.history import read_summary
from allstation.services.training.job_lines import JobState
from allstation.ui.common.formatting import percent
from allstation.ui.training.activation import ActivationDialog
from allstation.ui.training.panel import TrainingPanel
from allstation.ui.training.plots.bar_chart import BarChart
from tests.makers import child_processes
from tests.ui.field_records import write_picture
from tests.ui.named import label_texts, named
from tests.ui.training.conftest import Bench

TIMEOUT = 60_000


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    for name in ("Benign", "Early", "Pre", "Pro"):
        (tmp_path / "smears" / name).mkdir(parents=True)
        write_picture(tmp_path / "smears" / name / "a.png", (200, 150, 180), (40, 30))
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
def until(qtbot: QtBot) -> Callable[[Callable[[], bool]], None]:
    return lambda condition: qtbot.waitUntil(condition, timeout=TIMEOUT)


def checked(panel: TrainingPanel, folder: Path, until: Callable[..., None]) -> None:
    until(lambda: bool(panel.recipe.method))
    panel.set_folder(folder)
    until(lambda: panel.report is not None)


def trained(panel: TrainingPanel, bench: Bench, name: str, until: Callable[..., None]) -> Path:
    number = len([e for e in bench.seen.endings if e.job.command == "fit"])
    panel.start(panel.recipe.data() | {"name": name})
    until(lambda: len([e for e in bench.seen.endings if e.job.command == "fit"]) > number)
    until(lambda: any(run.title in {"fake", name} for run in panel.summaries.values()))
    until(lambda: bench.runs.current is None)
    return next(iter((bench.base / "runs").glob(f"{name}-*")))


def button(parent: object, text: str) -> QPushButton:
    return next(each for each in parent.findChildren(QPushButton) if each.text() == text)


def drop(panel: TrainingPanel, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(10, 10),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    panel.data.dropEvent(event)


def test_a_dropped_folder_is_checked_and_its_findings_shown(panel: TrainingPanel, labelled: Path, until):
    drop(panel, labelled)
    until(lambda: panel.report is not None)
    assert "Can be trained on; read the warnings" in label_texts(panel.data)
    assert "40 fields in 4 classes; patients unknown" in label_texts(panel.data)
    assert "Early 12" in named(panel.data, BarChart, "Fields per class").accessibleDescription()
    assert (
        named(panel.data, QListWidget, "Findings of the check")
        .item(0)
        .text()
        .startswith("Warning: 2 pairs of files are byte-identical")
    )
    assert [path.name for path in panel.data.peek.paths] == ["a.png", "b.png"]


def test_nothing_starts_without_a_checked_folder_and_the_reason_is_said(panel: TrainingPanel, until):
    until(lambda: bool(panel.recipe.method))
    start = button(panel.recipe, "Start Training")
    assert not start.isEnabled()
    assert "Choose a labelled folder" in label_texts(panel.recipe)


def test_errors_of_the_check_disable_start_with_the_reason(
    panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    bench.behave("errors")
    checked(panel, labelled, until)
    assert not button(panel.recipe, "Start Training").isEnabled()
    assert "Early/broken.jpg is cut off" in label_texts(panel.recipe)
    assert not button(panel.sweep, "Start Sweep").isEnabled()
    bench.behave("fit")
    checked(panel, labelled, until)
    assert button(panel.recipe, "Start Training").isEnabled()


def test_a_run_fills_phases_curves_log_and_status(
    qtbot: QtBot, panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    checked(panel, labelled, until)
    lines: list[str] = []
    panel.status_changed.connect(lines.append)
    button(panel.recipe, "Start Training").click()
    until(lambda: bool(bench.seen.endings) and bench.seen.endings[-1].job.command == "fit")
    assert panel.pages.currentWidget() is panel.run
    assert [row["epoch"] for row in panel.run.curves.rows] == [1.0, 2.0, 3.0, 4.0]
    assert "(best)" not in label_texts(panel.run.curves)
    assert "2 fields show the same place." in named(panel.run, QPlainTextEdit, "Log of the run").toPlainText()
    words = "Finished. Test accuracy 0.900 [0.870, 0.930], n = 40, same-field, patients unknown"
    assert words in label_texts(panel.run).splitlines()
    assert any("Epoch" in line and "left" in line for line in lines)
    assert lines[-1] == ""


def test_the_recipe_that_is_started_is_the_one_on_the_screen(
    panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    import tomllib

    checked(panel, labelled, until)
    panel.recipe.form.editor("fit", "epochs").setValue(7)
    panel.start(panel.recipe.data() | {"name": "mine/../x"})
    until(lambda: bool(bench.seen.started))
    job = bench.seen.started[0]
    recipe = tomllib.loads(Path(job.arguments[0]).read_text("utf-8"))
    assert recipe["fit"]["epochs"] == 7
    assert recipe["data"] == str(labelled)
    assert recipe["split"]["kind"] == "same-field"
    assert job.folder.parent == bench.base / "runs"
    until(lambda: bool(bench.seen.endings) and bench.seen.endings[-1].job.command == "fit")


FAILURES = [
    ("nan", "learning rate"),
    ("kill", "out of memory"),
    ("memory", "smaller batch"),
    ("full-disk", "disk is full"),
    ("vanished", "not there any more"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure[0])
def test_a_failed_run_says_why_and_leaves_earlier_runs(
    panel: TrainingPanel, bench: Bench, labelled: Path, until, failure: tuple[str, str]
):
    checked(panel, labelled, until)
    good = trained(panel, bench, "good", until)
    bench.behave(failure[0])
    bytes_before = {path: path.read_bytes() for path in good.iterdir()}
    told: list[tuple[str, bool]] = []
    panel.notified.connect(lambda text, problem: told.append((text, problem)))
    panel.start(panel.recipe.data() | {"name": "bad"})
    until(lambda: len([e for e in bench.seen.endings if e.job.command == "fit"]) == 2)
    assert failure[1] in label_texts(panel.run)
    assert told[-1][1]
    assert told[-1][0] in label_texts(panel.run)
    assert read_summary(good).state == "finished"
    assert {path: path.read_bytes() for path in good.iterdir()} == bytes_before
    until(lambda: len(panel.summaries) == (1 if failure[0] == "vanished" else 2))


def test_discarding_asks_first(qtbot: QtBot, panel: TrainingPanel, bench: Bench, labelled: Path, until):
    checked(panel, labelled, until)
    bench.behave("fit", epochs=500)
    panel.start(panel.recipe.data() | {"name": "long"})
    until(lambda: bool(panel.run.curves.rows))
    button(panel.run, "Discard…").click()
    box = panel.run.findChild(QMessageBox)
    assert bench.runs.current is not None
    next(each for each in box.buttons() if each.text() == "Discard").click()
    until(lambda: bool(bench.seen.endings) and bench.seen.endings[-1].state is JobState.DISCARDED)
    assert not list((bench.base / "runs").glob("long-*"))
    assert "The run was discarded." in label_texts(panel.run).splitlines()


def test_stop_keeps_the_best(panel: TrainingPanel, bench: Bench, labelled: Path, until):
    checked(panel, labelled, until)
    bench.behave("fit", epochs=500)
    panel.start(panel.recipe.data() | {"name": "long"})
    until(lambda: bool(panel.run.curves.rows))
    button(panel.run, "Stop and Keep the Best").click()
    assert button(panel.run, "Stopping…") is not None
    until(lambda: bool(bench.seen.endings) and bench.seen.endings[-1].state is JobState.STOPPED)
    assert "best weights were kept" in label_texts(panel.run)
    folder = bench.seen.endings[-1].job.folder
    (folder / "state.npz").touch()
    (folder / "recipe.toml").write_text("name = 'long'", "utf-8")
    panel.refresh()
    until(lambda: button(panel.run, "Go On Training").isVisible())
    bench.behave("fit")
    button(panel.run, "Go On Training").click()
    until(lambda: read_summary(folder).state == "finished")


def test_a_paused_run_frees_the_computer_and_goes_on(
    panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    checked(panel, labelled, until)
    bench.behave("fit", epochs=500)
    panel.start(panel.recipe.data() | {"name": "long"})
    until(lambda: bool(panel.run.curves.rows))
    pid = bench.runs.current_pid
    button(panel.run, "Pause").click()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert bench.runs.current is None
    assert "Paused" in label_texts(panel.run)
    bench.behave("fit")
    button(panel.run, "Go On").click()
    until(lambda: any(one.job.command == "fit" for one in bench.seen.endings))
    (ended,) = [one for one in bench.seen.endings if one.job.command == "fit"]
    assert ended.state is JobState.FINISHED


def test_what_has_ended_leads_on_to_comparing_and_activating(
    panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    checked(panel, labelled, until)
    folder = trained(panel, bench, "one", until)
    until(lambda: button(panel.run, "Activate…").isVisible())
    assert not button(panel.run, "Go On Training").isVisible(), "it has ended by itself"
    button(panel.run, "Activate…").click()
    assert panel.pages.currentWidget() is panel.past
    assert [run.folder for run in panel.past.selected()] == [folder]
    assert panel.past.findChild(ActivationDialog).isVisible()


def test_runs_are_listed_after_a_restart_with_their_curves(
    qtbot: QtBot, panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    checked(panel, labelled, until)
    folder = trained(panel, bench, "first", until)
    again = TrainingPanel(bench.runs, bench.base / "runs")
    qtbot.addWidget(again)
    again.show()
    until(lambda: folder in again.summaries)
    again.past.select(folder)
    until(lambda: [row["epoch"] for row in again.past.curves.rows] == [1.0, 2.0, 3.0, 4.0])
    assert "same-field, patients unknown" in label_texts(again.past)
    assert button(again.past, "Activate…").isEnabled()
    again.close_workers()


def test_an_interrupted_run_offers_resume(panel: TrainingPanel, bench: Bench, labelled: Path, until):
    checked(panel, labelled, until)
    bench.behave("kill")
    folder = trained(panel, bench, "cut", until)
    (folder / "recipe.toml").write_text("name = 'cut'", "utf-8")
    panel.refresh()
    until(lambda: folder in panel.summaries and panel.summaries[folder].can_resume)
    panel.past.select(folder)
    bench.behave("fit")
    # The list may still be the one that was read before the recipe was there.
    until(lambda: button(panel.past, "Resume").isEnabled())
    button(panel.past, "Resume").click()
    until(lambda: read_summary(folder).state == "finished")


def test_renaming_and_notes_do_not_touch_the_childs_files(
    panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    checked(panel, labelled, until)
    folder = trained(panel, bench, "one", until)
    before = (folder / "run.json").read_bytes()
    panel.past.notes_changed.emit(folder, "Best so far", "with the new stain")
    until(lambda: panel.summaries[folder].title == "Best so far")
    assert panel.summaries[folder].note == "with the new stain"
    assert (folder / "run.json").read_bytes() == before


def test_activating_hands_the_bundle_to_the_window(
    qtbot: QtBot, panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    checked(panel, labelled, until)
    folder = trained(panel, bench, "one", until)
    until(lambda: panel.summaries.get(folder) is not None and panel.summaries[folder].bundle is not None)
    with qtbot.waitSignal(panel.activation_asked) as asked:
        panel.past.activate_asked.emit(panel.summaries[folder], "Ours")
    assert asked.args == [folder / "fake.allmodel", "Ours"]


def test_a_cell_of_the_matrix_shows_its_fields(panel: TrainingPanel, bench: Bench, labelled: Path, until):
    checked(panel, labelled, until)
    folder = trained(panel, bench, "one", until)
    info = json.loads((folder / "run.json").read_text("utf-8"))
    info["recipe"]["data"] = str(labelled)
    (folder / "run.json").write_text(json.dumps(info), "utf-8")
    panel.compare_runs([folder])
    until(lambda: bool(panel.compare.figures))
    assert panel.compare.matrix.item(1, 1).text() == f"9\n{percent(0.9)}"
    panel.compare.matrix.cellClicked.emit(1, 2)
    assert panel.compare.peek.paths == [labelled / "Early" / "field 20.png"]
    assert "Early, predicted as Pre" in label_texts(panel.compare.peek)


def test_a_run_with_damaged_figures_is_named_and_the_others_are_shown(
    qtbot: QtBot, panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    checked(panel, labelled, until)
    good, bad = (trained(panel, bench, name, until) for name in ("one", "two"))
    whole = json.loads((bad / "metrics.json").read_text("utf-8"))["test"]
    damages = [
        {"n": 40},
        ["not an object"],
        {**whole, "by_class": {}},
        {**whole, "confusion_rows_true": [[1]]},
        {**whole, "overall": {"macro F1": {"value": "high", "n": 3}}},
        {**whole, "reliability": [{}]},
    ]
    for written in ['{"test": {"n"', *(json.dumps({"test": damage}) for damage in damages)]:
        (bad / "metrics.json").write_text(written, "utf-8")
        panel.compare.show_nothing()
        panel.comparing.reader.read([bad])
        until(lambda: "damaged" in label_texts(panel.compare))
        assert "(two-" in label_texts(panel.compare)
    with qtbot.waitSignal(panel.compare.problem, timeout=TIMEOUT) as said:
        panel.comparing.reader.read([good, bad])
    assert "(two-" in said.args[0]
    assert [each.folder for each in panel.compare.figures] == [good]


def test_predictions_of_single_fields_wrong_ones_first(
    panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    checked(panel, labelled, until)
    folder = trained(panel, bench, "one", until)
    panel.compare_runs([folder])
    until(lambda: bool(panel.compare.figures))
    table = panel.compare.predictions.table
    assert table.rowCount() == 40
    marks = [table.item(row, 2).text().startswith("✗") for row in range(40)]
    assert marks == [True] * 4 + [False] * 36
    table.setCurrentCell(0, 0)
    (path,) = panel.compare.predictions.peek.paths
    assert path.name == table.item(0, 0).text()
    assert table.item(0, 3).text() in {"0.100", "0.700"}


def test_two_runs_stand_side_by_side_with_a_paired_test(
    panel: TrainingPanel, bench: Bench, labelled: Path, until, tmp_path: Path
):
    checked(panel, labelled, until)
    folders = [trained(panel, bench, name, until) for name in ("one", "two")]
    panel.compare_runs(folders)
    until(lambda: bool(panel.compare.comparison))
    words = label_texts(panel.compare)
    assert "the same 40 fields" in words
    assert "p = 0.625" in words
    panel.compare.export_to(tmp_path / "figures.csv")
    written = (tmp_path / "figures.csv").read_text("utf-8")
    assert named(panel.compare, QTableWidget, "Figures per class").item(0, 1).text() in written
    assert "McNemar" in written


def test_the_active_model_stands_beside_a_run_on_the_same_fields(
    qtbot: QtBot, bench: Bench, labelled: Path, until, tmp_path: Path
):
    made = TrainingPanel(bench.runs, bench.base / "runs", lambda: tmp_path / "active.allmodel")
    qtbot.addWidget(made)
    made.resize(1060, 700)
    made.show()
    checked(made, labelled, until)
    folder = trained(made, bench, "one", until)
    made.compare_runs([folder])
    until(lambda: len(made.compare.figures) == 2)
    assert named(made.compare, QComboBox, "Run").itemText(1) == "Shipped 1.0 (active)"
    assert named(made.compare, QComboBox, "Run").currentIndex() == 0
    words = label_texts(made.compare)
    assert "one against Shipped 1.0 (active), the same 40 fields" in words.replace("fake", "one")
    assert "not known here" in words
    assert (
        named(made.compare, QTableWidget, "Figures of every run").horizontalHeaderItem(2).text()
        == "Shipped 1.0 (active)"
    )
    named(made.compare, QComboBox, "Run").setCurrentIndex(1)
    made.compare.matrix.cellClicked.emit(0, 0)
    assert len(made.compare.peek.paths) == 8
    made.close_workers()


def test_the_pdf_holds_the_values_on_the_screen(
    qtbot: QtBot, panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    tmp_path = bench.base
    from pypdf import PdfReader

    checked(panel, labelled, until)
    folders = [trained(panel, bench, name, until) for name in ("one", "two")]
    panel.compare_runs(folders)
    until(lambda: bool(panel.compare.comparison))
    with qtbot.waitSignal(panel._plots.written, timeout=TIMEOUT) as written:
        panel.compare.export_to(tmp_path / "figures.pdf")
    assert written.args[1] == ""
    pages = [page.extract_text() for page in PdfReader(tmp_path / "figures.pdf").pages]
    assert len(pages) == 6
    text = " ".join(" ".join(pages).split())
    for table in (
        panel.compare.matrix,
        named(panel.compare, QTableWidget, "Figures per class"),
        named(panel.compare, QTableWidget, "Figures of every run"),
    ):
        for row in range(table.rowCount()):
            assert " ".join(table.item(row, 1).text().split()) in text
    assert "McNemar p = 0.625" in text
    assert all("n = 40 fields, same-field, patients unknown" in " ".join(page.split()) for page in pages)
    assert all("For Research Use Only" in page for page in pages)
    with qtbot.waitSignal(panel.notified, timeout=TIMEOUT) as told:
        panel.compare.export_to(tmp_path / "nowhere" / "figures.pdf")
    assert told.args[1]


def test_a_csv_is_dropped_like_a_folder_and_nothing_else(panel: TrainingPanel, labelled: Path, until):
    table = labelled / "fields.csv"
    table.write_text("path,class,patient\nBenign/a.png,Benign,P1\n", "utf-8")
    drop(panel, labelled / "Benign" / "a.png")
    assert panel.folder is None
    drop(panel, table)
    until(lambda: panel.report is not None)
    assert panel.folder == table
    assert panel.data.peek.paths == [labelled / "Pro" / "a.png", labelled / "Pro" / "b.png"]


def test_a_click_on_any_line_shows_its_fields_or_says_that_it_has_none(
    panel: TrainingPanel, labelled: Path, until
):
    checked(panel, labelled, until)
    lines = [
        named(panel.data, QListWidget, "Findings of the check").item(row).text()
        for row in range(named(panel.data, QListWidget, "Findings of the check").count())
    ]
    for row, line in enumerate(lines):
        named(panel.data, QListWidget, "Findings of the check").setCurrentRow(row)
        listed = len(panel.data.peek.paths)
        assert listed == (2 if "byte-identical" in line else 0)
        assert listed or "whole folder" in label_texts(panel.data.peek)


def test_a_click_on_a_class_shows_its_fields(qtbot: QtBot, panel: TrainingPanel, labelled: Path, until):
    from PySide6.QtCore import QPoint

    checked(panel, labelled, until)
    bars = named(panel.data, BarChart, "Fields per class")
    qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=QPoint(40, round(1.5 * bars.height() / 4)))
    assert panel.data.peek.paths == [labelled / "Early" / "a.png"]
    qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=QPoint(40, bars.height() - 3))
    assert panel.data.peek.paths == [labelled / "Pro" / "a.png"]


def test_fine_tuning_is_proposed_with_its_time_before_the_start(panel: TrainingPanel, labelled: Path, until):
    checked(panel, labelled, until)
    panel.pages.setCurrentWidget(panel.recipe)
    assert panel.recipe.method == "finetune"
    until(lambda: "measured just now" in label_texts(panel.recipe))
    assert panel.recipe.data()["split"]["kind"] == "same-field"
    named(panel.recipe, QComboBox, "Method").setCurrentIndex(2)
    panel.recipe.reset()
    assert "unknown until it is measured" in label_texts(panel.recipe)


def take_file(page: QWidget, file: Path, until) -> None:
    """Choose a file in the file dialog that is open."""
    (place,) = page.findChildren(QFileDialog)
    place.selectFile(str(file))
    place.accept()
    until(lambda: page.findChildren(QFileDialog) == [])


def test_a_saved_recipe_is_loaded_and_reset(panel: TrainingPanel, labelled: Path, until, tmp_path: Path):
    checked(panel, labelled, until)
    named(panel.recipe, QComboBox, "Method").setCurrentIndex(
        named(panel.recipe, QComboBox, "Method").findData("zhang")
    )
    panel.recipe.reset()
    panel.recipe.form.editor("fit", "epochs").setValue(33)
    button(panel.recipe, "Save As…").click()
    take_file(panel.recipe, tmp_path / "mine.toml", until)
    panel.recipe.reset()
    assert panel.recipe.data()["fit"]["epochs"] == 15
    named(panel.recipe, QComboBox, "Method").setCurrentIndex(0)
    panel.recipe.reset()
    button(panel.recipe, "Load…").click()
    take_file(panel.recipe, tmp_path / "mine.toml", until)
    assert panel.recipe.method == "zhang"
    assert panel.recipe.data()["fit"]["epochs"] == 33
    assert panel.recipe.data()["name"] == "mine"


def test_zhangs_table_is_three_clicks_from_a_checked_folder(
    panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    import tomllib

    checked(panel, labelled, until)
    bench.behave("fit", epochs=1)
    panel.pages.tabBar().setCurrentIndex(panel.pages.indexOf(panel.sweep))
    button(panel.sweep, "Zhang's Table 1").click()
    button(panel.sweep, "Start Sweep").click()
    assert len(panel.runs.waiting) == 7
    first = tomllib.loads(panel.sweep.runs[0].recipe.read_text("utf-8"))
    assert first["method"]["kind"] == "zhang"
    assert (first["input"]["height"], first["input"]["colour"]) == (100, "gray")
    panel.runs.cancel_waiting()
    until(lambda: bench.runs.current is None)


def test_a_sweep_of_an_unknown_method_is_refused_before_anything_is_trained(
    panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    checked(panel, labelled, until)
    told: list[str] = []
    panel.notified.connect(lambda text, _problem: told.append(text))
    named(panel.sweep, QLineEdit, "Method").setText("zhang, zang")
    button(panel.sweep, "Start Sweep").click()
    assert told[0].startswith("'zang' is no method of this edition. Write one of ")
    assert panel.sweep.runs == []
    assert not list((bench.base / "runs").rglob("*.toml")), "no recipe is left behind"


def test_a_sweep_of_an_unknown_loss_cannot_be_started(
    panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    checked(panel, labelled, until)
    named(panel.sweep, QLineEdit, "Loss").setText("binary_crossentropy, hinge")
    assert "'hinge' is no loss. Write one or more of categorical_crossentropy," in label_texts(panel.sweep)
    assert not button(panel.sweep, "Start Sweep").isEnabled()
    named(panel.sweep, QLineEdit, "Loss").setText("binary_crossentropy, sigmoid_crossentropy")
    assert button(panel.sweep, "Start Sweep").isEnabled()


def test_a_run_of_a_sweep_that_failed_says_so_and_why(
    panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    checked(panel, labelled, until)
    bench.behave("vanished", epochs=1)
    named(panel.sweep, QLineEdit, "Epochs").setText("1, 2")
    button(panel.sweep, "Start Sweep").click()
    table = named(panel.sweep, QTableWidget, "Runs of the sweep")
    until(lambda: [table.item(row, 1).text() for row in range(2)] == ["Failed", "Failed"])
    sentences = [one.sentence for one in bench.seen.endings[-2:]]
    assert "is not there any more" in sentences[0]
    assert [table.item(row, 1).toolTip() for row in range(2)] == sentences
    bench.behave("fit", epochs=1)
    button(panel.sweep, "Resume").click()
    until(lambda: "0.900" in table.item(1, 2).text())
    assert table.item(1, 1).toolTip() == ""


def test_a_sweep_fills_its_table_and_can_be_cancelled(
    panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    checked(panel, labelled, until)
    bench.behave("fit", epochs=1)
    told: list[str] = []
    panel.notified.connect(lambda text, _problem: told.append(text))
    named(panel.sweep, QLineEdit, "Epochs").setText("1, 2, 3")
    assert "3 runs" in label_texts(panel.sweep)
    button(panel.sweep, "Start Sweep").click()
    until(lambda: len(bench.seen.started) >= 1)
    assert len(panel.runs.waiting) == 2
    button(panel.sweep, "Cancel the Rest").click()
    assert panel.runs.waiting == ()
    until(lambda: "0.900" in named(panel.sweep, QTableWidget, "Runs of the sweep").item(0, 2).text())
    assert named(panel.sweep, QTableWidget, "Runs of the sweep").item(2, 1).text() == "Not started"
    until(lambda: told == ["Training finished: epochs 1"])  # its figures can be seen a moment before
    assert button(panel.sweep, "Resume").isEnabled()
    again = TrainingPanel(bench.runs, bench.base / "runs")
    again.refresh()
    until(
        lambda: (
            "0.900"
            in (
                named(again.sweep, QTableWidget, "Runs of the sweep").item(0, 2).text()
                if again.sweep.runs
                else ""
            )
        )
    )
    assert again.sweep.runs == panel.sweep.runs
    again.close_workers()


def test_the_preview_shows_what_the_child_drew(panel: TrainingPanel, labelled: Path, until):
    checked(panel, labelled, until)
    panel.pages.setCurrentWidget(panel.recipe)
    until(lambda: panel.recipe.has_preview)
    assert panel.recipe._sheet.width() == 9 * 64


@pytest.mark.parametrize("command", ["check", "augment-preview", "estimate", "evaluate"])
def test_closing_while_something_small_runs_leaves_no_process(
    panel: TrainingPanel, bench: Bench, labelled: Path, until, command: str
):
    import psutil

    checked(panel, labelled, until)
    bench.behave("hang")
    before = child_processes()
    panel.runs.start_background(command, [str(labelled), "x.png"], title=command)
    until(lambda: len(child_processes() - before) == 1)
    (child,) = child_processes() - before
    bench.runs.close()
    assert not bench.runs.is_busy
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_closing_the_panel_in_the_middle_leaves_nothing(
    panel: TrainingPanel, bench: Bench, labelled: Path, until
):
    checked(panel, labelled, until)
    bench.behave("fit", epochs=500)
    panel.start(panel.recipe.data() | {"name": "long"})
    until(lambda: bool(panel.run.curves.rows))
    bench.runs.close()
    assert not bench.runs.is_busy
