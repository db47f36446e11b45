"""Scale mark of a crop: a bar of five micrometres in its corner."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPixmap, QPixmapCache

from allstation.ui.common.formatting import together

MICROMETRES: Final = 5.0
"""Length of every mark, so that crops can be compared by their marks alone."""
_SHORTEST: Final = 6.0
"""Logical pixels below which a mark tells nothing."""
_LABELLED_FROM: Final = 84.0
"""Side of a crop from which the length is written over its bar."""
_FROM_CORNER: Final = 5.0
_THICK: Final = 2.0
_GROUND: Final = QColor(20, 23, 28, 190)
_WHITE: Final = QColor(255, 255, 255)


def paint_scale_mark(painter: QPainter, box: QRectF, unit: float, font: QFont) -> None:
    """Paint the mark into the lower left corner of a crop.

    Args:
        painter: Of the view.
        box: The crop.
        unit: Logical pixels that a micrometre takes.
        font: Of the view.
    """
    length = round(MICROMETRES * unit)
    if length < _SHORTEST:
        return
    labelled = box.width() >= _LABELLED_FROM
    ratio = painter.device().devicePixelRatioF()
    key = f"scale mark {length} {labelled} {font.key()} {ratio}"
    mark = QPixmap()
    if not QPixmapCache.find(key, mark):
        mark = _mark(length, font, labelled=labelled, ratio=ratio)
        QPixmapCache.insert(key, mark)
    size = mark.deviceIndependentSize()
    corner = box.bottomLeft() + QPointF(_FROM_CORNER, -_FROM_CORNER - size.height())
    painter.drawPixmap(QPointF(round(corner.x()), round(corner.y())), mark)


def _mark(length: int, font: QFont, *, labelled: bool, ratio: float) -> QPixmap:
    small = QFont(font)
    small.setPointSizeF(max(font.pointSizeF() * 0.8, 5.0))
    text = together(f"{MICROMETRES:g} µm") if labelled else ""
    metrics = QFontMetricsF(small)
    words = QSizeF(metrics.horizontalAdvance(text), metrics.height() if labelled else 0)
    size = QSizeF(round(max(length, words.width()) + 8), round(words.height() + _THICK + 6))
    mark = QPixmap((size * ratio).toSize())
    mark.setDevicePixelRatio(ratio)
    mark.fill(QColor(0, 0, 0, 0))
    painter = QPainter(mark)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_GROUND)
    painter.drawRoundedRect(QRectF(QPointF(0, 0), size), 3, 3)
    if text:
        painter.setFont(small)
        painter.setPen(_WHITE)
        painter.drawText(QRectF(0, 1, size.width(), words.height()), Qt.AlignmentFlag.AlignCenter, text)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    left = round((size.width() - length) / 2)
    painter.fillRect(QRectF(left, size.height() - _THICK - 3, length, _THICK), _WHITE)
    painter.end()
    return mark
