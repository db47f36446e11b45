"""Markers of the map: a colour and a shape for each group, the same in map and legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from allstation.core.classes import class_style
from allstation.services.training.map import RIGHT, UNKNOWN, WRONG, FieldMap, MapColour
from allstation.ui.browser.tile import facing
from allstation.ui.common import theme
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr

_RADIUS: Final = 4.2
_SPRITE: Final = 14
_PARTS: Final = {"train": "#0072b2", "validation": "#e69f00", "test": "#d55e00"}
"""Okabe-Ito, as the class colours."""
_CORNERS: Final = (0, 4, 3, -4, 5, 6)
"""Corners of the shapes; 0 is a circle, a negative number stands on its side."""
_PITCH: Final = 1.6


@dataclass(frozen=True, slots=True)
class Marker:
    """Marker of a group.

    Attributes:
        name: Of the group.
        colour: ``#rrggbb``.
        shape: Place in the order of shapes.
        count: Fields of the group.
    """

    name: str
    colour: str
    shape: int
    count: int


def markers(found: FieldMap, by: MapColour, *, dark: bool) -> tuple[Marker, ...]:
    """Return the markers of a map's groups, in their order."""
    scheme = theme.DARK if dark else theme.LIGHT
    fixed = {**_PARTS, WRONG: scheme.danger, RIGHT: scheme.faint, UNKNOWN: scheme.faint}
    names = found.classes if by is MapColour.CLASS else tuple(found.groups(by))
    made = []
    for name, count in found.groups(by).items():
        place = names.index(name)
        colour = class_style(name, place).colour if by is MapColour.CLASS else fixed.get(name, scheme.faint)
        made.append(Marker(name, colour, place % len(_CORNERS), count))
    return tuple(made)


def paint_marker(painter: QPainter, middle: QPointF, marker: Marker, *, edge: QColor) -> None:
    """Paint one marker around a point."""
    painter.setPen(QPen(edge, 0.8))
    painter.setBrush(QColor(marker.colour))
    corners = _CORNERS[marker.shape]
    if not corners:
        painter.drawEllipse(middle, _RADIUS, _RADIUS)
        return
    turn = math.pi / abs(corners) if corners < 0 else 0.0
    angles = [turn - math.pi / 2 + 2 * math.pi * step / abs(corners) for step in range(abs(corners))]
    radius = _RADIUS * 1.25
    points = [middle + QPointF(math.cos(angle), math.sin(angle)) * radius for angle in angles]
    painter.drawPolygon(QPolygonF(points))


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Input of the drawing of the map, on another thread.

    Attributes:
        places: (n, 2) logical pixels.
        groups: (n,) place of each point's marker.
        chosen: (n,) whether a point is chosen.
        markers: Of the groups.
        size: Of the picture, logical pixels.
        ratio: Device pixels per logical pixel.
        scheme: Colours of the window.
    """

    places: NDArray[np.float64]
    groups: NDArray[np.int64]
    chosen: NDArray[np.bool_]
    markers: Sequence[Marker]
    size: QSize
    ratio: float
    scheme: theme.Tokens

    def draw(self) -> QImage:
        """Draw the points, chosen ones last and ringed. Safe in any thread."""
        image = QImage(self.size * self.ratio, QImage.Format.Format_ARGB32_Premultiplied)
        image.setDevicePixelRatio(self.ratio)
        image.fill(QColor(self.scheme.base))
        painter = QPainter(image)
        sprites = [self._sprite(marker, ringed=False) for marker in self.markers]
        ringed = [self._sprite(marker, ringed=True) for marker in self.markers]
        inside = (self.places > -_SPRITE).all(axis=1)
        inside &= (self.places < (self.size.width() + _SPRITE, self.size.height() + _SPRITE)).all(axis=1)
        for pictures, mask in ((sprites, inside & ~self.chosen), (ringed, inside & self.chosen)):
            rows = np.flatnonzero(mask)
            corners = (self.places[rows] - _SPRITE / 2).tolist()
            for (x, y), group in zip(corners, self.groups[rows].tolist(), strict=True):
                painter.drawImage(QPointF(x, y), pictures[group])
        painter.end()
        return image

    def _sprite(self, marker: Marker, *, ringed: bool) -> QImage:
        image = QImage(QSize(_SPRITE, _SPRITE) * self.ratio, QImage.Format.Format_ARGB32_Premultiplied)
        image.setDevicePixelRatio(self.ratio)
        image.fill(QColor(0, 0, 0, 0))
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = QPointF(_SPRITE / 2, _SPRITE / 2)
        paint_marker(painter, middle, marker, edge=QColor(self.scheme.base))
        if ringed:
            painter.setPen(QPen(QColor(self.scheme.text), 1.8))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(middle, _RADIUS + 1.6, _RADIUS + 1.6)
        painter.end()
        return image


class MapLegend(QWidget):
    """Markers with their names and numbers, one a line.

    Signals:
        clicked: Name of a group.
    """

    clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._markers: tuple[Marker, ...] = ()
        self.setAccessibleName(tr("Legend of the map"))
        self.setToolTip(tr("Click a line to choose its fields"))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_markers(self, shown: tuple[Marker, ...]) -> None:
        """Show these markers."""
        self._markers = shown
        self.setAccessibleDescription(", ".join(f"{one.name} {number(one.count)}" for one in shown))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """As high as the lines."""
        return QSize(200, round(self._pitch() * max(len(self._markers), 1)))

    def minimumSizeHint(self) -> QSize:
        """Narrower, but as high."""
        return QSize(120, self.sizeHint().height())

    def _pitch(self) -> float:
        return QFontMetricsF(self.font()).height() * _PITCH

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell which line was clicked."""
        row = int(event.position().y() / self._pitch())
        if 0 <= row < len(self._markers) and self.rect().contains(event.position().toPoint()):
            self.clicked.emit(self._markers[row].name)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the lines."""
        scheme = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for row, marker in enumerate(self._markers):
            line = QRectF(0, row * self._pitch(), self.width(), self._pitch())
            place = facing(painter, line, QRectF(0, line.y(), 20, line.height())).center()
            paint_marker(painter, place, marker, edge=QColor(scheme.panel))
            painter.setPen(QColor(scheme.text))
            words = tr("{name}: {n}", name=marker.name, n=number(marker.count))
            beside = facing(painter, line, line.adjusted(24, 0, 0, 0))
            painter.drawText(beside, int(Qt.AlignmentFlag.AlignVCenter), words)
        painter.end()
