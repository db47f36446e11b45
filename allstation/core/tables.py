"""Table parser: CSV as Excel, LibreOffice and this program save it, from bytes to named cells.

Encoding, separator and a ``sep=`` line are told from the bytes; nothing is guessed that the header does
not confirm. A table that cannot be read for certain is refused in a sentence.
"""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Final
from unicodedata import decimal, normalize

from allstation.core.errors import StationError

SUFFIXES: Final = frozenset({".csv", ".tsv", ".txt"})
"""Of the files that Excel saves tables in; its Unicode text is a ``.txt``."""
SEPARATORS: Final = (",", ";", "\t", "|")
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula, full-width forms included."""
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WORKBOOKS: Final = (
    (b"PK\x03\x04", "an Excel or OpenDocument workbook"),
    (b"\xd0\xcf\x11\xe0", "an Excel 97 workbook"),
)
_SEPARATOR_LINE: Final = re.compile(r'\ufeff?"?sep=([,;|\t])"?\1*"?[ ]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
_SHOWN: Final = 12
"""Columns named in a sentence."""


@dataclass(frozen=True, slots=True)
class Table:
    """A header and its rows.

    Attributes:
        name: File name, for sentences.
        columns: Header cells without surrounding spaces; empty ones keep their place.
        rows: One a line that has any cell filled.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]

    def __contains__(self, column: str) -> bool:
        """Return whether a column exists, case-insensitively."""
        return _place(self.columns, column) is not None

    def require(self, *columns: str, code: str, also: str = "") -> None:
        """Refuse a table that lacks a column, or has it twice.

        Args:
            columns: Needed columns.
            code: Of the error.
            also: Optional columns in words, for the sentence.

        Raises:
            StationError: ``code``, with the columns that came and those expected.
        """
        came = ", ".join(name for name in self.columns[:_SHOWN] if name) or "none"
        missing = [name for name in columns if name not in self]
        twice = [name for name in columns if _count(self.columns, name) > 1]
        if missing:
            expected = ", ".join(columns) + (f" and optionally {also}" if also else "")
            sentence = (
                f"The table {self.name} has no column {missing[0]!r}. It has: {came}; expected in its first "
                f"line: {expected}. Add the column, or choose another table."
            )
            raise StationError(code, sentence)
        if twice:
            sentence = f"The table {self.name} has the column {twice[0]!r} more than once. Rename the others."
            raise StationError(code, sentence)


@dataclass(frozen=True, slots=True)
class TableRow:
    """Row of a table.

    Attributes:
        line: Line of the file, from 1, in which the row ends.
        columns: As in the table.
        cells: Cell texts; a short row lacks the last ones, a long row has some without a column.
    """

    line: int
    columns: tuple[str, ...]
    cells: tuple[str, ...]

    def __getitem__(self, column: str) -> str:
        """Return the text of a cell without surrounding spaces; empty where the row ends before."""
        return self.cell(column).strip()

    def cell(self, column: str) -> str:
        """Return the text of a cell as it stands; empty where the row or the table ends before."""
        place = _place(self.columns, column)
        return self.cells[place] if place is not None and place < len(self.cells) else ""


def _fold(name: str) -> str:
    return normalize("NFC", name.strip()).casefold()


def _count(columns: Sequence[str], name: str) -> int:
    return columns.count(name) or sum(_fold(one) == _fold(name) for one in columns)


def _place(columns: Sequence[str], name: str) -> int | None:
    if name in columns:
        return columns.index(name)
    return next((place for place, one in enumerate(columns) if _fold(one) == _fold(name)), None)


def parse_table(data: bytes, *, name: str, expected: Sequence[str] = ()) -> Table:
    """Read a table.

    Args:
        data: The file's bytes: UTF-8, UTF-16 or UTF-32, with or without byte order mark, else Windows-1252.
        name: File name, for sentences.
        expected: Columns that are looked for; they settle which separator the header uses.

    Raises:
        StationError: ``bad-table`` for a workbook, an unknown encoding, or cells that cannot be told apart.
    """
    text = _text(data, name)
    separator, text, skipped = _stated_separator(text)
    chosen = separator or _separator(text, expected)
    try:
        lines = list(_lines(text, chosen, skipped))
    except csv.Error as error:
        sentence = f"The table {name} cannot be read as CSV ({error}). Save it again as CSV UTF-8."
        raise StationError("bad-table", sentence) from error
    if not lines:
        return Table(name, (), ())
    columns = _named(tuple(cell.strip() for cell in lines[0][1]), expected)
    return Table(name, columns, tuple(TableRow(line, columns, cells) for line, cells in lines[1:]))


def _named(header: tuple[str, ...], expected: Sequence[str]) -> tuple[str, ...]:
    """Spell the expected columns as they are asked for: a row then finds them without folding capitals."""
    spelled = {place: name for name in expected if (place := _place(header, name)) is not None}
    return tuple(spelled.get(place, name) for place, name in enumerate(header))


def _lines(text: str, separator: str, skipped: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield number and cells of each line that has any cell filled."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num + skipped, tuple(unguarded(cell) for cell in cells)


def _text(data: bytes, name: str) -> str:
    for start, what in _WORKBOOKS:
        if data.startswith(start):
            sentence = f"{name} is {what}, not a CSV table. Open it and save the sheet as CSV UTF-8."
            raise StationError("bad-table", sentence)
    marked = next(((mark, codec) for mark, codec in _MARKS if data.startswith(mark)), None)
    codecs_to_try = (marked[1],) if marked else (_unmarked_utf16(data) or "utf-8", "cp1252")
    body = data[len(marked[0]) :] if marked else data
    for codec in codecs_to_try:
        try:
            text = body.decode(codec)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    sentence = (
        f"The table {name} cannot be read: its text is neither UTF-8, UTF-16 nor Windows-1252. "
        "Save it again as CSV UTF-8."
    )
    raise StationError("bad-table", sentence)


def _unmarked_utf16(data: bytes) -> str:
    """Detect UTF-16 without a mark by its zero bytes: ASCII separators and line ends have one each."""
    if data[1:2] == b"\0" and data[:1] != b"\0":
        return "utf-16-le"
    return "utf-16-be" if data[:1] == b"\0" and data[1:2] != b"\0" else ""


def _stated_separator(text: str) -> tuple[str, str, int]:
    """Return the separator of a ``sep=`` line, the text after it, and how many lines that took."""
    found = _SEPARATOR_LINE.match(text)
    return (found[1], text[found.end() :], 1) if found else ("", text, 0)


def _separator(text: str, expected: Sequence[str]) -> str:
    """Return the separator that finds most expected columns in the header, else the most columns."""

    def matches(separator: str) -> tuple[int, int]:
        try:
            header = next(_lines(text, separator, 0), (0, ()))[1]
        except csv.Error:
            return 0, 0
        return sum(_place(header, name) is not None for name in expected), len(header)

    return max(SEPARATORS, key=matches)


def unguarded(text: str) -> str:
    """Return a cell as it was before :func:`guarded` kept a spreadsheet from computing it."""
    return text[1:] if text.startswith("'") and _begins_formula(text[1:]) else text


def guarded(text: str) -> str:
    """Return a cell that no spreadsheet computes: an apostrophe before what looks like a formula."""
    return f"'{text}" if _begins_formula(text) else text


def _begins_formula(text: str) -> bool:
    return text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS)


def number(text: str) -> float:
    """Return a number with a decimal point or comma, in any script's digits; NaN where there is none.

    With both signs, the last one is the decimal sign: ``1.234,5`` and ``1,234.5`` are one number.
    """
    plain = "".join(str(decimal(char)) if char.isdecimal() else char for char in text)
    plain = plain.replace("\u2212", "-").replace("\u00a0", "").replace("\u202f", "").replace(" ", "")
    if "," in plain:
        whole, _, part = plain.rpartition(",")
        point_last = "." in part
        plain = plain.replace(",", "") if point_last else f"{whole.replace('.', '').replace(',', '')}.{part}"
    try:
        return float(plain)
    except ValueError:
        return math.nan


def one_value_each(
    pairs: Iterable[tuple[tuple[str, str], str]], *, name: str, column: str
) -> dict[tuple[str, str], str]:
    """Return the value that a table gives each field.

    Args:
        pairs: Class and file of each row, and its value.
        name: File name, for the sentence.
        column: Of the value.

    Raises:
        StationError: ``bad-groups`` if two rows of one field differ.
    """
    found: dict[tuple[str, str], str] = {}
    for key, value in pairs:
        if found.setdefault(key, value) != value:
            sentence = (
                f"The table {name} gives {key[0]} {key[1]} two values of {column}: {found[key]!r} and "
                f"{value!r}. Correct one of the rows."
            )
            raise StationError("bad-groups", sentence)
    return found


def file_key(text: str) -> str:
    """Return the file name of a path as tables spell it, for comparison with a file on disk.

    Both slashes separate folders; composed and decomposed letters are one (Excel writes the first, macOS
    the second).
    """
    return normalize("NFC", PureWindowsPath(text.strip()).name)
