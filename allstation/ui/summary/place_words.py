"""Shares of typed cells and of patients in words, for the summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.place_shares import Level, PlaceShares
from allstation.core.statistics import Interval
from allstation.ui.common.formatting import number, percent
from allstation.ui.common.i18n import tr

_MOST: Final = 20
"""Patients of a case that are listed."""


def place_parts(places: Sequence[PlaceShares]) -> Iterator[tuple[str, str]]:
    """Yield title and lines of each part: typed cells of the place, then the patients it belongs to.

    Args:
        places: A slide and its patient, or the case and its patients; the place itself first.
    """
    if not places:
        return
    own, patients = places[0], places[1:]
    if own.cells is not None:
        yield tr("Typed cells"), "\n".join(_cell_lines(own))
    if own.level is Level.CASE and patients:
        said = tr("{n} known", n=number(len(patients))) if own.patient == PATIENTS_UNKNOWN else ""
        yield tr("Patients"), tr(own.patient) + (f" ({said})" if said else "")
    for one in patients[:_MOST]:
        title = tr("Patient {id}, {n} slides", id=one.name, n=number(one.slides))
        if one.slides == 1:
            title = tr("Patient {id}, 1 slide", id=one.name)
        yield title, "\n".join(_lines(one))
    if len(patients) > _MOST:
        yield "", tr("{n} more patients in the report and its tables", n=number(len(patients) - _MOST))


def _lines(place: PlaceShares) -> Iterator[str]:
    yield tr("{n} fields read", n=number(place.read))
    for share in place.fields:
        if share.count:
            yield _line(tr(share.name), share.count, share.fraction, share.interval)
    if place.fields_statement:
        yield tr(place.fields_statement)
    if place.cells is not None:
        yield from _cell_lines(place)


def _cell_lines(place: PlaceShares) -> Iterator[str]:
    if place.cells is None:
        return
    yield tr("{n} white cells typed by people", n=number(place.cells.n))
    for one in place.cells.white:
        if one.count:
            yield _line(tr(one.type.name), one.count, one.share, one.interval)
    if place.cells_statement:
        yield tr(place.cells_statement)


def _line(name: str, count: int, share: float, interval: Interval) -> str:
    return tr(
        "{name} {count}: {share} ({low} to {high})",
        name=name,
        count=number(count),
        share=percent(share),
        low=percent(interval.low),
        high=percent(interval.high),
    )
