"""Typed cells of a case, with the features that it holds or that are computed now; the case is only read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from allstation.commissioning.typed_cells import CANCELLED, NotMeasured, Progress, TypedCells
from allstation.core.cells import CellFilter, CellRecord
from allstation.core.errors import StationError
from allstation.core.records import FieldRecord
from allstation.imaging.fields.file import read_field
from allstation.inference.cell_features import cell_features
from allstation.inference.cell_network import CellNetwork
from allstation.store.case import Case

_Rows = dict[int, NDArray[np.float32]]


def typed_cells_of_case(
    folder: Path,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    reviewer: str | None = None,
) -> TypedCells:
    """Read the typed cells of a case.

    Groups are patients where every slide has one, else slides. Cells without a known pixel size are left out
    where others have one: their crops have another scale.

    Args:
        folder: Of the case.
        progress: Called with cells done and cells in all.
        cancelled: Asked between fields.
        reviewer: Take this person's types instead of the latest of anyone.

    Raises:
        StationError: ``no-typed-cells``, ``cancelled``, or as :meth:`Case.open`.
    """
    network = CellNetwork()
    with Case.open(folder, read_only=True) as case:
        ids = case.cells.ids(CellFilter(typed=True, reviewer=reviewer))
        cells = case.cells.records(ids, reviewer=reviewer)
        if not cells:
            sentence = "This case has no typed cells. Type cells of several slides first."
            raise StationError("no-typed-cells", sentence)
        fields = {record.id: record for record in case.fields.records({cell.field_id for cell in cells})}
        slides = {slide.id: slide for slide in case.slides.all()}
        stored: _Rows = {}
        if case.cells.network_sha256 == network.sha256:
            known, features = case.cells.features(ids)
            stored = dict(zip(known.tolist(), np.asarray(features, np.float32), strict=True))
    stored |= _computed(cells, fields, stored, network=network, progress=progress, cancelled=cancelled)
    scaled = {cell.id for cell in cells if cell.pixel_size is not None}
    kept = [cell for cell in cells if cell.id in stored and (cell.id in scaled or not scaled)]
    patients = {number: slide.patient for number, slide in slides.items()}
    sizes = {cell.pixel_size for cell in kept}
    unfound = [_left_out(cell, fields, patients, stored) for cell in cells if cell not in kept]
    return TypedCells(
        features=np.array([stored[cell.id] for cell in kept], np.float32).reshape(len(kept), network.size),
        types=tuple(cell.type for cell in kept),
        patients=tuple(patients.get(cell.slide_id, "") for cell in kept),
        slides=tuple(f"slide {cell.slide_id}" for cell in kept),
        files=tuple(fields[cell.field_id].path.name for cell in kept),
        pictures=tuple(fields[cell.field_id].sha256 for cell in kept),
        network_sha256=network.sha256,
        unfound=tuple(unfound),
        pixel_size=None,
        pixel_size_source="",
        scale_known=bool(scaled),
        from_fields=bool(scaled),
        field_pixel_size=sizes.pop() if len(sizes) == 1 else None,
    )


def _left_out(
    cell: CellRecord, fields: Mapping[int, FieldRecord], patients: Mapping[int, str], stored: _Rows
) -> NotMeasured:
    why = "its pixel size is not known" if cell.id in stored else "its features could not be measured"
    name = fields[cell.field_id].path.name
    return NotMeasured(f"{name} cell {cell.id}", cell.type, patients.get(cell.slide_id, ""), why)


def _computed(
    cells: Sequence[CellRecord],
    fields: Mapping[int, FieldRecord],
    stored: _Rows,
    *,
    network: CellNetwork,
    progress: Progress | None,
    cancelled: Callable[[], bool] | None,
) -> _Rows:
    """Compute what the case does not hold; a field that cannot be read any more gives nothing."""
    missing: dict[int, list[CellRecord]] = {}
    for cell in cells:
        if cell.id not in stored:
            missing.setdefault(cell.field_id, []).append(cell)
    found: _Rows = {}
    done = len(cells) - sum(map(len, missing.values()))
    for field_id, own in missing.items():
        if cancelled is not None and cancelled():
            raise StationError(CANCELLED, "The reading of cells was stopped.")
        field = fields[field_id]
        try:
            rows = cell_features(read_field(field.path, sha256=field.sha256).pixels, own, network)
        except StationError:
            rows = np.full((len(own), network.size), math.nan, np.float32)
        for cell, row in zip(own, rows, strict=True):
            if np.isfinite(row).all():
                found[cell.id] = row
        done += len(own)
        if progress is not None:
            progress(done, len(cells))
    return found
