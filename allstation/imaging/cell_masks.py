"""Masks of single cells: run lengths for the case file.

A mask is written as the lengths of its runs, row after row, beginning with background (0 if the first
pixel is set), each as an unsigned LEB128 number. A cell of 90 by 90 pixels takes about 200 bytes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError

CellMask = NDArray[np.bool_]

_BITS: Final = 7
_LOW: Final = 0x7F
_MORE: Final = 0x80
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
    if int(runs.max()) < _MORE:  # as a rule: one byte each
        return runs.astype(np.uint8).tobytes()
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
