"""Scale of the whole slide: follows the pixel size that counts for its fields."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from allstation.core.known_sizes import NOTHING_KNOWN, KnownSizes
from allstation.services.images.slide_tiles import SlideTiles
from allstation.ui.slide.controller import SlideController
from allstation.ui.slide.panel import SlidePanel
from allstation.ui.viewer.pane import ViewerPane


class SlideScaleController(QObject):
    """Gives the slide the pixel size of :class:`~allstation.core.known_sizes.KnownSizes`, as its fields have.

    Args:
        panel: Shows the slide.
        tiles: Reads it.
        slide: Knows which slide it is, and its fields.
        viewer: Knows what is said of pixel sizes.
    """

    def __init__(
        self, panel: SlidePanel, *, tiles: SlideTiles, slide: SlideController, viewer: ViewerPane
    ) -> None:
        super().__init__(panel)
        self._panel = panel
        self._tiles = tiles
        self._slide = slide
        self._sizes = NOTHING_KNOWN
        viewer.pixel_sizes_changed.connect(self._sizes_changed)
        slide.template_changed.connect(self._show)

    @Slot(object)
    def _sizes_changed(self, sizes: KnownSizes) -> None:
        self._sizes = sizes
        self._show()

    @Slot()
    def _show(self) -> None:
        grid, template = self._tiles.grid, self._slide.template
        if grid is None or template is None or self._tiles.path != self._slide.file:
            return
        info, level = grid.info, template.level
        stated = info.pixel_um_at(level)
        known = self._sizes.find(template.width, template.height, slide=self._slide.slide_id, stated=stated)
        self._panel.set_scale(known, info.levels[level].downsample)
