"""Types of a report's shares of slides and patients."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlaceShare:
    """Share of a class or type in a slide or patient.

    Attributes:
        name: Class of fields, or shown name of a type of cells.
        count: Fields or cells of it.
        share: 0 to 1.
        low: Lower end of its exact 95 % interval.
        high: Upper end.
    """

    name: str
    count: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """Slide or patient with its shares.

    Attributes:
        level: ``slide`` or ``patient``.
        name: Of the slide; id of the patient, a code in an anonymised report.
        patient: The slide's patient; empty where it is not known.
        slides: Slides pooled.
        read: Fields read.
        fields: Of each class, and *needs review* where there is any.
        typed: White cells that people typed.
        cells: Of each type found.
        statements: What it takes to tell the leading shares from others; none where enough was counted.
    """

    level: str
    name: str
    patient: str
    slides: int
    read: int
    fields: tuple[PlaceShare, ...]
    typed: int
    cells: tuple[PlaceShare, ...]
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlacesBlock:
    """Shares of patients and slides.

    Attributes:
        patients: How many there are, or ``patients unknown`` where a slide has none.
        rows: Patients, then slides.
    """

    patients: str
    rows: tuple[PlaceRow, ...]
