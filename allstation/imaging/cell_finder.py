"""Cell finder: the white cells of a field as people see, count and type them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.burnt_in_mark import Box, mark_box
from allstation.imaging.cell_masks import CellMask, decode_mask, encode_mask
from allstation.imaging.cell_nuclei import Nuclei, find_nuclei, nuclear_level, solidity, with_nucleus_at
from allstation.imaging.cell_outlines import Levels, Outlined, cytoplasm_mask, find_levels, outline_cells
from allstation.imaging.cell_scale import estimate_scale, quick_scale, scale_from_nuclei
from allstation.imaging.nuclear_stain import StainMaps, stain_maps

__all__ = ["DetectedCell", "cell_at", "decode_mask", "encode_mask", "find_cells", "work_size"]

Rgb = NDArray[np.uint8]

WORK_SCALE: Final = 4.0
"""Pixels per micrometre that cells are looked for at; finer frames are shrunk to it."""
OWN_SCALE: Final = 2.2
"""Pixels per micrometre, mean of both directions, of the squashed 224x224 frames that the shipped model
learned from (red cells of 40 of them in the camera's 1024x768: median 2.0 to 2.6 by class)."""
_OWN_SIDES: Final = (200, 256)
_CONTRADICTION: Final = 1.5
_TRUSTED: Final = 6
"""Red cells whose median needs no second witness."""
_NUCLEAR_CONTRADICTION: Final = 2.0
_DEBRIS_AREA: Final = 60.0
_JAGGED: Final = 0.65
_HALF_BYTE: Final = 127
_BLUR: Final = 0.3
_BLUR_LEAST: Final = 0.6


@dataclass(frozen=True, slots=True)
class DetectedCell:
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


def find_cells(rgb: Rgb, *, cell_scale: float | None = None) -> tuple[DetectedCell, ...]:
    """Find the white cells of a field, from the top to the bottom.

    Args:
        rgb: (H, W, 3) uint8, of any size.
        cell_scale: Pixels per micrometre if known; else it is estimated, which takes longer than finding.

    Returns:
        The cells. Equal bytes give equal cells on every thread.
    """
    own = _own_maps(rgb) if cell_scale is None else None
    scale = OWN_SCALE if own is not None else cell_scale or _estimated(rgb)
    if scale is None:
        return ()
    work, scale = _at_work_size(rgb, scale)
    maps, levels, nuclei = _nuclei(_maps(work, scale) if own is None else own, scale)
    outlined = outline_cells(maps, nuclei, levels, scale=scale)
    mark = mark_box(work)
    cells = (_cell(outlined, nuclei, number, rgb.shape[:2], mark) for number in range(1, nuclei.count + 1))
    own_scale = scale * rgb.shape[1] / work.shape[1]
    return tuple(cell for cell in cells if not _is_debris(cell, own_scale))


def cell_at(rgb: Rgb, x: float, y: float, *, cell_scale: float | None = None) -> DetectedCell | None:
    """Grow the cell that a person points at.

    Args:
        rgb: (H, W, 3) uint8.
        x: Column, pixels.
        y: Row.
        cell_scale: Pixels per micrometre if known; else it is estimated.

    Returns:
        The cell that ``find_cells`` finds there, else the one around what is stained like the place pointed
        at, at least a disc of 3 micrometres. None where no scale can be told.
    """
    own = cell_scale is None and _own_maps(rgb) is not None
    scale = OWN_SCALE if own else cell_scale or _estimated(rgb)
    if scale is None:
        return None
    for cell in find_cells(rgb, cell_scale=scale):
        row, column = int(y) - cell.top, int(x) - cell.left
        if 0 <= row < cell.height and 0 <= column < cell.width and cell.mask[row, column]:
            return cell
    work, scale = _at_work_size(rgb, scale)
    shrunk = work.shape[1] / rgb.shape[1], work.shape[0] / rgb.shape[0]
    maps, levels, nuclei = _nuclei(_maps(work, scale), scale)
    place = min(int(x * shrunk[0]), work.shape[1] - 1), min(int(y * shrunk[1]), work.shape[0] - 1)
    pointed = with_nucleus_at(nuclei, maps, place, scale=scale)
    outlined = outline_cells(maps, pointed, levels, scale=scale)
    return _cell(outlined, pointed, pointed.count, rgb.shape[:2], mark_box(work))


def _at_work_size(rgb: Rgb, scale: float) -> tuple[Rgb, float]:
    """Return the field as cells are looked for in it, and its scale."""
    height, width = rgb.shape[:2]
    columns, rows = work_size(width, height, scale)
    if (rows, columns) == (height, width):
        return rgb, scale
    work = cv2.resize(rgb, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(work, np.uint8), scale * columns / width


def _is_debris(cell: DetectedCell, scale: float) -> bool:
    """Tell whether a cell is a clump of platelets or stain: small, with a jagged nucleus in one piece."""
    small = cell.area < _DEBRIS_AREA * scale * scale
    return small and not cell.at_edge and solidity(cell.nucleus.astype(np.uint8)) < _JAGGED


def _is_own_size(rgb: Rgb) -> bool:
    return all(_OWN_SIDES[0] <= side <= _OWN_SIDES[1] for side in rgb.shape[:2])


def _own_maps(rgb: Rgb) -> StainMaps | None:
    """Return the stain of a frame of the shipped model's own scale, None for others.

    Frames of the size that the model reads are taken for its own, unless their red cells contradict: a few
    measured red cells are a weaker witness than the frames it learned from.
    """
    if not _is_own_size(rgb):
        return None
    maps = _maps(rgb, OWN_SCALE)
    found = quick_scale(maps)
    return maps if found is not None and found < _CONTRADICTION * OWN_SCALE else None


def _estimated(rgb: Rgb) -> float | None:
    """Return the scale by the red cells, or by the nuclei where red cells tell nothing."""
    estimate = estimate_scale(rgb)
    if estimate is not None and estimate.red_cells >= _TRUSTED:
        return estimate.pixels_per_um
    guess = scale_from_nuclei(rgb)
    if estimate is not None:  # a few spots taken for red cells are no match for nuclei of twice the size
        contradicted = guess is not None and guess > _NUCLEAR_CONTRADICTION * estimate.pixels_per_um
        return guess if contradicted else estimate.pixels_per_um
    own = _is_own_size(rgb) and guess is not None and guess < _NUCLEAR_CONTRADICTION * OWN_SCALE
    return OWN_SCALE if own else guess


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


def _maps(rgb: Rgb, scale: float) -> StainMaps:
    return stain_maps(rgb, blur=max(_BLUR * scale, _BLUR_LEAST))


def _nuclei(maps: StainMaps, scale: float) -> tuple[StainMaps, Levels, Nuclei]:
    """Return a field's stain, its levels and its nuclei."""
    level = nuclear_level(maps.nuclear)
    levels = find_levels(maps, level, scale=scale)
    return maps, levels, find_nuclei(maps, cytoplasm_mask(maps, levels), level=level, scale=scale)


def _cell(
    cells: Outlined, nuclei: Nuclei, number: int, size: tuple[int, ...], mark: Box | None
) -> DetectedCell:
    """Return one outlined cell at the size of the picture given."""
    left, top, right, bottom = (int(value) for value in cells.boxes[number - 1])
    whole = cells.labels[top:bottom, left:right] == number
    inner = nuclei.labels[top:bottom, left:right] == number
    rows, columns = _held(whole)
    place = left + columns.start, top + rows.start
    masks = whole[rows, columns].copy(), inner[rows, columns].copy()
    at_edge = _is_cut(place, masks[0].shape, cells.labels.shape, mark)
    if cells.labels.shape != size:
        place, masks = _enlarged(place, masks, cells.labels.shape, size)
    mask, nucleus = masks[0], masks[0] & masks[1]
    moments = cv2.moments(mask.view(np.uint8), binaryImage=True)
    area = moments["m00"]
    return DetectedCell(
        left=place[0],
        top=place[1],
        width=mask.shape[1],
        height=mask.shape[0],
        x=place[0] + moments["m10"] / area,
        y=place[1] + moments["m01"] / area,
        area=area,
        nucleus_share=float(np.count_nonzero(nucleus)) / area,
        at_edge=at_edge,
        mask=mask,
        nucleus=nucleus,
    )


def _held(mask: CellMask) -> tuple[slice, slice]:
    """Return the rows and columns that hold anything."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def _is_cut(place: tuple[int, int], shape: tuple[int, ...], size: tuple[int, ...], mark: Box | None) -> bool:
    """Tell whether the picture's edge or a burnt-in mark cuts a cell."""
    left, top = place
    bottom, right = top + shape[0], left + shape[1]
    if left == 0 or top == 0 or right == size[1] or bottom == size[0]:
        return True
    return mark is not None and left < mark[2] and mark[0] < right and top < mark[3] and mark[1] < bottom


def _enlarged(
    place: tuple[int, int], masks: tuple[CellMask, CellMask], small: tuple[int, ...], size: tuple[int, ...]
) -> tuple[tuple[int, int], tuple[CellMask, CellMask]]:
    """Bring a cell's masks to the size of the picture: left and top, mask and nucleus there."""
    left, top = place
    down, across = size[0] / small[0], size[1] / small[1]
    first = int(left * across), int(top * down)
    height, width = masks[0].shape
    end = min(math.ceil((left + width) * across), size[1]), min(math.ceil((top + height) * down), size[0])
    # Where the centre of each pixel of the picture lies in the small mask.
    columns = ((np.arange(first[0], end[0]) + 0.5) / across - left - 0.5).astype(np.float32)
    rows = ((np.arange(first[1], end[1]) + 0.5) / down - top - 0.5).astype(np.float32)
    across_map, down_map = np.meshgrid(columns, rows)
    whole, inner = (
        np.asarray(
            cv2.remap(_bytes(one), across_map, down_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )
        > _HALF_BYTE
        for one in masks
    )
    cut = _held(whole)
    return (first[0] + cut[1].start, first[1] + cut[0].start), (whole[cut], inner[cut])


def _bytes(mask: CellMask) -> NDArray[np.uint8]:
    return np.where(mask, np.uint8(255), np.uint8(0))
