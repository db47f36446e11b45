"""Lengths and areas that a person draws on a field, in pixels and in micrometres where its scale is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

Point = tuple[float, float]
"""Column and row in pixels of the field."""


class MeasureKind(StrEnum):
    """Shape that is drawn."""

    LINE = "line"
    AREA = "area"
    ELLIPSE = "ellipse"


@dataclass(frozen=True, slots=True)
class Measure:
    """Line, polygon or ellipse on a field.

    Attributes:
        kind: The shape.
        points: Ends of a line, corners of a polygon in order, or two opposite corners of an ellipse's box.
    """

    kind: MeasureKind
    points: tuple[Point, ...]

    @property
    def is_whole(self) -> bool:
        """Whether it has a length or an area."""
        return self.pixels > 0

    @property
    def axes(self) -> Point:
        """Both diameters of an ellipse in pixels, the larger first; 0 of other shapes."""
        if self.kind is not MeasureKind.ELLIPSE or len(self.points) != 2:  # noqa: PLR2004 - two corners
            return 0.0, 0.0
        (left, top), (right, bottom) = self.points
        across, down = abs(right - left), abs(bottom - top)
        return max(across, down), min(across, down)

    @property
    def pixels(self) -> float:
        """Length in pixels of a line, else area in square pixels."""
        if len(self.points) < 2:  # noqa: PLR2004 - nothing was drawn yet
            return 0.0
        if self.kind is MeasureKind.LINE:
            return math.dist(self.points[0], self.points[-1])
        if self.kind is MeasureKind.ELLIPSE:
            return math.pi / 4 * self.axes[0] * self.axes[1]
        following = (*self.points[1:], self.points[0])
        turned = (x * v - u * y for (x, y), (u, v) in zip(self.points, following, strict=True))
        return abs(sum(turned)) / 2

    def text(self, pixel_size: float | None) -> str:
        """Return what was measured, for example ``12.3 µm (123 px)`` or ``123 px, scale not known``.

        Args:
            pixel_size: Micrometres that a pixel is wide; None where it is not known.
        """
        square = "" if self.kind is MeasureKind.LINE else "²"
        pixels = f"{_figure(self.pixels)} px{square}"
        axes = _axes(self.axes, pixel_size) if self.kind is MeasureKind.ELLIPSE else ""
        if pixel_size is None:
            return f"{pixels}{axes}, scale not known"
        scale = pixel_size if self.kind is MeasureKind.LINE else pixel_size**2
        return f"{_figure(self.pixels * scale)} µm{square}{axes} ({pixels})"


def _axes(axes: Point, pixel_size: float | None) -> str:
    unit, scale = ("px", 1.0) if pixel_size is None else ("µm", pixel_size)
    return f", {_figure(axes[0] * scale)} × {_figure(axes[1] * scale)} {unit}"


def _figure(value: float) -> str:
    """Return a figure with three digits, and all digits of its whole part."""
    digits = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:.{min(max(digits, 0), 3)}f}"
