"""Second look at fields that were chosen on a slide: focus, gaps, and whether red cells are red cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.nuclear_stain import otsu
from allstation.imaging.cells.nuclei import disk
from allstation.imaging.cells.scale import estimate_scale, pooled_scale

Rgb = NDArray[np.uint8]

_LEAST_SHARP: Final = 0.6
"""Share of the sharpness of the sharpest quarter that a field needs."""
_QUARTER: Final = 0.75
_BLUR: Final = 0.8
_GAP_UM: Final = 25.0
"""Diameter of a disk that fits into a gap; between cells of a monolayer few are as wide."""
_SHRINK: Final = 4
_GAPS: Final = (0.12, 2.0)
"""Share of a field that such gaps may cover, or so many times the median of all fields if that is more."""
_ASKED: Final = 16
"""Fields whose red cells are measured."""
_RED_CELLS: Final = (0.68, 1.45)
"""Size of red cells against 7.2 µm in a smear, at least and at most."""
_CELLS_A_FIELD: Final = 1.5
"""Red cells that can be measured in a field, on average, at least."""


def is_smear(fields: Sequence[Rgb], pixels_per_um: float) -> bool:
    """Tell whether what is stained in fields has the size and shape of red cells.

    Args:
        fields: (h, w, 3) uint8 each, at least one.
        pixels_per_um: Of them.
    """
    asked = np.unique(np.linspace(0, len(fields) - 1, _ASKED).astype(np.intp)).tolist()
    pooled = pooled_scale(
        [one for one in (estimate_scale(fields[index]) for index in asked) if one is not None]
    )
    if pooled is None or pooled.red_cells < _CELLS_A_FIELD * len(asked):
        return False
    return _RED_CELLS[0] <= pooled.pixels_per_um / pixels_per_um <= _RED_CELLS[1]


def sound_fields(fields: Sequence[Rgb], pixels_per_um: float) -> list[bool]:
    """Tell of each field whether it is as sharp as the others and has no scratch or large gap.

    Args:
        fields: (h, w, 3) uint8 each, at least one, of one size.
        pixels_per_um: Of them.
    """
    sharp = np.array([_sharpness(rgb) for rgb in fields])
    gaps = np.array([_gap_share(rgb, pixels_per_um) for rgb in fields])
    most = max(_GAPS[0], _GAPS[1] * float(np.median(gaps)))
    kept = (sharp >= _LEAST_SHARP * float(np.quantile(sharp, _QUARTER))) & (gaps <= most)
    return [bool(one) for one in kept]


def _sharpness(rgb: Rgb) -> float:
    """Return fine structure against contrast: of four columns and four rows the least sharp one's."""
    gray = cv2.GaussianBlur(np.ascontiguousarray(rgb[..., 1]), (0, 0), _BLUR)
    fine = np.abs(cv2.Laplacian(gray, cv2.CV_32F))
    strips = [
        pair
        for axis in (0, 1)
        for pair in zip(*(np.array_split(one, 4, axis=axis) for one in (fine, gray)), strict=True)
    ]
    return min(float(edges.mean()) / max(float(piece.std()), 1.0) for edges, piece in strips)


def _gap_share(rgb: Rgb, pixels_per_um: float) -> float:
    """Return the share of a field that is bare and so wide that a large disk fits in."""
    size = max(4, rgb.shape[1] // _SHRINK), max(4, rgb.shape[0] // _SHRINK)
    gray = np.asarray(
        cv2.resize(np.ascontiguousarray(rgb[..., 1]), size, interpolation=cv2.INTER_AREA), np.uint8
    )
    bare = (gray > otsu(gray)).astype(np.uint8)
    wide = cv2.morphologyEx(bare, cv2.MORPH_OPEN, disk(_GAP_UM * pixels_per_um / _SHRINK / 2))
    return float(np.count_nonzero(wide)) / wide.size
