"""Cell finder: the white cells of a field as people see, count and type them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cell_masks import CellMask, decode_mask, encode_mask
from allstation.imaging.cell_nuclei import Nuclei, find_nuclei, nuclear_level
from allstation.imaging.cell_outlines import Outlined, cytoplasm_mask, find_levels, outline_cells
from allstation.imaging.cell_scale import estimate_scale, scale_from_nuclei
from allstation.imaging.nuclear_stain import stain_maps

__all__ = ["FoundCell", "decode_mask", "encode_mask", "find_cells"]

Rgb = NDArray[np.uint8]

WORK_SCALE: Final = 4.0
"""Pixels per micrometre that cells are looked for at; finer frames are shrunk to it."""
_BLUR: Final = 0.3
_BLUR_LEAST: Final = 0.6


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
        nucleus: (height, width) bool, within the mask.
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
    nucleus: CellMask = field(repr=False, compare=False)


def find_cells(rgb: Rgb, *, cell_scale: float | None = None) -> tuple[FoundCell, ...]:
    """Find the white cells of a field, from the top to the bottom.

    Args:
        rgb: (H, W, 3) uint8, of any size.
        cell_scale: Pixels per micrometre if known; else it is estimated.

    Returns:
        The cells. Equal bytes give equal cells on every machine.
    """
    scale = cell_scale or _estimated(rgb)
    if scale is None:
        return ()
    height, width = rgb.shape[:2]
    columns, rows = work_size(width, height, scale)
    work = rgb
    if (rows, columns) != (height, width):
        work = np.asarray(cv2.resize(rgb, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    shrunk = columns / width
    cells, nuclei = _segmented(work, scale * shrunk)
    return tuple(_found(cells, nuclei, number, rgb.shape[:2]) for number in range(1, nuclei.count + 1))


def _estimated(rgb: Rgb) -> float | None:
    """Return the scale by the red cells, or by the nuclei where red cells tell nothing."""
    found = estimate_scale(rgb)
    return found.pixels_per_um if found is not None else scale_from_nuclei(rgb)


def work_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """Return the columns and rows that cells are looked for at; more need not be decoded.

    Args:
        width: Columns of the frame.
        height: Rows.
        scale: Pixels per micrometre.
    """
    share = WORK_SCALE / scale
    if share >= 1:
        return width, height
    return max(8, round(width * share)), max(8, round(height * share))


def _segmented(rgb: Rgb, scale: float) -> tuple[Outlined, Nuclei]:
    """Return cells and nuclei, numbered alike."""
    maps = stain_maps(rgb, blur=max(_BLUR * scale, _BLUR_LEAST))
    level = nuclear_level(maps.nuclear)
    levels = find_levels(maps, level, scale=scale)
    nuclei = find_nuclei(maps, cytoplasm_mask(maps, levels), level=level, scale=scale)
    return outline_cells(maps, nuclei, levels, scale=scale), nuclei


def _found(cells: Outlined, nuclei: Nuclei, number: int, size: tuple[int, ...]) -> FoundCell:
    left, top, right, bottom = (int(value) for value in cells.boxes[number - 1])
    labels = cells.labels
    whole = labels[top:bottom, left:right] == number
    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    bottom, right = top + int(rows[-1]) + 1, left + int(columns[-1]) + 1
    mask = whole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
    top, left = top + int(rows[0]), left + int(columns[0])
    nucleus = nuclei.labels[top:bottom, left:right] == number
    at_edge = left == 0 or top == 0 or right == labels.shape[1] or bottom == labels.shape[0]
    if labels.shape != size:
        left, top, mask, nucleus = _enlarged(left, top, mask, nucleus, labels.shape, size)
    down, across = np.nonzero(mask)
    return FoundCell(
        left=left,
        top=top,
        width=mask.shape[1],
        height=mask.shape[0],
        x=left + float(across.mean()),
        y=top + float(down.mean()),
        area=float(len(down)),
        nucleus_share=float(np.count_nonzero(mask & nucleus)) / len(down),
        at_edge=at_edge,
        mask=mask,
        nucleus=mask & nucleus,
    )


def _enlarged(
    left: int, top: int, mask: CellMask, nucleus: CellMask, small: tuple[int, ...], size: tuple[int, ...]
) -> tuple[int, int, CellMask, CellMask]:
    """Bring a cell's masks to the size of the picture: left, top, mask and nucleus there."""
    down, across = size[0] / small[0], size[1] / small[1]
    first = int(left * across), int(top * down)
    end = (
        min(int(np.ceil((left + mask.shape[1]) * across)), size[1]),
        min(int(np.ceil((top + mask.shape[0]) * down)), size[0]),
    )
    # Where the centre of each pixel of the picture lies in the small mask.
    columns = ((np.arange(first[0], end[0]) + 0.5) / across - left - 0.5).astype(np.float32)
    rows = ((np.arange(first[1], end[1]) + 0.5) / down - top - 0.5).astype(np.float32)
    grid = (
        np.broadcast_to(columns, (len(rows), len(columns))),
        np.broadcast_to(rows[:, None], (len(rows), len(columns))),
    )
    whole, inner = (
        np.asarray(cv2.remap(one.astype(np.uint8) * 255, grid[0].copy(), grid[1].copy(), cv2.INTER_LINEAR))
        > 127
        for one in (mask, nucleus)
    )
    rows_set, columns_set = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    cut = slice(int(rows_set[0]), int(rows_set[-1]) + 1), slice(int(columns_set[0]), int(columns_set[-1]) + 1)
    return first[0] + cut[1].start, first[1] + cut[0].start, whole[cut], inner[cut]
