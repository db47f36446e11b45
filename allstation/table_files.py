"""Reads a CSV table from disk; the rules of its parser stand in :mod:`allstation.core.tables`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from allstation.core.errors import StationError
from allstation.core.tables import Table, parse_table
from allstation.core.text import shown_name


def read_table(
    path: Path, columns: Sequence[str], *, code: str, column_code: str = "", also: Sequence[str] = ()
) -> Table:
    """Read a table that a person or an office program saved.

    Args:
        path: The file.
        columns: Columns it must have.
        code: Of the error where it cannot be read.
        column_code: Of the error where a column is missing; ``code`` without it.
        also: Columns it may have.

    Raises:
        StationError: ``code`` or ``column_code``, with what came and what was expected.
    """
    name = shown_name(path)
    try:
        table = parse_table(path.read_bytes(), name=name, expected=(*columns, *also))
    except OSError as error:
        sentence = f"The table {name} cannot be read ({error.strerror}). Choose a CSV file."
        raise StationError(code, sentence) from error
    except StationError as error:
        raise StationError(code, error.sentence) from error
    table.require(*columns, code=column_code or code, also=", ".join(also))
    return table
