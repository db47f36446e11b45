"""Montage of cells: a row of pictures of one type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from allstation.report.content.cell_types import ExampleCell
from allstation.report.drawing.blocks import Style
from allstation.report.drawing.fonts import TEXT
from allstation.report.drawing.images import Thumbnail
from allstation.report.drawing.montage import Pictured
from allstation.report.drawing.palette import MUTED
from allstation.report.drawing.typeset import Typesetter

CellPictures = Callable[[ExampleCell], Thumbnail]
"""Cell -> its picture."""

_QUIET: Final = Style(TEXT, 6.8, 9, MUTED)


class CellRow(Pictured):
    """Pictures of cells of one type side by side, each with field and number.

    Args:
        setter: The typesetter.
        cells: At most :attr:`ACROSS`.
        pictures: Gives their pictures.
    """

    ACROSS: Final = 8
    _GUTTER: Final = 6.0
    _FOOT: Final = 11.0

    def __init__(self, setter: Typesetter, cells: Sequence[ExampleCell], pictures: CellPictures) -> None:
        super().__init__(setter, before=0, after=6)
        self.cells, self.pictures = cells, pictures
        self._side = 0.0

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size."""
        self.width = width
        self._side = (width - self._GUTTER * (self.ACROSS - 1)) / self.ACROSS
        self.height = self._side + self._FOOT
        return width, self.height

    def draw(self) -> None:
        """Draw the pictures."""
        for index, cell in enumerate(self.cells):
            x = index * (self._side + self._GUTTER)
            with self.canv.structure.group("Div"):
                alt = f"{cell.type}, cell {cell.cell} of field {cell.field}"
                self.picture(self.pictures(cell), (x, self._FOOT, self._side, self._side), alt=alt)
                self.put(f"{cell.field}.{cell.cell}", (x, self._FOOT - 8.5), _QUIET, width=self._side)
