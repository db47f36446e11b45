"""Differential counts in the report: figures on the page, in the data, and checked against the case."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest
from pypdf import PdfReader

from allstation.core.cell_types import CellExample, CellSummary
from allstation.paths import resource
from allstation.report.content.build import build_content, content_json
from allstation.report.content.options import ReportOptions
from allstation.report.pdf import write_pdf
from allstation.report.verification.verify import embedded_data, verify_report

PAIRS = {("Ada", "Bob"): {("blast", "blast"): 30, ("lymphocyte", "lymphocyte"): 50, ("blast", "monocyte"): 9}}


@pytest.fixture(scope="module")
def snapshot(factory):
    made = factory.snapshot(6, reviewed=2)
    fields = [one.id for one in made.fields if one.prediction is not None]
    examples = tuple(
        CellExample(field_id=fields[at % 3], number=at + 1, type=kind, box=(40 * at, 30, 60, 50))
        for at, kind in enumerate(["lymphocyte", "blast", "blast"])
    )
    summary = CellSummary(
        total=260,
        by_reader={
            "Ada": {"blast": 40, "lymphocyte": 80, "nucleated-red-cell": 6, "artefact": 2},
            "Bob": {"blast": 70, "lymphocyte": 50, "monocyte": 9},
        },
        proposed={"blast": 11},
        pairs=PAIRS,
        examples=examples,
    )
    return replace(made, cells=summary)


@pytest.fixture(scope="module")
def report(snapshot, tmp_path_factory):
    options = ReportOptions(anonymise=False, annex=True)
    return write_pdf(snapshot, tmp_path_factory.mktemp("reports") / "a.pdf", options)


def test_page_shows_counts_intervals_and_comparison(report):
    text = "".join(page.extract_text() for page in PdfReader(report).pages).replace("\n", " ")
    for words in (
        "Differential count",
        "Ada: 120 white cells",
        "33.3",
        "25.0 to 42.5",
        "Nucleated red cell",
        "5.0",
        "2 cells of types that are not counted",
        "Bob compared with Ada",
        "outside",
        "89 cells named by both, 80 alike; kappa 0.81",
        "Cells by type",
        "No share is a diagnosis",
    ):
        assert words in text, words


def test_data_fit_the_published_schema_and_hold(snapshot, report):
    data = embedded_data(report)
    schema = json.loads(resource("schemas/report-2.schema.json").read_text("utf-8"))
    jsonschema.validate(data, schema, cls=jsonschema.Draft202012Validator)
    counts = data["content"]["cells"]["counts"]
    assert [(one["reader"], one["n"]) for one in counts] == [("Ada", 120), ("Bob", 129)]
    assert [one["type"] for one in data["content"]["cells"]["examples"]] == ["Blast", "Blast", "Lymphocyte"]
    assert verify_report(report, snapshot) == []


def test_readers_of_an_anonymised_report_are_numbered(snapshot, tmp_path):
    content = embedded_data(write_pdf(snapshot, tmp_path / "d.pdf", ReportOptions()))["content"]
    (one, other) = (count["reader"] for count in content["cells"]["counts"])
    assert (one, other) == ("reviewer 2", "reviewer 3")
    (compared,) = content["cells"]["comparisons"]
    assert (compared["first"], compared["second"], compared["common"]) == (one, other, 89)
    assert not {"Ada", "Bob"} & set(json.dumps(content).replace('"', " ").split())


def test_changed_types_are_named_by_the_check(snapshot, report):
    other = replace(snapshot.cells, by_reader={"Ada": {"blast": 41}})
    [finding] = verify_report(report, replace(snapshot, cells=other))
    assert finding == "The differential counts of the case differ from the report's."


def test_proposals_are_counted_on_request_and_named(snapshot, tmp_path):
    path = write_pdf(snapshot, tmp_path / "b.pdf", ReportOptions(count_proposals=True, anonymise=False))
    text = "".join(page.extract_text() for page in PdfReader(path).pages).replace("\n", " ")
    assert "Ada: 131 white cells" in text
    assert "11 white cells of them by the type that was proposed" in text
    assert verify_report(path, snapshot) == []


def test_case_without_types_has_no_such_page_nor_data(factory, tmp_path):
    plain = factory.snapshot(3)
    content = build_content(plain)
    assert content.cells is None
    assert "cells" not in content_json(content)["content"]
    path = write_pdf(plain, tmp_path / "c.pdf")
    assert "Differential" not in "".join(page.extract_text() for page in PdfReader(path).pages)
    assert verify_report(path, plain) == []
