"""Identifying details of a case: sorted into patient, request and specimen, anonymised by default."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final

from allstation.core.dates import When, read_date, spellings
from allstation.core.errors import StationError
from allstation.core.times import utc_clock
from allstation.report.content_types import Entry

_PATIENT: Final = {
    "patient_name": "Name",
    "patient_id": "Patient id",
    "birth_date": "Date of birth",
    "age": "Age",
    "sex": "Sex",
}
_REQUEST: Final = {
    "request_id": "Request id",
    "requester": "Requested by",
    "ward": "Ward",
    "requested_at": "Requested",
    "question": "Question",
}
_SPECIMEN: Final = {
    "specimen": "Specimen",
    "source": "Source",
    "collected_at": "Collected",
    "received_at": "Received",
    "stain": "Stain",
    "objective": "Objective",
    "camera": "Camera",
    "pixel_size": "Pixel size",
}
GROUPS: Final = (("Patient", _PATIENT), ("Request", _REQUEST), ("Specimen and microscope", _SPECIMEN))
"""Title, and label by key, of what may be known about a case; the order of a report."""
_LABELS: Final = {**_PATIENT, **_REQUEST, **_SPECIMEN}
DATES: Final = {"birth_date": False, "requested_at": True, "collected_at": True, "received_at": True}
"""Keys that hold a date, and whether a time of day may follow it."""
DICOM_LONGEST: Final = {"patient_name": 64, "patient_id": 64, "request_id": 16, "requester": 64}
"""Most characters that DICOM takes (PS3.5, 6.2: PN, LO, SH)."""
_SHORTEST: Final = 4
_ALIASES: Final = {
    "name": "patient_name",
    "patient": "patient_name",
    "mrn": "patient_id",
    "dob": "birth_date",
    "date_of_birth": "birth_date",
    "gender": "sex",
    "request": "request_id",
    "order_id": "request_id",
    "physician": "requester",
    "clinician": "requester",
    "department": "ward",
    "specimen_type": "specimen",
    "site": "source",
    "specimen_source": "source",
    "collected": "collected_at",
    "received": "received_at",
    "magnification": "objective",
    "scanner": "camera",
}
_SAFE: Final = frozenset({"age", "sex", *_SPECIMEN})
"""Shown in an anonymised report; everything else, unknown keys included, may name somebody."""


def identity(details: Mapping[str, str], *, anonymise: bool) -> tuple[tuple[Entry, ...], ...]:
    """Sort details into patient, request and specimen lines.

    Args:
        details: As stored in the case; keys in any case, with spaces, hyphens or underscores.
        anonymise: Withhold what names a person, and every key this program does not know.

    Returns:
        Patient, request and specimen lines that were given; unknown keys with the request.
    """
    given = {known_key(key): value.strip() for key, value in details.items() if value.strip()}
    extra = {key: key.replace("_", " ").capitalize() for key in sorted(given) if key not in _LABELS}

    def lines(labels: Mapping[str, str]) -> tuple[Entry, ...]:
        return tuple(
            _entry(key, label, given[key], anonymise) for key, label in labels.items() if key in given
        )

    return lines(_PATIENT), lines({**_REQUEST, **extra}), lines(_SPECIMEN)


def entered(key: str, text: str) -> str:
    """Return the text of an entry as a case keeps it: dates in one spelling, no spaces around.

    Raises:
        StationError: ``bad-date`` for a date that is not certain or not in the calendar, and for a birth
            that is still to come.
    """
    plain = text.strip()
    if key not in DATES or not plain:
        return plain
    when = read_date(plain, _LABELS[key], timed=DATES[key])
    # Somewhere it is tomorrow already.
    if key == "birth_date" and when.day > utc_clock().date() + timedelta(days=1):
        sentence = f"{_LABELS[key]}: {when} lies in the future. Write the day of birth as YYYY-MM-DD."
        raise StationError("bad-date", sentence)
    return str(when)


def exported_date(entries: Iterable[Entry], key: str) -> When | None:
    """Return the date of an entry for another program; None where it is not given or withheld.

    Raises:
        StationError: ``bad-case-data`` if its text is no date.
    """
    text = next((one.value for one in entries if one.label == _LABELS[key]), "").strip()
    if not text:
        return None
    try:
        return read_date(text, _LABELS[key], timed=DATES[key])
    except StationError as error:
        sentence = f"{error.sentence} Correct it under Case data; nothing was written."
        raise StationError("bad-case-data", sentence) from error


def refuse_too_long(entries: Iterable[Entry]) -> None:
    """Refuse what DICOM would have to cut or alter: half an accession number is another one.

    Raises:
        StationError: ``bad-case-data`` with the entry, its length and what DICOM takes.
    """
    given = {one.label: " ".join(one.value.split()) for one in entries}
    for key in DICOM_LONGEST:
        problem = dicom_problem(key, given.get(_LABELS[key], ""))
        if problem:
            raise StationError("bad-case-data", f"{problem} Shorten it under Case data; nothing was written.")


def dicom_problem(key: str, text: str) -> str:
    """Return why DICOM cannot hold the text of an entry as it is; empty if it can."""
    longest = DICOM_LONGEST.get(key, 0)
    if longest and len(text) > longest:
        return f"{_LABELS[key]}: DICOM takes at most {longest} characters, {text[:80]!r} has {len(text)}."
    if key in {"patient_id", "request_id"} and "\\" in text:
        return f"{_LABELS[key]}: DICOM takes no backslash, {text[:80]!r} has one."
    return ""


def redactor(details: Mapping[str, str]) -> Callable[[str], str]:
    """Return what takes the patient out of free text: file names, slide names, comments.

    Withheld are the words of the patient's name and the ids and date of birth as a whole, also
    where they are written without their separators. A name of fewer than four letters is only
    taken out where it stands alone: ``Li`` is part of too many words.

    Args:
        details: As stored in the case.
    """
    given = {known_key(key): value.strip() for key, value in details.items()}
    words = re.findall(r"[^\W\d_]{2,}", given.get("patient_name", ""))
    ids = [given[key] for key in ("patient_id", "birth_date", "request_id") if given.get(key)]
    ids += [re.sub(r"[\W_]", "", one) for one in ids]
    with suppress(StationError):
        ids += spellings(read_date(given.get("birth_date", ""), "", timed=True).day)
    parts = [re.escape(one) for one in ids if len(one) >= _SHORTEST]
    parts += [re.escape(one) for one in words if len(one) >= _SHORTEST]
    parts += [rf"(?<![^\W\d_]){re.escape(one)}(?![^\W\d_])" for one in words if len(one) < _SHORTEST]
    if not parts:
        return lambda text: text
    pattern = re.compile("|".join(sorted(parts, key=len, reverse=True)), re.IGNORECASE)
    return lambda text: pattern.sub("[withheld]", text)


def slide_title(place: int) -> str:
    """Return what stands for the name of the slide at a place of the case, from 0, in anonymised output.

    Slides are called after the folders they came from, and folders after patients.
    """
    return f"Slide {place + 1}"


def known_key(key: str) -> str:
    """Return the name a key goes by here, however it was written."""
    plain = "_".join(key.strip().casefold().replace("-", " ").replace("_", " ").split())
    return _ALIASES.get(plain, plain)


def _entry(key: str, label: str, value: str, anonymise: bool) -> Entry:
    withheld = anonymise and key not in _SAFE
    return Entry(label, "" if withheld else value, withheld)
