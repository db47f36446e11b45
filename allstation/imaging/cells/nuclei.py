"""Nuclei of white cells: found by their stain, touching ones parted, lobes of one cell put together.

All lengths are micrometres. What is one cell was measured on fields of seven sources: lobes of one nucleus
lie within 18 µm, with cytoplasm between them; nuclei of two cells that touch span more, or have background
or red cells in the waist between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.nuclear_stain import NUCLEAR_FLOOR, StainMaps, otsu

Mask = NDArray[np.uint8]
Labels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int32]
"""Bytes as long as they can number what is in a field: OpenCV is fastest with them."""
Points = NDArray[np.int32]

_OTSU_SHARE: Final = 0.9
_FLOOR_SHARE: Final = 1.2
_FEWEST_PIXELS: Final = 64
_OPENING: Final = 0.5
_SMALLEST_LOBE: Final = 1.5
_SMALLEST_NUCLEUS: Final = 12.0
"""Square micrometres of all lobes together. Platelets and granules are smaller."""
_SMALLEST_PART: Final = 20.0
_ROUND: Final = 0.95
"""A nucleus that fills this share of its convex hull is one."""
_SEED_RADIUS: Final = 1.9
_SEED_REACH: Final = 1.2
_SADDLE: Final = 0.82
"""Two maxima of the distance from the edge are two nuclei if the neck is below this share of the lower."""
_SMOOTHING: Final = 0.35
_GAP: Final = 3.2
_EXTENT: Final = 18.5
_LARGEST_LOBE: Final = 75.0
_LARGEST_NUCLEUS: Final = 200.0
_ALONE_LEAST: Final = 25.0
_ALONE_FEWEST: Final = 4
_ALONE_SHARE: Final = 0.7
"""Where so many nuclei of such an area lie alone, a lobe has at most this share of their median area."""
_FILLED: Final = 0.9
"""Share of the hull between two lobes that is cytoplasm."""
_SMALL_LOBE: Final = 30.0
_SMALL_EXTENT: Final = 16.0
_SMALL_FILLED: Final = 0.3
"""Lobes smaller than any lymphocyte's nucleus need less between them: cytoplasm may look like red cells."""
_FRAGMENT: Final = 8.0
_BYTE: Final = 255


@dataclass(frozen=True, slots=True)
class Nuclei:
    """Nuclei of a field, one a cell.

    Attributes:
        labels: (H, W) of bytes, or wider where there are more than 255; 0 is none, 1 to ``count`` the lobes
            of each cell.
        count: Number of cells.
        middles: (count, 2) x and y of their centroids, pixels.
        boxes: (count, 4) left, top, right, bottom.
        level: Threshold of ``StainMaps.nuclear``; 255 if nothing is purple.
    """

    labels: Labels
    count: int
    middles: NDArray[np.float64]
    boxes: NDArray[np.intp]
    level: float


@dataclass(frozen=True, slots=True)
class _Lobe:
    """Lobe: its label, box (left, top, right, bottom), area in pixels and centroid."""

    label: int
    box: tuple[int, int, int, int]
    area: int
    x: float
    y: float


@lru_cache(maxsize=64)
def disk(radius: float) -> Mask:
    """Return a structuring element of a radius in pixels, at least 1."""
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def nuclear_level(nuclear: Mask) -> float:
    """Return the threshold between nuclei and the rest; 255 if nothing is purple."""
    purple = nuclear[nuclear >= NUCLEAR_FLOOR]
    if purple.size < _FEWEST_PIXELS:
        return 255.0
    return max(otsu(purple) * _OTSU_SHARE, NUCLEAR_FLOOR * _FLOOR_SHARE)


def find_nuclei(maps: StainMaps, cytoplasm: Mask, *, level: float, scale: float) -> Nuclei:
    """Find the nuclei of a field.

    Args:
        maps: What its pixels absorb.
        cytoplasm: (H, W) of 0 and 1: nuclei and what may be cytoplasm, red cells left out.
        level: Threshold from ``nuclear_level``.
        scale: Pixels per micrometre.
    """
    _, mask = cv2.threshold(maps.nuclear, level, 1, cv2.THRESH_BINARY)
    if _OPENING * scale >= _OPENING:
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, disk(_OPENING * scale))
    # With 16 bits and eight neighbours OpenCV takes its fast way, a third of the time of others.
    count, pieces, table, middles = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)
    labels = np.asarray(pieces, np.uint16)
    lobes: list[_Lobe] = []
    number = count
    for label in np.flatnonzero(table[:, cv2.CC_STAT_AREA] >= _SMALLEST_LOBE * scale * scale).tolist():
        left, top, width, height, area = (int(value) for value in table[label])
        x, y = (float(value) for value in middles[label])
        whole = _Lobe(label, (left, top, left + width, top + height), area, x, y)
        if label:
            large = area >= 2 * _SMALLEST_PART * scale * scale
            found = _parted(labels, whole, number, scale) if large else [whole]
            number += len(found) - 1
            lobes += found
    return _grouped(labels, lobes, number, cytoplasm, level=level, scale=scale)


def _parted(labels: Labels, whole: _Lobe, number: int, scale: float) -> list[_Lobe]:
    """Part a component at its necks; new labels start at ``number`` and are written in place."""
    left, top, right, bottom = whole.box
    view = labels[top:bottom, left:right]
    own = power_parts(
        view == whole.label, scale=scale, smallest=_SMALLEST_PART, saddle=_SADDLE, convex=_ROUND
    )
    if own is None:
        return [whole]
    parts = []
    for index in range(int(own.max())):
        label = whole.label if index == 0 else number + index - 1
        view[own == index + 1] = label
        rows, columns = np.nonzero(own == index + 1)
        box = (left + int(columns.min()), top + int(rows.min()))
        end = (left + int(columns.max()) + 1, top + int(rows.max()) + 1)
        middle = left + float(columns.mean()), top + float(rows.mean())
        parts.append(_Lobe(label, box + end, len(rows), *middle))
    return parts


def power_parts(
    inside: NDArray[np.bool_],
    *,
    scale: float,
    smallest: float,
    saddle: float,
    convex: float,
    most: int | None = None,
) -> Labels | None:
    """Part a shape into round ones where it has necks.

    Seeds are maxima of the distance from the edge. Each pixel goes to the seed whose circle's power is
    least (Aurenhammer 1987, SIAM J. Comput. 16:78), which cuts two discs through the points where they meet.

    Args:
        inside: (h, w) bool; what lies outside counts as background.
        scale: Pixels per micrometre.
        smallest: Square micrometres of the smallest part.
        saddle: Depth of a neck that parts, as share of the smaller radius.
        convex: Share of the convex hull from which on a shape is one.
        most: Largest number of parts, if any.

    Returns:
        (h, w) int32, 1 to n on the shape; None if it is one.
    """
    shape = inside.view(np.uint8)
    if solidity(shape) > convex:
        return None
    padded = cv2.copyMakeBorder(shape, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    distance = np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3), np.float32)[1:-1, 1:-1]
    smooth = np.asarray(cv2.GaussianBlur(distance, (0, 0), _SMOOTHING * scale), np.float32)
    highest = cv2.dilate(smooth, disk(round(_SEED_REACH * scale)))
    rows, columns = np.nonzero(cv2.compare(smooth, highest, cv2.CMP_GE))
    radii = smooth[rows, columns]
    places = [
        (int(rows[index]), int(columns[index]), float(radii[index]))
        for index in np.argsort(-radii, kind="stable").tolist()
        if radii[index] > _SEED_RADIUS * scale
    ]
    seeds: list[tuple[int, int, float]] = []
    for row, column, radius in places:
        if all(_apart(smooth, (row, column), seed[:2], saddle * min(radius, seed[2])) for seed in seeds):
            seeds.append((row, column, radius))
    seeds = seeds[:most]
    while len(seeds) > 1:
        down, across = np.arange(shape.shape[0])[:, None], np.arange(shape.shape[1])[None]
        powers = [(down - row) ** 2 + (across - column) ** 2 - r * r for row, column, r in seeds]
        own = np.where(inside, np.argmin(powers, axis=0) + 1, 0).astype(np.int32)
        areas = np.bincount(own.ravel(), minlength=len(seeds) + 1)[1:]
        if areas.min() >= smallest * scale * scale:
            return own
        seeds.pop(int(areas.argmin()))
    return None


def solidity(shape: Mask) -> float:
    """Return the share of its convex hull that the largest piece of a shape fills."""
    contours, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return 1.0
    outline = max(contours, key=len)
    return float(cv2.contourArea(outline)) / max(float(cv2.contourArea(cv2.convexHull(outline))), 1.0)


def _apart(height: NDArray[np.float32], first: tuple[int, int], other: tuple[int, int], level: float) -> bool:
    """Tell whether two places are parted by what is lower than a level."""
    _, islands = cv2.connectedComponents((height >= level).astype(np.uint8), connectivity=8)
    return bool(islands[first] != islands[other])


class _Groups:
    """Groups of lobes, joined pair by pair.

    Args:
        labels: (H, W) int32, the lobes.
        lobes: Those worth looking at.
        cytoplasm: (H, W) of 0 and 1.
        scale: Pixels per micrometre.
    """

    def __init__(self, labels: Labels, lobes: list[_Lobe], cytoplasm: Mask, scale: float) -> None:
        self._labels, self._lobes, self._cytoplasm, self._scale = labels, lobes, cytoplasm, scale
        self.members = [[index] for index in range(len(lobes))]
        self.areas = [lobe.area / (scale * scale) for lobe in lobes]
        self._largest_lobe = _LARGEST_LOBE
        self._contours: dict[int, Points] = {}

    def pairs(self) -> list[tuple[float, int, int]]:
        """Return pairs of lobes that may belong together, nearest first: gap in micrometres and indices."""
        if len(self._lobes) < 2:  # noqa: PLR2004
            return []
        boxes = np.array([lobe.box for lobe in self._lobes])
        apart = np.maximum(boxes[:, None, :2], boxes[None, :, :2]) - np.minimum(
            boxes[:, None, 2:], boxes[None, :, 2:]
        )
        near = apart.max(axis=2) <= _GAP * self._scale
        np.fill_diagonal(near, val=False)
        areas = np.array(self.areas)
        alone = areas[~near.any(axis=1) & (areas > _ALONE_LEAST)]
        if len(alone) >= _ALONE_FEWEST:
            self._largest_lobe = min(_ALONE_SHARE * float(np.median(alone)), _LARGEST_LOBE)
        small = areas <= self._largest_lobe
        near &= small[:, None] | small[None]
        found = []
        for first, other in np.argwhere(np.triu(near, 1)):
            gaps = self._contour(int(first))[::2, None] - self._contour(int(other))[None, ::2]
            gap = float(np.sqrt((gaps[..., 0] ** 2 + gaps[..., 1] ** 2).min())) / self._scale
            if gap <= _GAP:
                found.append((gap, int(first), int(other)))
        return sorted(found)

    def join(self, first: int, other: int) -> None:
        """Join the groups of two lobes if they are one nucleus."""
        one, two = self.members[first], self.members[other]
        if one is two or not self._one_nucleus(one, two):
            return
        total = self.areas[first] + self.areas[other]
        one += two
        for index in one:
            self.members[index] = one
            self.areas[index] = total

    def _one_nucleus(self, one: list[int], two: list[int]) -> bool:
        smaller = min(self.areas[one[0]], self.areas[two[0]])
        if smaller > self._largest_lobe or self.areas[one[0]] + self.areas[two[0]] > _LARGEST_NUCLEUS:
            return False
        points = np.concatenate([self._contour(index) for index in one + two])
        extent = max(cv2.minAreaRect(points)[1]) / self._scale
        if extent > _EXTENT:
            return False
        if smaller <= _FRAGMENT:
            return True
        filled = self._filled_between(points)
        small = smaller <= _SMALL_LOBE and extent <= _SMALL_EXTENT
        return filled >= (_SMALL_FILLED if small else _FILLED)

    def _filled_between(self, points: Points) -> float:
        """Return the share of the hull between lobes that may be cytoplasm."""
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0) + 1
        hull = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(hull, [cv2.convexHull(points).reshape(-1, 2) - [left, top]], 1)
        between = (hull > 0) & (self._labels[top:bottom, left:right] == 0)
        count = np.count_nonzero(between)
        if not count:
            return 1.0
        return float(np.count_nonzero(self._cytoplasm[top:bottom, left:right][between])) / count

    def _contour(self, index: int) -> Points:
        found = self._contours.get(index)
        if found is None:
            lobe = self._lobes[index]
            left, top, right, bottom = lobe.box
            alone = (self._labels[top:bottom, left:right] == lobe.label).astype(np.uint8)
            contours, _ = cv2.findContours(
                alone, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(left, top)
            )
            found = np.concatenate(contours).reshape(-1, 2).astype(np.int32)
            self._contours[index] = found
        return found


def _grouped(
    labels: Labels, lobes: list[_Lobe], number: int, cytoplasm: Mask, *, level: float, scale: float
) -> Nuclei:
    """Put lobes of one cell together and number the cells from the top."""
    groups = _Groups(labels, lobes, cytoplasm, scale)
    for _, first, other in groups.pairs():
        groups.join(first, other)
    names = np.zeros(number + 1, np.int32)
    middles: list[list[float]] = []
    boxes: list[list[int]] = []
    for index, members in enumerate(groups.members):
        if members[0] == index and groups.areas[index] >= _SMALLEST_NUCLEUS:
            own = [lobes[member] for member in members]
            names[[lobe.label for lobe in own]] = len(boxes) + 1
            total = sum(lobe.area for lobe in own)
            middles.append([sum(getattr(lobe, axis) * lobe.area for lobe in own) / total for axis in "xy"])
            corners = np.array([lobe.box for lobe in own])
            boxes.append([*corners[:, :2].min(axis=0), *corners[:, 2:].max(axis=0)])
    count = len(boxes)
    places = np.array(middles, np.float64).reshape(count, 2)
    return Nuclei(_renamed(labels, names), count, places, np.array(boxes, np.intp).reshape(count, 4), level)


def _renamed(labels: Labels, names: NDArray[np.int32]) -> Labels:
    """Return labels under their names, as bytes if both fit."""
    if len(names) > _BYTE:
        return names[labels]
    table = np.zeros(_BYTE + 1, np.uint8)
    table[: len(names)] = names
    return np.asarray(cv2.LUT(labels.astype(np.uint8), table), np.uint8)
