"""XLSX workbook: typed cells, a frozen header, filters, and text that stays text."""

from __future__ import annotations

import io
import re
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final

from xlsxwriter import Workbook
from xlsxwriter.exceptions import XlsxWriterException
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from allstation import __version__
from allstation.core.classes import RESEARCH_USE
from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot
from allstation.core.text import storable
from allstation.core.times import moment_of
from allstation.report.content.cell_source import CellsOfFields, cell_row
from allstation.report.content.cell_source import columns as columns_of_cells
from allstation.report.content.field_types import FieldRow
from allstation.report.content.place_types import PlacesBlock
from allstation.report.content.report_types import ModelFigure, ReportContent
from allstation.report.content.wording import PROGRAM, copies_sentence
from allstation.report.drawing.images import thumbnails as pictures_of
from allstation.report.export_types import Progress, no_progress
from allstation.report.tables.places import SHARE_COLUMNS, SHARES_NOTE, share_rows
from allstation.report.tables.schema import TableColumn, Value, columns, table_row

Copies = Sequence[tuple[FieldRow, int]]


_FORMATS: Final = {"share": "0.0%", "real": "0.000", "int": "0", "time": "yyyy-mm-dd hh:mm:ss"}
_MOST_CELLS: Final = 1_000_000
"""Rows of cells; a sheet holds 1,048,576."""
_LONGEST: Final = 32_000
"""Characters; a cell holds 32,767."""
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_HEADER: Final = {"bold": True, "font_color": "#1C2028", "bg_color": "#E9ECF6", "quote_prefix": True}
_PICTURE_WIDTH: Final = 96
_PICTURE_HEIGHT: Final = 56


def workbook_bytes(
    content: ReportContent,
    pictured: CaseSnapshot | None = None,
    *,
    copies: Copies = (),
    cells: CellsOfFields | None = None,
    progress: Progress = no_progress,
) -> bytes:
    """Return the workbook of a case.

    Args:
        content: The report's.
        pictured: Where the files are, to put a small picture in front of each field.
        copies: Files with the same bytes as a field, each with that field's number.
        cells: Cells of the case, for a sheet of their own; None for none.
        progress: Told of each field.
    """
    target = io.BytesIO()
    with _opened(target) as book:
        _fields(_Sheet(book, "Fields"), content, pictured, copies=copies, progress=progress)
        if cells is not None:
            _cells(_Sheet(book, "Cells"), cells)
        _summary(_Sheet(book, "Summary"), content)
        if content.places is not None:
            _places(_Sheet(book, "Slides and patients"), content.places)
        _models(_Sheet(book, "Models"), content)
        properties = {
            "author": f"{PROGRAM} {__version__}",
            "title": _text(f"Case {content.case_id}"),
            "comments": RESEARCH_USE,
        }
        taken = _moment(content.taken_at)
        book.set_properties(properties | ({} if taken is None else {"created": taken}))
    return target.getvalue()


@contextmanager
def _opened(target: io.BytesIO) -> Iterator[Workbook]:
    """Open a workbook whose rows go to temporary files, so that memory does not grow with them.

    Raises:
        StationError: ``not-written`` if the temporary files do not fit.
    """
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            book = Workbook(target, {"constant_memory": True, "tmpdir": folder})
            try:
                yield book
                book.close()
            finally:
                for sheet in book.worksheets():
                    for file in (sheet.row_data_fh, sheet.fh):
                        with suppress(OSError):
                            file.close()
    except (OSError, XlsxWriterException) as error:
        cause = error if isinstance(error, OSError) else error.args[0]
        # The library leaves its archive open, in a frame that the error keeps.
        traceback.clear_frames(cause.__traceback__)
        reason = getattr(cause, "strerror", None) or type(cause).__name__
        sentence = f"The workbook could not be written to the folder of temporary files: {reason}. "
        raise StationError("not-written", sentence + "Make space on its disk.") from error


def _moment(stamp: str) -> datetime | None:
    try:
        return moment_of(stamp).replace(tzinfo=None)
    except ValueError:
        return None


def _text(text: str) -> str:
    text = _ILLEGAL.sub("\ufffd", storable(text))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\u2026"


class _Sheet:
    """Worksheet, written row by row from the top.

    Args:
        book: The workbook.
        name: Shown on the tab.
    """

    def __init__(self, book: Workbook, name: str) -> None:
        self.sheet: Worksheet = book.add_worksheet(name)
        self._book = book
        # Marked so that a text stays one, whatever it begins with, when a person edits its cell.
        self._formats = {kind: book.add_format({"num_format": code}) for kind, code in _FORMATS.items()}
        self._text_format: Format = book.add_format({"quote_prefix": True})

    def head(self, titles: Sequence[TableColumn]) -> None:
        """Write the titles, set the widths of the columns and keep the first row in view."""
        for column, title in enumerate(titles):
            align = "left" if title.kind in {"text", "hash"} else "right"
            self.sheet.write_string(
                0, column, _text(title.title), self._book.add_format({**_HEADER, "align": align})
            )
            self.sheet.set_column(column, column, title.wide)
        self.sheet.freeze_panes(1, 0)

    def put(self, row: int, column: int, value: Value, kind: str = "text") -> None:
        """Write a value with its type; a text never becomes a formula, whatever it begins with."""
        # Of a year alone, as anonymised exports show it, no moment is made.
        dated = kind == "time" and isinstance(value, str) and "T" in value
        when = _moment(value) if dated and isinstance(value, str) else None
        if when is not None:
            self.sheet.write_datetime(row, column, when, self._formats["time"])
        elif isinstance(value, str):
            self.sheet.write_string(row, column, _text(value), self._text_format)
        elif isinstance(value, bool):
            self.sheet.write_boolean(row, column, value)
        elif value is not None:
            self.sheet.write_number(row, column, value, self._formats.get(kind))

    def put_row(
        self, row: int, values: Sequence[Value], titles: Sequence[TableColumn], first: int = 0
    ) -> None:
        """Write the values of one row, beginning with the column ``first``."""
        for column, value in enumerate(values, start=first):
            self.put(row, column, value, titles[column].kind)


def _fields(
    sheet: _Sheet,
    content: ReportContent,
    pictured: CaseSnapshot | None,
    *,
    copies: Copies,
    progress: Progress,
) -> None:
    titles = [*([TableColumn("picture", wide=14)] if pictured else []), *columns(content)]
    sheet.head(titles)
    first = 1 if pictured else 0
    rows = [*((row, None) for row in content.fields), *copies]
    for line, (row, same_as) in enumerate(rows, start=1):
        progress(line - 1, len(rows))
        if pictured:
            _picture(sheet, line, pictured, number=same_as or row.number)
        sheet.put_row(line, table_row(content, row, same_as=same_as), titles, first)
    sheet.sheet.autofilter(0, 0, len(rows), len(titles) - 1)
    sheet.sheet.freeze_panes(1, first + 3)


def _picture(sheet: _Sheet, line: int, snapshot: CaseSnapshot, *, number: int) -> None:
    sheet.sheet.set_row(line, _PICTURE_HEIGHT)
    made, _ = pictures_of(snapshot.fields[number - 1], width=_PICTURE_WIDTH)
    if made.problem:
        sheet.put(line, 0, made.problem)
        return
    scale = min(1.0, 72 / made.height, _PICTURE_WIDTH / made.width)
    options = {"x_scale": scale, "y_scale": scale, "object_position": 1}
    sheet.sheet.insert_image(line, 0, io.BytesIO(made.jpeg), options)


def _cells(sheet: _Sheet, cells: CellsOfFields) -> None:
    titles = [TableColumn(name, wide=12) for name in columns_of_cells(cells)]
    sheet.head(titles)
    line = 0
    for field, found in cells.by_field():
        for cell in found:
            line += 1
            if line > _MOST_CELLS:
                sheet.put(
                    line, 0, f"A sheet holds {_MOST_CELLS:,} cells; the CSV table of cells has all of them."
                )
                return
            sheet.put_row(line, cell_row(cells, field, cell), titles)
    sheet.sheet.autofilter(0, 0, max(line, 1), len(titles) - 1)


def _summary(sheet: _Sheet, content: ReportContent) -> None:
    titles = [
        TableColumn("slide", wide=24),
        TableColumn("class", wide=16),
        TableColumn("fields", "int"),
        TableColumn("of", "int"),
        TableColumn("fraction", "share"),
        TableColumn("low_95", "share"),
        TableColumn("high_95", "share"),
    ]
    sheet.head(titles)
    groups = [("all slides", content.counts), *((slide.name, slide.counts) for slide in content.slides)]
    line = 1
    for name, counts in groups:
        for one in counts.shares:
            values: list[Value] = [name, one.name, one.count, one.n]
            values += [one.share, one.low, one.high] if one.n else [None, None, None]
            sheet.put_row(line, values, titles)
            line += 1
    remarks = [RESEARCH_USE, "Fractions are of the fields read, with exact 95 % intervals."]
    if content.copies:
        remarks.append(copies_sentence(content.copies))
    for text in remarks:
        line += 1
        sheet.put(line, 0, text)


def _places(sheet: _Sheet, block: PlacesBlock) -> None:
    sheet.head(SHARE_COLUMNS)
    line = 0
    for line, values in enumerate(share_rows(block), start=1):
        sheet.put_row(line, values, SHARE_COLUMNS)
    for text in (f"{block.patients}; {SHARES_NOTE}", RESEARCH_USE):
        line += 1
        sheet.put(line + 1, 0, text)


def _models(sheet: _Sheet, content: ReportContent) -> None:
    titles = [TableColumn(name, wide=wide) for name, wide in (("model", 24), ("what", 34), ("value", 80))]
    sheet.head(titles)
    line = 1
    for model in content.models:
        name = f"{model.name} {model.version}"
        rows = [("SHA-256", model.sha256), *((one.label, one.value) for one in model.facts)]
        rows += [(one.name, _figure(one)) for one in model.figures]
        rows += [("limit", limit) for limit in model.limits]
        for what, value in rows:
            sheet.put_row(line, (name, what, value), titles)
            line += 1


def _figure(one: ModelFigure) -> str:
    spread = f" ({one.interval})" if one.interval else ""
    return f"{one.value}{spread}, n {one.n or '?'}, {one.split}, {one.patients}"
