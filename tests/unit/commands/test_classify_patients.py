"""Patients on the command line: given after the fields came, with a word on every slide that has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from allstation.commands.case_facts import give_patients
from allstation.core.patients import FolderPattern
from allstation.store import Case


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{patient}/{slide}", "patients: 2 of 2 slides, 2 patients"),
        ("P{patient}/{slide}", "patients: 1 of 2 slides, patients unknown (1 known)"),
    ],
)
def test_patients_are_set_and_counted(tmp_path, capsys, pattern, said):
    with Case.create(tmp_path / "c.allcase") as case:
        for place in ("P1/a", "Q2/b"):
            case.slides.add(place[-1], Path("/smears") / place)
        give_patients(case, FolderPattern.parse(pattern))
        out = capsys.readouterr()
        assert out.out.strip() == said
        assert ("b: patient unknown" in out.err) is ("unknown" in said)
        assert case.audit.verify() is None
