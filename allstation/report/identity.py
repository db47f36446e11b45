"""Who and what a case is about: the optional details, sorted and, by default, anonymised."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

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
    known = {**_PATIENT, **_REQUEST, **_SPECIMEN}
    extra = {key: key.replace("_", " ").capitalize() for key in sorted(given) if key not in known}

    def lines(labels: Mapping[str, str]) -> tuple[Entry, ...]:
        return tuple(
            _entry(key, label, given[key], anonymise) for key, label in labels.items() if key in given
        )

    return lines(_PATIENT), lines({**_REQUEST, **extra}), lines(_SPECIMEN)


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
