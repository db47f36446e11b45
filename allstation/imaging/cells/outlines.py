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

from allstation.imaging.cells.nuclear_stain import EMPTY, StainMaps, histogram, otsu_of_counts
from allstation.imaging.cells.nuclei import Labels, Mask, Nuclei, disk

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
_STEPS: Final = int(_REACH / _STEP)
_ORDER: Final = np.arange(_STEPS, dtype=np.int8)
_PLACES: Final = _ORDER + np.int8(1)
_TURNS: Final = np.arange(_RAYS) * (2 * np.pi / _RAYS)
_COMPASS: Final = np.stack([np.cos(_TURNS), np.sin(_TURNS)], axis=1).astype(np.float32)
"""(rays, 2) x and y of a step of one pixel along each ray."""
_RING: Final = (0.3, 1.5)
"""Micrometres beyond the nucleus where the density of the cytoplasm is read."""
_HALF: Final = 0.5
_DENSER: Final = 1.7
_DENSER_LEAST: Final = 10.0
"""Cytoplasm is as dense everywhere as around the nucleus; what is this much denser is another cell."""
_PURPLE_CODE, _OTHER_CODE = 3, 4
_SAID: Final = np.array([-1.0, 0.4, -0.6, 1.0, -1.5], np.float32) - np.float32(0.1)
_SAID_NO_RED: Final = np.array([-1.0, 0.6, -0.6, 1.0, -1.5], np.float32) - np.float32(0.1)
"""What a pixel on a ray says for the cell, and the same where red cells are unknown: background, stained,
red cells or something denser, purple, another nucleus."""
_SHARING: Final = np.array([1, 2, 3, 2, 1], np.float32) / 9
_SIDE: Final = len(_SHARING) // 2
_NEVER: Final = np.float32(-1e9)
_SPIKE: Final = 2
"""A spike of so many rays is no part of a cell."""
_FRACTION_BITS: Final = 4
_HALF_BYTE: Final = 127
_FULL_BYTE: Final = np.uint8(255)


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
    counts = histogram(maps.density)
    stained = _noise(counts)
    body = _body(counts, stained)
    step = max(1, int(scale / _COARSE))
    coarse = StainMaps(*(np.ascontiguousarray(one[::step, ::step]) for one in (maps.nuclear, maps.density)))
    scale /= step
    alone = _red_cells(coarse, nuclear, body=body, scale=scale)
    purple, red = _PURPLE_SHARE * nuclear, None
    if np.count_nonzero(alone) > _RED_LEAST * scale * scale:
        red = _quantile(histogram(coarse.density, alone), 0.5) - EMPTY
        fringe = _quantile(histogram(coarse.nuclear, alone), _RED_QUANTILE)
        purple = min(max(fringe * _ABOVE_RED, purple), _PURPLE_MOST * nuclear)
    return Levels(nuclear, purple, stained, body, red)


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
    share = max(_BODY_SHARE * (first + otsu_of_counts(above) - EMPTY), _BODY_LEAST)
    return max(EMPTY + share, stained)


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
    """Outlined cells of a field, in pixels of the picture that they are drawn in.

    Attributes:
        labels: (H, W) of bytes, or wider where there are more than 255, numbered as the nuclei.
        nuclei: The same of the nuclei.
        boxes: (n, 4) left, top, right, bottom that each cell lies within.
    """

    labels: Labels
    nuclei: Labels
    boxes: NDArray[np.intp]


def outline_cells(
    maps: StainMaps, nuclei: Nuclei, levels: Levels, *, scale: float, size: tuple[int, int]
) -> Outlined:
    """Outline the cells around nuclei.

    Outlines are found between pixels, so they may be drawn finer than the field was looked at.

    Args:
        maps: What the field's pixels absorb.
        nuclei: Its nuclei.
        levels: Its levels.
        scale: Pixels per micrometre.
        size: Height and width of the picture that the cells are drawn in.
    """
    if not nuclei.count:
        nothing = np.zeros(size, np.uint8)
        return Outlined(nothing, nothing, nuclei.boxes)
    reach = _reached(maps, nuclei, levels, scale=scale)
    corners = nuclei.middles[:, None].astype(np.float32) + _COMPASS * reach[..., None]
    height, width = nuclei.labels.shape
    drawn, boxes = nuclei.labels, nuclei.boxes
    if size != (height, width):
        share = np.array([size[1] / width, size[0] / height])
        corners = ((corners + 0.5) * share - 0.5).astype(np.float32)
        drawn, boxes = _enlarged(nuclei, size)
    cells = np.zeros_like(drawn)
    fixed = np.rint(corners * (1 << _FRACTION_BITS)).astype(np.int32)
    for number in range(nuclei.count, 0, -1):  # where two overlap, the upper one stays
        cv2.fillPoly(cells, [fixed[number - 1]], number, shift=_FRACTION_BITS)
    np.copyto(cells, drawn, where=drawn > 0)
    first = np.minimum(np.floor(corners.min(axis=1)).astype(np.intp) - 1, boxes[:, :2])
    end = np.maximum(np.ceil(corners.max(axis=1)).astype(np.intp) + 2, boxes[:, 2:])
    return Outlined(cells, drawn, np.hstack([np.maximum(first, 0), np.minimum(end, size[::-1])]))


def _enlarged(nuclei: Nuclei, size: tuple[int, int]) -> tuple[Labels, NDArray[np.intp]]:
    """Bring nuclei, with smooth edges, to the size of a picture: labels and boxes there."""
    height, width = nuclei.labels.shape
    across, down = size[1] / width, size[0] / height
    drawn = np.zeros(size, nuclei.labels.dtype)
    boxes = np.empty_like(nuclei.boxes)
    for index, (left, top, right, bottom) in enumerate(nuclei.boxes.tolist()):
        first = int(left * across), int(top * down)
        end = min(math.ceil(right * across), size[1]), min(math.ceil(bottom * down), size[0])
        inner = (nuclei.labels[top:bottom, left:right] == index + 1) * _FULL_BYTE
        # Where the centre of each pixel of the picture lies in the small mask.
        places = np.array(
            [
                [1 / across, 0, (first[0] + 0.5) / across - left - 0.5],
                [0, 1 / down, (first[1] + 0.5) / down - top - 0.5],
            ]
        )
        fine = cv2.warpAffine(
            inner,
            places,
            (end[0] - first[0], end[1] - first[1]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        drawn[first[1] : end[1], first[0] : end[0]][fine > _HALF_BYTE] = index + 1
        boxes[index] = *first, *end
    return drawn, boxes


def _reached(maps: StainMaps, nuclei: Nuclei, levels: Levels, *, scale: float) -> NDArray[np.float32]:
    """Return the length of each ray within its cell, pixels: (n, rays)."""
    step = np.float32(_STEP * scale)
    distances = (np.arange(_STEPS, dtype=np.float32) + np.float32(0.5)) * step
    along = np.ascontiguousarray(np.moveaxis(_COMPASS[:, None] * distances[None, :, None], -1, 0))
    middles = nuclei.middles.astype(np.float32)
    across, down = ((middles[:, axis, None, None] + along[axis]).reshape(-1, _STEPS) for axis in (0, 1))
    shape = nuclei.count, _RAYS, _STEPS
    purple, dense = (
        np.asarray(
            cv2.remap(one, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
        ).reshape(shape)
        for one in (maps.nuclear, maps.density)
    )
    labels = nuclei.labels if nuclei.labels.itemsize == 1 else nuclei.labels.astype(np.float32)
    near = np.asarray(
        cv2.remap(labels, across, down, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0.0)
    ).reshape(shape)
    mine = near == np.arange(1, nuclei.count + 1, dtype=near.dtype)[:, None, None]
    last = (mine * _PLACES).max(axis=2, keepdims=True) - np.int8(1)
    first, end = (round(length / _STEP) for length in _RING)
    other = near > 0
    ring = (last + first < _ORDER) & (last + end >= _ORDER) & ~other
    said = _ray_levels(purple, dense, ring, levels)
    said[other] = _OTHER_CODE
    said[mine] = _PURPLE_CODE
    table = _SAID_NO_RED if levels.red is None else _SAID
    sums = table.take(said).cumsum(axis=2)
    around = np.concatenate([sums[:, -_SIDE:], sums, sums[:, :_SIDE]], axis=1)
    shared = _SHARING[0] * around[:, :_RAYS]
    for index in range(1, len(_SHARING)):
        shared += _SHARING[index] * around[:, index : index + _RAYS]
    shared[last > _ORDER] = _NEVER
    reach = shared.argmax(axis=2).astype(np.int8)
    around = np.concatenate([reach[:, -_SPIKE:], reach, reach[:, :_SPIKE]], axis=1)
    turned = np.stack([around[:, index : index + _RAYS] for index in range(2 * _SPIKE + 1)])
    turned.sort(axis=0)
    return np.asarray((np.maximum(turned[_SPIKE], last[..., 0]) + np.float32(1)) * step, np.float32)


def _ray_levels(purple: Mask, dense: Mask, ring: NDArray[np.bool_], levels: Levels) -> NDArray[np.uint8]:
    """Return what each pixel on the rays says for its cell, as a place in the tables of what is said."""
    counts = np.maximum(np.count_nonzero(ring, axis=(1, 2)), 1)
    around = (dense * ring).sum(axis=(1, 2)) / counts - EMPTY
    least = _byte_level(np.maximum(levels.stained, EMPTY + _HALF * around))
    red = dense > _byte_level(EMPTY + _DENSER * around + _DENSER_LEAST)
    stained = dense > least
    if levels.red is not None:
        shaded = (purple * ring).sum(axis=(1, 2)) / counts > levels.purple * 1.1
        red |= dense > _byte_level(np.where(shaded, -1.0, EMPTY + _RED_SHARE * levels.red))
    said = stained.view(np.uint8) + (stained & red).view(np.uint8)
    tinted = (purple > math.floor(levels.purple)).view(np.uint8)
    return np.asarray(np.maximum(said, tinted * np.uint8(_PURPLE_CODE)), np.uint8)


def _byte_level(level: NDArray[np.float64]) -> NDArray[np.int16]:
    """Return the level, one a cell, that bytes exceed where they exceed a number."""
    return np.floor(np.minimum(level, 255.0)).astype(np.int16)[:, None, None]
