"""Painting of stored cells over a field: outlines with the letters of their types, chosen ones marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from allstation.ui.common import theme

_DARK: Final = QColor(10, 12, 16, 200)
_PLAIN: Final = QColor(255, 255, 90)
_CHOSEN: Final = QColor(255, 255, 255)
_CORNER: Final = 0.28
"""Length of the corners around a chosen cell, in sides of its frame."""
_APART: Final = 5.0


@dataclass(frozen=True, slots=True)
class CellMark:
    """Cell as it is drawn over its field.

    Attributes:
        cell_id: The cell.
        outline: (N, 2) x and y as shares of the field's width and height.
        letter: On its label; empty for none.
        colour: ``#rrggbb`` of its type; empty without one.
        proposed: Nobody gave the type: the line is dashed.
        removed: It was taken out: the line is dotted.
        chosen: It is selected.
    """

    cell_id: int
    outline: NDArray[np.float64]
    letter: str = ""
    colour: str = ""
    proposed: bool = False
    removed: bool = False
    chosen: bool = False

    def holds(self, x: float, y: float) -> bool:
        """Tell whether a point, in shares of width and height, lies in the cell."""
        return polygon_of(self.outline, QRectF(0, 0, 1, 1)).containsPoint(
            QPointF(x, y), Qt.FillRule.OddEvenFill
        )


def polygon_of(outline: NDArray[np.float64], rect: QRectF) -> QPolygonF:
    """Return an outline in the rectangle in which its field lies."""
    points = outline * (rect.width(), rect.height()) + (rect.x(), rect.y())
    return QPolygonF([QPointF(x, y) for x, y in points.tolist()])


def paint_marks(
    painter: QPainter, marks: Sequence[CellMark], rect: QRectF, font: QFont, *, outlines: bool
) -> None:
    """Draw the cells of a field.

    Args:
        painter: Of the canvas or a picture.
        marks: The cells.
        rect: Where the field lies.
        font: Of the labels.
        outlines: Draw all outlines; without it only the corners around what is chosen.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for mark in marks:
        polygon = polygon_of(mark.outline, rect)
        box = polygon.boundingRect()
        if outlines and not polygon.isEmpty():
            _paint_outline(painter, mark, polygon)
        if mark.chosen:
            box.adjust(-_APART, -_APART, _APART, _APART)
            paint_corners(painter, box)
        if outlines and mark.letter:
            _paint_symbol(painter, mark, box, font)
    painter.restore()


def _paint_outline(painter: QPainter, mark: CellMark, polygon: QPolygonF) -> None:
    colour = QColor(mark.colour) if mark.colour else _PLAIN
    for shade, width in ((_DARK, 4.2), (colour, 2.2)):
        pen = QPen(shade, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.RoundJoin)
        if mark.removed:
            pen.setDashPattern([1.0, 2.0])
        elif mark.proposed and shade is colour:
            pen.setDashPattern([3.0, 2.2])
        painter.setPen(pen)
        painter.drawPolygon(polygon)


def _paint_symbol(painter: QPainter, mark: CellMark, box: QRectF, font: QFont) -> None:
    words = f"{mark.letter}?" if mark.proposed else mark.letter
    bold = QFont(font)
    bold.setBold(True)
    metrics = QFontMetricsF(bold)
    height = metrics.height()
    width = max(height, metrics.horizontalAdvance(words) + 8)
    label = QRectF(box.left(), box.top() - height - 3, width, height)
    colour = QColor(mark.colour)
    painter.setFont(bold)
    pen = QPen(_DARK, 1)
    if mark.proposed:
        pen = QPen(colour, 1.6)
        pen.setDashPattern([2.0, 1.6])
    painter.setPen(pen)
    ground = QColor(theme.DARK.canvas) if mark.proposed else colour
    painter.setBrush(ground)
    painter.drawRoundedRect(label, 4, 4)
    painter.setPen(theme.readable_on(ground))
    painter.drawText(label, Qt.AlignmentFlag.AlignCenter, words)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def paint_corners(painter: QPainter, frame: QRectF) -> None:
    """Draw the four corners of a frame: seen on any ground, and nothing of the cell is covered."""
    across, down = frame.width() * _CORNER, frame.height() * _CORNER
    corners = (
        (frame.topLeft(), across, down),
        (frame.topRight(), -across, down),
        (frame.bottomLeft(), across, -down),
        (frame.bottomRight(), -across, -down),
    )
    for colour, width in ((_DARK, 5.0), (_CHOSEN, 2.6)):
        painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        for at, right, low in corners:
            painter.drawPolyline([at + QPointF(right, 0), at, at + QPointF(0, low)])
