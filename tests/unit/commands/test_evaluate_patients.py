"""Patients of an evaluation: from a table or from the names of folders, known only where all are."""

from __future__ import annotations

import pytest

from allstation.commands.evaluate import read_labelled
from allstation.core.errors import StationError
from allstation.core.patients import FolderPattern

CLASSES = ("Benign", "Early")


@pytest.fixture
def labelled(tmp_path):
    for name in CLASSES:
        for patient in ("P1", "P2"):
            folder = tmp_path / "set" / name / patient
            folder.mkdir(parents=True)
            (folder / f"{name}{patient}.jpg").write_bytes(b"a field that nobody opens here")
    return tmp_path / "set"


def test_a_pattern_gives_the_patients_of_the_fields(labelled):
    found = read_labelled(labelled, CLASSES, None, FolderPattern.parse("P{patient}"))
    assert (found.groups, found.by_patient) == (["1", "2", "1", "2"], True)


def test_a_field_that_the_pattern_does_not_fit_leaves_patients_unknown(labelled, capsys):
    found = read_labelled(labelled, CLASSES, None, FolderPattern.parse("{patient}1"))
    assert not found.by_patient
    assert len(set(found.groups)) == 3
    assert "names no patient for 2 of 4 fields" in capsys.readouterr().err
    with pytest.raises(StationError, match="fits the folder of none of the 4 fields"):
        read_labelled(labelled, CLASSES, None, FolderPattern.parse("X{patient}"))


@pytest.mark.parametrize(("last", "known"), [("EarlyP2.jpg,b", True), ("EarlyP2.jpg,", False), ("", False)])
def test_a_table_has_to_name_every_patient(labelled, tmp_path, last, known):
    rows = ["class,file,patient", "Benign,BenignP1.jpg,a", "Benign,BenignP2.jpg,b", "Early,EarlyP1.jpg,a"]
    table = tmp_path / "patients.csv"
    table.write_text("\n".join([*rows, *([f"Early,{last}"] if last else [])]), encoding="utf-8")
    assert read_labelled(labelled, CLASSES, table).by_patient is known
