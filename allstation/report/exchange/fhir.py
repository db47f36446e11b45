"""FHIR R4 bundle of a report: DiagnosticReport, Observations, Media, the model as a Device, the PDF.

Counts of fields are no differential count of cells, so no LOINC code of a differential is claimed for them;
codes are the program's own, with text. Counts of cells that people named have LOINC codes beside.
Ids follow from the case, or from its pseudonym: the same report, the same bundle; each anonymised export
another one.
"""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from allstation import __version__
from allstation.core.classes import NEEDS_REVIEW, RESEARCH_USE
from allstation.core.plain_json import json_text
from allstation.core.records import CaseSnapshot
from allstation.core.text import storable
from allstation.report.atomic import write_whole
from allstation.report.content.anonymise import anonymised_readers, year_of
from allstation.report.content.build import build_content
from allstation.report.content.count_types import Share
from allstation.report.content.field_types import FieldRow
from allstation.report.content.identity import exported_date, exported_year
from allstation.report.content.options import ReportOptions, travelling
from allstation.report.content.places import require_one_patient
from allstation.report.content.report_types import Entry, ModelBlock, ReportContent
from allstation.report.content.wording import MORPHOLOGY_ONLY, PROGRAM
from allstation.report.drawing.images import thumbnails
from allstation.report.drawing.typeset import clean_line
from allstation.report.exchange.differential_codes import is_blood
from allstation.report.exchange.fhir_differential import SYSTEM as _SYSTEM
from allstation.report.exchange.fhir_differential import differential_observations
from allstation.report.export_types import Progress, no_progress

_NAMESPACE: Final = uuid.UUID("2d1f6c1a-7f0b-5b7e-9c43-5a3a4c1f0e55")
_UCUM: Final = "http://unitsofmeasure.org"
_STATUS: Final = {
    "draft": "preliminary",
    "preliminary": "preliminary",
    "final": "final",
    "amended": "amended",
}
"""FHIR has no draft of a report; the conclusion says that it is one."""
_SEX: Final = {"female": "female", "f": "female", "male": "male", "m": "male", "other": "other"}
_PICTURE: Final = 512
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Bundle:
    """Names the resources of one bundle.

    Attributes:
        content: The report.
    """

    content: ReportContent

    def url(self, what: str) -> str:
        """Return the full address of a resource."""
        return f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{self.content.case_id} {self.content.created} {what}')}"

    def reference(self, what: str) -> dict[str, str]:
        """Return a reference to a resource."""
        return {"reference": self.url(what)}

    def entry(self, what: str, resource: Resource) -> Resource:
        """Return a resource as an entry."""
        url = self.url(what)
        return {"fullUrl": url, "resource": {**resource, "id": url.removeprefix("urn:uuid:")}}


def fhir_bundle(
    snapshot: CaseSnapshot,
    options: ReportOptions | None = None,
    *,
    pdf: bytes | None = None,
    progress: Progress = no_progress,
) -> Resource:
    """Return the bundle of a case.

    Args:
        snapshot: The case.
        options: The same as the report's; anonymised by default.
        pdf: The report itself, to travel with it.
        progress: Told of each picture.
    """
    chosen = travelling(options)
    content = build_content(snapshot, chosen)
    check(content)
    named = _Bundle(content)
    counted = differential_observations(
        anonymised_readers(snapshot, chosen.anonymity if chosen.anonymise else None),
        blood=is_blood(snapshot.details),
        base=partial(_observation, named),
        reference=named.reference,
    )
    entries = [
        named.entry("patient", _patient(content)),
        named.entry("specimen", _specimen(named)),
        *(named.entry(f"device {one.sha256}", device) for one, device in _devices(content)),
        *(named.entry(what, one) for what, one in _observations(named)),
        *(named.entry(what, one) for what, one in counted),
        *(named.entry(what, one) for what, one in _media(named, snapshot, progress)),
    ]
    members = {one["reference"] for entry in entries for one in entry["resource"].get("hasMember", ())}
    results = [
        one["fullUrl"]
        for one in entries
        if one["resource"]["resourceType"] == "Observation" and one["fullUrl"] not in members
    ]
    pictures = [one for one in entries if one["resource"]["resourceType"] == "Media"]
    report = _report(named, results, pictures)
    if pdf is not None:
        report["presentedForm"] = [_attachment(pdf, "application/pdf", f"Report of case {content.case_id}")]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        **_moment("timestamp", content),
        "identifier": {"system": "urn:ietf:rfc:3986", "value": named.url("bundle")},
        "entry": [named.entry("report", report), *entries],
    }


def _moment(key: str, content: ReportContent) -> dict[str, str]:
    """Return when the report was made as a FHIR instant, which knows no year alone: then nothing."""
    return {} if content.created == year_of(content.created) else {key: content.created}


def check(content: ReportContent) -> None:
    """Refuse what FHIR cannot hold, before anything is made or written.

    Raises:
        StationError: ``bad-case-data``, with the entry's name; ``several-patients``.
    """
    require_one_patient(content)
    exported_date(content.patient, "birth_date")
    for key in ("collected_at", "received_at"):
        exported_date(content.specimen, key)


def write_fhir(
    snapshot: CaseSnapshot,
    target: Path,
    options: ReportOptions | None = None,
    *,
    pdf: bytes | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Write the bundle as JSON.

    Args:
        snapshot: The case.
        target: The file.
        options: The same as the report's.
        pdf: The report itself, to travel with it.
        progress: Told of each picture.

    Returns:
        The target.

    Raises:
        StationError: ``bad-case-data`` for an entry that FHIR cannot hold, ``not-written`` with the reason.
    """
    bundle = fhir_bundle(snapshot, options, pdf=pdf, progress=progress)
    return write_whole(target, f"{storable(json_text(bundle))}\n".encode())


def _code(code: str, text: str) -> Resource:
    return {"coding": [{"system": _SYSTEM, "code": code, "display": text}], "text": text}


def _attachment(data: bytes, kind: str, title: str, *, hashed: bool = True) -> Resource:
    found = {
        "contentType": kind,
        "data": base64.b64encode(data).decode(),
        "size": len(data),
        "title": clean_line(title),
    }
    if hashed:
        # FHIR R4 defines this hash as SHA-1; it guards the transfer, not against people.
        found["hash"] = base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
    return found


def _given(entries: tuple[Entry, ...]) -> Mapping[str, str]:
    return {one.label: clean_line(one.value) for one in entries if one.value and clean_line(one.value)}


def _patient(content: ReportContent) -> Resource:
    given = _given(content.patient)
    found: Resource = {"resourceType": "Patient"}
    if content.anonymised:
        security = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
        found["meta"] = {"security": [{"system": security, "code": "ANONYED", "display": "anonymized"}]}
    if "Patient id" in given:
        found["identifier"] = [{"value": given["Patient id"]}]
    if "Name" in given:
        found["name"] = [{"text": given["Name"]}]
    if given.get("Sex", "").casefold() in _SEX:
        found["gender"] = _SEX[given["Sex"].casefold()]
    born = exported_date(content.patient, "birth_date")
    if born is not None:
        found["birthDate"] = born.day.isoformat()
    return found


def _specimen(named: _Bundle) -> Resource:
    given = _given(named.content.specimen)
    found: Resource = {"resourceType": "Specimen", "subject": named.reference("patient")}
    found["type"] = {"text": given.get("Specimen", "blood smear")}
    received = exported_date(named.content.specimen, "received_at")
    if at := _instant(named.content.specimen, "received_at"):
        found["receivedTime"] = at
    if at := _instant(named.content.specimen, "collected_at"):
        found["collection"] = {"collectedDateTime": at}
    # A time of day is also kept as it was written: its zone may be this computer's guess.
    whole = {"Received"} if received is None or received.clock is None else set()
    notes = [f"{label}: {value}" for label, value in given.items() if label not in {"Specimen", *whole}]
    if notes:
        found["note"] = [{"text": "; ".join(notes)}]
    return found


def _instant(entries: tuple[Entry, ...], key: str) -> str:
    """Return a FHIR dateTime, to the year where no more is shown; empty without one."""
    found = exported_date(entries, key)
    return found.instant() if found is not None else exported_year(entries, key)


def _devices(content: ReportContent) -> Iterator[tuple[ModelBlock, Resource]]:
    for model in content.models:
        notes = [{"text": clean_line(text)} for text in (model.maker, *model.limits) if clean_line(text)]
        yield (
            model,
            {
                "resourceType": "Device",
                "identifier": [{"system": _model_system(model), "value": model.sha256}],
                "deviceName": [{"name": clean_line(model.name) or "model", "type": "model-name"}],
                "version": [
                    {"value": clean_line(model.version) or "unknown"},
                    {"value": f"{PROGRAM} {__version__}"},
                ],
                "type": {"text": "Model bundle that classifies blood smear fields"},
                "safety": [{"text": RESEARCH_USE}],
                **({"note": notes} if notes else {}),
            },
        )


def _model_system(model: ModelBlock) -> str:
    """Return what identifies a model: a withheld one has a code instead of a hash, and no version."""
    return "urn:allstation:model-sha256" if model.version else "urn:allstation:model-code"


def _observation(named: _Bundle, code: Resource) -> Resource:
    content = named.content
    found = {
        "resourceType": "Observation",
        "status": _STATUS[content.status],
        "code": code,
        "subject": named.reference("patient"),
        "specimen": named.reference("specimen"),
        "effectiveDateTime": content.created,
        "method": {
            "text": "Classification of microscope fields by a network, reviewed classes counted first"
        },
        "note": [{"text": RESEARCH_USE}],
    }
    if content.models:
        found["device"] = named.reference(f"device {content.models[0].sha256}")
    return found


def _quantity(value: float, unit: str, code: str) -> Resource:
    return {"value": value, "unit": unit, "system": _UCUM, "code": code}


def _observations(named: _Bundle) -> Iterator[tuple[str, Resource]]:
    counts = named.content.counts
    for share in counts.shares:
        yield f"share {share.name}", _share(named, share)
    plain = (
        ("fields-read", "Fields read", counts.read),
        ("fields-failed", "Fields that could not be read", counts.failed),
        ("fields-reviewed", "Fields reviewed by a person", counts.reviewed),
        ("white-cells", "White cells found in the fields read", counts.cells),
    )
    for code, text, value in plain:
        found = _observation(named, _code(code, text))
        yield code, {**found, "valueQuantity": _quantity(value, "1", "1")}


def _share(named: _Bundle, share: Share) -> Resource:
    slug = re.sub(r"[^a-z0-9]+", "-", share.name.casefold()).strip("-") or "class"
    what = (
        "Fields that need review"
        if share.name == NEEDS_REVIEW
        else f"Fields of class {clean_line(share.name)}"
    )
    found = _observation(named, _code(f"fields-{slug}", what))
    found["valueQuantity"] = _quantity(share.count, "1", "1")
    if not share.n:
        return found
    parts = (
        ("fraction", "Fraction of the fields read", share.share),
        ("fraction-low", "Lower end of its exact 95 % interval", share.low),
        ("fraction-high", "Upper end of its exact 95 % interval", share.high),
    )
    found["component"] = [
        {"code": _code(code, text), "valueQuantity": _quantity(round(100 * value, 4), "%", "%")}
        for code, text, value in parts
    ]
    return found


def _media(named: _Bundle, snapshot: CaseSnapshot, progress: Progress) -> Iterator[tuple[str, Resource]]:
    """The fields of the montage as pictures, those that can still be read."""
    content = named.content
    numbers = [number for one in content.slides for number in (*one.representative, *one.doubtful)]
    for done, number in enumerate(numbers if content.montage else ()):
        progress(done, len(numbers))
        row, field = content.fields[number - 1], snapshot.fields[number - 1]
        made, _ = thumbnails(field, width=_PICTURE)
        if made.problem:
            continue
        title = clean_line(f"Field {number}, {row.name}")
        yield (
            f"media {row.sha256} {number}",
            {
                "resourceType": "Media",
                "status": "completed",
                "type": {"text": "microscope field"},
                "subject": named.reference("patient"),
                "createdDateTime": content.created,
                "width": made.width,
                "height": made.height,
                "content": _attachment(made.jpeg, "image/jpeg", title, hashed=not content.anonymised),
                "note": [{"text": _note_text(row, anonymised=content.anonymised)}],
            },
        )


def _note_text(row: FieldRow, *, anonymised: bool) -> str:
    values = ", ".join(f"{name} {value:.3f}" for name, value in row.shown_probabilities)
    values = values or row.no_percentages
    reviewed = f"; reviewed: {row.reviewed}" if row.reviewed else ""
    which = "Code of the field" if anonymised else "SHA-256 of the field"
    return clean_line(f"{which} {row.sha256}; {values}; decision: {row.decision}{reviewed}")


def _accession(number: str) -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/v2-0203"
    coding = {"system": system, "code": "ACSN", "display": "Accession ID"}
    return {"type": {"coding": [coding]}, "value": number}


def _report(named: _Bundle, results: list[str], pictures: list[Resource]) -> Resource:
    content = named.content
    reason = f" {clean_line(content.reason)}" if content.reason else ""
    typed = (content.conclusion, content.comment)
    remark = "".join(f" {clean_line(text)}" for text in typed if text)
    found: Resource = {
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": "urn:allstation:case", "value": clean_line(content.case_id)}],
        "status": _STATUS[content.status],
        "category": [
            {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "HM"}],
                "text": "Hematology",
            }
        ],
        "code": _code("blood-smear-fields", "Blood smear field report"),
        "subject": named.reference("patient"),
        "effectiveDateTime": content.created,
        **_moment("issued", content),
        "specimen": [named.reference("specimen")],
        "result": [{"reference": url} for url in results],
        "conclusion": f"{RESEARCH_USE} Status: {content.status}.{reason}{remark} {MORPHOLOGY_ONLY}",
    }
    request = _given(content.request).get("Request id", "")
    if request:
        found["basedOn"] = [{"type": "ServiceRequest", "identifier": _accession(request)}]
    if content.laboratory:
        found["performer"] = [{"display": clean_line(content.laboratory)}]
    if content.reviewer:
        found["resultsInterpreter"] = [{"display": clean_line(content.reviewer)}]
    if pictures:
        found["media"] = [
            {"comment": one["resource"]["content"]["title"], "link": {"reference": one["fullUrl"]}}
            for one in pictures
        ]
    return found
