"""Reports and their checks from the command line: drafts, signed, amended, many cases."""

from __future__ import annotations

import base64
import csv
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from allstation import paths
from allstation.cli import main
from allstation.commands import FREE_TEXT
from allstation.core.pseudonyms import Pseudonyms, nonce_of
from allstation.core.records import Review
from allstation.report.content.free_text import FreeText
from allstation.report.verification.verify import embedded_data, verify_report
from allstation.services.settings import SettingsFile
from allstation.store.case import Case
from tests.unit.report.factory import DETAILS, stored_case


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(paths.PROFILE_VARIABLE, str(tmp_path / "profile"))
    return stored_case(tmp_path, 4, reviewed=1)


def report(folder: Path, out: Path, *options: str) -> Path:
    assert main(["report", str(folder), "--out", str(out), "--template", "summary", *options]) == 0
    return out / f"{folder.stem}.pdf"


def test_final_and_amended_are_accepted_by_the_check(folder: Path, tmp_path: Path, capsys) -> None:
    final = report(folder, tmp_path / "1", "--status", "final", "--signed-by", "Dr. B")
    assert main(["verify-report", str(final), "--case", str(folder)]) == 0
    assert "entered it as final" in capsys.readouterr().out
    with Case.open(folder) as case:
        first = next(iter(case.fields.page()))
        case.reviews.add(
            Review(
                field_id=first.id, reviewer="Dr. C", class_name="Pro" if first.final_name != "Pro" else "Pre"
            )
        )
    # The first report still holds in itself, and no longer agrees with the case.
    assert main(["verify-report", str(final)]) == 0
    assert main(["verify-report", str(final), "--case", str(folder)]) == 1
    amended = report(
        folder, tmp_path / "2", "--status", "amended", "--signed-by", "Dr. B", "--reason", "looked again"
    )
    capsys.readouterr()
    assert main(["verify-report", str(amended), "--case", str(folder)]) == 0
    assert "entered it as amended" in capsys.readouterr().out
    assert embedded_data(amended)["content"]["amendments"]
    assert main(["verify-report", str(final), "--case", str(folder)]) == 1
    assert "replaced by an amended report" in capsys.readouterr().out


def test_a_copy_in_an_anonymised_export_is_told_from_the_signed_report(
    folder: Path, tmp_path: Path, capsys
) -> None:
    final = report(folder, tmp_path / "1", "--status", "final", "--signed-by", "Dr. B")
    assert main(["export", str(folder), "--fhir", str(tmp_path / "x.json"), "--pdf", str(final)]) == 0
    bundle = json.loads((tmp_path / "x.json").read_text("utf-8"))
    forms = [one["resource"].get("presentedForm") for one in bundle["entry"]]
    (form,) = next(filter(None, forms))
    (tmp_path / "copy.pdf").write_bytes(base64.b64decode(form["data"]))
    capsys.readouterr()
    assert main(["verify-report", str(tmp_path / "copy.pdf"), "--case", str(folder)]) == 1
    assert "A copy made for an anonymised FHIR or DICOM export is never entered" in capsys.readouterr().out
    assert main(["verify-report", str(final), "--case", str(folder)]) == 0
    assert "copy" not in capsys.readouterr().out


def test_a_copy_with_other_bytes_is_not_the_one_in_the_trail(folder: Path, tmp_path: Path, capsys) -> None:
    final = report(folder, tmp_path / "1", "--status", "final", "--signed-by", "Dr. B")
    final.write_bytes(final.read_bytes() + b"\n% more\n")
    assert main(["verify-report", str(final), "--case", str(folder)]) == 1
    assert "knows no final report of these bytes" in capsys.readouterr().out


def test_a_case_that_is_not_there_is_named_and_no_folder_appears(
    folder: Path, tmp_path: Path, capsys
) -> None:
    missing = tmp_path / "missing.allcase"
    assert main(["report", str(missing), str(folder), "--template", "summary"]) == 1
    assert "no case in missing.allcase" in capsys.readouterr().err
    assert not missing.exists()
    assert (folder / f"{folder.stem}.pdf").is_file()


def test_a_folder_that_cannot_be_made_is_one_sentence(folder: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "taken").write_text("a file")
    assert main(["report", str(folder), "--out", str(tmp_path / "taken")]) == 1
    assert "could not be made" in capsys.readouterr().err


def test_a_draft_changes_nothing_in_the_case(folder: Path, tmp_path: Path) -> None:
    before = (folder / "case.sqlite").read_bytes()
    draft = report(folder, tmp_path / "1")
    assert main(["verify-report", str(draft), "--case", str(folder)]) == 0
    assert (folder / "case.sqlite").read_bytes() == before
    assert not (folder / "reports").exists()


def test_a_draft_and_a_classification_of_an_altered_case_warn(folder: Path, tmp_path: Path, capsys) -> None:
    report(folder, tmp_path / "1")
    assert "WARNING" not in capsys.readouterr().err
    altered = shutil.copytree(folder, tmp_path / "Altered.allcase")
    with closing(sqlite3.connect(altered / "case.sqlite")) as db, db:
        db.execute("UPDATE slides SET name = 'Another'")
    report(altered, tmp_path / "2")
    warned = capsys.readouterr().err
    assert "WARNING" in warned
    assert "audit trail of this case is broken" in warned
    main(["classify", "--case", str(altered), str(tmp_path / "none.jpg")])
    assert "audit trail of this case is broken" in capsys.readouterr().err


def test_many_cases_get_their_reports_and_a_broken_one_is_named(folder: Path, tmp_path: Path, capsys) -> None:
    other = shutil.copytree(folder, tmp_path / "Other.allcase")
    gone = tmp_path / "Gone.allcase"
    command = ["report", str(folder), str(gone), str(other), "--out", str(tmp_path / "out")]
    assert main([*command, "--template", "contact", "--page-size", "Letter"]) == 1
    assert "Gone" in capsys.readouterr().err
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == ["Musterfrau.pdf", "Other.pdf"]
    content = embedded_data(tmp_path / "out" / "Other.pdf")["content"]
    assert (content["template"], content["page_size"]) == ("contact", "Letter")


def test_the_letterhead_of_the_settings_is_printed(folder: Path, tmp_path: Path) -> None:
    SettingsFile(paths.config_folder()).change(laboratory="Haematology Musterstadt")
    assert embedded_data(report(folder, tmp_path / "1"))["content"]["laboratory"] == "Haematology Musterstadt"


@pytest.mark.parametrize("options", [["--status", "final"], ["--status", "amended", "--signed-by", "B"]])
def test_what_cannot_be_signed_is_refused(folder: Path, options: list[str]) -> None:
    assert main(["report", str(folder), *options]) == 2


def test_an_anonymised_export_takes_no_report_that_names_the_patient(
    folder: Path, tmp_path: Path, capsys
) -> None:
    named = report(folder, tmp_path / "1", "--show-patient", "--status", "final", "--signed-by", "Dr. B")
    target = tmp_path / "f.json"
    assert main(["export", str(folder), "--fhir", str(target), "--pdf", str(named)]) == 2
    assert "shows patient data" in capsys.readouterr().err
    assert not target.exists()
    command = ["export", str(folder), "--fhir", str(target), "--pdf", str(named), "--show-patient"]
    assert main(command) == 0
    text = target.read_text("utf-8")
    assert DETAILS["patient_name"] in text
    assert '"status": "final"' in text


def test_exports_name_nobody_and_tell_what_is_left_out(folder: Path, tmp_path: Path, capsys) -> None:
    with Case.open(folder, read_only=True) as case:
        next(iter(case.fields.page())).path.unlink()
    out = tmp_path / "out"
    forms = ["--fhir", str(tmp_path / "f.json"), "--dicom", str(out / "d"), "--geojson", str(out / "g")]
    assert main(["export", str(folder), *forms]) == 1
    assert "left out" in capsys.readouterr().err
    assert len(list((out / "d").iterdir())) == len(list((out / "g").iterdir())) == 3
    said = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert DETAILS["patient_name"].encode() not in said


def test_codes_of_an_anonymised_export_lead_back_with_the_case_only(
    folder: Path, tmp_path: Path, capsys
) -> None:
    assert main(["export", str(folder), "--labelled", str(tmp_path / "out")]) == 0
    assert "withheld: names (" in capsys.readouterr().out
    with (tmp_path / "out" / "labels.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert main(["trace", str(folder), row["code"]]) == 0
    with Case.open(folder, read_only=True) as case:
        reviewed = next(field for field in case.snapshot().fields if field.review)
    assert capsys.readouterr().out == f"{row['code']}  {reviewed.path}\n"
    other = stored_case(tmp_path / "other", 2)
    assert main(["trace", str(other), row["code"]]) == 1
    assert "is not of this case" in capsys.readouterr().out


def test_what_an_anonymised_report_prints_leads_back(folder: Path, tmp_path: Path, capsys) -> None:
    assert main(["export", str(folder), "--labelled", str(tmp_path / "out")]) == 0
    with (tmp_path / "out" / "labels.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    with Case.open(folder, read_only=True) as case:
        number = Pseudonyms(case.secret, nonce_of(row["code"])).case_id
        reviewed = next(field for field in case.snapshot().fields if field.review)
    capsys.readouterr()
    short = row["code"][:10]
    assert main(["trace", str(folder), number, short]) == 0
    assert capsys.readouterr().out == f"{number}  is this case\n{short}  {reviewed.path}\n"
    assert main(["trace", str(folder), short]) == 1
    assert "name the case's id" in capsys.readouterr().out


def test_free_text_is_listed_and_goes_only_when_it_is_named(folder: Path, tmp_path: Path, capsys) -> None:
    assert main(["export", str(folder), "--list-texts"]) == 0
    said = capsys.readouterr().out
    assert "specimen   Venous, EDTA\n" in said
    assert "reviewers  Dr. B. Reviewer\n" in said
    command = ["export", str(folder), "--fhir", str(tmp_path / "f.json")]
    assert main(command) == 0
    assert "Venous" not in (tmp_path / "f.json").read_text("utf-8")
    capsys.readouterr()
    # The earlier export of this case is replaced, though it bears another id.
    assert main([*command, "--keep", "specimen"]) == 0
    assert "lets go:  Specimen and source: Venous, EDTA\n" in capsys.readouterr().out
    assert "Venous" in (tmp_path / "f.json").read_text("utf-8")
    assert main([*command, "--keep", "names of patients"]) == 2


def test_the_kinds_of_free_text_are_those_of_the_reports() -> None:
    assert set(FREE_TEXT) == set(FreeText)


def test_an_anonymised_export_takes_a_copy_of_a_signed_report(folder: Path, tmp_path: Path) -> None:
    final = report(folder, tmp_path / "1", "--status", "final", "--signed-by", "Dr. Signatory")
    target = tmp_path / "f.json"
    assert main(["export", str(folder), "--fhir", str(target), "--pdf", str(final)]) == 0
    text = target.read_text("utf-8")
    assert '"status": "final"' in text
    assert "Signatory" not in text
    form = next(one["resource"] for one in json.loads(text)["entry"] if "presentedForm" in one["resource"])[
        "presentedForm"
    ][0]
    copy = tmp_path / "copy.pdf"
    copy.write_bytes(base64.b64decode(form["data"]))
    content, signed = (embedded_data(path)["content"] for path in (copy, final))
    assert (content["reviewer"], signed["reviewer"]) == ("reviewer 2", "Dr. Signatory")
    assert content["case_id"] != signed["case_id"]
    assert main(["verify-report", str(copy)]) == 0
    with Case.open(folder, read_only=True) as case:
        assert verify_report(copy, case.snapshot()) == []


def test_a_case_of_an_earlier_version_gets_its_secret_before_it_is_needed(
    folder: Path, tmp_path: Path
) -> None:
    with Case.open(folder) as case, case.connection.write() as db:
        db.execute("DELETE FROM info WHERE key = 'pseudonyms'")
    made = report(folder, tmp_path / "1")
    assert main(["verify-report", str(made), "--case", str(folder)]) == 0


@pytest.mark.parametrize(
    "command",
    [
        ["export", "--fhir", "bundle.json"],
        ["export", "--geojson", "outlines"],
        ["cells", "--csv", "cells.csv"],
        ["differential"],
    ],
    ids=" ".join,
)
def test_what_is_written_from_an_altered_case_warns(
    folder: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main([command[0], str(folder), *command[1:]])
    assert "audit trail" not in capsys.readouterr().err
    altered = shutil.copytree(folder, tmp_path / "Altered.allcase")
    with closing(sqlite3.connect(altered / "case.sqlite")) as db, db:
        db.execute("UPDATE slides SET name = 'Another'")
    main([command[0], str(altered), *command[1:], *(["--force"] if command[1:] else [])])
    assert "audit trail of this case is broken" in capsys.readouterr().err
