"""Look of a model at pixels of its own size, and the pooled look at the parts of a larger field."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.records import EvidenceMap, Quality
from allstation.imaging.cells.segmentation import Cells
from allstation.imaging.fields.parts import FieldPart, assembled, parts_of
from allstation.imaging.formats.pixel_conversions import squash
from allstation.imaging.preprocess import Prepared

Rgb = NDArray[np.uint8]
Activation = NDArray[np.float32]

_COARSEST: Final = 0.5
"""Rows and columns of a part, as shares of the network's: coarser ones show nothing of a cell's inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Outputs of a model and of the checks for a field or part of one.

    Attributes:
        probabilities: Calibrated, one a class; NaN where the output was not finite.
        novelty: 1.0 is the limit; NaN where it could not be computed.
        cell_count: White cells.
        quality: Image quality figures.
        activation: (rows, columns, k) support of the classes, if the network makes it.
        appearance: (f,) how it looks to the network.
    """

    probabilities: tuple[float, ...]
    novelty: float
    cell_count: int
    quality: Quality
    activation: Activation | None
    appearance: Activation


@dataclass(frozen=True, slots=True)
class _Part:
    place: FieldPart
    own_cells: int
    look: Look


def part_size(
    pixels_per_um: float, *, own: float, aspect: float, size: tuple[int, int]
) -> tuple[float, float]:
    """Return the columns and rows of a part that shows as much as the fields a model learned from.

    Args:
        pixels_per_um: Of the picture that is cut.
        own: Pixels per micrometre at the network's size, the geometric mean of both directions.
        aspect: Width over height of the model's fields before they were squashed.
        size: Height and width of the network's pixels.
    """
    side = math.sqrt(size[0] * size[1]) / own * pixels_per_um
    return side * math.sqrt(aspect), side / math.sqrt(aspect)


def is_too_coarse(part: tuple[float, float], size: tuple[int, int]) -> bool:
    """Tell whether a part has too few pixels to be enlarged to the network's size."""
    return part[0] < _COARSEST * size[1] or part[1] < _COARSEST * size[0]


def look_at_parts(
    picture: Rgb,
    part: tuple[float, float],
    size: tuple[int, int],
    *,
    prepare: Callable[[Rgb], Prepared],
    look: Callable[[Rgb, Prepared], Look],
) -> Look:
    """Look at a field part by part, and pool what was seen over its white cells.

    Parts without cells of their own are skipped; a cell in the overlap of two counts in the one that it lies
    in. Probabilities are means over cells, novelty is the largest and sharpness the smallest of the parts.

    Args:
        picture: (H, W, 3) uint8.
        part: Columns and rows of a part.
        size: Height and width of the network's pixels.
        prepare: Preparation of pixels of that size.
        look: The model's look at them.
    """
    seen: list[_Part] = []
    height, width = picture.shape[:2]
    empty: Rgb | None = None
    for place in parts_of(width, height, part):
        rgb = squash(
            picture[place.top : place.top + place.height, place.left : place.left + place.width], size
        )
        prepared = prepare(rgb)
        cells = _own_cells(prepared.cells, place)
        if cells:
            seen.append(_Part(place, cells, look(rgb, prepared)))
        elif empty is None:
            empty = rgb
    if not seen and empty is not None:
        # No cell anywhere: the rule says so, and needs the figures of one part to say it of.
        return look(empty, prepare(empty))
    return _pooled(seen, (width, height), part)


def _own_cells(cells: Cells, part: FieldPart) -> int:
    """Count the cells whose middle no other part has."""
    if not cells.count:
        return 0
    rows, columns = np.nonzero(cells.labels)
    numbers = cells.labels[rows, columns]
    areas = np.maximum(np.bincount(numbers, minlength=cells.count + 1)[1:], 1)
    across, down = part.width / cells.labels.shape[1], part.height / cells.labels.shape[0]
    x, y = (
        np.bincount(numbers, places + 0.5, minlength=cells.count + 1)[1:] / areas
        for places in (columns, rows)
    )
    return int(np.count_nonzero(part.owns(x * across + part.left, y * down + part.top)))


def _pooled(seen: Sequence[_Part], size: tuple[int, int], part: tuple[float, float]) -> Look:
    weights = np.array([one.own_cells for one in seen], np.float64)
    shares = np.array([one.look.probabilities for one in seen]).T @ (weights / weights.sum())
    figures = [one.look.quality for one in seen]
    novelties = [one.look.novelty for one in seen]
    return Look(
        probabilities=tuple(shares.tolist()),
        novelty=max(novelties) if all(map(math.isfinite, novelties)) else math.nan,
        cell_count=int(weights.sum()),
        quality=Quality(
            sharpness=min(one.sharpness for one in figures),
            brightness=float(np.mean([one.brightness for one in figures])),
            clipped=float(np.mean([one.clipped for one in figures])),
            cell_area=float(np.mean([one.cell_area for one in figures])),
        ),
        activation=_joined(seen, size, part),
        appearance=np.average([one.look.appearance for one in seen], axis=0, weights=weights),
    )


def _joined(seen: Sequence[_Part], size: tuple[int, int], part: tuple[float, float]) -> Activation | None:
    """Put the parts' activations together at the grid that a part has; None if one lacks them."""
    grids = [(one.place, one.look.activation) for one in seen if one.look.activation is not None]
    if len(grids) < len(seen) or not all(np.isfinite(grid).all() for _, grid in grids):
        return None
    rows, columns = grids[0][1].shape[:2]
    cells = max(rows, round(rows * size[1] / part[1])), max(columns, round(columns * size[0] / part[0]))
    return assembled(grids, size, cells)


def evidence_map(activation: Activation | None, classes: tuple[str, ...]) -> EvidenceMap | None:
    """Turn class activations (rows, columns, k) into the stored form.

    Negative support is shown as none: the map answers "what spoke for this class". Of activations that are
    not finite there is no map.
    """
    if activation is None or not np.isfinite(activation).all():
        return None
    positive = np.maximum(activation, 0)
    top = float(positive.max())
    scaled = np.rint(positive * (255.0 / top) if top > 0 else positive).astype(np.uint8)
    rows, columns = scaled.shape[:2]
    return EvidenceMap(
        rows=rows,
        columns=columns,
        classes=classes,
        values=np.ascontiguousarray(scaled.transpose(2, 0, 1)).tobytes(),
    )
