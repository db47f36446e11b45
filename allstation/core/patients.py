"""Patients of slides: where an id comes from, a pattern of folder names, a table, and how many there are.

A slide is of one patient. Figures count patients, and resample them, only where every slide that they are
computed over has an id: a slide without one could be of any of the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Final
from unicodedata import normalize

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.errors import StationError
from allstation.core.records import Slide
from allstation.core.slide_names import KEYS, SlideNames, path_names, unclear_row
from allstation.core.tables import Table
from allstation.core.text import shown_name, storable

LONGEST_ID: Final = 64
"""Characters of a patient's id, as DICOM's PatientID may have."""
PATIENT: Final = "{patient}"
SLIDE: Final = "{slide}"
_SERIES: Final = frozenset({".dcm", ".dicom", ""})
"""Suffixes of the files of a DICOM series, which is called after its folder."""
_LONGEST_PATTERN: Final = 200
_MOST_WILD: Final = 8
_TOKEN: Final = re.compile(r"(\{[^{}]*\}|\*)")
_ANY: Final = (SLIDE, "*")


class PatientSource(StrEnum):
    """Source of a slide's patient id."""

    FOLDER = "folder pattern"
    TABLE = "table"
    TYPED = "typed"


def checked_patient(text: str) -> str:
    """Return a patient's id as it is stored, without surrounding spaces.

    Raises:
        StationError: ``bad-patient``: it is too long, or has more than one line.
    """
    plain = storable(text).strip()
    if len(plain) > LONGEST_ID or not plain.isprintable():
        what = f"has {len(plain)}" if plain.isprintable() else "has characters that cannot be seen"
        sentence = (
            f"A patient's id has one line of at most {LONGEST_ID} visible characters; {shown_name(plain)!r} "
            f"{what}. Correct it."
        )
        raise StationError("bad-patient", sentence)
    return plain


def patients_text(patients: Iterable[str]) -> str:
    """Return how many patients there are, in words; ``patients unknown`` where any id is missing."""
    ids = set(patients)
    if not ids or "" in ids:
        return PATIENTS_UNKNOWN
    return "1 patient" if len(ids) == 1 else f"{len(ids)} patients"


@dataclass(frozen=True, slots=True)
class FolderPattern:
    """Pattern of the names of a slide's folder and of the folders above it.

    ``{patient}`` is the patient's id, ``{slide}`` and ``*`` any text within one name; everything else stands
    for itself, capitals and small letters alike. The last name of the pattern is the slide's own folder, or
    the name of a scanner's file without its suffix:
    ``{patient}/{slide}`` takes the folder above it, ``P{patient}_*`` what stands between P and underscore.

    Attributes:
        text: As typed.
        parts: A regular expression for each name, the slide's own folder last.
    """

    text: str
    parts: tuple[re.Pattern[str], ...]

    @classmethod
    def parse(cls, text: str) -> FolderPattern:
        """Read a pattern.

        Raises:
            StationError: ``bad-pattern``.
        """
        plain = text.strip().replace("\\", "/").strip("/")
        found = _TOKEN.findall(plain)
        if found.count(PATIENT) != 1:
            raise _refused(text, f"it has {PATIENT} {found.count(PATIENT)} times; expected once")
        unknown = [one for one in found if one not in (PATIENT, *_ANY)]
        if unknown or "{" in _TOKEN.sub("", plain) or "}" in _TOKEN.sub("", plain):
            name = unknown[0] if unknown else "a single brace"
            raise _refused(text, f"it has {name}; only {PATIENT}, {SLIDE} and * are known")
        if len(plain) > _LONGEST_PATTERN or len(found) > _MOST_WILD:
            raise _refused(text, f"it is longer than {_LONGEST_PATTERN} signs or {_MOST_WILD} wildcards")
        names = plain.split("/")
        if "" in names:
            raise _refused(text, "it has two slashes in a row")
        return cls(text.strip(), tuple(_expression(name, text) for name in names))

    def patient_of(self, folder: PurePath | None) -> str:
        """Return the patient's id that a slide's folder names; empty where the pattern does not fit."""
        names = () if folder is None else path_names(folder)
        if len(names) < len(self.parts):
            return ""
        patient = ""
        for part, name in zip(self.parts, names[-len(self.parts) :], strict=True):
            found = part.fullmatch(name)
            if found is None:
                return ""
            patient = found.groupdict().get("patient", patient)
        return patient.strip()

    def patients(self, slides: Iterable[Slide]) -> dict[int, str]:
        """Return the patient by slide, of the slides that the pattern fits.

        Raises:
            StationError: ``bad-patient``.
        """
        found = ((slide.id, checked_patient(self.patient_of(_place_of(slide)))) for slide in slides)
        return {number: patient for number, patient in found if patient}


def _place_of(slide: Slide) -> PurePath | None:
    """Return a slide's folder; of a scanner's file its name without the suffix, of a series its folder."""
    if not slide.fingerprint or slide.folder is None:
        return slide.folder
    return slide.folder.parent if slide.folder.suffix.lower() in _SERIES else slide.folder.with_suffix("")


def _expression(name: str, text: str) -> re.Pattern[str]:
    made, before = "", ""
    for token in filter(None, _TOKEN.split(name)):
        wild = token == PATIENT or token in _ANY
        if wild and (before == PATIENT or (token == PATIENT and before in _ANY)):
            raise _refused(text, f"nothing separates {PATIENT} from what may be any text")
        made += {PATIENT: "(?P<patient>.+?)", SLIDE: ".+", "*": ".*"}.get(token) or re.escape(
            normalize("NFC", token)
        )
        before = token
    return re.compile(made, re.IGNORECASE | re.DOTALL)


def _refused(text: str, why: str) -> StationError:
    sentence = (
        f"{shown_name(text)!r} is no pattern of folder names: {why}. Write the names from the patient's "
        f"folder down to the slide's, such as {PATIENT}/{SLIDE}, or P{PATIENT}_* for folders like P12_a."
    )
    return StationError("bad-pattern", sentence)


@dataclass(frozen=True, slots=True)
class PatientAssignment:
    """Outcome of a table of patients.

    Attributes:
        patients: Patient by slide, of the slides that the table names.
        unused: Rows that name no slide of the case.
    """

    patients: Mapping[int, str]
    unused: int


def patients_of_table(
    table: Table, slides: Sequence[Slide], files: Iterable[tuple[int, Path]]
) -> PatientAssignment:
    """Return the patients that a table gives to slides.

    A row is about the slides in a ``folder`` (its name, or its path or the end of it), about the ``slide`` of
    a name, or about the slide that a ``file`` is on; the first of these columns that is filled decides.

    Args:
        table: With the column ``patient`` and one of :data:`KEYS`.
        slides: Slides of the case.
        files: Slide and path of every field.

    Raises:
        StationError: ``bad-patients``: a column is missing, a row can mean several slides, or a slide gets
            two patients.
    """
    keys = [name for name in KEYS if name in table]
    table.require("patient", *([] if keys else ["slide"]), code="bad-patients", also="folder or file")
    known = SlideNames(slides, files if "file" in keys else ())
    found: dict[int, str] = {}
    names = {slide.id: slide.name for slide in slides}
    unused = 0
    for row in table.rows:
        numbers, is_unclear = known.of_row(row, keys)
        if is_unclear:
            raise unclear_row(table, row, keys, code="bad-patients")
        unused += not numbers
        for number in sorted(numbers):
            patient = checked_patient(row["patient"])
            if patient and found.setdefault(number, patient) != patient:
                sentence = (
                    f"The table {table.name} gives the slide {shown_name(names[number])} two patients: "
                    f"{found[number]!r} and, in line {row.line}, {patient!r}. Correct one of the rows; "
                    "fields of two patients belong on two slides."
                )
                raise StationError("bad-patients", sentence)
    return PatientAssignment(found, unused)
