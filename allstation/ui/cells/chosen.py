"""Cells that a key or menu means: chosen in the field while the keyboard is there, else in the gallery."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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

    def count(self) -> int:
        """Return how many there are, without naming them."""
        return len(self._field_cells.chosen()) if self.in_field() else self._panel.selected_count()

    def ids(self) -> NDArray[np.int64]:
        """Return the cells."""
        if self.in_field():
            return np.array([record.id for record in self._field_cells.chosen()], np.int64)
        return self._panel.selected_ids()

    def records(self) -> list[CellRecord]:
        """Return the records of the cells, as far as they are here: those that were looked at last."""
        if self.in_field():
            return list(self._field_cells.chosen())
        model = self._panel.model
        here = {record.id: record for record in model.known()}
        ids = self._panel.selected_ids()
        kept: list[int] = ids[np.isin(ids, np.array(list(here), np.int64))].tolist()
        return [here[number] for number in kept]

    def shown_before(self, ids: NDArray[np.int64]) -> list[int]:
        """Return which of them were on the screen for long enough."""
        if self.in_field() and self._guard.was_field_shown(self._context.selection.field):
            every: list[int] = ids.tolist()
            return every
        return self._guard.shown_before(ids)

    def refusal(self, left_out: int, total: int) -> str:
        """Say how many were not typed because nobody has seen them."""
        return self._guard.refusal(left_out, total)
