"""Density map of results: how much of a class, of doubt or of white cells the fields of a place have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QLinearGradient, QPainter

from allstation.ui.viewer.card import paint_ground

_SQUARES: Final = 160
"""Squares along the longest side of a slide."""
_SPREAD: Final = 2.0
"""Standard deviation of the smoothing, in squares, at least."""
_FIELDS: Final = 0.6
"""The same in widths of a field: a map without holes between fields that touch."""
_FAINT: Final = 0.12
"""Weight of the fields around, of the densest place, from which a place is drawn in full."""
_OPACITY: Final = 160.0
_BAR: Final = QSizeF(90, 8)


@dataclass(frozen=True, slots=True)
class DensityMap:
    """Map over a whole slide.

    Attributes:
        image: Drawn over it; transparent where no field is near.
        title: What is shown.
        least: Words at the pale end of the legend.
        most: Words at the full end.
        colour: Of the full end.
    """

    image: QImage
    title: str
    least: str
    most: str
    colour: QColor


def density_image(
    boxes: NDArray[np.float64], values: NDArray[np.float64], size: QSizeF, colour: QColor
) -> QImage:
    """Return the mean of a value over the fields near each place.

    Args:
        boxes: (N, 4) left, top, width and height of the fields, pixels of level 0.
        values: (N,) 0 to 1.
        size: Of the slide, pixels of level 0.
        colour: Of the value 1; the value 0 is transparent.

    Returns:
        Small picture to be drawn over the whole slide.
    """
    scale = _SQUARES / max(size.width(), size.height(), 1.0)
    width, height = max(1, round(size.width() * scale)), max(1, round(size.height() * scale))
    middles = (boxes[:, :2] + boxes[:, 2:] / 2) * scale
    x = np.clip(middles[:, 0].astype(int), 0, width - 1)
    y = np.clip(middles[:, 1].astype(int), 0, height - 1)
    weights, sums = np.zeros((height, width)), np.zeros((height, width))
    np.add.at(weights, (y, x), 1.0)
    np.add.at(sums, (y, x), values)
    spread = max(_SPREAD, _FIELDS * float(np.median(boxes[:, 2])) * scale)
    weights, sums = _smoothed(weights, spread), _smoothed(sums, spread)
    peak = max(float(weights.max()), 1e-9)
    mean = np.divide(sums, weights, out=np.zeros_like(sums), where=weights > peak * 1e-3)
    alpha = np.clip(mean, 0, 1) * np.clip(weights / (peak * _FAINT), 0, 1) * _OPACITY
    pixels = np.empty((height, width, 4), np.uint8)
    for channel, part in enumerate((colour.blue(), colour.green(), colour.red())):
        pixels[..., channel] = np.rint(part * alpha / 255)
    pixels[..., 3] = np.rint(alpha)
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied).copy()


def _smoothed(grid: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    reach = int(3 * spread)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        grid = np.apply_along_axis(np.convolve, axis, grid, kernel, "full")
        grid = np.take(grid, np.arange(reach, grid.shape[axis] - reach), axis)
    return grid


def paint_density_legend(painter: QPainter, corner: QPointF, shown: DensityMap, font: QFont) -> QRectF:
    """Paint what a map shows with its bottom left corner at ``corner``. Returns the covered rectangle."""
    metrics = QFontMetricsF(font)
    ends = metrics.horizontalAdvance(shown.least), metrics.horizontalAdvance(shown.most)
    width = max(metrics.horizontalAdvance(shown.title), sum(ends) + _BAR.width() + 16) + 22
    height = 2 * metrics.height() + 16
    rect = QRectF(corner.x(), corner.y() - height, width, height)
    painter.save()
    paint_ground(painter, rect)
    painter.setPen(QColor(255, 255, 255))
    painter.setFont(font)
    inner = rect.adjusted(11, 6, -11, -6)
    top, low = int(Qt.AlignmentFlag.AlignTop), int(Qt.AlignmentFlag.AlignBottom)
    painter.drawText(inner, top | int(Qt.AlignmentFlag.AlignLeft), shown.title)
    painter.drawText(inner, low | int(Qt.AlignmentFlag.AlignLeft), shown.least)
    left = inner.left() + ends[0] + 8
    bar = QRectF(left, inner.bottom() - metrics.height() / 2 - _BAR.height() / 2, _BAR.width(), _BAR.height())
    gradient = QLinearGradient(bar.topLeft(), bar.topRight())
    gradient.setColorAt(0, QColor(255, 255, 255, 60))
    gradient.setColorAt(1, shown.colour)
    painter.fillRect(bar, gradient)
    words = QRectF(bar.right() + 8, inner.top(), ends[1] + 2, inner.height())
    painter.drawText(words, low | int(Qt.AlignmentFlag.AlignLeft), shown.most)
    painter.restore()
    return rect
