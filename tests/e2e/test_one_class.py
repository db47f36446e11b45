"""``evaluate`` where figures over several classes do not exist: a sentence, and JSON that others read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from allstation.__main__ import main
from allstation.core.classes import CLASS_NAMES
from allstation.core.plain_json import json_text
from allstation.imaging.synthetic import write_demo


def refuse(name: str) -> None:
    raise ValueError(name)


def strict(path: Path) -> Any:
    """Read JSON as programs other than Python do: NaN and Infinity are no JSON."""
    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    write_demo(tmp_path / "lab", fields=8, seed=2, labelled=True)
    return tmp_path / "lab"


@pytest.mark.parametrize("how", ["one folder", "one folder filled", "one class readable"])
def test_one_class_is_a_sentence_and_valid_json(how: str, labelled: Path, tmp_path: Path, capsys) -> None:
    for name in CLASS_NAMES[:-1]:
        if how == "one folder":
            shutil.rmtree(labelled / name)
            continue
        for path in (labelled / name).iterdir():
            path.unlink() if how == "one folder filled" else path.write_bytes(path.read_bytes()[:900])
    out, page = tmp_path / "e.json", tmp_path / "e.pdf"
    status = main(["evaluate", str(labelled), "--json", str(out), "--pdf", str(page)])
    said = capsys.readouterr()
    assert status == (1 if how == "one class readable" else 0)
    assert "All fields that could be compared are Pro" in said.err
    assert "nan" not in said.out.casefold().split()
    assert "macro AUC undefined, as all fields are of one class (no interval, n = 2" in said.out
    data = strict(out)
    assert data["remarks"][0].startswith("All fields that could be compared are Pro")
    area = next(figure for figure in data["figures"] if figure["name"] == "macro AUC")
    assert (area["value"], area["interval"]) == (None, None)
    assert "one class" in area["reason"]
    text = " ".join(" ".join(one.extract_text() for one in PdfReader(page).pages).split())
    assert "All fields that could be compared are Pro" in text
    assert "undefined" in text
    assert "nan" not in text.casefold().split()


def test_a_class_without_readable_fields_is_named(labelled: Path, tmp_path: Path, capsys) -> None:
    for path in (labelled / "Pre").iterdir():
        path.write_bytes(b"")
    assert main(["evaluate", str(labelled), "--json", str(tmp_path / "e.json")]) == 1
    assert "No field of Pre could be compared" in capsys.readouterr().err
    assert strict(tmp_path / "e.json")["remarks"]


def test_every_class_compared_needs_no_remark(labelled: Path, tmp_path: Path, capsys) -> None:
    assert main(["evaluate", str(labelled), "--json", str(tmp_path / "e.json")]) == 0
    assert "note" not in capsys.readouterr().err
    assert strict(tmp_path / "e.json")["remarks"] == []


def test_what_is_not_finite_becomes_null_wherever_it_stands() -> None:
    text = json_text({"a": [float("nan"), (1.5, float("-inf"))], "b": {"c": float("inf")}}, indent=None)
    assert text == '{"a":[null,[1.5,null]],"b":{"c":null}}'


def test_no_writer_of_the_program_lets_nan_into_json() -> None:
    """Every ``json.dumps`` of the program either forbids NaN or holds texts and whole numbers only."""
    root = Path(__file__).parent.parent.parent
    harmless = {
        "allstation/store/lock.py",
        "allstation/store/model_queue.py",
        "allstation/store/rows.py",
        "allstation/ui/training/recipe/assistant.py",
    }
    for path in sorted([*(root / "allstation").rglob("*.py"), *(root / "training").rglob("*.py")]):
        for part in path.read_text("utf-8").split("json.dumps(")[1:]:
            assert "allow_nan=False" in part[:300] or path.relative_to(root).as_posix() in harmless, path
