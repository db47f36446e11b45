"""Conversion between rows of the cells in ``case.sqlite`` and the records of the core."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from allstation.core.audit import rows_digest
from allstation.core.cells import CellGeometry, CellOutline, CellRecord, CellReview, NewCell
from allstation.core.known_sizes import KnownSizes
from allstation.store.database import damaged
from allstation.store.rows import Row

GEOMETRY: Final = (
    "box_left, box_top, box_width, box_height, x, y, area, nucleus_share, at_edge, pixel_size, mask_left, "
    "mask_top, mask_width, mask_height, picture_width, picture_height, runs"
)
GEOMETRY_WIDTH: Final = 17
CELL_REVIEW_COLUMNS: Final = "r.cell_id, r.reviewer, r.type, r.at, r.id, r.withdrawn"
_PREFIXED: Final = ", ".join(f"c.{name}" for name in GEOMETRY.split(", "))
RECORD_COLUMNS: Final = (
    f"{_PREFIXED}, l.id, l.field_id, l.slide_id, c.prediction_id, c.number, c.made_by, c.removed, "
    "l.proposed, l.probability, r.type, r.reviewer, r.at, p.evidence_shape, s.found, f.width, f.height"
)
_ID_BYTES: Final = 8
_FULL: Final = 255
_CONTENT: Final = (
    f"SELECT id, field_id, prediction_id, number, made_by, {GEOMETRY} FROM cells "  # noqa: S608 - constant
    "WHERE id BETWEEN ? AND ? ORDER BY id"
)


def geometry_row(cell: CellGeometry) -> Row:
    """Return a cell's place and shape as stored, in the order of :data:`GEOMETRY`."""
    outline = cell.outline
    return (
        int(cell.left),
        int(cell.top),
        int(cell.width),
        int(cell.height),
        float(cell.x),
        float(cell.y),
        float(cell.area_px),
        float(cell.nucleus_share) if math.isfinite(cell.nucleus_share) else None,
        int(cell.at_edge),
        None if cell.pixel_size is None else float(cell.pixel_size),
        int(outline.left),
        int(outline.top),
        int(outline.width),
        int(outline.height),
        int(outline.picture[0]),
        int(outline.picture[1]),
        bytes(outline.runs),
    )


def geometry_of(row: Row) -> CellGeometry:
    """Return the place and shape from a row of :data:`GEOMETRY`.

    Args:
        row: The row.
    """
    left, top, width, height, x, y, area, nucleus, edge, stated, *mask = row
    mask_left, mask_top, mask_width, mask_height, picture_width, picture_height, runs = mask
    return CellGeometry(
        left=left,
        top=top,
        width=width,
        height=height,
        x=x,
        y=y,
        area_px=area,
        nucleus_share=math.nan if nucleus is None else nucleus,
        at_edge=bool(edge),
        outline=CellOutline(
            runs=runs,
            left=mask_left,
            top=mask_top,
            width=mask_width,
            height=mask_height,
            picture=(picture_width, picture_height),
        ),
        pixel_size=stated,
    )


def cell_of(row: Row, known: KnownSizes) -> CellRecord:
    """Return the cell from a row of :data:`RECORD_COLUMNS`.

    Args:
        row: The row.
        known: Pixel sizes by slides, case data and site.

    Raises:
        StationError: ``damaged-case`` if the row makes no sense.
    """
    geometry = geometry_of(row[:GEOMETRY_WIDTH])
    number, field_id, slide_id, prediction_id, count, made_by, removed, *rest = row[GEOMETRY_WIDTH:]
    proposed, probability, kind, reviewer, at, shape, found, columns, rows = rest
    return CellRecord(
        left=geometry.left,
        top=geometry.top,
        width=geometry.width,
        height=geometry.height,
        x=geometry.x,
        y=geometry.y,
        area_px=geometry.area_px,
        nucleus_share=geometry.nucleus_share,
        at_edge=geometry.at_edge,
        outline=geometry.outline,
        pixel_size=known.at(columns, rows, slide=slide_id, stated=geometry.pixel_size),
        id=number,
        field_id=field_id,
        slide_id=slide_id,
        prediction_id=prediction_id,
        number=count,
        support=support_of(number, classes_of(shape), found),
        made_by=made_by,
        type=kind or "",
        typed_by=(reviewer or "") if kind else "",
        typed_at=(at or "") if kind else "",
        proposed=proposed,
        probability=probability,
        removed=bool(removed),
    )


def cell_review_of(row: Row) -> CellReview:
    """Return the review from a row of :data:`CELL_REVIEW_COLUMNS`."""
    cell_id, reviewer, kind, at, number, withdrawn = row
    return CellReview(
        cell_id=cell_id, reviewer=reviewer, type=kind, at=at, id=number, withdrawn=bool(withdrawn)
    )


def classes_of(shape: str | None) -> tuple[str, ...]:
    """Return the classes of a stored evidence map's shape.

    Raises:
        StationError: ``damaged-case``.
    """
    if not shape:
        return ()
    try:
        return tuple(str(name) for name in json.loads(shape)[2])
    except (ValueError, TypeError, IndexError, KeyError, RecursionError) as error:
        raise damaged("an evidence map's shape cannot be understood") from error


def support_bytes(cell: NewCell, classes: Sequence[str]) -> bytes:
    """Return the support of each class as bytes: 255 is 1."""
    support = cell.support
    return bytes([min(_FULL, int(_FULL * support.get(name, 0.0) + 0.5)) for name in classes])


def support_blob(found: Iterable[tuple[int, bytes]]) -> bytes:
    """Return which cells a prediction found, with their support, as one value."""
    return b"".join(number.to_bytes(_ID_BYTES, "little") + support for number, support in found)


def supports_of(blob: bytes | None, classes: int) -> dict[int, bytes]:
    """Return the cells of :func:`support_blob` with their support.

    Raises:
        StationError: ``damaged-case`` if the value has another length than its classes ask for.
    """
    if blob is None:
        return {}
    width = _ID_BYTES + classes
    if len(blob) % width:
        raise damaged("the cells of a prediction cannot be understood")
    return {
        int.from_bytes(blob[start : start + _ID_BYTES], "little"): blob[start + _ID_BYTES : start + width]
        for start in range(0, len(blob), width)
    }


def support_of(number: int, classes: Sequence[str], blob: bytes | None) -> Mapping[str, float]:
    """Return the support of a prediction for a cell, by class; empty if it did not find the cell."""
    if blob is None:
        return {}
    key, width = number.to_bytes(_ID_BYTES, "little"), _ID_BYTES + len(classes)
    at = blob.find(key)
    while at >= 0 and at % width:  # the same bytes across two entries
        at = blob.find(key, at + 1)
    values = blob[at + _ID_BYTES : at + width] if at >= 0 else b""
    return {name: value / _FULL for name, value in zip(classes, values, strict=False)}


def list_support(support: bytes, classes: Sequence[str]) -> tuple[str, int, int]:
    """Return the class with most support, how much, and how much more than the second; 0 to 255."""
    ordered = sorted(support, reverse=True)
    if not ordered or ordered[0] == 0:
        return "", 0, 0
    return classes[support.index(ordered[0])], ordered[0], ordered[0] - (ordered[1] if ordered[1:] else 0)


def cells_content(db: sqlite3.Connection, first: int, last: int) -> str:
    """Return the digest of cells as they were found or made: place, shape and mask."""
    return _digest(db.execute(_CONTENT, (first, last)))


def support_content(db: sqlite3.Connection, first: int, last: int) -> str:
    """Return the digest of which cells the predictions from ``first`` to ``last`` found, with support."""
    query = "SELECT id, found FROM prediction_cells WHERE id BETWEEN ? AND ? ORDER BY id"
    return _digest(db.execute(query, (first, last)))


def _digest(rows: Iterable[Row]) -> str:
    """Return one SHA-256 over rows of numbers, texts and bytes, as Python spells them.

    JSON, which other entries are of, takes three times as long and has no bytes; there are ten cells a field.
    """
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr(row).encode())
    return digest.hexdigest()


def types_content(db: sqlite3.Connection, first: int, last: int) -> str:
    """Return the digest of reviews of cells."""
    query = "SELECT id, cell_id, reviewer, type, at FROM cell_reviews WHERE id BETWEEN ? AND ? ORDER BY id"
    return rows_digest(db.execute(query, (first, last)))


def proposals_content(db: sqlite3.Connection) -> str:
    """Return the digest of all proposals."""
    return rows_digest(db.execute("SELECT id, type, probability FROM cell_proposals ORDER BY id"))
