"""Rows of a report's tables: each field of a case, and each file with the same bytes, as it is printed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from allstation.core.classes import CLASS_NAMES
from allstation.core.known_sizes import KnownSizes, SizeOrigin
from allstation.core.records import CaseSnapshot, FieldRecord, Slide
from allstation.core.slide_part import Region
from allstation.report.content.field_types import CopyRow, FieldRow, PartRow
from allstation.report.content.wording import ANOTHER_LOOK

if TYPE_CHECKING:
    from allstation.report.content.free_text import Anonymity

_BY_PERSON: Final = (SizeOrigin.SLIDE, SizeOrigin.CASE)


def shown_case(snapshot: CaseSnapshot, anonymity: Anonymity | None) -> CaseSnapshot:
    """Return the case, anonymised if choices about that are given."""
    if anonymity is None:
        return snapshot
    from allstation.report.content.anonymise import anonymised

    return anonymised(snapshot, anonymity)


def class_names(snapshot: CaseSnapshot) -> tuple[str, ...]:
    """Return the class names of every model of the case, the order of the first one kept."""
    names = [name for model in snapshot.models for name in model.classes]
    return tuple(dict.fromkeys(names)) or CLASS_NAMES


def field_rows(snapshot: CaseSnapshot, *, anonymise: bool) -> Iterator[FieldRow]:
    """Yield the fields as a report prints them, one at a time."""
    index = {slide.id: position for position, slide in enumerate(snapshot.slides)}
    for number, field in enumerate(snapshot.fields, start=1):
        yield FieldRow(
            number=number,
            slide=index[field.slide_id],
            name=field.path.name,
            folder="" if anonymise else str(field.path.parent),
            sha256=field.sha256,
            width=field.width,
            height=field.height,
            state=str(field.state),
            final=field.final_name or "",
            error_code=field.error_code,
            error=_error(field, anonymise=anonymise),
            slide_part=_part(field, snapshot.slides[index[field.slide_id]]),
            **_size(field, snapshot.sizes),
            **_prediction(field),
            **_review(field),
        )


def _size(field: FieldRecord, sizes: KnownSizes) -> dict[str, Any]:
    """Return what a person said of a field's pixel size; its file is not opened to ask it."""
    found = sizes.find(field.width, field.height, slide=field.slide_id)
    if found is None or found.origin not in _BY_PERSON:
        return {}
    return {"pixel_size": found.size, "pixel_size_of": found.origin.value}


def _part(field: FieldRecord, slide: Slide) -> PartRow | None:
    """Return the part of a whole slide that a field is; an anonymised slide has no folder."""
    file = str(slide.folder or "")
    if isinstance(field.part, Region):
        place = field.part
        return PartRow(
            file,
            slide.fingerprint,
            x=place.x,
            y=place.y,
            width=place.width,
            height=place.height,
            level=place.level,
        )
    return None if field.part is None else PartRow(file, slide.fingerprint, page=field.part.number)


def copy_rows(snapshot: CaseSnapshot, *, anonymise: bool) -> Iterator[tuple[FieldRow, int]]:
    """Yield the files with the same bytes as a field, each with what is known of it and its number.

    Their own numbers follow those of the fields, which keep the report's.
    """
    wanted = {copy.field_id for copy in snapshot.copies}
    if not wanted:
        return
    rows = zip(snapshot.fields, field_rows(snapshot, anonymise=anonymise), strict=True)
    firsts = {field.id: row for field, row in rows if field.id in wanted}
    index = {slide.id: position for position, slide in enumerate(snapshot.slides)}
    for number, copy in enumerate(snapshot.copies, start=len(snapshot.fields) + 1):
        first = firsts[copy.field_id]
        place = "" if anonymise else str(copy.path.parent)
        row = replace(first, number=number, slide=index[copy.slide_id], name=copy.path.name, folder=place)
        yield row, first.number


def copies_of(snapshot: CaseSnapshot) -> Iterator[CopyRow]:
    """Yield the files with the same bytes as a field as a report names them."""
    names = [slide.name for slide in snapshot.slides]
    rows = list(copy_rows(snapshot, anonymise=True))
    firsts = {number: snapshot.fields[number - 1] for _, number in rows}
    slides = {slide.id: slide.name for slide in snapshot.slides}
    for (row, number), copy in zip(rows, snapshot.copies, strict=True):
        first = firsts[number]
        yield CopyRow(
            name=row.name,
            slide=names[row.slide],
            same_as=number,
            field=first.path.name,
            of_slide=slides[first.slide_id],
            across=copy.slide_id != first.slide_id,
        )


def _error(field: FieldRecord, *, anonymise: bool) -> str:
    """A sentence may name the file with its folder; the folder may name the patient."""
    named = anonymise and field.path.is_absolute()
    return field.error.replace(str(field.path.parent), "...") if named else field.error


def _prediction(field: FieldRecord) -> dict[str, Any]:
    made = field.prediction
    if made is None:
        return {}
    return {
        "probabilities": tuple((name, _finite(value)) for name, value in made.probabilities.items()),
        "probabilities_valid": made.probabilities_valid,
        "decision": made.decision.name,
        "reasons": tuple(str(reason) for reason in made.decision.reasons),
        "top": made.top_class if made.probabilities_valid else "",
        "cells": field.white_cells,
        "novelty": _finite(made.novelty),
        "sharpness": _finite(made.quality.sharpness),
        "brightness": _finite(made.quality.brightness),
        "clipped": _finite(made.quality.clipped),
        "cell_area": _finite(made.quality.cell_area),
        "model": made.model_sha256,
        "milliseconds": made.milliseconds,
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _review(field: FieldRecord) -> dict[str, Any]:
    review = field.review
    if review is None:
        return {"comment": field.comment.strip()}
    return {
        "reviewed": review.class_name or ANOTHER_LOOK,
        "reviewer": review.reviewer,
        "reviewed_at": review.at,
        "comment": field.comment.strip(),
    }
