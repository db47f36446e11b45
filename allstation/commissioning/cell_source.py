"""Sources of typed cells: a table of files, or folders named by type; and the scale of their pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.tables import TableRow, number
from allstation.core.text import shown_name
from allstation.imaging.cells.central_cell import find_central_cell
from allstation.imaging.cells.scale import ScaleEstimate, estimate_scale, pooled_scale
from allstation.imaging.fields.file import read_field
from allstation.imaging.formats.foreign import PassedOver
from allstation.imaging.intake import Refused, find_fields
from allstation.table_files import read_table

CODE: Final = "bad-cells"
COLUMNS: Final = ("file", "type", "patient")
FURTHER: Final = ("x", "y", "pixel_size")
_LONGEST: Final = 100
_SAMPLED: Final = 60
"""Pictures, evenly spread over the table, whose red cells tell the scale."""
_LARGEST_PIXEL: Final = 5.0
_TYPICAL_UM: Final = 12.0
"""Diameter of a disc of the area of a typical white cell, micrometres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRow:
    """One typed cell.

    Attributes:
        file: As the table names it.
        path: Where it is.
        type: Given by a person.
        patient: Empty where it is not known.
        place: Column and row of its centre in a field; None for a picture of one cell.
        pixel_size: Micrometres a pixel by the table; None where it says nothing.
        usual_pixel_size: The same for all pictures, where neither table nor file say.
    """

    file: str
    path: Path
    type: str
    patient: str
    place: tuple[float, float] | None = None
    pixel_size: float | None = None
    usual_pixel_size: float | None = None


def listed_cells(source: Path) -> list[CellRow]:
    """Return the typed cells of a table, or of folders named by type.

    Raises:
        StationError: ``bad-cells``.
    """
    rows = _of_folders(source) if source.is_dir() else _of_table(source)
    if not rows:
        sentence = (
            f"{shown_name(source)} names no typed cell; expected a table with the columns file, type and "
            "patient, or a folder with one sub-folder of pictures a type."
        )
        raise StationError(CODE, sentence)
    return rows


def _of_table(path: Path) -> list[CellRow]:
    table = read_table(path, COLUMNS, code=CODE, also=FURTHER)
    return [_row(path, row) for row in table.rows if row["file"] or row["type"]]


def _row(table: Path, row: TableRow) -> CellRow:
    name, kind, patient = row["file"], row["type"], row["patient"]
    if not name or not kind:
        raise _wrong(table, row, "lacks a file or a type")
    if any(len(text) > _LONGEST or shown_name(text) != text for text in (kind, patient)):
        problem = f"has a type or patient with control characters or of over {_LONGEST} characters"
        raise _wrong(table, row, problem)
    return CellRow(
        file=name,
        path=table.parent / name.replace("\\", "/"),
        type=kind,
        patient=patient,
        place=_place(table, row),
        pixel_size=_pixel_size(table, row),
    )


def _place(table: Path, row: TableRow) -> tuple[float, float] | None:
    if not row["x"] and not row["y"]:
        return None
    place = number(row["x"]), number(row["y"])
    if not all(math.isfinite(one) and one >= 0 for one in place):
        raise _wrong(table, row, f"has the place {row['x']!r}, {row['y']!r}; expected two numbers of pixels")
    return place


def _pixel_size(table: Path, row: TableRow) -> float | None:
    if not row["pixel_size"]:
        return None
    size = number(row["pixel_size"])
    if not 0 < size <= _LARGEST_PIXEL:
        raise _wrong(table, row, f"has the pixel size {row['pixel_size']!r}; expected micrometres a pixel")
    return size


def _wrong(table: Path, row: TableRow, problem: str) -> StationError:
    return StationError(CODE, f"Line {row.line} of {shown_name(table)} {problem}. Correct the table.")


def _of_folders(folder: Path) -> list[CellRow]:
    """Return one row a picture; the folder's name is the type, and patients are not known."""
    rows = []
    for kind in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        if kind.name.startswith("."):
            continue
        for found in find_fields([kind], passed=PassedOver()):
            if isinstance(found, Refused):
                raise found.error
            name = found.path.relative_to(folder).as_posix()
            rows.append(CellRow(file=name, path=found.path, type=kind.name, patient=""))
    return rows


@dataclass(frozen=True, slots=True)
class PictureScale:
    """Scale of pictures of single cells.

    Attributes:
        pixel_size: Micrometres a pixel; None where it differs, or nothing can be told.
        source: Where it comes from, in words; empty where there are no such pictures.
        known: Whether it is a length, not only the same for all pictures.
    """

    pixel_size: float | None
    source: str
    known: bool


def usual_scale(rows: Sequence[CellRow], limits: DecodeLimits) -> PictureScale:
    """Return the scale of pictures of single cells.

    By the table or the files; else told from red cells around the cells, pooled over pictures, as of one
    picture there are too few; else the typical cell is taken for one of 12 micrometres, so that large and
    small cells of one laboratory stay what they are.
    """
    pictures = [row for row in rows if row.place is None]
    paths = sorted({row.path for row in pictures if row.pixel_size is None})
    if not paths:
        return PictureScale(only([row.pixel_size for row in pictures]), "the table" if pictures else "", True)
    estimates: list[ScaleEstimate] = []
    stated: list[float | None] = []
    cells: list[float] = []
    for path in paths[:: max(1, len(paths) // _SAMPLED)][:_SAMPLED]:
        try:
            file = read_field(path, limits)
            rgb, size = file.pixels, file.pixel_size
        except StationError:
            continue
        stated.append(size)
        if size is None:
            estimate, cell = estimate_scale(rgb), find_central_cell(rgb)
            estimates += [estimate] if estimate is not None else []
            cells += [2 * math.sqrt(np.count_nonzero(cell.mask) / math.pi)] if cell is not None else []
    if stated and None not in stated:
        return PictureScale(only(stated), "the files", True)
    pooled = pooled_scale(estimates)
    if pooled is not None:
        said = f"{pooled.red_cells} red cells of {len(estimates)} pictures"
        return PictureScale(1 / pooled.pixels_per_um, said, True)
    if cells:
        said = f"a typical cell taken for {_TYPICAL_UM:g} µm, as no red cells were found"
        return PictureScale(_TYPICAL_UM / float(np.median(cells)), said, False)
    return PictureScale(None, "nothing that was found", False)


def only(sizes: Sequence[float | None]) -> float | None:
    """Return the one pixel size of all, None where they differ."""
    return sizes[0] if len(set(sizes)) == 1 else None
