"""Tables as an office saves them, on the command line: read everywhere, written for Excel, read back."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import openpyxl
import pytest

from allstation.__main__ import main
from allstation.commands import evaluate
from allstation.core.classes import CLASS_NAMES
from allstation.core.tables import number, parse_table
from allstation.imaging.synthetic import draw_field, write_demo
from training.data.labelled_folder import read_labelled

ROOT = Path(__file__).parent.parent.parent
DRESSES = {
    "semicolon with mark": (";", "\r\n", "utf-8-sig", ""),
    "semicolon in Windows-1252": (";", "\r\n", "cp1252", ""),
    "tab in UTF-16": ("\t", "\r\n", "utf-16", ""),
    "comma behind sep=": (",", "\r\n", "utf-8", "sep=,\r\n"),
    "semicolon behind sep= with mark": (";", "\r\n", "utf-8-sig", "sep=;\r\n"),
    "blank lines": (";", "\r\n\r\n", "utf-8", ";;\r\n"),
    "old Macintosh": (";", "\r", "cp1252", ""),
}


def dressed(rows: list[tuple[str, ...]], dress: str) -> bytes:
    separator, end, codec, head = DRESSES[dress]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    return (head + text.getvalue()).encode(codec)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six drawn fields a class, named as in the tables of an office."""
    root = tmp_path_factory.mktemp("office") / "lab"
    for name in CLASS_NAMES:
        (root / name).mkdir(parents=True)
        for index in range(6):
            rgb = draw_field(name, index, size=(168, 224))
            cv2.imwrite(str(root / name / f"{name}-{index + 1:03d}.jpg"), rgb[..., ::-1])
    return root


def training(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "training", *words],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def evaluated(lab: Path, table: Path, tmp_path: Path) -> dict:
    target = tmp_path / f"{table.stem}.json"
    assert main(["evaluate", str(lab), "--groups", str(table), "--json", str(target)]) == 0
    return json.loads(target.read_text("utf-8"))


@pytest.mark.parametrize("dress", DRESSES)
def test_evaluate_reads_patients_in_every_dress(dress: str, lab: Path, tmp_path: Path, capsys) -> None:
    table = tmp_path / "patients.csv"
    paths = sorted(lab.rglob("*.jpg"))
    rows = [(path.parent.name, path.name, f"Pät{place % 3}") for place, path in enumerate(paths)]
    table.write_bytes(dressed([("class", "file", "patient"), *rows], dress))
    found = evaluate.read_labelled(lab, CLASS_NAMES, table)
    assert found.groups == [f"Pät{place % 3}" for place in range(24)]
    assert found.by_patient
    assert not capsys.readouterr().err


@pytest.mark.parametrize("dress", DRESSES)
def test_a_labelled_table_is_read_in_every_dress(dress: str, lab: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    shutil.copytree(lab, tmp_path / "lab")
    slash = "\\" if "semicolon" in dress else "/"
    rows = [
        (f"lab{slash}{path.parent.name}{slash}{path.name}", path.parent.name, f"Pät{place % 3}")
        for place, path in enumerate(sorted(lab.rglob("*.jpg")))
    ]
    table.write_bytes(dressed([("path", "class", "patient"), *rows], dress))
    found = read_labelled(table)
    assert found.counts() == dict.fromkeys(CLASS_NAMES, 6)
    assert {field.patient for field in found.fields} == {"Pät0", "Pät1", "Pät2"}


@pytest.mark.parametrize("name", ["g-extra.csv", "g-semi-bom.csv", "g-sep.csv"])
def test_the_group_tables_of_an_office_are_read(
    name: str, real_data: Path, lab: Path, tmp_path: Path, capsys
) -> None:
    table = real_data / "odd-files" / "csv" / name
    if not table.is_file():
        pytest.skip("the odd files are not here")
    listed = parse_table(table.read_bytes(), name=name)
    expected = len({(row["class"], row["field_group"]) for row in listed.rows})
    assert evaluated(lab, table, tmp_path)["groups"] == expected
    assert "note" not in capsys.readouterr().err


def test_check_reads_the_labelled_tables_of_an_office(real_data: Path, lab: Path, tmp_path: Path) -> None:
    source, target = real_data / "odd-files" / "csv", tmp_path / "check.json"
    if not source.is_dir():
        pytest.skip("the odd files are not here")
    shutil.copytree(lab, tmp_path / "lab")
    shutil.copytree(source, tmp_path / "csv")
    patients = [
        [field.patient for field in read_labelled(tmp_path / "csv" / f"semicolon-{name}.csv").fields]
        for name in ("bom", "cp1252")
    ]
    assert patients[0] == patients[1]
    done = training("check", str(tmp_path / "csv" / "semicolon-cp1252.csv"), "--json", str(target))
    assert done.returncode == 0, done.stderr
    found = json.loads(target.read_text("utf-8"))
    assert found["classes"] == dict.fromkeys(CLASS_NAMES, 6)
    assert found["patients"] == "3 patients"


def test_a_groups_table_without_its_columns_says_what_came_and_what_was_expected(
    lab: Path, tmp_path: Path, capsys
) -> None:
    table = tmp_path / "g.csv"
    table.write_text("klasse;datei;gruppe\nPro;Pro-001.jpg;a\n", "utf-8")
    assert main(["evaluate", str(lab), "--groups", str(table)]) == 2
    said = capsys.readouterr().err
    assert "g.csv has no column 'class'. It has: klasse, datei, gruppe; expected" in said
    assert "class, file" in said


@pytest.mark.parametrize("column", ["patient", "field_group"])
def test_a_table_that_gives_one_field_two_values_is_refused(
    column: str, lab: Path, tmp_path: Path, capsys
) -> None:
    table = tmp_path / "g.csv"
    rows = ["Pro;Pro-001.jpg;a", "Pro;Pro-002.jpg;b", "Pro;Pro-001.jpg;a"]
    table.write_text("\n".join([f"class;file;{column}", *rows]), "utf-8")
    assert main(["evaluate", str(lab), "--groups", str(table)]) == 0
    capsys.readouterr()
    table.write_text("\n".join([f"class;file;{column}", *rows, "Pro;Pro-001.jpg;c"]), "utf-8")
    assert main(["evaluate", str(lab), "--groups", str(table)]) == 2
    assert f"gives Pro Pro-001.jpg two values of {column}: 'a' and 'c'" in capsys.readouterr().err


def test_a_table_of_another_folder_is_refused_and_one_of_half_the_fields_is_counted(
    lab: Path, tmp_path: Path, capsys
) -> None:
    table = tmp_path / "g.csv"
    table.write_text("class,file,field_group\nPro,other.jpg,a\n", "utf-8")
    assert main(["evaluate", str(lab), "--groups", str(table)]) == 2
    assert "names none of the 24 fields" in capsys.readouterr().err
    table.write_text("class,file,field_group\nPro,Pro-001.jpg,a\nPro,Pro-002.jpg,a\n", "utf-8")
    assert evaluated(lab, table, tmp_path)["groups"] == 23
    assert "names 2 of 24 fields" in capsys.readouterr().err


@pytest.mark.parametrize("mark", [False, True])
@pytest.mark.parametrize("decimal", ["point", "comma"])
@pytest.mark.parametrize(("separator", "sign"), [("comma", ","), ("semicolon", ";"), ("tab", "\t")])
def test_what_classify_writes_for_an_office_is_read_back_the_same(
    separator: str, sign: str, decimal: str, tmp_path: Path, *, mark: bool
) -> None:
    write_demo(tmp_path / "in", fields=2, seed=4)
    out, book = tmp_path / "t.csv", tmp_path / "t.xlsx"
    words = ["--separator", separator, "--decimal", decimal, *(["--bom"] if mark else [])]
    assert main(["classify", str(tmp_path / "in"), "--csv", str(out), "--xlsx", str(book), *words]) == 0
    data = out.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") is mark
    ours = parse_table(data, name="t.csv")
    theirs = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=sign))
    sheet = openpyxl.load_workbook(book).worksheets[0]
    cells = [list(row) for row in sheet.iter_rows(values_only=True)]
    header = next(row for row in cells if "sha256" in row)
    booked = [dict(zip(header, row, strict=True)) for row in cells[cells.index(header) + 1 :] if row[0]]
    assert len(ours.rows) == len(theirs) == len(booked) == 2
    for row, other, third in zip(ours.rows, theirs, booked, strict=True):
        assert {name: row[name] for name in ours.columns} == {
            key: text.strip() for key, text in other.items()
        }
        assert row["sha256"] == third["sha256"]
        for name in CLASS_NAMES:
            text = row[f"p_{name}"]
            assert ("," in text) is (decimal == "comma")
            assert number(text) == pytest.approx(third[f"p_{name}"], abs=1e-6)
