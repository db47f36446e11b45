"""Cells of one patient are kept apart together, and patients are counted only where all are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from allstation.core.patients import PatientSource
from allstation.services.cells.typer import kept_apart
from allstation.store import Case


@pytest.mark.parametrize(
    ("patients", "groups", "said"),
    [
        (("A", "A", "B"), ["patient A", "patient A", "patient B"], "2 patients"),
        (("A", "A", ""), ["patient A", "patient A", "slide 3"], "patients unknown"),
        (("", "", ""), ["slide 1", "slide 2", "slide 3"], "patients unknown"),
    ],
)
def test_patients_keep_cells_apart(tmp_path, patients, groups, said):
    with Case.create(tmp_path / "c.allcase") as case:
        ids = [case.slides.add(name, Path("/smears") / name).id for name in "abc"]
        case.slides.set_patients(dict(zip(ids, patients, strict=True)), source=PatientSource.TYPED)
        assert kept_apart(case, ids) == (groups, said)
