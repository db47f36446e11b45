"""Map of fields: points to click, to circle and to walk over with the arrow keys; zoomed and moved."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from allstation.core.text import shown_name
from allstation.services.tasks import LatestOnly
from allstation.services.training.map import FieldMap, MapColour, MapPoint
from allstation.ui.common import theme
from allstation.ui.common.i18n import tr
from allstation.ui.training.map.markers import Marker, Picture, markers

_MARGIN: Final = 24.0
_NEAR: Final = 12.0
"""Pixels from a point within which a click means it."""
_CLICK: Final = 6.0
"""A line shorter than this is a click."""
_STEP: Final = 1.3
_LEAST, _MOST = 0.5, 60.0
_WHEEL: Final = 120.0
_ARROWS: Final = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}


class MapView(QWidget):
    """Draws the points on another thread; in this one only the finished picture is painted.

    Signals:
        chosen: Rows of the chosen points, in their order.
        current_changed: Row of the point that the keys are at.
    """

    chosen = Signal(list)
    current_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._map: FieldMap | None = None
        self._by = MapColour.CLASS
        self._markers: tuple[Marker, ...] = ()
        self._groups: NDArray[np.int64] = np.zeros(0, np.int64)
        self._picked: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._current = -1
        self._zoom = 1.0
        self._middle = np.zeros(2)
        self._unit = 1.0
        self._line: list[QPointF] = []
        self._dragged: QPointF | None = None
        self._image: QImage | None = None
        self._text = ""
        self._drawer = LatestOnly(self)
        self._drawer.done.connect(self._drawn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 200)
        self.setAccessibleName(tr("Map of the fields"))

    # What is shown

    @property
    def markers(self) -> tuple[Marker, ...]:
        """Markers of the groups that are shown."""
        return self._markers

    @property
    def is_drawn(self) -> bool:
        """Whether the picture is that of the points as they are."""
        return self._image is not None and not self._drawer.running

    def picked(self) -> list[int]:
        """Return the rows of the chosen points."""
        return [int(row) for row in np.flatnonzero(self._picked)]

    def set_map(self, found: FieldMap | None, text: str = "") -> None:
        """Show a map, or a sentence in its place."""
        self._map, self._text, self._image = found, text, None
        self._picked = np.zeros(len(found.points) if found is not None else 0, np.bool_)
        self._current = -1
        self._describe()
        self._regroup()
        self.fit()
        self.chosen.emit([])

    def set_colour(self, by: MapColour) -> None:
        """Colour the points by class, part or error."""
        self._by = by
        self._regroup()
        self._redraw()

    @Slot()
    def fit(self) -> None:
        """Show all points."""
        self._zoom = 1.0
        if self._map is not None:
            low, high = self._map.places.min(axis=0), self._map.places.max(axis=0)
            self._middle = (low + high) / 2
            span = np.maximum(high - low, 1e-9)
            room = np.array([self.width(), self.height()]) - 2 * _MARGIN
            self._unit = float((np.maximum(room, 1.0) / span).min())
        self._redraw()

    def choose(self, rows: list[int], *, adding: bool = False) -> None:
        """Choose points."""
        if not adding:
            self._picked[:] = False
        self._picked[rows] = True
        self._redraw()
        self.chosen.emit(self.picked())

    def choose_group(self, name: str) -> None:
        """Choose every point of a group."""
        if self._map is not None:
            rows = [row for row, one in enumerate(self._map.points) if one.group(self._by) == name]
            self.choose(rows)

    def set_current(self, row: int) -> None:
        """Bring the keys to a point."""
        if self._map is None or not 0 <= row < len(self._map.points) or row == self._current:
            return
        self._current = row
        place = self.place_of(row)
        if not QRectF(self.rect()).contains(place):
            self._middle = self._map.places[row].copy()
            self._redraw()
        self._describe()
        self.update()
        self.current_changed.emit(row)

    def place_of(self, row: int) -> QPointF:
        """Return where a point is in the widget."""
        assert self._map is not None  # noqa: S101 - a row stands for a point of the map
        x, y = self._placed(self._map.places[row : row + 1])[0]
        return QPointF(x, y)

    def close_workers(self) -> None:
        """Wait for the picture that is being drawn."""
        self._drawer.close()

    # Places

    def _scale(self) -> float:
        return self._unit * self._zoom

    def _placed(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn coordinates (n, 2) into pixels of the widget; y grows upwards on the map."""
        moved = (places - self._middle) * (self._scale(), -self._scale())
        return np.asarray(moved + np.array([self.width(), self.height()]) / 2)

    def _coordinates(self, point: QPointF) -> NDArray[np.float64]:
        pixels = np.array([point.x() - self.width() / 2, self.height() / 2 - point.y()])
        return np.asarray(self._middle + pixels / self._scale())

    def _nearest(self, point: QPointF) -> int:
        """Return the point under the pointer, -1 for none."""
        if self._map is None:
            return -1
        away = self._placed(self._map.places) - (point.x(), point.y())
        distance = np.hypot(away[:, 0], away[:, 1])
        row = int(distance.argmin())
        return row if distance[row] <= _NEAR else -1

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Show the part around a point of the widget larger (above 1) or smaller."""
        if self._map is None:
            return
        point = at if at is not None else QPointF(self.width() / 2, self.height() / 2)
        before = self._coordinates(point)
        self._zoom = min(max(self._zoom * factor, _LEAST), _MOST)
        self._middle = self._middle + before - self._coordinates(point)
        self._redraw()

    # Drawing

    def _regroup(self) -> None:
        """Find the marker of every point."""
        if self._map is None:
            self._markers, self._groups = (), np.zeros(0, np.int64)
            return
        dark = theme.tokens(self.palette()) is theme.DARK
        self._markers = markers(self._map, self._by, dark=dark)
        rows = {marker.name: row for row, marker in enumerate(self._markers)}
        self._groups = np.array([rows[point.group(self._by)] for point in self._map.points], np.int64)

    def _redraw(self) -> None:
        self.update()
        if self._map is None or self.width() < 1:
            self._drawer.drop()
            return
        scheme = theme.tokens(self.palette())
        picture = Picture(
            places=self._placed(self._map.places),
            groups=self._groups,
            chosen=self._picked.copy(),
            markers=self._markers,
            size=self.size(),
            ratio=self.devicePixelRatioF(),
            scheme=scheme,
        )
        self._drawer.run(picture.draw)

    @Slot(object)
    def _drawn(self, image: QImage) -> None:
        self._image = image
        self.update()

    def _describe(self) -> None:
        point = self._point(self._current)
        self.setAccessibleDescription(point_text(point) if point is not None else self._text)

    def _point(self, row: int) -> MapPoint | None:
        found = self._map
        return found.points[row] if found is not None and 0 <= row < len(found.points) else None

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the finished picture, the line around points, and where the keys are."""
        scheme = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(scheme.base))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._map is None:
            painter.setPen(QColor(scheme.muted))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(24, 24, -24, -24), flags, self._text)
        elif self._image is not None:
            painter.drawImage(QPointF(0, 0), self._image)
        accent = QColor(scheme.accent)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self._line:
            painter.setPen(QPen(accent, 1.5, Qt.PenStyle.DashLine))
            painter.drawPolygon(QPolygonF(self._line))
        if self._current >= 0 and self._map is not None:
            painter.setPen(QPen(accent, 2.2))
            painter.drawEllipse(self.place_of(self._current), 9.0, 9.0)
        painter.setPen(QPen(accent if self.hasFocus() else QColor(scheme.border), 1))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    # Mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a line around points, or with Ctrl or another button a move of the map."""
        moves = event.button() is not Qt.MouseButton.LeftButton
        moves = moves or bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if moves:
            self._dragged = event.position()
        else:
            self._line = [event.position()]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with the line or the move; name the point under the pointer."""
        if self._dragged is not None:
            moved = event.position() - self._dragged
            self._dragged = event.position()
            self._middle = self._middle - np.array([moved.x(), -moved.y()]) / self._scale()
            self._redraw()
        elif self._line:
            self._line.append(event.position())
            self.update()
        else:
            point = self._point(self._nearest(event.position()))
            self.setToolTip(point_text(point) if point is not None else "")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Choose what was clicked or circled; Shift adds to what is chosen."""
        self._dragged = None
        line, self._line = self._line, []
        if not line or self._map is None:
            return
        adding = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        box = QPolygonF(line).boundingRect()
        if max(box.width(), box.height()) < _CLICK:
            row = self._nearest(event.position())
            self.choose([row] if row >= 0 else [], adding=adding)
            self.set_current(row)
        else:
            corners = np.array([self._coordinates(point) for point in line])
            self.choose(self._map.within(corners), adding=adding)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the pointer."""
        self.zoom_by(_STEP ** (event.angleDelta().y() / _WHEEL), event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Let Escape clear the choice before it closes the window."""
        asked = event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent)
        if asked and event.key() == Qt.Key.Key_Escape and self._picked.any():  # type: ignore[attr-defined]
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk from point to point, choose, zoom."""
        key, found = Qt.Key(event.key()), self._map
        adding = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if found is None:
            super().keyPressEvent(event)
        elif key in _ARROWS:
            start = self._current
            self.set_current(found.towards(start, _ARROWS[key]) if start >= 0 else 0)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            if self._current >= 0:
                self.choose([self._current], adding=adding)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            at = self.place_of(self._current) if self._current >= 0 else None
            self.zoom_by(1 / _STEP if key is Qt.Key.Key_Minus else _STEP, at)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_F):
            self.fit()
        elif key is Qt.Key.Key_Escape and self._picked.any():
            self.choose([])
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show where the keys are."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """They are elsewhere."""
        super().focusOutEvent(event)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit again, unless a person zoomed."""
        super().resizeEvent(event)
        if self._zoom == 1.0:
            self.fit()
        else:
            self._redraw()

    def changeEvent(self, event: QEvent) -> None:
        """Follow light and dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_drawer"):
            self._regroup()
            self._redraw()


def point_text(point: MapPoint) -> str:
    """Say what a point is, in one line."""
    parts = [tr("{name}, labelled {label}", name=shown_name(point.path), label=point.class_name)]
    if point.predicted and point.predicted != point.class_name:
        parts.append(tr("most likely {name} for the model", name=point.predicted))
    if point.part:
        parts.append(tr("part {part}", part=point.part))
    return ", ".join(parts)
