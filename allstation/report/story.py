"""The order of things in a report, for each template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reportlab.platypus import Flowable, PageBreak

from allstation.report import detail, front, method, plates
from allstation.report.letter import SignOff
from allstation.report.parts import Parts

_SLIDES_IN_FRONT: Final = 6
"""Most slides in the table of the first page."""


def blocks(parts: Parts) -> list[Flowable]:
    """Return a whole report in reading order."""
    made = {"summary": _summary, "full": _full, "contact": _contact}
    return list(made[parts.content.template](parts))


def _summary(parts: Parts) -> Iterator[Flowable]:
    yield from _front(parts)


def _front(parts: Parts) -> Iterator[Flowable]:
    yield from front.head(parts)
    yield from front.glance(parts)
    yield from front.slides(parts, limit=_SLIDES_IN_FRONT)
    yield from front.remarks(parts)
    yield from front.models_in_a_line(parts)
    yield SignOff(parts.setter, parts.content)


def _full(parts: Parts) -> Iterator[Flowable]:
    yield from _front(parts)
    yield PageBreak()
    yield from front.amendments(parts)
    if len(parts.content.slides) > _SLIDES_IN_FRONT:
        yield from front.slides(parts)
    yield from detail.quality(parts)
    yield from detail.reviews(parts)
    yield from plates.montages(parts)
    yield from detail.field_table(parts)
    yield from detail.failures(parts)
    for model in parts.content.models:
        yield from method.model_card(parts, model)
    yield from method.methods(parts)
    yield from detail.files(parts)


def _contact(parts: Parts) -> Iterator[Flowable]:
    yield from front.head(parts)
    yield front.sentence(parts)
    yield from plates.contact_sheet(parts)
    yield from front.models_in_a_line(parts)
