"""Painting of a whole slide in order: tiles, density map, fields, cells, notes. No widget, no events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen, QPolygonF

from allstation.services.images.tile_grid import Box, TileGrid, TileKey
from allstation.ui.common.formatting import together
from allstation.ui.common.i18n import tr
from allstation.ui.slide.density import DensityMap, paint_density_legend
from allstation.ui.slide.marks import SlideMarks
from allstation.ui.viewer.card import paint_ground
from allstation.ui.viewer.cell_marks import CellMark, paint_marks
from allstation.ui.viewer.geometry import View
from allstation.ui.viewer.scale_bar import paint_line, paint_scale_bar

Pixels = NDArray[np.uint8]
_MARGIN: Final = 12.0
_CRISP_FROM: Final = 3.0
_COARSER: Final = 3
"""Zooms that stand in for a tile that has not come, each half as fine as the one before."""
CELLS_FROM: Final = 140.0
"""Canvas units that a field is wide from which its cells are outlined."""
_STANDARD: Final = 10.0
"""Micrometres by pixel size times magnification: 0.25 µm is 40x, by the scanners' usage."""
_HINT_SHARE: Final = 0.55
"""Of the canvas's width; the overview has its corner."""
_TOOL: Final = QColor(255, 255, 255)
_SHADE: Final = QColor(10, 12, 16, 200)


@dataclass
class SlideScene:
    """A slide with what is drawn over it.

    Attributes:
        grid: Its tiles; None without a slide.
        base: The whole slide as one picture.
        tile: Returns a tile that is in memory.
        marks: The fields.
        current: Id of the current field; 0 for none.
        density: Map of results; None for none.
        cells: Cells by the id of their field.
        outlines: Whether cells are outlined.
        fields: Whether fields are drawn.
        pixel_um: Micrometres that a pixel of level 0 is wide; None where nobody knows.
        is_stated: Whether a person or site says so, who go before the scanner's objective.
        ghost: Rectangle under the pointer that would be added, or that is being moved; level 0.
        moving: Id of the field that is being moved; 0 for none.
        area: Corners of the region that is being drawn; level 0.
        hint: What a click does now; empty while it only looks.
    """

    grid: TileGrid | None = None
    base: QImage | None = None
    tile: Callable[[TileKey], Pixels | None] = field(default=lambda _key: None)
    marks: SlideMarks = field(default_factory=SlideMarks)
    current: int = 0
    density: DensityMap | None = None
    cells: dict[int, Sequence[CellMark]] = field(default_factory=dict)
    outlines: bool = False
    fields: bool = True
    pixel_um: float | None = None
    is_stated: bool = False
    ghost: QRectF | None = None
    moving: int = 0
    area: list[QPointF] = field(default_factory=list)
    hint: str = ""

    @property
    def size(self) -> QSizeF:
        """Width and height of the slide in pixels of level 0."""
        if self.grid is None:
            return QSizeF()
        return QSizeF(self.grid.info.width, self.grid.info.height)

    def magnification(self, zoom: float) -> float | None:
        """Return the magnification on the screen; None where the scale is unknown.

        Args:
            zoom: Pixels of the screen per pixel of level 0.
        """
        if self.grid is None:
            return None
        objective = self.grid.info.objective
        if (objective is None or self.is_stated) and self.pixel_um:
            objective = _STANDARD / self.pixel_um
        return objective * zoom if objective else None

    def paint(self, painter: QPainter, view: View, font: QFont, ratio: float) -> int:
        """Paint everything.

        Args:
            painter: Of the canvas or a picture.
            view: Where the slide lies.
            font: Of the notes.
            ratio: Device pixels per canvas unit.

        Returns:
            Tiles in view that have not come yet.
        """
        if self.grid is None:
            return 0
        missing = self._paint_tiles(painter, view, ratio)
        if self.density is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(view.image_rect(), self.density.image)
        if self.fields:
            self.marks.paint(painter, view, font, skip=self.moving)
            self._paint_cells(painter, view, font)
            if self.current and self.current != self.moving:
                self.marks.paint_current(painter, view, self.current)
        self._paint_tool(painter, view)
        self._paint_notes(painter, view, font, ratio)
        return missing

    # Pixels

    def _paint_tiles(self, painter: QPainter, view: View, ratio: float) -> int:
        grid, shown = self.grid, view.visible()
        if grid is None or shown.isEmpty():
            return 0
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, view.scale * ratio < _CRISP_FROM)
        zoom = grid.zoom_for(view.scale * ratio)
        if zoom == grid.coarsest:
            self._paint_base(painter, view, shown)
            return 0
        keys = list(grid.over(Box(shown.x(), shown.y(), shown.width(), shown.height()), zoom))
        found = [(key, pixels) for key in keys if (pixels := self.tile(key)) is not None]
        if len(found) < len(keys):
            self._paint_base(painter, view, shown)
            for coarser in range(min(zoom + _COARSER, grid.coarsest - 1), zoom, -1):
                for key in grid.over(Box(shown.x(), shown.y(), shown.width(), shown.height()), coarser):
                    pixels = self.tile(key)
                    if pixels is not None:
                        _draw_tile(painter, grid.box(key), pixels, view, ratio)
        for key, pixels in found:
            _draw_tile(painter, grid.box(key), pixels, view, ratio)
        return len(keys) - len(found)

    def _paint_base(self, painter: QPainter, view: View, shown: QRectF) -> None:
        if self.base is None:
            return
        across, down = self.base.width() / view.image.width(), self.base.height() / view.image.height()
        source = QRectF(shown.x() * across, shown.y() * down, shown.width() * across, shown.height() * down)
        target = QRectF(view.to_canvas(shown.topLeft()), shown.size() * view.scale)
        painter.drawImage(target, self.base, source)

    # Over the pixels

    def _paint_cells(self, painter: QPainter, view: View, font: QFont) -> None:
        if not self.outlines:
            return
        for number in self.fields_with_cells(view):
            box, cells = self.marks.box_of(number), self.cells.get(number)
            if box is not None and cells:
                rect = QRectF(view.to_canvas(box.topLeft()), box.size() * view.scale)
                paint_marks(painter, cells, rect, font, outlines=True)

    def fields_with_cells(self, view: View) -> list[int]:
        """Return the fields in view that are large enough on the screen for their cells to be outlined."""
        rows = self.marks.rows_in(view.visible())
        return [
            int(self.marks.ids[row]) for row in rows if self.marks.boxes[row, 2] * view.scale >= CELLS_FROM
        ]

    def _paint_tool(self, painter: QPainter, view: View) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((_SHADE, 4.0), (_TOOL, 1.8)):
            pen = QPen(colour, width, Qt.PenStyle.DashLine if colour is _TOOL else Qt.PenStyle.SolidLine)
            painter.setPen(pen)
            if self.ghost is not None:
                painter.drawRect(QRectF(view.to_canvas(self.ghost.topLeft()), self.ghost.size() * view.scale))
            if self.area:
                painter.drawPolygon(QPolygonF([view.to_canvas(point) for point in self.area]))
        painter.restore()

    def _paint_notes(self, painter: QPainter, view: View, font: QFont, ratio: float) -> None:
        painter.save()
        # From left to right in every language: a scale that turned round would say the opposite.
        painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        corner = QPointF(_MARGIN, view.canvas.height() - _MARGIN)
        if self.pixel_um:
            covered = paint_scale_bar(painter, corner, view.scale / self.pixel_um, font)
            corner.setX(covered.right() + 8)
        words = magnification_text(self.magnification(view.scale * ratio))
        corner.setX(paint_line(painter, corner, words, font).right() + 8)
        if self.density is not None:
            paint_density_legend(painter, corner, self.density, font)
        painter.restore()
        if self.hint:
            _paint_hint(painter, view.canvas, font, self.hint)


def _paint_hint(painter: QPainter, room: QSizeF, font: QFont, text: str) -> None:
    """Write in the top left corner what a click does, on as many lines as it takes."""
    flags = int(Qt.AlignmentFlag.AlignLeading | Qt.TextFlag.TextWordWrap)
    width = room.width() * _HINT_SHARE
    words = QFontMetricsF(font).boundingRect(QRectF(0, 0, width, room.height()), flags, text)
    ground = QRectF(_MARGIN, _MARGIN, words.width() + 22, words.height() + 12)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    paint_ground(painter, ground)
    painter.setFont(font)
    painter.setPen(_TOOL)
    painter.drawText(ground.adjusted(11, 6, -10, -5), flags, text)
    painter.restore()


def magnification_text(value: float | None) -> str:
    """Return a magnification as on an objective: ``2.5x``, ``40x``; words where it is unknown."""
    if value is None:
        return tr("scale unknown")
    digits = 0 if value >= 10 else 1 if value >= 1 else 2  # noqa: PLR2004 - two figures are enough
    return together(f"{value:.{digits}f}x".replace(".0x", "x"))


def image_of(pixels: Pixels) -> QImage:
    """Return pixels (height, width, 4) as an image that shares their memory: keep them while it is used."""
    height, width, _ = pixels.shape
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)


def _draw_tile(painter: QPainter, box: Box, pixels: Pixels, view: View, ratio: float) -> None:
    """Draw a tile with its edges on whole pixels of the screen: neighbours meet without a seam."""
    low, high = QPointF(box.x, box.y), QPointF(box.x + box.width, box.y + box.height)
    one, other = view.to_canvas(low), view.to_canvas(high)
    left, top = round(one.x() * ratio) / ratio, round(one.y() * ratio) / ratio
    right, bottom = round(other.x() * ratio) / ratio, round(other.y() * ratio) / ratio
    painter.drawImage(QRectF(left, top, right - left, bottom - top), image_of(pixels))
