"""Shapes of stored cells: masks joined, parted and drawn by hand, and their place in the file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.cells import CellGeometry, CellOutline
from allstation.imaging.cells.masks import decode_mask, encode_mask, join_masks, part_mask

Mask = NDArray[np.bool_]
_MARGIN: Final = 0.25
"""Part of a cell's larger side that a crop shows around it."""


def mask_of(cell: CellGeometry) -> Mask:
    """Return a cell's mask (h, w) in pixels of the picture that the finder saw.

    Raises:
        StationError: ``bad-mask`` if its run lengths do not fill it.
    """
    outline = cell.outline
    return decode_mask(outline.runs, outline.width, outline.height)


def geometry(
    mask: Mask,
    left: int,
    top: int,
    *,
    picture: tuple[int, int],
    size: tuple[int, int],
    nucleus_share: float = math.nan,
    at_edge: bool | None = None,
    pixel_size: float | None = None,
) -> CellGeometry:
    """Return a mask's place and shape in pixels of the file.

    Args:
        mask: (h, w) bool, at least one pixel true; cut to what it holds.
        left: Column of its first pixel in the picture.
        top: Row of it.
        picture: Width and height of the picture.
        size: Width and height of the file.
        nucleus_share: Share of the area that is nucleus.
        at_edge: Cut by the edge; None to tell by the box.
        pixel_size: Micrometres a pixel of the file.
    """
    rows, columns = np.nonzero(mask)
    first_row, first_column = int(rows.min()), int(columns.min())
    cut = mask[first_row : int(rows.max()) + 1, first_column : int(columns.max()) + 1]
    top, left = top + first_row, left + first_column
    height, width = cut.shape
    across, down = size[0] / picture[0], size[1] / picture[1]
    box = (
        math.floor(left * across),
        math.floor(top * down),
        math.ceil((left + width) * across),
        math.ceil((top + height) * down),
    )
    touches = left == 0 or top == 0 or left + width == picture[0] or top + height == picture[1]
    return CellGeometry(
        left=box[0],
        top=box[1],
        width=min(box[2], size[0]) - box[0],
        height=min(box[3], size[1]) - box[1],
        x=(left - first_column + float(columns.mean()) + 0.5) * across,
        y=(top - first_row + float(rows.mean()) + 0.5) * down,
        area_px=len(rows) * across * down,
        nucleus_share=nucleus_share,
        at_edge=touches if at_edge is None else at_edge,
        outline=CellOutline(
            runs=encode_mask(cut), left=left, top=top, width=width, height=height, picture=picture
        ),
        pixel_size=pixel_size,
    )


def crop_around(rgb: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Return a square cut out of a field around a cell, with a margin; smaller where the field ends.

    Args:
        rgb: (H, W, 3) uint8, the whole field at the file's size.
        box: Left, top, width and height of the cell.
    """
    side = math.ceil(max(box[2:]) * (1 + 2 * _MARGIN))
    left, top = round(box[0] + box[2] / 2 - side / 2), round(box[1] + box[3] / 2 - side / 2)
    return rgb[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]


def join_cells(cells: Sequence[CellGeometry], size: tuple[int, int]) -> CellGeometry:
    """Return one cell in place of several.

    Args:
        cells: At least two cells of one field.
        size: Width and height of the field's file.
    """
    largest = max(cells, key=lambda cell: cell.outline.picture)
    picture = largest.outline.picture
    area = sum(cell.area_px for cell in cells)
    nucleus = sum(cell.area_px * cell.nucleus_share for cell in cells) / area if area else math.nan
    return geometry(
        join_masks([_drawn(cell, picture) for cell in cells]),
        0,
        0,
        picture=picture,
        size=size,
        nucleus_share=nucleus,
        at_edge=any(cell.at_edge for cell in cells),
        pixel_size=largest.pixel_size,
    )


def part_cell(cell: CellGeometry, size: tuple[int, int]) -> tuple[CellGeometry, CellGeometry]:
    """Return two cells in place of one, parted at its neck.

    Args:
        cell: The cell.
        size: Width and height of the field's file.

    Raises:
        StationError: ``cell-too-small`` if it has too few pixels.
    """
    outline = cell.outline
    one, other = (
        geometry(
            part,
            outline.left,
            outline.top,
            picture=outline.picture,
            size=size,
            nucleus_share=cell.nucleus_share,
            pixel_size=cell.pixel_size,
        )
        for part in part_mask(mask_of(cell))
    )
    return one, other


def _drawn(cell: CellGeometry, picture: tuple[int, int]) -> Mask:
    """Return a cell's mask in a whole picture, (h, w) bool."""
    canvas = np.zeros(picture[::-1], np.uint8)
    _draw(canvas, cell)
    return canvas.view(np.bool_)


def _draw(canvas: NDArray[np.uint8], cell: CellGeometry) -> None:
    outline = cell.outline
    mask = mask_of(cell).astype(np.uint8)
    picture = canvas.shape[1], canvas.shape[0]
    left, top = outline.left, outline.top
    if outline.picture != picture:
        across, down = picture[0] / outline.picture[0], picture[1] / outline.picture[1]
        size = max(1, round(outline.width * across)), max(1, round(outline.height * down))
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        left, top = round(left * across), round(top * down)
    part = canvas[top : top + mask.shape[0], left : left + mask.shape[1]]
    np.maximum(part, mask[: part.shape[0], : part.shape[1]], out=part)
