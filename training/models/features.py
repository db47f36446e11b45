"""Hand-made features: HOG of whole fields; shape, colour and texture of the segmented cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.imaging.cells.segmentation import Cells, segment_cells
from allstation.imaging.inputs import InputSpec, read_pixels
from training.data.fields_in_memory import OnProgress, reading_threads

Features = NDArray[np.float64]
Pixels = NDArray[np.uint8]

FAMILIES: Final = ("shape", "colour", "glcm", "lbp")
_LEVELS: Final = 32
_SHAPE_PER_CELL: Final = 11
_TINY: Final = 1e-12
_FEWEST_PIXELS: Final = 32


def hog_features(
    pixels: Pixels, options: Mapping[str, Any], *, on_progress: OnProgress | None = None
) -> Features:
    """Histograms of oriented gradients (Dalal & Triggs 2005) of prepared fields.

    Args:
        pixels: uint8 (n, h, w, c).
        options: ``orientations``, ``cell`` (pixels), ``block`` (cells).
        on_progress: Called after every field.

    Returns:
        (n, d); 4,356 numbers for 100x100 with 9 orientations, 8x8 cells and 2x2 blocks.
    """
    from skimage.feature import hog

    cell, block = options["cell"], options["block"]
    rows = []
    for index, field in enumerate(pixels):
        color = field.shape[2] == 3  # noqa: PLR2004 - RGB
        rows.append(
            hog(
                field if color else field[..., 0],
                orientations=options["orientations"],
                pixels_per_cell=(cell, cell),
                cells_per_block=(block, block),
                channel_axis=-1 if color else None,
            )
        )
        if on_progress is not None:
            on_progress(index + 1, len(pixels))
    return np.asarray(rows, np.float64)


def families_of(text: str) -> tuple[str, ...]:
    """Read ``shape+glcm`` as feature families.

    Raises:
        StationError: ``bad-recipe`` when a family is unknown.
    """
    names = tuple(text.split("+"))
    unknown = [name for name in names if name not in FAMILIES]
    if unknown or len(set(names)) != len(names):
        sentence = (
            f"The recipe's entry method.options.families is {text!r}; expected some of {', '.join(FAMILIES)} "
            "joined by +, each once. Correct it and start again."
        )
        raise StationError("bad-recipe", sentence)
    return names


def cell_features(
    paths: Sequence[Path], spec: InputSpec, *, on_progress: OnProgress | None = None
) -> dict[str, Features]:
    """Compute every family of cell features.

    Args:
        paths: Fields.
        spec: Input; its size is the size cells are segmented at.
        on_progress: Called after every field.

    Returns:
        Family to (n, d).

    Raises:
        StationError: For the first field that cannot be read.
    """
    collected: dict[str, list[Features]] = {name: [] for name in FAMILIES}
    with ThreadPoolExecutor(reading_threads()) as pool:
        for index, found in enumerate(pool.map(lambda path: features_of(read_pixels(path, spec)), paths)):
            for name, values in found.items():
                collected[name].append(values)
            if on_progress is not None:
                on_progress(index + 1, len(paths))
    return {name: np.asarray(rows, np.float64) for name, rows in collected.items()}


def features_of(rgb: Pixels) -> dict[str, Features]:
    """Compute every family of one field; a field without cells gives zeros.

    Args:
        rgb: uint8 (h, w, 3).
    """
    cells = segment_cells(rgb)
    gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    inside = cells.labels > 0
    return {
        "shape": shape_features(cells),
        "colour": colour_features(rgb, inside),
        "glcm": glcm_features(gray, inside),
        "lbp": lbp_features(gray, inside),
    }


def shape_features(cells: Cells) -> Features:
    """Eleven measures a cell (as Rawat 2015) as mean and spread over the cells, and their count."""
    from skimage.measure import regionprops

    rows = []
    for region in regionprops(cells.labels):
        area, perimeter = float(region.area), max(1.0, float(region.perimeter))
        longer, shorter = float(region.axis_major_length), max(1.0, float(region.axis_minor_length))
        nucleus = cells.nucleus[region.slice][region.image].mean()
        rows.append(
            (
                area,
                perimeter,
                float(region.eccentricity),
                float(region.solidity),
                float(region.extent),
                longer,
                shorter,
                longer / shorter,
                4 * np.pi * area / perimeter**2,
                float(region.equivalent_diameter_area),
                float(nucleus),
            )
        )
    table = np.asarray(rows, np.float64).reshape(-1, _SHAPE_PER_CELL)
    if not len(table):
        return np.zeros(2 * _SHAPE_PER_CELL + 1)
    return np.concatenate([table.mean(axis=0), table.std(axis=0), [float(len(table))]])


def colour_features(rgb: Pixels, inside: NDArray[np.bool_]) -> Features:
    """Mean, spread and skewness of R, G, B, L, a, b over the pixels of all cells: 18 numbers."""
    if inside.sum() < _FEWEST_PIXELS:
        return np.zeros(18)
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    values = np.column_stack([rgb[inside], lab[inside]]).astype(np.float64)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    skew = (((values - mean) / np.maximum(spread, _TINY)) ** 3).mean(axis=0)
    return np.concatenate([mean, spread, skew])


def glcm_features(gray: Pixels, inside: NDArray[np.bool_]) -> Features:
    """Haralick's first thirteen features of the grey-level co-occurrence inside the cells.

    Mean over four directions at distance 1 (Haralick 1973, IEEE SMC-3:610). Pairs that touch the
    background are not counted.

    Args:
        gray: uint8 (h, w).
        inside: Where cells are.
    """
    from skimage.feature import graycomatrix

    levels = np.where(inside, 1 + gray.astype(np.int64) * _LEVELS // 256, 0).astype(np.uint8)
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    counts = graycomatrix(levels, [1], angles, _LEVELS + 1, symmetric=True)[1:, 1:, 0, :].astype(np.float64)
    rows = [haralick(counts[:, :, k] / counts[:, :, k].sum()) for k in range(4) if counts[:, :, k].sum() > 0]
    return np.mean(rows, axis=0) if rows else np.zeros(13)


def _entropy(p: Features) -> float:
    return float(-(p * np.log2(np.maximum(p, _TINY))).sum())


def haralick(p: Features) -> Features:
    """Haralick's features 1 to 13 of one normalised, symmetric co-occurrence matrix.

    Args:
        p: (levels, levels), sums to 1.
    """
    n = len(p)
    i, j = np.indices(p.shape)
    margin, grey = p.sum(axis=1), np.arange(n)
    mean, variance = margin @ grey, margin @ (grey - margin @ grey) ** 2
    sums: Features = np.bincount((i + j).ravel(), p.ravel(), minlength=2 * n - 1).astype(np.float64)
    differences: Features = np.bincount(np.abs(i - j).ravel(), p.ravel(), minlength=n).astype(np.float64)
    steps, gaps = np.arange(2 * n - 1), np.arange(n)
    sum_mean, gap_mean = sums @ steps, differences @ gaps
    product = np.outer(margin, margin)
    mixed = float(-(p * np.log2(np.maximum(product, _TINY))).sum())
    both, single, whole = _entropy(product), _entropy(margin), _entropy(p)
    return np.array(
        [
            (p**2).sum(),
            differences @ gaps**2,
            ((i - mean) * (j - mean) * p).sum() / max(variance, _TINY),
            variance,
            (p / (1 + (i - j) ** 2)).sum(),
            sum_mean,
            sums @ (steps - sum_mean) ** 2,
            _entropy(sums),
            whole,
            differences @ (gaps - gap_mean) ** 2,
            _entropy(differences),
            (whole - mixed) / max(single, _TINY),
            np.sqrt(max(0.0, 1 - np.exp(-2 * (both - whole)))),
        ]
    )


def lbp_features(gray: Pixels, inside: NDArray[np.bool_]) -> Features:
    """Uniform local binary patterns inside the cells, radius 1 and 2 (Ojala 2002): 10 + 18 shares."""
    from skimage.feature import local_binary_pattern

    if inside.sum() < _FEWEST_PIXELS:
        return np.zeros(28)
    parts = []
    for points, radius in ((8, 1), (16, 2)):
        codes = local_binary_pattern(gray, points, radius, "uniform")[inside].astype(np.int64)
        parts.append(np.bincount(codes, minlength=points + 2) / codes.size)
    return np.concatenate(parts)
