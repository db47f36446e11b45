"""A scale bar of a round length, for fields whose pixel size is known."""

from __future__ import annotations

import math
from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from allstation.ui.common.formatting import together
from allstation.ui.viewer.card import paint_ground

_LONGEST: Final = 150.0
_STEPS: Final = (5.0, 2.0, 1.0)
_WHITE: Final = QColor(255, 255, 255)


def bar_length(units_per_micrometre: float) -> tuple[float, float]:
    """Choose the longest round length (1, 2 or 5 times a power of ten) that fits.

    Args:
        units_per_micrometre: Canvas units that one micrometre takes.

    Returns:
        Micrometres, and canvas units.
    """
    room = _LONGEST / units_per_micrometre
    power = 10.0 ** math.floor(math.log10(room))
    micrometres = next(step * power for step in _STEPS if step * power <= room * (1 + 1e-9))
    return micrometres, micrometres * units_per_micrometre


def paint_line(painter: QPainter, corner: QPointF, text: str, font: QFont) -> QRectF:
    """Paint a line of text with its bottom left corner at ``corner``. Returns the covered rectangle."""
    metrics = QFontMetricsF(font)
    height = metrics.height() + 10
    rect = QRectF(corner.x(), corner.y() - height, metrics.horizontalAdvance(text) + 22, height)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    paint_ground(painter, rect)
    painter.setPen(_WHITE)
    painter.setFont(font)
    painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), text)
    painter.restore()
    return rect


def paint_scale_bar(painter: QPainter, corner: QPointF, units_per_micrometre: float, font: QFont) -> QRectF:
    """Paint the bar with its bottom left corner at ``corner``. Returns the covered rectangle."""
    micrometres, length = bar_length(units_per_micrometre)
    text = together(f"{micrometres:g} µm")
    metrics = QFontMetricsF(font)
    width = max(length, metrics.horizontalAdvance(text)) + 22
    height = metrics.height() + 21
    rect = QRectF(corner.x(), corner.y() - height, width, height)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    paint_ground(painter, rect)
    painter.setPen(_WHITE)
    painter.setFont(font)
    painter.drawText(
        rect.adjusted(0, 5, 0, 0), int(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter), text
    )
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    left = rect.center().x() - length / 2
    painter.fillRect(QRectF(left, rect.bottom() - 11, length, 3), _WHITE)
    for x in (left, left + length - 1):
        painter.fillRect(QRectF(x, rect.bottom() - 14, 1, 9), _WHITE)
    painter.restore()
    return rect
