"""The translucent card over a field: decision, probabilities, review."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from allstation.ui.common import theme
from allstation.ui.viewer.card_content import CardContent, ClassRow, Mark

# The card lies on photographs, not on the window: it is dark in every theme, and its contrast is
# that of its own text on its own ground (white on #14171c at 90 % over white is above 11:1).
GROUND: Final = QColor(20, 23, 28, 232)
_EDGE: Final = QColor(255, 255, 255, 60)
_TEXT: Final = QColor(255, 255, 255)
_QUIET: Final = QColor(205, 210, 218)
_TRACK: Final = QColor(255, 255, 255, 46)

_PAD: Final = 11.0
_CHIP: Final = 1.45
_BAR: Final = 94.0
_GAP: Final = 8.0
_MAX_TEXT: Final = 270.0
_EDGED_FROM: Final = 3.0


class OverlayStyle(StrEnum):
    """Style of the overlay."""

    BARS = "bars"
    BADGE = "badge"
    OFF = "off"

    def following(self) -> OverlayStyle:
        """The style after this one, for the key that cycles through them."""
        styles = list(OverlayStyle)
        return styles[(styles.index(self) + 1) % len(styles)]


@dataclass(frozen=True, slots=True)
class _Fonts:
    plain: QFont
    strong: QFont
    heading: QFont
    small: QFont

    @classmethod
    def around(cls, base: QFont) -> _Fonts:
        plain = QFont(base)
        plain.setFeature(QFont.Tag("tnum"), 1)  # digits of one width keep the percent column still
        strong, heading, small = QFont(plain), QFont(plain), QFont(plain)
        strong.setBold(True)
        heading.setBold(True)
        _scale(heading, 1.12)
        _scale(small, 0.92)
        return cls(plain, strong, heading, small)


def _scale(font: QFont, factor: float) -> None:
    if font.pointSizeF() > 0:
        font.setPointSizeF(font.pointSizeF() * factor)
    else:
        font.setPixelSize(round(font.pixelSize() * factor))


class CardPainter:
    """Measures and paints one card.

    Args:
        content: What to say.
        font: The window's font; the card grows with it.
        room: Width that a badge may take.
    """

    def __init__(self, content: CardContent, font: QFont, *, room: float = math.inf) -> None:
        self._content = content
        self._room = room
        self._fonts = _Fonts.around(font)
        self._line = QFontMetricsF(self._fonts.plain).height()
        self._chip = max(self._line * _CHIP * 0.82, 17.0)
        self._pitch = self._chip + 5.0
        rows = content.rows
        plain, strong = QFontMetricsF(self._fonts.plain), QFontMetricsF(self._fonts.strong)
        self._names = max((strong.horizontalAdvance(row.mark.name) for row in rows), default=0.0)
        self._percents = max(
            (max(strong.horizontalAdvance(row.percent), plain.horizontalAdvance(">99.9 %")) for row in rows),
            default=0.0,
        )

    def size(self, style: OverlayStyle) -> QSizeF:
        """Size of the card in device-independent units; empty when the overlay is off."""
        if style is OverlayStyle.OFF:
            return QSizeF(0, 0)
        return self._badge_size() if style is OverlayStyle.BADGE else self._bars_size()

    def paint(self, painter: QPainter, at: QPointF, style: OverlayStyle) -> QRectF:
        """Paint the card with its top left corner at ``at``. Returns the covered rectangle."""
        rect = QRectF(at, self.size(style))
        if style is OverlayStyle.OFF:
            return rect
        painter.save()
        # Laid out from left to right in every language, as everything drawn on a field is: with the
        # window's own direction alignments would turn round and the boxes would not.
        painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_ground(painter, rect)
        if style is OverlayStyle.BADGE:
            self._paint_badge(painter, rect)
        else:
            self._paint_bars(painter, rect)
        painter.restore()
        return rect

    # Bars ------------------------------------------------------------------------------------

    def _row_width(self) -> float:
        if not self._content.rows:
            return 0.0
        return self._chip + _GAP + self._names + _GAP + _BAR + _GAP + self._percents

    def _inner_width(self) -> float:
        heading = QFontMetricsF(self._fonts.heading).horizontalAdvance(self._content.heading)
        small = QFontMetricsF(self._fonts.small)
        notes = max((small.horizontalAdvance(text) for text in self._content.reasons), default=0.0)
        review = (
            self._chip + _GAP + small.horizontalAdvance(self._content.review) if self._content.review else 0.0
        )
        texts = max(heading + self._heading_indent(), min(notes, _MAX_TEXT), min(review, _MAX_TEXT))
        return max(self._row_width(), texts)

    def _heading_indent(self) -> float:
        return self._chip + _GAP if self._content.mark else 0.0

    def _text_height(self, text: str, width: float) -> float:
        box = QRectF(0, 0, width, 10_000)
        flags = int(Qt.TextFlag.TextWordWrap)
        return QFontMetricsF(self._fonts.small).boundingRect(box, flags, text).height()

    def _bars_size(self) -> QSizeF:
        width = self._inner_width()
        height = self._pitch
        height += sum(self._text_height(text, width) for text in self._content.reasons)
        if self._content.rows:
            height += 5.0 + self._pitch * len(self._content.rows)
        if self._content.review:
            height += 9.0 + self._review_height(width)
        return QSizeF(width + 2 * _PAD, height + 2 * _PAD - 3.0)

    def _review_height(self, width: float) -> float:
        return max(self._chip, self._text_height(self._content.review, width - self._chip - _GAP)) + 2.0

    def _paint_bars(self, painter: QPainter, rect: QRectF) -> None:
        inner = rect.adjusted(_PAD, _PAD, -_PAD, -_PAD)
        y = self._paint_heading(painter, inner)
        for reason in self._content.reasons:
            height = self._text_height(reason, inner.width())
            self._write(
                painter, QRectF(inner.x(), y, inner.width(), height), reason, self._fonts.small, _QUIET
            )
            y += height
        if self._content.rows:
            y += 5.0
        for row in self._content.rows:
            self._paint_row(painter, QRectF(inner.x(), y, inner.width(), self._chip), row)
            y += self._pitch
        if self._content.review:
            self._paint_review(painter, inner, y)

    def _paint_heading(self, painter: QPainter, inner: QRectF) -> float:
        if self._content.mark:
            self._paint_chip(painter, inner.topLeft(), self._content.mark)
        line = inner.adjusted(self._heading_indent(), 0, 0, 0)
        line.setHeight(self._chip)
        self._write(painter, line, self._content.heading, self._fonts.heading, _TEXT)
        return inner.y() + self._pitch

    def _paint_row(self, painter: QPainter, line: QRectF, row: ClassRow) -> None:
        self._paint_chip(painter, line.topLeft(), row.mark)
        font = self._fonts.strong if row.is_top else self._fonts.plain
        colour = _TEXT if row.is_top else _QUIET
        x = line.x() + self._chip + _GAP
        self._write(painter, QRectF(x, line.y(), self._names, line.height()), row.mark.name, font, colour)
        right = QRectF(line.right() - self._percents, line.y(), self._percents, line.height())
        self._write(painter, right, row.percent, font, colour, align=Qt.AlignmentFlag.AlignRight)
        start = x + self._names + _GAP
        track = QRectF(start, line.center().y() - 4, right.left() - _GAP - start, 8)
        paint_bar(painter, track, row.share, QColor(row.mark.colour))

    def _paint_review(self, painter: QPainter, inner: QRectF, y: float) -> None:
        painter.setPen(QPen(_EDGE, 1))
        painter.drawLine(QPointF(inner.left(), y + 2), QPointF(inner.right(), y + 2))
        y += 8.0
        if self._content.review_mark:
            self._paint_chip(painter, QPointF(inner.x(), y), self._content.review_mark)
        indent = self._chip + _GAP
        height = max(self._chip, self._text_height(self._content.review, inner.width() - indent))
        box = QRectF(inner.x() + indent, y, inner.width() - indent, height)
        self._write(painter, box, self._content.review, self._fonts.small, _TEXT)

    # Badge -----------------------------------------------------------------------------------

    def _badge_text(self) -> str:
        """Return what the badge says: less of it where it has no room."""
        metrics = QFontMetricsF(self._fonts.strong)
        room = self._room - self._badge_padding()
        texts = (self._whole_badge_text(), self._content.heading)
        fitting = [text for text in texts if metrics.horizontalAdvance(text) <= room]
        shortest = min(texts, key=len)
        return fitting[0] if fitting else metrics.elidedText(shortest, Qt.TextElideMode.ElideRight, room)

    def _badge_padding(self) -> float:
        """Return the width of everything in the badge but its words."""
        review = _GAP * 2 + self._line + self._chip if self._content.review_mark else 0.0
        return 2 * _PAD + self._heading_indent() + review

    def _whole_badge_text(self) -> str:
        top = self._content.top_row
        if top is None:
            # Without percentages the first reason stands in their place; of a field without a decision it
            # is a whole sentence, which stands in the middle.
            reasons = self._content.reasons[:1] if self._content.mark is not None else ()
            return " · ".join([self._content.heading, *reasons])
        share = f"{top.mark.name} {top.percent}"
        if self._content.mark is not None and self._content.mark.name == top.mark.name:
            return " · ".join([*self._content.reasons[:1], share])
        return f"{self._content.heading} · {share}"

    def _badge_size(self) -> QSizeF:
        words = QFontMetricsF(self._fonts.strong).horizontalAdvance(self._badge_text())
        return QSizeF(words + self._badge_padding(), self._chip + _PAD)

    def _paint_badge(self, painter: QPainter, rect: QRectF) -> None:
        inner = rect.adjusted(_PAD, _PAD / 2, -_PAD, -_PAD / 2)
        if self._content.mark:
            self._paint_chip(painter, inner.topLeft(), self._content.mark)
        text = inner.adjusted(self._heading_indent(), 0, 0, 0)
        self._write(painter, text, self._badge_text(), self._fonts.strong, _TEXT)
        if self._content.review_mark:
            at = QPointF(inner.right() - self._chip, inner.y())
            arrow = QRectF(at.x() - _GAP - self._line, inner.y(), self._line, inner.height())
            self._write(painter, arrow, "→", self._fonts.strong, _QUIET, align=Qt.AlignmentFlag.AlignHCenter)
            self._paint_chip(painter, at, self._content.review_mark)

    # Parts -----------------------------------------------------------------------------------

    def _paint_chip(self, painter: QPainter, at: QPointF, mark: Mark) -> None:
        box = QRectF(at, QSizeF(self._chip, self._chip))
        paint_chip(painter, box, mark, self._fonts.strong)

    def _write(
        self,
        painter: QPainter,
        box: QRectF,
        text: str,
        font: QFont,
        colour: QColor,
        *,
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        painter.setFont(font)
        painter.setPen(colour)
        flags = int(align) | int(Qt.AlignmentFlag.AlignVCenter)
        if font is self._fonts.small:
            flags |= int(Qt.TextFlag.TextWordWrap)
        painter.drawText(box, flags, text)


def paint_ground(painter: QPainter, rect: QRectF) -> None:
    """Paint the dark translucent ground that all notes over a field share."""
    painter.setPen(QPen(_EDGE, 1))
    painter.setBrush(GROUND)
    painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), 7, 7)


def paint_chip(painter: QPainter, box: QRectF, mark: Mark, font: QFont) -> None:
    """Paint the letter of a class on its colour."""
    colour = QColor(mark.colour)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(box, 4, 4)
    painter.setFont(font)
    painter.setPen(theme.readable_on(colour))
    painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), mark.letter)


def paint_bar(painter: QPainter, track: QRectF, share: float, colour: QColor) -> None:
    """Paint a probability as a bar on its track; a hair stays visible for the smallest."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_TRACK)
    painter.drawRoundedRect(track, 2.5, 2.5)
    filled = QRectF(track)
    filled.setWidth(max(track.width() * min(max(share, 0.0), 1.0), 1.5))
    painter.setBrush(colour)
    painter.drawRoundedRect(filled, min(2.5, filled.width() / 2), 2.5)
    if filled.width() > _EDGED_FROM:
        painter.setPen(QPen(QColor(255, 255, 255, 120), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(filled.adjusted(0.5, 0.5, -0.5, -0.5), 2, 2)
