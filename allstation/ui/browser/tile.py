"""Draws one field in the grid: picture, name, decision with its letter, review mark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPalette, QPen, QPixmap, QPixmapCache

from allstation.core.classes import NEEDS_REVIEW, ClassStyle, class_style
from allstation.core.records import FieldRecord, FieldState
from allstation.ui.browser import cells
from allstation.ui.browser.sections import Section
from allstation.ui.common import theme
from allstation.ui.common.formatting import field_name, number, percent
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card_content import invalid_text

PADDING: Final = 6
RADIUS: Final = 6.0
_CHIP: Final = 0.95
"""Side of a chip, in heights of the text beside it."""


@dataclass(frozen=True, slots=True)
class TileLook:
    """State of a tile apart from its field.

    Attributes:
        palette: Of the view.
        font: Of the view.
        selected: It is selected.
        current: The viewer shows it.
        hovered: The pointer is on it.
        picture_height: Logical pixels.
    """

    palette: QPalette
    font: QFont
    selected: bool
    current: bool
    hovered: bool
    picture_height: int


def text_height(font: QFont, lines: int = 2) -> int:
    """Return the height below the picture: lines of text and their gaps."""
    return round(QFontMetricsF(font).height() * lines + PADDING)


def paint_tile(
    painter: QPainter, rect: QRectF, *, record: FieldRecord | None, picture: QPixmap | None, look: TileLook
) -> None:
    """Draw a tile into a rectangle; a missing record or picture leaves a calm placeholder."""
    scheme = theme.tokens(look.palette)
    inner = rect.adjusted(2, 2, -2, -2)
    _ground(painter, inner, look, scheme)
    box = QRectF(
        inner.left() + PADDING, inner.top() + PADDING, inner.width() - 2 * PADDING, look.picture_height
    )
    _picture(painter, box, picture, scheme)
    if record is None:
        return
    _review_mark(painter, box, record, scheme)
    _comment_mark(painter, box, record, scheme)
    lines = QRectF(
        box.left(), box.bottom() + PADDING - 2, box.width(), inner.bottom() - box.bottom() - PADDING
    )
    _lines(painter, lines, record, look, scheme)


def _ground(painter: QPainter, rect: QRectF, look: TileLook, scheme: theme.Tokens) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    if look.selected or look.hovered:
        painter.setBrush(QColor(scheme.selection if look.selected else scheme.hover))
        painter.drawRoundedRect(rect, RADIUS + 2, RADIUS + 2)
    if look.current:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(scheme.accent), 2))
        painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), RADIUS + 1, RADIUS + 1)


def _picture(painter: QPainter, box: QRectF, picture: QPixmap | None, scheme: theme.Tokens) -> None:
    if picture is None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(scheme.track))
        painter.drawRoundedRect(box, RADIUS, RADIUS)
        return
    # At whole pixels and its own size: scaling or clipping it here would take most of a tile's time.
    size = picture.deviceIndependentSize()
    place = box.center() - QPointF(size.width() / 2, size.height() / 2)
    painter.drawPixmap(QPointF(round(place.x()), round(place.y())), picture)


def _review_mark(painter: QPainter, box: QRectF, record: FieldRecord, scheme: theme.Tokens) -> None:
    if record.review is None:
        return
    looked = record.review.class_name is not None
    colour = QColor(scheme.ok if looked else scheme.warning)
    circle = QRectF(box.right() - 22, box.top() + 5, 17, 17)
    painter.setPen(QPen(QColor(scheme.base), 1.5))
    painter.setBrush(colour)
    painter.drawEllipse(circle)
    painter.setPen(QPen(QColor(scheme.base), 2, c=Qt.PenCapStyle.RoundCap, j=Qt.PenJoinStyle.RoundJoin))
    centre = circle.center()
    if looked:
        tick = [QPointF(-3.6, 0.4), QPointF(-1.0, 3.0), QPointF(3.8, -2.8)]
        painter.drawPolyline([centre + point for point in tick])
    else:
        painter.drawPoint(centre)


def _comment_mark(painter: QPainter, box: QRectF, record: FieldRecord, scheme: theme.Tokens) -> None:
    """Draw a speech bubble where somebody wrote something."""
    if not record.comment:
        return
    bubble = QRectF(box.left() + 5, box.top() + 6, 17, 12)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(scheme.panel))
    painter.drawRoundedRect(bubble.adjusted(-1.5, -1.5, 1.5, 1.5), 4, 4)
    painter.setBrush(QColor(scheme.accent))
    painter.drawRoundedRect(bubble, 3, 3)
    tail = bubble.bottomLeft() + QPointF(4, 0)
    painter.drawPolygon([tail, tail + QPointF(5, 0), tail + QPointF(0, 4)])
    painter.setPen(QPen(QColor(scheme.on_accent), 1.5))
    for down in (4, 8):
        painter.drawLine(bubble.topLeft() + QPointF(4, down), bubble.topRight() + QPointF(-4, down))


def _lines(
    painter: QPainter, rect: QRectF, record: FieldRecord, look: TileLook, scheme: theme.Tokens
) -> None:
    metrics = QFontMetricsF(look.font)
    height = metrics.height()
    painter.setFont(look.font)
    painter.setPen(QColor(scheme.text))
    name = metrics.elidedText(field_name(record.path), Qt.TextElideMode.ElideMiddle, rect.width())
    painter.drawText(QRectF(rect.left(), rect.top(), rect.width(), height), Qt.AlignmentFlag.AlignLeft, name)
    second = QRectF(rect.left(), rect.top() + height, rect.width(), height)
    if record.prediction is None:
        _state_line(painter, second, record, scheme, metrics)
    else:
        _decision_line(painter, second, record, scheme, metrics)


def _state_line(
    painter: QPainter, rect: QRectF, record: FieldRecord, scheme: theme.Tokens, metrics: QFontMetricsF
) -> None:
    failed = record.state is FieldState.FAILED
    painter.setPen(QColor(scheme.danger if failed else scheme.muted))
    elided = metrics.elidedText(cells.undecided_text(record), Qt.TextElideMode.ElideRight, rect.width())
    painter.drawText(rect, Qt.AlignmentFlag.AlignLeft, elided)


def _decision_line(
    painter: QPainter, rect: QRectF, record: FieldRecord, scheme: theme.Tokens, metrics: QFontMetricsF
) -> None:
    prediction = record.prediction
    if prediction is None:
        return
    name = record.final_name or prediction.decision.name
    index = list(prediction.probabilities).index(name) if name in prediction.probabilities else 0
    side = round(metrics.height() * _CHIP)
    chip = QRectF(rect.left(), rect.center().y() - side / 2, side, side)
    paint_chip(painter, facing(painter, rect, chip), name, index=index)
    left = chip.right() + 5
    plain = name == NEEDS_REVIEW or record.review is not None or not prediction.probabilities_valid
    share = "" if plain else percent(prediction.top_probability, digits=0)
    painter.setPen(QColor(scheme.muted))
    painter.drawText(rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, share)
    room = rect.right() - left - metrics.horizontalAdvance(share) - 4
    painter.setPen(QColor(scheme.text))
    why = invalid_text(prediction) if name == NEEDS_REVIEW else ""
    words = why if why and metrics.horizontalAdvance(why) <= room else tr(name)
    words = metrics.elidedText(words, Qt.TextElideMode.ElideRight, room)
    place = QRectF(left, rect.top(), max(room, 0), rect.height())
    painter.drawText(facing(painter, rect, place), Qt.AlignmentFlag.AlignVCenter, words)


def paint_heading(
    painter: QPainter,
    line: QRectF,
    section: Section,
    palette: QPalette,
    font: QFont,
    *,
    ground: QColor | None = None,
) -> None:
    """Draw the heading of a group: its name, how many it holds, a line below."""
    scheme = theme.tokens(palette)
    painter.fillRect(line, ground or QColor(scheme.base))
    strong = QFont(font)
    strong.setWeight(QFont.Weight.DemiBold)
    inner = line.adjusted(PADDING + 4, 0, -PADDING - 4, 0)
    count = number(section.count)
    painter.setFont(font)
    painter.setPen(QColor(scheme.muted))
    middle = Qt.AlignmentFlag.AlignVCenter
    painter.drawText(inner, Qt.AlignmentFlag.AlignRight | middle, count)
    room = inner.width() - QFontMetricsF(font).horizontalAdvance(count) - 2 * PADDING
    painter.setFont(strong)
    painter.setPen(QColor(scheme.text))
    words = QFontMetricsF(strong).elidedText(section.title, Qt.TextElideMode.ElideMiddle, room)
    painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | middle, words)
    painter.setPen(QColor(scheme.border))
    painter.drawLine(line.bottomLeft() - QPointF(0, 1), line.bottomRight() - QPointF(0, 1))


def facing(painter: QPainter, outer: QRectF, inner: QRectF) -> QRectF:
    """Return a part of a rectangle, turned to the other side where writing runs from right to left."""
    if painter.layoutDirection() != Qt.LayoutDirection.RightToLeft:
        return inner
    return QRectF(outer.left() + outer.right() - inner.right(), inner.top(), inner.width(), inner.height())


def paint_chip(painter: QPainter, rect: QRectF, name: str, *, index: int = 0) -> None:
    """Draw the letter of a class on its colour."""
    style = class_style(name, index)
    ratio = painter.device().devicePixelRatioF()
    key = (
        f"chip {style.letter} {style.colour} {painter.font().family()} {rect.width()} {rect.height()} {ratio}"
    )
    chip = QPixmap()
    if not QPixmapCache.find(key, chip):
        chip = _chip(style, painter.font(), rect.size(), ratio)
        QPixmapCache.insert(key, chip)
    painter.drawPixmap(QPointF(round(rect.x()), round(rect.y())), chip)


def _chip(style: ClassStyle, base: QFont, size: QSizeF, ratio: float) -> QPixmap:
    chip = QPixmap((size * ratio).toSize())
    chip.setDevicePixelRatio(ratio)
    chip.fill(QColor(0, 0, 0, 0))
    rect, colour, font = QRectF(QPointF(0, 0), size), QColor(style.colour), QFont(base)
    font.setPixelSize(max(7, round(rect.height() * 0.7)))
    font.setWeight(QFont.Weight.DemiBold)
    painter = QPainter(chip)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(rect, rect.height() * 0.28, rect.height() * 0.28)
    painter.setFont(font)
    painter.setPen(theme.readable_on(colour))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, style.letter)
    painter.end()
    return chip
