"""Tables and exchange files from the menus: chosen, written whole, told, stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox, QFileDialog, QLabel, QProgressBar, QPushButton
from pytestqt.qtbot import QtBot

from allstation.core.tables import number, parse_table
from allstation.report.content.free_text import FreeText
from allstation.report.content.options import ReportOptions
from allstation.services.reports.export import ExportJob, Exports
from allstation.services.reports.export_kinds import ExportKind, ExportOptions
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.report.export_controller import ExportDialog
from allstation.ui.training.panel import TrainingPanel
from tests.ui.named import button, named
from tests.ui.report.conftest import LONG
from tests.unit.report.factory import DETAILS, stored_case

NAME = DETAILS["patient_name"].split()[-1].encode()
BRIEF = ExportOptions(report=ReportOptions(template="summary"))


EXPORTS = [f"case.{kind}" for kind in ExportKind if kind not in (ExportKind.PDF, ExportKind.SLIDE_PICTURES)]


@pytest.mark.parametrize("key", EXPORTS)
def test_every_export_of_the_menu_is_written_and_told(
    opened: Workbench, qtbot: QtBot, tmp_path: Path, key: str
) -> None:
    opened.actions_table[key].trigger()
    dialog = opened.shell.findChild(ExportDialog)
    assert dialog.anonymise.isChecked()
    buttons = dialog.findChild(QDialogButtonBox)
    (go,) = [b for b in buttons.buttons() if buttons.buttonRole(b) == QDialogButtonBox.ButtonRole.AcceptRole]
    go.click()

    def places() -> list[QFileDialog]:
        return [one for one in opened.shell.findChildren(QFileDialog) if one.isVisible()]

    qtbot.waitUntil(lambda: len(places()) == 1, timeout=LONG)
    with qtbot.waitSignal(opened.context.exports.done, timeout=LONG) as written:
        places()[0].selectFile(str(tmp_path / "out" if key == "case.labelled" else tmp_path / "out.x"))
        places()[0].accept()
    target = written.args[0].target
    assert target.exists()
    files = [target] if target.is_file() else [path for path in target.rglob("*") if path.is_file()]
    assert files
    assert not any(NAME in path.read_bytes() for path in files)
    qtbot.waitUntil(lambda: any("is written" in text for text in opened.notifications.texts()), timeout=LONG)
    assert not opened.export_controller.strip.isVisible()
    assert not list(tmp_path.glob(".*part"))


def test_pictures_of_labels_are_in_no_anonymised_export(
    opened: Workbench, qtbot: QtBot, folder: Path, tmp_path: Path
) -> None:
    kind = ExportKind.SLIDE_PICTURES
    opened.actions_table[f"case.{kind}"].trigger()
    dialog = opened.shell.findChild(ExportDialog)
    assert not dialog.anonymise.isChecked()
    assert not dialog.anonymise.isEnabled()
    with qtbot.waitSignal(dialog.chosen) as chosen:
        dialog.findChild(QDialogButtonBox).accepted.emit()
    assert not chosen.args[0].anonymise
    assert opened.context.settings.value.anonymise, "the next export is anonymised as ever"
    for anonymise, code in ((True, "names-patient"), (False, "nothing-to-export")):
        options = ExportOptions(anonymise=anonymise)
        with qtbot.waitSignal(opened.context.exports.failed, timeout=LONG) as failed:
            opened.context.exports.write(job(kind, folder, tmp_path / "out", options))
        assert failed.args[1].code == code
    assert not (tmp_path / "out").exists()


def test_no_label_of_the_dialog_guesses_what_its_text_is(opened: Workbench) -> None:
    opened.actions_table[EXPORTS[0]].trigger()
    labels = [
        *opened.shell.findChild(ExportDialog).findChildren(QLabel),
        *opened.export_controller.strip.findChildren(QLabel),
    ]
    assert len(labels) > 1
    assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}


def job(kind: ExportKind, folder: Path, target: Path, options: ExportOptions = BRIEF) -> ExportJob:
    return ExportJob(kind, folder, target, options)


@pytest.fixture
def exports(qtbot: QtBot, nothing_left_running: None):
    made = Exports()
    yield made
    assert made.wait()


@pytest.mark.parametrize("kind", [one for one in ExportKind if one is not ExportKind.PDF])
def test_a_stopped_export_leaves_nothing(
    exports: Exports, qtbot: QtBot, folder: Path, tmp_path: Path, kind: ExportKind
) -> None:
    before = set(tmp_path.iterdir())
    wanted = job(kind, folder, tmp_path / f"out{kind.suffix}")
    wanted.stop.set()
    with qtbot.waitSignal(exports.cancelled, timeout=LONG):
        exports.write(wanted)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("kind", [ExportKind.DICOM, ExportKind.GEOJSON, ExportKind.LABELLED])
def test_an_export_is_stopped_in_the_middle(
    exports: Exports, qtbot: QtBot, tmp_path: Path, kind: ExportKind
) -> None:
    folder = stored_case(tmp_path, 6, reviewed=6)
    before = set(tmp_path.iterdir())
    wanted = job(kind, folder, tmp_path / "out", ExportOptions(with_report=False))
    with qtbot.waitSignal(exports.cancelled, timeout=LONG):
        exports.started.connect(wanted.stop.set)
        exports.write(wanted)
    assert set(tmp_path.iterdir()) == before


def test_a_full_folder_is_not_touched(exports: Exports, qtbot: QtBot, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    with qtbot.waitSignal(exports.failed, timeout=LONG) as failed:
        exports.write(job(ExportKind.GEOJSON, folder, target))
    assert failed.args[1].code == "not-empty"
    assert [path.name for path in target.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("kind", [one for one in ExportKind if not one.is_folder])
def test_an_export_replaces_its_own_kind_and_nothing_else(
    exports: Exports, qtbot: QtBot, folder: Path, tmp_path: Path, kind: ExportKind
) -> None:
    target = tmp_path / f"out{kind.suffix}"
    smear = b"\xff\xd8\xff\xe0 a smear"
    target.write_bytes(smear)
    with qtbot.waitSignal(exports.failed, timeout=LONG) as failed:
        exports.write(job(kind, folder, target))
    assert failed.args[1].code == "bad-output"
    assert "--force" not in failed.args[1].sentence
    assert target.read_bytes() == smear
    target.unlink()
    for _ in range(2):
        with qtbot.waitSignal(exports.done, timeout=LONG):
            exports.write(job(kind, folder, target))
    assert target.read_bytes() != smear


def test_a_name_that_the_dialog_did_not_ask_about_replaces_nothing_of_another_run(
    opened: Workbench, qtbot: QtBot, folder: Path, tmp_path: Path
) -> None:
    """``my.table`` becomes ``my.table.csv``, which may be there."""
    (tmp_path / "other").mkdir()
    with qtbot.waitSignal(opened.context.exports.done, timeout=LONG):
        opened.export_controller.write(
            job(ExportKind.JSON, stored_case(tmp_path / "other", 2), tmp_path / "my.table.json")
        )
    before = (tmp_path / "my.table.json").read_bytes()
    with qtbot.waitSignal(opened.context.exports.failed, timeout=LONG) as failed:
        opened.export_controller.write(job(ExportKind.JSON, folder, tmp_path / "my.table"))
    assert "from another run" in failed.args[1].sentence
    assert (tmp_path / "my.table.json").read_bytes() == before


def test_patient_data_are_exported_when_they_are_asked_for(
    exports: Exports, qtbot: QtBot, folder: Path, tmp_path: Path
) -> None:
    options = ExportOptions(anonymise=False, report=ReportOptions(template="summary"))
    target = tmp_path / "open.json"
    with qtbot.waitSignal(exports.done, timeout=LONG):
        exports.write(job(ExportKind.FHIR, folder, target, options))
    assert NAME in target.read_bytes()
    (report,) = [
        one["resource"]
        for one in json.loads(target.read_bytes())["entry"]
        if one["resource"]["resourceType"] == "DiagnosticReport"
    ]
    assert report["presentedForm"][0]["contentType"] == "application/pdf"


def test_a_field_that_is_gone_is_told(exports: Exports, qtbot: QtBot, folder: Path, tmp_path: Path) -> None:
    next(iter((tmp_path / "fields").glob("*.jpg"))).unlink()
    with qtbot.waitSignal(exports.done, timeout=LONG) as written:
        exports.write(job(ExportKind.GEOJSON, folder, tmp_path / "out"))
    assert written.args[1] == "1 field could not be read any more and is left out."


@pytest.mark.parametrize("mark", [True, False])
def test_a_table_may_begin_with_a_mark(
    exports: Exports, qtbot: QtBot, folder: Path, tmp_path: Path, mark: bool
) -> None:
    wanted = job(ExportKind.CSV, folder, tmp_path / "t.csv", ExportOptions(byte_order_mark=mark))
    with qtbot.waitSignal(exports.done, timeout=LONG):
        exports.write(wanted)
    assert (tmp_path / "t.csv").read_bytes().startswith(b"\xef\xbb\xbf" if mark else b"number,")


def test_a_csv_is_written_as_the_person_chose_and_the_choice_is_kept(
    opened: Workbench, qtbot: QtBot, tmp_path: Path
) -> None:
    def dialog() -> ExportDialog:
        opened.actions_table["case.csv"].trigger()
        return opened.shell.findChildren(ExportDialog)[-1]

    asked = dialog()
    assert (asked.delimiter.currentData(), asked.mark.isChecked()) == (",", True)
    assert not asked.decimal_comma.isChecked()
    place = asked.delimiter.findData(";")
    asked.delimiter.setCurrentIndex(place)
    asked.delimiter.activated.emit(place)
    assert asked.decimal_comma.isChecked()
    asked.mark.setChecked(False)
    with qtbot.waitSignal(asked.chosen) as chosen:
        button(asked, "Choose a place…").click()
    opened.shell.findChild(QFileDialog).reject()
    target = tmp_path / "t.csv"
    with qtbot.waitSignal(opened.context.exports.done, timeout=LONG):
        opened.export_controller.write(
            job(ExportKind.CSV, opened.context.session.info.folder, target, chosen.args[0])
        )
    assert target.read_bytes().startswith(b"number;slide;field;")
    rows = parse_table(target.read_bytes(), name="t.csv").rows
    read = [row["p_Pro"] for row in rows if row["p_Pro"]]
    assert read
    assert all("," in text and 0 <= number(text) <= 1 for text in read)
    again = dialog()
    assert (again.delimiter.currentData(), again.mark.isChecked()) == (";", False)
    assert again.decimal_comma.isChecked()
    again.reject()


@pytest.mark.qt_log_ignore("does not support raise", extend=True)
def test_a_labelled_folder_can_be_trained_on_at_once(
    opened: Workbench, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[Path] = []
    monkeypatch.setattr(TrainingPanel, "set_folder", lambda _panel, folder: chosen.append(folder))
    target = tmp_path / "Out labelled"
    with qtbot.waitSignal(opened.context.exports.done, timeout=LONG):
        opened.export_controller.write(job(ExportKind.LABELLED, opened.context.session.info.folder, target))
    (train,) = [b for b in opened.notifications.findChildren(QPushButton) if b.text() == "Train on it"]
    train.click()
    assert chosen == [target]
    assert opened.training_controller.window.isVisible()


def test_progress_is_told_and_the_strip_can_stop(opened: Workbench, qtbot: QtBot, tmp_path: Path) -> None:
    strip = opened.export_controller.strip
    wanted = job(ExportKind.CSV, opened.context.session.info.folder, tmp_path / "t.csv")
    exports = opened.context.exports
    exports.started.emit(wanted)
    assert strip.isVisible()
    exports.progressed.emit(wanted, 3, 12)
    bar = named(strip, QProgressBar, "Progress of the export")
    assert (bar.value(), bar.maximum()) == (250, 1000)
    assert bar.toolTip() == "3 of 12"
    strip.stop.click()
    assert wanted.stop.is_set()
    exports.cancelled.emit(wanted)
    assert not strip.isVisible()


def test_free_text_is_listed_before_it_goes_and_goes_only_when_it_is_ticked(
    opened: Workbench, qtbot: QtBot, tmp_path: Path
) -> None:
    opened.actions_table["case.csv"].trigger()
    dialog = opened.shell.findChild(ExportDialog)
    tree = dialog.free_text.tree
    qtbot.waitUntil(lambda: tree.topLevelItemCount() == 2, timeout=LONG)
    names, reviewers = (tree.topLevelItem(place) for place in range(2))
    assert "drawn_00.jpg" in [names.child(place).text(0) for place in range(names.childCount())]
    assert reviewers.child(0).text(0) == "Dr. B. Reviewer"
    assert dialog.free_text.keep() == frozenset()
    dialog.anonymise.setChecked(False)
    assert dialog.free_text.isHidden()
    dialog.anonymise.setChecked(True)
    names.setCheckState(0, Qt.CheckState.Checked)
    with qtbot.waitSignal(dialog.chosen) as chosen:
        button(dialog, "Choose a place…").click()
    options = chosen.args[0]
    assert options.keep == {FreeText.NAMES}
    job = ExportJob(ExportKind.CSV, opened.context.session.info.folder, tmp_path / "t.csv", options)
    with qtbot.waitSignal(opened.context.exports.done, timeout=LONG):
        opened.export_controller.write(job)
    table = (tmp_path / "t.csv").read_text("utf-8")
    assert "drawn_00.jpg" in table
    assert "Reviewer" not in table


def test_the_name_of_an_anonymised_file_is_not_the_case_s(opened: Workbench, qtbot: QtBot) -> None:
    for anonymise, name in ((True, "anonymised FHIR.json"), (False, "Musterfrau FHIR.json")):
        opened.export_controller.ask_where(ExportKind.FHIR, ExportOptions(anonymise=anonymise))
        place = [one for one in opened.shell.findChildren(QFileDialog) if one.isVisible()][-1]
        assert Path(place.selectedFiles()[0]).name == name
        place.reject()
