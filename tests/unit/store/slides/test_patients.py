"""Patients of slides in a case: set, audited, put back, told when changed past the trail."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from allstation.core.errors import StationError
from allstation.core.patients import PatientSource
from allstation.store import Case


def test_a_slide_keeps_its_patient_and_where_it_came_from(case, maker, folder):
    maker.fill(case, 2)
    maker.fill(case, 2, slide="slide 2", first=2)
    first, second = case.slides.all()
    case.slides.set_patients({first.id: " P-7 ", second.id: " P-7 "}, source=PatientSource.TYPED)
    assert case.slides.set_patients({second.id: "P-8"}, source=PatientSource.TABLE) == [second.id]
    assert [(one.patient, one.patient_source) for one in case.slides.all()] == [
        ("P-7", "typed"),
        ("P-8", "table"),
    ]
    assert case.slides.add("slide 2", second.folder).patient == "P-8"
    assert case.snapshot().slides[1].patient == "P-8"
    assert case.audit.verify() is None


def test_a_change_can_be_taken_back_with_its_sources(case, maker):
    maker.fill(case, 1)
    (slide,) = case.slides.all()
    case.slides.set_patients({slide.id: "P-1"}, source=PatientSource.FOLDER)
    case.slides.set_patients({slide.id: "P-2"}, source=PatientSource.TYPED)
    assert case.slides.restore_patients({slide.id: ("P-1", "folder pattern")}) == [slide.id]
    assert case.slides.all()[0].patient_source == "folder pattern"
    case.slides.set_patients({slide.id: ""}, source=PatientSource.TYPED)
    assert (case.slides.all()[0].patient, case.slides.all()[0].patient_source) == ("", "")
    assert case.audit.verify() is None


def test_the_trail_names_the_slides_and_no_patient(case, maker):
    maker.fill(case, 1)
    (slide,) = case.slides.all()
    case.slides.set_patients({slide.id: "Mustermann"}, source=PatientSource.TYPED)
    assert case.slides.set_patients({slide.id: "Mustermann"}, source=PatientSource.TYPED) == []
    entries = [entry for entry in case.audit.entries() if entry.action == "patients-changed"]
    assert len(entries) == 1
    assert f'"slides":[{slide.id}]' in entries[0].details
    assert "Mustermann" not in entries[0].details


def test_an_unknown_slide_changes_nothing(case, maker):
    maker.fill(case, 1)
    (slide,) = case.slides.all()
    with pytest.raises(StationError, match="no slide number 99"):
        case.slides.set_patients({slide.id: "P", 99: "Q"}, source=PatientSource.TYPED)
    assert case.slides.all()[0].patient == ""


@pytest.mark.parametrize("change", ["patient = 'other'", "patient_source = 'table'", "patient = ''"])
def test_a_patient_changed_past_the_trail_is_told(case, maker, folder, change):
    maker.fill(case, 1)
    case.slides.set_patients({case.slides.all()[0].id: "P"}, source=PatientSource.TYPED)
    case.close()
    with closing(sqlite3.connect(folder / "case.sqlite")) as db, db:
        db.execute(f"UPDATE slides SET {change}")  # noqa: S608
    with Case.open(folder) as again:
        assert again.audit.verify().sentence == "The patients of the slides were changed past the trail."
