"""Shares of slides and patients of a report as plain data: its pages and tables print what stands here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from allstation.core.classes import NEEDS_REVIEW
from allstation.core.errors import StationError
from allstation.core.patients import patients_text
from allstation.core.place_shares import Level, PlaceCounts, PlaceShares
from allstation.core.records import CaseSnapshot
from allstation.report.content.place_types import PlaceRow, PlacesBlock, PlaceShare
from allstation.report.content.report_types import ReportContent

_DIGITS = 9


def places_block(
    snapshot: CaseSnapshot, finals: Iterable[tuple[int, str]], classes: Sequence[str]
) -> PlacesBlock | None:
    """Return the shares of each slide and patient; None where no patient is known and no cell was typed.

    Args:
        snapshot: The case.
        finals: Slide and final name of each field that was read.
        classes: Classes in the order they are shown.
    """
    if not snapshot.has_shares:
        return None
    named: dict[int, Counter[str]] = {}
    for slide_id, name in finals:
        named.setdefault(slide_id, Counter())[name] += 1
    counts = PlaceCounts(
        slides=snapshot.slides,
        finals=named,
        cells=snapshot.cells.by_slide,
        classes=classes,
        types=snapshot.cells.types,
    )
    return PlacesBlock(
        patients=patients_text(slide.patient for slide in snapshot.slides),
        rows=tuple(_row(one) for one in (*counts.by_patient(), *counts.by_slide())),
    )


def require_one_patient(content: ReportContent) -> None:
    """Refuse a form that is about one patient for a case whose slides are of several.

    Raises:
        StationError: ``several-patients``.
    """
    rows = content.places.rows if content.places is not None else ()
    several = sum(row.level == Level.PATIENT for row in rows)
    if several > 1:
        sentence = (
            f"The slides of this case are of {several} patients, and a FHIR or DICOM report is about "
            "one: it would put all of them down to one patient. Make a case for "
            "each patient, or export a table."
        )
        raise StationError("several-patients", sentence)


def _row(found: PlaceShares) -> PlaceRow:
    cells = found.cells
    return PlaceRow(
        level=str(found.level),
        name=found.name,
        patient=found.patient if found.level is not Level.CASE else "",
        slides=found.slides,
        read=found.read,
        fields=tuple(
            PlaceShare(
                one.name, one.count, one.fraction, _rounded(one.interval.low), _rounded(one.interval.high)
            )
            for one in found.fields
            if one.count or (one.name != NEEDS_REVIEW and found.read)
        ),
        typed=cells.n if cells is not None else 0,
        cells=tuple(
            PlaceShare(
                one.type.name,
                one.count,
                one.count / cells.n,
                _rounded(one.interval.low),
                _rounded(one.interval.high),
            )
            for one in cells.white
            if one.count
        )
        if cells is not None and cells.n
        else (),
        statements=tuple(filter(None, (found.fields_statement, found.cells_statement))),
    )


def _rounded(value: float) -> float:
    return round(value, _DIGITS)
