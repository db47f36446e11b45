"""Columns and rows of the tables of a case, shared by CSV, JSON and XLSX."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from allstation.core.classes import NEEDS_REVIEW
from allstation.core.records import ModelRecord, Slide

if TYPE_CHECKING:
    from allstation.report.content.count_types import Counts
    from allstation.report.content.field_types import FieldRow, PartRow
    from allstation.report.content.place_types import PlacesBlock
    from allstation.report.content.report_types import ReportContent

Value = str | bool | int | float | None


@dataclass(frozen=True, slots=True)
class TableColumn:
    """Column of the CSV and XLSX tables.

    Attributes:
        title: Header.
        kind: ``text``, ``flag``, ``int``, ``real``, ``share`` (0 to 1), ``hash`` or ``time`` (ISO 8601).
        wide: Width in XLSX, characters.
    """

    title: str
    kind: str = "text"
    wide: int = 14


_HASH: Final = "sha256"
_CODE: Final = TableColumn("code", "hash", 66)
"""In place of the hash in an anonymised table."""
_BEFORE: Final = (
    TableColumn("number", "int", 8),
    TableColumn("slide", wide=20),
    TableColumn("field", wide=28),
    TableColumn("status", wide=10),
    TableColumn("decision", wide=14),
    TableColumn("reasons", wide=28),
    TableColumn("reviewed", wide=18),
    TableColumn("reviewer", wide=18),
    TableColumn("reviewed_at", "time", wide=20),
    TableColumn("comment", wide=28),
    TableColumn("final", wide=14),
)
_AFTER: Final = (
    TableColumn("probabilities_valid", "flag", 18),
    TableColumn("white_cells", "int", 11),
    TableColumn("novelty", "real", 10),
    TableColumn("sharpness", "real", 10),
    TableColumn("brightness", "real", 10),
    TableColumn("clipped", "share", 10),
    TableColumn("cell_area", "share", 10),
    TableColumn("width", "int", 8),
    TableColumn("height", "int", 8),
    TableColumn("milliseconds", "real", 12),
    TableColumn("error_code", wide=18),
    TableColumn("error", wide=40),
    TableColumn(_HASH, "hash", 66),
    TableColumn("model_sha256", "hash", 66),
    TableColumn("path", wide=60),
    TableColumn("same_as", "int", 9),
)


_PART: Final = (
    TableColumn("slide_file", wide=60),
    TableColumn("region_x", "int", 10),
    TableColumn("region_y", "int", 10),
    TableColumn("region_width", "int", 10),
    TableColumn("region_height", "int", 10),
    TableColumn("region_level", "int", 8),
    TableColumn("page", "int", 8),
    TableColumn("slide_fingerprint", "hash", 66),
)
"""Stand last where any slide is a scanner's file: what part of it each field is."""
_SIZE: Final = (TableColumn("pixel_size_um", "real", 12), TableColumn("pixel_size_of", wide=12))
"""Stand behind the fields' own columns where a person said a pixel size."""
_PATIENT: Final = TableColumn("patient", wide=18)
"""Stands behind these columns where a slide has one; they tell a table of this program."""
_BEFORE_PATIENT: Final = 4


@dataclass(frozen=True, slots=True)
class TableContent:
    """Content of the tables: the report's own figures, its fields one at a time.

    Attributes:
        case_id: As in the report.
        case_name: Likewise; empty in an anonymised table.
        taken_at: Likewise.
        removed: Likewise.
        moved: Likewise.
        taken_back: Likewise.
        counts: Figures of the whole case.
        decisions: Fields per decision.
        slides: Slides with their names.
        models: Models that read the fields.
        rows: Goes through the fields, as often as it is asked to.
        copies: Likewise through the files with the same bytes as a field, each with that field's number.
        copied: How many of them there are.
        anonymised: Codes stand for hashes.
        places: Shares of slides and patients, as in the report.
        is_sized: A person said the pixel size of a field.
    """

    case_id: str
    case_name: str
    taken_at: str
    removed: int
    moved: int
    taken_back: int
    counts: Counts
    decisions: Mapping[str, int]
    slides: tuple[Slide, ...]
    models: tuple[ModelRecord, ...]
    rows: Callable[[], Iterator[FieldRow]]
    copies: Callable[[], Iterator[tuple[FieldRow, int]]]
    copied: int
    anonymised: bool = False
    places: PlacesBlock | None = None
    is_sized: bool = False


Content: TypeAlias = "ReportContent | TableContent"


def classes_of(content: Content) -> tuple[str, ...]:
    """Return the class names in the order of the tables."""
    return tuple(one.name for one in content.counts.shares if one.name != NEEDS_REVIEW)


def columns(content: Content) -> tuple[TableColumn, ...]:
    """Return the columns; one of probabilities for each class."""
    shares = (TableColumn(f"p_{name}", "share", 10) for name in classes_of(content))
    after = (_CODE if one.title == _HASH and content.anonymised else one for one in _AFTER)
    patient = (_PATIENT,) if has_patients(content) else ()
    before = (*_BEFORE[:_BEFORE_PATIENT], *patient, *_BEFORE[_BEFORE_PATIENT:])
    size = _SIZE if has_sizes(content) else ()
    return (*before, *shares, *after, *size, *(_PART if has_parts(content) else ()))


def has_sizes(content: Content) -> bool:
    """Tell whether a person said the pixel size of any field."""
    if isinstance(content, TableContent):
        return content.is_sized
    return any(row.pixel_size is not None for row in content.fields)


def has_parts(content: Content) -> bool:
    """Tell whether any field is a part of a whole slide."""
    if isinstance(content, TableContent):
        return any(slide.fingerprint for slide in content.slides)
    return any(slide.scanned for slide in content.slides)


def part_values(part: PartRow | None) -> list[Value]:
    """Return the values of the columns about a whole slide; None where there is nothing."""
    if part is None:
        return [None] * len(_PART)
    place = (part.x, part.y, part.width, part.height, part.level, part.page)
    return [part.file or None, *place, part.fingerprint or None]


def has_patients(content: Content) -> bool:
    """Tell whether any slide has a patient; those stand first among the rows of shares."""
    rows = content.places.rows if content.places is not None else ()
    if not rows:
        return False
    from allstation.core.place_shares import Level

    return rows[0].level == Level.PATIENT


def patient_of(content: Content, slide: int) -> str | None:
    """Return the patient of the slide at a place of the content; None where it is not known."""
    rows = content.places.rows if content.places is not None else ()
    return rows[len(rows) - len(content.slides) + slide].patient or None if rows else None


def table_row(content: Content, row: FieldRow, *, same_as: int | None = None) -> list[Value]:
    """Return the values of one field in the order of :func:`columns`; None where there is nothing.

    Args:
        content: Of the table.
        row: The field, or a file with the same bytes as one.
        same_as: The number of that field; None for a field.
    """
    values, read = dict(row.probabilities), bool(row.decision)
    before: list[Value] = [
        row.number,
        content.slides[row.slide].name,
        row.name,
        row.state,
        row.decision or None,
        "; ".join(row.reasons) or None,
        row.reviewed or None,
        row.reviewer or None,
        row.reviewed_at or None,
        row.comment or None,
        row.final or None,
    ]
    if has_patients(content):
        before.insert(_BEFORE_PATIENT, patient_of(content, row.slide))
    measured = (row.cells, row.novelty, row.sharpness, row.brightness, row.clipped, row.cell_area)
    return [
        *before,
        *(values.get(name) for name in classes_of(content)),
        row.probabilities_valid if read else None,
        *(measured if read else (None,) * len(measured)),
        row.width,
        row.height,
        row.milliseconds if read else None,
        row.error_code or None,
        row.error or None,
        row.sha256,
        row.model or None,
        str(Path(row.folder) / row.name),
        same_as,
        *((row.pixel_size, row.pixel_size_of or None) if has_sizes(content) else ()),
        *(part_values(row.slide_part) if has_parts(content) else ()),
    ]
