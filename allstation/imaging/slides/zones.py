"""Zones of a smear on its map, and how good a place each field would be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.slides.map import Plane, SlideMap
from allstation.imaging.slides.squares import ACROSS, DOWN

GLASS, EDGE, MONOLAYER, THICK, BLURRED = range(5)
"""Kinds of squares."""
_SMOOTH: Final = 5
"""Squares along a side, 140 µm, that speak for the zone of the one in the middle."""
_GLASS_BARE: Final = 0.93
_THICK_LAYERS: Final = 0.8
_THICK_BARE: Final = 0.14
_EDGE: Final = (0.66, 0.92)
"""Layers of the feathered edge at most, and of the best places at least, shares of the median of this smear:
the blood of some patients has half as many red cells as others'."""
_MEDIAN: Final = (0.15, 0.5)
"""What that median is held between."""
_BEST_LAYERS: Final = 0.6
"""Layers up to which more are no worse."""
_CROWDED: Final = 1.2
"""Layers of a field's fullest square at most."""
_LEAST_PLACE: Final = 0.3
"""Mean score of a field's squares below which it is no place."""
_UNEVEN: Final = (0.45, 1.0)
"""Standard deviation of layers between squares over their mean: best up to, none."""
_NEIGHBOURS: Final = 9
_INSIDE_UM: Final = (30.0, 400.0)
"""Distance from glass: none, best from; less in small smears."""
_FOCUS: Final = (0.55, 0.85)
_BARE_SQUARE: Final = 0.92
"""A field with a square as bare as this holds a scratch, or ends beside the smear."""
_REFERENCE: Final = 0.75
_LEAST_SQUARE: Final = 0.1
_WHITES_MOST: Final = 3.0
_WITHOUT_WHITES: Final = 0.6
"""Score of a field without white cells against one with three or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zones:
    """Zones of a smear, (rows, columns) of the map's grid.

    Attributes:
        kind: uint8, one of ``GLASS``, ``EDGE``, ``MONOLAYER``, ``THICK``, ``BLURRED``.
        focus: float32, sharpness against the sharpest quarter of the smear, 0 to 1.
        score: float32, 0 to 1, how good a place for a field a square is.
        fields: float32, 0 to 1, score of the field whose upper left square it is; 0 where none fits.
    """

    kind: NDArray[np.uint8]
    focus: Plane
    score: Plane
    fields: Plane


def zone_slide(found: SlideMap) -> Zones:
    """Tell the zones of a smear by its map."""
    layers, bare = (_smoothed(plane) for plane in (found.layers, found.bare))
    cellular = (bare < _GLASS_BARE) & (layers < _THICK_LAYERS) & (bare > _THICK_BARE) & (found.sharp > 0)
    middle = float(np.clip(np.median(layers[cellular]), *_MEDIAN)) if cellular.any() else _MEDIAN[1]
    few, enough = (share * middle for share in _EDGE)
    reference = float(np.quantile(found.sharp[cellular], _REFERENCE)) if cellular.any() else 1.0
    focus = np.clip(found.sharp / np.float32(max(reference, 1e-3)), 0, 1).astype(np.float32)
    near = _smoothed(focus, 3)
    kind = np.full(layers.shape, MONOLAYER, np.uint8)
    kind[near < _FOCUS[0]] = BLURRED
    kind[layers < few] = EDGE
    kind[(layers > _THICK_LAYERS) | (bare < _THICK_BARE)] = THICK
    kind[bare > _GLASS_BARE] = GLASS
    score = (
        _rise(layers, (few, enough))
        * (1 - _rise(layers, (_BEST_LAYERS, _THICK_LAYERS)))
        * _rise(near, _FOCUS)
        * (1 - _rise(_unevenness(found.layers), _UNEVEN))
        * _inside(kind, found)
    )
    score = np.where(kind == MONOLAYER, score, 0).astype(np.float32)
    return Zones(kind=kind, focus=focus, score=score, fields=_field_scores(found, kind, score))


def _field_scores(found: SlideMap, kind: NDArray[np.uint8], score: Plane) -> Plane:
    """Return the score of a field at each square as its upper left one."""
    if min(kind.shape[0] - DOWN, kind.shape[1] - ACROSS) < 0:
        return np.zeros(kind.shape, np.float32)
    whole = _least(np.asarray(kind == MONOLAYER, np.float32)) > 0
    scratched = (_least(-found.bare) < -_BARE_SQUARE) | (_least(-found.layers) < -_CROWDED)
    whites = np.minimum(_sum(found.whites), _WHITES_MOST) / _WHITES_MOST
    place = _sum(score) / np.float32(ACROSS * DOWN)
    fields = place * (_WITHOUT_WHITES + (1 - _WITHOUT_WHITES) * whites)
    fields[~whole | scratched | (place < _LEAST_PLACE) | (_least(score) < _LEAST_SQUARE)] = 0
    fields[kind.shape[0] - DOWN + 1 :] = 0
    fields[:, kind.shape[1] - ACROSS + 1 :] = 0
    return np.asarray(fields, np.float32)


def _sum(plane: Plane) -> Plane:
    """Sum the twelve squares to the right of and below each one."""
    return np.asarray(
        cv2.boxFilter(
            plane, cv2.CV_32F, (ACROSS, DOWN), anchor=(0, 0), normalize=False, borderType=cv2.BORDER_REPLICATE
        ),
        np.float32,
    )


def _least(plane: Plane) -> Plane:
    """Return the least of the twelve squares to the right of and below each one."""
    kernel = np.ones((DOWN, ACROSS), np.uint8)
    return np.asarray(cv2.erode(plane, kernel, anchor=(0, 0), borderType=cv2.BORDER_REPLICATE), np.float32)


def _smoothed(plane: Plane, side: int = _SMOOTH) -> Plane:
    return np.asarray(cv2.blur(plane, (side, side), borderType=cv2.BORDER_REPLICATE), np.float32)


def _unevenness(layers: Plane) -> Plane:
    """Return the standard deviation of layers around each square over their mean."""
    mean, square = _smoothed(layers, _NEIGHBOURS), _smoothed(np.square(layers), _NEIGHBOURS)
    deviation = np.sqrt(np.maximum(square - np.square(mean), 0))
    return np.asarray(deviation / np.maximum(mean, np.float32(0.05)), np.float32)


def _inside(kind: NDArray[np.uint8], found: SlideMap) -> Plane:
    """Return how far each square lies from glass, 0 to 1; scratches and gaps are no glass."""
    glass = cv2.morphologyEx((kind == GLASS).astype(np.uint8), cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    if not glass.any():
        return np.ones(kind.shape, np.float32)
    distance = cv2.distanceTransform((glass == 0).astype(np.uint8), cv2.DIST_L2, 3) * found.grid.square_um
    deepest = float(distance[kind == MONOLAYER].max(initial=0.0))
    enough = min(_INSIDE_UM[1], 0.4 * deepest)
    return _rise(np.asarray(distance, np.float32), (min(_INSIDE_UM[0], enough / 2), max(enough, 1.0)))


def _rise(values: Plane, between: tuple[float, float]) -> Plane:
    """Rise from 0 to 1 between two values."""
    low, high = between
    return np.asarray(np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1), np.float32)
