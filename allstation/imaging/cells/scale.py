"""Scale of a smear field, estimated from its red cells.

Red cells of a dry stained smear have a median diameter of 7.2 µm (Price-Jones 1910, BMJ 2:1418: 6.7 to 7.7
in health). Their outlines are taken where the density falls to less than half, arcs between the necks of
clumps are fitted with ellipses (Fitzgibbon 1999, IEEE PAMI 21:476), and the median of the diameters is
compared with that figure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.nuclear_stain import EMPTY, StainMaps, otsu, stain_maps
from allstation.imaging.cells.nuclei import disk, nuclear_level

Rgb = NDArray[np.uint8]
Points = NDArray[np.int32]

RED_CELL: Final = 7.2
"""Median diameter of red cells, micrometres."""
_BETWEEN_PEOPLE: Final = 0.13
"""Share by which that median differs between people, and an outline from what people call a red cell's edge,
as half an interval of 95 %."""
_SIDES: Final = (640, 1600)
"""Longest sides that a frame is looked at with; the larger one if red cells are too small in the first."""
_SMALL: Final = 14.0
_BLUR: Final = 0.8
_STAINED: Final = 6
_CAPPED: Final = 2
_EDGE_SHARE: Final = 0.35
_FEWEST_PIXELS: Final = 64
_LEAST_DIAMETER: Final = 7.0
_LEAST_AXES: Final = 0.55
_LEAST_TURN: Final = 0.5
_TURN_BINS: Final = 24
_WORST_FIT: Final = 0.06
_NECK: Final = 2.0
_FEWEST_POINTS: Final = 12
_RIM: Final = 0.5
"""Pixels that an outline through pixel centres lacks, less what smoothing adds."""
_MOST_NUCLEAR: Final = 0.1
_LEAST_SHARE: Final = 0.04
"""Share of what is stained that measured red cells cover at least."""
_ALIKE: Final = (0.65, 1.45)
_FEWEST: Final = 3
_QUICK: Final = 6
_FIXED_BITS: Final = 256
_NORMAL: Final = 1.96
_LOBE_REACH: Final = 0.2
"""Lobes closer than twice this share of their diameter are taken for one nucleus."""
_NUCLEUS: Final = 9.0
"""Micrometres of a typical white cell's nucleus: a much weaker rule, used where red cells tell nothing."""


@dataclass(frozen=True, slots=True)
class ScaleEstimate:
    """Estimated scale of a field.

    Attributes:
        pixels_per_um: Pixels per micrometre, the geometric mean of both directions.
        low: Lower end of the interval of 95 %.
        high: Upper end.
        red_cells: How many red cells were measured.
    """

    pixels_per_um: float
    low: float
    high: float
    red_cells: int


def estimate_scale(rgb: Rgb) -> ScaleEstimate | None:
    """Estimate the scale of a field from its red cells.

    Args:
        rgb: (H, W, 3) uint8, of any size; squashed frames give the mean of both directions.

    Returns:
        None if fewer than three red cells can be measured: the scale cannot be told.
    """
    found: ScaleEstimate | None = None
    longest = max(rgb.shape[:2])
    for side in _SIDES:
        share = min(1.0, side / longest)
        diameters = _diameters(stain_maps(_shrunk(rgb, share), blur=_BLUR))
        if len(diameters) >= _FEWEST:
            found = _estimate(diameters / share)
        if share == 1 or (len(diameters) >= _FEWEST and float(np.median(diameters)) >= _SMALL):
            break
    return found


def quick_scale(maps: StainMaps) -> float | None:
    """Return pixels per micrometre by the first red cells that can be measured, if there are three."""
    diameters = _diameters(maps, most=_QUICK)
    return float(np.median(diameters)) / RED_CELL if len(diameters) >= _FEWEST else None


def pooled_scale(estimates: list[ScaleEstimate]) -> ScaleEstimate | None:
    """Return the scale of fields taken through the same objective: the median, weighted by red cells."""
    if not estimates:
        return None
    ordered = sorted(estimates, key=lambda one: one.pixels_per_um)
    weights = np.array([one.red_cells for one in ordered])
    middle = ordered[int(weights.cumsum().searchsorted(weights.sum() / 2))].pixels_per_um
    away = np.array([abs(math.log(one.pixels_per_um / middle)) for one in ordered])
    spread = _NORMAL * 1.25 * float(np.sqrt(np.average(away**2, weights=weights) / len(ordered)))
    share = math.hypot(spread, _BETWEEN_PEOPLE)
    return ScaleEstimate(middle, middle * math.exp(-share), middle * math.exp(share), int(weights.sum()))


def scale_from_nuclei(rgb: Rgb) -> float | None:
    """Guess the scale from the nuclei of white cells, within about a third; None if nothing is purple."""
    share = min(1.0, _SIDES[0] / max(rgb.shape[:2]))
    maps = stain_maps(_shrunk(rgb, share), blur=_BLUR)
    _, mask = cv2.threshold(maps.nuclear, nuclear_level(maps.nuclear), 1, cv2.THRESH_BINARY)
    lobes = np.asarray(mask, np.uint8)
    _, _, table, _ = cv2.connectedComponentsWithStats(lobes, connectivity=8)
    areas = np.asarray(table[1:, cv2.CC_STAT_AREA], np.int64)
    if not len(areas):
        return None
    together = cv2.dilate(lobes, disk(_LOBE_REACH * _diameter_of(areas)))
    _, groups = cv2.connectedComponents(np.asarray(together, np.uint8), connectivity=8)
    nuclei = np.bincount(np.asarray(groups)[lobes > 0])[1:]
    return float(_diameter_of(nuclei) / share / _NUCLEUS)


def _diameter_of(areas: NDArray[np.int64]) -> float:
    """Return the diameter of a disc of the median area, each area weighted by itself."""
    ordered = np.sort(areas).astype(np.float64)
    middle = float(ordered[int(ordered.cumsum().searchsorted(ordered.sum() / 2))])
    return float(math.sqrt(4 * middle / math.pi))


def _shrunk(rgb: Rgb, share: float) -> Rgb:
    if share >= 1:
        return rgb
    size = max(8, round(rgb.shape[1] * share)), max(8, round(rgb.shape[0] * share))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _estimate(diameters: NDArray[np.float64]) -> ScaleEstimate:
    """Return the median with an interval from order statistics, widened by what differs between people."""
    ordered = np.sort(diameters)
    count = len(ordered)
    middle = float(np.median(ordered))
    reach = _NORMAL * math.sqrt(count) / 2
    lower = ordered[max(math.floor(count / 2 - reach), 0)]
    upper = ordered[min(math.ceil(count / 2 + reach), count - 1)]
    share = math.hypot(float(upper - lower) / 2 / middle, _BETWEEN_PEOPLE)
    scale = middle / RED_CELL
    return ScaleEstimate(scale, scale * (1 - share), scale * (1 + share), count)


def _diameters(maps: StainMaps, *, most: int | None = None) -> NDArray[np.float64]:
    """Return the diameters of the red cells that can be measured, pixels; ``most`` ends the search early."""
    height, width = maps.density.shape
    level = nuclear_level(maps.nuclear)
    edge = _edge_level(maps, level)
    if edge is None:
        return np.zeros(0)
    _, mask = cv2.threshold(maps.density, edge, 1, cv2.THRESH_BINARY)
    contours, _ = cv2.findContours(np.asarray(mask, np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found: list[float] = []
    nuclear = maps.nuclear > level
    for contour in contours:
        if most is not None and len(found) >= most:
            break
        if len(contour) >= _LEAST_DIAMETER * 2:
            arcs = _arcs(np.asarray(contour, np.int32), height, width)
            found += [diameter for arc in arcs if (diameter := _fitted(arc, nuclear)) is not None]
    alike = _alike(np.sort(np.array(found, np.float64)))
    stained = np.count_nonzero(np.asarray(mask, np.uint8)[~nuclear])
    covered = math.pi / 4 * float((alike**2).sum())
    # Spots and granules are many, but next to nothing of what is stained.
    return alike if most is not None or covered >= _LEAST_SHARE * stained else np.zeros(0)


def _edge_level(maps: StainMaps, level: float) -> float | None:
    """Return the density of red cells' edges; None if nothing is stained."""
    first = EMPTY + _STAINED + 1
    counts = np.bincount(maps.density.ravel(), minlength=256)
    stained = counts[first:]
    if stained.sum() < _FEWEST_PIXELS:
        return None
    cap = min(255 - first, (first - EMPTY + _middle(stained)) * _CAPPED - (first - EMPTY))
    capped = np.repeat(np.arange(cap + 1, dtype=np.uint8), [*stained[:cap], stained[cap:].sum()])
    least = first + int(otsu(capped))
    red = np.bincount(maps.density[maps.nuclear <= level], minlength=256)[least + 1 :]
    return None if red.sum() < _FEWEST_PIXELS else EMPTY + _EDGE_SHARE * (least + 1 - EMPTY + _middle(red))


def _middle(counts: NDArray[np.intp]) -> int:
    """Return the median of a histogram."""
    return int(counts.cumsum().searchsorted(counts.sum() / 2))


def _arcs(contour: Points, height: int, width: int) -> list[Points]:
    """Cut a contour at the necks of clumps and at the picture's edge."""
    points = contour.reshape(-1, 2)
    count = len(points)
    last = np.array([width - 2, height - 2])
    away = np.asarray((points <= 1).any(axis=1) | (points >= last).any(axis=1), np.bool_)
    for place in _necks(contour):
        away[[place - 1, place, (place + 1) % count]] = True
    if not away.any():
        return [contour]
    first = int(np.flatnonzero(away)[0])
    turned, cut = np.roll(points, -first, axis=0), np.roll(away, -first)
    ends = np.flatnonzero(np.diff(np.concatenate((cut, [True])).astype(np.int8)))
    return [
        turned[start + 1 : end + 1].reshape(-1, 1, 2)
        for start, end in zip(ends[::2], ends[1::2], strict=False)
    ]


def _necks(contour: Points) -> list[int]:
    """Return where a contour is concave, as indices of its points."""
    hull = np.sort(cv2.convexHull(contour, returnPoints=False).ravel())[::-1].reshape(-1, 1)
    if len(hull) <= 3:  # noqa: PLR2004
        return []
    try:
        defects = cv2.convexityDefects(contour, hull.astype(np.int32))
    except cv2.error:  # a contour that touches itself
        return []
    if defects is None:
        return []
    rows = defects.reshape(-1, 4)
    return [int(place) for place in rows[rows[:, 3] > _NECK * _FIXED_BITS, 2]]


def _fitted(arc: Points, nuclear: NDArray[np.bool_]) -> float | None:
    """Return the diameter of the red cell that an arc belongs to, None if it belongs to none."""
    if len(arc) < _FEWEST_POINTS:
        return None
    (x, y), (short, long), degrees = cv2.fitEllipseDirect(arc)
    if not (math.isfinite(short) and math.isfinite(long)) or short < max(_LEAST_DIAMETER, _LEAST_AXES * long):
        return None
    turn = math.radians(degrees)
    away = arc.reshape(-1, 2) - [x, y]
    along = (away @ [math.cos(turn), math.sin(turn)]) / (short / 2)
    across = (away @ [-math.sin(turn), math.cos(turn)]) / (long / 2)
    bins = ((np.arctan2(across, along) / (2 * np.pi) + 0.5) * _TURN_BINS).astype(int) % _TURN_BINS
    worst = float(np.abs(np.hypot(along, across) - 1).mean())
    if worst > _WORST_FIT or np.count_nonzero(np.bincount(bins)) < _LEAST_TURN * _TURN_BINS:
        return None
    reach = max(1, int(short * 0.3))
    row, column = round(y), round(x)
    inner = nuclear[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
    if not inner.size or inner.mean() > _MOST_NUCLEAR:
        return None
    return math.sqrt((short + _RIM) * (long + _RIM))


def _alike(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leave out what is much smaller or larger than the typical: platelets, pale spots, clumps."""
    if not len(ordered):
        return ordered
    areas = ordered**2
    typical = ordered[int(areas.cumsum().searchsorted(areas.sum() / 2))]
    return np.asarray(ordered[(ordered > _ALIKE[0] * typical) & (ordered < _ALIKE[1] * typical)])
