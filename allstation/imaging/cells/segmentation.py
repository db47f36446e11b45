"""Segmentation of white cells: thresholding, watershed splitting of touching cells, nuclei.

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
"""Bottom and right share of a field that scale bars are burnt into (measured on 2,719 fields); nothing there
counts as a cell."""

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
"""Two maxima with a saddle above this share of the higher one are one cell: lobes of a nucleus."""
_SEED_DEPTH: Final = 4.0
_TWO_PARTS: Final = 0.2
"""Smallest difference of mean green optical density (natural logarithm) of nucleus and cytoplasm."""
_FEWEST_PIXELS: Final = 64
_LAST_STEPS: Final = 6
_BYTE: Final = 255
_NEVER: Final = 255
"""Level of a pixel that no cell may take."""
_GREEN: Final = 1
_MOST_BLUE: Final = _B_SHARE * _BLUE_REACH // _A_SHARE
_NEUTRAL: Final = np.array([[128.0], [0], [0], [0]])
"""Where 8-bit a* and b* change sign; as OpenCV takes one number for all pixels."""
_DEDUCTION: Final = np.array([[_MOST_BLUE], [0.0], [0], [0]])
"""Most that yellow takes from the purple excess, and blue adds."""
_BLUENESS: Final = np.clip(128 - np.arange(256), -_BLUE_REACH, _BLUE_REACH)
_BLUE_BYTES: Final = (_B_SHARE * _BLUENESS // _A_SHARE + _MOST_BLUE).astype(np.uint8).reshape(1, 256)
"""What each 8-bit b* adds to the purple excess, moved up by the deduction so that bytes can hold it."""


_PARTED: Final = 21
_PARTS: Final = (
    cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)),
    cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)),
    cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15)),
)


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
    """Thresholds that a check may vary to get an independent mask; serving uses the defaults.

    Attributes:
        floor: Smallest purple excess that may separate cells from the rest, 8-bit CIELAB steps.
        shift: Added to Otsu's threshold.
        share: Of the threshold, the part that is kept.
    """

    floor: int = _FLOOR
    shift: int = 0
    share: float = 1.0


SERVING: Final = Thresholds()


def segment_cells(rgb: Rgb, thresholds: Thresholds = SERVING) -> Cells:
    """Find the white cells of a field, nucleus and cytoplasm.

    Args:
        rgb: (H, W, 3) uint8, of any size; a frame wider than high is treated as it is, a squashed one
            too, as all lengths follow the square root of the frame's area.
        thresholds: Others than the usual ones, for fields of more light.

    Returns:
        The cells, at the size of ``rgb``. Equal bytes give equal cells on every thread.
    """
    work, scale = _at_work_size(rgb)
    components = _components(work, scale, thresholds)
    labels, count = _split(components, scale)
    nucleus = _nuclei(work, components)
    if work is not rgb:
        size = rgb.shape[1], rgb.shape[0]
        labels = np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint16)
        nucleus = np.asarray(cv2.resize(nucleus, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    return Cells(labels.astype(np.int32), nucleus.view(np.bool_), count)


def cell_mask(rgb: Rgb, thresholds: Thresholds = SERVING) -> Mask:
    """Segment white cells without splitting touching ones: (H, W) of 0 and 1.

    Args:
        rgb: As for ``segment_cells``.
        thresholds: Others than serving's for independent masks.
    """
    work, scale = _at_work_size(rgb)
    mask = _components(work, scale, thresholds).mask
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


def _components(rgb: Rgb, scale: float, thresholds: Thresholds) -> _Components:
    """Threshold the purple excess, open and close the mask, fill its holes, drop small components."""
    excess = purple_excess(rgb, scale)
    coloured = excess[excess >= _COLOURED]
    level = float(thresholds.floor)
    if coloured.size >= _FEWEST_PIXELS:
        otsu, _ = cv2.threshold(coloured.reshape(1, -1), 0, 255, cv2.THRESH_OTSU)
        level = max(otsu, level)
    level = level * thresholds.share + thresholds.shift
    _, mask = cv2.threshold(excess, level, 1, cv2.THRESH_BINARY)
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
    planes = rgb.transpose(2, 0, 1)
    above, beside = planes[:, : rows.start : 3, ::3], planes[:, rows.start :: 3, : columns.start : 3]
    sample = np.concatenate([above.reshape(3, -1), beside.reshape(3, -1)], axis=1)
    bright = sample[_GREEN] >= _quantile(sample[_GREEN], 0.8)
    return np.array([_quantile(channel[bright], 0.5) for channel in sample])


def _quantile(values: NDArray[np.uint8], share: float) -> float:
    """Return a quantile of bytes, between two of them in proportion, by counting instead of sorting.

    NumPy's own, with the same result, loads its masked arrays: 16 ms of a command's start.
    """
    reached = np.bincount(values, minlength=256).cumsum()
    place = share * (len(values) - 1)
    lower, upper = reached.searchsorted((math.floor(place), math.ceil(place)), side="right")
    return float(lower) + float(upper - lower) * (place - math.floor(place))


def purple_excess(rgb: Rgb, scale: float) -> Mask:
    """Return how purple each pixel is against the field's background: (H, W) uint8, CIELAB steps.

    Every step is integer arithmetic or OpenCV's bit-exact 8-bit code, so that all machines agree. The
    corner is zero before smoothing, or a mark would reach its neighbours.
    """
    gains = _PAPER / np.maximum(background_colour(rgb), _DARKEST)
    table = np.clip(np.rint(np.arange(256)[:, None] * gains), 0, 255).astype(np.uint8)
    lab = cv2.cvtColor(np.asarray(cv2.LUT(rgb, table[None]), np.uint8), cv2.COLOR_RGB2LAB)
    magenta = cv2.subtract(cv2.extractChannel(lab, 1), _NEUTRAL)
    blue = cv2.LUT(cv2.extractChannel(lab, 2), _BLUE_BYTES)
    more = cv2.min(cv2.subtract(blue, _DEDUCTION), magenta)  # bluish red cells have no magenta to match
    excess = cv2.subtract(cv2.add(cv2.add(magenta, more), cv2.min(blue, _DEDUCTION)), _DEDUCTION)
    excess[corner_of(*excess.shape)] = 0
    return np.asarray(cv2.GaussianBlur(excess, (0, 0), 0.8 * scale), np.uint8)


def _disk(radius: float) -> Mask:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _filled(mask: Mask) -> Mask:
    """Fill holes: the pale middle of a large cell belongs to the cell."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    return filled


@dataclass(frozen=True, slots=True)
class _Components:
    """Connected components of the mask, specks left out.

    Attributes:
        mask: (H, W) of 0 and 1.
        places: Flat indices of the mask's pixels, ascending.
        numbers: Component of each of these pixels; some numbers below ``count`` are specks.
        large: (count,) bool, true for components that stayed.
    """

    mask: Mask
    places: NDArray[np.intp]
    numbers: Labels
    large: NDArray[np.bool_]


def _without_specks(mask: Mask, scale: float) -> _Components:
    """Remove components too small to be a white cell: platelets, dirt, stain."""
    count, labels = cv2.connectedComponents(mask, connectivity=4, ltype=cv2.CV_16U)
    places = np.flatnonzero(mask.view(np.bool_))
    numbers = np.asarray(labels, np.uint16).ravel().take(places)
    large = np.bincount(numbers, minlength=count) >= _MIN_AREA * scale * scale
    large[0] = False
    if large[1:].all():
        return _Components(mask, places, numbers, large)
    stays = large.take(numbers)
    mask.ravel()[places] = stays
    return _Components(mask, places[stays], numbers[stays], large)


def _split(components: _Components, scale: float) -> tuple[Labels | Mask, int]:
    """Split touching cells by a watershed of the distance transform, seeded at its broad maxima."""
    if not len(components.places):
        return components.mask, 0
    distance = cv2.distanceTransform(components.mask, cv2.DIST_L2, 3)
    smooth = np.asarray(cv2.GaussianBlur(distance, (0, 0), 1.2 * scale), np.float32)
    highest = _highest_near(smooth, _SEED_REACH * scale)
    seeds = ((smooth >= _SEED_SHARE * highest) & (distance > _SEED_DEPTH * scale)).view(np.uint8)
    count, markers = cv2.connectedComponents(seeds, connectivity=8, ltype=cv2.CV_16U)
    labels, number = _seed_the_rest(np.asarray(markers, np.uint16), count, components)
    _flood(labels, smooth / scale, components)
    return labels, number


def _highest_near(values: Height, radius: float) -> Height:
    """Return the largest value within a disk around each pixel.

    The disk of 21 pixels is the sum of three small ones, with 191 pixels to look at instead of 333.
    """
    disk = _disk(radius)
    parts = _PARTS if disk.shape[0] == _PARTED else (disk,)
    for part in parts:
        values = np.asarray(cv2.dilate(values, part), np.float32)
    return values


def _seed_the_rest(markers: Labels, count: int, components: _Components) -> tuple[Labels | Mask, int]:
    """Add a watershed marker for each component that has no maximum of its own: the component itself.

    Returns:
        Markers 1 to n, as bytes if they fit, and n.
    """
    at = markers.ravel().take(components.places)
    missing = components.large.copy()
    missing[components.numbers[at > 0]] = False
    number = count - 1 + int(np.count_nonzero(missing))
    # Bytes grow in half the time, and hold the labels of nearly every field.
    labels: Labels | Mask = markers.astype(np.uint8) if number <= _BYTE else markers
    if number >= count:
        own = (np.cumsum(missing) + (count - 1)) * missing
        labels.ravel()[components.places] = np.maximum(at, own.take(components.numbers).astype(np.uint16))
    return labels, number


def _flood(labels: Labels | Mask, height: Height, components: _Components) -> None:
    """Flood a watershed from its markers, level by level, then over the rest of the mask, in place.

    At each level every free pixel as high takes the largest label beside it. Levels that find nothing
    free are passed over, and the end is where nothing is free any more.
    """
    free = components.places[labels.ravel().take(components.places) == 0]
    if not len(free):
        return
    levels, last = _flood_levels(height.ravel().take(free), float(height.max()))
    rows, columns = labels.shape
    stride = columns + 1
    line = np.zeros((rows + 2) * stride + 2, labels.dtype)
    inner = line[stride + 1 : -stride - 1]
    inner.reshape(rows, stride)[:, :columns] = labels
    first = np.full(rows * stride, _NEVER, np.uint8)
    first[free + free // columns] = levels
    left = len(free)
    across, found = np.empty(len(line) - 2, labels.dtype), np.empty_like(inner)
    for level in range(int(levels.min()), last + _LAST_STEPS):
        np.maximum(line[:-2], line[2:], out=across)
        np.maximum(across, line[1:-1], out=across)
        np.maximum(across[: -2 * stride], across[2 * stride :], out=found)
        np.maximum(found, across[stride:-stride], out=found)
        found *= (first <= level) & (inner == 0)
        inner |= found
        left -= int(np.count_nonzero(found))
        if not left:
            break
    labels[:] = inner.reshape(rows, stride)[:, :columns]


def _flood_levels(height: Height, top: float) -> tuple[NDArray[np.uint8], int]:
    """Return the flooding level of each height, counted from the highest, and the number of levels."""
    levels = [top - step for step in range(1, math.ceil(top) + 1)]
    rising = np.array(levels[::-1], np.float32)
    return (len(levels) - rising.searchsorted(height, side="right")).astype(np.uint8), len(levels)


def _nuclei(rgb: Rgb, components: _Components) -> Mask:
    """Nuclei: the denser part of the cells where Otsu finds two parts, else the whole cells."""
    values = rgb.reshape(-1, 3)[:, _GREEN].take(components.places)
    if not len(values):
        return components.mask
    otsu, _ = cv2.threshold(values.reshape(1, -1), 0, 255, cv2.THRESH_OTSU)
    low = values <= otsu
    dense, thin = values[low], values[~low]
    if dense.size and thin.size and np.log((thin.mean() + 1.0) / (dense.mean() + 1.0)) > _TWO_PARTS:
        nucleus = np.zeros_like(components.mask)
        nucleus.ravel()[components.places] = low
        return nucleus
    return components.mask
