"""Painting of one field in order: pixels, evidence, outlines, notes. No widget, no events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPainterPath, QPen

from allstation.core.known_sizes import KnownSize, KnownSizes
from allstation.core.measure import Measure
from allstation.core.records import FieldRecord
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card import CardPainter, OverlayStyle
from allstation.ui.viewer.card_content import card_content
from allstation.ui.viewer.cell_marks import CellMark, paint_marks
from allstation.ui.viewer.evidence import evidence_image, paint_legend
from allstation.ui.viewer.geometry import View
from allstation.ui.viewer.measures import paint_measures
from allstation.ui.viewer.picture import FieldPicture
from allstation.ui.viewer.scale_bar import paint_line, paint_scale_bar

_CRISP_FROM: Final = 3.0
"""Device pixels per field pixel from which each field pixel is drawn as a sharp square."""

_MARGIN: Final = 12.0
_LARGEST_SHARE: Final = 0.72
"""A card may take this share of the canvas; beyond it the badge stands in."""

_OUTLINE_DARK: Final = QColor(10, 12, 16, 200)
_OUTLINE_LIGHT: Final = QColor(255, 255, 90)


@dataclass(frozen=True, slots=True)
class Layers:
    """Layers to draw over a field.

    Attributes:
        style: Style of the probability overlay.
        evidence: Whether the evidence map is drawn.
        evidence_class: Class of the map; empty for the class with the highest probability.
        opacity: Of the evidence map, 0 to 1.
        outlines: Whether cell outlines are drawn.
        hidden: Blind review: nothing of the prediction is drawn.
        sizes: Pixel sizes by slides, case data and site, each for the frames that it holds for.
    """

    style: OverlayStyle = OverlayStyle.BARS
    evidence: bool = False
    evidence_class: str = ""
    opacity: float = 0.6
    outlines: bool = False
    hidden: bool = False
    sizes: KnownSizes = field(default_factory=KnownSizes)


@dataclass
class Scene:
    """Scene: a field with its layers.

    Attributes:
        record: The field.
        picture: Its pixels, once read.
        layers: What to draw.
        polygons: Cell outlines, (N, 2) arrays as shares of width and height.
        cells: Cells of the field as the case holds them; None where it holds none.
        measures: What a person measured.
        growing: What they are drawing.
    """

    record: FieldRecord | None = None
    picture: FieldPicture | None = None
    layers: Layers = field(default_factory=Layers)
    polygons: Sequence[NDArray[np.float64]] = ()
    cells: Sequence[CellMark] | None = None
    measures: Sequence[Measure] = ()
    growing: Measure | None = None
    _map: QImage | None = None
    _map_of: tuple[object, str] | None = None

    def evidence_class(self) -> str:
        """Return the class whose evidence is meant, or an empty string when there is no map."""
        prediction = self.record.prediction if self.record is not None else None
        if prediction is None or prediction.evidence is None or self.layers.hidden:
            return ""
        wanted = self.layers.evidence_class
        # Where probabilities mean nothing there is no highest class; a person may still choose one.
        top = prediction.top_class if prediction.probabilities_valid else ""
        name = wanted if wanted in prediction.evidence.classes else top
        return name if name in prediction.evidence.classes else ""

    def known_size(self) -> KnownSize | None:
        """Return the pixel size that counts for this field, None if nobody says it."""
        record = self.record
        if record is None:
            return None
        stated = self.picture.pixel_size if self.picture is not None else None
        return self.layers.sizes.find(record.width, record.height, slide=record.slide_id, stated=stated)

    def pixel_size(self) -> float | None:
        """Return micrometres per pixel of this field, None if nobody says it."""
        known = self.known_size()
        return None if known is None else known.size

    def description(self) -> str:
        """Return the overlay in words."""
        if self.record is None:
            return ""
        said = card_content(self.record, hidden=self.layers.hidden).description()
        measured = (measure.text(self.pixel_size()) for measure in self.measures)
        return "\n".join(filter(None, (said, self.pages_text(), *measured)))

    def pages_text(self) -> str:
        """Return what to say of a file with further pages or channels; nothing of any other."""
        if self.picture is None:
            return ""
        pages, channels = self.picture.pages, self.picture.channels_left_out
        said = [tr("First of {n} pages; only it is classified", n=number(pages))] if pages > 1 else []
        if channels:
            said.append(tr("Further channels left out: {n}", n=number(channels)))
        return ". ".join(said)

    def paint(self, painter: QPainter, view: View, font: QFont, ratio: float) -> bool:
        """Paint everything.

        Args:
            painter: Of the canvas or a picture.
            view: Where the field lies.
            font: Of the notes.
            ratio: Device pixels per canvas unit.

        Returns:
            Whether pixels of the field were painted.
        """
        if self.picture is None or self.record is None:
            return False
        painted = self._paint_pixels(painter, self.picture, view, ratio)
        if self.layers.evidence:
            self._paint_evidence(painter, view)
        if self.cells is not None:
            paint_marks(painter, self.cells, view.image_rect(), font, outlines=self.layers.outlines)
        elif self.layers.outlines:
            self._paint_outlines(painter, view)
        drawn = [*self.measures, *([self.growing] if self.growing is not None else [])]
        paint_measures(painter, drawn, view, font, self.pixel_size())
        self.paint_notes(painter, view.canvas, font, scale=view.scale)
        return painted

    def paint_notes(self, painter: QPainter, room: QSizeF, font: QFont, *, scale: float | None) -> None:
        """Paint the card, the legend and the scale bar, each in its corner; bottom right stays free."""
        if self.record is None:
            return
        painter.save()
        # From left to right in every language: a legend that turned round would say the opposite.
        painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self._paint_card(painter, room, font)
        corner = QPointF(_MARGIN, room.height() - _MARGIN)
        size = self.pixel_size()
        if scale is not None and size:
            covered = paint_scale_bar(painter, corner, scale / size, font)
            corner.setX(covered.right() + 8)
        if scale is not None and (pages := self.pages_text()):
            corner.setX(paint_line(painter, corner, pages, font).right() + 8)
        name = self.evidence_class() if self.layers.evidence and scale is not None else ""
        if name:
            paint_legend(painter, corner, name, font)
        painter.restore()

    def fitting_style(self, room: QSizeF, font: QFont) -> OverlayStyle:
        """Return the wanted style, or the badge where the card would cover too much."""
        if self.layers.style is not OverlayStyle.BARS or self.record is None:
            return self.layers.style
        size = CardPainter(card_content(self.record, hidden=self.layers.hidden), font).size(OverlayStyle.BARS)
        fits = size.width() < room.width() * _LARGEST_SHARE and size.height() < room.height() * _LARGEST_SHARE
        return OverlayStyle.BARS if fits else OverlayStyle.BADGE

    def _paint_card(self, painter: QPainter, room: QSizeF, font: QFont) -> None:
        if self.record is None:
            return
        content = card_content(self.record, hidden=self.layers.hidden)
        card = CardPainter(content, font, room=room.width() - 2 * _MARGIN)
        card.paint(painter, QPointF(_MARGIN, _MARGIN), self.fitting_style(room, font))

    @staticmethod
    def _paint_pixels(painter: QPainter, picture: FieldPicture, view: View, ratio: float) -> bool:
        shown = view.visible()
        if shown.isEmpty():
            return False
        level = picture.level_for(view.scale * ratio)
        across = level.width() / picture.size.width()
        down = level.height() / picture.size.height()
        source = QRectF(shown.x() * across, shown.y() * down, shown.width() * across, shown.height() * down)
        target = QRectF(view.to_canvas(shown.topLeft()), shown.size() * view.scale)
        smooth = view.scale * ratio < _CRISP_FROM
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(target, level, source)
        return True

    def _paint_evidence(self, painter: QPainter, view: View) -> None:
        name = self.evidence_class()
        prediction = self.record.prediction if self.record is not None else None
        if not name or prediction is None or prediction.evidence is None:
            return
        if self._map is None or self._map_of != (prediction.evidence, name):
            aspect = view.image.width() / view.image.height()
            self._map = evidence_image(prediction.evidence, name, aspect=aspect)
            self._map_of = (prediction.evidence, name)
        painter.save()
        painter.setOpacity(self.layers.opacity)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setClipRect(QRectF(QPointF(0, 0), view.canvas))
        painter.drawImage(view.image_rect(), self._map)
        painter.restore()

    def _paint_outlines(self, painter: QPainter, view: View) -> None:
        if not self.polygons:
            return
        rect = view.image_rect()
        path = QPainterPath()
        for polygon in self.polygons:
            points = polygon * (rect.width(), rect.height()) + (rect.x(), rect.y())
            path.moveTo(*points[0])
            for x, y in points[1:]:
                path.lineTo(x, y)
            path.closeSubpath()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((_OUTLINE_DARK, 3.6), (_OUTLINE_LIGHT, 1.6)):
            painter.setPen(
                QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
            )
            painter.drawPath(path)
        painter.restore()

    def change(self, **changes: object) -> None:
        """Replace some of the layers' attributes."""
        self.layers = replace(self.layers, **changes)  # type: ignore[arg-type]
