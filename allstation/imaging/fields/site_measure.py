"""Optics of fields, measured: scale by file and red cells, white point; pooled a frame size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from allstation.core.site import Frame, PixelSize, ScaleSource, Site, White
from allstation.core.white_point import median_white, white_drift
from allstation.imaging.cells.scale import ScaleEstimate, pooled_scale
from allstation.imaging.cells.segmentation import background_colour
from allstation.imaging.fields.file import FieldFile
from allstation.imaging.fields.scale import FieldScale, estimated_scale, red_cell_doubt

_LOOKED_AT = (224, 224)
"""Height and width, about, of the picture that the background is measured in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOptics:
    """Optics of one field.

    Attributes:
        frame: Width and height of the file.
        stated: Micrometres a pixel by the file's own word.
        estimate: By its red cells; None if fewer than three can be measured.
        white: Median red, green and blue of the pale background, 0 to 255.
    """

    frame: Frame
    stated: float | None
    estimate: ScaleEstimate | None
    white: White


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameOptics:
    """Optics of the fields of one frame size.

    Attributes:
        frame: Width and height.
        fields: How many were measured.
        stated: Micrometres a pixel that the files name, the median; None if none does.
        estimate: Pooled from the red cells.
        estimated: How many fields had red cells that could be measured.
        white: Median white point.
        doubt: Sentence where the red cells are of unlikely size by file or site.
        drift: Sentence where the background differs from the site's.
    """

    frame: Frame
    fields: int
    stated: float | None
    estimate: ScaleEstimate | None
    estimated: int
    white: White
    doubt: str = ""
    drift: str = ""

    @property
    def by_red_cells(self) -> PixelSize | None:
        """Pixel size by the pooled red cells, with its interval."""
        one = self.estimate
        if one is None:
            return None
        interval = 1 / one.high, 1 / one.low
        return PixelSize(
            size=1 / one.pixels_per_um, source=ScaleSource.RED_CELLS, frame=self.frame, interval=interval
        )


def measure_field(file: FieldFile) -> FieldOptics:
    """Measure the optics of one field.

    Raises:
        StationError: If the file cannot be read as a field.
    """
    red, green, blue = background_colour(file.shrunk(_LOOKED_AT)).tolist()
    return FieldOptics(
        frame=(file.header.width, file.header.height),
        stated=file.pixel_size,
        estimate=estimated_scale(file),
        white=(red, green, blue),
    )


def pooled_optics(fields: Iterable[FieldOptics], site: Site | None = None) -> tuple[FrameOptics, ...]:
    """Pool the optics of fields a frame size, the most frequent first.

    Args:
        fields: Of one slide or of one site.
        site: What is known of the site, to compare with.
    """
    frames: dict[Frame, list[FieldOptics]] = {}
    for one in fields:
        frames.setdefault(one.frame, []).append(one)
    ordered = sorted(frames, key=lambda frame: (-len(frames[frame]), frame))
    return tuple(_pooled(frame, frames[frame], site) for frame in ordered)


def completed(site: Site, measured: Sequence[FrameOptics]) -> Site:
    """Return a site with what it lacked: a white point, and a pixel size by red cells for new frame sizes."""
    for one in measured:
        size = one.by_red_cells
        if size is not None and one.stated is None and site.pixel_size_of(*one.frame) is None:
            site = site.with_pixel_size(size)
    return site if site.white_point is not None else with_white(site, measured)


def with_white(site: Site, measured: Sequence[FrameOptics]) -> Site:
    """Return a site with the white point of its most frequent frame size as the reference."""
    return site.with_white_point(measured[0].white) if measured else site


def _pooled(frame: Frame, fields: Sequence[FieldOptics], site: Site | None) -> FrameOptics:
    stated = [one.stated for one in fields if one.stated is not None]
    estimates = [one.estimate for one in fields if one.estimate is not None]
    white = median_white([one.white for one in fields])
    if white is None:
        raise ValueError("no fields")
    estimate = pooled_scale(estimates)
    size = median(stated) if stated else None
    reference = None if site is None else site.white_point
    return FrameOptics(
        frame=frame,
        fields=len(fields),
        stated=size,
        estimate=estimate,
        estimated=len(estimates),
        white=white,
        doubt=_doubt(size, None if site is None else site.pixel_size_of(*frame), estimate),
        drift="" if reference is None else white_drift(white, reference),
    )


def _doubt(stated: float | None, site: PixelSize | None, estimate: ScaleEstimate | None) -> str:
    size = stated or (None if site is None or site.source is ScaleSource.RED_CELLS else site.size)
    if size is None:
        return ""
    source = ScaleSource.FILE if stated else ScaleSource.SITE
    return red_cell_doubt(FieldScale(1 / size, 1 / size, 1 / size, source), estimate)
