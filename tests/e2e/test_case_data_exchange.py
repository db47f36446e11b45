"""Case data on their way to other programs: valid there, or refused by name before anything is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pydicom
import pytest
from fhirclient.models.bundle import Bundle
from pydicom import config
from PySide6.QtWidgets import QDialogButtonBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from allstation.__main__ import main
from allstation.core.times import utc_clock
from allstation.imaging.synthetic import write_demo
from allstation.store.case import Case
from allstation.ui.common import theme
from allstation.ui.report.details import CaseDataDialog
from tests.ui.named import label_texts
from tests.unit.report.factory import DETAILS, stored_case

PERSON = {"patient_name": "Maria Musterfrau", "patient_id": "PID-0042"}


@pytest.fixture(autouse=True)
def strict_dicom() -> Iterator[None]:
    """pydicom refuses every value that its representation cannot hold."""
    before = config.settings.reading_validation_mode, config.settings.writing_validation_mode
    config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.RAISE
    yield
    config.settings.reading_validation_mode, config.settings.writing_validation_mode = before


def exported(folder: Path, details: dict[str, str], *words: str) -> tuple[int, Path, Path]:
    case = stored_case(folder, 2, details={**PERSON, **details})
    fhir, dicom = folder / "f.json", folder / "d"
    status = main(["export", str(case), "--fhir", str(fhir), "--dicom", str(dicom), "--show-patient", *words])
    return status, fhir, dicom


def resource(path: Path, kind: str) -> dict[str, Any]:
    data = json.loads(path.read_text("utf-8"))
    Bundle(data, strict=True)
    return next(one["resource"] for one in data["entry"] if one["resource"]["resourceType"] == kind)


def datasets(folder: Path) -> list[pydicom.Dataset]:
    found = [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))]
    for one in found:
        for element in one.iterall():
            assert element.value is not ...
    return found


@pytest.mark.parametrize(
    "born", ["2019-03-04", "04.03.2019", "4 March 2019", "٢٠١٩-٠٣-٠٤", "２０１９年３月４日", "20190304"]
)
def test_a_birthday_in_any_spelling_is_valid_in_both(born: str, tmp_path: Path) -> None:
    status, fhir, dicom = exported(tmp_path, {"birth_date": born})
    assert status == 0
    assert resource(fhir, "Patient")["birthDate"] == "2019-03-04"
    assert {one.PatientBirthDate for one in datasets(dicom)} == {"20190304"}


@pytest.mark.parametrize(
    ("key", "label", "text"),
    [
        ("birth_date", "Date of birth", "2019-02-30"),
        ("birth_date", "Date of birth", "03/04/2019"),
        ("birth_date", "Date of birth", "2019-03-04 10:15"),
        ("birth_date", "Date of birth", "2562-03-04"),
        ("received_at", "Received", "yesterday"),
        ("received_at", "Received", "2026-11-22 25:10"),
        ("collected_at", "Collected", "31.04.2026"),
    ],
)
def test_a_date_that_is_none_is_refused_by_name_before_anything_is_written(
    key: str, label: str, text: str, tmp_path: Path, capsys
) -> None:
    status, fhir, dicom = exported(tmp_path, {key: text})
    said = capsys.readouterr().err
    assert status == 2
    assert f"{label}: {text!r}" in said
    assert "nothing was written" in said
    assert not fhir.exists()
    assert not dicom.exists()


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("2026-11-22 14:30 +01:00", "2026-11-22T14:30:00+01:00"),
        ("22.11.2026 14:30", "2026-11-22T14:30:00"),
        ("2026-11-22", "2026-11-22"),
    ],
)
def test_received_keeps_its_time(text: str, received: str, tmp_path: Path) -> None:
    status, fhir, _ = exported(tmp_path, {"received_at": text})
    assert status == 0
    specimen = resource(fhir, "Specimen")
    assert specimen["receivedTime"].startswith(received)
    assert ("T" not in received) or specimen["receivedTime"][19] in "+-Z"
    note = specimen.get("note", [{"text": ""}])[0]["text"]
    assert (f"Received: {text}" in note) is ("14:30" in text)


def test_an_accession_number_is_whole_or_refused(tmp_path: Path, capsys) -> None:
    fits, long = "A" * 15 + "7", "R-2026-1187-0000042"
    status, fhir, dicom = exported(tmp_path / "a", {"request_id": fits})
    assert status == 0
    assert {one.AccessionNumber for one in datasets(dicom)} == {fits}
    (order,) = resource(fhir, "DiagnosticReport")["basedOn"]
    assert order["identifier"]["value"] == fits

    status, fhir, dicom = exported(tmp_path / "b", {"request_id": long})
    said = capsys.readouterr().err
    assert status == 2
    assert f"Request id: DICOM takes at most 16 characters, {long!r} has 19" in said
    assert not fhir.exists()
    assert not dicom.exists()

    case = tmp_path / "b" / "Musterfrau.allcase"
    assert main(["export", str(case), "--fhir", str(fhir), "--show-patient"]) == 0
    assert resource(fhir, "DiagnosticReport")["basedOn"][0]["identifier"]["value"] == long
    # Anonymised, the number is withheld: nothing is there to be cut.
    assert main(["export", str(case), "--dicom", str(dicom)]) == 0
    assert {one.AccessionNumber for one in datasets(dicom)} == {""}


@pytest.mark.parametrize(
    ("key", "label", "text"),
    [
        ("patient_id", "Patient id", "P" * 65),
        ("patient_id", "Patient id", "P\\7"),
        ("patient_name", "Name", "Maria " * 11 + "Musterfrau"),
        ("requester", "Requested by", "D" * 65),
    ],
)
def test_who_a_case_is_about_is_never_cut(key: str, label: str, text: str, tmp_path: Path, capsys) -> None:
    status, fhir, dicom = exported(tmp_path, {key: text})
    assert status == 2
    assert f"{label}: DICOM takes" in capsys.readouterr().err
    assert not fhir.exists()
    assert not dicom.exists()


def test_full_case_data_pass_both_validators(tmp_path: Path) -> None:
    status, fhir, dicom = exported(tmp_path, dict(DETAILS))
    assert status == 0
    for kind in ("Patient", "Specimen", "DiagnosticReport"):
        assert resource(fhir, kind)
    assert len(datasets(dicom)) == 2


def test_case_data_on_the_command_line_are_kept_in_one_spelling(tmp_path: Path) -> None:
    write_demo(tmp_path / "in", fields=1, seed=3)
    case = tmp_path / "a.allcase"
    words = ["--detail", "dob=٠٤.٠٣.٢٠١٩", "--detail", "received_at=22.11.2026 14:30", "--detail", "mrn=P-7"]
    assert main(["classify", str(tmp_path / "in"), "--case", str(case), *words]) == 0
    with Case.open(case, read_only=True) as stored:
        assert stored.details() == {
            "birth_date": "2019-03-04",
            "received_at": "2026-11-22 14:30",
            "patient_id": "P-7",
        }


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ("birth_date=03/04/2019", "Date of birth: '03/04/2019' can be read as two dates"),
        ("received_at=2026-02-30", "Received: '2026-02-30' is not in the calendar"),
        ("colour=blue", "no KEY=TEXT with one of the keys patient_name"),
        ("stain", "no KEY=TEXT"),
    ],
)
def test_case_data_that_cannot_be_kept_are_refused_before_anything_is_made(
    detail: str, said: str, tmp_path: Path, capsys
) -> None:
    write_demo(tmp_path / "in", fields=1, seed=3)
    case = tmp_path / "a.allcase"
    assert main(["classify", str(tmp_path / "in"), "--case", str(case), "--detail", detail]) == 2
    assert said in capsys.readouterr().err
    assert not case.exists()


def test_nobody_is_born_next_year(tmp_path: Path, capsys) -> None:
    write_demo(tmp_path / "in", fields=1, seed=3)
    now = utc_clock()
    assert main(["classify", str(tmp_path / "in"), "--detail", f"dob={now.date().isoformat()}"]) == 0
    later = (now + timedelta(days=20)).date().isoformat()
    assert main(["classify", str(tmp_path / "in"), "--detail", f"dob={later}"]) == 2
    assert f"Date of birth: {later} lies in the future" in capsys.readouterr().err


@pytest.fixture
def dialog(qtbot: QtBot) -> Iterator[CaseDataDialog]:
    parent = QWidget()
    qtbot.addWidget(parent)
    yield CaseDataDialog(parent)
    parent.close()


def drawn_red(box: QLineEdit) -> bool:
    """Tell whether the middle of the upper and lower border has the colour of danger."""
    image = box.grab().toImage()
    middle, bottom = image.width() // 2, image.height() - 1
    return {image.pixelColor(middle, row).name() for row in (0, bottom)} == {theme.LIGHT.danger}


def save(dialog: CaseDataDialog) -> Any:
    return dialog.buttons.button(QDialogButtonBox.StandardButton.Save)


def test_the_form_marks_a_date_that_is_none_and_does_not_keep_it(dialog: CaseDataDialog) -> None:
    dialog.setStyleSheet(theme._style_sheet(theme.LIGHT, 1.0))
    dialog.show_details(PERSON)
    dialog.show()
    box = dialog.boxes["birth_date"]
    assert not drawn_red(box)
    box.setText("2019-02-30")
    assert drawn_red(box)
    assert box.property("refused")
    assert "not in the calendar" in box.toolTip()
    assert "Date of birth" in label_texts(dialog)
    assert not save(dialog).isEnabled()
    box.setText("2019-02-28")
    assert not drawn_red(box)
    assert not box.property("refused")
    assert not box.toolTip()
    assert save(dialog).isEnabled()


def test_the_form_keeps_dates_in_one_spelling(dialog: CaseDataDialog, qtbot: QtBot) -> None:
    dialog.show_details(PERSON)
    dialog.boxes["birth_date"].setText("٠٤.٠٣.٢٠١٩")
    dialog.boxes["received_at"].setText("22.11.2026 14:30")
    assert "as 2019-03-04" in label_texts(dialog)
    with qtbot.waitSignal(dialog.saved) as told:
        save(dialog).click()
    assert told.args[1] == {**PERSON, "birth_date": "2019-03-04", "received_at": "2026-11-22 14:30"}


def test_an_old_odd_date_is_marked_and_does_not_hold_up_other_changes(
    dialog: CaseDataDialog, qtbot: QtBot
) -> None:
    stored = {**PERSON, "collected_at": "last Monday"}
    dialog.show_details(stored)
    assert dialog.boxes["collected_at"].property("refused")
    dialog.boxes["stain"].setText("Wright")
    with qtbot.waitSignal(dialog.saved) as told:
        save(dialog).click()
    assert told.args[1] == {**stored, "stain": "Wright"}


def test_the_form_says_what_dicom_will_refuse(dialog: CaseDataDialog) -> None:
    dialog.show_details({})
    dialog.boxes["request_id"].setText("R-2026-1187-0000042")
    assert "DICOM takes at most 16 characters" in label_texts(dialog)
    assert save(dialog).isEnabled()
