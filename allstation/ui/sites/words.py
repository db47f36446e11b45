"""Description of a site in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from allstation.core.site import PixelSize, ScaleSource, White
from allstation.imaging.fields.site_measure import FrameOptics
from allstation.services.site.measuring import MeasuredSite
from allstation.ui.common.formatting import number, together
from allstation.ui.common.i18n import tr

_SOURCES: Final = {
    ScaleSource.FILE: "stated by the files",
    ScaleSource.SITE: "of the site",
    ScaleSource.BAR: "drawn along a bar",
    ScaleSource.TYPED: "typed",
    ScaleSource.RED_CELLS: "estimated from red cells",
    ScaleSource.NUCLEI: "guessed from nuclei",
}
_MOST_SLIDES: Final = 6
"""Slides that are named one by one."""


def frame_text(frame: tuple[int, int] | None) -> str:
    """Return the size of frames."""
    return tr("Any size") if frame is None else together(f"{frame[0]} × {frame[1]}")


def source_text(size: PixelSize) -> str:
    """Return where a pixel size comes from, with its interval."""
    text = tr(_SOURCES[size.source])
    if size.interval is None:
        return text
    low, high = size.interval
    return tr("{source}, {low} to {high} µm", source=text, low=f"{low:.3f}", high=f"{high:.3f}")


def white_text(white: White | None) -> str:
    """Return a white point as red, green and blue."""
    if white is None:
        return tr("Not measured")
    red, green, blue = (f"{part:.0f}" for part in white)
    return tr("red {red}, green {green}, blue {blue}", red=red, green=green, blue=blue)


def measured_text(measured: MeasuredSite) -> str:
    """Return what was measured of a case: by frame size, then the slides that differ from the site."""
    lines = [line for one in measured.frames for line in _frame_lines(one)]
    drifts = [
        tr("{slide}: {drift}", slide=name, drift=one.drift)
        for name, frames in measured.slides
        for one in frames
        if one.drift
    ]
    lines += drifts[:_MOST_SLIDES]
    if len(drifts) > _MOST_SLIDES:
        lines.append(tr("… and {n} more slides", n=number(len(drifts) - _MOST_SLIDES)))
    if measured.refused:
        lines.append(tr("Fields that could not be read: {n}", n=number(measured.refused)))
    return "\n".join(lines)


def _frame_lines(one: FrameOptics) -> Iterable[str]:
    size = one.by_red_cells
    if size is None:
        scale = tr("too few red cells to estimate the scale")
    else:
        scale = tr(
            "{size} µm a pixel, {source}; {n} red cells",
            size=f"{size.size:.3f}",
            source=source_text(size),
            n=number(one.estimate.red_cells if one.estimate is not None else 0),
        )
    if one.stated is not None:
        scale = tr("{size} µm a pixel by the files; {rest}", size=f"{one.stated:.4g}", rest=scale)
    yield tr("{n} fields of {frame}: {scale}", n=number(one.fields), frame=frame_text(one.frame), scale=scale)
    yield tr("Background: {white}", white=white_text(one.white))
    if one.doubt:
        yield one.doubt
