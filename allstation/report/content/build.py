"""Content of a report as plain data, computed from one snapshot of a case.

Everything a page, a table or a check prints is computed here once. The same snapshot and options
give equal content.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from allstation import __version__
from allstation.core.classes import NEEDS_REVIEW, RESEARCH_USE
from allstation.core.records import CaseSnapshot
from allstation.core.reports import ReportStatus
from allstation.core.text import storable
from allstation.core.times import stamp
from allstation.report.content.amendments import amendments, earlier_keys
from allstation.report.content.anonymise import anonymised_with, year_of
from allstation.report.content.cells import cells_block
from allstation.report.content.confirmations import confirmations
from allstation.report.content.counts import count_fields, quality_spread
from allstation.report.content.field_rows import class_names, copies_of, field_rows
from allstation.report.content.field_types import FieldRow
from allstation.report.content.identity import identity
from allstation.report.content.model_card import model_block
from allstation.report.content.options import ReportOptions
from allstation.report.content.places import places_block
from allstation.report.content.report_types import (
    KIND,
    SCHEMA,
    ControlNote,
    Entry,
    ModelBlock,
    ReportContent,
    SignatureBlock,
    SlideBlock,
)
from allstation.report.content.selection import MONTAGE_TOTAL, chosen
from allstation.report.content.wording import ANONYMISED_METHODS, LIMITS, METHODS, PROGRAM, clock_remark

_LATER: Final = (
    "clock_remark",
    "replaces",
    "kept",
    "travels",
    "cells",
    "places",
    "control",
    "conclusion",
    "confirmations",
    "moved",
    "taken_back",
)
_LIBRARIES: Final = ("numpy", "opencv-python-headless", "ai-edge-litert", "pillow", "reportlab")


def build_content(snapshot: CaseSnapshot, options: ReportOptions | None = None) -> ReportContent:
    """Compute the content of a report.

    Args:
        snapshot: The case, read in one transaction.
        options: What the person chose; a draft with everything at its default without them.
    """
    chosen = options or ReportOptions()
    case = snapshot
    hashes, stamps = _kept_of(snapshot)
    created = stamp(chosen.clock())
    remark = clock_remark(created, case.audit_at, dated=not chosen.anonymise)
    if chosen.anonymise:
        snapshot, chosen = anonymised_with(case, chosen)
        created = _anonymised_date(created, chosen)
    classes, rows = class_names(snapshot), tuple(field_rows(snapshot, anonymise=chosen.anonymise))
    patient, request, specimen = _identity(case, chosen)
    content = ReportContent(
        created=created,
        template=str(chosen.template),
        page_size=str(chosen.page_size),
        anonymised=chosen.anonymise,
        status=str(chosen.status),
        reason=chosen.reason.strip(),
        reviewer=chosen.reviewer.strip(),
        comment=chosen.comment.strip(),
        conclusion=chosen.conclusion.strip(),
        annex=chosen.annex,
        confirmations=confirmations(rows, stamps),
        **_letterhead(chosen),
        case_id=snapshot.case_id,
        case_name=snapshot.name,
        taken_at=snapshot.taken_at,
        audit_head=snapshot.audit_head,
        removed=snapshot.removed,
        moved=snapshot.moved,
        taken_back=snapshot.taken_back,
        patient=patient,
        request=request,
        specimen=specimen,
        counts=count_fields(rows, classes),
        quality=quality_spread(rows),
        slides=_slides(snapshot, rows, classes=classes, options=chosen),
        fields=rows,
        models=_models(snapshot, rows),
        methods=ANONYMISED_METHODS if chosen.anonymise else METHODS,
        software=_software(),
        limits=LIMITS,
        amendments=(),
        montage=chosen.montage,
        copies=tuple(copies_of(snapshot)),
        clock_remark=remark,
        digital_signature=_signature(chosen),
        **_way_out(chosen),
        places=places_block(snapshot, _finals(snapshot, rows), classes),
        control=_control(snapshot),
        cells=cells_block(snapshot, count_proposals=chosen.count_proposals, pictures=chosen.montage),
    )
    keys = earlier_keys(chosen.previous, hashes, case.secret)
    return replace(content, amendments=amendments(chosen.previous, content, keys=keys))


def _identity(case: CaseSnapshot, chosen: ReportOptions) -> tuple[tuple[Entry, ...], ...]:
    """Return patient, request and specimen."""
    return identity(case.details, anonymise=chosen.anonymise, keep=chosen.anonymity.keep)


def _anonymised_date(created: str, chosen: ReportOptions) -> str:
    """Return the date, which a signature has, or its year."""
    dated = ReportStatus(chosen.status).locks and not chosen.travels
    return created if dated else year_of(created)


def _letterhead(chosen: ReportOptions) -> dict[str, Any]:
    """Return name and first lines of the laboratory."""
    lines = tuple(line for line in chosen.letterhead.lines if line.strip())[:4]
    return {"laboratory": chosen.letterhead.name.strip(), "laboratory_lines": lines}


def _way_out(chosen: ReportOptions) -> dict[str, Any]:
    """Return what is said of the report that is replaced, of texts that go, and whether it goes to others."""
    amends = chosen.status == ReportStatus.AMENDED and not chosen.anonymise
    return {
        "replaces": chosen.replaces if amends else "",
        "kept": tuple(sorted(map(str, chosen.anonymity.keep))) if chosen.anonymise else (),
        "travels": chosen.anonymise and chosen.travels,
    }


def _control(snapshot: CaseSnapshot) -> tuple[ControlNote, ...]:
    """Return the releases of control days that the case was signed under."""
    return tuple(
        ControlNote(day=one.day, broken=one.broken, by=one.by, at=one.at, reason=one.reason)
        for one in snapshot.control
    )


def _kept_of(snapshot: CaseSnapshot) -> tuple[list[str], list[str]]:
    """Return hash and time of the review of each field, which an anonymised report does not show."""
    hashes, stamps = [], []
    for field in snapshot.fields:
        hashes.append(field.sha256)
        stamps.append("" if field.review is None else field.review.at)
    return hashes, stamps


def _finals(snapshot: CaseSnapshot, rows: Sequence[FieldRow]) -> Iterator[tuple[int, str]]:
    """Yield slide and final name of each field that was read."""
    return ((snapshot.slides[row.slide].id, row.final) for row in rows if row.decision)


def _signature(options: ReportOptions) -> SignatureBlock:
    """Return the certificate that a report announces: none of a draft or of a copy for others."""
    announces = ReportStatus(options.status).locks and not (options.anonymise and options.travels)
    return options.signature if announces else SignatureBlock()


def _slides(
    snapshot: CaseSnapshot, rows: Sequence[FieldRow], *, classes: Sequence[str], options: ReportOptions
) -> tuple[SlideBlock, ...]:
    """Count each slide and choose its pictures, within what a whole report may show."""
    members: dict[int, list[FieldRow]] = {index: [] for index in range(len(snapshot.slides))}
    for row in rows:
        members[row.slide].append(row)
    blocks: list[SlideBlock] = []
    left = MONTAGE_TOTAL
    for index, slide in enumerate(snapshot.slides):
        room = min(options.montage_per_slide, left)
        showing, asking = chosen(members[index], room)
        left -= len(asking) + len(showing)
        blocks.append(
            SlideBlock(
                name=slide.name,
                folder="" if options.anonymise or slide.folder is None else str(slide.folder),
                counts=count_fields(members[index], classes),
                numbers=tuple(row.number for row in members[index]),
                representative=showing,
                doubtful=asking,
                scanned=bool(slide.fingerprint),
            )
        )
    return tuple(blocks)


def _models(snapshot: CaseSnapshot, rows: Sequence[FieldRow]) -> tuple[ModelBlock, ...]:
    read = Counter(row.model for row in rows if row.decision)
    return tuple(model_block(model, read[model.sha256]) for model in snapshot.models)


def _software() -> tuple[Entry, ...]:
    found = [Entry(PROGRAM, __version__), Entry("Python", platform.python_version())]
    for name in _LIBRARIES:
        try:
            found.append(Entry(name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def content_json(content: ReportContent) -> dict[str, Any]:
    """Return the machine-readable data that every report carries.

    The digest lets a reader see that the data are whole; it is no signature.
    """
    body = json.loads(canonical_json(asdict(content)))
    if not content.digital_signature.signed:
        body["digital_signature"] = {"signed": False}
    for row in body["fields"]:
        if row["slide_part"] is None:
            del row["slide_part"]
        if row["pixel_size"] is None:
            del row["pixel_size"], row["pixel_size_of"]
    for slide in body["slides"]:
        if not slide["scanned"]:
            del slide["scanned"]
    for key in _LATER:  # readers of version 0.1.0 do not know them
        if not body[key]:
            del body[key]
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "program": PROGRAM,
        "version": __version__,
        "research_use": RESEARCH_USE,
        "needs_review": NEEDS_REVIEW,
        "sha256": hashlib.sha256(canonical_json(body).encode()).hexdigest(),
        "content": body,
    }


def canonical_json(value: object) -> str:
    """Return JSON that is equal for equal data: sorted keys, no spaces, valid Unicode."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return storable(text)
