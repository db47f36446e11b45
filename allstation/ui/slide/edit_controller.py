"""Editing of a slide's fields: added by a click, moved by a drag, a region filled; all can be undone."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import Final

from PySide6.QtCore import QObject, QPointF, QRectF, Slot
from PySide6.QtGui import QUndoCommand

from allstation.core.errors import StationError
from allstation.core.slide_part import Region
from allstation.services.case.session import CaseSession
from allstation.services.case.slide_requests import AddRegions, MoveRegion, UndoRegions
from allstation.services.images.slide_pixels import SlideSource
from allstation.services.images.slide_tiles import SlideTiles
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import FIELDS, Level, Notification
from allstation.ui.context import AppContext
from allstation.ui.slide.controller import SlideController
from allstation.ui.slide.panel import SlidePanel
from allstation.ui.slide.tools import Tool

_MAY_OVERLAP: Final = 0.1
"""Share of a field that another one may cover where a region is filled."""
_FIRST_TOKEN: Final = 1


class SlideEditController(QObject):
    """Turns what is drawn on the slide into requests to the case.

    Args:
        context: Services and state.
        panel: Shows the slide.
        tiles: Reads it.
        slide: Knows which slide it is.
        browser: Chooses what was added.
    """

    def __init__(
        self,
        context: AppContext,
        panel: SlidePanel,
        *,
        tiles: SlideTiles,
        slide: SlideController,
        browser: BrowserPanel,
    ) -> None:
        super().__init__(panel)
        self._context = context
        self._session = context.session
        self._panel = panel
        self._tiles = tiles
        self._slide = slide
        self._browser = browser
        self._tokens = count(_FIRST_TOKEN)
        self._chosen_later: dict[int, int] = {}
        self._filling: dict[int, int] = {}
        self._choose = 0
        tools = panel.canvas.tools
        tools.add_asked.connect(self.add)
        tools.move_asked.connect(self.move)
        tools.area_drawn.connect(self.fill)
        context.session.worker.regions_edited.connect(self._edited)
        context.session.opened.connect(self._forget)
        browser.listed.connect(self._listed)

    def actions(self) -> tuple[Action, ...]:
        """Offer the tools."""
        # fmt: off
        return (
            Action("slide.edit", "Add and Move Fields", self.place_fields, "X",
                   "Click on the slide to add a field, drag one to move it", "edit-fields",
                   menu="&Edit", place=430, enabled_when=self._may_edit,
                   checked_when=partial(self._uses, Tool.FIELDS)),
            Action("slide.region", "Fill a Region with Fields", self.draw_region, "Shift+X",
                   "Draw a region on the slide that is filled with fields", "region",
                   menu="&Edit", place=440, enabled_when=self._may_edit,
                   checked_when=partial(self._uses, Tool.REGION)),
        )
        # fmt: on

    def _may_edit(self) -> bool:
        return self._slide.is_open() and self._context.can_write()

    def _uses(self, tool: Tool) -> bool:
        return self._panel.tool is tool

    def place_fields(self, on: bool) -> None:
        """Let clicks and drags add and move fields, or only look."""
        self._use(Tool.FIELDS if on else Tool.LOOK)

    def draw_region(self, on: bool) -> None:
        """Let clicks draw a region that is filled with fields, or only look."""
        self._use(Tool.REGION if on else Tool.LOOK)

    def _use(self, tool: Tool) -> None:
        self._panel.use_tool(tool)
        self._context.changed.emit()

    # Changes

    @Slot(QRectF)
    def add(self, box: QRectF) -> None:
        """Add a field; it becomes the current one."""
        template = self._slide.template
        if template is None or not self._may_edit():
            return
        token = next(self._tokens)
        self._chosen_later[token] = 1
        self._push(AddRegions(self._slide.slide_id, [_at(template, box)], token), tr("Add a field"))

    @Slot(int, QRectF)
    def move(self, field_id: int, box: QRectF) -> None:
        """Put a field at another place."""
        template = self._slide.part_of(field_id)
        if template is None or not self._may_edit():
            return
        token = next(self._tokens)
        self._chosen_later[token] = 1
        self._push(MoveRegion(field_id, _at(template, box), token), tr("Move a field"))

    @Slot(list)
    def fill(self, corners: list[QPointF]) -> None:
        """Fill a region with fields."""
        if not self._may_edit():
            return
        polygon = [(corner.x(), corner.y()) for corner in corners]
        scene = self._panel.canvas.scene
        task = self._tiles.run(
            _Fill(self._slide.slide_id, polygon, scene.pixel_um if scene.is_stated else None)
        )
        if task is not None:
            task.done.connect(self._filled)
            task.failed.connect(self._not_filled)

    @Slot(object)
    def _filled(self, found: tuple[int, list[Region]] | None) -> None:
        if found is None or found[0] != self._slide.slide_id:
            return
        slide_id, regions = found
        if not regions:
            self._context.notifier.info(tr("No field lies wholly in this region. Draw a larger one."))
            return
        # A white cell in two fields would be counted twice.
        marks = self._panel.canvas.scene.marks
        regions = [
            one
            for one in regions
            if marks.overlap(QRectF(one.x, one.y, one.width, one.height)) <= _MAY_OVERLAP
        ]
        if not regions:
            self._context.notifier.info(tr("This region is covered by fields already."))
            return
        token = next(self._tokens)
        self._filling[token] = len(regions)
        text = tr("Add {n} fields", n=number(len(regions))) if len(regions) != 1 else tr("Add 1 field")
        self._push(AddRegions(slide_id, regions, token), text)

    @Slot(object)
    def _not_filled(self, error: Exception) -> None:
        why = error.sentence if isinstance(error, StationError) else str(error)
        self._context.notifier.warn(why)

    def _push(self, request: AddRegions | MoveRegion, text: str) -> None:
        self._context.undo.push(_RegionCommand(self._session, request, text))

    # Answers

    @Slot(int, int, list, list)
    def _edited(self, token: int, _slide_id: int, added: list[int], removed: list[int]) -> None:
        if added and removed:
            # Takes the place of what was told a moment ago: that the field at the old place is out of it.
            text = tr("The field was moved. Undo puts it back.")
            self._context.notifier.post(Notification(Level.INFO, text, topic=FIELDS))
        wanted = self._filling.pop(token, None)
        if wanted is not None:
            self._say_filled(len(added), wanted)
        if self._chosen_later.pop(token, 0) and added:
            self._choose = added[0]

    def _say_filled(self, added: int, wanted: int) -> None:
        if added == 1:
            words = tr("1 field was added in the region.")
        else:
            words = tr("{n} fields were added in the region.", n=number(added))
        if added < wanted:
            words += " " + tr("{n} were in the case already.", n=number(wanted - added))
        self._context.notifier.info(words)

    @Slot()
    def _listed(self) -> None:
        """Choose the field that was added once the list has it."""
        row = self._browser.model.row_of(self._choose) if self._choose else None
        if row is not None:
            self._choose = 0
            self._browser.go_to_row(row)

    @Slot()
    def _forget(self) -> None:
        self._chosen_later.clear()
        self._filling.clear()
        self._choose = 0


class _RegionCommand(QUndoCommand):
    """Fields that were added or moved; done again under the same token they are the same fields."""

    def __init__(self, session: CaseSession, request: AddRegions | MoveRegion, text: str) -> None:
        super().__init__(text)
        self._session = session
        self._request = request

    def redo(self) -> None:
        """Do it."""
        self._session.submit(self._request)

    def undo(self) -> None:
        """Take it back."""
        self._session.submit(UndoRegions(self._request.token))


class _Fill:
    """Finds the fields of a region. Runs on another thread."""

    def __init__(self, slide_id: int, polygon: list[tuple[float, float]], pixel_um: float | None) -> None:
        self._slide_id = slide_id
        self._polygon = polygon
        self._pixel_um = pixel_um

    def __call__(self, source: SlideSource) -> tuple[int, list[Region]]:
        from allstation.imaging.slides.monolayer import fill

        return self._slide_id, list(fill(source, self._polygon, pixel_um=self._pixel_um))


def _at(template: Region, box: QRectF) -> Region:
    """Return a field of the size of another one at the place of a rectangle of level 0."""
    return Region(
        level=template.level, x=int(box.x()), y=int(box.y()), width=template.width, height=template.height
    )
