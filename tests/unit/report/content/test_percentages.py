"""Class percentages that mean nothing are printed nowhere as if they were some."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import re

import jsonschema
import numpy as np
import openpyxl
import pytest
from pypdf import PdfReader
from pypdf.generic import ContentStream

from allstation.core.classes import CLASS_NAMES, class_style
from allstation.core.decision import Decision, Reason
from allstation.paths import resource
from allstation.report.content import build as content_module
from allstation.report.content.build import build_content, content_json
from allstation.report.content.options import ReportOptions
from allstation.report.content.selection import certainty
from allstation.report.content.wording import probability
from allstation.report.exchange.annotate import annotated
from allstation.report.exchange.fhir import fhir_bundle
from allstation.report.exchange.outlines import outlines
from allstation.report.pdf import write_pdf
from allstation.report.tables.case_tables import write_csv, write_json, write_xlsx
from allstation.report.verification.verify import verify_report
from tests.unit.report.factory import CLOCK

INVALID = (Reason.UNLIKE_TRAINING, Reason.NO_WHITE_CELLS, Reason.UNREADABLE)
KEPT = (Reason.LOW_CONFIDENCE, Reason.BLURRED)
SHARES = (0.9454, 0.0313, 0.0171, 0.0062)
"""The first so unusual that it stands on a page only if these fields' percentages do."""


@pytest.fixture(scope="module")
def snapshot(factory):
    """Three fields whose percentages mean nothing, then two whose percentages stand, then others."""
    made = factory.snapshot(12)
    fields = list(made.fields)
    for place, reason in enumerate((*INVALID, *KEPT)):
        shares = (math.nan,) * 4 if reason is Reason.UNREADABLE else SHARES
        prediction = dataclasses.replace(
            fields[place].prediction,
            probabilities=dict(zip(CLASS_NAMES, shares, strict=True)),
            decision=Decision(None, (reason,)),
            novelty=math.nan if reason is Reason.UNREADABLE else 0.5,
        )
        fields[place] = dataclasses.replace(fields[place], prediction=prediction, review=None)
    return dataclasses.replace(made, fields=tuple(fields), reviews=())


@pytest.fixture(scope="module")
def content(snapshot):
    return build_content(snapshot, ReportOptions(clock=CLOCK, anonymise=False))


def test_a_row_says_whether_its_percentages_are_valid(content):
    assert [row.probabilities_valid for row in content.fields[:5]] == [False, False, False, True, True]
    assert [row.top for row in content.fields[:5]] == ["", "", "", "Benign", "Benign"]
    assert content.fields[0].no_percentages == "no percentages: unlike the training data"
    assert content.fields[3].no_percentages == ""
    assert [certainty(row) for row in content.fields[:4]] == [0, 0, 0, SHARES[0]]


@pytest.mark.parametrize("template", ["summary", "full", "contact"])
def test_no_page_prints_them_and_the_report_agrees_with_itself(snapshot, tmp_path, template):
    alone = dataclasses.replace(snapshot, fields=snapshot.fields[:3])
    path = tmp_path / "r.pdf"
    write_pdf(alone, path, ReportOptions(clock=CLOCK, template=template, anonymise=False))
    text = re.sub(r"\s+", "", "".join(page.extract_text() for page in PdfReader(path).pages))
    assert probability(SHARES[0]) not in text
    assert template == "contact" or "unlikethetrainingdata" in text
    assert verify_report(path, alone) == []


def test_the_pages_print_those_of_doubtful_fields_as_before(snapshot, tmp_path):
    alone = dataclasses.replace(snapshot, fields=snapshot.fields[3:5])
    write_pdf(alone, tmp_path / "r.pdf", ReportOptions(clock=CLOCK, anonymise=False, annex=True))
    text = "".join(page.extract_text() for page in PdfReader(tmp_path / "r.pdf").pages)
    assert all(probability(value) in text for value in SHARES)


def test_the_montage_says_why_and_draws_the_field_larger_without_evidence(snapshot, tmp_path):
    alone = dataclasses.replace(snapshot, fields=(snapshot.fields[0], snapshot.fields[3]))
    write_pdf(alone, tmp_path / "r.pdf", ReportOptions(clock=CLOCK, anonymise=False, annex=True))
    text = " ".join("".join(page.extract_text() for page in PdfReader(tmp_path / "r.pdf").pages).split())
    assert "unlike the training data" in text
    assert "No picture" not in text
    assert text.count("Evidence for") == 1
    widths = [width for page in PdfReader(tmp_path / "r.pdf").pages for width in widths_of_pictures(page)]
    field, doubtful, evidence = widths[-3:]
    assert field > doubtful == evidence


def widths_of_pictures(page):
    """Return the width in points of each picture on a page, in the order in which they are drawn."""
    scale, widths = 0.0, []
    for operands, operator in ContentStream(page.get_contents(), page.pdf).operations:
        if operator == b"cm":
            scale = float(operands[0])
        elif operator == b"Do":
            widths.append(round(scale, 1))
    return widths


def test_tables_keep_the_columns_with_a_flag(snapshot, content, tmp_path):
    write_csv(snapshot, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["probabilities_valid"] for row in rows[:5]] == ["false", "false", "false", "true", "true"]
    assert [row["p_Benign"] for row in rows[:4]] == ["0.9454", "0.9454", "", "0.9454"]
    assert rows[2]["novelty"] == ""
    write_xlsx(snapshot, tmp_path / "t.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx")["Fields"]
    at = [cell.value for cell in sheet[1]].index("probabilities_valid")
    assert [row[at].value for row in sheet.iter_rows(2, 6)] == [False, False, False, True, True]


def test_the_flag_of_a_field_without_a_prediction_is_empty(factory, tmp_path):
    write_csv(factory.snapshot(17), tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file))[16]["probabilities_valid"] == ""


def test_json_and_embedded_data_carry_the_flag_and_no_number_that_is_none(snapshot, content, tmp_path):
    write_json(snapshot, tmp_path / "t.json")
    data = json.loads((tmp_path / "t.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert [field["probabilities_valid"] for field in data["fields"][:5]] == [False] * 3 + [True] * 2
    assert set(data["fields"][2]["probabilities"].values()) == {None}
    for name, made in (("fields", data), ("report", content_json(content))):
        schema = json.loads(resource(f"schemas/{name}-2.schema.json").read_text("utf-8"))
        jsonschema.validate(made, schema, cls=jsonschema.Draft202012Validator)


def test_fhir_says_the_reason_in_their_place(snapshot, tmp_path):
    options = ReportOptions(clock=CLOCK, anonymise=False)
    few = dataclasses.replace(snapshot, fields=snapshot.fields[:4])
    path = write_pdf(few, tmp_path / "r.pdf", options)
    made = fhir_bundle(few, options, pdf=path.read_bytes())
    notes = {
        one["resource"]["content"]["title"].split(",")[0]: one["resource"]["note"][0]["text"]
        for one in made["entry"]
        if one["resource"]["resourceType"] == "Media"
    }
    assert "no percentages: unlike the training data" in notes["Field 1"]
    assert "no percentages: unreadable output" in notes["Field 3"]
    assert not any("0.945" in notes[f"Field {number}"] for number in (1, 2, 3))
    assert "Benign 0.945" in notes["Field 4"]


def test_outlines_carry_the_flag(snapshot):
    made = [outlines(field, None)["properties"] for field in (*snapshot.fields[:1], *snapshot.fields[2:4])]
    assert json.dumps(made, allow_nan=False)
    assert [one["probabilities_valid"] for one in made] == [False, False, True]
    assert made[1]["probabilities"] is None


def test_an_annotated_field_has_no_bar_in_the_colour_of_a_class(snapshot, content):
    bands = [annotated(snapshot.fields[place], content.fields[place], width=512)[-80:] for place in (0, 2, 3)]
    colour = np.array([int(class_style("Benign").colour[at : at + 2], 16) for at in (1, 3, 5)])
    found = [int((np.abs(band.astype(int) - colour).max(axis=2) <= 2).sum()) for band in bands]
    assert found[:2] == [0, 0]
    assert found[2] > 100


def test_a_report_of_the_first_version_still_verifies(snapshot, tmp_path, monkeypatch):
    """It printed the percentages of every field, and its data know no flag."""
    real = dataclasses.asdict

    def earlier(value):
        made = real(value)
        for row in made.get("fields", ()):
            del row["probabilities_valid"]
        return made

    sound = dataclasses.replace(snapshot, fields=snapshot.fields[3:])
    with monkeypatch.context() as patch:
        patch.setattr(content_module, "SCHEMA", 1)
        patch.setattr(content_module, "asdict", earlier)
        path = write_pdf(sound, tmp_path / "r.pdf", ReportOptions(clock=CLOCK, anonymise=False))
    assert verify_report(path, sound) == []
