"""Optics of a field for control charts: light and colour of its background, stain of its nuclei."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.nuclear_stain import NUCLEAR_FLOOR, otsu, stain_maps
from allstation.imaging.cells.segmentation import background_colour

Rgb = NDArray[np.uint8]

SIDE: Final = 512
"""Longer side of the picture that is measured, pixels: the mean of many pixels needs no more."""
_BLUR: Final = 1.0
_FEWEST_PIXELS: Final = 60
"""Nuclear pixels below which a field says nothing of its stain."""
_DARK: Final = 1.0
_UPPER: Final = 0.75
"""Share of the nuclear pixels that are paler in red."""
_HUNDRED: Final = 100.0


@dataclass(frozen=True, slots=True)
class FieldOptics:
    """Measurements of one field.

    Attributes:
        light: Mean of red, green and blue of the pale background, 0 to 255.
        tint: Red against blue of the background: 100 times the natural logarithm of their ratio.
        stain: Optical density of the nuclei in red light (to the base 10, upper quartile of their pixels)
            against the background; NaN where there are hardly any. Azure B, which stains nuclei, absorbs red
            and eosin does not. Of 17 measures it changed most with the stain, against its spread over fields.
    """

    light: float
    tint: float
    stain: float


def field_optics(rgb: Rgb) -> FieldOptics:
    """Measure a field.

    Args:
        rgb: (H, W, 3) uint8.
    """
    longest = max(rgb.shape[:2])
    if longest > SIDE:
        size = (max(1, rgb.shape[1] * SIDE // longest), max(1, rgb.shape[0] * SIDE // longest))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    background = background_colour(rgb)
    red, _, blue = (background + _DARK).tolist()
    return FieldOptics(
        light=float(background.mean()), tint=_HUNDRED * math.log(red / blue), stain=_stain(rgb, background)
    )


def _stain(rgb: Rgb, background: NDArray[np.float64]) -> float:
    maps = stain_maps(rgb, blur=_BLUR)
    nuclear = maps.nuclear > max(otsu(maps.nuclear), NUCLEAR_FLOOR)
    if np.count_nonzero(nuclear) < _FEWEST_PIXELS:
        return math.nan
    red = rgb[..., 0][nuclear].astype(np.float64)
    return float(np.log10((background[0] + _DARK) / (np.quantile(red, 1 - _UPPER) + _DARK)))
