"""Cells that a key or menu means: chosen in the field while the keyboard is there, else in the gallery."""

from __future__ import annotations

from allstation.core.cells import CellRecord
from allstation.ui.cells.field_cells import FieldCells
from allstation.ui.cells.guard import CellGuard
from allstation.ui.cells.panel import GalleryPanel
from allstation.ui.context import AppContext


class ChosenCells:
    """Says which cells are meant, and which of them were seen.

    Args:
        context: Services and state.
        panel: The gallery.
        field_cells: The cells in the viewer.
        guard: Knows what was on the screen.
    """

    def __init__(
        self, context: AppContext, panel: GalleryPanel, *, field_cells: FieldCells, guard: CellGuard
    ) -> None:
        self._context = context
        self._panel = panel
        self._field_cells = field_cells
        self._guard = guard

    def in_field(self) -> bool:
        """Tell whether the cells chosen in the field are meant."""
        if self._panel.gallery.hasFocus():
            return False
        chosen = bool(self._field_cells.chosen())
        return chosen and (self._field_cells.has_focus() or not self._panel.gallery.isVisible())

    def any(self) -> bool:
        """Tell whether there are any."""
        return self.in_field() or bool(self._panel.gallery.selected_rows())

    def ids(self) -> list[int]:
        """Return the cells."""
        if self.in_field():
            return [record.id for record in self._field_cells.chosen()]
        return self._panel.selected_ids()

    def records(self) -> list[CellRecord]:
        """Return the records of the cells, as far as they are here."""
        if self.in_field():
            return list(self._field_cells.chosen())
        found = (self._panel.model.record(number) for number in self._panel.selected_ids())
        return [record for record in found if record is not None]

    def seen(self, ids: list[int]) -> list[int]:
        """Return which of them were on the screen for long enough."""
        if self.in_field() and self._guard.is_field_seen(self._context.selection.field):
            return list(ids)
        return self._guard.seen(ids)

    def refusal(self, left_out: int, total: int) -> str:
        """Say how many were not typed because nobody has seen them."""
        return self._guard.refusal(left_out, total)
