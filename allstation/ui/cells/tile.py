"""Painting of one cell in the gallery: crop, outline, type with its key; who said it is told by the line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPalette,
    QPen,
    QPixmap,
    QPixmapCache,
    QPolygonF,
    QTransform,
)

from allstation.core.cell_types import CellType
from allstation.ui.browser.tile import PADDING, RADIUS, facing
from allstation.ui.cells.crops import ShownCrop
from allstation.ui.cells.scale_mark import paint_scale_mark
from allstation.ui.common import theme
from allstation.ui.common.formatting import percent
from allstation.ui.common.i18n import tr

_CHIP: Final = 0.95
"""Side of a chip, in heights of the text beside it."""
_LINE: Final = 2.0
_OUTLINE: Final = ((QColor(10, 12, 16, 200), 3.0), (QColor(255, 255, 90), 1.3))


@dataclass(frozen=True, slots=True)
class CellLook:
    """Style in which a cell is drawn.

    Attributes:
        palette: Of the view.
        font: Of the view.
        side: Of the crop, logical pixels.
        selected: It is selected.
        current: The viewer shows it.
        hovered: The pointer is on it.
        outlined: Its outline is drawn.
        type: The shown type; None without one.
        proposed: Nobody gave the type: it is a proposal.
        probability: Of the proposal.
        unit: Logical pixels that a micrometre takes in the crop; None where the scale is not known.
    """

    palette: QPalette
    font: QFont
    side: int
    selected: bool
    current: bool
    hovered: bool
    outlined: bool
    type: CellType | None = None
    proposed: bool = False
    probability: float | None = None
    unit: float | None = None


def paint_cell(painter: QPainter, rect: QRectF, *, crop: ShownCrop | None, look: CellLook) -> None:
    """Draw a cell into a rectangle; a missing crop leaves a calm placeholder, a refused one its reason."""
    scheme = theme.tokens(look.palette)
    inner = rect.adjusted(2, 2, -2, -2)
    painter.setPen(Qt.PenStyle.NoPen)
    if look.selected or look.hovered:
        painter.setBrush(QColor(scheme.selection if look.selected else scheme.hover))
        painter.drawRoundedRect(inner, RADIUS + 2, RADIUS + 2)
    box = picture_box(rect, look.side)
    if crop is not None and crop.picture is not None:
        painter.drawPixmap(box.topLeft(), crop.picture)
        if look.outlined:
            paint_outline(painter, box, crop.outline)
        if look.unit is not None:
            paint_scale_mark(painter, box, look.unit, look.font)
    else:
        painter.setBrush(QColor(scheme.track))
        painter.drawRoundedRect(box, RADIUS, RADIUS)
        if crop is not None:
            _paint_problem(painter, box, look.font, scheme, changed=crop.changed)
    _paint_frame(painter, box, look)
    if look.current:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(scheme.accent), 2))
        painter.drawRoundedRect(inner.adjusted(1, 1, -1, -1), RADIUS + 1, RADIUS + 1)
    top = box.bottom() + PADDING - 2
    _paint_words(painter, QRectF(box.left(), top, box.width(), inner.bottom() - top), look, scheme)


def picture_box(rect: QRectF, side: int) -> QRectF:
    """Return where the crop lies in the rectangle of a cell, at whole pixels."""
    left = round(rect.center().x() - side / 2)
    return QRectF(left, rect.top() + 2 + PADDING, side, side)


def paint_outline(painter: QPainter, box: QRectF, outline: QPolygonF) -> None:
    """Draw the outline of a cell over its crop."""
    if outline.isEmpty():
        return
    place = QTransform.fromTranslate(box.left(), box.top()).scale(box.width(), box.height())
    line = place.map(outline)
    painter.save()
    painter.setClipRect(box)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in _OUTLINE:
        painter.setPen(QPen(colour, width))
        painter.drawPolygon(line)
    painter.restore()


def _paint_problem(
    painter: QPainter, box: QRectF, font: QFont, scheme: theme.Tokens, *, changed: bool
) -> None:
    painter.setFont(font)
    painter.setPen(QColor(scheme.danger))
    text = tr("The file is another one now") if changed else tr("No picture")
    flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
    painter.drawText(box.adjusted(4, 4, -4, -4), flags, text)


def _paint_frame(painter: QPainter, box: QRectF, look: CellLook) -> None:
    """Draw the line that tells a person's type (whole) from a proposed one (dashed) and from none."""
    if look.type is None:
        return
    pen = QPen(QColor(look.type.colour), _LINE)
    if look.proposed:
        pen.setDashPattern([2.4, 2.0])
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), RADIUS - 1, RADIUS - 1)


def _paint_words(painter: QPainter, rect: QRectF, look: CellLook, scheme: theme.Tokens) -> None:
    metrics = QFontMetricsF(look.font)
    middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
    line = QRectF(rect.left(), rect.top(), rect.width(), metrics.height())
    font = QFont(look.font)
    painter.setFont(font)
    if look.type is None:
        painter.setPen(QColor(scheme.muted))
        painter.drawText(
            line, middle, metrics.elidedText(tr("no type"), Qt.TextElideMode.ElideRight, line.width())
        )
        return
    side = round(metrics.height() * _CHIP)
    chip = QRectF(line.left(), line.center().y() - side / 2, side, side)
    paint_type_chip(
        painter, facing(painter, line, chip), look.type, text=QColor(scheme.text), hollow=look.proposed
    )
    share = "" if look.probability is None or not look.proposed else percent(look.probability, digits=0)
    words = line.adjusted(side + 5, 0, 0, 0)
    if share and metrics.horizontalAdvance(share) < words.width() * 0.5:
        painter.setPen(QColor(scheme.muted))
        painter.drawText(
            facing(painter, line, words), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, share
        )
        words.setWidth(words.width() - metrics.horizontalAdvance(share) - 3)
    name = tr("{name}?", name=tr(look.type.name)) if look.proposed else tr(look.type.name)
    font.setItalic(look.proposed)
    painter.setFont(font)
    painter.setPen(QColor(scheme.muted if look.proposed else scheme.text))
    elided = QFontMetricsF(font).elidedText(name, Qt.TextElideMode.ElideRight, words.width())
    painter.drawText(facing(painter, line, words), middle, elided)


def key_label(kind: CellType) -> str:
    """Return what stands on the chip of a type: its key, else the first letter of its name."""
    return (kind.shortcut or kind.name[:1]).upper()


def paint_type_chip(
    painter: QPainter, rect: QRectF, kind: CellType, *, text: QColor, hollow: bool = False
) -> None:
    """Draw the key of a type on its colour; for a proposal in a dashed frame of that colour.

    Args:
        painter: With the font of the words beside it.
        rect: The square of the chip.
        kind: The type.
        text: Colour of the letter in a frame.
        hollow: It is a proposal.
    """
    ratio = painter.device().devicePixelRatioF()
    name = f"{key_label(kind)} {kind.colour} {hollow} {text.name()} {painter.font().family()}"
    key = f"cell chip {name} {rect.width()} {ratio}"
    chip = QPixmap()
    if not QPixmapCache.find(key, chip):
        chip = _chip(kind, rect.width(), painter.font(), text=text if hollow else None, ratio=ratio)
        QPixmapCache.insert(key, chip)
    painter.drawPixmap(QPointF(round(rect.x()), round(rect.y())), chip)


def _chip(kind: CellType, side: float, base: QFont, *, text: QColor | None, ratio: float) -> QPixmap:
    chip = QPixmap((QSizeF(side, side) * ratio).toSize())
    chip.setDevicePixelRatio(ratio)
    chip.fill(QColor(0, 0, 0, 0))
    rect, colour, font = QRectF(0, 0, side, side), QColor(kind.colour), QFont(base)
    font.setItalic(False)
    font.setPixelSize(max(7, round(side * 0.7)))
    font.setWeight(QFont.Weight.DemiBold)
    painter = QPainter(chip)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if text is None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawRoundedRect(rect, side * 0.28, side * 0.28)
    else:
        pen = QPen(colour, 1.4)
        pen.setDashPattern([2.0, 1.6])
        painter.setPen(pen)
        painter.drawRoundedRect(rect.adjusted(0.8, 0.8, -0.8, -0.8), side * 0.28, side * 0.28)
    painter.setFont(font)
    painter.setPen(theme.readable_on(colour) if text is None else text)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, key_label(kind))
    painter.end()
    return chip
