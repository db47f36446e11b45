"""Stain normalisation: bring the colours of a field to those of a reference.

Neither method removes the shortcut that lies in the colour of the background (measured on the
Taleqani fields); they are offered because the field uses them, not as a cure.

The reference figures are choices of this project, from no publication: both papers bring a field to
another field, and the figures widely used with Macenko's method are of H&E. They stand for an evenly
stained violet field; no fit of them is on record. For comparison, means of 32 Taleqani fields (8 a class,
evenly spaced by name, 192 by 256 pixels): Lab mean 224, 130, 118, spread 29, 10, 14; Macenko's directions
0.75, 0.44, 0.42 and 0.42, 0.88, 0.04, strength 0.44, 0.81. They stay: models that use a method were trained
with its figures.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

RgbImage = NDArray[np.uint8]

_LAB_MEAN: Final = np.array([196.0, 140.0, 122.0], np.float32)
_LAB_SPREAD: Final = np.array([34.0, 11.0, 10.0], np.float32)
_DARK: Final = 25
_MACENKO_STAINS: Final = np.array([[0.46, 0.83, 0.31], [0.08, 0.98, 0.18]], np.float64)
_MACENKO_STRENGTH: Final = np.array([0.9, 0.6])
_LIGHT: Final = 245.0
_FEWEST_PIXELS: Final = 50
_STAINED: Final = 0.15
"""Macenko's threshold of optical density, as are the percentiles 1 and 99 below."""
_WORST_CONDITION: Final = 1e3


def reinhard(rgb: RgbImage) -> RgbImage:
    """Match mean and spread of each Lab channel (Reinhard et al. 2001, IEEE CG&A 21:34).

    Black pixels (burnt-in marks) count neither for the mean nor for the spread. The reference
    figures are fixed numbers in OpenCV's 8-bit Lab, so that serving needs no reference field.

    Args:
        rgb: (h, w, 3).

    Returns:
        A new array of the same shape.
    """
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32)
    counted = lab[rgb.max(axis=2) > _DARK]
    if len(counted) < _FEWEST_PIXELS:
        return rgb.copy()
    spread = np.maximum(counted.std(axis=0), 1.0)
    moved = (lab - counted.mean(axis=0)) / spread * _LAB_SPREAD + _LAB_MEAN
    lab_bytes = np.clip(np.rint(moved), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(lab_bytes, cv2.COLOR_LAB2RGB), np.uint8)


def _stain_directions(density: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Two unit stain vectors as rows: the extremes of the angle in the main plane (Macenko 2009)."""
    stained = density[(density > _STAINED).any(axis=1)]
    if len(stained) < _FEWEST_PIXELS:
        return None
    _, vectors = np.linalg.eigh(np.cov(stained.T))
    plane = vectors[:, [2, 1]]
    plane = plane * np.where(plane.sum(axis=0) < 0, -1.0, 1.0)
    angles = np.arctan2(*(stained @ plane).T[::-1])
    low, high = np.percentile(angles, [1.0, 99.0])
    stains = np.array([plane @ [np.cos(a), np.sin(a)] for a in (high, low)])
    stains = np.abs(stains)
    order = np.argsort(-stains[:, 0])
    return np.asarray(stains[order], np.float64)


def macenko(rgb: RgbImage) -> RgbImage:
    """Match two stain directions and their strength (Macenko et al. 2009, ISBI, 10.1109/ISBI.2009.5193250).

    The reference directions were chosen for a Romanowsky stain, not taken from H&E. A field
    with hardly any stain, or with one stain only, comes back unchanged.

    Args:
        rgb: (h, w, 3).

    Returns:
        A new array of the same shape.
    """
    density = np.maximum(-np.log((rgb.reshape(-1, 3).astype(np.float64) + 1.0) / _LIGHT), 0.0)
    stains = _stain_directions(density)
    if stains is None or np.linalg.cond(stains) > _WORST_CONDITION:
        return rgb.copy()
    amounts = np.maximum(np.linalg.lstsq(stains.T, density.T, rcond=None)[0], 0.0)
    strength = np.maximum(np.percentile(amounts, 99.0, axis=1), 1e-3)
    reference = _MACENKO_STAINS / np.linalg.norm(_MACENKO_STAINS, axis=1, keepdims=True)
    rebuilt = (amounts * (_MACENKO_STRENGTH / strength)[:, None]).T @ reference
    pixels = np.clip(np.rint(_LIGHT * np.exp(-rebuilt) - 1.0), 0, 255)
    return np.asarray(pixels.reshape(rgb.shape), np.uint8)
