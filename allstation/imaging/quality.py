"""Image quality of a field: sharpness, brightness, clipping, area of white cells."""

from __future__ import annotations

from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.records import Quality
from allstation.imaging.cells.segmentation import corner_of

_TOP: Final = 255
_LOWEST_INSIDE: Final = (1, 1, 1)
_HIGHEST_INSIDE: Final = (254, 254, 254)


class CoversArea(Protocol):
    """Protocol of a segmentation's area."""

    @property
    def area_share(self) -> float:
        """Share of the field covered by white cells, 0 to 1."""
        ...


def assess(rgb: NDArray[np.uint8], cells: CoversArea) -> Quality:
    """Measure one field at the network's size.

    The corner that marks are burnt into counts for nothing: a scale bar is sharp in any field.

    Sharpness is the variance of the Laplacian (Pech-Pacheco et al. 2000, ICPR, "Diatom
    autofocusing in brightfield microscopy"). It grows with magnification and noise too, so it
    compares fields of one size only.

    Args:
        rgb: (h, w, 3) uint8.
        cells: Segmentation of the same field.
    """
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    counted = _without_corner(*gray.shape)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_16S), mask=counted)
    return Quality(
        sharpness=float(deviation[0, 0]) ** 2,
        brightness=float(cv2.mean(gray, mask=counted)[0]),
        clipped=clipped_share(rgb),
        cell_area=float(cells.area_share),
    )


def _without_corner(height: int, width: int) -> NDArray[np.uint8]:
    """Return (h, w) of 255, and 0 in the corner and the pixel that a Laplacian carries it further."""
    counted = np.full((height, width), _TOP, np.uint8)
    rows, columns = corner_of(height, width)
    counted[max(0, rows.start - 1) :, max(0, columns.start - 1) :] = 0
    return counted


def clipped_share(rgb: NDArray[np.uint8]) -> float:
    """Return the share of pixels, 0 to 1, at 0 or 255 in any channel."""
    between = cv2.inRange(rgb, _LOWEST_INSIDE, _HIGHEST_INSIDE)
    return (between.size - cv2.countNonZero(between)) / between.size
