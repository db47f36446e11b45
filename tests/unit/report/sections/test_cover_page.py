"""Page one as a doctor reads it, the annex that is printed on request, and that both can be checked."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from pypdf import PdfReader

from allstation.core.cell_types import CellSummary
from allstation.report.content.build import build_content
from allstation.report.content.options import ReportOptions
from allstation.report.content.selection import page_one_fields
from allstation.report.drawing import barcode
from allstation.report.pdf import render_pdf
from allstation.report.verification.verify import content_findings, embedded_in
from tests.unit.report.factory import CLOCK
from tests.unit.report.verification.test_verify import rewritten_bytes

UUID = "15e08d1a-82e1-4021-b2b0-1a228c002c9c"
COUNTED = CellSummary(
    total=141,
    by_reader={
        "Ada": {"blast": 40, "lymphocyte": 80, "monocyte": 6, "eosinophil": 3},
        "Bob": {"blast": 9, "lymphocyte": 3},
    },
)
SIGNED = ReportOptions(
    clock=CLOCK, anonymise=False, status="final", reviewer="Dr. B. Reviewer",
    comment="A second smear was asked for.",
    conclusion="Lymphoblasts of 43 %.\nFlow cytometry was asked for.",
)  # fmt: skip


def made(snapshot, options):
    return render_pdf(snapshot, build_content(snapshot, options), options)


def texts(pdf):
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages]


def pictures(pdf):
    """Return width (mm) and pixels of each picture of page one, as PDFium reads them."""
    document = pypdfium2.PdfDocument(pdf)
    found = []
    for one in document[0].get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE]):
        left, _, right, _ = one.get_bounds()
        bitmap = one.get_bitmap(render=False)
        pixels = np.array(bitmap.to_numpy()[:, :, :3])
        bitmap.close()
        found.append(((right - left) * 25.4 / 72, pixels))
    document.close()
    return found


@pytest.fixture(scope="module")
def case(factory):
    return factory.snapshot(40, slides=4, reviewed=38, case_id=UUID, cells=COUNTED)


@pytest.fixture(scope="module")
def report(case):
    return made(case, SIGNED)


@pytest.fixture(scope="module")
def few(factory):
    return factory.snapshot(5, reviewed=4, case_id=UUID, cells=COUNTED)


@pytest.fixture(scope="module")
def short(few):
    return made(few, replace(SIGNED, montage=False))


def test_forty_fields_take_at_most_four_pages_and_the_signature_is_on_the_first(report):
    pages = texts(report)
    assert len(pages) <= 4
    assert "Sign-off" in pages[0]
    assert "Signature" in pages[0]
    assert not any("Sign-off" in page for page in pages[1:])


def test_page_one_says_what_a_doctor_reads_in_this_order(report):
    words = (
        "Case Musterfrau, Maria", UUID, "Request id R-2026-1187", "Collected 2026-11-21",
        "Received 2026-11-22", "Conclusion Lymphoblasts of 43 %. Flow cytometry was asked for.",
        "Key figures", "38 of 40 fields read",
        "By Dr. B. Reviewer: confirmed 6 of 38 fields", "Differential count: Ada, 129 white cells",
        "Blast 40 31.0", "Comments: A second smear was asked for.", "Sign-off",
    )  # fmt: skip
    page = texts(report)[0].replace("\u00a0", " ")
    places = [page.find(one) for one in words]
    assert -1 not in places, dict(zip(words, places, strict=True))
    assert all(first < second for first, second in pairwise(places))


def test_page_one_names_the_pages_on_which_the_rest_stands(factory):
    snapshot = factory.snapshot(8, slides=8, case_id=UUID, cells=COUNTED)
    first, second, *_ = texts(made(snapshot, ReportOptions(clock=CLOCK, anonymise=False, montage=False)))
    first = first.replace("\u00a0", " ")
    assert "2 more slides on the next pages." in first
    assert "1 more reader on the next pages." in first
    assert "in the full report" not in first, "it is the full report"
    assert "Smear 8" in second
    assert "Bob" in second


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_six_pictures_are_wide_enough_and_show_the_field_alone(case, paper):
    found = pictures(made(case, replace(SIGNED, page_size=paper, template="summary")))
    assert len(found) == 6
    content = build_content(case, SIGNED)
    for (width, pixels), number in zip(found, page_one_fields(content.fields), strict=True):
        assert 55 <= width < 57
        field = cv2.imread(str(case.fields[number - 1].path))
        top = (field.shape[0] - pixels.shape[0]) // 2
        clean = field[top : top + pixels.shape[0]].astype(int)
        assert np.abs(clean - pixels).mean() < 3


def test_all_classes_and_what_to_look_at_first_have_a_picture(case):
    rows = build_content(case, SIGNED).fields
    shown = [rows[number - 1] for number in page_one_fields(rows)]
    assert {row.final for row in shown} >= {"Early", "Pre", "Pro", "needs review"}
    assert shown[3].final == "needs review"


def test_the_annex_is_printed_on_request_and_the_data_are_whole_without(few, short):
    full = made(few, replace(SIGNED, montage=False, annex=True))
    digest = few.fields[0].sha256
    assert [any(digest in page for page in texts(one)) for one in (short, full)] == [False, True]
    without, whole = (embedded_in(Path("r.pdf"), one)["content"] for one in (short, full))
    assert (without.pop("annex"), whole.pop("annex")) == (False, True)
    assert without == whole
    assert content_findings(Path("r.pdf"), short, few) == []
    assert content_findings(Path("r.pdf"), full, few) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content["fields"][0].__setitem__("final", "Pro"), "otherwise than their own fields"),
        (lambda content: content["confirmations"][0].__setitem__("confirmed", 4), "what Dr. B. Reviewer"),
        (lambda content: content["cells"]["counts"][0]["white"][0].__setitem__("count", 41), "count of"),
        (lambda content: content.__setitem__("annex", True), "hash is not on the pages"),
    ],
)
def test_changed_data_are_found_without_an_annex(short, change, said):
    changed = rewritten_bytes(short, lambda data: change(data["content"]))
    findings = content_findings(Path("r.pdf"), changed)
    assert any(said in one for one in findings), findings


def test_a_reader_whose_name_runs_from_right_to_left_confirms_the_same_figures(factory):
    case = factory.snapshot(6, reviewed=6, name="محمد علی")
    named = [replace(one, review=replace(one.review, reviewer="د. ليلى حسن")) for one in case.fields]
    options = replace(SIGNED, conclusion="لا توجد خلايا", reviewer="د. ليلى حسن", montage=False)
    pdf = made(replace(case, fields=tuple(named)), options)
    assert content_findings(Path("r.pdf"), pdf) == []
    assert "confirmed 1 of 6 fields" in texts(pdf)[0]


def test_who_confirmed_which_share_is_counted_before_times_are_withheld(factory):
    case = factory.snapshot(6, reviewed=6)
    times = [f"2026-11-22T15:20:{second:02d}Z" for second in (0, 3, 3, 9, 12, 15)]
    fields = [
        replace(one, review=replace(one.review, at=at)) for one, at in zip(case.fields, times, strict=True)
    ]
    options = ReportOptions(clock=CLOCK)
    (one,) = build_content(replace(case, fields=tuple(fields)), options).confirmations
    assert (one.reviewer, one.fields, one.reviewed, one.same_second) == ("reviewer 1", 6, 6, 1)


def test_an_anonymised_report_has_neither_barcode_nor_name(few, short):
    conclusion = "Blasts of Maria Musterfrau, R-2026-1187"
    options = replace(SIGNED, anonymise=True, conclusion=conclusion, montage=False)
    pdf = made(few, options)
    assert b"Barcode" in short
    assert b"Barcode" not in pdf
    data = json.dumps(embedded_in(Path("r.pdf"), pdf))
    for name in ("Musterfrau", "R-2026-1187", UUID, *COUNTED.by_reader):
        assert name not in data
        assert not any(name in page for page in texts(pdf))
    assert build_content(few, replace(options, travels=True)).conclusion == "withheld"


def test_a_barcode_is_code_128():
    """ISO/IEC 15417: start B, A (33), check (104 + 33) mod 103 = 34, stop, as bars and gaps in modules."""
    width, bars = barcode.bars("A", 200)
    ends = [at for left, wide in bars for at in (left, left + wide)]
    module = width / (3 * 11 + 13)
    modules = [round((second - first) / module) for first, second in pairwise(ends)]
    assert modules == [int(one) for one in "2112141113231311232331112"]


@pytest.mark.parametrize("text", ["", "שלום", "A\nB", "A" * 60])
def test_what_no_scanner_reads_gets_no_barcode(text):
    assert barcode.bars(text, 170) == (0.0, ())
