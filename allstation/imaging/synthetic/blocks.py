"""Pieces of a synthetic slide: cells from a bank are laid on glass, then come the lens and the camera.

Cells absorb, so laying one on another is adding absorbance; the order does not matter, and a piece drawn
alone equals the same piece of a larger one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.synthetic.canvas import Canvas
from allstation.imaging.synthetic.looks import FRAME_PIXEL_UM, LOOKS, Look
from allstation.imaging.synthetic.smear import Layout, Sites, red_sites, white_sites

Rgb = NDArray[np.uint8]
Patch = NDArray[np.uint8]
"""(h, w, 3) absorbance, ``_UNIT`` is 1."""

_UNIT: Final = 96
_REDS: Final = 24
_WHITES: Final = 20
_TURNS: Final = 8
_PITCH: Final = 1.06
"""Diameters between neighbours where red cells lie side by side."""
_LAYERS: Final = 3
_FLAT: Final = 0.36
"""Red cells are flat, without a pale middle, where there are fewer layers: in the feathered edge."""
_THICK: Final = (1.4, 2.6)
"""From so many layers on stain covers everything, and is at its densest so many layers on."""
_VEIL: Final = 0.9
"""Absorbance of a further layer, shares of a red cell's."""
_GRAIN: Final = 1024
"""Side of the piece of camera noise and of the veil that is repeated."""
_NOISE: Final = 7
_BLUR_UM: Final = 2.2
"""Standard deviation of strips out of focus, micrometres."""


LOOKS_OF_SLIDES: Final = {
    **LOOKS,
    "Pink": replace(LOOKS["Early"], background=(246, 244, 242), red=(214, 158, 156), white=(118, 84, 168)),
}
"""Looks of real fields by kind, and one of pink red cells and dark nuclei, judged by eye."""


@dataclass(frozen=True, slots=True)
class CellBank:
    """Cells that are laid on a slide.

    Attributes:
        red: Patches of red cells.
        flat: Patches of red cells of the feathered edge.
        white: Patches of white cells.
        pitch: Pixels between neighbours of a full lattice of red cells.
        reach: Pixels that a cell reaches from its centre, at most.
        white_radius: Median radius of white cells, pixels.
        veil: (1024, 1024, 3) float32, what a further layer adds to the absorbance; tiles without a seam.
        noise: (1024, 1024, 3) uint8; tiles without a visible seam.
        light: (256, 1, 3) uint8, colour by absorbance, the noise's mean added.
    """

    red: tuple[Patch, ...]
    flat: tuple[Patch, ...]
    white: tuple[Patch, ...]
    pitch: float
    reach: int
    white_radius: float
    veil: NDArray[np.float32]
    noise: Rgb
    light: Rgb


@lru_cache(maxsize=2)
def cell_bank(kind: str, seed: int, pixel_um: float) -> CellBank:
    """Draw the cells of a slide.

    Args:
        kind: A key of ``LOOKS_OF_SLIDES``: colours, sizes and densities.
        seed: Not negative.
        pixel_um: Micrometres a pixel.
    """
    look = LOOKS_OF_SLIDES[kind]
    scale = FRAME_PIXEL_UM / pixel_um
    rng = np.random.default_rng([seed, 7])
    wide = tuple(1.12 * one for one in look.red_diameter)
    flat_look = replace(look, pallor=0.0, red_diameter=(wide[0], wide[1], wide[2]))
    red = _turned([_cell(look, rng, scale, white=False) for _ in range(_REDS)])
    flat = _turned([_cell(flat_look, rng, scale, white=False) for _ in range(_REDS // 2)])
    white = _turned([_cell(look, rng, scale, white=True) for _ in range(_WHITES)])
    reach = max(max(patch.shape[:2]) for patch in (*red, *flat, *white)) // 2 + 1
    noise = rng.integers(0, _NOISE, (_GRAIN, _GRAIN, 3), dtype=np.uint8)
    steps = np.exp(-np.arange(256) / _UNIT)[:, None, None]
    light = np.clip(np.rint(np.minimum(look.background, 250) * steps) + _NOISE // 2, 0, 255).astype(np.uint8)
    return CellBank(
        red=red,
        flat=flat,
        white=white,
        pitch=_PITCH * look.red_diameter[1] * scale,
        reach=reach,
        white_radius=look.white_diameter[1] * scale / 2,
        veil=_veil(look, rng, scale),
        noise=noise,
        light=light,
    )


def _cell(look: Look, rng: np.random.Generator, scale: float, *, white: bool) -> Patch:
    """Draw one cell alone, cut to what it covers."""
    largest = look.white_diameter[2] if white else look.red_diameter[2]
    side = int(1.8 * largest * scale) + 24
    canvas = Canvas(look, rng, (side, side), scale=scale)
    if white:
        canvas.add_one_white_cell()
    else:
        canvas.add_one_red_cell()
    patch = np.clip(np.rint(canvas.absorbance() * _UNIT), 0, 255).astype(np.uint8)
    seen = patch.max(axis=2) > 1
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    # The centre stays the centre.
    half = (
        int(max(side // 2 - rows[0], rows[-1] - side // 2, side // 2 - columns[0], columns[-1] - side // 2))
        + 1
    )
    half = min(half, side // 2)
    return patch[side // 2 - half : side // 2 + half + 1, side // 2 - half : side // 2 + half + 1]


def _turned(patches: list[Patch]) -> tuple[Patch, ...]:
    """Return each patch in its eight positions."""
    return tuple(
        np.ascontiguousarray(np.rot90(patch if turn < _TURNS // 2 else patch[:, ::-1], turn % 4))
        for patch in patches
        for turn in range(_TURNS)
    )


def _veil(look: Look, rng: np.random.Generator, scale: float) -> NDArray[np.float32]:
    """Return a seamless piece of what lies below and above where no cell can be told from others."""
    size = max(3, int(_GRAIN / (look.red_diameter[1] * scale * 0.8)))
    small = rng.random((size, size)).astype(np.float32)
    around = np.pad(small, 2, mode="wrap")
    large = cv2.resize(around, None, fx=_GRAIN / size, fy=_GRAIN / size, interpolation=cv2.INTER_CUBIC)
    start = int(2 * _GRAIN / size)
    lumps = np.clip(large[start : start + _GRAIN, start : start + _GRAIN], 0, 1)
    if lumps.shape != (_GRAIN, _GRAIN):
        lumps = cv2.resize(lumps, (_GRAIN, _GRAIN))
    stain = np.maximum(-np.log(np.divide(look.red, look.background)), 0)
    return np.asarray((0.7 + 0.6 * lumps)[..., None] * stain * _UNIT * _VEIL, np.float32)


def draw_block(layout: Layout, bank: CellBank, box: tuple[int, int, int, int]) -> Rgb:
    """Draw a rectangle of the slide.

    Args:
        layout: Of the slide.
        bank: Its cells.
        box: Left, top, right and bottom, pixels; it may reach beyond the slide.

    Returns:
        (bottom - top, right - left, 3) uint8.
    """
    sigma = _BLUR_UM / layout.pixel_um
    strips = [(first, last) for first, last in layout.blurred if first < box[2] and last > box[0]]
    margin = int(3 * sigma) + 1 if strips else 0
    left, top, right, bottom = box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin
    absorbed = np.zeros((bottom - top, right - left, 3), np.uint8)
    _lay_veil(absorbed, layout, bank, (left, top))
    _lay_cells(absorbed, layout, bank, (left, top))
    _scratch(absorbed, layout, (left, top))
    rgb = np.asarray(cv2.LUT(absorbed, bank.light), np.uint8)
    if strips:
        soft = cv2.GaussianBlur(rgb, (0, 0), sigma)
        for first, last in strips:
            rgb[:, max(first - left, 0) : last - left] = soft[:, max(first - left, 0) : last - left]
        rgb = rgb[margin : rgb.shape[0] - margin, margin : rgb.shape[1] - margin]
    return np.asarray(cv2.subtract(rgb, _periodic(bank.noise, box)), np.uint8)


def draw_glass(bank: CellBank, side: int) -> Rgb:
    """Draw a square piece of empty glass whose corner lies at a multiple of 1024 pixels."""
    light = np.broadcast_to(bank.light[0, 0], (side, side, 3))
    return np.asarray(
        cv2.subtract(np.ascontiguousarray(light), _periodic(bank.noise, (0, 0, side, side))), np.uint8
    )


def _periodic(piece: NDArray[Any], box: tuple[int, int, int, int]) -> NDArray[Any]:
    """Return a rectangle of a piece that is repeated over the slide."""
    rows, columns = np.arange(box[1], box[3]) % len(piece), np.arange(box[0], box[2]) % len(piece)
    if rows[0] <= rows[-1] and columns[0] <= columns[-1] and max(len(rows), len(columns)) <= len(piece):
        return piece[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return piece[rows[:, None], columns]


def _lay_veil(absorbed: Patch, layout: Layout, bank: CellBank, corner: tuple[int, int]) -> None:
    """Add what covers everything where the smear is thick."""
    height, width = absorbed.shape[:2]
    # Knots lie at multiples of the step, wherever the piece begins.
    step = max(8, min(layout.square // 4 * 2, 64))
    starts = [one // step - 1 for one in corner]
    x, y = (
        (start + np.arange(-(-side // step) + 4)) * float(step)
        for start, side in zip(starts, (width, height), strict=True)
    )
    depth = layout.sample(layout.layers, *np.meshgrid(x, y))
    if float(depth.max()) <= _THICK[0]:
        return
    size = len(x) * step, len(y) * step
    smooth = cv2.resize(depth.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    left, top = (one - start * step + step // 2 for one, start in zip(corner, starts, strict=True))
    smooth = smooth[top : top + height, left : left + width]
    weight = np.clip(smooth - np.float32(_THICK[0]), 0, _THICK[1])
    piece = _periodic(bank.veil, (corner[0], corner[1], corner[0] + width, corner[1] + height))
    layer = cv2.convertScaleAbs(cv2.multiply(np.ascontiguousarray(piece), cv2.merge([weight] * 3)))
    cv2.add(absorbed, layer, dst=absorbed)


def _lay_cells(absorbed: Patch, layout: Layout, bank: CellBank, corner: tuple[int, int]) -> None:
    """Add white cells, then the red cells that none of them hides."""
    left, top = corner
    reach = bank.reach
    box = (left - reach, top - reach, left + absorbed.shape[1] + reach, top + absorbed.shape[0] + reach)
    wide = int(2 * bank.white_radius)
    whites = white_sites(layout, box[0] - wide, box[1] - wide, box[2] + wide, box[3] + wide)
    _stamp(absorbed, whites, bank.white, corner)
    for layer in range(_LAYERS):
        reds, depth = red_sites(layout, box, pitch=bank.pitch, layer=layer)
        if not len(reds.x):
            break
        free = _apart(reds, whites, bank.white_radius + 0.3 * bank.pitch)
        flat = depth < _FLAT
        _stamp(absorbed, reds.where(free & ~flat), bank.red, corner)
        _stamp(absorbed, reds.where(free & flat), bank.flat, corner)


def _apart(reds: Sites, whites: Sites, distance: float) -> NDArray[np.bool_]:
    """Tell which red cells lie at a distance from all white cells."""
    free = np.ones(len(reds.x), bool)
    for x, y in zip(whites.x, whites.y, strict=True):
        free &= (reds.x - x) ** 2 + (reds.y - y) ** 2 > distance**2
    return free


def _stamp(absorbed: Patch, sites: Sites, patches: tuple[Patch, ...], corner: tuple[int, int]) -> None:
    """Add cells, cut at the borders."""
    height, width = absorbed.shape[:2]
    columns = (np.rint(sites.x) - corner[0]).astype(np.intp).tolist()
    rows = (np.rint(sites.y) - corner[1]).astype(np.intp).tolist()
    picks = (sites.pick % len(patches)).tolist()
    for column, row, pick in zip(columns, rows, picks, strict=True):
        patch = patches[pick]
        half = patch.shape[0] // 2
        left, top = column - half, row - half
        right, bottom = left + patch.shape[1], top + patch.shape[0]
        if left < 0 or top < 0 or right > width or bottom > height:
            if right <= 0 or bottom <= 0 or left >= width or top >= height:
                continue
            patch = patch[max(-top, 0) : height - top, max(-left, 0) : width - left]
            left, top = max(left, 0), max(top, 0)
            right, bottom = min(right, width), min(bottom, height)
        view = absorbed[top:bottom, left:right]
        cv2.add(view, patch, dst=view)


def _scratch(absorbed: Patch, layout: Layout, corner: tuple[int, int]) -> None:
    """Take away what scratches took away."""
    for one in layout.scratches:
        points = [(round((x - corner[0]) * 16), round((y - corner[1]) * 16)) for x, y in (one.start, one.end)]
        cv2.line(absorbed, points[0], points[1], (0, 0, 0), max(1, round(one.width)), cv2.LINE_8, 4)
