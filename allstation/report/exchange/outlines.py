"""GeoJSON export of white cell outlines for QuPath: one file, one FeatureCollection a field."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from itertools import chain, groupby
from math import isfinite
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.cell_types import CellType, type_of
from allstation.core.cells import CellRecord
from allstation.core.classes import class_style
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.records import CaseSnapshot, FieldRecord, ModelRecord, Slide
from allstation.core.slide_part import Region
from allstation.core.text import plain_name, shown_name
from allstation.imaging.cells.segmentation import segment_cells
from allstation.imaging.cells.shapes import mask_of
from allstation.imaging.fields.file import read_field
from allstation.report.atomic import make_folder, write_whole
from allstation.report.content.cell_source import CellsOfFields
from allstation.report.content.field_rows import shown_case
from allstation.report.content.free_text import Anonymity
from allstation.report.exchange.slide_outlines import slide_parts
from allstation.report.export_types import Exported, Progress, no_progress

_NAMESPACE: Final = uuid.UUID("6f4b1f2e-9b0e-5c57-8d55-0a3c2f1f7a11")
_SIDE: Final = 224
_SMOOTH: Final = 0.35
"""Pixels at the network's size by which an outline may be simplified."""
_FINER: Final = 3
_WHITE_CELL: Final = {"name": "White cell", "color": [106, 79, 179]}


def write_outlines(
    snapshot: CaseSnapshot,
    folder: Path,
    *,
    anonymise: Anonymity | None = None,
    cells: CellsOfFields | None = None,
    progress: Progress = no_progress,
) -> Exported:
    """Write the outlines of every field that was read to ``folder``.

    The fields of a whole slide and their cells come into one file, in pixels of the slide; every other field
    has a file of its own, in its own pixels.

    The cells of the case are written as they are stored, with the type that a person gave each. Fields that
    were classified before cells were kept get theirs as the network was shown them: found at its size, then
    scaled to the field's pixels.

    Args:
        snapshot: The case.
        folder: Made if it is not there. Files are named ``0001_NAME.geojson`` by the field's number, those
            of whole slides ``slide_0001_NAME.geojson`` by that of the first field.
        anonymise: Put numbers for file names and codes for hashes, unless names go; None for everything.
        cells: Cells of the case, as this export names them; None for none.
        progress: Told of each field.

    Raises:
        StationError: ``not-written`` with the reason.
    """
    stored = {} if cells is None else {field.id: found for field, found in cells.by_field()}
    make_folder(folder)
    shown = shown_case(snapshot, anonymise)
    work = _Work(snapshot, stored, () if cells is None else cells.types, hidden=anonymise is not None)
    written: list[Path] = []
    numbered = enumerate(zip(snapshot.fields, shown.fields, strict=True), start=1)
    read = ((number, *pair) for number, pair in numbered if pair[0].prediction is not None)
    for slide_id, fields in groupby(read, key=_slide_of):
        told = _reporting(fields, progress, len(snapshot.fields))
        if slide_id is not None:
            slide = next(one for one in shown.slides if one.id == slide_id)
            written.append(_write_slide(work, slide, told, folder))
            continue
        for number, field, said in told:
            collection = work.collection(field, said)
            if collection is not None:
                name = plain_name(shown_name(said.path.stem))
                data = json_text(collection, indent=None, ensure_ascii=True).encode()
                written.append(write_whole(folder / f"{number:04d}_{name}.geojson", data))
    return Exported(tuple(written), tuple(work.refused))


_Numbered = tuple[int, FieldRecord, FieldRecord]
"""Number of a field, the field, and the field as the export names it."""


def _slide_of(one: _Numbered) -> int | None:
    """Return the whole slide whose rectangle a field is; None of any other field."""
    return one[1].slide_id if isinstance(one[1].part, Region) else None


def _reporting(fields: Iterable[_Numbered], progress: Progress, total: int) -> Iterator[_Numbered]:
    for one in fields:
        progress(one[0] - 1, total)
        yield one


@dataclass(slots=True)
class _Work:
    """Outlines of one export while they are made.

    Attributes:
        snapshot: The case.
        stored: Its cells by field.
        types: Its list of types.
        hidden: The export is anonymised.
        refused: Fields whose outlines could not be made, and why.
    """

    snapshot: CaseSnapshot
    stored: Mapping[int, Sequence[CellRecord]]
    types: Sequence[CellType]
    hidden: bool
    refused: list[tuple[FieldRecord, StationError]] = dataclass_field(default_factory=list)

    def collection(self, field: FieldRecord, said: FieldRecord) -> dict[str, Any] | None:
        """Return the collection of one field; None if it cannot be made."""
        try:
            if field.id in self.stored:
                return stored_outlines(said, self.stored[field.id], self.types, anonymised=self.hidden)
            made = field.prediction.model_sha256 if field.prediction is not None else ""
            model = next((one for one in self.snapshot.models if one.sha256 == made), None)
            return outlines(field, model, said=said)
        except StationError as error:
            self.refused.append((field, error))
            return None


def _write_slide(work: _Work, slide: Slide, fields: Iterable[_Numbered], folder: Path) -> Path:
    """Write all fields of a whole slide, and their cells, into one file in the slide's coordinates."""
    numbered = iter(fields)
    first = next(numbered)
    name = slide.folder.name if slide.folder is not None else slide.name
    about = {
        "image": name.encode("utf-8", "replace").decode(),
        "code" if work.hidden else "sha256": first[2].sha256,
        "fingerprint": slide.fingerprint,
        "probabilities": None,
        "first_field": first[0],
    }
    made = (
        (said, number, collection)
        for number, field, said in chain((first,), numbered)
        if (collection := work.collection(field, said)) is not None
    )
    target = folder / f"slide_{first[0]:04d}_{plain_name(shown_name(slide.name))}.geojson"
    return write_whole(target, slide_parts(about, made, slide.downsamples))


def outlines(
    field: FieldRecord, model: ModelRecord | None, *, said: FieldRecord | None = None
) -> dict[str, Any]:
    """Return the FeatureCollection of one field, coordinates in pixels of its file.

    Args:
        field: A field that was read.
        model: The model that read it; gives the size the cells are found at.
        said: The field as an anonymised export names it; None to name it as it is.

    Raises:
        StationError: If the file cannot be read any more, or holds other bytes than were read.
    """
    height, width = _size(model)
    cells = segment_cells(read_field(field.path, sha256=field.sha256).reduced((height, width)))
    scale = np.array([field.width / width, field.height / height])
    features = [
        _feature(said or field, ring, index, scale)
        for index, ring in enumerate(_rings(cells.outlines()), start=1)
    ]
    return {
        "type": "FeatureCollection",
        "features": features,
        "properties": _about(said or field, anonymised=said is not None and said is not field),
    }


def stored_outlines(
    field: FieldRecord, cells: Sequence[CellRecord], types: Sequence[CellType], *, anonymised: bool
) -> dict[str, Any]:
    """Return the FeatureCollection of the cells of one field, coordinates in pixels of its file.

    Args:
        field: The field as the export names it.
        cells: Its cells.
        types: The case's list of types.
        anonymised: A code stands for the file's hash.

    Raises:
        StationError: ``bad-mask`` if the stored outline of a cell is damaged.
    """
    found = (_typed(field, cell, types) for cell in cells)
    return {
        "type": "FeatureCollection",
        "features": [one for one in found if one is not None],
        "properties": _about(field, anonymised=anonymised),
    }


def _typed(field: FieldRecord, cell: CellRecord, types: Sequence[CellType]) -> dict[str, Any] | None:
    """Return a cell with its type as its class; a proposed type is told in words and is no class."""
    outline = cell.outline
    scale = np.array([field.width / outline.picture[0], field.height / outline.picture[1]])
    corner = np.array([outline.left, outline.top])
    rings = [np.round((ring + corner) * scale, 2).tolist() for ring in _edges(mask_of(cell))]
    polygons = [[[*ring, ring[0]]] for ring in rings]
    if not polygons:
        return None
    kind = type_of(types, cell.type) if cell.type else None
    measured = {
        "Area px^2": cell.area_px,
        "Area µm^2": cell.area_um2,
        "Nucleus share": cell.nucleus_share,
        "Proposal probability": cell.probability,
    }
    said = {
        "Cell": str(cell.number),
        "Typed by": cell.typed_by,
        "Proposed": type_of(types, cell.proposed).name if cell.proposed else "",
        "Edge": "cut by the edge" if cell.at_edge else "",
    }
    several = len(polygons) > 1
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_NAMESPACE, f"{field.sha256} cell {cell.number}")),
        "geometry": {
            "type": "MultiPolygon" if several else "Polygon",
            "coordinates": polygons if several else polygons[0],
        },
        "properties": {
            "objectType": "detection",
            "name": f"Cell {cell.number}",
            "classification": _WHITE_CELL
            if kind is None
            else {"name": kind.name, "color": _rgb(kind.colour)},
            "measurements": {
                name: round(value, 4)
                for name, value in measured.items()
                if value is not None and isfinite(value)
            },
            "metadata": {name: text for name, text in said.items() if text},
        },
    }


def _rgb(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def _edges(mask: NDArray[np.bool_]) -> Iterator[NDArray[np.float64]]:
    """Yield the outer edge of each part of a mask, in pixels from the outer corner of its first one.

    OpenCV's outlines run through the middle of pixels, half a pixel inside; of a mask three times as large
    they run a sixth of a pixel inside.
    """
    large = np.kron(np.pad(mask, 1), np.ones((_FINER, _FINER), np.uint8)).astype(np.uint8)
    found, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    for outline in found:
        points = (outline.reshape(-1, 2).astype(np.float64) + 0.5) / _FINER - 1
        yield from _rings([points])


def _size(model: ModelRecord | None) -> tuple[int, int]:
    prepared = model.info.get("preprocessing") if model is not None else None
    size = prepared.get("size") if isinstance(prepared, Mapping) else None
    if isinstance(size, list | tuple) and len(size) == 2:  # noqa: PLR2004
        return int(size[0]), int(size[1])
    return _SIDE, _SIDE


def _rings(found: list[NDArray[np.float64]]) -> Iterator[NDArray[np.float64]]:
    """Simplify outlines; what is left of a speck with fewer than three corners is no area."""
    for outline in found:
        simple = cv2.approxPolyDP(outline.astype(np.float32).reshape(-1, 1, 2), _SMOOTH, True)
        ring = simple.reshape(-1, 2).astype(np.float64)
        if len(ring) >= 3:  # noqa: PLR2004
            yield ring


def _feature(
    field: FieldRecord, ring: NDArray[np.float64], index: int, scale: NDArray[np.float64]
) -> dict[str, Any]:
    # Outlines run through pixel centres; GeoJSON counts from the corner of the first pixel.
    points = np.round((ring + 0.5) * scale, 2)
    area = abs(float(cv2.contourArea(points.astype(np.float32))))
    closed = [*points.tolist(), points[0].tolist()]
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_NAMESPACE, f"{field.sha256} {index}")),
        "geometry": {"type": "Polygon", "coordinates": [closed]},
        "properties": {
            "objectType": "detection",
            "name": f"Cell {index}",
            "classification": _WHITE_CELL,
            "measurements": {"Area px^2": round(area, 1)},
        },
    }


def _about(field: FieldRecord, *, anonymised: bool) -> dict[str, Any]:
    """Return a description of the field; QuPath ignores it, other readers need it."""
    made, name = field.prediction, field.final_name or ""
    return {
        "image": field.path.name.encode("utf-8", "replace").decode(),
        "code" if anonymised else "sha256": field.sha256,
        "width": field.width,
        "height": field.height,
        "class": name,
        "colour": class_style(name).colour if name else None,
        "probabilities": dict(made.probabilities) if made and made.is_readable else None,
        "probabilities_valid": made.probabilities_valid if made else None,
    }
