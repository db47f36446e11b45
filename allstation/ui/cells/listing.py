"""Headings of a listing, and what blind review leaves of counts and records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from allstation.core.cell_types import CellType, type_of
from allstation.core.cells import CellCounts, CellRecord
from allstation.services.case.gallery_questions import GalleryListing
from allstation.ui.cells.bar import Arrangement
from allstation.ui.cells.model import CellSection
from allstation.ui.common.i18n import tr


def sections_of(
    listing: GalleryListing,
    arrangement: Arrangement,
    types: Sequence[CellType],
    *,
    slide_name: Callable[[int], str],
) -> list[CellSection]:
    """Return the headings over the cells of a listing; none where nothing is grouped.

    Args:
        listing: The cells.
        arrangement: What the headings name.
        types: The laboratory's list, in its order.
        slide_name: Gives the name of a slide by its id; empty for one that it does not know.
    """
    if arrangement is Arrangement.TYPE:
        return _by_type(listing.listed, types)
    sections, start = [], 0
    for key, count in listing.groups:
        sections.append(CellSection(start, _title(arrangement, key, slide_name), count, key))
        start += count
    return sections


def _title(arrangement: Arrangement, key: int | str, slide_name: Callable[[int], str]) -> str:
    if arrangement is Arrangement.SUPPORT:
        return str(key) or tr("No evidence map")
    if arrangement is Arrangement.SLIDE and isinstance(key, int):
        return slide_name(key) or tr("Slide {n}", n=key)
    return ""  # the view knows the names of fields that it shows


def _by_type(counts: CellCounts, types: Sequence[CellType]) -> list[CellSection]:
    there = counts.typed.keys() | counts.proposed.keys()
    known = [kind.key for kind in types if kind.key in there]
    sections, start = [], 0
    for key in [*known, *sorted(there.difference(known))]:
        count = counts.typed.get(key, 0) + counts.proposed.get(key, 0)
        sections.append(CellSection(start, tr(type_of(types, key).name), count, key))
        start += count
    if counts.untyped:
        sections.append(CellSection(start, tr("No type"), counts.untyped, ""))
    return sections


def blind_counts(counts: CellCounts) -> CellCounts:
    """Return counts as a person sees them who must not know what others said: proposals are none."""
    return CellCounts(counts.typed, {}, counts.untyped + sum(counts.proposed.values()))


def blind_record(record: CellRecord) -> CellRecord:
    """Return a cell as that person sees it: nothing of a model, of a typer or of other people."""
    return replace(record, proposed="", probability=None, support={})
