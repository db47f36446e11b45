"""White cells of a field: where they are, how many, where their nuclei are.

Plain image processing, so that it needs no training data and explains itself. Romanowsky stains make
white cells purple: with the field balanced against its own pale background they lie far on the magenta
side of CIELAB (a* high), and on its blue side (b* low). Red cells stay near zero on a*, be they
brownish or bluish. The two are summed, mostly a*, and cut by Otsu's method with a floor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Height = NDArray[np.float32]
Labels = NDArray[np.uint16]

CORNER_SHARE: Final = 0.16
"""Bottom and right share of a field where scale bars are burnt in; nothing there counts as a cell."""

_WORK_SIDE: Final = 224
"""Segmentation runs on a frame of about this many pixels squared, whatever the frame's size."""
_LARGE: Final = 1.5
"""Frames with a scale beyond this are shrunk first."""
_MIN_AREA: Final = 120
"""Pixels at 224x224. Small round lymphocytes have about 150, platelets under 60."""
_FLOOR: Final = 18
"""Smallest purple excess, in 8-bit CIELAB steps, that may separate cells from the rest."""
_COLOURED: Final = 4
"""Pixels below this excess are background; they would pull Otsu's threshold down."""
_PAPER: Final = 235.0
"""What each channel of the pale background is balanced to. Below white, so that little clips."""
_DARKEST: Final = 60.0
"""A background darker than this is no background; balancing would only enlarge noise."""
_BLUE_REACH: Final = 40
_A_SHARE, _B_SHARE = 5, 2
"""Weights of a* and of blue in the purple excess, the sum divided by the first."""
_SEED_REACH: Final = 10
_SEED_SHARE: Final = 0.6
"""Two summits with a saddle above this share of the higher one are one cell: lobes of a nucleus."""
_SEED_DEPTH: Final = 4.0
_TWO_PARTS: Final = 0.2
"""Smallest difference of mean green optical density (natural logarithm) of nucleus and cytoplasm."""
_FEWEST_PIXELS: Final = 64
_LAST_STEPS: Final = 6
_BYTE: Final = 255
_NEIGHBOURS: Final = np.ones((3, 3), np.uint8)

_GREEN: Final = 1


@dataclass(frozen=True, slots=True)
class Cells:
    """The white cells of one field.

    Attributes:
        labels: (H, W) int32; 0 is background, 1 to ``count`` are cells.
        nucleus: (H, W) bool; the dark part of each cell.
        count: Number of cells, those cut by the field's edge included.
    """

    labels: NDArray[np.int32]
    nucleus: NDArray[np.bool_]
    count: int

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool, true inside any cell."""
        return self.labels > 0

    @property
    def area_share(self) -> float:
        """Share of the field covered by white cells, 0 to 1."""
        return float(np.count_nonzero(self.labels)) / self.labels.size

    def outlines(self) -> list[NDArray[np.float64]]:
        """Return one closed outline per cell as (N, 2) x, y pixel coordinates (pixel centres)."""
        found = []
        for label in range(1, self.count + 1):
            single = (self.labels == label).astype(np.uint8)
            contours, _ = cv2.findContours(single, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            if contours:
                largest = max(contours, key=len)
                found.append(largest.reshape(-1, 2).astype(np.float64))
        return found


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a checker may vary to get an independent mask; serving uses the defaults.

    Attributes:
        floor: Smallest purple excess that may separate cells from the rest, 8-bit CIELAB steps.
        shift: Added to Otsu's threshold.
    """

    floor: int = _FLOOR
    shift: int = 0


SERVING: Final = Thresholds()


def segment_cells(rgb: Rgb, thresholds: Thresholds = SERVING) -> Cells:
    """Find the white cells of a field, nucleus and cytoplasm.

    Args:
        rgb: (H, W, 3) uint8, of any size; a frame wider than high is treated as it is, a squashed one
            too, as all lengths follow the square root of the frame's area.
        thresholds: For independent masks only.

    Returns:
        The cells, at the size of ``rgb``. Equal bytes give equal cells on every thread.
    """
    work, scale = _at_work_size(rgb)
    mask = _masked(work, scale, thresholds)
    labels = _split(mask, scale)
    nucleus = _nuclei(work[:, :, _GREEN], mask)
    count = int(labels.max(initial=0))
    if work is not rgb:
        size = rgb.shape[1], rgb.shape[0]
        enlarged = cv2.resize(labels.astype(np.uint16), size, interpolation=cv2.INTER_NEAREST)
        labels = enlarged.astype(np.int32)
        nucleus = np.asarray(cv2.resize(nucleus, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    return Cells(labels, nucleus.astype(bool), count)


def cell_mask(rgb: Rgb, thresholds: Thresholds = SERVING) -> Mask:
    """Return where ``segment_cells`` finds cells, without parting them: (H, W) of 0 and 1."""
    work, scale = _at_work_size(rgb)
    mask = _masked(work, scale, thresholds)
    if work is rgb:
        return mask
    size = rgb.shape[1], rgb.shape[0]
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def _at_work_size(rgb: Rgb) -> tuple[Rgb, float]:
    """Return the field, shrunk if it is large, and its scale against a 224x224 field."""
    height, width = rgb.shape[:2]
    scale = float(np.sqrt(height * width)) / _WORK_SIDE
    if scale <= _LARGE:
        return rgb, scale
    small = max(8, round(width / scale)), max(8, round(height / scale))
    return np.asarray(cv2.resize(rgb, small, interpolation=cv2.INTER_AREA), np.uint8), 1.0


def _masked(rgb: Rgb, scale: float, thresholds: Thresholds) -> Mask:
    excess = purple_excess(rgb, scale)
    coloured = excess[excess >= _COLOURED]
    level = float(thresholds.floor)
    if coloured.size >= _FEWEST_PIXELS:
        otsu, _ = cv2.threshold(coloured.reshape(1, -1), 0, 255, cv2.THRESH_OTSU)
        level = max(otsu, level)
    mask = (excess > level + thresholds.shift).astype(np.uint8)
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _disk(2 * scale))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, _disk(2 * scale))
    filled = _filled(np.asarray(closed, np.uint8))
    filled[corner_of(*filled.shape)] = 0  # closing and filling reach a few pixels into it
    return _without_specks(filled, scale)


def corner_of(height: int, width: int) -> tuple[slice, slice]:
    """Return the rows and columns of the bottom right corner that scale bars are burnt into."""
    return slice(height - round(height * CORNER_SHARE), None), slice(
        width - round(width * CORNER_SHARE), None
    )


def background_colour(rgb: Rgb) -> NDArray[np.float64]:
    """Return the colour (3,) of the pale background: the median of the fifth with the most green.

    The corner is left out, or a burnt-in mark would speak for the background.
    """
    rows, columns = corner_of(rgb.shape[0], rgb.shape[1])
    sample = np.concatenate(
        [rgb[: rows.start : 3, ::3].reshape(-1, 3), rgb[rows.start :: 3, : columns.start : 3].reshape(-1, 3)]
    )
    bright = sample[sample[:, _GREEN] >= _quantile(sample[:, _GREEN], 0.8)]
    return np.array([_quantile(channel, 0.5) for channel in bright.T])


def _quantile(values: NDArray[np.uint8], share: float) -> float:
    """Return a quantile of bytes, between two of them in proportion, by counting instead of sorting.

    NumPy's own, with the same result, loads its masked arrays: 16 ms of a command's start.
    """
    reached = np.cumsum(np.bincount(values, minlength=256))
    place = share * (len(values) - 1)
    lower, upper = np.searchsorted(reached, (math.floor(place), math.ceil(place)), side="right")
    return float(lower) + float(upper - lower) * (place - math.floor(place))


def purple_excess(rgb: Rgb, scale: float) -> Mask:
    """Return how purple each pixel is against the field's background: (H, W) uint8, CIELAB steps.

    Every step is integer arithmetic or OpenCV's bit-exact 8-bit code, so that all machines agree. The
    corner is zero before smoothing, or a mark would reach its neighbours.
    """
    gains = _PAPER / np.maximum(background_colour(rgb), _DARKEST)
    table = np.clip(np.rint(np.arange(256)[:, None] * gains), 0, 255).astype(np.uint8)
    lab = cv2.cvtColor(np.asarray(cv2.LUT(rgb, table[None]), np.uint8), cv2.COLOR_RGB2LAB)
    magenta = lab[:, :, 1].astype(np.int16) - 128
    yellow = np.clip(lab[:, :, 2].astype(np.int16) - 128, -_BLUE_REACH, _BLUE_REACH)
    blue = np.minimum(-_B_SHARE * yellow // _A_SHARE, magenta)  # bluish red cells have no magenta to match
    excess = np.clip(magenta + blue, 0, 255).astype(np.uint8)
    excess[corner_of(*excess.shape)] = 0
    return np.asarray(cv2.GaussianBlur(excess, (0, 0), 0.8 * scale), np.uint8)


def _disk(radius: float) -> Mask:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _filled(mask: Mask) -> Mask:
    """Fill holes: the pale middle of a large cell belongs to the cell."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    return filled


def _without_specks(mask: Mask, scale: float) -> Mask:
    """Drop what is too small to be a white cell: platelets, dirt, stain."""
    count, labels = cv2.connectedComponents(mask, connectivity=4, ltype=cv2.CV_16U)
    areas = np.bincount(labels.ravel(), minlength=count)
    large = (areas >= _MIN_AREA * scale * scale).astype(np.uint8)
    large[0] = 0
    return large.take(np.asarray(labels))


def _split(mask: Mask, scale: float) -> NDArray[np.int32]:
    """Part touching cells: flood the distance to the background downwards from its broad summits."""
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    smooth = cv2.GaussianBlur(distance, (0, 0), 1.2 * scale)
    summit = cv2.dilate(smooth, _disk(_SEED_REACH * scale))
    seeds = ((smooth >= _SEED_SHARE * summit) & (distance > _SEED_DEPTH * scale)).astype(np.uint8)
    count, markers = cv2.connectedComponents(seeds, connectivity=8, ltype=cv2.CV_16U)
    pieces, whole = cv2.connectedComponents(mask, connectivity=4, ltype=cv2.CV_16U)
    labels = _seed_the_rest(np.asarray(markers, np.uint16), count, np.asarray(whole, np.uint16), pieces)
    return _flooded(labels, np.asarray(smooth, np.float32) / scale, mask)


def _seed_the_rest(markers: Labels, count: int, whole: Labels, pieces: int) -> Labels:
    """Give every piece of the mask without a summit of its own one marker: the piece itself."""
    offsets = np.zeros(pieces, np.uint16)
    seeded = np.zeros(pieces, bool)
    seeded[whole[markers > 0]] = True
    missing = np.flatnonzero(~seeded[1:]) + 1
    offsets[missing] = count + np.arange(len(missing))
    return np.maximum(markers, offsets.take(whole))


def _flooded(labels: Labels | Mask, height: Height, mask: Mask) -> NDArray[np.int32]:
    """Grow the markers level by level, then over the rest of the mask, and number them 1 to n."""
    # Bytes grow in half the time, and hold the labels of nearly every field.
    if labels.max(initial=0) <= _BYTE:
        labels = labels.astype(np.uint8)
    level = float(height.max(initial=0.0))
    while level > 0:
        level -= 1.0
        _grow(labels, mask & (height >= level).view(np.uint8))
    for _ in range(_LAST_STEPS):
        _grow(labels, mask)
    present = np.bincount(labels.ravel()) > 0
    present[0] = False
    numbers = np.cumsum(present).astype(np.int32) * present
    return numbers.take(labels)


def _grow(labels: Labels | Mask, allowed: Mask) -> None:
    """Let each label take the free allowed pixels beside it, in place."""
    free = allowed & (labels == 0).view(np.uint8)
    cv2.copyTo(cv2.dilate(labels, _NEIGHBOURS), free, labels)


def _nuclei(green: NDArray[np.uint8], mask: Mask) -> Mask:
    """The denser part of the cells, where there are two parts; else all of them."""
    inside = mask > 0
    if not inside.any():
        return mask
    values = green[inside]
    otsu, _ = cv2.threshold(values.reshape(1, -1), 0, 255, cv2.THRESH_OTSU)
    dense, thin = values[values <= otsu], values[values > otsu]
    if dense.size and thin.size and np.log((thin.mean() + 1.0) / (dense.mean() + 1.0)) > _TWO_PARTS:
        return np.asarray(inside & (green <= otsu), np.uint8)
    return np.asarray(mask, np.uint8)
