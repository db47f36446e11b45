"""Shares of slides and patients on pages and in tables, and codes for patients where names are withheld."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import jsonschema
import openpyxl
import pytest
from pypdf import PdfReader

from allstation.core.cell_types import CellSummary
from allstation.core.errors import StationError
from allstation.core.pseudonyms import Pseudonyms, traced_patient
from allstation.paths import resource
from allstation.report.content.build import build_content
from allstation.report.content.free_text import Anonymity, FreeText
from allstation.report.content.options import ReportOptions
from allstation.report.exchange import dicom, fhir
from allstation.report.exchange.labelled import write_labelled
from allstation.report.pdf import write_pdf
from allstation.report.tables.case_tables import write_csv, write_json, write_shares_csv, write_xlsx
from allstation.report.verification.verify import embedded_data, verify_report

OPEN = ReportOptions(anonymise=False)


def rows_of(table):
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def with_patients(snapshot, *patients, **changes):
    slides = tuple(
        replace(slide, patient=patient) for slide, patient in zip(snapshot.slides, patients, strict=True)
    )
    return replace(snapshot, slides=slides, **changes)


@pytest.fixture(scope="module")
def snapshot(factory):
    cells = CellSummary(
        total=120,
        by_reader={"Ada": {"blast": 30, "lymphocyte": 70}},
        by_slide={1: {"blast": 20, "lymphocyte": 20}, 2: {"blast": 10, "lymphocyte": 50}},
    )
    return with_patients(
        factory.snapshot(24, slides=3, reviewed=4), "PAT-77", "PAT-77", "PAT-88", cells=cells
    )


def test_pages_and_data_show_patients_with_exact_intervals(snapshot, tmp_path):
    report = write_pdf(snapshot, tmp_path / "a.pdf", replace(OPEN, annex=True))
    text = " ".join("".join(page.extract_text() for page in PdfReader(report).pages).split())
    for words in ("3 slides; 2 patients.", "Patient PAT-77", "30.0 %", "21.2 to 40.0 %", "100 cells typed"):
        assert words in text.replace("\u00a0", " "), words
    assert "more fields to tell" in text
    data = embedded_data(report)
    jsonschema.validate(data, json.loads(resource("schemas/report-2.schema.json").read_text("utf-8")))
    assert data["content"]["places"]["patients"] == "2 patients"
    assert verify_report(report, snapshot) == []
    (finding,) = verify_report(report, with_patients(snapshot, "PAT-77", "PAT-88", "PAT-88"))
    assert "shares of slides or patients" in finding


def test_one_slide_without_a_patient_leaves_patients_unknown(snapshot):
    block = build_content(with_patients(snapshot, "PAT-77", "PAT-77", ""), OPEN).places
    assert block.patients == "patients unknown"
    assert [(row.level, row.patient) for row in block.rows] == [
        ("patient", "PAT-77"),
        ("slide", "PAT-77"),
        ("slide", "PAT-77"),
        ("slide", ""),
    ]


def test_a_case_without_patients_and_typed_cells_has_the_report_it_had(factory):
    assert build_content(factory.snapshot(4), OPEN).places is None


def test_tables_name_the_patient_of_each_field(snapshot, tmp_path):
    write_csv(snapshot, tmp_path / "t.csv")
    rows = rows_of(tmp_path / "t.csv")
    assert {row["slide"]: row["patient"] for row in rows} == {
        "Smear 1": "PAT-77",
        "Smear 2": "PAT-77",
        "Smear 3": "PAT-88",
    }
    data = json.loads(write_json(snapshot, tmp_path / "t.json").read_text("utf-8"))
    jsonschema.validate(data, json.loads(resource("schemas/fields-2.schema.json").read_text("utf-8")))
    assert {one["patient"] for one in data["fields"]} == {"PAT-77", "PAT-88"}
    book = openpyxl.load_workbook(write_xlsx(snapshot, tmp_path / "t.xlsx"))
    sheet = list(book["Slides and patients"].values)
    blast = dict(zip(sheet[0], next(row for row in sheet if row[5] == "Blast"), strict=True))
    assert (blast["level"], blast["name"], blast["number"], blast["of"]) == ("patient", "PAT-77", 30, 100)
    assert blast["low_95"] == pytest.approx(0.2124, abs=1e-4)


def test_shares_are_a_table_of_their_own(snapshot, factory, tmp_path):
    write_shares_csv(snapshot, tmp_path / "s.csv")
    rows = rows_of(tmp_path / "s.csv")
    blast = next(row for row in rows if row["class_or_type"] == "Blast" and row["name"] == "PAT-77")
    assert (blast["counted"], blast["number"], float(blast["share"])) == ("cells", "30", 0.3)
    with pytest.raises(StationError, match="no shares to write"):
        write_shares_csv(factory.snapshot(2), tmp_path / "none.csv")


def test_anonymised_outputs_bear_codes_that_only_the_case_leads_back_from(snapshot, tmp_path):
    anonymity = Anonymity(keep=frozenset({FreeText.NAMES}))
    named = replace(
        snapshot, slides=tuple(replace(one, name=f"{one.patient} smear") for one in snapshot.slides)
    )
    for target in (
        write_csv(named, tmp_path / "t.csv", anonymise=anonymity),
        write_json(named, tmp_path / "t.json", anonymise=anonymity),
        write_shares_csv(named, tmp_path / "s.csv", anonymise=anonymity),
    ):
        assert b"PAT-" not in target.read_bytes()
    rows = rows_of(tmp_path / "s.csv")
    names = Pseudonyms(snapshot.secret, anonymity.nonce)
    code = names.patient("PAT-77")
    assert rows[0]["patient"] == code
    assert traced_patient(snapshot.secret, names.case_id, code, ["PAT-88", "PAT-77", ""]) == "PAT-77"
    assert traced_patient(b"another", names.case_id, code, ["PAT-77"]) == ""
    assert Pseudonyms(snapshot.secret).patient("PAT-77") != code


def test_forms_about_one_patient_are_refused_for_several(snapshot):
    for options in (OPEN, ReportOptions()):
        for check in (fhir.check, dicom.check):
            with pytest.raises(StationError, match="of 2 patients"):
                check(build_content(snapshot, options))
    fhir.check(build_content(with_patients(snapshot, "PAT-77", "PAT-77", ""), OPEN))


@pytest.mark.parametrize(
    ("patients", "written"),
    [(("A", "B", "B"), {"A", "B"}), (("A", "", "A"), {"A", ""}), (("", "", ""), {"ALL-2026-0042"})],
)
def test_a_labelled_folder_has_the_patients_of_its_slides(factory, tmp_path, patients, written):
    made = with_patients(factory.snapshot(6, slides=3, reviewed=6), *patients)
    done = write_labelled(made, tmp_path / "out")
    for table in (done.table, done.lists):
        assert {row["patient"] for row in rows_of(table)} == written
