"""Outlines of white cells around their nuclei.

Each cell is followed outwards from the middle of its nucleus along 32 rays. A pixel speaks for the cell if it
is purple or denser than half of what lies around the nucleus, against it if it is background, another
nucleus or as dense as the red cells of the field; the outline lies where the sum along the ray, shared with
the rays beside it, is highest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cell_nuclei import Labels, Mask, Nuclei, disk
from allstation.imaging.nuclear_stain import EMPTY, StainMaps

_PURPLE_SHARE: Final = 0.4
_PURPLE_MOST: Final = 0.75
_ABOVE_RED: Final = 1.0
"""Cytoplasm is purple above this share of the nuclei's level, and above nine tenths of red cells' pixels."""
_RED_QUANTILE: Final = 0.9
_NOT_RED: Final = 0.7
_BODY_SHARE: Final = 0.35
_BODY_LEAST: Final = 8
_STAINED: Final = 6
"""Density from which on a pixel is more than background."""
_NOISE_LEAST: Final = 6.0
_NOISE_WIDTHS: Final = 3.0
_NOISE_QUANTILE: Final = 0.32
_MODE_HIGHEST: Final = 60
_MODE_SHARE: Final = 0.6
_COARSE: Final = 1.1
"""Pixels per micrometre that are enough to see where red cells are."""
_RED_RADIUS: Final = 1.0
_RED_LEAST: Final = 15.0
"""Square micrometres of red cells that a field needs to tell how dense they are."""
_RED_SHARE: Final = 0.72
_BESIDE: Final = 1.0
_AWAY: Final = 9.0
"""Micrometres from a nucleus where no cytoplasm is expected."""
_BETWEEN: Final = 0.65
"""Share of the level of purple that counts as cytoplasm between lobes."""
_FEWEST_PIXELS: Final = 64

_RAYS: Final = 32
_REACH: Final = 12.0
_STEP: Final = 0.45
_RING: Final = (0.3, 1.5)
"""Micrometres beyond the nucleus where the density of the cytoplasm is read."""
_HALF: Final = 0.5
_DENSER: Final = 1.7
_DENSER_LEAST: Final = 10.0
"""Cytoplasm is as dense everywhere as around the nucleus; what is this much denser is another cell."""
_BACKGROUND, _RED, _PALE, _PLAIN, _PURPLE, _OTHER = -1.0, -0.6, 0.4, 0.6, 1.0, -1.5
"""What a pixel on a ray says for the cell."""
_PRIOR: Final = -0.1
_SHARING: Final = np.array([1, 2, 3, 2, 1], np.float32) / 9
_NEVER: Final = -1e9
_SPIKE: Final = 2
"""A spike of so many rays is no part of a cell."""
_FRACTION_BITS: Final = 4


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels of a field's stain.

    Attributes:
        nuclear: Of ``StainMaps.nuclear``, between nuclei and the rest.
        purple: Of ``StainMaps.nuclear``, between purple cytoplasm and red cells.
        stained: Density above the background's noise.
        body: Density of what is certainly stained.
        red: Density of red cells, ``EMPTY`` taken off; None where there are too few to tell.
    """

    nuclear: float
    purple: float
    stained: float
    body: float
    red: float | None


def find_levels(maps: StainMaps, nuclear: float, *, scale: float) -> Levels:
    """Find the levels of a field.

    Args:
        maps: What its pixels absorb.
        nuclear: Threshold of nuclei.
        scale: Pixels per micrometre.
    """
    counts = _histogram(maps.density)
    stained = _noise(counts)
    body = _body(counts, stained)
    step = max(1, int(scale / _COARSE))
    coarse = StainMaps(*(np.ascontiguousarray(one[::step, ::step]) for one in (maps.nuclear, maps.density)))
    scale /= step
    alone = _red_cells(coarse, nuclear, body=body, scale=scale)
    purple, red = _PURPLE_SHARE * nuclear, None
    if np.count_nonzero(alone) > _RED_LEAST * scale * scale:
        red = _quantile(_histogram(coarse.density, alone), 0.5) - EMPTY
        fringe = _quantile(_histogram(coarse.nuclear, alone), _RED_QUANTILE)
        purple = min(max(fringe * _ABOVE_RED, purple), _PURPLE_MOST * nuclear)
    return Levels(nuclear, purple, stained, body, red)


def _histogram(values: Mask, mask: Mask | None = None) -> NDArray[np.float64]:
    return cv2.calcHist([values], [0], mask, [256], [0, 256]).ravel().astype(np.float64)


def _quantile(counts: NDArray[np.float64], share: float) -> float:
    reached = counts.cumsum()
    return float(reached.searchsorted(share * reached[-1]))


def _noise(counts: NDArray[np.float64]) -> float:
    """Return the density above the background: its mode and three times its width towards the pale side."""
    highest = min(max(int(_quantile(counts, _MODE_SHARE)), EMPTY + _BODY_LEAST), _MODE_HIGHEST)
    mode = int(np.convolve(counts, [1, 2, 3, 2, 1], "same")[: highest + 1].argmax())
    pale = counts[: mode + 1].copy()
    pale[-1] /= 2
    width = mode - _quantile(pale, _NOISE_QUANTILE)
    return mode + max(_NOISE_LEAST, _NOISE_WIDTHS * width)


def _body(counts: NDArray[np.float64], stained: float) -> float:
    first = EMPTY + _STAINED + 1
    above = counts[first:]
    if above.sum() < _FEWEST_PIXELS:
        return 255.0
    share = max(_BODY_SHARE * (first + _otsu_of(above) - EMPTY), _BODY_LEAST)
    return max(EMPTY + share, stained)


def _otsu_of(counts: NDArray[np.float64]) -> float:
    """Return Otsu's threshold of a histogram (Otsu 1979): the last value of the lower part."""
    weights, values = counts.cumsum(), np.arange(len(counts))
    sums = (counts * values).cumsum()
    total, whole = weights[-1], sums[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (whole * weights / total - sums) ** 2 / (weights * (total - weights))
    return float(np.nan_to_num(between, nan=0.0, posinf=0.0).argmax())


def _red_cells(maps: StainMaps, nuclear: float, *, body: float, scale: float) -> Mask:
    """Return the pixels of red cells, those that touch no nucleus if there are any: (H, W) of 0 and 1."""
    _, solid = cv2.threshold(maps.density, body, 1, cv2.THRESH_BINARY)
    solid = cv2.morphologyEx(solid, cv2.MORPH_OPEN, disk(_RED_RADIUS * scale))
    solid[maps.nuclear >= _NOT_RED * nuclear] = 0
    count, pieces = cv2.connectedComponents(np.asarray(solid, np.uint8), connectivity=4, ltype=cv2.CV_16U)
    _, nucleus = cv2.threshold(maps.nuclear, nuclear, 1, cv2.THRESH_BINARY)
    beside = np.asarray(cv2.dilate(nucleus, disk(_BESIDE * scale)), np.uint8).view(np.bool_)
    alone = np.ones(count, np.uint8)
    alone[0] = 0
    alone[pieces[beside]] = 0
    found = np.asarray(alone[pieces], np.uint8)
    if np.count_nonzero(found) > _RED_LEAST * scale * scale:
        return found
    away = cv2.distanceTransform(1 - np.asarray(nucleus, np.uint8), cv2.DIST_L2, 3) > _AWAY * scale
    return np.asarray(solid, np.uint8) & away


def cytoplasm_mask(maps: StainMaps, levels: Levels) -> Mask:
    """Return where cytoplasm may be, nuclei included, red cells left out: (H, W) of 0 and 1."""
    highest = 255.0 if levels.red is None else EMPTY + _RED_SHARE * levels.red
    stained = cv2.inRange(maps.density, math.floor(levels.body) + 1, math.floor(highest))
    _, purple = cv2.threshold(maps.nuclear, _BETWEEN * levels.purple, 255, cv2.THRESH_BINARY)
    return np.asarray(cv2.bitwise_or(stained, purple), np.uint8)


@dataclass(frozen=True, slots=True)
class Outlined:
    """Outlined cells of a field.

    Attributes:
        labels: (H, W) int32, numbered as the nuclei.
        boxes: (n, 4) left, top, right, bottom that each cell lies within.
    """

    labels: Labels
    boxes: NDArray[np.intp]


def outline_cells(maps: StainMaps, nuclei: Nuclei, levels: Levels, *, scale: float) -> Outlined:
    """Outline the cells around nuclei.

    Args:
        maps: What the field's pixels absorb.
        nuclei: Its nuclei.
        levels: Its levels.
        scale: Pixels per micrometre.
    """
    if not nuclei.count:
        return Outlined(nuclei.labels, nuclei.boxes)
    turns = np.arange(_RAYS) * (2 * np.pi / _RAYS)
    compass = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    reach = _reached(maps, nuclei, levels, compass, scale=scale)
    corners = nuclei.middles[:, None] + compass[None] * reach[..., None]
    cells = np.zeros_like(nuclei.labels)
    fixed = np.rint(corners * (1 << _FRACTION_BITS)).astype(np.int32)
    for number in range(nuclei.count, 0, -1):  # where two overlap, the upper one stays
        cv2.fillPoly(cells, [fixed[number - 1]], number, shift=_FRACTION_BITS)
    np.copyto(cells, nuclei.labels, where=nuclei.labels > 0)
    height, width = cells.shape
    first = np.minimum(np.floor(corners.min(axis=1)).astype(np.intp) - 1, nuclei.boxes[:, :2])
    end = np.maximum(np.ceil(corners.max(axis=1)).astype(np.intp) + 2, nuclei.boxes[:, 2:])
    return Outlined(cells, np.hstack([np.maximum(first, 0), np.minimum(end, [width, height])]))


def _reached(
    maps: StainMaps,
    nuclei: Nuclei,
    levels: Levels,
    compass: NDArray[np.float64],
    *,
    scale: float,
) -> NDArray[np.float64]:
    """Return the length of each ray within its cell, pixels: (n, rays)."""
    steps = int(_REACH / _STEP)
    distances = (np.arange(steps) + 0.5) * (_STEP * scale)
    places = (nuclei.middles[:, None, None] + compass[None, :, None] * distances[None, None, :, None]).astype(
        np.float32
    )
    shape = nuclei.count, _RAYS, steps
    across, down = (np.ascontiguousarray(places[..., axis]).reshape(-1, steps) for axis in (0, 1))
    purple, dense = (
        np.asarray(
            cv2.remap(one, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
        ).reshape(shape)
        for one in (maps.nuclear, maps.density)
    )
    labels = nuclei.labels.astype(np.float32)
    near = cv2.remap(labels, across, down, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0.0)
    near = np.asarray(near).reshape(shape)
    mine = near == np.arange(1, nuclei.count + 1, dtype=np.float32)[:, None, None]
    order = np.arange(steps)
    last = np.where(mine, order, -1).max(axis=2, keepdims=True)
    first, end = (round(length / _STEP) for length in _RING)
    ring = (order > last + first) & (order <= last + end) & (near == 0)
    said = _ray_levels(purple, dense, ring, levels)
    said = np.where(mine, np.float32(_PURPLE), np.where(near > 0, np.float32(_OTHER), said))
    sums = said.cumsum(axis=2)
    shared = np.zeros_like(sums)
    for index, weight in enumerate(_SHARING):
        shared += weight * np.roll(sums, index - len(_SHARING) // 2, axis=1)
    shared[order < last] = _NEVER
    reach = shared.argmax(axis=2)
    turned = np.stack([np.roll(reach, shift, axis=1) for shift in range(-_SPIKE, _SPIKE + 1)])
    return np.asarray((np.maximum(np.sort(turned, axis=0)[_SPIKE], last[..., 0]) + 1) * (_STEP * scale))


def _ray_levels(purple: Mask, dense: Mask, ring: NDArray[np.bool_], levels: Levels) -> NDArray[np.float32]:
    """Return what each pixel on the rays says for its cell."""
    counts = np.maximum(np.count_nonzero(ring, axis=(1, 2)), 1)
    around = np.where(ring, dense, 0).sum(axis=(1, 2)) / counts - EMPTY
    least = np.maximum(levels.stained, EMPTY + _HALF * around)[:, None, None]
    stained = dense > least
    other = dense > (EMPTY + _DENSER * around + _DENSER_LEAST)[:, None, None]
    if levels.red is None:
        said = np.where(stained, np.where(other, _RED, _PLAIN), _BACKGROUND)
    else:
        tinted = np.where(ring, purple, 0).sum(axis=(1, 2)) / counts > levels.purple * 1.1
        red = (dense > EMPTY + _RED_SHARE * levels.red) | tinted[:, None, None] | other
        said = np.where(stained, np.where(red, _RED, _PALE), _BACKGROUND)
    return np.asarray(np.where(purple > levels.purple, _PURPLE, said) + _PRIOR, np.float32)
