"""Types of a report's cell content: differential counts, readers compared, example cells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CellTypeRow:
    """Line of a differential count.

    Attributes:
        key: Of the type.
        name: Shown name.
        letter: Stands beside the colour.
        colour: ``#rrggbb``.
        count: Cells.
        per_hundred: Per 100 white cells; None where none were counted.
        low: Lower end of its exact 95 % interval.
        high: Upper end; None without one.
    """

    key: str
    name: str
    letter: str
    colour: str
    count: int
    per_hundred: float | None
    low: float
    high: float | None


@dataclass(frozen=True, slots=True)
class DifferentialBlock:
    """Differential count of one person.

    Attributes:
        reader: Who counted.
        n: White cells.
        proposed: Those of them that nobody named, by their proposed type.
        left_out: Cells of types that count as nothing.
        white: Types among the white cells.
        beside: Types counted per 100 of them.
        note: That there are few cells, or empty.
    """

    reader: str
    n: int
    proposed: int
    left_out: int
    white: tuple[CellTypeRow, ...]
    beside: tuple[CellTypeRow, ...]
    note: str


@dataclass(frozen=True, slots=True)
class ReadersRow:
    """Type in the comparison of two readers.

    Attributes:
        name: Shown name.
        first: The first reader's percentage; None where nothing was counted.
        second: The second reader's.
        low: Lower limit of the first reader's percentage, whole per cent.
        high: Upper limit.
        agrees: Whether the second reader lies within the limits; None where it cannot be said.
    """

    name: str
    first: float | None
    second: float | None
    low: int
    high: int
    agrees: bool | None


@dataclass(frozen=True, slots=True)
class ReadersBlock:
    """Comparison of two readers.

    Attributes:
        first: Whose limits are used.
        second: Who is compared with them.
        rows: By type.
        common: Cells that both named.
        agreed: Those named alike.
        kappa: Cohen's kappa; None where it means nothing.
    """

    first: str
    second: str
    rows: tuple[ReadersRow, ...]
    common: int
    agreed: int
    kappa: float | None


@dataclass(frozen=True, slots=True)
class ExampleCell:
    """Cell of the montage.

    Attributes:
        field: Number of its field.
        cell: Number within the field.
        type: Name of the type.
        box: Left, top, width and height, pixels of the file.
    """

    field: int
    cell: int
    type: str
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class CellsBlock:
    """Differential counts of a case.

    Attributes:
        total: Cells that count.
        counts: One a reader.
        comparisons: Every two readers.
        examples: Cells to show, by type.
        proposals_counted: Whether proposed types count for the readers.
    """

    total: int
    counts: tuple[DifferentialBlock, ...]
    comparisons: tuple[ReadersBlock, ...]
    examples: tuple[ExampleCell, ...]
    proposals_counted: bool
