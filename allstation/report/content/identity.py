"""Identifying details of a case: sorted into patient, request and specimen, anonymised by default."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final

from allstation.core.dates import When, read_date, spellings
from allstation.core.errors import StationError
from allstation.core.times import utc_clock
from allstation.report.content.free_text import KEYS, FreeText
from allstation.report.content.report_types import Entry

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
_TERMS: Final = {
    "sex": frozenset({"female", "f", "male", "m", "other", "unknown", "diverse", "d"}),
    "specimen": frozenset(
        {
            "blood",
            "peripheral blood",
            "venous blood",
            "capillary blood",
            "bone marrow",
            "bone marrow aspirate",
            "cord blood",
            "csf",
            "cerebrospinal fluid",
            "blood smear",
            "peripheral blood smear",
            "pb",
            "bm",
            "edta blood",
        }
    ),
    "source": frozenset(
        {"peripheral blood", "blood", "bone marrow", "iliac crest", "sternum", "finger", "heel"}
    ),
    "stain": frozenset(
        {
            "giemsa",
            "wright",
            "leishman",
            "wright-giemsa",
            "may-grunwald-giemsa",
            "may-gruenwald-giemsa",
            "may-grünwald-giemsa",
            "may-grunwald",
            "may-grünwald",
            "pappenheim",
            "mgg",
            "jenner-giemsa",
            "diff-quik",
            "romanowsky",
            "haematoxylin-eosin",
            "hematoxylin-eosin",
            "h&e",
            "he",
            "pas",
            "sudan black b",
            "mpo",
        }
    ),
}
"""Usual terms, in lower case and with hyphens: what is one of them is no free text."""
_SIZE: Final = r"\d{1,2}(?:[.,]\d{1,6})? ?(?:[µμu]m|nm)?(?: ?/ ?(?:px|pixel))?(?: at \d{1,5}x\d{1,5})?"
_NUMBERS: Final = {
    "objective": re.compile(
        r"(?:\d{1,3}(?:[.,]\d)? ?[x×]|[x×] ?\d{1,3})(?:[ /,]{1,3}(?:na )?[01][.,]\d{1,2})?(?:[ ,]{1,2}oil)?",
        re.IGNORECASE,
    ),
    "pixel_size": re.compile(rf"{_SIZE}(?:; {_SIZE})*", re.IGNORECASE),
}
"""How numbers with units are written: 100x, 100x/1.25 oil, 0.065 µm."""
_AGE: Final = re.compile(r"(\d{1,3}) ?(?:y|yrs?|years?|months?|weeks?|days?|[mwd])?(?: old)?", re.IGNORECASE)
_OLDEST: Final = 89
"""An age above may name somebody (45 CFR 164.514 (b)(2)(i)(C)); no unit is counted longer here."""
_YEARS: Final = frozenset({"collected_at", "received_at"})
"""Dates of which an anonymised export shows the year."""
_YEAR: Final = re.compile(r"[0-9]{4}")


def identity(
    details: Mapping[str, str], *, anonymise: bool, keep: Collection[FreeText] = ()
) -> tuple[tuple[Entry, ...], ...]:
    """Sort details into patient, request and specimen lines.

    Args:
        details: As stored in the case; keys in any case, with spaces, hyphens or underscores.
        anonymise: Withhold what names a person or may, and every key this program does not know.
        keep: Free text that goes all the same, without the words of the patient's name and the ids.

    Returns:
        Patient, request and specimen lines that were given; unknown keys with the request.
    """
    given = {known_key(key): value.strip() for key, value in details.items() if value.strip()}
    # What an unknown key is called may name somebody too.
    extra = {
        key: f"Entry {number}" if anonymise else key.replace("_", " ").capitalize()
        for number, key in enumerate(sorted(set(given) - set(_LABELS)), start=1)
    }
    redact = redactor(details)

    def shown(key: str) -> str:
        return _anonymous(key, given[key], keep, redact) if anonymise else given[key]

    def lines(labels: Mapping[str, str]) -> tuple[Entry, ...]:
        return tuple(
            Entry(label, shown(key), withheld=not shown(key)) for key, label in labels.items() if key in given
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
    """Return the date of an entry for another program; None if there is none or a year alone.

    Raises:
        StationError: ``bad-case-data`` if its text is no date.
    """
    text = next((one.value for one in entries if one.label == _LABELS[key]), "").strip()
    if not text or (key in _YEARS and _YEAR.fullmatch(text)):
        return None
    try:
        return read_date(text, _LABELS[key], timed=DATES[key])
    except StationError as error:
        sentence = f"{error.sentence} Correct it under Case data; nothing was written."
        raise StationError("bad-case-data", sentence) from error


def exported_year(entries: Iterable[Entry], key: str) -> str:
    """Return the date of an entry that is a year alone, as anonymised exports show it; else nothing."""
    text = next((one.value for one in entries if one.label == _LABELS[key]), "").strip()
    return text if _YEAR.fullmatch(text) else ""


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


def redactor(details: Mapping[str, str], *, also: Iterable[str] = ()) -> Callable[[str], str]:
    """Return what takes the patient out of free text: file names, slide names, comments.

    Withheld are the words of the patient's name and the ids and date of birth as a whole, also
    where they are written without their separators. A name of fewer than four letters is only
    taken out where it stands alone: ``Li`` is part of too many words.

    Args:
        details: As stored in the case.
        also: Further ids, such as those of the slides' patients.
    """
    given = {known_key(key): value.strip() for key, value in details.items()}
    words = re.findall(r"[^\W\d_]{2,}", given.get("patient_name", ""))
    ids = [given[key] for key in ("patient_id", "birth_date", "request_id") if given.get(key)]
    ids += also
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


def is_term(key: str, value: str) -> bool:
    """Tell whether an entry is a usual term or a number with its unit, not free text.

    Args:
        key: Its name here.
        value: The text.
    """
    plain = " ".join(value.casefold().split())
    terms = _TERMS.get(key, frozenset())
    number = _NUMBERS.get(key)
    return plain in terms or plain.replace(" ", "-") in terms or bool(number and number.fullmatch(plain))


def _anonymous(key: str, value: str, keep: Collection[FreeText], redact: Callable[[str], str]) -> str:
    """Return what an anonymised export shows of an entry: by what it is, never by how it reads.

    Args:
        key: Its name here.
        value: The text.
        keep: Free text that goes.
        redact: Takes the patient's name and ids out of free text.
    """
    if any(key in keys and kind in keep for kind, keys in KEYS.items()):
        return redact(value)
    if is_term(key, value):
        return value
    if key == "age":
        found = _AGE.fullmatch(value)
        return value if found and int(found[1]) <= _OLDEST else ""
    if key in _YEARS:
        with suppress(StationError):
            return str(read_date(value, _LABELS[key], timed=True).day.year)
    return ""
