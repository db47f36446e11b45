"""Patients from folder patterns and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.errors import StationError
from allstation.core.patients import FolderPattern, checked_patient, patients_of_table, patients_text
from allstation.core.records import Slide
from allstation.core.tables import parse_table


def slide(number: int, folder: str | None, name: str = "") -> Slide:
    place = None if folder is None else Path(folder)
    return Slide(id=number, name=name or (place.name if place else "loose"), folder=place)


@pytest.mark.parametrize(
    ("pattern", "folder", "patient"),
    [
        ("{patient}/{slide}", "/data/P-7/slide 1", "P-7"),
        ("{patient}", "/data/P-7", "P-7"),
        ("P{patient}_*", "/data/P12_blood_2", "12"),
        ("P{patient}_*", "/data/p12_b", "12"),
        ("*/P{patient}", "/data/ward/P12", "12"),
        ("{patient}/*/{slide}", "/a/Ü 4/x/y", "Ü 4"),
        ("P{patient}_*", "/data/Q12_b", ""),
        ("{patient}/{slide}", "/only", ""),
        ("Case.{patient}", "/data/Casex12", ""),
    ],
)
def test_a_pattern_reads_the_names_of_folders(pattern, folder, patient):
    assert FolderPattern.parse(pattern).patient_of(Path(folder)) == patient


def test_a_composed_and_a_decomposed_letter_are_one():
    assert FolderPattern.parse("Müll{patient}").patient_of(Path("/a/Mu\u0308ll7")) == "7"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("P*", "0 times"),
        ("{patient}/{patient}", "2 times"),
        ("{patient}*", "nothing separates"),
        ("{slide}{patient}", "nothing separates"),
        ("{patient}/{name}", "{name}"),
        ("{patient}}", "brace"),
        ("{patient}//x", "two slashes"),
        ("{patient}" + "/*" * 9, "longer"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused_with_an_example(pattern, why):
    with pytest.raises(StationError) as raised:
        FolderPattern.parse(pattern)
    assert why in raised.value.sentence
    assert "P{patient}_*" in raised.value.sentence


def test_slides_without_a_folder_get_no_patient():
    slides = [slide(1, "/d/A/s1"), slide(2, None), slide(3, "/d/B/s1")]
    assert FolderPattern.parse("{patient}/{slide}").patients(slides) == {1: "A", 3: "B"}


@pytest.mark.parametrize(("text", "why"), [("x" * 65, "has 65"), ("a\nb", "seen"), ("\u202eP-9", "seen")])
def test_an_id_has_one_short_visible_line(text, why):
    with pytest.raises(StationError, match=f"one line.*{why}"):
        checked_patient(text)


def test_patients_are_counted_only_where_every_id_is_there():
    assert patients_text(["a", "b", "a"]) == "2 patients"
    assert patients_text(["a"]) == "1 patient"
    assert patients_text(["a", ""]) == PATIENTS_UNKNOWN
    assert patients_text([]) == PATIENTS_UNKNOWN


SLIDES = [slide(1, "/d/A/one"), slide(2, "/d/A/two"), slide(3, "/d/B/one", "b one"), slide(4, None, "loose")]
FILES = [(1, Path("/d/A/one/f1.jpg")), (2, Path("/d/A/two/f2.jpg")), (3, Path("/d/B/one/f1.jpg"))]


def given(text: str) -> dict[int, str]:
    table = parse_table(text.encode(), name="t.csv", expected=("patient", "slide", "folder", "file"))
    return dict(patients_of_table(table, SLIDES, FILES).patients)


def test_a_table_names_slides_folders_or_files():
    assert given("slide,patient\nB ONE,P3\nloose,P4\n") == {3: "P3", 4: "P4"}
    assert given("folder;patient\nA;P1\nB/one;P2\n") == {1: "P1", 2: "P1", 3: "P2"}
    assert given("file,patient\nA/one/f1.jpg,P1\nf2.jpg,P2\n") == {1: "P1", 2: "P2"}
    assert given("slide,folder,patient\n,A,P1\nloose,,P4\n") == {1: "P1", 2: "P1", 4: "P4"}


def test_rows_that_name_nothing_are_counted():
    table = parse_table(b"slide,patient\nb one,P3\nother,P9\n", name="t.csv")
    assert patients_of_table(table, SLIDES, FILES).unused == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("folder,patient\none,P1\n", "several slides"),
        ("file,patient\nf1.jpg,P1\n", "several slides"),
        ("folder,patient\nA,P1\nA/one,P2\n", "two patients"),
        ("slide,id\nb one,P1\n", "no column 'patient'"),
        ("patient\nP1\n", "no column 'slide'"),
    ],
)
def test_a_table_that_is_not_clear_is_refused(text, why):
    with pytest.raises(StationError, match=why) as raised:
        given(text)
    assert raised.value.code == "bad-patients"
