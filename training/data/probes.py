"""Shortcut probes: how well a class can be guessed from what is not a cell.

If the colour of the pale background alone tells the class, a network may learn the sitting instead of
the cells, and its accuracy is no evidence that it looked at them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.resampling import bootstrap, rates, values_of
from allstation.imaging.cells.segmentation import CORNER_SHARE, Cells, corner_of

Pixels = NDArray[np.uint8]
Numbers = NDArray[np.float64]

PROBES: Final = ("background colour", "corner", "mean colour", "cell count")
_PALE: Final = 60
"""Percentile of green, of what is no cell, above which a pixel is background."""
_CORNER: Final = (8, 12)
"""Rows and columns that the corner is shrunk to."""
_CORNER_SHARES: Final = (0.134, 0.2)
"""Bottom and right share of the field that the corner probe sees: where scale bars are burnt in."""
_TREES: Final = 120
_FOLDS: Final = 5
_MARGIN: Final = 0.05
"""Balanced accuracy above chance from which a probe is suspicious."""

CORNERS: Final = ("top left", "top right", "bottom left", "bottom right")
_FEWEST_MARK_PIXELS: Final = 8
_MARK_WIDTH: Final = 0.27
"""Share of the width, at either side, in which marks are looked for."""
_INK: Final = 70
"""Grey level, 0 to 255, below which a pixel beside white is black ink."""
_RED: Final = 45
"""Grey levels by which red exceeds green and blue in a red mark."""


def probe_numbers(rgb: Pixels, cells: Cells) -> dict[str, Numbers]:
    """Compute the input features of each probe.

    Args:
        rgb: uint8 (h, w, 3).
        cells: Its white cells.
    """
    outside = cv2.dilate((cells.labels > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    height, width = rgb.shape[:2]
    outside[corner_of(height, width)] = False
    corner = cv2.resize(
        rgb[-round(height * _CORNER_SHARES[0]) :, -round(width * _CORNER_SHARES[1]) :],
        _CORNER[::-1],
        interpolation=cv2.INTER_AREA,
    )
    return {
        "background colour": _background_numbers(rgb, outside),
        "corner": corner.astype(np.float64).ravel(),
        "mean colour": rgb.reshape(-1, 3).mean(axis=0),
        "cell count": np.array([float(cells.count)]),
    }


def _background_numbers(rgb: Pixels, outside: NDArray[np.bool_]) -> Numbers:
    """Mean and spread of each channel over the palest part of what is not a cell."""
    green = rgb[..., 1]
    if not outside.any():
        return np.zeros(6)
    pale = outside & (green >= np.percentile(green[outside], _PALE))
    values = rgb[pale].astype(np.float64)
    return np.concatenate([values.mean(axis=0), values.std(axis=0)])


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Cross-validated result of a probe.

    Attributes:
        name: One of :data:`PROBES`.
        balanced_accuracy: Mean recall over the classes.
        low: Lower end of the 95 % interval (bootstrap over groups).
        high: Upper end.
        accuracy: Share of fields guessed right.
        chance: Balanced accuracy of guessing.
        n: Fields.
        split: Kind of split.
        suspicious: Whether even the lower end is clearly above chance.
    """

    name: str
    balanced_accuracy: float
    low: float
    high: float
    accuracy: float
    chance: float
    n: int
    split: str
    suspicious: bool


def run_probe(
    name: str, numbers: Numbers, labels: NDArray[np.int64], *, groups: Sequence[str]
) -> ProbeResult | None:
    """Guess classes by a random forest, cross-validated with groups kept apart.

    Returns:
        The result, or None when some class has fewer groups than two folds need.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedGroupKFold

    classes = int(labels.max()) + 1
    smallest = min(len({groups[row] for row in np.flatnonzero(labels == k).tolist()}) for k in range(classes))
    folds = min(_FOLDS, smallest)
    if folds < 2:  # noqa: PLR2004 - nothing to hold out
        return None
    guessed = np.full(len(labels), -1)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=1)
    for train, test in splitter.split(numbers, labels, list(groups)):
        forest = RandomForestClassifier(_TREES, random_state=1, class_weight="balanced")
        guessed[test] = forest.fit(numbers[train], labels[train]).predict(numbers[test])

    intervals = bootstrap(lambda weights: rates(labels, guessed, weights, classes=classes), groups)
    interval = intervals["balanced accuracy"]
    right = float((guessed == labels).mean())
    return ProbeResult(
        name,
        values_of(rates(labels, guessed, np.ones((1, len(labels))), classes=classes))["balanced accuracy"],
        interval.low,
        interval.high,
        right,
        1 / classes,
        len(labels),
        f"{folds}-fold, same-field groups kept apart",
        interval.low > 1 / classes + _MARGIN,
    )


def corner_marks(rgb: Pixels) -> dict[str, str]:
    """Find marks burnt into the corners: pure red, or black, which no stained cell shows.

    Returns:
        Corner to ``red`` or ``black``; corners without a mark are left out.
    """
    height, width = rgb.shape[:2]
    rows, columns = max(8, round(height * CORNER_SHARE)), max(8, round(width * _MARK_WIDTH))
    tops, lefts = (
        (slice(0, rows), slice(height - rows, None)),
        (slice(0, columns), slice(width - columns, None)),
    )
    found = {}
    for name, (top, left) in zip(CORNERS, ((a, b) for a in tops for b in lefts), strict=True):
        patch = rgb[top, left].astype(np.int16)
        red = (patch[..., 0] - patch[..., 1:].max(axis=2) > _RED) & (patch[..., 0] > 2 * _RED)
        black = (patch.max(axis=2) < _INK) & _near_white(patch)
        if red.sum() >= _FEWEST_MARK_PIXELS:
            found[name] = "red"
        elif black.sum() >= _FEWEST_MARK_PIXELS:
            found[name] = "black"
    return found


def _near_white(patch: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Within three pixels of pure white, as lettering on a white box is and a nucleus is not."""
    white = (patch.min(axis=2) > 250).astype(np.uint8)  # noqa: PLR2004 - white
    return np.asarray(cv2.dilate(white, np.ones((7, 7), np.uint8)) > 0)
