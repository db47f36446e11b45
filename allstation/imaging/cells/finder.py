"""Cell finder: the white cells of a field as people see, count and type them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.burnt_in_mark import Box, mark_box
from allstation.imaging.cells.masks import CellMask, decode_mask, encode_mask
from allstation.imaging.cells.nuclear_stain import StainMaps, stain_maps
from allstation.imaging.cells.nuclei import find_nuclei, nuclear_level, solidity
from allstation.imaging.cells.outlines import Outlined, cytoplasm_mask, find_levels, outline_cells
from allstation.imaging.cells.scale import estimate_scale, quick_scale, scale_from_nuclei

__all__ = ["DetectedCell", "decode_mask", "encode_mask", "find_cells", "is_own_frame", "work_size"]

Rgb = NDArray[np.uint8]

WORK_SCALE: Final = 4.0
"""Pixels per micrometre that cells are looked for at; finer frames are shrunk to it."""
OWN_SCALE: Final = 2.2
"""Pixels per micrometre, mean of both directions, of the squashed 224x224 frames that the shipped model
learned from (red cells of 40 of them in the camera's 1024x768: median 2.0 to 2.6 by class)."""
_OWN_SIDES: Final = (200, 256)
_OWN_CAMERA: Final = (1024, 768)
_CONTRADICTION: Final = 1.5
_TRUSTED: Final = 6
"""Red cells whose median needs no second witness."""
_NUCLEAR_CONTRADICTION: Final = 2.0
_DEBRIS_AREA: Final = 60.0
_JAGGED: Final = 0.65
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


def find_cells(
    rgb: Rgb, *, cell_scale: float | None = None, size: tuple[int, int] | None = None
) -> tuple[DetectedCell, ...]:
    """Find the white cells of a field, from the top to the bottom.

    Args:
        rgb: (H, W, 3) uint8, of any size.
        cell_scale: Pixels per micrometre if known; else it is estimated, which takes longer than finding.
        size: Height and width of the picture that the cells are given in pixels of; its own if none is given.

    Returns:
        The cells. Equal bytes give equal cells on every thread.
    """
    size = rgb.shape[:2] if size is None else size
    own = _own_maps(rgb) if cell_scale is None else None
    scale = OWN_SCALE if own is not None else cell_scale or _estimated(rgb)
    if scale is None:
        return ()
    work, scale = _at_work_size(rgb, scale)
    maps = _maps(work, scale) if own is None else own
    level = nuclear_level(maps.nuclear)
    levels = find_levels(maps, level, scale=scale)
    nuclei = find_nuclei(maps, cytoplasm_mask(maps, levels), level=level, scale=scale)
    if not nuclei.count:
        return ()
    outlined = outline_cells(maps, nuclei, levels, scale=scale, size=size)
    mark = mark_box(rgb)
    if mark is not None and size != rgb.shape[:2]:
        mark = _box_in(mark, rgb.shape[:2], size)
    cells = (_cell(outlined, number, mark) for number in range(1, nuclei.count + 1))
    own_scale = scale * math.sqrt(size[0] * size[1] / maps.density.size)
    return tuple(cell for cell in cells if not _is_debris(cell, own_scale))


def _box_in(box: Box, own: tuple[int, ...], size: tuple[int, int]) -> Box:
    """Bring a box from a picture to another size of it."""
    across, down = size[1] / own[1], size[0] / own[0]
    left, top, right, bottom = box
    return int(left * across), int(top * down), math.ceil(right * across), math.ceil(bottom * down)


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


def is_own_frame(width: int, height: int) -> bool:
    """Tell whether a file has a size of the shipped model's own frames: its input's, or its camera's."""
    return (width, height) == _OWN_CAMERA or _is_own_size(width, height)


def _is_own_size(width: int, height: int) -> bool:
    return all(_OWN_SIDES[0] <= side <= _OWN_SIDES[1] for side in (width, height))


def _own_maps(rgb: Rgb) -> StainMaps | None:
    """Return the stain of a frame of the shipped model's own scale, None for others.

    Frames of the size that the model reads are taken for its own, unless their red cells contradict: a few
    measured red cells are a weaker witness than the frames it learned from.
    """
    if not _is_own_size(rgb.shape[1], rgb.shape[0]):
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
    own = (
        _is_own_size(rgb.shape[1], rgb.shape[0])
        and guess is not None
        and guess < _NUCLEAR_CONTRADICTION * OWN_SCALE
    )
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


def _cell(cells: Outlined, number: int, mark: Box | None) -> DetectedCell:
    """Return one outlined cell."""
    left, top, right, bottom = cells.boxes[number - 1].tolist()
    whole = cells.labels[top:bottom, left:right] == number
    x, y, width, height = cv2.boundingRect(whole.view(np.uint8))
    left, top = left + x, top + y
    mask = whole[y : y + height, x : x + width].copy()
    nucleus = cells.nuclei[top : top + height, left : left + width] == number
    nucleus &= mask
    moments = cv2.moments(mask.view(np.uint8), binaryImage=True)
    area = moments["m00"]
    return DetectedCell(
        left=left,
        top=top,
        width=width,
        height=height,
        x=left + moments["m10"] / area,
        y=top + moments["m01"] / area,
        area=area,
        nucleus_share=float(np.count_nonzero(nucleus)) / area,
        at_edge=_is_cut((left, top), mask.shape, cells.labels.shape, mark),
        mask=mask,
        nucleus=nucleus,
    )


def _is_cut(place: tuple[int, int], shape: tuple[int, ...], size: tuple[int, ...], mark: Box | None) -> bool:
    """Tell whether the picture's edge or a burnt-in mark cuts a cell."""
    left, top = place
    bottom, right = top + shape[0], left + shape[1]
    if left == 0 or top == 0 or right == size[1] or bottom == size[0]:
        return True
    return mark is not None and left < mark[2] and mark[0] < right and top < mark[3] and mark[1] < bottom
