"""Geometry of a field on the canvas: zoom and pan without a widget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSizeF

MAX_SCALE: Final = 40.0
"""Screen units per field pixel; beyond it a field is a handful of squares."""

FIT_MARGIN: Final = 0.98
"""Share of the canvas that a fitted field fills, so that its border stays visible."""


_FAIR: Final = (0.12, 0.6)
"""Part of the canvas across which a thing that is looked at need not be shown larger or smaller."""
_WANTED: Final = 0.25
_ROUNDING: Final = 1e-6
_HALF_A_PIXEL: Final = 0.5


@dataclass(frozen=True, slots=True)
class RelativeView:
    """A view that can be carried over to a field of another size.

    Attributes:
        zoom: Scale in units of the fitting scale; 1.0 is the whole field.
        x: Shown centre, as a share of the width.
        y: Shown centre, as a share of the height.
    """

    zoom: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class View:
    """The mapping between field pixels and canvas coordinates.

    Attributes:
        image: Size of the field in pixels.
        canvas: Size of the canvas in device-independent units.
        scale: Canvas units per field pixel.
        centre_x: Field pixel shown at the middle of the canvas.
        centre_y: Field pixel shown at the middle of the canvas.
    """

    image: QSizeF
    canvas: QSizeF
    scale: float
    centre_x: float
    centre_y: float

    @classmethod
    def fitted(cls, image: QSizeF, canvas: QSizeF) -> View:
        """Show the whole field in the middle."""
        scale = _fit_scale(image, canvas)
        return cls(image, canvas, scale, image.width() / 2, image.height() / 2)

    @classmethod
    def from_relative(cls, relative: RelativeView, image: QSizeF, canvas: QSizeF) -> View:
        """Carry a view over to another field or another canvas."""
        scale = relative.zoom * _fit_scale(image, canvas)
        view = cls(image, canvas, scale, relative.x * image.width(), relative.y * image.height())
        return view._bounded()

    @property
    def fit_scale(self) -> float:
        """The scale at which the whole field just fits."""
        return _fit_scale(self.image, self.canvas)

    @property
    def is_fitted(self) -> bool:
        """Whether the whole field is shown in the middle, within rounding."""
        return abs(self.scale / self.fit_scale - 1) < _ROUNDING and self._is_centred()

    def relative(self) -> RelativeView:
        """Return the part of the view that means the same on another field."""
        return RelativeView(
            self.scale / self.fit_scale,
            self.centre_x / self.image.width(),
            self.centre_y / self.image.height(),
        )

    def to_canvas(self, point: QPointF) -> QPointF:
        """Field pixel to canvas coordinates."""
        return QPointF(
            (point.x() - self.centre_x) * self.scale + self.canvas.width() / 2,
            (point.y() - self.centre_y) * self.scale + self.canvas.height() / 2,
        )

    def to_image(self, point: QPointF) -> QPointF:
        """Canvas coordinates to field pixel."""
        return QPointF(
            (point.x() - self.canvas.width() / 2) / self.scale + self.centre_x,
            (point.y() - self.canvas.height() / 2) / self.scale + self.centre_y,
        )

    def image_rect(self) -> QRectF:
        """The whole field in canvas coordinates."""
        top_left = self.to_canvas(QPointF(0, 0))
        return QRectF(top_left, self.image * self.scale)

    def visible(self) -> QRectF:
        """The part of the field that is on the canvas, in field pixels."""
        shown = QRectF(self.to_image(QPointF(0, 0)), self.canvas / self.scale)
        return shown.intersected(QRectF(QPointF(0, 0), self.image))

    def scaled_to(self, scale: float, *, at: QPointF | None = None) -> View:
        """Change the scale and keep the field pixel at ``at`` (canvas; default: the middle) in place."""
        anchor = at if at is not None else QPointF(self.canvas.width() / 2, self.canvas.height() / 2)
        kept = self.to_image(anchor)
        bounded = min(max(scale, min(self.fit_scale, 1.0) * 0.25), MAX_SCALE)
        moved = replace(self, scale=bounded)
        now = moved.to_image(anchor)
        return replace(
            moved,
            centre_x=self.centre_x + kept.x() - now.x(),
            centre_y=self.centre_y + kept.y() - now.y(),
        )._bounded()

    def looking_at(self, area: QRectF) -> View:
        """Show a part of the field, in shares of its width and height, in the middle.

        The scale is kept where the part is seen at a fair size already.
        """
        width, height = self.image.width(), self.image.height()
        side = max(area.width() * width, area.height() * height, 1.0)
        room = min(self.canvas.width(), self.canvas.height())
        shown = side * self.scale / max(room, 1.0)
        scale = self.scale if _FAIR[0] <= shown <= _FAIR[1] else _WANTED * room / side
        moved = self.scaled_to(scale)
        centre = area.center()
        return replace(moved, centre_x=centre.x() * width, centre_y=centre.y() * height)._bounded()

    def panned(self, delta: QPointF) -> View:
        """Move the field by canvas units."""
        return replace(
            self,
            centre_x=self.centre_x - delta.x() / self.scale,
            centre_y=self.centre_y - delta.y() / self.scale,
        )._bounded()

    def resized(self, canvas: QSizeF) -> View:
        """Follow a change of the canvas: a fitted field stays fitted, others keep their scale."""
        if self.is_fitted:
            return View.fitted(self.image, canvas)
        return replace(self, canvas=canvas)._bounded()

    def _is_centred(self) -> bool:
        return (
            abs(self.centre_x - self.image.width() / 2) < _HALF_A_PIXEL
            and abs(self.centre_y - self.image.height() / 2) < _HALF_A_PIXEL
        )

    def _bounded(self) -> View:
        """Keep the middle of the canvas on the field, so that it can't be lost."""
        return replace(
            self,
            centre_x=min(max(self.centre_x, 0.0), self.image.width()),
            centre_y=min(max(self.centre_y, 0.0), self.image.height()),
        )


def _fit_scale(image: QSizeF, canvas: QSizeF) -> float:
    if image.isEmpty() or canvas.isEmpty():
        return 1.0
    scale = min(canvas.width() / image.width(), canvas.height() / image.height())
    return min(scale * FIT_MARGIN, MAX_SCALE)
