"""Tables as their readers see them: csv, json with its schema, openpyxl."""

from __future__ import annotations

import csv
import dataclasses
import gc
import io
import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import openpyxl
import pytest

from allstation.core.errors import StationError
from allstation.core.records import Review, Slide
from allstation.core.times import moment_of
from allstation.paths import resource
from allstation.report.content.build import build_content
from allstation.report.content.free_text import Anonymity
from allstation.report.content.options import ReportOptions
from allstation.report.tables.case_tables import safe_text, write_csv, write_json, write_xlsx
from allstation.report.tables.schema import columns, table_row
from allstation.report.tables.workbook import workbook_bytes
from tests.unit.report.factory import CLOCK

FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "  =1", "\uff1d1+1", "\r=1")


@pytest.fixture(scope="module")
def snapshot(factory):
    return factory.snapshot(40, slides=2, reviewed=9)


@pytest.fixture(scope="module")
def content(snapshot):
    return build_content(snapshot, ReportOptions(clock=CLOCK, anonymise=False))


def hostile(snapshot, text):
    field = dataclasses.replace(
        snapshot.fields[0],
        review=Review(field_id=1, reviewer=text, class_name="Pre", comment=text, at="2026-11-22T10:00:00Z"),
        path=Path("/x") / "f.jpg",
    )
    return dataclasses.replace(
        snapshot,
        slides=(Slide(id=1, name=text, folder=None), *snapshot.slides[1:]),
        fields=(field, *snapshot.fields[1:]),
    )


def test_csv_has_the_report_s_figures(snapshot, content, tmp_path):
    write_csv(snapshot, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    for row, field in zip(rows, content.fields, strict=True):
        assert row["sha256"] == field.sha256
        assert row["decision"] == field.decision
        assert row["final"] == field.final
        for name, value in field.probabilities:
            assert float(row[f"p_{name}"]) == value
        if field.decision:
            assert int(row["white_cells"]) == field.cells


def test_csv_with_a_byte_order_mark_and_semicolons(snapshot, tmp_path):
    write_csv(snapshot, tmp_path / "t.csv", bom=True, delimiter=";")
    data = (tmp_path / "t.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbfnumber;slide;")
    assert data.endswith(b"\r\n")


def whole_csv(content, *, bom=False, delimiter=","):
    """Write the table as a whole, from the report's content."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(column.title for column in columns(content))
    for row in content.fields:
        values = table_row(content, row)
        named = {None: "", True: "true", False: "false"}
        writer.writerow(
            safe_text(one) if isinstance(one, str) else repr(one) if type(one) in (int, float) else named[one]
            for one in values
        )
    return text.getvalue().encode("utf-8-sig" if bom else "utf-8")


def _options(anonymise):
    hidden = anonymise is not None
    return ReportOptions(clock=CLOCK, anonymise=hidden, anonymity=anonymise or Anonymity(), travels=True)


@pytest.mark.parametrize("anonymise", [None, Anonymity()])
@pytest.mark.parametrize("count", [0, 1, 499, 500, 501])
def test_tables_written_in_parts_are_the_bytes_of_tables_written_whole(factory, tmp_path, count, anonymise):
    case = factory.snapshot(count, slides=2, reviewed=count // 3)
    content = build_content(case, _options(anonymise))
    write_csv(case, tmp_path / "t.csv", anonymise=anonymise)
    assert (tmp_path / "t.csv").read_bytes() == whole_csv(content)
    write_csv(case, tmp_path / "b.csv", anonymise=anonymise, bom=True, delimiter=";")
    assert (tmp_path / "b.csv").read_bytes() == whole_csv(content, bom=True, delimiter=";")
    write_json(case, tmp_path / "t.json", anonymise=anonymise)
    text = (tmp_path / "t.json").read_text("utf-8")
    data = json.loads(text)
    assert text == json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    assert data["counts"]["final"] == {one.name: one.count for one in content.counts.shares}
    assert data["counts"]["decisions"] == {
        one.name: sum(row.decision == one.name for row in content.fields) for one in content.counts.shares
    }
    assert [one["sha256"] for one in data["fields"]] == [row.sha256 for row in content.fields]


class Made(Sequence):
    """Many fields, each made when it is asked for."""

    def __init__(self, fields, count):
        self._fields = fields
        self._count = count

    def __len__(self):
        return self._count

    def __getitem__(self, place):
        return dataclasses.replace(self._fields[place % len(self._fields)], id=place + 1)

    def __iter__(self):
        return (self[place] for place in range(self._count))


@pytest.mark.parametrize("write", [write_csv, write_json])
def test_memory_does_not_grow_with_the_fields_of_a_table(snapshot, tmp_path, write):
    peaks = []
    gc.enable()  # the encoder of JSON leaves cycles
    for count in (10, 300, 1500):
        case = dataclasses.replace(snapshot, fields=Made(snapshot.fields, count))
        tracemalloc.start()
        write(case, tmp_path / "t")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 1,200 rows kept would be more than 1 MB, their text half of one.
    assert peaks[2] - peaks[1] < 100_000


def test_memory_hardly_grows_with_the_cells_of_a_workbook(content):
    peaks = []
    for count in (10, 300, 1500):
        rows = tuple(content.fields[place % len(content.fields)] for place in range(count))
        tracemalloc.start()
        workbook_bytes(dataclasses.replace(content, fields=rows))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # The packed bytes themselves are a few hundred a field; cells in memory were 11 kB.
    assert (peaks[2] - peaks[1]) / 1200 < 1500


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_neutralised(snapshot, tmp_path, text):
    bad = hostile(snapshot, text)
    write_csv(bad, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    for key in ("slide", "reviewer", "comment"):
        assert row[key].startswith("'")
    write_xlsx(bad, tmp_path / "t.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx")["Fields"]
    assert {cell.data_type for line in sheet.iter_rows() for cell in line} <= {"s", "n", "b", "d"}
    assert sheet["B2"].quotePrefix


def test_the_time_of_a_review_is_a_date_of_the_workbook(snapshot, tmp_path):
    write_xlsx(snapshot, tmp_path / "t.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx")["Fields"]
    at = [cell.value for cell in sheet[1]].index("reviewed_at")
    found = [row[at].value for row in sheet.iter_rows(2) if row[at].value]
    (first, *_) = [field.review.at for field in snapshot.fields if field.review is not None]
    assert found[0] == moment_of(first).replace(tzinfo=None)
    assert len(found) == 9


def test_numbers_stay_numbers():
    assert safe_text("12.5") == "12.5"
    assert safe_text("Pro") == "Pro"


def test_json_fits_the_published_schema(snapshot, content, tmp_path):
    write_json(snapshot, tmp_path / "t.json")
    data = json.loads((tmp_path / "t.json").read_text("utf-8"))
    schema = json.loads(resource("schemas/fields-2.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(data, schema, cls=jsonschema.Draft202012Validator)
    assert data["counts"]["final"] == {one.name: one.count for one in content.counts.shares}
    assert data["fields"][0]["probabilities"] == dict(content.fields[0].probabilities)
    assert data["fields"][16]["error"]["code"] == "truncated-field"
    assert data["fields"][16]["probabilities"] is None
    assert data["models"][0]["sha256"] == snapshot.models[0].sha256


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.pop("research_use"),
        lambda data: data["fields"][0].__setitem__("status", "lost"),
        lambda data: data["fields"][0].__setitem__("sha256", "abc"),
        lambda data: data["counts"].__setitem__("extra", 1),
        lambda data: data.__setitem__("schema", 1),
    ],
)
def test_the_schema_refuses_what_it_should(snapshot, tmp_path, spoil):
    write_json(snapshot, tmp_path / "t.json")
    data = json.loads((tmp_path / "t.json").read_text("utf-8"))
    spoil(data)
    schema = json.loads(resource("schemas/fields-2.schema.json").read_text("utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema, cls=jsonschema.Draft202012Validator)


def test_an_empty_case_gives_tables_too(factory, tmp_path):
    empty = factory.snapshot(0)
    write_csv(empty, tmp_path / "t.csv")
    write_json(empty, tmp_path / "t.json")
    write_xlsx(empty, tmp_path / "t.xlsx")
    assert len((tmp_path / "t.csv").read_text("utf-8").splitlines()) == 1
    assert json.loads((tmp_path / "t.json").read_text("utf-8"))["fields"] == []


def test_xlsx_is_typed_frozen_and_filtered(snapshot, content, tmp_path):
    write_xlsx(snapshot, tmp_path / "t.xlsx")
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    sheet = book["Fields"]
    titles = [cell.value for cell in sheet[1]]
    assert sheet.freeze_panes == "D2"
    assert sheet.auto_filter.ref == f"A1:{sheet.cell(1, len(titles)).column_letter}41"
    for line, field in enumerate(content.fields, start=2):
        row = dict(zip(titles, [cell.value for cell in sheet[line]], strict=True))
        assert row["number"] == field.number
        assert row["sha256"] == field.sha256
        for name, value in field.probabilities:
            assert row[f"p_{name}"] == pytest.approx(value, abs=1e-15)
    probability = sheet.cell(2, titles.index("p_Pro") + 1)
    assert probability.number_format == "0.0%"
    assert isinstance(probability.value, float)
    summary = [[cell.value for cell in line] for line in book["Summary"].iter_rows(max_row=6)]
    for line, share in zip(summary[1:], content.counts.shares, strict=True):
        assert line[1:4] == [share.name, share.count, share.n]
        assert line[4:7] == [pytest.approx(share.share), pytest.approx(share.low), pytest.approx(share.high)]


def test_xlsx_with_thumbnails(factory, tmp_path):
    snapshot = factory.snapshot(4)
    gone = dataclasses.replace(snapshot.fields[3], path=tmp_path / "gone.jpg")
    write_xlsx(
        dataclasses.replace(snapshot, fields=(*snapshot.fields[:3], gone)),
        tmp_path / "t.xlsx",
        thumbnails=True,
    )
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx")["Fields"]
    assert len(sheet._images) == 3
    assert sheet["A5"].value == "file not found"


@pytest.mark.parametrize(
    "text", ["\x00\x01\x1b", "\ud800", "x" * 40_000, "a\nb", '"quoted, comma"', "\uffff"]
)
def test_any_text_can_be_written_and_read(snapshot, tmp_path, text):
    bad = hostile(snapshot, text)
    write_csv(bad, tmp_path / "t.csv")
    write_json(bad, tmp_path / "t.json")
    write_xlsx(bad, tmp_path / "t.xlsx")
    json.loads((tmp_path / "t.json").read_text("utf-8"))
    before = csv.field_size_limit(1_000_000)
    try:
        with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
            assert len(list(csv.reader(file))) == 41
    finally:
        csv.field_size_limit(before)
    assert openpyxl.load_workbook(tmp_path / "t.xlsx")["Fields"].max_row == 41


def test_a_table_that_cannot_be_written_leaves_the_old_one(snapshot, tmp_path):
    with pytest.raises(StationError) as refused:
        write_csv(snapshot, tmp_path / "no" / "t.csv")
    assert refused.value.code == "not-written"
    assert not list(tmp_path.iterdir())


def test_anonymised_tables_name_nobody_and_no_folder(snapshot, tmp_path):
    named = dataclasses.replace(
        snapshot.fields[0], path=snapshot.fields[0].path.with_name("Musterfrau PID-0042.jpg")
    )
    case = dataclasses.replace(snapshot, fields=(named, *snapshot.fields[1:]))
    write_csv(case, tmp_path / "t.csv", anonymise=Anonymity())
    write_json(case, tmp_path / "t.json", anonymise=Anonymity())
    write_xlsx(case, tmp_path / "t.xlsx", anonymise=Anonymity())
    sheets = openpyxl.load_workbook(tmp_path / "t.xlsx")
    cells = " ".join(str(cell.value) for sheet in sheets for row in sheet.iter_rows() for cell in row)
    for text in ((tmp_path / "t.csv").read_text(), (tmp_path / "t.json").read_text(), cells):
        assert "Musterfrau" not in text
        assert str(named.path.parent) not in text
        assert "field-0001.jpg" in text
