"""The evidence map of a prediction as a picture to lay over its field."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QLinearGradient, QPainter, QPen

from allstation.core.records import EvidenceMap
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card import paint_ground
from allstation.ui.viewer.picture import image_from_rgba

# Data colours: lightness rises with support, so the map reads without colour vision; teal and
# yellow are absent from Romanowsky stains.
_LOW: Final = np.array([0, 110, 140], np.float32)
_MIDDLE: Final = np.array([20, 200, 170], np.float32)
_HIGH: Final = np.array([255, 240, 70], np.float32)
_HALF: Final = 0.5
_LONG_SIDE: Final = 384
_MOST_OPAQUE: Final = 0.92
_WHITE: Final = QColor(255, 255, 255)
_QUIET: Final = QColor(205, 210, 218)


def colours(support: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn support of 0 to 1, of any shape, into straight RGBA: none is transparent."""
    value = np.clip(support, 0.0, 1.0)[..., None]
    lower = _LOW + (_MIDDLE - _LOW) * (value * 2)
    upper = _MIDDLE + (_HIGH - _MIDDLE) * (value * 2 - 1)
    rgb = np.where(value < _HALF, lower, upper)
    alpha = np.sqrt(value) * (255 * _MOST_OPAQUE)
    return np.concatenate([rgb, alpha], axis=-1).round().astype(np.uint8)


def evidence_image(evidence: EvidenceMap, class_name: str, *, aspect: float) -> QImage:
    """Return the support for one class, smoothly enlarged from the network's grid.

    Args:
        evidence: The prediction's map.
        class_name: One of its classes.
        aspect: Width by height of the field.
    """
    import cv2

    index = evidence.classes.index(class_name)
    planes = np.frombuffer(evidence.values, np.uint8).reshape(-1, evidence.rows, evidence.columns)
    size = (
        (_LONG_SIDE, round(_LONG_SIDE / aspect)) if aspect >= 1 else (round(_LONG_SIDE * aspect), _LONG_SIDE)
    )
    grid = planes[index].astype(np.float32) / 255
    smooth = cv2.resize(grid, (max(size[0], 1), max(size[1], 1)), interpolation=cv2.INTER_CUBIC)
    return image_from_rgba(colours(np.asarray(smooth, np.float32)))


def paint_legend(painter: QPainter, corner: QPointF, class_name: str, font: QFont) -> QRectF:
    """Paint the scale of the evidence map with its bottom left corner at ``corner``."""
    metrics = QFontMetricsF(font)
    title = tr("Evidence for {name}", name=class_name)
    less, more = tr("none"), tr("strongest")
    bar_width = max(metrics.horizontalAdvance(title), 120.0)
    width = bar_width + 22
    height = metrics.height() * 2 + 31
    rect = QRectF(corner.x(), corner.y() - height, width, height)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    paint_ground(painter, rect)
    inner = rect.adjusted(11, 7, -11, -7)
    painter.setFont(font)
    painter.setPen(_WHITE)
    painter.drawText(inner, int(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft), title)
    bar = QRectF(inner.left(), inner.top() + metrics.height() + 4, bar_width, 9)
    _paint_ramp(painter, bar)
    painter.setPen(_QUIET)
    painter.drawText(inner, int(Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft), less)
    painter.drawText(inner, int(Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignRight), more)
    painter.restore()
    return rect


def _paint_ramp(painter: QPainter, bar: QRectF) -> None:
    ramp = QLinearGradient(bar.topLeft(), bar.topRight())
    for stop in (0.0, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0):
        red, green, blue, alpha = (int(part) for part in colours(np.array(stop, np.float32)))
        ramp.setColorAt(stop, QColor(red, green, blue, alpha))
    painter.setPen(QPen(QColor(255, 255, 255, 90), 1))
    painter.setBrush(ramp)
    painter.drawRoundedRect(bar, 2.5, 2.5)
