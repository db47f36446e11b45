"""Patients for the slides of a case, from a table or a folder pattern: proposed, looked at, then set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from allstation.core.errors import StationError
from allstation.core.patients import (
    PATIENT,
    FolderPattern,
    PatientSource,
    patients_of_table,
)
from allstation.core.records import Slide
from allstation.core.slide_names import KEYS
from allstation.core.tables import Table
from allstation.core.text import shown_name
from allstation.store.case import Case
from allstation.table_files import read_table


@dataclass(frozen=True, slots=True)
class PatientProposal:
    """Patients that a table or pattern would give to the slides of a case.

    Attributes:
        slides: Slides of the case, as they are now.
        patients: Patient by slide, of the slides that get one.
        source: Where they come from.
        unused: Rows of the table that name no slide.
    """

    slides: tuple[Slide, ...]
    patients: Mapping[int, str]
    source: PatientSource
    unused: int = 0

    @property
    def without(self) -> tuple[Slide, ...]:
        """Slides that have no patient and get none."""
        return tuple(slide for slide in self.slides if not (slide.patient or self.patients.get(slide.id)))


def parse_patients(given: str) -> FolderPattern | Table:
    """Read what a person gave: the name of a table's file, else a pattern.

    Raises:
        StationError: ``bad-patients`` or ``bad-pattern``.
    """
    path = Path(given)
    if PATIENT in given:
        return FolderPattern.parse(given)
    if path.is_file():
        return read_table(path, ("patient",), code="bad-patients", also=KEYS)
    sentence = (
        f"{shown_name(given)!r} is neither a table nor a pattern. Name a CSV file with the column patient "
        f"and one of {', '.join(KEYS)}, or write a pattern of folder names such as {PATIENT}/{{slide}}."
    )
    raise StationError("bad-patients", sentence)


def propose_patients(case: Case, source: FolderPattern | Table) -> PatientProposal:
    """Return what a table or pattern would give; nothing is changed.

    Raises:
        StationError: ``bad-patients`` if a table is not clear, ``bad-patient``.
    """
    slides = tuple(case.slides.all())
    if isinstance(source, FolderPattern):
        return PatientProposal(slides, source.patients(slides), PatientSource.FOLDER)
    found = patients_of_table(source, slides, case.slides.files())
    return PatientProposal(slides, found.patients, PatientSource.TABLE, found.unused)
