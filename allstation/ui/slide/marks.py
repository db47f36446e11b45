"""Fields of a slide as rectangles: where they lie, what colour and letter they bear, how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from allstation.core.classes import class_style
from allstation.ui.common import theme
from allstation.ui.viewer.cell_marks import paint_corners
from allstation.ui.viewer.geometry import View

AMBER: Final = "#ffb000"
"""Frame of a field that needs a person; with it goes a dashed line and a question mark."""
WAITING: Final = "#c8ccd4"
FAILED: Final = "#ff5a5a"
PLAIN: Final = "#56c1ff"
_DARK: Final = QColor(10, 12, 16, 190)
_SINGLE: Final = 600
"""Rectangles drawn one by one at most; more are drawn as one picture of dots."""
_DOT: Final = 5.0
_LETTER_FROM: Final = 30.0
_MOST_LETTERS: Final = 400
_SIDE: Final = 1400
"""Longest side of the picture of dots."""


@dataclass(frozen=True, slots=True)
class MarkStyle:
    """Look of a field's rectangle.

    Attributes:
        colour: ``#rrggbb``.
        letter: On its corner; empty for none.
        dashed: A person should look at it.
    """

    colour: str
    letter: str = ""
    dashed: bool = False


NEEDS_PERSON: Final = MarkStyle(AMBER, "?", dashed=True)
WAITS: Final = MarkStyle(WAITING)
HIDDEN: Final = MarkStyle(PLAIN)
BROKEN: Final = MarkStyle(FAILED, "!", dashed=True)


def decided(name: str, index: int = 0) -> MarkStyle:
    """Return the look of a field with a class."""
    style = class_style(name, index)
    return MarkStyle(style.colour, style.letter)


class SlideMarks:
    """Rectangles of a slide's fields.

    Args:
        ids: Of the fields.
        boxes: (N, 4) left, top, width and height in pixels of level 0.
        looks: (N,) numbers of ``styles``.
        styles: Looks that occur.
    """

    def __init__(
        self,
        ids: Sequence[int] = (),
        boxes: NDArray[np.float64] | None = None,
        looks: Sequence[int] = (),
        styles: Sequence[MarkStyle] = (),
    ) -> None:
        self.ids = np.asarray(ids, np.int64)
        self.boxes = np.zeros((0, 4)) if boxes is None else boxes.reshape(-1, 4)
        self.looks = np.asarray(looks, np.int64)
        self.styles = tuple(styles)
        self._rows = {int(number): row for row, number in enumerate(self.ids)}
        self._dots: QImage | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def box_of(self, field_id: int) -> QRectF | None:
        """Return where a field lies, in pixels of level 0."""
        row = self._rows.get(field_id)
        return None if row is None else QRectF(*self.boxes[row].tolist())

    def overlap(self, box: QRectF) -> float:
        """Return the largest share of a rectangle that lies in one of the fields, 0 to 1."""
        left, top, width, height = self.boxes.T
        wide = np.minimum(left + width, box.right()) - np.maximum(left, box.left())
        high = np.minimum(top + height, box.bottom()) - np.maximum(top, box.top())
        shared = np.clip(wide, 0, None) * np.clip(high, 0, None)
        return float(shared.max(initial=0.0)) / max(box.width() * box.height(), 1.0)

    def style_of(self, field_id: int) -> MarkStyle | None:
        """Return the look of a field."""
        row = self._rows.get(field_id)
        return None if row is None else self.styles[self.looks[row]]

    def at(self, point: QPointF, *, slack: float = 0.0) -> int | None:
        """Return the smallest field under a point, or within ``slack`` of it; both in pixels of level 0."""
        left, top, width, height = self.boxes.T
        inside = (
            (left - slack <= point.x())
            & (point.x() <= left + width + slack)
            & (top - slack <= point.y())
            & (point.y() <= top + height + slack)
        )
        rows = np.flatnonzero(inside)
        if not len(rows):
            return None
        off = np.hypot(left[rows] + width[rows] / 2 - point.x(), top[rows] + height[rows] / 2 - point.y())
        return int(self.ids[rows[np.argmin(off)]])

    def rows_in(self, area: QRectF) -> NDArray[np.int64]:
        """Return which rectangles lie, at least in part, within an area in pixels of level 0."""
        left, top, width, height = self.boxes.T
        inside = (
            (left < area.right()) & (left + width > area.left())
            & (top < area.bottom()) & (top + height > area.top())
        )  # fmt: skip
        return np.flatnonzero(inside).astype(np.int64)

    # Painting

    def paint(self, painter: QPainter, view: View, font: QFont, *, skip: int = 0) -> None:
        """Draw the rectangles that are in view.

        Args:
            painter: Of the canvas.
            view: Where the slide lies.
            font: Of the letters.
            skip: A field that is drawn otherwise, while it is moved.
        """
        rows = self.rows_in(view.visible())
        if skip:
            rows = rows[self.ids[rows] != skip]
        if not len(rows):
            return
        if len(rows) > _SINGLE:
            painter.drawImage(view.image_rect(), self.dots(view.image))
            return
        painter.save()
        origin = view.to_canvas(QPointF(0, 0))
        boxes = self.boxes[rows] * view.scale
        boxes[:, 0] += origin.x()
        boxes[:, 1] += origin.y()
        small, large = bool(boxes[:, 2].max() < _DOT), bool(boxes[:, 2].min() >= _LETTER_FROM)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, large)
        for look in np.unique(self.looks[rows]):
            mine = boxes[self.looks[rows] == look]
            if small:
                _paint_dots(painter, mine, self.styles[look])
            else:
                _paint_frames(painter, mine, self.styles[look], large=large)
        if large and len(rows) <= _MOST_LETTERS:
            self._paint_letters(painter, rows, boxes, font)
        painter.restore()

    def _paint_letters(
        self, painter: QPainter, rows: NDArray[np.int64], boxes: NDArray[np.float64], font: QFont
    ) -> None:
        bold = QFont(font)
        bold.setBold(True)
        side = QFontMetricsF(bold).height() + 2
        painter.setFont(bold)
        for row, (left, top, *_rest) in zip(rows, boxes.tolist(), strict=True):
            style = self.styles[self.looks[row]]
            if style.letter:
                chip = QRectF(left, top, side, side)
                painter.fillRect(chip, QColor(style.colour))
                painter.setPen(theme.readable_on(QColor(style.colour)))
                painter.drawText(chip, int(Qt.AlignmentFlag.AlignCenter), style.letter)

    def paint_current(self, painter: QPainter, view: View, field_id: int) -> None:
        """Draw corners around the current field, seen at any zoom."""
        box = self.box_of(field_id)
        if box is None:
            return
        frame = QRectF(view.to_canvas(box.topLeft()), box.size() * view.scale)
        least = 14.0
        if frame.width() < least:
            centre = frame.center()
            frame = QRectF(centre.x() - least / 2, centre.y() - least / 2, least, least)
        frame.adjust(-4, -4, 4, 4)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_corners(painter, frame)
        painter.restore()

    def dots(self, size: QSizeF) -> QImage:
        """Return a picture of the whole slide with a dot for each field; made once."""
        if self._dots is None:
            self._dots = _dot_picture(self, size)
        return self._dots


def _paint_frames(painter: QPainter, boxes: NDArray[np.float64], style: MarkStyle, *, large: bool) -> None:
    """Draw frames; wide and dashed lines, which take most of the time, only where they can be seen."""
    rects = [QRectF(*box) for box in boxes.tolist()]
    if not large:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, by in ((_DARK, 1), (QColor(style.colour), 0), (QColor(style.colour), -1)):
            painter.setPen(QPen(colour, 0))
            painter.drawRects([rect.adjusted(-by, -by, by, by) for rect in rects] if by else rects)
        return
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, wide in ((_DARK, 3.4), (QColor(style.colour), 1.6)):
        pen = QPen(colour, wide, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.MiterJoin)
        if style.dashed and colour is not _DARK:
            pen.setDashPattern([4.0, 2.0])
        painter.setPen(pen)
        painter.drawRects(rects)


def _paint_dots(painter: QPainter, boxes: NDArray[np.float64], style: MarkStyle) -> None:
    middles = boxes[:, :2] + boxes[:, 2:] / 2 - _DOT / 2
    painter.setPen(QPen(_DARK, 0.8))
    painter.setBrush(QColor(style.colour))
    painter.drawRects([QRectF(x, y, _DOT, _DOT) for x, y in middles.tolist()])


def _dot_picture(marks: SlideMarks, size: QSizeF) -> QImage:
    scale = _SIDE / max(size.width(), size.height(), 1.0)
    width, height = max(1, round(size.width() * scale)), max(1, round(size.height() * scale))
    pixels = np.zeros((height, width, 4), np.uint8)
    middles = (marks.boxes[:, :2] + marks.boxes[:, 2:] / 2) * scale
    x = np.clip(middles[:, 0].astype(int), 0, width - 1)
    y = np.clip(middles[:, 1].astype(int), 0, height - 1)
    colours = np.array([_bgra(style.colour) for style in marks.styles], np.uint8).reshape(-1, 4)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            rows, columns = np.clip(y + down, 0, height - 1), np.clip(x + across, 0, width - 1)
            pixels[rows, columns] = colours[marks.looks]
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied).copy()


def _bgra(colour: str) -> tuple[int, int, int, int]:
    made = QColor(colour)
    return made.blue(), made.green(), made.red(), 255
