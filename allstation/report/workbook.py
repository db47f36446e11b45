"""The XLSX workbook: typed cells, a frozen header, filters, and text that stays text."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.drawing.image import Image
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._writer import ALL_TEMP_FILES
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.writer.excel import ExcelWriter

from allstation import __version__
from allstation.core.classes import RESEARCH_USE
from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot
from allstation.core.text import storable
from allstation.report.content import PROGRAM
from allstation.report.content_types import FieldRow, ModelFigure, ReportContent
from allstation.report.images import thumbnails as pictures_of
from allstation.report.many import Progress, unheard
from allstation.report.table_schema import TableColumn, Value, columns, table_row
from allstation.report.wording import copies_sentence

Copies = Sequence[tuple[FieldRow, int]]


_FORMATS: Final = {"share": "0.0%", "real": "0.000", "int": "0"}
_LONGEST: Final = 32_000
"""Characters; a cell holds 32,767."""
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_HEADER_FILL: Final = PatternFill("solid", fgColor="FFE9ECF6")
_HEADER_FONT: Final = Font(bold=True, color="FF1C2028")
_PICTURE_WIDTH: Final = 96
_PICTURE_HEIGHT: Final = 56


def workbook_bytes(
    content: ReportContent,
    pictured: CaseSnapshot | None = None,
    *,
    copies: Copies = (),
    progress: Progress = unheard,
) -> bytes:
    """Return the workbook of a case.

    Args:
        content: The report's.
        pictured: Where the files are, to put a small picture in front of each field.
        copies: Files with the same bytes as a field, each with that field's number.
        progress: Told of each field.
    """
    book = Workbook()
    book.remove(book.active)
    _fields(book.create_sheet("Fields"), content, pictured, copies=copies, progress=progress)
    _summary(book.create_sheet("Summary"), content)
    _models(book.create_sheet("Models"), content)
    book.properties.creator = f"{PROGRAM} {__version__}"
    book.properties.title = _text(f"Case {content.case_id}")
    book.properties.description = RESEARCH_USE
    taken = _moment(content.taken_at)
    if taken is not None:
        book.properties.created = book.properties.modified = taken
    return _saved(book)


def _saved(book: Workbook) -> bytes:
    """Save a workbook in memory; the library writes each sheet to a temporary file first.

    When that file does not fit, the library loses the system's error on its way out and leaves the file
    until the program ends.
    """
    target, before = io.BytesIO(), len(ALL_TEMP_FILES)
    try:
        with ZipFile(target, "w", ZIP_DEFLATED) as archive:
            ExcelWriter(book, archive).save()
    except (OSError, AttributeError) as error:
        cause = next((one for one in _chain(error) if isinstance(one, OSError)), None)
        if cause is None:
            raise
        for left in ALL_TEMP_FILES[before:]:
            Path(left).unlink(missing_ok=True)
        reason = cause.strerror or type(cause).__name__
        sentence = f"The workbook could not be written to the folder of temporary files: {reason}. "
        raise StationError("not-written", sentence + "Make space on its disk.") from error
    return target.getvalue()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _moment(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp).replace(tzinfo=None)
    except ValueError:
        return None


def _text(text: str) -> str:
    text = _ILLEGAL.sub("\ufffd", storable(text))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\u2026"


def _put(cell: Cell, value: Value, kind: str = "text") -> None:
    """Write a value with its type; a text never becomes a formula, whatever it begins with."""
    if isinstance(value, str):
        cell.value = _text(value)
        cell.data_type = "s"
        cell.quotePrefix = True
        return
    cell.value = value
    if kind in _FORMATS:
        cell.number_format = _FORMATS[kind]


def _head(sheet: Worksheet, titles: list[TableColumn]) -> None:
    for index, column in enumerate(titles, start=1):
        cell = sheet.cell(1, index)
        _put(cell, column.title)
        cell.font, cell.fill = _HEADER_FONT, _HEADER_FILL
        cell.alignment = Alignment(horizontal="left" if column.kind in {"text", "hash"} else "right")
        sheet.column_dimensions[get_column_letter(index)].width = column.wide
    sheet.freeze_panes = "A2"


def _fields(
    sheet: Worksheet,
    content: ReportContent,
    pictured: CaseSnapshot | None,
    *,
    copies: Copies,
    progress: Progress,
) -> None:
    titles = [*([TableColumn("picture", wide=14)] if pictured else []), *columns(content)]
    _head(sheet, titles)
    first = 2 if pictured else 1
    rows = [*((row, None) for row in content.fields), *copies]
    for line, (row, same_as) in enumerate(rows, start=2):
        progress(line - 2, len(rows))
        for index, value in enumerate(table_row(content, row, same_as=same_as), start=first):
            _put(sheet.cell(line, index), value, titles[index - 1].kind)
        if pictured:
            _picture(sheet, line, pictured, number=same_as or row.number)
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(titles))}{len(rows) + 1}"
    sheet.freeze_panes = sheet.cell(2, first + 3)


def _picture(sheet: Worksheet, line: int, snapshot: CaseSnapshot, *, number: int) -> None:
    sheet.row_dimensions[line].height = _PICTURE_HEIGHT
    made, _ = pictures_of(snapshot.fields[number - 1], width=_PICTURE_WIDTH)
    if made.problem:
        _put(sheet.cell(line, 1), made.problem)
        return
    image = Image(io.BytesIO(made.jpeg))
    scale = min(1.0, 72 / made.height, _PICTURE_WIDTH / made.width)
    image.width, image.height = round(made.width * scale), round(made.height * scale)
    sheet.add_image(image, f"A{line}")


def _summary(sheet: Worksheet, content: ReportContent) -> None:
    titles = [
        TableColumn("slide", wide=24),
        TableColumn("class", wide=16),
        TableColumn("fields", "int"),
        TableColumn("of", "int"),
        TableColumn("fraction", "share"),
        TableColumn("low_95", "share"),
        TableColumn("high_95", "share"),
    ]
    _head(sheet, titles)
    groups = [("all slides", content.counts), *((slide.name, slide.counts) for slide in content.slides)]
    line = 2
    for name, counts in groups:
        for one in counts.shares:
            values: list[Value] = [name, one.name, one.count, one.n]
            values += [one.share, one.low, one.high] if one.n else [None, None, None]
            for index, value in enumerate(values, start=1):
                _put(sheet.cell(line, index), value, titles[index - 1].kind)
            line += 1
    told = [RESEARCH_USE, "Fractions are of the fields read, with 95 % Wilson intervals."]
    if content.copies:
        told.append(copies_sentence(content.copies))
    for text in told:
        line += 1
        _put(sheet.cell(line, 1), text)


def _models(sheet: Worksheet, content: ReportContent) -> None:
    titles = [TableColumn(name, wide=wide) for name, wide in (("model", 24), ("what", 34), ("value", 80))]
    _head(sheet, titles)
    line = 2
    for model in content.models:
        name = f"{model.name} {model.version}"
        rows = [("SHA-256", model.sha256), *((one.label, one.value) for one in model.facts)]
        rows += [(one.name, _figure(one)) for one in model.figures]
        rows += [("limit", limit) for limit in model.limits]
        for what, value in rows:
            for index, text in enumerate((name, what, value), start=1):
                _put(sheet.cell(line, index), text)
            line += 1


def _figure(one: ModelFigure) -> str:
    spread = f" ({one.interval})" if one.interval else ""
    return f"{one.value}{spread}, n {one.n or '?'}, {one.split}, {one.patients}"
