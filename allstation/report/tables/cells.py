"""Cells of a case as a CSV table, as crops, and as COCO for training detectors."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation import __version__
from allstation.core.cells import CellRecord
from allstation.core.classes import RESEARCH_USE
from allstation.core.errors import StationError
from allstation.core.records import FieldRecord
from allstation.core.text import plain_name, storable
from allstation.imaging.cells.shapes import crop_around, mask_of
from allstation.imaging.fields.file import read_field
from allstation.report.atomic import make_folder, write_whole
from allstation.report.content.cell_source import CellsOfFields, CellValue, cell_row, columns
from allstation.report.tables.case_tables import safe_text

_TOGETHER: Final = 500


def write_cells_csv(cells: CellsOfFields, target: Path) -> Path:
    """Write one line a cell (RFC 4180, UTF-8); places are pixels of the field's file.

    ``x`` and ``y`` are the centre of area, counted from the outer corner of the first pixel. ``type`` is the
    key of the type that a person gave, ``proposed`` the one of the typer, with its probability.

    Raises:
        StationError: ``not-written`` with the reason.
    """
    return write_whole(target, _csv_parts(cells))


class _Lines(list[str]):
    """Collects what ``csv.writer`` writes."""

    write = list.append


def _csv_parts(cells: CellsOfFields) -> Iterator[bytes]:
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(columns(cells))
    for field, found in cells.by_field():
        for cell in found:
            writer.writerow(_csv_value(value) for value in cell_row(cells, field, cell))
        if len(lines) >= _TOGETHER:
            yield "".join(lines).encode()
            lines.clear()
    yield "".join(lines).encode()


def _csv_value(value: CellValue) -> str | int:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return safe_text(value)
    return "" if value is None else repr(value)


def write_coco(cells: CellsOfFields, target: Path) -> Path:
    """Write cells in COCO's format for detection and segmentation.

    The category of a cell is the type that a person gave it; cells that nobody named are of the category
    ``white-cell``. Masks are COCO's uncompressed run lengths, column after column, at the file's size.

    Raises:
        StationError: ``not-written`` with the reason, ``bad-mask``.
    """
    return write_whole(target, _coco_parts(cells))


UNTYPED: Final = "white-cell"
"""Category of cells that nobody named."""


def _coco_parts(cells: CellsOfFields) -> Iterator[bytes]:
    keys = [UNTYPED, *(one.key for one in cells.types)]
    about = {
        "description": f"Cells of a case of ALL Station {__version__}. {RESEARCH_USE}",
        "version": __version__,
        "contributor": "ALL Station",
        "case_id": cells.case_id,
    }
    numbers = {key: number for number, key in enumerate(keys)}
    images: list[dict[str, Any]] = []
    yield f'{{"info":{_json(about)},\n"licenses":[],\n"annotations":['.encode()
    first = True
    for field, found in cells.by_field():
        name = storable(field.path.name)
        images.append({"id": field.id, "file_name": name, "width": field.width, "height": field.height})
        for cell in found:
            category = numbers.setdefault(cell.type or UNTYPED, len(numbers))
            text = _json(_annotation(field, cell, category))
            yield f"{'' if first else ','}\n{text}".encode()
            first = False
    categories = [{"id": number, "name": key, "supercategory": "cell"} for key, number in numbers.items()]
    yield f'\n],\n"images":{_json(images)},\n"categories":{_json(categories)}}}\n'.encode()


def _json(value: object) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _annotation(field: FieldRecord, cell: CellRecord, category: int) -> dict[str, Any]:
    mask = file_mask(cell, (field.width, field.height))
    return {
        "id": cell.id,
        "image_id": field.id,
        "category_id": category,
        "bbox": [cell.left, cell.top, cell.width, cell.height],
        "area": int(mask.sum()),
        "segmentation": {"size": [field.height, field.width], "counts": _column_runs(mask, cell, field)},
        "iscrowd": 0,
    }


def file_mask(cell: CellRecord, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a cell's mask (h, w) in pixels of the file, of its bounding box.

    Args:
        cell: The cell.
        size: Width and height of the file.
    """
    outline = cell.outline
    mask = mask_of(cell)
    if outline.picture == size:
        return mask
    across, down = outline.picture[0] / size[0], outline.picture[1] / size[1]
    columns = ((cell.left + np.arange(cell.width) + 0.5) * across).astype(np.intp) - outline.left
    rows = ((cell.top + np.arange(cell.height) + 0.5) * down).astype(np.intp) - outline.top
    inside = np.zeros((cell.height, cell.width), np.bool_)
    good_rows = (rows >= 0) & (rows < outline.height)
    good_columns = (columns >= 0) & (columns < outline.width)
    inside[np.ix_(good_rows, good_columns)] = mask[np.ix_(rows[good_rows], columns[good_columns])]
    return inside


def _column_runs(mask: NDArray[np.bool_], cell: CellRecord, field: FieldRecord) -> list[int]:
    """Return COCO's run lengths of a mask in its picture: columns one after the other, outside first."""
    rows, columns = np.nonzero(mask)
    places = np.sort((columns + cell.left) * field.height + rows + cell.top)
    if not len(places):
        return [field.width * field.height]
    starts = places[np.flatnonzero(np.diff(places, prepend=-2) != 1)]
    ends = places[np.flatnonzero(np.diff(places, append=places[-1] + 2) != 1)] + 1
    borders = np.stack([starts, ends], axis=1).ravel()
    return [int(run) for run in np.diff(borders, prepend=0, append=field.width * field.height)]


def write_crops(
    cells: CellsOfFields, folder: Path
) -> tuple[list[Path], list[tuple[FieldRecord, StationError]]]:
    """Write a PNG of each cell at the file's scale, with a margin, named by field, cell and type.

    Args:
        cells: The cells.
        folder: Made if it is not there.

    Returns:
        What was written, and fields whose file could not be read any more, with the reason.

    Raises:
        StationError: ``not-written`` with the reason.
    """
    make_folder(folder)
    written: list[Path] = []
    refused: list[tuple[FieldRecord, StationError]] = []
    for field, found in cells.by_field():
        try:
            source = cells.file_of(field)
            rgb = read_field(source.path, sha256=source.sha256).pixels
        except StationError as error:
            refused.append((field, error))
            continue
        for cell in found:
            name = f"{field.id:06d}_{plain_name(field.path.stem)}_{cell.number:03d}_{cell.type or 'untyped'}"
            crop = crop_around(rgb, (cell.left, cell.top, cell.width, cell.height))
            done, data = cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))
            if done:
                written.append(write_whole(folder / f"{name}.png", data.tobytes()))
    return written, refused
