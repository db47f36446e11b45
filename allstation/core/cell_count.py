"""Counting of cells by one person, one after the other, as at a bench counter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from allstation.core.cell_types import CellType, Counts, type_of
from allstation.core.differential import TARGETS

_MIX: Final = 2654435761
_WORD: Final = 2**32


@dataclass(frozen=True, slots=True)
class Counted:
    """Cell that was counted just now.

    Attributes:
        cell_id: The cell.
        type: Key of its type; empty where it was passed over.
    """

    cell_id: int
    type: str


@dataclass
class CellCount:
    """Count of one person.

    Attributes:
        queue: Cells to come, in order; none of them has a type by this person.
        before: What this person typed before, by the key of the type.
        types: The laboratory's list.
        target: White cells to count.
        done: What was counted, the latest last.
    """

    queue: Sequence[int]
    before: Mapping[str, int]
    types: Sequence[CellType]
    target: int = TARGETS[1]
    done: list[Counted] = field(default_factory=list)

    @property
    def current(self) -> int | None:
        """The cell to be named now; None when there are no more."""
        return self.queue[len(self.done)] if len(self.done) < len(self.queue) else None

    def following(self, number: int) -> Sequence[int]:
        """Return the cells after the current one, to have them ready."""
        start = len(self.done) + 1
        return self.queue[start : start + number]

    def counts(self) -> dict[str, int]:
        """Return how many cells this person gave each type, with those of before."""
        counts = dict(self.before)
        for one in self.done:
            if one.type:
                counts[one.type] = counts.get(one.type, 0) + 1
        return counts

    def white(self) -> int:
        """Return how many white cells were counted: not those beside, and not what is no cell."""
        return sum(
            number for key, number in self.counts().items() if type_of(self.types, key).counts is Counts.WHITE
        )

    @property
    def is_full(self) -> bool:
        """Whether the target is reached."""
        return self.white() >= self.target

    def name(self, kind: str) -> int | None:
        """Give the current cell a type, or pass over it with an empty one; return the cell.

        Nothing is counted beyond the target, as a bench counter stops there.
        """
        cell = self.current
        if cell is None or (kind and self.is_full):
            return None
        self.done.append(Counted(cell, kind))
        return cell

    def take_back(self) -> Counted | None:
        """Take the latest cell back, which is the current one again; None if there is none."""
        return self.done.pop() if self.done else None


def spread(cells: Sequence[int]) -> list[int]:
    """Return cells in an order that is spread over the case, the same for every person and computer."""
    return sorted(cells, key=lambda cell: (cell * _MIX % _WORD, cell))
