"""Scale of a field: by what a person said, the file's own word, its site, or its red cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from allstation.core.known_sizes import NO_SLIDE, NOTHING_KNOWN, KnownSizes
from allstation.core.site import ScaleSource
from allstation.imaging.cells.scale import RED_CELL, ScaleEstimate, estimate_scale
from allstation.imaging.fields.file import FieldFile

RED_CELLS_LIKELY: Final = (6.2, 8.4)
"""Micrometres between which the median diameter of a person's red cells lies on a dry smear: 6.7 to 7.7 in
health (Price-Jones 1910, BMJ 2:1418), less in microcytosis, more in macrocytosis. The error of an estimate
stands in its interval."""
_READ_SIDE: Final = 1600
"""Longest side that red cells are measured in, pixels."""


@dataclass(frozen=True, slots=True)
class FieldScale:
    """Scale of a field, in pixels of its file.

    Attributes:
        pixels_per_um: Pixels per micrometre; of squashed frames the geometric mean of both directions.
        low: Lower end of the interval of 95 %; ``pixels_per_um`` itself where it was stated.
        high: Upper end.
        source: Who said so.
    """

    pixels_per_um: float
    low: float
    high: float
    source: ScaleSource

    @property
    def pixel_size(self) -> float:
        """Micrometres a pixel is wide."""
        return 1 / self.pixels_per_um

    @property
    def is_stated(self) -> bool:
        """Whether a person, file or site say it; else it was estimated from what the field shows."""
        return self.source in (ScaleSource.TYPED, ScaleSource.FILE, ScaleSource.SITE)


def field_scale(
    file: FieldFile,
    *,
    sizes: KnownSizes = NOTHING_KNOWN,
    slide: int = NO_SLIDE,
    pooled: ScaleEstimate | None = None,
) -> FieldScale | None:
    """Return the scale of a field: as :class:`KnownSizes` orders what is stated, else by its red cells.

    Args:
        file: The field's file.
        sizes: What slides, case data and site say of frames of this size.
        slide: Id of the field's slide.
        pooled: Estimate from the red cells of several fields of the same slide and frame size
            (:func:`~allstation.imaging.cells.scale.pooled_scale`); without one this field's are measured.

    Returns:
        None where the scale is not known: neither is stated, and too few red cells can be measured.

    Raises:
        StationError: If the file cannot be read as a field.
    """
    scale = stated_scale(file, sizes, slide=slide)
    if scale is not None:
        return scale
    found = pooled or estimated_scale(file)
    return None if found is None else by_red_cells(found)


def stated_scale(file: FieldFile, sizes: KnownSizes, *, slide: int = NO_SLIDE) -> FieldScale | None:
    """Return the scale that slide, case data, file or site state, in this order; None if none does.

    Raises:
        StationError: If the file cannot be read as a field.
    """
    frame = (file.header.width, file.header.height)
    written, stated, by_site = sizes.by_person(*frame, slide=slide), file.pixel_size, sizes.by_site(*frame)
    if written is not None:
        return exact_scale(written, ScaleSource.TYPED)
    if stated is not None:
        return exact_scale(stated, ScaleSource.FILE)
    if by_site is None:
        return None
    low, high = by_site.interval or (by_site.size, by_site.size)
    return FieldScale(1 / by_site.size, 1 / high, 1 / low, ScaleSource.SITE)


def by_red_cells(estimate: ScaleEstimate) -> FieldScale:
    """Return an estimate as the scale of a field."""
    return FieldScale(estimate.pixels_per_um, estimate.low, estimate.high, ScaleSource.RED_CELLS)


def estimated_scale(file: FieldFile) -> ScaleEstimate | None:
    """Estimate the scale of a file's field from its red cells, in pixels of the file.

    Raises:
        StationError: If the file cannot be read as a field.
    """
    width, height = file.header.width, file.header.height
    share = min(1.0, _READ_SIDE / max(width, height))
    picture = file.shrunk((max(1, round(height * share)), max(1, round(width * share))))
    found = estimate_scale(picture)
    if found is None:
        return None
    larger = math.sqrt(width / picture.shape[1] * height / picture.shape[0])
    return ScaleEstimate(
        found.pixels_per_um * larger, found.low * larger, found.high * larger, found.red_cells
    )


def red_cell_doubt(scale: FieldScale, estimate: ScaleEstimate | None) -> str:
    """Return a sentence where red cells would be unlikely large or small by a stated scale, else nothing.

    Args:
        scale: By file or site.
        estimate: By the red cells of the same fields; None if they could not be measured.
    """
    if estimate is None or scale.source is ScaleSource.RED_CELLS:
        return ""
    by_scale = RED_CELL / scale.pixels_per_um
    low, middle, high = (by_scale * one for one in (estimate.low, estimate.pixels_per_um, estimate.high))
    if high >= RED_CELLS_LIKELY[0] and low <= RED_CELLS_LIKELY[1]:
        return ""
    kind = "small" if high < RED_CELLS_LIKELY[0] else "large"
    return (
        f"At {scale.pixel_size:.4g} µm a pixel the red cells would be {middle:.1f} µm wide "
        f"({low:.1f} to {high:.1f}): unlikely {kind}, expected are {RED_CELLS_LIKELY[0]:g} to "
        f"{RED_CELLS_LIKELY[1]:g} µm. Check the pixel size: red cells of 7.2 µm would mean "
        f"{1 / estimate.pixels_per_um:.4g} µm a pixel."
    )


def doubt_of_file(file: FieldFile, pixel_size: float) -> str:
    """Return a sentence where a field's red cells would be of unlikely size by a pixel size, else nothing.

    Raises:
        StationError: If the file cannot be read as a field.
    """
    return red_cell_doubt(exact_scale(pixel_size, ScaleSource.SITE), estimated_scale(file))


def exact_scale(pixel_size: float, source: ScaleSource) -> FieldScale:
    """Return the scale of micrometres a pixel that were stated, not measured."""
    scale = 1 / pixel_size
    return FieldScale(scale, scale, scale, source)
