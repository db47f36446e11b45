"""Correction controller: cells added by a click, removed, brought back, joined and parted, all undoable."""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtCore import QObject, Slot

from allstation.core.cells import CellGeometry
from allstation.core.errors import StationError
from allstation.core.records import FieldRecord
from allstation.services.images.field_cache import FieldCache
from allstation.services.tasks import Serial
from allstation.ui.cells.chosen import ChosenCells
from allstation.ui.cells.commands import CellCommands
from allstation.ui.cells.field_cells import FieldCells
from allstation.ui.cells.panel import GalleryPanel
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext
from allstation.ui.viewer.outlines import NETWORK_SIZE
from allstation.ui.viewer.pane import ViewerPane

_TOPIC: Final = "cells"
_TWO: Final = 2


class CorrectionController(QObject):
    """Corrects what the finder found.

    Args:
        context: Services and state.
        panel: The gallery.
        viewer: Shows the field.
        field_cells: Its cells.
        chosen: Which cells are meant.
        commands: Pushes undoable changes.
        files: Reads fields.
    """

    def __init__(
        self,
        context: AppContext,
        panel: GalleryPanel,
        *,
        viewer: ViewerPane,
        field_cells: FieldCells,
        chosen: ChosenCells,
        commands: CellCommands,
        files: FieldCache,
    ) -> None:
        super().__init__(panel)
        self._context = context
        self._panel = panel
        self._viewer = viewer
        self._field_cells = field_cells
        self._chosen = chosen
        self._commands = commands
        self._files = files
        self._serial = Serial(self)
        self._asked: FieldRecord | None = None
        field_cells.pointed.connect(self._add_at)
        field_cells.changed.connect(self._tell_changed)
        viewer.main.canvas.tool_ended.connect(self._end_tool)
        panel.gallery.remove_asked.connect(self.remove)

    def actions(self) -> tuple[Action, ...]:
        """Offer corrections."""
        # fmt: off
        return (
            Action("cells.add", "A&dd a Cell", self.set_adding, "Ctrl+Shift+A",
                   "Click into the field on a cell that was not found; Escape ends it", "cells",
                   menu="C&ells", place=410, field_menu=610, enabled_when=self._context.can_review,
                   checked_when=self._field_cells.is_adding),
            Action("cells.remove", "&Remove Cells", self.remove, "Shift+Del",
                   "Take the chosen cells out of lists and counts; Undo brings them back", "trash",
                   menu="C&ells", place=420, field_menu=620, enabled_when=self._can_correct),
            Action("cells.restore", "Bring Back Remo&ved Cells", self.restore, "Shift+Ins",
                   "Bring the selected removed cells back; the gallery lists them as Removed", "undo",
                   menu="C&ells", place=430, enabled_when=self._can_restore),
            Action("cells.join", "&Join Cells", self.join, "Ctrl+J",
                   "Put one cell in the place of the chosen cells of one field",
                   menu="C&ells", place=440, field_menu=630, enabled_when=self._can_join),
            Action("cells.part", "&Part Cell", self.part, "Ctrl+Shift+J",
                   "Cut the chosen cell in two at its waist",
                   menu="C&ells", place=450, field_menu=640, enabled_when=self._can_correct),
        )
        # fmt: on

    def close(self) -> None:
        """Wait for what is being outlined."""
        self._serial.close()

    def _can_correct(self) -> bool:
        return self._context.can_write() and self._chosen.any()

    def _can_join(self) -> bool:
        return self._can_correct() and self._chosen.count() >= _TWO

    def _can_restore(self) -> bool:
        return self._can_correct() and self._panel.where().removed

    # Adding

    @Slot(bool)
    def set_adding(self, on: bool) -> None:
        """Let clicks add cells, or choose them."""
        self._field_cells.set_adding(on and self._context.can_review())
        if self._field_cells.is_adding():
            self._viewer.set_outlines_visible(True)
            self._viewer.main.canvas.setFocus()
        self._context.changed.emit()

    @Slot()
    def _end_tool(self) -> None:
        self.set_adding(False)

    @Slot(float, float)
    def _add_at(self, x: float, y: float) -> None:
        field = self._context.selection.field
        if field is None or not self._may_correct() or self._asked is not None:
            return
        self._asked = field
        usual = self._field_cells.usual_share()
        known = self._viewer.main.canvas.scene.pixel_size()
        task = self._serial.run(
            partial(_outline_at, self._files, field, (x, y), usual=usual, pixel_size=known)
        )
        task.done.connect(self._outlined)
        task.failed.connect(self._failed)

    @Slot(object)
    def _outlined(self, cell: CellGeometry) -> None:
        field, self._asked = self._asked, None
        if field is not None and self._context.can_write():
            self._commands.add(field.id, cell, self._context.selection.reviewer)

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        self._asked = None
        if not isinstance(error, StationError):
            raise error
        self._refuse(error.sentence)

    # Removing, joining, parting

    @Slot()
    def remove(self) -> None:
        """Take the chosen cells out."""
        ids: list[int] = self._chosen.ids().tolist()
        if self._panel.where().removed and not self._chosen.in_field():
            self._refuse(tr("These cells are removed already. Shift and Ins bring them back."))
        elif ids and self._may_correct():
            self._commands.remove(ids, self._reviewer, text=tr("Remove {what}", what=_cells(len(ids))))

    @Slot()
    def restore(self) -> None:
        """Bring the selected removed cells back."""
        ids: list[int] = self._chosen.ids().tolist()
        if ids and self._may_correct():
            text = tr("Bring back {what}", what=_cells(len(ids)))
            self._commands.restore(ids, self._reviewer, text=text)

    @Slot()
    def join(self) -> None:
        """Put one cell in the place of the chosen ones."""
        records = self._chosen.records()
        if len({record.field_id for record in records}) != 1 or len(records) < _TWO:
            self._refuse(tr("Choose two or more cells of one field to join them: hold Ctrl and click."))
        elif self._may_correct():
            self._commands.join([record.id for record in records], self._reviewer)

    @Slot()
    def part(self) -> None:
        """Cut the chosen cell in two."""
        ids: list[int] = self._chosen.ids().tolist()
        if len(ids) != 1:
            self._refuse(tr("Choose one cell to part it."))
        elif self._may_correct():
            self._commands.part(ids[0], self._reviewer)

    @property
    def _reviewer(self) -> str:
        return self._context.selection.reviewer

    def _may_correct(self) -> bool:
        if not self._reviewer:
            self._refuse(tr("Corrections need a name. Write yours below the review panel."))
        return bool(self._reviewer) and self._context.can_write()

    def _refuse(self, text: str) -> None:
        self._context.notifier.warn(text, topic=_TOPIC)

    @Slot()
    def _tell_changed(self) -> None:
        self._context.changed.emit()


def _outline_at(
    files: FieldCache,
    field: FieldRecord,
    place: tuple[float, float],
    *,
    usual: float | None,
    pixel_size: float | None,
) -> CellGeometry:
    """Outline what lies at a point, at the pixel size that counts for the field. Runs on another thread."""
    from allstation.imaging.cells.hand_cells import cell_at

    file = files.read(field.path, field.sha256)
    rgb = file.reduced(NETWORK_SIZE)
    size = file.header.width, file.header.height
    return cell_at(rgb, *place, size=size, usual=usual, pixel_size=pixel_size or file.pixel_size)


def _cells(count: int) -> str:
    return tr("1 cell") if count == 1 else tr("{n} cells", n=number(count))
