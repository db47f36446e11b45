"""Measuring of cells by the cell network: a few at a time, typed ones first, on any thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from allstation.core.cells import CellFilter, CellRecord
from allstation.core.errors import StationError
from allstation.services.field_cache import FieldCache
from allstation.store.case import Case

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from allstation.inference.cell_network import CellNetwork

_HALF: Final = 127
AT_ONCE: Final = 48
"""Cells measured before they are stored: about a second of one processor."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Cells that were measured just now.

    Attributes:
        ids: The cells; those whose field cannot be read are among them, with features that are no numbers.
        features: (n, f) float32.
        network_sha256: The network.
        left: Cells of the case that are still to be measured.
        typed_left: Of them typed by a person.
    """

    ids: list[int]
    features: NDArray[np.float32]
    network_sha256: str
    left: int
    typed_left: int


def measure_next(folder: Path, files: FieldCache) -> Measured:
    """Measure the next cells of a case that the shipped network has not measured, typed ones first.

    Raises:
        StationError: ``missing-resource`` or ``bad-network``, or as :meth:`Case.open`.
    """
    # Here, on a worker's thread: the runtime takes longer to load than the whole window.
    from allstation.inference.cell_network import CellNetwork

    network = CellNetwork()
    with Case.open(folder, read_only=True) as case:
        missing = np.frombuffer(case.cells.without_features(network.sha256), np.int64)
        typed = np.isin(missing, np.frombuffer(case.cells.ids(CellFilter(typed=True)), np.int64))
        order = np.concatenate([missing[typed], missing[~typed]])
        records = case.cells.records(order[:AT_ONCE].tolist())
        places = {one.id: one for one in case.fields.records(sorted({r.field_id for r in records}))}
    records.sort(key=lambda record: (record.field_id, record.id))
    features = [np.zeros((0, network.size), np.float32)]
    for field_id, cells in groupby(records, key=lambda record: record.field_id):
        place = places.get(field_id)
        mine = list(cells)
        features.append(
            _features(network, files, place.path, place.sha256, mine)
            if place is not None
            else np.full((len(mine), network.size), np.nan, np.float32)
        )
    done = len(records)
    return Measured(
        [record.id for record in records],
        np.concatenate(features),
        network.sha256,
        left=len(missing) - done,
        typed_left=max(0, int(typed.sum()) - done),
    )


def _features(
    network: CellNetwork, files: FieldCache, path: Path, sha256: str, cells: Sequence[CellRecord]
) -> NDArray[np.float32]:
    """Return the features of the cells of one field; not a number where it cannot be read."""
    from allstation.imaging.cell_crops import balanced

    try:
        rgb = balanced(files.read(path, sha256).pixels)
    except (StationError, OSError, MemoryError):
        return np.full((len(cells), network.size), np.nan, np.float32)
    crops = np.array(list(_crops(rgb, cells, network.side)), np.uint8)
    return network.features(crops)


def _crops(rgb: NDArray[np.uint8], cells: Sequence[CellRecord], side: int) -> Iterator[NDArray[np.uint8]]:
    """Give the crop of each cell; one that cannot be cut is all background, which measures nothing."""
    import cv2

    from allstation.imaging.cell_crops import BACKGROUND, cut_cell
    from allstation.imaging.cell_shapes import mask_of

    for cell in cells:
        try:
            mask = mask_of(cell).astype(np.uint8) * 255
            width = min(cell.width, rgb.shape[1] - cell.left)
            height = min(cell.height, rgb.shape[0] - cell.top)
            large = cv2.resize(mask, (max(1, width), max(1, height)), interpolation=cv2.INTER_LINEAR_EXACT)
            scale = 1 / cell.pixel_size if cell.pixel_size else None
            yield cut_cell(rgb, cell.left, cell.top, large > _HALF, side=side, pixels_per_um=scale)
        except StationError:
            yield np.full((side, side, 3), BACKGROUND, np.uint8)
