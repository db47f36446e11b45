"""Light of a field beyond that of the fields that the shipped model learned from.

More light turns the paper and pale cytoplasm white, which no balance undoes: the purple excess of cells
shrinks with it, and Otsu's threshold cuts their cytoplasm off. How much of a field is white says roughly how
much more light there is; the threshold is lowered and the colours are dimmed accordingly. Fields with no more
white than those that were learned from are left as they are, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.segmentation import Thresholds, corner_of

Rgb = NDArray[np.uint8]

_WHITE: Final = (255, 255, 255)
_MOST_WHITE: Final = 0.11
"""Share of white pixels that none of 2,719 fields exceeds."""
_LOWERED: Final = 0.8
"""Part of the threshold that is taken off for a field that is white beyond that share, times the excess.
Masks of 136 of these fields against those in 1.2 times the light: mean intersection over union of the classes
0.87, with the usual threshold 0.74."""
_LEAST_SHARE: Final = 0.5
_BRIGHTER: Final = 0.45
"""Light beyond the usual, as a share of it, for each excess of white of 1; rough, and no more is needed."""
_MOST_LIGHT: Final = 1.2


@dataclass(frozen=True, slots=True)
class FieldLight:
    """Light of a field.

    Attributes:
        excess: Share of white pixels beyond the most that fields of the usual light have, 0 to 1.
    """

    excess: float = 0.0

    @property
    def thresholds(self) -> Thresholds:
        """Thresholds of the white cells."""
        return Thresholds(share=max(_LEAST_SHARE, 1 - _LOWERED * self.excess))

    def dimmed(self, rgb: Rgb) -> Rgb:
        """Return the pixels (H, W, 3) in about the usual light; ``rgb`` itself if it has that already."""
        if not self.excess:
            return rgb
        light = min(_MOST_LIGHT, 1 + _BRIGHTER * self.excess)
        table = np.rint(np.arange(256) / light).astype(np.uint8)
        return np.asarray(cv2.LUT(rgb, table), np.uint8)


def field_light(rgb: Rgb) -> FieldLight:
    """Measure how much of a field (H, W, 3) is white in all channels; the corner of burnt-in marks is not."""
    white = cv2.inRange(rgb, _WHITE, _WHITE)
    white[corner_of(*white.shape)] = 0
    return FieldLight(max(0.0, cv2.countNonZero(white) / white.size - _MOST_WHITE))
