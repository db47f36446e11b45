"""Measurement of a case's optics: its fields' scale and white point, slide by slide."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.site import Site
from allstation.imaging.fields.file import read_field
from allstation.imaging.fields.site_measure import FieldOptics, FrameOptics, measure_field, pooled_optics
from allstation.store.case import Case

MOST: Final = 24
"""Fields that are looked at: evenly spread; their red cells number some hundreds."""


@dataclass(frozen=True, slots=True)
class MeasuredSite:
    """Optics of a case as measured.

    Attributes:
        frames: Pooled over the case a frame size, the most frequent first; without slides that have a pixel
            size of their own, unless all have.
        slides: Name of each slide with its own figures.
        refused: Fields that could not be read.
    """

    frames: tuple[FrameOptics, ...]
    slides: tuple[tuple[str, tuple[FrameOptics, ...]], ...]
    refused: int = 0


def measure_case(folder: Path, site: Site | None, limits: DecodeLimits, *, most: int = MOST) -> MeasuredSite:
    """Measure the optics of the fields of a case.

    Args:
        folder: The case; opened for looking.
        site: What to compare with.
        limits: What a field may be at most.
        most: Fields to look at, evenly spread over the case.

    Raises:
        StationError: ``no-fields`` if none could be measured, or as ``Case.open``.
    """
    with Case.open(folder, read_only=True) as case:
        names = {slide.id: slide.name for slide in case.slides.all()}
        with case.reading() as snapshot:
            step = max(1, -(-len(snapshot.fields) // most))
            chosen = [(one.slide_id, one.path, one.sha256) for one in snapshot.fields[::step]]
            own = {slide for slide in names if snapshot.sizes.of_slide(slide).sizes}
    slides: dict[int, list[FieldOptics]] = {}
    refused = 0
    for slide, path, sha256 in chosen:
        try:
            slides.setdefault(slide, []).append(measure_field(read_field(path, limits, sha256=sha256)))
        except StationError:
            refused += 1
    measured = [one for listed in slides.values() for one in listed]
    if not measured:
        raise StationError(
            "no-fields", f"None of {len(chosen)} fields could be measured. Add fields, or find moved ones."
        )
    usual = [one for slide, listed in slides.items() if slide not in own for one in listed]
    return MeasuredSite(
        pooled_optics(usual or measured, site),
        tuple((names.get(slide, ""), pooled_optics(listed, site)) for slide, listed in slides.items()),
        refused,
    )
