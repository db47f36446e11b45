"""Drawing of what was measured on a field: lines and outlines, each with its figures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen

from allstation.core.measure import Measure, MeasureKind
from allstation.ui.common.formatting import together
from allstation.ui.viewer.geometry import View
from allstation.ui.viewer.scale_bar import paint_line

_DARK: Final = QColor(0, 0, 0, 200)
LIGHT: Final = QColor(255, 214, 10)
"""As the line along a bar of known length; no class and no cell has this colour."""
_END: Final = 7.0
_APART: Final = 6.0


def shape_of(measure: Measure, view: View) -> QPainterPath:
    """Return the outline of what was measured, in coordinates of the canvas."""
    points = [view.to_canvas(QPointF(*point)) for point in measure.points]
    path = QPainterPath()
    if not points:
        return path
    if measure.kind is MeasureKind.ELLIPSE:
        path.addEllipse(QRectF(points[0], points[-1]).normalized())
        return path
    path.moveTo(points[0])
    for point in points[1:]:
        path.lineTo(point)
    if measure.kind is MeasureKind.AREA:
        path.closeSubpath()
    return path


def paint_measures(
    painter: QPainter, measures: Sequence[Measure], view: View, font: QFont, pixel_size: float | None
) -> None:
    """Draw measures and their figures.

    Args:
        painter: Of the canvas or a picture.
        measures: What was drawn.
        view: Where the field lies.
        font: Of the figures.
        pixel_size: Micrometres that a pixel is wide; None where it is not known.
    """
    if not measures:
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    room = QRectF(QPointF(0, 0), view.canvas)
    for measure in measures:
        path = shape_of(measure, view)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((_DARK, 4.0), (LIGHT, 2.0)):
            painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawPath(path)
            if measure.kind is MeasureKind.LINE:
                _paint_ends(painter, *(view.to_canvas(QPointF(*point)) for point in measure.points))
    for measure in measures:
        if measure.is_whole:
            text = together(measure.text(pixel_size))
            _paint_text(painter, text, shape_of(measure, view).boundingRect(), room, font)
    painter.restore()


def _paint_ends(painter: QPainter, start: QPointF, end: QPointF) -> None:
    """Draw a stroke across each end of a line."""
    along = end - start
    length = max((along.x() ** 2 + along.y() ** 2) ** 0.5, 1e-6)
    across = QPointF(-along.y(), along.x()) / length * _END
    for at in (start, end):
        painter.drawLine(at - across, at + across)


def _paint_text(painter: QPainter, text: str, box: QRectF, room: QRectF, font: QFont) -> None:
    """Paint figures beside the lower right end of a shape, within the canvas."""
    metrics = QFontMetricsF(font)
    width, height = metrics.horizontalAdvance(text) + 22, metrics.height() + 10
    corner = QPointF(box.right() + _APART, box.bottom() + height + _APART)
    corner.setX(max(min(corner.x(), room.right() - width), room.left()))
    corner.setY(max(min(corner.y(), room.bottom()), room.top() + height))
    paint_line(painter, corner, text, font)
