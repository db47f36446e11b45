"""Square views of a field around one cell, as the window and pages show it: at one scale, nothing masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.cells import CellOutline
from allstation.imaging.cells.masks import decode_mask

_GROUND: Final = 228
"""Grey beyond the field's edge, about that of glass without cells."""
_LONG: Final = 16
"""Points from which on a line is smoothed."""


@dataclass(frozen=True, slots=True)
class Window:
    """Square part of a field, in its pixels; may reach beyond the field.

    Attributes:
        x: Middle, in pixels from the left edge of the field.
        y: Middle, from the top.
        side: Width and height.
    """

    x: float
    y: float
    side: float


def cut_view(rgb: NDArray[np.uint8], window: Window, *, pixels: int) -> NDArray[np.uint8]:
    """Return a window of a field, scaled.

    Args:
        rgb: (H, W, 3) uint8, the field.
        window: What is shown; what lies beyond the field's edge is grey.
        pixels: Width and height of the view.

    Returns:
        (pixels, pixels, 3) uint8.
    """
    side = max(1, round(window.side))
    left, top = round(window.x - window.side / 2), round(window.y - window.side / 2)
    height, width = rgb.shape[:2]
    inside = rgb[
        max(top, 0) : max(min(top + side, height), 0), max(left, 0) : max(min(left + side, width), 0)
    ]
    if inside.shape[:2] != (side, side):
        part = np.full((side, side, 3), _GROUND, np.uint8)
        down, across = max(-top, 0), max(-left, 0)
        part[down : down + inside.shape[0], across : across + inside.shape[1]] = inside
    else:
        part = inside
    method = cv2.INTER_AREA if side > pixels else cv2.INTER_CUBIC
    scaled = cv2.resize(np.ascontiguousarray(part), (pixels, pixels), interpolation=method)
    return np.asarray(scaled, np.uint8)


def rounded(rgb: NDArray[np.uint8], corner: float) -> NDArray[np.uint8]:
    """Return a view with rounded corners, as screens want it: (n, n, 4) uint8, blue first, premultiplied.

    Args:
        rgb: (n, n, 3) uint8.
        corner: Radius of the corners in pixels; 0 for none.
    """
    side = rgb.shape[0]
    drawn = np.full((side, side, 4), 255, np.uint8)
    drawn[..., :3] = rgb[..., ::-1]
    reach = min(int(np.ceil(corner)), side // 2)
    if reach < 1:
        return drawn
    away = corner - np.arange(reach) - 0.5
    inside = np.clip(corner - np.hypot(away[:, None], away[None, :]) + 0.5, 0.0, 1.0)[..., None]
    for flip_rows, flip_columns in ((False, False), (False, True), (True, False), (True, True)):
        rows = slice(side - reach, None) if flip_rows else slice(0, reach)
        columns = slice(side - reach, None) if flip_columns else slice(0, reach)
        share = inside[::-1] if flip_rows else inside
        share = share[:, ::-1] if flip_columns else share
        drawn[rows, columns] = np.rint(drawn[rows, columns] * share).astype(np.uint8)
    return drawn


def outline_shares(outline: CellOutline) -> NDArray[np.float64]:
    """Return the outline of a cell's mask: (N, 2) x and y as shares of the field's width and height.

    Raises:
        StationError: ``bad-mask`` if the run lengths are not those of a mask of its size.
    """
    mask = decode_mask(outline.runs, outline.width, outline.height).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return np.zeros((0, 2))
    longest = _smooth(max(contours, key=len).reshape(-1, 2).astype(np.float64))
    corner = np.array((outline.left + 0.5, outline.top + 0.5))
    return np.asarray((longest + corner) / outline.picture)


def _smooth(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take the steps of the mask's pixels out of a closed line: the mask is coarser than the screen."""
    if len(line) < _LONG:
        return line
    return np.asarray(np.mean([np.roll(line, step, axis=0) for step in (-2, -1, 0, 1, 2)], axis=0))


def outline_in(window: Window, shares: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return an outline as shares of a window's side.

    Args:
        window: The part of the field that is shown.
        shares: (N, 2), as :func:`outline_shares` gives them.
        size: Height and width of the field in pixels.
    """
    height, width = size
    side = max(1, round(window.side))
    corner = round(window.x - window.side / 2), round(window.y - window.side / 2)
    return np.asarray((shares * (width, height) - corner) / side)
