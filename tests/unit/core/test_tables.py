"""Tables in every dress that an office gives them."""

from __future__ import annotations

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allstation.core.errors import StationError
from allstation.core.tables import Table, file_key, guarded, number, parse_table, unguarded

COLUMNS = ("class", "file", "patient")
ROWS = [
    ("Benign", "Benign-001.jpg", "Pät 1"),
    ("Pro", "a, b; c.jpg", "Müller \u201equoted\u201d"),
    ("Pre", "Pre-003.jpg", ""),
]


def dressed(separator: str, *, end: str = "\r\n", head: str = "") -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator=end)
    writer.writerows([COLUMNS, *ROWS])
    return head + text.getvalue()


def cells(table: Table) -> list[tuple[str, ...]]:
    return [tuple(row[name] for name in COLUMNS) for row in table.rows]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize(
    ("codec", "mark"),
    [
        ("utf-8", b""),
        ("utf-8-sig", b""),
        ("cp1252", b""),
        ("utf-16", b""),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("utf-32", b""),
    ],
)
@pytest.mark.parametrize("stated", [False, True])
def test_a_table_reads_the_same_in_every_dress(
    separator: str, end: str, codec: str, mark: bytes, *, stated: bool
) -> None:
    text = dressed(separator, end=end, head=f"sep={separator}{end}" if stated else "")
    table = parse_table(mark + text.encode(codec), name="t.csv", expected=COLUMNS)
    assert table.columns == COLUMNS
    assert cells(table) == ROWS


def test_blank_lines_and_lines_of_separators_are_passed_over_and_lines_keep_their_numbers() -> None:
    text = "\r\n;;\r\nclass;file;patient;;\r\n\r\nPro;x.jpg;P1;;\r\n ; ;\r\nPre;y.jpg\r\n\r\n"
    table = parse_table(text.encode(), name="t.csv", expected=COLUMNS)
    assert cells(table) == [("Pro", "x.jpg", "P1"), ("Pre", "y.jpg", "")]
    assert [row.line for row in table.rows] == [5, 7]


def test_a_note_beside_a_row_changes_nothing() -> None:
    table = parse_table(b"class,file,patient\nPro,x.jpg,P1,a note, and more\n", name="t.csv")
    assert cells(table) == [("Pro", "x.jpg", "P1")]


def test_a_cell_may_hold_line_breaks_quotes_and_separators() -> None:
    text = 'class;file;patient\r\nPro;"a;""b"".jpg";"P\r\n1"\r\n'
    assert cells(parse_table(text.encode(), name="t.csv")) == [("Pro", 'a;"b".jpg', "P\r\n1")]


def test_columns_are_found_whatever_their_capitals_and_order() -> None:
    table = parse_table(b" File ;PATIENT;Class\nx.jpg;P1;Pro\n", name="t.csv", expected=COLUMNS)
    assert cells(table) == [("Pro", "x.jpg", "P1")]
    assert "FILE" in table
    assert "group" not in table


def test_the_needed_columns_settle_the_separator() -> None:
    table = parse_table(b"class;file;patient,or,case,id\nPro;x.jpg;P1\n", name="t.csv", expected=COLUMNS[:2])
    assert table.rows[0]["class"] == "Pro"


def test_a_missing_column_is_named_with_those_that_came() -> None:
    table = parse_table(b"klasse;datei\nPro;x.jpg\n", name="t.csv")
    with pytest.raises(StationError) as caught:
        table.require("class", "file", code="bad-groups", also="patient")
    assert caught.value.code == "bad-groups"
    for part in ("t.csv", "'class'", "klasse, datei", "class, file and optionally patient"):
        assert part in caught.value.sentence


def test_a_column_that_is_there_twice_is_refused() -> None:
    table = parse_table(b"class,file,File\nPro,x,y\n", name="t.csv")
    table.require("file", code="bad")
    table = parse_table(b"class,file,file\nPro,x,y\n", name="t.csv")
    with pytest.raises(StationError, match="more than once"):
        table.require("file", code="bad")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04rest", "workbook"),
        (b"\xd0\xcf\x11\xe0rest", "Excel 97"),
        (b"class,file\nPro,M\x81ller.jpg\n", "UTF-16"),
        (b"\xff\xfea\x00,", "UTF-16"),
        (b"class,file\nPro,a\0b\n", "UTF-16"),
        (b'class,file\nPro,"' + b"x" * 200_000 + b'"\n', "field larger"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(data: bytes, said: str) -> None:
    with pytest.raises(StationError, match=said) as caught:
        parse_table(data, name="t.csv")
    assert caught.value.code == "bad-table"
    assert "t.csv" in caught.value.sentence


def test_an_empty_file_has_no_columns() -> None:
    assert parse_table(b"", name="t.csv").columns == ()
    assert parse_table(b"\xef\xbb\xbf\r\n", name="t.csv").rows == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.83", 0.83), ("0,83", 0.83), ("1.234,5", 1234.5), ("1,234.5", 1234.5), ("-3,5", -3.5),
     ("\u22122", -2.0),
     ("1e-05", 1e-5), ("1,5e-3", 0.0015), ("1\u00a0234,5", 1234.5), ("\u0664\u0665", 45.0), ("7", 7.0)],
)  # fmt: skip
def test_numbers_are_read_with_point_and_comma(text: str, value: float) -> None:
    assert number(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "n/a", "1.2.3", "#DIV/0!", "--"])
def test_what_is_no_number_is_none(text: str) -> None:
    assert math.isnan(number(text))


@given(st.text())
def test_what_was_kept_from_computing_comes_back(text: str) -> None:
    assert unguarded(guarded(text)) == text or (text.startswith("'") and guarded(text) == text)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        table = parse_table(data, name="t.csv", expected=COLUMNS)
    except StationError:
        return
    assert all(isinstance(row["class"], str) for row in table.rows)


def test_a_file_is_known_by_its_name_however_its_path_is_spelled() -> None:
    assert file_key("Benign\\Mu\u0308ller.jpg") == file_key("x/M\u00fcller.jpg ") == "M\u00fcller.jpg"
