"""Nuclear stain of a smear field: how purple and how dense each pixel is, whatever the laboratory's stain.

Light that a stain absorbs is counted in optical density against the field's own pale background (Beer and
Lambert). Purple is much green and some red absorbed, little blue; but how far nuclei lie from red cells on
that axis differs between stains, from grey-blue red cells to crimson ones. So the direction in which the red
cells of this very field absorb is measured, and its share is taken out of the purple axis (Gram and
Schmidt): red cells of any thickness come out near zero, nuclei and most cytoplasm above it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.segmentation import background_colour

Rgb = NDArray[np.uint8]
Mask = NDArray[np.uint8]

EMPTY: Final = 16
"""``StainMaps.density`` of what absorbs nothing; less is brighter than the background."""
DENSITY_UNIT: Final = 128
NUCLEAR_FLOOR: Final = 55
"""``StainMaps.nuclear`` of noise and of the fringes of red cells, at most."""

_PURPLE: Final = np.array([0.5, 1.0, -0.8], np.float32)
"""Weights of red, green and blue optical density before the red cells' share is taken out."""
_DENSE: Final = np.array([0.5, 1.0, 0.25])
_NUCLEAR_UNIT: Final = 200
_OD_UNIT: Final = 96
_OD_EMPTY: Final = 18
"""Byte of what absorbs nothing: optical densities of -0.19 to 2.4 fit, more saturates both maps."""
_DARK: Final = 2.0
"""Added to grey levels, so that black stays finite."""
_LOGARITHMS: Final = np.log(np.arange(256) + _DARK)
_ROOTS: Final = np.minimum(np.rint(np.sqrt(np.arange(256)) * 16), 255).astype(np.uint8)
_SAMPLE: Final = 3000
"""About so many pixels, evenly spread, speak for the red cells."""
_FAINT: Final = 0.08
_STAINED: Final = 0.12
_TYPICAL: Final = 0.6
"""A pixel is stained from this optical density on, and from this share of the median of stained ones."""
_HUE_UNIT: Final = 160
_HUE_RANGE: Final = (0.62, 1.0)
"""Red cells have hues (purple share of the optical density) of 0 to 0.93, nuclei of 0.75 to 1.3."""
_ROOT_UNIT: Final = 150
_FEWEST: Final = 30


@dataclass(frozen=True, slots=True)
class StainMaps:
    """Maps of the light that the pixels of a field absorb.

    Attributes:
        nuclear: (H, W) uint8, 16 times the root of 200 times the purple optical density that red cells
            have no share in. The root keeps pale nuclei beside dark ones.
        density: (H, W) uint8, ``EMPTY`` plus 128 times the optical density, mostly of green.
    """

    nuclear: Mask
    density: Mask


def stain_maps(
    rgb: Rgb,
    *,
    blur: float,
    background: NDArray[np.float64] | None = None,
    axis: NDArray[np.float32] | None = None,
) -> StainMaps:
    """Map the stain of a field.

    Args:
        rgb: (H, W, 3) uint8.
        blur: Standard deviation of the smoothing, pixels.
        background: ``background_colour`` of the field, if it is known already.
        axis: ``nuclear_axis`` of another piece of the same smear; of the field itself if none is given.
    """
    empty = background_colour(rgb) if background is None else background
    absorbed = _absorbed(rgb, empty)
    weights = _nuclear_axis(absorbed) if axis is None else axis
    rows = np.stack([weights * _NUCLEAR_UNIT, _DENSE * DENSITY_UNIT, np.zeros(3)]) / _OD_UNIT
    offsets = np.array([0, EMPTY, 0]) - rows.sum(axis=1) * _OD_EMPTY
    # Three rows although two are wanted: OpenCV has vector code for bytes of three channels.
    planes = cv2.split(cv2.transform(absorbed, np.column_stack([rows, offsets]).astype(np.float32)))
    return StainMaps(_smooth(cv2.LUT(planes[0], _ROOTS), blur), _smooth(planes[1], blur))


def nuclear_axis(rgb: Rgb, background: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the weights (3,) of optical density, RGB, that the red cells of a field come out of as zero."""
    return _nuclear_axis(_absorbed(rgb, background))


def _absorbed(rgb: Rgb, empty: NDArray[np.float64]) -> Mask:
    """Return optical densities: (H, W, 3) uint8, ``_OD_EMPTY`` plus ``_OD_UNIT`` times each."""
    tables = np.log(empty + _DARK) - _LOGARITHMS[:, None]
    levels = np.clip(np.rint(tables * _OD_UNIT + _OD_EMPTY), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(rgb, levels[None]), np.uint8)


def _smooth(values: NDArray[Any], blur: float) -> Mask:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), blur), np.uint8)


def otsu(values: Mask) -> float:
    """Return Otsu's threshold of bytes."""
    return float(cv2.threshold(values.reshape(1, -1), 0, 255, cv2.THRESH_OTSU)[0])


def histogram(values: Mask, mask: Mask | None = None) -> NDArray[np.float64]:
    """Count bytes, where a mask is not zero if there is one: (256,)."""
    return np.asarray(cv2.calcHist([values], [0], mask, [256], [0, 256]).ravel(), np.float64)


def otsu_of_counts(counts: NDArray[np.float64]) -> float:
    """Return Otsu's threshold of a histogram (Otsu 1979): the last value of the lower part."""
    weights, values = counts.cumsum(), np.arange(len(counts))
    sums = (counts * values).cumsum()
    total, whole = weights[-1], sums[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (whole * weights / total - sums) ** 2 / (weights * (total - weights))
    return float(np.nan_to_num(between, nan=0.0, posinf=0.0).argmax())


def _nuclear_axis(densities: Mask) -> NDArray[np.float32]:
    """Return the weights (3,) of optical density that red cells of this field come out of as zero.

    Args:
        densities: (H, W, 3) uint8, ``_OD_EMPTY`` plus ``_OD_UNIT`` times the optical density.
    """
    step = max(1, math.isqrt(densities.shape[0] * densities.shape[1] // _SAMPLE))
    absorbed = densities[::step, ::step].reshape(-1, 3).T.astype(np.float32)
    absorbed -= _OD_EMPTY
    absorbed *= np.float32(1 / _OD_UNIT)
    length = np.sqrt(np.square(absorbed).sum(axis=0))
    stained = length[length > _FAINT]
    if len(stained) < _FEWEST:
        return _PURPLE
    thick = length > max(_STAINED, _TYPICAL * float(np.sort(stained)[len(stained) // 2]))
    absorbed, length = absorbed[:, thick], length[thick]
    if len(length) < _FEWEST:
        return _PURPLE
    purple = _PURPLE @ absorbed
    hue = _bytes(purple / length * np.float32(_HUE_UNIT))
    amount = _bytes(np.sqrt(np.maximum(purple, 0)) * np.float32(_ROOT_UNIT))
    lowest, highest = (_HUE_UNIT * limit for limit in _HUE_RANGE)
    red = (hue <= min(max(otsu(hue), lowest), highest)) & (amount <= otsu(amount))
    if np.count_nonzero(red) < _FEWEST:
        return _PURPLE
    direction = absorbed[:, red].mean(axis=1)
    return np.asarray(_PURPLE - (_PURPLE @ direction) / (direction @ direction) * direction)


def _bytes(values: NDArray[np.float32]) -> Mask:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
