"""Masks of single cells: run lengths for the case file, two joined, one parted.

A mask is written as the lengths of its runs, row after row, beginning with background (0 if the first
pixel is set), each as an unsigned LEB128 number. A cell of 90 by 90 pixels takes about 200 bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.imaging.cells.nuclei import power_parts

CellMask = NDArray[np.bool_]

_BITS: Final = 7
_LOW: Final = 0x7F
_MORE: Final = 0x80
_TYPICAL_AREA: Final = 120.0
"""Square micrometres that a cell to be parted is taken to have."""
_SMALLEST_PART: Final = 15.0
_ANY_NECK: Final = 0.97
_FEWEST: Final = 2
_MOST_BYTES: Final = 5
"""Bytes of the longest run: 35 bits hold any picture that this program opens."""


def encode_mask(mask: CellMask) -> bytes:
    """Encode a mask as run lengths.

    Args:
        mask: (height, width) bool.
    """
    flat = np.concatenate(([False], mask.ravel(), [False]))
    borders = np.flatnonzero(flat[1:] != flat[:-1])
    borders = np.concatenate(([0], borders, [mask.size]))
    if len(borders) % 2:  # the last pixel is set: no background follows
        borders = borders[:-1]
    runs = np.diff(borders)
    shifted = runs[:, None] >> (np.arange(_MOST_BYTES + 1) * _BITS)
    stays = shifted > 0
    stays[:, 0] = True
    digits = (shifted[:, :-1] & _LOW) | np.where(stays[:, 1:], _MORE, 0)
    return digits[stays[:, :-1]].astype(np.uint8).tobytes()


def decode_mask(data: bytes, width: int, height: int) -> CellMask:
    """Decode what ``encode_mask`` wrote.

    Returns:
        (height, width) bool.

    Raises:
        StationError: ``bad-mask`` if the run lengths are not those of a mask of this size.
    """
    digits = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(digits < _MORE)
    starts = np.concatenate(([0], ends[:-1] + 1))
    whole = len(ends) > 0 and ends[-1] == len(digits) - 1 and int((ends - starts).max()) < _MOST_BYTES
    runs = np.zeros(0, np.int64)
    if whole:
        place = np.arange(len(digits)) - np.repeat(starts, ends - starts + 1)
        parts = (digits.astype(np.int64) & _LOW) << (place * _BITS)
        runs = np.add.reduceat(parts, starts)
    if width < 1 or height < 1 or int(runs.sum()) != width * height:
        sentence = (
            f"The outline of a cell does not fit its box of {width} by {height} pixels; find its cells again."
        )
        raise StationError("bad-mask", sentence)
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(height, width)


def join_masks(masks: Sequence[CellMask]) -> CellMask:
    """Join masks of one picture, (h, w) bool each; a gap between them is bridged by their convex hull.

    Raises:
        ValueError: If there are none.
    """
    joined = np.logical_or.reduce(masks).astype(np.uint8)
    pieces, _ = cv2.connectedComponents(joined, connectivity=8)
    if pieces > _FEWEST:
        points = np.argwhere(joined)[:, ::-1].astype(np.int32)
        cv2.fillConvexPoly(joined, cv2.convexHull(points), 1)
    return np.asarray(joined.view(np.bool_))


def part_mask(mask: CellMask) -> tuple[CellMask, CellMask]:
    """Part a mask in two at its deepest neck, or across its longer axis if it has none.

    Args:
        mask: (h, w) bool.

    Returns:
        Two masks of the same size that share no pixel and make up the whole.

    Raises:
        StationError: ``cell-too-small`` if there are not two pixels.
    """
    area = int(np.count_nonzero(mask))
    if area < _FEWEST:
        raise StationError("cell-too-small", "This cell is too small to be parted: remove it instead.")
    scale = math.sqrt(area / _TYPICAL_AREA)
    parts = power_parts(mask, scale=scale, smallest=_SMALLEST_PART, saddle=_ANY_NECK, convex=1.0, most=2)
    first = _across_the_axis(mask) if parts is None else parts == 1
    return first, mask & ~first


def _across_the_axis(mask: CellMask) -> CellMask:
    """Return the half of a mask on one side of the median along its longer principal axis."""
    rows, columns = np.nonzero(mask)
    down, across = rows - rows.mean(), columns - columns.mean()
    turn = 0.5 * math.atan2(2 * float((down * across).mean()), float((across**2 - down**2).mean()))
    along = across * math.cos(turn) + down * math.sin(turn)
    order = np.argsort(along, kind="stable")[: len(along) // 2]
    half = np.zeros_like(mask)
    half[rows[order], columns[order]] = True
    return half
