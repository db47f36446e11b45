"""Numbers of a cell crop that have a name: size, shape, density of nucleus and cytoplasm."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.crops import crop_mask

Rgb = NDArray[np.uint8]
Single = NDArray[np.float32]

NAMES: Final = (
    "width",
    "nucleus share",
    "solidity",
    "roundness",
    "elongation",
    "solidity of the nucleus",
    *(f"{what} {colour} {part}"
      for part in ("cell", "nucleus", "cytoplasm")
      for what in ("density", "spread")
      for colour in ("red", "green", "blue")),
)  # fmt: skip
"""Names of the numbers, in their order. Densities are optical, natural logarithm, against the background."""
_PAPER: Final = 235.0
_FEWEST: Final = 16
"""Pixels below which a part of a cell is not measured by itself."""
_GREEN: Final = 1
_DENSITY: Final = np.maximum(np.log((_PAPER + 1) / (np.arange(256) + 1)), 0.0)
"""Optical density of each level."""


def crop_numbers(crop: Rgb) -> Single:
    """Measure one crop.

    Args:
        crop: (side, side, 3) as ``crops.cut_cell`` gives it. The width is that of a disk of the cell's
            area as a share of the crop's side: a size in micrometres only where crops have one scale.

    Returns:
        (24,) in the order of ``NAMES``; zeros for a crop without a cell.
    """
    cell = crop_mask(crop)
    if np.count_nonzero(cell) < _FEWEST:
        return np.zeros(len(NAMES), np.float32)
    green = crop[..., _GREEN]
    level, _ = cv2.threshold(green[cell].reshape(1, -1), 0, 255, cv2.THRESH_OTSU)
    nucleus = cell & (green <= level)
    whole, dense = _histograms(crop[cell]), _histograms(crop[nucleus])
    numbers = _shape(cell, nucleus)
    for part in (whole, dense, whole - dense):
        numbers += _densities(part if part[0].sum() >= _FEWEST else whole)
    return np.asarray(numbers, np.float32)


def _histograms(pixels: Rgb) -> NDArray[np.int64]:
    """Count the levels (3, 256) of the pixels (n, 3) of a part of a cell."""
    return np.stack([np.bincount(pixels[:, channel], minlength=256) for channel in range(3)])


def _densities(counts: NDArray[np.int64]) -> list[float]:
    """Return mean and spread of the optical density of each channel."""
    total = counts.sum(axis=1)
    mean = counts @ _DENSITY / total
    square = counts @ _DENSITY**2 / total
    return [*mean.tolist(), *np.sqrt(np.maximum(square - mean**2, 0.0)).tolist()]


def _shape(cell: NDArray[np.bool_], nucleus: NDArray[np.bool_]) -> list[float]:
    """Return width, nucleus share, solidity, roundness, elongation and solidity of the nucleus."""
    area, dense = float(np.count_nonzero(cell)), float(np.count_nonzero(nucleus))
    outlines, _ = cv2.findContours(cell.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    around = sum(cv2.arcLength(outline, closed=True) for outline in outlines)
    return [
        2 * math.sqrt(area / math.pi) / len(cell),
        dense / area,
        _solidity(cell, area),
        4 * math.pi * area / max(around, 1.0) ** 2,
        _elongation(cell),
        _solidity(nucleus, dense),
    ]


def _elongation(mask: NDArray[np.bool_]) -> float:
    """Return the shorter over the longer axis of the ellipse with the second moments of a mask."""
    moments = cv2.moments(mask.view(np.uint8), binaryImage=True)
    across, down, mixed = (moments[name] / moments["m00"] for name in ("mu20", "mu02", "mu11"))
    across, down = across + 1 / 12, down + 1 / 12  # a pixel is a square, not a point
    middle, half = (across + down) / 2, math.hypot((across - down) / 2, mixed)
    return math.sqrt(max(middle - half, 0.0) / (middle + half))


def _solidity(mask: NDArray[np.bool_], area: float) -> float:
    """Return the share of its convex hull that a mask fills, pixels taken as points as OpenCV does."""
    outlines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(np.concatenate(outlines)) if outlines else None
    around = float(cv2.contourArea(hull)) if hull is not None else 0.0
    return min(1.0, area / around) if around > 0 else 1.0
