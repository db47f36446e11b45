"""Layout of tiles and headings of grouped fields: plain arithmetic, no widget."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """Fields under one heading.

    Attributes:
        start: Row of its first field.
        title: Heading, for example a slide's name.
        count: Fields in it.
    """

    start: int
    title: str
    count: int


class TileLayout:
    """Rows of tiles, a new line at each section.

    Args:
        count: Tiles.
        starts: Row at which each section begins, rising from 0; empty for no headings.
        columns: Tiles a line, at least 1.
        height: Of a line.
        head: Of a heading.
    """

    def __init__(self, count: int, starts: Sequence[int], *, columns: int, height: int, head: int) -> None:
        self._columns, self._height = columns, height
        self._head = head if starts else 0
        self._starts = list(starts) or [0]
        ends = [*self._starts[1:], count]
        self._counts = [end - start for start, end in zip(self._starts, ends, strict=True)]
        self._tops: list[int] = []
        top = 0
        for length in self._counts:
            self._tops.append(top)
            top += self._head + -(-length // columns) * height
        self.total = top

    def place(self, row: int) -> tuple[int, int]:
        """Return the top of a row's tile and its column."""
        section = bisect_right(self._starts, row) - 1
        line, column = divmod(row - self._starts[section], self._columns)
        return self._tops[section] + self._head + line * self._height, column

    def row_at(self, y: int, column: int) -> int | None:
        """Return the row whose tile is at a height, or None on a heading or beside the tiles."""
        section = self.section_at(y)
        within = y - self._tops[section] - self._head
        row = within // self._height * self._columns + column
        inside = within >= 0 and 0 <= column < self._columns and 0 <= row < self._counts[section]
        return self._starts[section] + row if inside else None

    def rows_between(self, top: int, bottom: int) -> range:
        """Return the rows of all tiles that a stretch touches."""
        first, last = self.section_at(top), self.section_at(bottom)
        begin = self._starts[first] + self._lines_above(first, top) * self._columns
        lines = self._lines_above(last, bottom) + 1 if bottom >= self._tops[last] + self._head else 0
        end = self._starts[last] + min(lines * self._columns, self._counts[last])
        return range(min(begin, end), end)

    def headings_between(self, top: int, bottom: int) -> Iterator[tuple[int, int]]:
        """Give number and top of every heading that a stretch touches."""
        if not self._head:
            return
        for section in range(self.section_at(top), self.section_at(bottom) + 1):
            if self._tops[section] + self._head > top:
                yield section, self._tops[section]

    def line_up(self, row: int) -> int:
        """Return the row above, the same at the very top; over a heading, the last line before it."""
        return self._vertical(row, -1)

    def line_down(self, row: int) -> int:
        """Return the row below, the same at the very bottom."""
        return self._vertical(row, 1)

    def _vertical(self, row: int, step: int) -> int:
        section = bisect_right(self._starts, row) - 1
        line, column = divmod(row - self._starts[section], self._columns)
        line += step
        lines = -(-self._counts[section] // self._columns)
        if not 0 <= line < lines:
            section += step
            if not 0 <= section < len(self._starts):
                return row
            line = 0 if step > 0 else -(-self._counts[section] // self._columns) - 1
        wanted = line * self._columns + column
        if wanted >= self._counts[section] and len(self._starts) == 1:
            return row
        return self._starts[section] + min(wanted, self._counts[section] - 1)

    def section_at(self, y: int) -> int:
        """Return the section that a height lies in, its heading included."""
        return max(0, bisect_right(self._tops, y) - 1)

    def _lines_above(self, section: int, y: int) -> int:
        return max(0, y - self._tops[section] - self._head) // self._height
