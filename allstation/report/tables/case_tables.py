"""Tables of a case: CSV, JSON and XLSX with the same figures as the report and the window.

Free text is never allowed to become a formula: in CSV a text that a spreadsheet would compute gets
an apostrophe in front (OWASP, CSV injection), in XLSX every text cell is stored as text.
"""

from __future__ import annotations

import codecs
import csv
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from allstation import __version__
from allstation.core.classes import NEEDS_REVIEW, RESEARCH_USE
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.records import CaseSnapshot
from allstation.core.tables import guarded
from allstation.core.text import storable
from allstation.report.atomic import write_whole
from allstation.report.content.counts import FieldTally
from allstation.report.content.field_rows import class_names, copy_rows, field_rows, shown_case
from allstation.report.content.wording import PROGRAM
from allstation.report.export_types import Progress, no_progress
from allstation.report.tables.schema import (
    TableContent,
    Value,
    classes_of,
    columns,
    has_patients,
    patient_of,
    table_row,
)

if TYPE_CHECKING:
    from allstation.report.content.cell_source import CellsOfFields
    from allstation.report.content.field_types import FieldRow
    from allstation.report.content.free_text import Anonymity
    from allstation.report.content.place_types import PlacesBlock

SCHEMA: Final = 2
"""Version of the JSON table; ``resources/schemas/fields-2.schema.json`` describes it."""

_TOGETHER: Final = 100
"""Lines encoded and written at a time."""


def table_content(snapshot: CaseSnapshot, *, anonymise: Anonymity | None = None) -> TableContent:
    """Return what CSV and JSON are written from: the report's figures, with folders unless anonymised."""
    shown, hidden = shown_case(snapshot, anonymise), anonymise is not None
    tally, classes = FieldTally(), class_names(shown)
    finals: Counter[tuple[int, str]] = Counter()
    is_sized = False
    for row in field_rows(shown, anonymise=hidden):
        tally.add(row)
        is_sized = is_sized or row.pixel_size is not None
        if row.decision:
            finals[shown.slides[row.slide].id, row.final] += 1
    return TableContent(
        case_id=shown.case_id,
        case_name=shown.name,
        taken_at=shown.taken_at,
        removed=shown.removed,
        moved=shown.moved,
        taken_back=shown.taken_back,
        counts=tally.counts(classes),
        decisions=tally.decisions,
        slides=shown.slides,
        models=shown.models,
        rows=partial(field_rows, shown, anonymise=hidden),
        copies=partial(copy_rows, shown, anonymise=hidden),
        copied=len(shown.copies),
        anonymised=hidden,
        places=_places(shown, finals, classes),
        is_sized=is_sized,
    )


def _places(
    shown: CaseSnapshot, finals: Counter[tuple[int, str]], classes: Sequence[str]
) -> PlacesBlock | None:
    if not shown.has_shares:
        return None
    from allstation.report.content.places import places_block

    return places_block(shown, finals.elements(), classes)


def safe_text(text: str) -> str:
    """Return a text that no spreadsheet computes and that UTF-8 can hold."""
    return guarded(storable(text))


def write_csv(
    snapshot: CaseSnapshot,
    target: Path,
    *,
    bom: bool = False,
    delimiter: str = ",",
    decimal: str = ".",
    anonymise: Anonymity | None = None,
) -> Path:
    """Write one line a field (RFC 4180, UTF-8).

    Args:
        snapshot: The case.
        target: The file.
        bom: Begin with a byte order mark, so that Excel reads UTF-8 on a double click.
        delimiter: ``,``, ``;`` or a tab.
        decimal: Decimal sign, ``.`` or ``,``.
        anonymise: Leave out folders and free text, with pseudonyms for ids, hashes and names; None for all.

    Returns:
        The target.

    Raises:
        StationError: ``not-written`` with the reason.
    """
    content = table_content(snapshot, anonymise=anonymise)
    return write_whole(target, _csv_parts(content, delimiter=delimiter, decimal=decimal, bom=bom))


def _rows_csv(target: Path, header: Sequence[str], rows: Iterable[Sequence[Value]]) -> Path:
    """Write any table as CSV (RFC 4180, UTF-8).

    Raises:
        StationError: ``not-written`` with the reason.
    """

    def parts() -> Iterator[bytes]:
        lines = _Lines()
        writer = csv.writer(lines, lineterminator="\r\n")
        writer.writerow(map(safe_text, header))
        for row in rows:
            writer.writerow(_csv_value(value, ".") for value in row)
            if len(lines) >= _TOGETHER:
                yield lines.take()
        yield lines.take()

    return write_whole(target, parts())


def write_shares_csv(snapshot: CaseSnapshot, target: Path, *, anonymise: Anonymity | None = None) -> Path:
    """Write the shares of slides and patients as CSV (RFC 4180, UTF-8).

    Args:
        snapshot: The case.
        target: The file.
        anonymise: Codes for patients and numbers for slides; None for the names.

    Raises:
        StationError: ``nothing-to-share`` where no patient is known and no cell was typed; ``not-written``.
    """
    from allstation.report.tables.places import SHARE_COLUMNS, share_rows

    block = check_shares(snapshot, anonymise=anonymise)
    return _rows_csv(target, [column.title for column in SHARE_COLUMNS], share_rows(block))


def check_shares(snapshot: CaseSnapshot, *, anonymise: Anonymity | None = None) -> PlacesBlock:
    """Return the shares of slides and patients.

    Args:
        snapshot: The case.
        anonymise: Codes for patients and numbers for slides; None for the names.

    Raises:
        StationError: ``nothing-to-share`` where no patient is known and no cell was typed.
    """
    block = table_content(snapshot, anonymise=anonymise).places
    if block is None:
        sentence = (
            "No slide of this case has a patient and nobody typed a cell, so there are no shares to write. "
            "Give the slides their patients (“allstation classify --patients”), or type cells."
        )
        raise StationError("nothing-to-share", sentence)
    return block


class _Lines(list[str]):
    """Collects what ``csv.writer`` writes."""

    write = list.append

    def take(self) -> bytes:
        """Return and remove what was written."""
        data = "".join(self).encode()
        self.clear()
        return data


def _csv_parts(content: TableContent, *, delimiter: str, decimal: str, bom: bool) -> Iterator[bytes]:
    lines = _Lines()
    writer = csv.writer(lines, delimiter=delimiter, lineterminator="\r\n")
    if bom:
        yield codecs.BOM_UTF8
    writer.writerow(safe_text(column.title) for column in columns(content))
    for row in content.rows():
        writer.writerow(_csv_value(value, decimal) for value in table_row(content, row))
        if len(lines) >= _TOGETHER:
            yield lines.take()
    for row, number in content.copies():
        writer.writerow(_csv_value(value, decimal) for value in table_row(content, row, same_as=number))
    yield lines.take()


def _csv_value(value: Value, decimal: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return safe_text(value)
    return repr(value).replace(".", decimal) if math.isfinite(value) else ""


def _json_head(content: TableContent) -> dict[str, Any]:
    """Return the JSON object that the published schema describes, all but its fields."""
    counts = content.counts
    return {
        "schema": SCHEMA,
        "program": PROGRAM,
        "version": __version__,
        "research_use": RESEARCH_USE,
        "case": {"id": content.case_id, "name": content.case_name, "taken_at": content.taken_at},
        **({"anonymised": True} if content.anonymised else {}),
        "models": [
            {"name": one.name, "version": one.version, "sha256": one.sha256, "classes": list(one.classes)}
            | ({"signed_by": one.signed_by} if one.signed_by else {})
            for one in content.models
        ],
        "counts": {
            "fields": counts.fields,
            "read": counts.read,
            "failed": counts.failed,
            "reviewed": counts.reviewed,
            "removed": content.removed,
            **({"moved": content.moved} if content.moved else {}),
            **({"taken_back": content.taken_back} if content.taken_back else {}),
            "copies": content.copied,
            "decisions": {
                name: content.decisions.get(name, 0) for name in (*classes_of(content), NEEDS_REVIEW)
            },
            "final": {one.name: one.count for one in counts.shares},
        },
        "shares": [
            {
                "name": one.name,
                "count": one.count,
                "n": one.n,
                "share": one.share,
                "interval": [one.low, one.high],
            }
            for one in counts.shares
        ],
        **({} if content.places is None else {"places": asdict(content.places)}),
    }


def _json_fields(content: TableContent) -> Iterator[dict[str, Any]]:
    names = {one.sha256: f"{one.name} {one.version}" for one in content.models}
    known = has_patients(content)
    for row, same_as in chain(((row, None) for row in content.rows()), content.copies()):
        made = bool(row.decision)
        yield {
            "number": row.number,
            "slide": content.slides[row.slide].name,
            **({"patient": patient_of(content, row.slide)} if known else {}),
            "path": str(Path(row.folder) / row.name),
            "sha256": row.sha256,
            "width": row.width,
            "height": row.height,
            "status": row.state,
            "probabilities": dict(row.probabilities) if made else None,
            "probabilities_valid": row.probabilities_valid if made else None,
            "decision": row.decision or None,
            "reasons": list(row.reasons),
            "final": row.final or None,
            "model": {"id": names.get(row.model, row.model), "sha256": row.model} if made else None,
            "milliseconds": row.milliseconds if made else None,
            "quality": _quality(row) if made else None,
            "review": _review(row),
            "error": {"code": row.error_code, "sentence": row.error} if row.error_code else None,
            "same_as": same_as,
            **_size(row),
            **({"slide_part": asdict(row.slide_part)} if row.slide_part is not None else {}),
        }


def _size(row: FieldRow) -> dict[str, object]:
    if row.pixel_size is None:
        return {}
    return {"pixel_size": {"micrometres": row.pixel_size, "of": row.pixel_size_of}}


def _quality(row: FieldRow) -> dict[str, float | None]:
    return {
        "white_cells": row.cells,
        "novelty": row.novelty,
        "sharpness": row.sharpness,
        "brightness": row.brightness,
        "clipped": row.clipped,
        "cell_area": row.cell_area,
    }


def _review(row: FieldRow) -> dict[str, str] | None:
    if not row.reviewed:
        return None
    return {"class": row.reviewed, "reviewer": row.reviewer, "at": row.reviewed_at, "comment": row.comment}


def write_json(snapshot: CaseSnapshot, target: Path, *, anonymise: Anonymity | None = None) -> Path:
    """Write the fields as JSON with counts at the top, as the published schema describes.

    Args:
        snapshot: The case.
        target: The file.
        anonymise: Leave out folders and free text, with pseudonyms for ids, hashes and names; None for all.

    Returns:
        The target.

    Raises:
        StationError: ``not-written`` with the reason.
    """
    return write_whole(target, _json_parts(table_content(snapshot, anonymise=anonymise)))


def _json_parts(content: TableContent) -> Iterator[bytes]:
    """Yield the object as ``json.dumps`` would write it whole, its last member a field at a time."""
    yield _json_text(_json_head(content)).removesuffix("\n}").encode() + b',\n "fields": ['
    last = b"]"
    for number, field in enumerate(_json_fields(content)):
        yield ("," if number else "").encode() + f"\n{_json_text(field)}".replace("\n", "\n  ").encode()
        last = b"\n ]"
    yield last + b"\n}\n"


def _json_text(value: object) -> str:
    return storable(json_text(value))


def write_xlsx(
    snapshot: CaseSnapshot,
    target: Path,
    *,
    thumbnails: bool = False,
    anonymise: Anonymity | None = None,
    cells: CellsOfFields | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Write a workbook: fields, cells if they are given, summary, models.

    Args:
        snapshot: The case.
        target: The file.
        thumbnails: Put a small picture in front of each field.
        anonymise: Leave out folders and free text, with pseudonyms for ids, hashes and names; None for all.
        cells: Cells of the case, as this export names them; None for no sheet of cells.
        progress: Told of each field.

    Returns:
        The target.

    Raises:
        StationError: ``not-written`` with the reason.
    """
    from allstation.report.content.build import build_content
    from allstation.report.content.free_text import Anonymity
    from allstation.report.content.options import ReportOptions
    from allstation.report.tables.workbook import workbook_bytes

    hidden = anonymise is not None
    options = ReportOptions(anonymise=hidden, anonymity=anonymise or Anonymity(), travels=True)
    content = build_content(snapshot, options)
    shown = shown_case(snapshot, anonymise)
    copies = tuple(copy_rows(shown, anonymise=hidden)) if shown.copies else ()
    pictured = snapshot if thumbnails else None
    data = workbook_bytes(content, pictured, copies=copies, cells=cells, progress=progress)
    return write_whole(target, data)
