"""Refuses to type cells whose crops, or fields, nobody can have seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from allstation.core.records import FieldRecord
from allstation.ui.cells.view import CellGallery
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.canvas import FieldCanvas
from allstation.ui.viewer.visibility import identity


class CellGuard:
    """Tells which cells have been on the screen for long enough to be typed.

    Args:
        gallery: Shows crops.
        canvas: Shows the current field.
        limit: Gives the seconds for which a picture must have been on the screen.
    """

    def __init__(self, gallery: CellGallery, canvas: FieldCanvas, *, limit: Callable[[], float]) -> None:
        self._gallery = gallery
        self._canvas = canvas
        self._limit = limit

    def shown_before(self, ids: NDArray[np.int64]) -> list[int]:
        """Return which of these cells were shown in the gallery, in their order."""
        shown = self._gallery.visibility.shown_for(self._limit())
        known = np.array([key for key in shown if isinstance(key, int)], np.int64)
        found: list[int] = ids[np.isin(ids, known)].tolist()
        return found

    def was_field_shown(self, field: FieldRecord | None) -> bool:
        """Tell whether a field has been in the viewer for long enough."""
        if field is None:
            return False
        return (self._canvas.visibility.longest(identity(field)) or 0.0) >= self._limit()

    def refusal(self, left_out: int, total: int) -> str:
        """Say how many cells were not typed because nobody has seen them."""
        seconds = f"{self._limit():g}"
        if total == 1:
            return tr(
                "Not typed: the cell has been on the screen for less than {seconds} s. Look at it, then try "
                "again.",
                seconds=seconds,
            )
        return tr(
            "{n} of {total} selected cells were not typed: they were not on the screen for {seconds} s yet. "
            "Scroll through them first.",
            n=number(left_out),
            total=number(total),
            seconds=seconds,
        )
