"""Patients proposed for the slides of a real case from a pattern or a table."""

from __future__ import annotations

import hashlib

import pytest

from allstation.core.errors import StationError
from allstation.core.patients import PatientSource
from allstation.core.records import NewField
from allstation.processing.patients import parse_patients, propose_patients
from allstation.store import Case


@pytest.fixture
def case(tmp_path):
    with Case.create(tmp_path / "c.allcase") as made:
        for number, place in enumerate(("P1_a", "P1_b", "P2_a", "other")):
            slide = made.slides.add(place, tmp_path / "smears" / place)
            path = tmp_path / "smears" / place / f"f{number}.jpg"
            digest = hashlib.sha256(place.encode()).hexdigest()
            made.fields.add(slide.id, [NewField(path=path, sha256=digest, bytes=1, width=2, height=2)])
        yield made


def test_a_pattern_gives_patients_and_says_who_has_none(case):
    found = propose_patients(case, parse_patients("P{patient}_*"))
    assert (sorted(found.patients.values()), found.source) == (["1", "1", "2"], PatientSource.FOLDER)
    assert [slide.name for slide in found.without] == ["other"]


def test_a_table_of_files_gives_patients(case, tmp_path):
    table = tmp_path / "patients.csv"
    table.write_text("file;patient\nf0.jpg;Ä\nP2_a/f2.jpg;B\nf9.jpg;C\n", encoding="cp1252")
    found = propose_patients(case, parse_patients(str(table)))
    assert sorted(found.patients.values()) == ["B", "Ä"]
    assert (found.source, found.unused, len(found.without)) == (PatientSource.TABLE, 1, 2)
    case.slides.set_patients(found.patients, source=found.source)
    assert case.audit.verify() is None


def test_what_is_neither_file_nor_pattern_is_refused(tmp_path):
    with pytest.raises(StationError, match="neither a table nor a pattern"):
        parse_patients(str(tmp_path / "gone.csv"))
