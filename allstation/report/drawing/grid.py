"""Tables: measured once, split between rows, the header repeated on every page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from reportlab.platypus import Flowable

from allstation.report.drawing import palette
from allstation.report.drawing.blocks import Block, Style, limited
from allstation.report.drawing.charts import badge
from allstation.report.drawing.fonts import BOLD, MEDIUM, TEXT
from allstation.report.drawing.typeset import Line, Typesetter


@dataclass(frozen=True, slots=True)
class Column:
    """Column of a table.

    Attributes:
        title: In the header.
        width: Points; 0 takes an equal part of what is left.
        align: ``left`` or ``right``.
        face: Font of its cells.
        lines: Most lines of a cell; with 1 the middle is replaced by an ellipsis.
        size: Points of its cells; 0 takes the table's.
    """

    title: str
    width: float = 0.0
    align: str = "left"
    face: str = TEXT
    lines: int = 1
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class Cell:
    """Cell of a table.

    Attributes:
        text: What it says.
        face: Another font than the column's, or empty.
        colour: Of the text.
        badge: Letter and colour of a class badge before the text, or nothing.
    """

    text: str
    face: str = ""
    colour: str = palette.INK
    badge: tuple[str, str] | None = None


Row = Sequence[Cell] | str
"""Cells, or the text of a line over all columns that heads the rows below it."""


_FEW: Final = 3


@dataclass(frozen=True, slots=True)
class _Set:
    cells: tuple[tuple[Cell, list[Line]], ...]
    height: float
    heads: str = ""


class Grid(Block):
    """A table.

    Args:
        columns: From left to right.
        rows: From top to bottom.
        size: Points of the text.
        pad: Space above and below a row's text.
    """

    _BADGE: Final = 9.0
    _CELL_PAD: Final = 4.0
    _HEADER: Final = 17.0

    def __init__(
        self,
        setter: Typesetter,
        columns: Sequence[Column],
        rows: Sequence[Row],
        *,
        size: float = 7.6,
        pad: float = 2.6,
    ) -> None:
        super().__init__(setter, before=2, after=10)
        self.columns, self.rows, self.size, self.pad = list(columns), rows, size, pad
        self._sets: list[_Set] = []

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Measure every row once; return the size."""
        if not self._sets or width != self.width:
            self.width = width
            open_columns = [column for column in self.columns if not column.width]
            rest = width - sum(column.width for column in self.columns)
            self.columns = [
                column if column.width else replace(column, width=rest / len(open_columns))
                for column in self.columns
            ]
            self._sets = [self._measured(row) for row in self.rows]
        self.height = self._HEADER + sum(row.height for row in self._sets)
        return width, self.height

    def _measured(self, row: Row) -> _Set:
        if isinstance(row, str):
            line = self.setter.fitted(row, BOLD, size=self.size + 0.4, width=self.width - 2 * self._CELL_PAD)
            return _Set(((Cell(row), [line]),), self.size + 12, row)
        cells = tuple(
            (cell, self._lines(cell, column)) for cell, column in zip(row, self.columns, strict=True)
        )
        most = max(len(lines) for _, lines in cells)
        return _Set(cells, most * self.size * 1.28 + 2 * self.pad)

    def _lines(self, cell: Cell, column: Column) -> list[Line]:
        room = column.width - self._CELL_PAD * 2 - (self._BADGE + 3 if cell.badge else 0)
        if column.align == "right":
            room += self._CELL_PAD - 1  # Its neighbour on the left keeps the distance.
        size, face = column.size or self.size, cell.face or column.face
        if column.lines == 1:
            return [self.setter.fitted(cell.text, face, size=size, width=room)]
        return limited(self.setter, cell.text, Style(face, size), width=room, limit=column.lines)

    def split(self, width: float, height: float) -> list[Flowable]:
        """Split between rows; a heading line is never left alone at the bottom."""
        self.wrap(width, height)
        used, fits = self._HEADER, 0
        for row in self._sets:
            if used + row.height > height:
                break
            used, fits = used + row.height, fits + 1
        if len(self._sets) - fits == 1 and fits > _FEW:
            fits -= 1  # A last row alone on the next page looks lost.
        while fits and self._sets[fits - 1].heads:
            fits -= 1
        if not fits or fits == len(self._sets):
            return []
        return [self._part(0, fits), self._part(fits, len(self._sets))]

    def _part(self, first: int, last: int) -> Grid:
        rows, sets = list(self.rows[first:last]), self._sets[first:last]
        above = next((one for one in reversed(self._sets[:first]) if one.heads), None)
        if above is not None and not sets[0].heads:
            again = above.heads if above.heads.endswith(" (continued)") else f"{above.heads} (continued)"
            rows, sets = [again, *rows], [self._measured(again), *sets]
        part = Grid(self.setter, self.columns, rows, size=self.size, pad=self.pad)
        part._sets, part.width = sets, self.width
        return part

    def draw(self) -> None:
        """Draw header and rows."""
        with self.canv.structure.group("Table"):
            self._header()
            y = self.height - self._HEADER
            for index, row in enumerate(self._sets):
                y -= row.height
                if row.heads:
                    self._heading(row, y)
                else:
                    self._row(row, y)
                last = index == len(self._sets) - 1
                self.canv.stroke(
                    (0, y, self.width, y), line=palette.LINE if last else palette.HAIR, width=0.5
                )

    def _header(self) -> None:
        bottom = self.height - self._HEADER
        self.canv.stroke((0, bottom, self.width, bottom), line=palette.INK, width=0.8)
        x = 0.0
        style = Style(MEDIUM, self.size - 0.4, 9, palette.MUTED, kind="TH")
        with self.canv.structure.group("TR"):
            for column in self.columns:
                right = column.align == "right"
                at = self._right(x + column.width) if right else x + self._pad_left(x)
                self.put(column.title, (at, bottom + 5.4), style, width=column.width - 4, align=column.align)
                x += column.width

    def _heading(self, row: _Set, y: float) -> None:
        with self.canv.structure.group("TR"), self.canv.leaf("TH"):
            line = row.cells[0][1][0]
            self.canv.text_line(line, 0, y + 4.2, size=self.size + 0.4, colour=palette.INK)

    def _row(self, row: _Set, y: float) -> None:
        x = 0.0
        with self.canv.structure.group("TR"):
            for column, (cell, lines) in zip(self.columns, row.cells, strict=True):
                self._cell(column, cell, lines, at=(x, y + row.height))
                x += column.width

    def _pad_left(self, x: float) -> float:
        """Tables begin where the text above them begins."""
        return self._CELL_PAD if x else 0.0

    def _right(self, edge: float) -> float:
        """And end where it ends."""
        return edge if edge > self.width - 1 else edge - self._CELL_PAD

    def _cell(self, column: Column, cell: Cell, lines: Sequence[Line], *, at: tuple[float, float]) -> None:
        size = column.size or self.size
        x, y = at[0] + self._pad_left(at[0]), at[1] - self.pad - self.size * 0.98
        if cell.badge:
            letter, colour = cell.badge
            badge(self.canv, self.setter, letter, colour=colour, at=(x, y - 1.6), side=self._BADGE)
            x += self._BADGE + 3
        with self.canv.leaf("TD"):
            for line in lines:
                right = column.align == "right"
                left = self._right(at[0] + column.width) - line.width if right else x
                self.canv.text_line(line, left, y, size=size, colour=cell.colour)
                y -= self.size * 1.28
