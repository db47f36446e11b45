"""A report that was changed, or whose case was, is found out."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import jsonschema
import pytest
from pypdf import PdfReader, PdfWriter

from allstation.core.errors import StationError
from allstation.core.records import Review
from allstation.paths import resource
from allstation.report.content.build import build_content, content_json
from allstation.report.content.options import ReportOptions
from allstation.report.pdf import write_pdf
from allstation.report.verification.verify import embedded_in, verify_report
from tests.unit.report.factory import CLOCK


@pytest.fixture(scope="module")
def report(factory, tmp_path_factory):
    snapshot = factory.snapshot(12, slides=2, reviewed=6)
    path = tmp_path_factory.mktemp("verify") / "r.pdf"
    write_pdf(snapshot, path, ReportOptions(clock=CLOCK, montage=False, annex=True))
    return snapshot, path


@pytest.mark.parametrize("template", ["summary", "full", "contact"])
@pytest.mark.parametrize("anonymise", [True, False])
def test_an_untouched_report_agrees_with_its_case(factory, tmp_path, template, anonymise):
    snapshot = factory.snapshot(12, slides=2, reviewed=5)
    options = ReportOptions(clock=CLOCK, template=template, anonymise=anonymise, annex=anonymise)
    path = write_pdf(snapshot, tmp_path / "r.pdf", options)
    assert verify_report(path) == []
    assert verify_report(path, snapshot) == []


def rewritten(path, target, change):
    """Write the report again with changed embedded data."""
    target.write_bytes(rewritten_bytes(path.read_bytes(), change))
    return target


def rewritten_bytes(report, change):
    """Return a report with changed embedded data."""
    data = embedded_in(Path("r.pdf"), report)
    change(data)
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(report)))
    names = writer.root_object["/Names"]["/EmbeddedFiles"]["/Names"]
    stream = names[1].get_object()["/EF"]["/F"].get_object()
    stream.set_data(json.dumps(data).encode())
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def set_first_field(key, value):
    def change(data):
        data["content"]["fields"][0][key] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_first_field("decision", "Pro!"), "Field 1"),
        (set_first_field("sha256", "0" * 64), "hash is not on the pages"),
        (set_first_field("cells", 9999), "Field 1"),
        (lambda data: data["content"]["fields"][0]["probabilities"][0].__setitem__(1, 0.123), "Field 1"),
        (lambda data: data["content"]["counts"]["shares"][1].__setitem__("count", 29), "do not show Early"),
        (lambda data: data["content"].__setitem__("case_id", "OTHER-1"), "does not carry the case id"),
        (lambda data: data.__setitem__("sha256", "0" * 64), "checksum"),
    ],
)
def test_changed_data_are_found(report, tmp_path, change, said):
    findings = verify_report(rewritten(report[1], tmp_path / "c.pdf", change))
    assert any(said in finding for finding in findings), findings


@pytest.fixture(scope="module")
def amended(factory, tmp_path_factory):
    """An amended report: decisions, case data, a field that went, long and right-to-left texts."""
    details = {
        "stain": "May-Grünwald-Giemsa, pH 6.8, the batch of the third week",
        "ward": "5",
        "camera": "א 5",
    }
    before = factory.snapshot(40, slides=2, details={**details, "ward": "4", "stain": "Giemsa"})
    was = content_json(build_content(before, ReportOptions(clock=CLOCK, anonymise=False)))
    now = factory.snapshot(39, slides=2, reviewed=39, details=details)
    options = ReportOptions(
        clock=CLOCK, status="amended", reason="second opinion", reviewer="Dr. B", previous=was,
        anonymise=False, montage=False, comment="A comment " * 20,
    )  # fmt: skip
    path = write_pdf(now, tmp_path_factory.mktemp("amended") / "r.pdf", options)
    return path, build_content(now, options).amendments


def test_the_list_of_amendments_is_checked(amended):
    path, found = amended
    assert len(found) > 5
    assert verify_report(path) == []


@pytest.mark.parametrize("key", ["what", "before", "now"])
@pytest.mark.parametrize("place", [0, 3, -1])
def test_a_changed_amendment_is_found(amended, tmp_path, key, place):
    def change(data):
        data["content"]["amendments"][place][key] = "Xy"

    findings = verify_report(rewritten(amended[0], tmp_path / "c.pdf", change))
    assert sum("is not listed on the pages" in one for one in findings) == 1, findings


def test_an_amendment_that_is_kept_from_the_data_is_found(amended, tmp_path):
    path = rewritten(amended[0], tmp_path / "c.pdf", lambda data: data["content"]["amendments"].pop(1))
    assert any("changes since the earlier report" in one for one in verify_report(path))


def test_a_missing_page_is_found(report, tmp_path):
    writer = PdfWriter(clone_from=PdfReader(report[1]))
    writer.remove_page(1)
    writer.write(tmp_path / "c.pdf")
    assert any("not numbered" in finding for finding in verify_report(tmp_path / "c.pdf"))


def test_a_later_review_is_found(report):
    snapshot, path = report
    field = next(one for one in snapshot.fields if one.prediction and not one.review)
    review = Review(
        field_id=field.id, reviewer="Dr. C", class_name="Pro", comment="", at="2026-11-24T08:00:00Z"
    )
    fields = tuple(
        dataclasses.replace(one, review=review) if one.id == field.id else one for one in snapshot.fields
    )
    findings = verify_report(path, dataclasses.replace(snapshot, fields=fields))
    assert any(f"Field {field.id}" in one and "reviewed is 'Pro' in the case" in one for one in findings)


def test_fields_that_came_or_went_are_found(report, factory):
    snapshot, path = report
    fewer = dataclasses.replace(snapshot, fields=snapshot.fields[:-1])
    assert any("in the report and not in the case" in one for one in verify_report(path, fewer))
    more = factory.snapshot(13, slides=2, reviewed=6)
    assert any("in the case and not in the report" in one for one in verify_report(path, more))


def test_another_case_is_found(report, factory, tmp_path):
    snapshot, path = report
    other = factory.snapshot(12, seed=9, case_id="ALL-9")
    findings = verify_report(path, dataclasses.replace(other, secret=b"another"))
    assert findings == [
        "The case has another case id than the report.",
        "Fields cannot be compared: the report's codes were made with the secret of another case.",
    ]
    named = write_pdf(
        snapshot, tmp_path / "r.pdf", ReportOptions(clock=CLOCK, montage=False, anonymise=False)
    )
    findings = verify_report(named, other)
    assert any("another case id" in one for one in findings)
    assert any("other probabilities" in one for one in findings)


def test_what_is_no_report_is_refused(tmp_path, caplog):
    for name, data in (("a.pdf", b"no pdf"), ("b.pdf", b""), ("c.pdf", b"%PDF-1.4\n%%EOF")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(StationError) as refused:
            verify_report(tmp_path / name)
        assert refused.value.code == "not-a-report"
    assert caplog.messages == []
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(tmp_path / "d.pdf")
    with pytest.raises(StationError, match="holds no data"):
        verify_report(tmp_path / "d.pdf")
    with pytest.raises(StationError, match="No such file"):
        verify_report(tmp_path / "missing.pdf")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.pop("sha256"),
        lambda data: data["content"].pop("counts"),
        lambda data: data["content"].pop("status"),
    ],
)
def test_data_with_parts_missing_are_refused_with_a_sentence(report, tmp_path, change):
    with pytest.raises(StationError, match="parts missing"):
        verify_report(rewritten(report[1], tmp_path / "c.pdf", change))


@pytest.mark.parametrize("template", ["summary", "full", "contact"])
def test_the_embedded_data_fit_the_published_schema(factory, template):
    schema = json.loads(resource("schemas/report-2.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(schema)
    for n in (0, 1, 20):
        snapshot = factory.snapshot(n, reviewed=4)
        data = content_json(build_content(snapshot, ReportOptions(clock=CLOCK, template=template)))
        checker.validate(data)
    data["content"]["status"] = "signed"
    assert not checker.is_valid(data)
