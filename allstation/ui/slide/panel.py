"""Slide panel: the whole slide with its overview, over the bar of what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, QSizeF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter
from PySide6.QtWidgets import QVBoxLayout, QWidget

from allstation.core.classes import RESEARCH_USE
from allstation.core.known_sizes import KnownSize, SizeOrigin
from allstation.services.images.tile_grid import Box, TileGrid, TileKey
from allstation.ui.common import theme
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.slide.bar import SlideBar
from allstation.ui.slide.canvas import SlideCanvas
from allstation.ui.slide.density import DensityMap
from allstation.ui.slide.marks import SlideMarks
from allstation.ui.slide.overview import Overview
from allstation.ui.slide.scene import image_of
from allstation.ui.slide.tools import Tool
from allstation.ui.viewer.cell_marks import CellMark

Pixels = NDArray[np.uint8]
_FOOT: Final = 26
_MOST_CELLS: Final = 40
"""Fields whose cells are asked for at a time."""
_HINTS: Final = {
    Tool.LOOK: "",
    Tool.FIELDS: "Click: add a field. Drag a field: move it. Del: remove it. Esc: end.",
    Tool.REGION: "Click the corners of a region, double-click to fill it with fields. Esc: end.",
}


class SlidePanel(QWidget):
    """Shows one slide.

    Signals:
        tiles_wanted: Tiles that should be loaded, the most important first.
        cells_wanted: Ids of fields in view whose cells should be outlined.

    Attributes:
        canvas: Zooms and pans.
        overview: Floats in its corner.
        bar: Below.
    """

    tiles_wanted = Signal(list)
    cells_wanted = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions: dict[str, Action] = {}
        self.canvas = SlideCanvas(self)
        self.overview = Overview(self.canvas)
        self.bar = SlideBar(self)
        self._base: Pixels | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.bar)
        self.setFocusProxy(self.canvas)
        self.canvas.view_changed.connect(self._view_changed)
        self.canvas.settled.connect(self._settled)
        self.canvas.tool_ended.connect(self.end_tool)
        self.overview.centre_asked.connect(self.canvas.centre_on)
        self.bar.asked.connect(self._asked)
        self.bar.toggled.connect(self._toggled)
        self.bar.magnification_asked.connect(self.set_magnification)
        self.clear()

    def set_actions(self, actions: Sequence[Action]) -> None:
        """Fill the bar with buttons for these actions, once."""
        self._actions = {action.id: action for action in actions}
        self.bar.set_actions(actions)

    # The slide -------------------------------------------------------------------------------

    def clear(self, message: str = "") -> None:
        """Show no slide, and say why or what goes on."""
        scene = self.canvas.scene
        scene.grid, scene.base, self._base = None, None, None
        scene.density, scene.pixel_um = None, None
        self.overview.set_density(None)
        scene.cells.clear()
        self.set_marks(SlideMarks())
        self.overview.set_slide(QSizeF(), None)
        self.canvas.show_message(message)
        self._view_changed()

    def show_slide(self, grid: TileGrid, tile: Callable[[TileKey], Pixels | None]) -> None:
        """Show a slide as a whole; its picture follows.

        Args:
            grid: Its tiles.
            tile: Returns a tile that is in memory.
        """
        scene = self.canvas.scene
        scene.grid, scene.tile, scene.base, self._base = grid, tile, None, None
        scene.pixel_um = grid.info.pixel_um
        scene.is_stated = False
        self.overview.set_slide(scene.size, None)
        self.overview.set_marks(scene.marks)
        self.canvas.show_slide()

    def set_scale(self, known: KnownSize | None, downsample: float) -> None:
        """Let scale bar and magnification follow the pixel size that counts for the slide's fields.

        Args:
            known: The size of a field's pixel, and who says it; None where nobody does.
            downsample: Pixels of level 0 that a field's pixel is wide.
        """
        scene = self.canvas.scene
        scene.pixel_um = None if known is None else known.size / downsample
        scene.is_stated = known is not None and known.origin is not SizeOrigin.FILE
        self._view_changed()
        self.canvas.update()

    def set_base(self, base: Pixels) -> None:
        """Show the whole slide as one picture, (height, width, 4), where finer ones have not come."""
        scene = self.canvas.scene
        self._base, scene.base = base, image_of(base)
        self.overview.set_slide(scene.size, scene.base)
        self.overview.set_marks(scene.marks)
        self.canvas.update()

    def show_failure(self, sentence: str) -> None:
        """Say why the slide cannot be shown; fields that were read before are not touched."""
        self.clear(sentence)

    # What lies over it -----------------------------------------------------------------------

    def set_marks(self, marks: SlideMarks) -> None:
        """Show these fields."""
        self.canvas.scene.marks = marks
        self.overview.set_marks(marks)
        self.canvas.update()
        self._settled()

    def set_current(self, field_id: int) -> None:
        """Mark the current field; 0 for none."""
        self.canvas.scene.current = field_id
        self.canvas.update()

    def show_field(self, field_id: int, *, closer: bool = False) -> None:
        """Bring a field to the middle if it is not in view, or (``closer``) in any case at a fair size."""
        box, view = self.canvas.scene.marks.box_of(field_id), self.canvas.view
        if box is None or view is None:
            return
        if closer:
            self.canvas.look_at(box)
        elif not view.visible().contains(box.center()):
            self.canvas.centre_on(box.center())

    def set_density(self, density: DensityMap | None) -> None:
        """Show a map of results, or none."""
        self.canvas.scene.density = density
        self.overview.set_density(None if density is None else density.image)
        self.canvas.update()

    def set_cells(self, field_id: int, cells: Sequence[CellMark]) -> None:
        """Show the cells of a field."""
        self.canvas.scene.cells[field_id] = cells
        self.canvas.update()

    def forget_cells(self) -> None:
        """Ask for cells again: others may be known now."""
        self.canvas.scene.cells.clear()
        self._settled()

    def set_outlines(self, on: bool) -> None:
        """Outline the cells of fields that are large enough on the screen."""
        self.canvas.scene.outlines = on
        self.bar.set_checked("view.cells", on)
        self.canvas.update()
        self._settled()

    # Tools -----------------------------------------------------------------------------------

    @property
    def tool(self) -> Tool:
        """Tool that a click uses."""
        return self.canvas.tools.tool

    def use_tool(self, tool: Tool) -> None:
        """Let clicks look, place fields or draw a region."""
        self.canvas.use_tool(tool)
        self.canvas.scene.hint = tr(_HINTS[tool]) if _HINTS[tool] else ""
        self.bar.set_checked("slide.edit", tool is Tool.FIELDS)
        self.bar.set_checked("slide.region", tool is Tool.REGION)

    @Slot()
    def end_tool(self) -> None:
        """Only look again."""
        self.use_tool(Tool.LOOK)

    # Zoom, for the actions that the field has too ----------------------------------------------

    def fit(self) -> None:
        """Show the whole slide."""
        self.canvas.fit()

    def actual_size(self) -> None:
        """Show one pixel of the slide as one pixel of the screen."""
        self.canvas.actual_size()

    def zoom_in(self) -> None:
        """Zoom in by one step."""
        self.canvas.zoom_in()

    def zoom_out(self) -> None:
        """Zoom out by one step."""
        self.canvas.zoom_out()

    @Slot(float)
    def set_magnification(self, value: float) -> None:
        """Show the slide as an objective of this magnification does."""
        unit = self.canvas.scene.magnification(1.0)
        if unit:
            self.canvas.zoom_to(value / unit)

    def rendered(self) -> QImage | None:
        """Return the slide as it is shown, with what lies over it and the notice below."""
        if self.canvas.view is None:
            return None
        ratio = self.canvas.devicePixelRatioF()
        image = self.canvas.blank_copy(foot=_FOOT)
        scheme = theme.tokens(self.palette())
        image.fill(QColor(scheme.panel))
        painter = QPainter(image)
        painter.setClipRect(self.canvas.rect())
        painter.fillRect(self.canvas.rect(), QColor(scheme.canvas))
        self.canvas.scene.paint(painter, self.canvas.view, self.canvas.font(), ratio)
        painter.setClipping(False)
        font = QFont(self.canvas.font())
        painter.setFont(font)
        painter.setPen(QColor(scheme.muted))
        foot = QRect(10, self.canvas.height(), self.canvas.width() - 20, _FOOT)
        words = QFontMetrics(font).elidedText(RESEARCH_USE, Qt.TextElideMode.ElideRight, foot.width())
        painter.drawText(
            QRectF(foot), int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), words
        )
        painter.end()
        return image

    # Plumbing --------------------------------------------------------------------------------

    @Slot()
    def _view_changed(self) -> None:
        scene, view = self.canvas.scene, self.canvas.view
        self.bar.set_magnification(scene.magnification(self.canvas.zoom), shown=view is not None)
        if view is None or scene.grid is None:
            return
        shown = view.visible()
        self.overview.set_frame(shown)
        area = Box(shown.x(), shown.y(), shown.width(), shown.height())
        self.tiles_wanted.emit(scene.grid.wanted(area, self.canvas.zoom))

    @Slot()
    def _settled(self) -> None:
        scene, view = self.canvas.scene, self.canvas.view
        if view is None or not scene.outlines:
            return
        missing = [number for number in scene.fields_with_cells(view) if number not in scene.cells]
        if missing:
            self.cells_wanted.emit(missing[:_MOST_CELLS])

    @Slot(str)
    def _asked(self, key: str) -> None:
        self._actions[key].run()

    @Slot(str, bool)
    def _toggled(self, key: str, on: bool) -> None:
        self._actions[key].run(on)

    def middle(self) -> QPointF | None:
        """Return the place in the middle, in pixels of level 0."""
        view = self.canvas.view
        return None if view is None else QPointF(view.centre_x, view.centre_y)
